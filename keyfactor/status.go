package keyfactor

import (
	"strconv"
	"strings"
	"sync"
)

// The names that Keyfactor documents for the status of an instance.
const (
	CanceledForRestart = "CanceledForRestart"
	Complete           = "Complete"
	Failed             = "Failed"
	Rejected           = "Rejected"
	Running            = "Running"
	Suspended          = "Suspended"
)

var statusNames = map[string]string{
	"canceledforrestart":  CanceledForRestart,
	"cancelledforrestart": CanceledForRestart,
	"complete":            Complete,
	"completed":           Complete,
	"failed":              Failed,
	"rejected":            Rejected,
	"running":             Running,
	"suspended":           Suspended,
}

// Status is the status of an instance: a name, or a number whose meaning
// Keyfactor does not publish. Nothing is decided from the number alone.
type Status struct {
	// Raw is what arrived, without quotes.
	Raw string
	// Name is one of the six documented names, or empty when it is not known.
	Name string

	// awake: a number, and AssignedToMe has shown others but never this one.
	awake bool
}

// UnmarshalJSON never fails; an unknown status is not an error.
func (s *Status) UnmarshalJSON(b []byte) error {
	s.Raw = strings.TrimSpace(scalar(b))
	s.Name = statusNames[strings.ToLower(s.Raw)]
	return nil
}

// String returns the name, or else what arrived.
func (s Status) String() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Raw
}

// statuses translates numbers to names: those that were configured, and the ones
// for Suspended, which are learned, because AssignedToMe lists no others.
type statuses struct {
	configured map[string]string

	mu        sync.RWMutex
	suspended map[string]bool
}

// maxLearned is more than there are statuses; it bounds what nonsense can make us keep.
const maxLearned = 16

func newStatuses(configured map[int]string) *statuses {
	s := &statuses{configured: map[string]string{}, suspended: map[string]bool{}}
	for number, name := range configured {
		s.configured[strconv.Itoa(number)] = statusNames[strings.ToLower(name)]
	}
	return s
}

func (s *statuses) resolve(status *Status) {
	if status.Name != "" || status.Raw == "" {
		return
	}
	if status.Name = s.configured[status.Raw]; status.Name != "" {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.suspended[status.Raw] {
		status.Name = Suspended
	}
	_, err := strconv.Atoi(status.Raw)
	status.awake = status.Name == "" && err == nil && len(s.suspended) > 0
}

// learn notes the raw status of a row of AssignedToMe.
func (s *statuses) learn(status Status) {
	if status.Name != "" || status.Raw == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.suspended) < maxLearned {
		s.suspended[status.Raw] = true
	}
}

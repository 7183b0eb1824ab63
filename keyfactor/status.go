package keyfactor

import (
	"encoding/json"
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
}

// UnmarshalJSON never fails; an unknown status is not an error.
func (s *Status) UnmarshalJSON(b []byte) error {
	s.Raw = strings.TrimSpace(scalar(b))
	s.Name = statusNames[strings.ToLower(s.Raw)]
	return nil
}

// MarshalJSON writes what arrived.
func (s Status) MarshalJSON() ([]byte, error) { return json.Marshal(s.Raw) }

// String returns the name, or else what arrived.
func (s Status) String() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Raw
}

// statuses translates numbers to names: those that were configured, and the one
// for Suspended, which is learned, because AssignedToMe lists no others.
type statuses struct {
	configured map[string]string

	mu        sync.RWMutex
	suspended string
}

func newStatuses(configured map[int]string) *statuses {
	s := &statuses{configured: map[string]string{}}
	for number, name := range configured {
		if known := statusNames[strings.ToLower(name)]; known != "" {
			name = known
		}
		s.configured[strconv.Itoa(number)] = name
	}
	return s
}

func (s *statuses) resolve(status *Status) {
	if status.Name != "" {
		return
	}
	if name, ok := s.configured[status.Raw]; ok {
		status.Name = name
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if status.Raw != "" && status.Raw == s.suspended {
		status.Name = Suspended
	}
}

// learn notes the raw status of a row of AssignedToMe.
func (s *statuses) learn(status Status) {
	if status.Name != "" || status.Raw == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspended = status.Raw
}

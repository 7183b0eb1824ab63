package keyfactorsim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind names a way in which a call can go wrong.
type FaultKind string

const (
	// Latency delays the call by LatencyMS, before anything is done.
	Latency FaultKind = "latency"
	// StatusAnswer answers with Status (503 unless given) and Retry-After, without doing anything, or after it when After is set.
	StatusAnswer FaultKind = "status"
	// CutBefore drops the connection before anything is done.
	CutBefore FaultKind = "cut-before"
	// CutAfter does what was asked and then drops the connection.
	CutAfter FaultKind = "cut-after"
	// Truncate does what was asked and drops the connection in the middle of the body.
	Truncate FaultKind = "truncate"
	// HTMLAnswer answers with a page, with status 200 unless Status is given, without doing anything.
	HTMLAnswer FaultKind = "html"
	// LockConflict accepts a signal with 204 and leaves the instance as it was, until Poke or another signal.
	LockConflict FaultKind = "lock-conflict"
	// StayRunning accepts a signal and leaves the instance Running, until Poke.
	StayRunning FaultKind = "stay-running"
	// ExpireTokens makes all access tokens invalid before the call is looked at.
	ExpireTokens FaultKind = "expire-tokens"
	// BadRow garbles one row of a list: its Id is right, the rest has the wrong types.
	BadRow FaultKind = "bad-row"
	// CAFailure makes the CA fail on every id of an approval or denial, with Message.
	CAFailure FaultKind = "ca-failure"
	// CADenial makes the CA refuse the caller for every id of an approval or denial, with Message.
	CADenial FaultKind = "ca-denial"
	// LostRow decides the requests, and leaves them out of the three lists of the answer.
	LostRow FaultKind = "lost-row"
)

var faultKinds = []FaultKind{Latency, StatusAnswer, CutBefore, CutAfter, Truncate, HTMLAnswer, LockConflict, StayRunning, ExpireTokens, BadRow, CAFailure, CADenial, LostRow}

// Fault is something that goes wrong with calls to the API or the token endpoint. Zero members do not restrict it.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Method and Path say which calls are meant. Path is a regular expression that ignores case, tried on the path below the
	// base path, such as /Workflow/Instances/AssignedToMe, or on the whole path for the token endpoint.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Page restricts the fault to one page of a list.
	Page int `json:"page,omitempty"`
	// Probability is between 0 and 1; 0 means always.
	Probability float64 `json:"probability,omitempty"`
	// Skip lets so many matching calls through first; Times ends the fault after so many.
	Skip  int `json:"skip,omitempty"`
	Times int `json:"times,omitempty"`

	LatencyMS  int    `json:"latency_ms,omitempty"`
	Status     int    `json:"status,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
	After      bool   `json:"after,omitempty"`
	Message    string `json:"message,omitempty"`
}

// armedFault is a fault that is waiting for its calls.
type armedFault struct {
	Fault
	path *regexp.Regexp
	seen int
	Hit  int `json:"hit"`
}

// SetFaults replaces all faults. Calling it without any makes everything work again.
func (s *Server) SetFaults(faults ...Fault) error {
	var armed []*armedFault
	var bad []error
	for n, f := range faults {
		re, err := regexp.Compile("(?i)" + f.Path)
		if err != nil {
			bad = append(bad, fmt.Errorf("fault %d: path: %w", n, err))
		}
		if !slices.Contains(faultKinds, f.Kind) {
			bad = append(bad, fmt.Errorf("fault %d: there is no kind %q", n, f.Kind))
		}
		if f.Probability < 0 || f.Probability > 1 {
			bad = append(bad, fmt.Errorf("fault %d: probability must be between 0 and 1", n))
		}
		if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
			bad = append(bad, fmt.Errorf("fault %d: status must be between 200 and 599", n))
		}
		armed = append(armed, &armedFault{Fault: f, path: re})
	}
	if len(bad) > 0 {
		return fmt.Errorf("set faults: %w", errors.Join(bad...))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = armed
	return nil
}

// strike chooses the faults that hit a call. The caller holds the lock.
func (s *Server) strike(r *http.Request, path string) struck {
	var hit struck
	for _, f := range s.faults {
		if f.Method != "" && !strings.EqualFold(f.Method, r.Method) || !f.path.MatchString(path) {
			continue
		}
		if f.Page > 0 {
			if p, bad := listParameters(r.URL.Query(), ""); bad != nil || p.page != f.Page {
				continue
			}
		}
		if f.Times > 0 && f.Hit >= f.Times {
			continue
		}
		if f.seen++; f.seen <= f.Skip {
			continue
		}
		if f.Probability > 0 && s.random.Float64() >= f.Probability {
			continue
		}
		f.Hit++
		hit = append(hit, f.Fault)
	}
	return hit
}

// struck are the faults that hit one call.
type struck []Fault

func (f struck) find(kinds ...FaultKind) *Fault {
	for i := range f {
		if slices.Contains(kinds, f[i].Kind) {
			return &f[i]
		}
	}
	return nil
}

// wait is how long a call is delayed.
func (f struck) wait() time.Duration {
	var total time.Duration
	for _, each := range f {
		if each.Kind == Latency {
			total += time.Duration(each.LatencyMS) * time.Millisecond
		}
	}
	return total
}

// instead is the fault that takes the place of the call, if there is one.
func (f struck) instead() *Fault {
	for i := range f {
		if f[i].Kind == CutBefore || f[i].Kind == HTMLAnswer || f[i].Kind == StatusAnswer && !f[i].After {
			return &f[i]
		}
	}
	return nil
}

// name says which fault a record should mention.
func (f struck) name() string {
	for _, each := range f {
		if each.Kind != Latency {
			return string(each.Kind)
		}
	}
	return ""
}

// answer is what a StatusAnswer or HTMLAnswer says.
func (f *Fault) answer() answer {
	a := answer{status: cmp.Or(f.Status, http.StatusServiceUnavailable)}
	if f.RetryAfter > 0 {
		a.header = http.Header{"Retry-After": {strconv.Itoa(f.RetryAfter)}}
	}
	if f.Kind == HTMLAnswer {
		a.status = cmp.Or(f.Status, http.StatusOK)
		a.page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1><p>" + cmp.Or(f.Message, "Your session has expired.") + "</p></body></html>\n"
		return a
	}
	if f.Message != "" {
		a.body = wireError{codeInvalid, f.Message}
		return a
	}
	a.page = fmt.Sprintf("<html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>\n", a.status, http.StatusText(a.status))
	return a
}

// garble spoils one row of an encoded list, and leaves its Id.
func garble(body []byte, pick func(n int) int) []byte {
	var rows []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&rows); err != nil || len(rows) == 0 {
		return body
	}
	row := rows[pick(len(rows))]
	for name := range row {
		if name != "Id" {
			row[name] = []any{map[string]any{"unexpected": true}}
		}
	}
	out, err := json.Marshal(rows)
	if err != nil {
		return body
	}
	return out
}

package approval

import (
	"cmp"
	"time"
)

// notice is how long before its end a certificate makes a request about it urgent.
const notice = 30 * 24 * time.Hour

// Concern is what a request means to do to a certificate that exists.
type Concern string

// The concerns; the zero value is that no such certificate is known.
const (
	Replaces Concern = "replaces" // it is renewed: without an answer there is none when it ends
	Expires  Concern = "expires"  // it is about to end, which is what the request is about
	Revokes  Concern = "revokes"  // it is to end now; that it would end anyway hurries nobody
)

// Old is the certificate that a request concerns.
type Old struct {
	Concern Concern   `json:"concern,omitempty"`
	End     time.Time `json:"end,omitzero"` // its NotAfter
}

// Deadline is when it is too late for an answer; zero when nothing is known to end.
func (r Request) Deadline() time.Time {
	if r.Old.Concern == Replaces || r.Old.Concern == Expires {
		return r.Old.End
	}
	return time.Time{}
}

// Urgent is the moment since which a request has been urgent: that it was first
// seen, or a month before its deadline, whichever is earlier. So what has waited
// longest comes first, but what replaces a certificate that ends tomorrow goes
// before nearly everything. The order needs no clock and never changes while time passes.
func (r Request) Urgent(seen time.Time) time.Time {
	if d := r.Deadline(); !d.IsZero() && d.Add(-notice).Before(seen) {
		return d.Add(-notice)
	}
	return seen
}

// Waiting is a request in a queue of people.
type Waiting struct {
	Request Request
	Seen    time.Time
}

// CompareUrgency orders requests for people: negative when a comes first.
func CompareUrgency(a, b Waiting) int {
	return cmp.Or(a.Request.Urgent(a.Seen).Compare(b.Request.Urgent(b.Seen)), a.Seen.Compare(b.Seen), cmp.Compare(a.Request.ID, b.Request.ID))
}

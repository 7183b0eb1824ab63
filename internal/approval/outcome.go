package approval

import "time"

// State is where a request stands.
type State string

// The states of a request; the package comment draws how they follow each other.
const (
	Pending  State = "pending"
	Deciding State = "deciding"
	Approved State = "approved"
	Denied   State = "denied"
	Closed   State = "closed"
)

// Final reports whether nothing can follow this state.
func (s State) Final() bool { return s == Approved || s == Denied || s == Closed }

// Reason says how a request came to its outcome.
type Reason string

// Why a request left the pending state.
const (
	// DecidedHere: a person's decision was sent from here and took effect.
	DecidedHere Reason = "decided_here"
	// DecidedElsewhere: somebody decided in Keyfactor's portal.
	DecidedElsewhere Reason = "decided_elsewhere"
	// Counted: the decision was taken, but Keyfactor waits for further approvers.
	Counted Reason = "counted"
	// MovedOn: the instance left this step and waits at, or works on, a later one.
	MovedOn Reason = "moved_on"
	// Restarted: the instance was cancelled for a restart; a new one takes its place.
	Restarted Reason = "restarted"
	// Failed: the workflow failed after or instead of a decision.
	Failed Reason = "failed"
	// Gone: Keyfactor no longer knows the request.
	Gone Reason = "gone"
	// Hidden: Keyfactor no longer lets the bot read the request.
	Hidden Reason = "hidden"
	// HandedOver: the workflow is done and the CA now wants its own approval.
	HandedOver Reason = "handed_over"
	// Expired: nobody decided in the time that the route allows.
	Expired Reason = "expired"
)

// Outcome is the state that a request reached, and by whom if known.
type Outcome struct {
	State  State  `json:"state"`
	Reason Reason `json:"reason"`
	// By names who did it, as far as the source knows: "user with Id 12". Empty if unknown.
	By string `json:"by,omitempty"`
	// Message is Keyfactor's own text.
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at,omitzero"`
	// Matter names what continues elsewhere; see [Request.Matter].
	Matter string `json:"matter,omitempty"`
}

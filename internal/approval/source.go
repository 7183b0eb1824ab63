package approval

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Source is one queue in Keyfactor. Its methods are safe for concurrent use and
// return errors that answer to the sentinels below by [errors.Is].
type Source interface {
	// Kind tells which IDs belong to this source.
	Kind() Kind

	// List yields every request that waits for us now. An error that is a
	// [*SkippedError] concerns one row, and the walk goes on; any other error ends
	// the walk, and what was yielded proves nothing about what was not.
	List(ctx context.Context) iter.Seq2[Item, error]

	// Look reads one request now. A request that is gone or hidden is a standing,
	// not an error; an error means that nothing could be learned.
	Look(ctx context.Context, id ID) (Standing, error)

	// Counted reports whether a decision of ours is already recorded for a request
	// that is still waiting. It is asked after a "maybe", before anything is sent again.
	Counted(ctx context.Context, id ID) (bool, error)

	// Send carries the decision to Keyfactor, once, and never repeats it by itself.
	// It returns nil when Keyfactor took it, which does not mean that the request
	// has moved: Look tells. ErrMaybe means that it may have arrived; ErrSettled
	// that somebody was first; ErrUnavailable that it certainly did not arrive and
	// may be sent again; other errors that Keyfactor refused it.
	Send(ctx context.Context, d Decision) error
}

// Item is one row of a source's list.
type Item struct {
	ID ID
	// Changed is the stamp of the last change, comparable with [Request.Changed].
	Changed string
	// Request is the whole request where the list already holds all of it,
	// otherwise nil and Look has to be asked.
	Request *Request
}

// Standing is what a source says about one request now.
type Standing struct {
	// Waiting means that the request still waits at the place that its ID names.
	Waiting bool
	// Request is what is asked, as of now; set while Waiting.
	Request Request
	// Outcome is what became of it; set when not Waiting.
	Outcome Outcome
}

// Errors that a caller must tell apart.
var (
	ErrUnauthorized = errors.New("Keyfactor does not accept our credentials") //nolint:staticcheck // a name
	ErrForbidden    = errors.New("Keyfactor does not allow us to do this")    //nolint:staticcheck // a name
	ErrNotFound     = errors.New("not found in Keyfactor")
	ErrSettled      = errors.New("already settled in Keyfactor")
	ErrRefused      = errors.New("Keyfactor refused the request") //nolint:staticcheck // a name
	// ErrMaybe means that the call may have had its effect; ask before repeating.
	ErrMaybe = errors.New("no clear answer from Keyfactor; the request may have arrived")
	// ErrUnavailable means that the call had no effect; it may be repeated later.
	ErrUnavailable = errors.New("Keyfactor is not available") //nolint:staticcheck // a name
)

// SkippedError tells that one row of a list could not be understood.
type SkippedError struct {
	ID  ID // as far as it could be read; may be empty
	Err error
}

func (e *SkippedError) Error() string { return fmt.Sprintf("skip %s: %v", e.ID, e.Err) }

func (e *SkippedError) Unwrap() error { return e.Err }

// RetryAfter is implemented by errors that know when it is worth trying again.
type RetryAfter interface {
	error
	RetryAfter() time.Duration
}

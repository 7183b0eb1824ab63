package keyfactor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// Certificates is the queue of requests that a certificate authority parked
// for its manager. Its keys are Keyfactor's request ids in decimal.
type Certificates struct {
	client *Client
	config SourceConfig
}

var _ approval.Source = (*Certificates)(nil)

// NewCertificates returns the queue as the client's identity sees it.
func NewCertificates(c *Client, config SourceConfig) *Certificates {
	return &Certificates{c, config}
}

// Kind implements [approval.Source].
func (q *Certificates) Kind() approval.Kind { return approval.Certificate }

func certificateID(r CertificateRequest) approval.ID {
	return approval.NewID(approval.Certificate, strconv.FormatInt(int64(r.ID), 10))
}

// splitCertificate returns the number in an ID.
func splitCertificate(id approval.ID) (int64, error) {
	n, err := strconv.ParseInt(id.Key(), 10, 64)
	if err != nil || n <= 0 || id.Kind() != approval.Certificate {
		return 0, fmt.Errorf("%s does not name a certificate request: %w", id, approval.ErrNotFound)
	}
	return n, nil
}

// certificateStamp changes with the state; Keyfactor gives no date of change here.
func certificateStamp(r CertificateRequest) string {
	return strings.ToLower(string(r.StateString)) + "@" + r.SubmissionDate.stamp() + reading
}

// List implements [approval.Source].
func (q *Certificates) List(ctx context.Context) iter.Seq2[approval.Item, error] {
	return func(yield func(approval.Item, error) bool) {
		for r, err := range q.client.PendingCertificates(ctx, ListOptions{PageSize: q.config.PageSize}) {
			if !yield(certificateItem(r, err)) {
				return
			}
		}
	}
}

func certificateItem(r CertificateRequest, err error) (approval.Item, error) {
	var row *RowError
	switch {
	case errors.As(err, &row):
		return approval.Item{}, &approval.SkippedError{ID: skippedID(approval.Certificate, row.ID), Err: row}
	case err != nil:
		return approval.Item{}, fmt.Errorf("list certificate requests: %w", err)
	}
	return approval.Item{ID: certificateID(r), Changed: certificateStamp(r)}, nil
}

// Look implements [approval.Source].
func (q *Certificates) Look(ctx context.Context, id approval.ID) (approval.Standing, error) {
	n, err := splitCertificate(id)
	if err != nil {
		return approval.Standing{}, err
	}
	r, err := q.client.CertificateRequest(ctx, n)
	if s, ok := absent(err); ok {
		return s, nil
	}
	if err != nil {
		return approval.Standing{}, fmt.Errorf("look at %s: %w", id, err)
	}
	switch state := stateOf(r); state {
	case statePending:
		return approval.Standing{Waiting: true, Request: q.request(r)}, nil
	case stateUnknown:
		return approval.Standing{}, fmt.Errorf("look at %s: Keyfactor does not know its state: %w", id, approval.ErrUnavailable)
	default:
		return approval.Standing{Outcome: certificateOutcome(r, state)}, nil
	}
}

// The states of a request that make a difference, in lower case.
const (
	stateUnknown = "unknown"
	stateActive  = "active"
	stateRevoked = "revoked"
	stateDenied  = "denied"
	stateFailed  = "failed"
	statePending = "pending"
)

// stateNumbers are for answers without the string, which comes first.
var stateNumbers = map[Int]string{1: stateActive, 2: stateRevoked, 3: stateDenied, 4: stateFailed, 5: statePending}

func stateOf(r CertificateRequest) string {
	if s := strings.ToLower(strings.TrimSpace(string(r.StateString))); s != "" {
		return s
	}
	return or(stateNumbers[r.State], stateUnknown)
}

// certificateOutcome is what became of a request that is not pending any more.
func certificateOutcome(r CertificateRequest, state string) approval.Outcome {
	o := approval.Outcome{State: approval.Closed, Reason: approval.MovedOn, Message: clean(string(r.StateString))}
	switch state {
	case stateActive, "issued", stateRevoked:
		// A revoked certificate has been issued before.
		o.State, o.Reason = approval.Approved, approval.DecidedElsewhere
	case stateDenied:
		o.State, o.Reason, o.Message = approval.Denied, approval.DecidedElsewhere, clean(string(r.DenialComment))
	case stateFailed:
		o.Reason = approval.Failed
	}
	return o
}

// Counted implements [approval.Source]. One decision settles a request here, so
// that one which still waits has none.
func (q *Certificates) Counted(ctx context.Context, id approval.ID) (bool, error) {
	s, err := q.Look(ctx, id)
	if err == nil && !s.Waiting {
		err = approval.ErrSettled
	}
	if err != nil {
		return false, fmt.Errorf("ask whether %s was counted: %w", id, err)
	}
	return false, nil
}

// Send implements [approval.Source]. Keyfactor takes no comment with an approval.
func (q *Certificates) Send(ctx context.Context, d approval.Decision) error {
	n, err := splitCertificate(d.Request)
	if err != nil {
		return err
	}
	var result Result
	if d.Verdict == approval.Approve {
		result, err = q.client.ApproveCertificates(ctx, []int64{n})
	} else {
		result, err = q.client.DenyCertificates(ctx, []int64{n}, d.SignalComment())
	}
	if err == nil {
		err = result.verdict(n)
	}
	if refusedFlatly(err) && q.left(ctx, d.Request) {
		err = fmt.Errorf("%w: %w", approval.ErrSettled, withoutKind(err))
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", d.Verdict, d.Request, err)
	}
	return nil
}

// left looks whether somebody was first.
func (q *Certificates) left(ctx context.Context, id approval.ID) bool {
	s, err := q.Look(ctx, id)
	return err == nil && !s.Waiting && s.Outcome.Reason != approval.Hidden
}

// withoutKind keeps an error's words and drops what it answers to.
func withoutKind(err error) error { return errors.New(err.Error()) }

// verdict reads the three lists for one request, the only one that was sent:
// items that are a mere text concern it all the same.
func (r Result) verdict(id int64) error {
	denied, failed, done := r.find(r.Denials, id), r.find(r.Failures, id), r.find(r.Successes, id)
	switch {
	case done != nil && denied == nil && failed == nil:
		return nil
	case denied != nil && done == nil:
		return fmt.Errorf("%w: %s", approval.ErrForbidden, or(clean(string(denied.Comment)), "no reason given"))
	case failed != nil && done == nil:
		return fmt.Errorf("%w: %s", approval.ErrRefused, or(clean(string(failed.Comment)), "no reason given"))
	}
	return fmt.Errorf("the answer does not tell what became of it: %w", approval.ErrMaybe)
}

func (Result) find(items []ResultItem, id int64) *ResultItem {
	for _, i := range items {
		if i.ID == 0 || int64(i.ID) == id {
			return &i
		}
	}
	return nil
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Decision is what a person pressed, and how far it has come.
type Decision struct {
	approval.Decision
	// Route is that of its request.
	Route string
	// SignalStarted is the mark that is set before a signal leaves; Sent when Keyfactor took it.
	SignalStarted, Sent, Finished, Failed time.Time
	// Counted is set together with Finished when Keyfactor took the decision and
	// went on waiting for further people.
	Counted time.Time
	// Error says why it failed, Trouble why it takes longer; both are sentences for people.
	Error, Trouble string
}

// TakenError tells that a request takes no decision: somebody was first, or it is settled.
type TakenError struct{ Record Record }

func (e *TakenError) Error() string {
	switch r := e.Record; {
	case r.State == approval.Deciding && r.Decision != nil:
		return fmt.Sprintf("%s has already %s this request; the decision is on its way", r.Decision.By.Name, r.Decision.Verdict.Past())
	case r.State.Final() && r.Decision != nil && r.Decision.Failed.IsZero():
		return fmt.Sprintf("%s has already %s this request", r.Decision.By.Name, r.Decision.Verdict.Past())
	case r.State == approval.Closed:
		return "this request is already closed"
	default:
		return fmt.Sprintf("this request is already %s", r.State)
	}
}

const decisionColumns = `id, request_id, verdict, person, stands_for, comment, digest, channel, decided_at, voices, account,
	signal_started_at, sent_at, finished_at, counted_at, failed_at, error, trouble,
	(SELECT r.route FROM request r WHERE r.id = request_id)`

func scanDecision(r row) (d Decision, err error) {
	var person, standsFor, voices string
	if err := r.Scan(&d.ID, &d.Request, &d.Verdict, &person, &standsFor, &d.Comment, &d.Digest, &d.Channel, instant{&d.At}, &voices, &d.Account,
		instant{&d.SignalStarted}, instant{&d.Sent}, instant{&d.Finished}, instant{&d.Counted}, instant{&d.Failed}, &d.Error, &d.Trouble, &d.Route); err != nil {
		return Decision{}, err
	}
	if err := errors.Join(json.Unmarshal([]byte(person), &d.By), json.Unmarshal([]byte(voices), &d.With), json.Unmarshal([]byte(standsFor), &d.For)); err != nil {
		return Decision{}, fmt.Errorf("read who decided: %w", err)
	}
	return d, nil
}

// Decide writes a decision down that takes one person, together with its audit
// entry and the job that sends it, or does nothing at all. Only when it returns
// nil may the person be told so. Where it takes several, see [Store.Vote]: With
// may name only people whose votes stand. It returns a *TakenError if the request
// is not pending, ErrChanged if it asks something else than the person was shown,
// ErrVoted and ErrAccount if the person or the account is spent in a decision that
// Keyfactor counted, and ErrNotFound if the request is not known. Telling the same
// decision again is fine.
func (s *Store) Decide(ctx context.Context, d approval.Decision, replies ...Reply) error {
	err := s.decide(ctx, d, replies)
	if err == nil {
		return nil
	}
	// Where the answer to a commit was lost, the decision may stand all the same.
	if stands, look := s.stands(ctx, d.ID); look == nil && stands {
		return nil
	}
	return fmt.Errorf("decide %s: %w", d.Request, err)
}

func (s *Store) decide(ctx context.Context, d approval.Decision, replies []Reply) error {
	d.Comment = clean(d.Comment)
	return s.clicked(ctx, string(d.Request), func(ctx context.Context, u *unit) error {
		if d.At.IsZero() {
			d.At = u.now
		}
		if err := u.take(ctx, d.Request, d.Digest); err != nil {
			return err
		}
		v := approval.Vote{Request: d.Request, Verdict: d.Verdict, By: d.By, Comment: d.Comment, At: d.At, Digest: d.Digest, Channel: d.Channel, For: d.For}
		if err := u.cast(ctx, v); err != nil {
			return err
		}
		if err := u.decide(ctx, d); err != nil {
			return err
		}
		if err := u.addReplies(ctx, d.Request, replies); err != nil {
			return err
		}
		return u.redraw(ctx, d.Request)
	})
}

// decide makes the decision about a request whose row was locked by take. All
// whom it names have cast their votes.
func (u *unit) decide(ctx context.Context, d approval.Decision) error {
	person, err := json.Marshal(d.By)
	if err != nil {
		return err
	}
	voices, err := json.Marshal(d.With)
	if err != nil {
		return err
	}
	standsFor, err := json.Marshal(d.For)
	if err != nil {
		return err
	}
	spent, err := exists(ctx, u.tx, `SELECT 1 FROM decision WHERE request_id = $1 AND account = $2 AND failed_at IS NULL`, string(d.Request), d.Account)
	if err != nil {
		return err
	}
	if spent {
		return ErrAccount
	}
	if _, err := u.exec(ctx, `UPDATE request SET state = 'deciding' WHERE id = $1`, string(d.Request)); err != nil {
		return err
	}
	if _, err := u.exec(ctx, `INSERT INTO decision (id, request_id, verdict, user_id, person, comment, digest, channel, decided_at, voices, account, stands_for)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		d.ID, string(d.Request), string(d.Verdict), d.By.ID, clean(string(person)), clean(d.Comment), d.Digest, d.Channel, cut(d.At), clean(string(voices)), d.Account, clean(string(standsFor))); err != nil {
		return err
	}
	if err := u.carry(ctx, d); err != nil {
		return err
	}
	u.record(Entry{Event: "decision.made", Request: d.Request, By: d.By, Detail: instead(d.For, map[string]any{
		"decision": d.ID, "verdict": d.Verdict, "comment": d.Comment, "digest": d.Digest, "channel": d.Channel, "at": stamp(d.At),
		"voters": voters(d), "account": d.Account,
	})})
	u.enqueue(SignalJob{Decision: d.ID})
	return nil
}

// stamp is a time as the audit log's details write it.
func stamp(t time.Time) string { return cut(t).Format(time.RFC3339Nano) }

func (s *Store) stands(ctx context.Context, id string) (found bool, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		found, err = exists(ctx, tx, `SELECT 1 FROM decision WHERE id = $1`, id)
		return err
	})
	return found, err
}

// OpenDecisions lists the decisions that have neither taken effect nor failed, oldest first.
func (s *Store) OpenDecisions(ctx context.Context) ([]Decision, error) {
	var open []Decision
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			d, err := scanDecision(rows)
			open = append(open, d)
			return err
		}, `SELECT `+decisionColumns+` FROM decision WHERE finished_at IS NULL AND failed_at IS NULL ORDER BY decided_at, id`)
	})
	if err != nil {
		return nil, fmt.Errorf("list the open decisions: %w", err)
	}
	return open, nil
}

// decision reads one, with its request's row locked first: all that change a
// decision take the same locks in the same order.
func (u *unit) decision(ctx context.Context, id string) (Decision, error) {
	var request string
	err := u.tx.QueryRowContext(ctx, `UPDATE request SET version = version WHERE id = (SELECT request_id FROM decision WHERE id = $1) RETURNING id`, id).Scan(&request)
	if errors.Is(err, sql.ErrNoRows) {
		return Decision{}, ErrNotFound
	}
	if err != nil {
		return Decision{}, err
	}
	return scanDecision(u.tx.QueryRowContext(ctx, `SELECT `+decisionColumns+` FROM decision WHERE id = $1`, id))
}

// change runs fn over a decision in one transaction.
func (s *Store) change(ctx context.Context, doing, id string, fn func(context.Context, *unit, Decision) error) error {
	err := s.clicked(ctx, id, func(ctx context.Context, u *unit) error {
		d, err := u.decision(ctx, id)
		if err != nil {
			return err
		}
		return fn(ctx, u, d)
	})
	if err != nil {
		return fmt.Errorf("%s of decision %s: %w", doing, id, err)
	}
	return nil
}

func (d Decision) over() bool { return !d.Finished.IsZero() || !d.Failed.IsZero() }

// bump makes the cards of a request draw again.
func (u *unit) bump(ctx context.Context, id approval.ID) error {
	if _, err := u.exec(ctx, `UPDATE request SET version = version + 1, updated_at = $1 WHERE id = $2`, u.now, string(id)); err != nil {
		return err
	}
	return u.redraw(ctx, id)
}

// StartSignal commits the mark that a signal is about to leave, and returns the
// decision. first is false if the mark was set before: then a signal may have
// arrived, and Keyfactor must be asked before anything is sent. A decision that
// is over is returned as it is, and nothing is marked: look at Finished and Failed.
func (s *Store) StartSignal(ctx context.Context, decisionID string) (d Decision, first bool, err error) {
	err = s.change(ctx, "start the signal", decisionID, func(ctx context.Context, u *unit, current Decision) error {
		d, first = current, false
		if d.over() || !d.SignalStarted.IsZero() {
			return nil
		}
		first, d.SignalStarted = true, u.now
		_, err := u.exec(ctx, `UPDATE decision SET signal_started_at = $1 WHERE id = $2`, u.now, decisionID)
		return err
	})
	if err != nil {
		return Decision{}, false, err
	}
	return d, first, nil
}

// ClearSignal takes the mark back when it is certain that nothing was sent, so
// that the next attempt counts as the first.
func (s *Store) ClearSignal(ctx context.Context, decisionID string) error {
	return s.change(ctx, "clear the mark", decisionID, func(ctx context.Context, u *unit, d Decision) error {
		_, err := u.exec(ctx, `UPDATE decision SET signal_started_at = NULL WHERE id = $1 AND sent_at IS NULL AND finished_at IS NULL AND failed_at IS NULL`, decisionID)
		return err
	})
}

// SignalSent records that Keyfactor took the signal. From now on attempts follow
// what becomes of it, and never send again.
func (s *Store) SignalSent(ctx context.Context, decisionID string) error {
	return s.change(ctx, "record the signal", decisionID, func(ctx context.Context, u *unit, d Decision) error {
		if d.over() || !d.Sent.IsZero() {
			return nil
		}
		if _, err := u.exec(ctx, `UPDATE decision SET sent_at = $1, trouble = '', signal_started_at = COALESCE(signal_started_at, $1) WHERE id = $2`, u.now, decisionID); err != nil {
			return err
		}
		u.record(Entry{Event: "signal.sent", Request: d.Request, By: d.By, Detail: map[string]any{"decision": d.ID, "verdict": d.Verdict}})
		if d.Trouble == "" {
			return nil // the card says "is being sent" until the request has moved
		}
		return u.bump(ctx, d.Request)
	})
}

// SignalTrouble has the cards say why a decision takes longer; "" takes it back.
func (s *Store) SignalTrouble(ctx context.Context, decisionID, sentence string) error {
	sentence = clean(sentence)
	return s.change(ctx, "tell the trouble", decisionID, func(ctx context.Context, u *unit, d Decision) error {
		if d.over() || d.Trouble == sentence {
			return nil
		}
		if _, err := u.exec(ctx, `UPDATE decision SET trouble = $1 WHERE id = $2`, sentence, decisionID); err != nil {
			return err
		}
		return u.bump(ctx, d.Request)
	})
}

// Finish settles the request with what became of the decision. Telling it again
// changes nothing.
func (s *Store) Finish(ctx context.Context, decisionID string, o approval.Outcome, replies ...Reply) error {
	return s.change(ctx, "record the end", decisionID, func(ctx context.Context, u *unit, d Decision) error {
		if d.over() {
			return nil
		}
		if _, err := u.exec(ctx, `UPDATE decision SET finished_at = $1, trouble = '' WHERE id = $2`, u.now, decisionID); err != nil {
			return err
		}
		settled, err := u.settle(ctx, d.Request, approval.Deciding, o, replies)
		if err == nil && !settled {
			err = fmt.Errorf("%s is not being decided", d.Request)
		}
		return err
	})
}

// Count ends a decision that Keyfactor took while it waits for further people,
// which the outcome's reason must say: its votes are spent, and the request is
// pending again for others. Telling it again changes nothing.
func (s *Store) Count(ctx context.Context, decisionID string, o approval.Outcome, replies ...Reply) error {
	return s.change(ctx, "record the count", decisionID, func(ctx context.Context, u *unit, d Decision) error {
		if o.Reason != approval.Counted {
			return fmt.Errorf("%q does not mean that it was counted", o.Reason)
		}
		if d.over() {
			return nil
		}
		if _, err := u.exec(ctx, `UPDATE decision SET finished_at = $1, counted_at = $1, trouble = '',
			signal_started_at = COALESCE(signal_started_at, $1), sent_at = COALESCE(sent_at, $1) WHERE id = $2`, u.now, decisionID); err != nil {
			return err
		}
		u.record(Entry{Event: "signal.counted", Request: d.Request, By: d.By, Detail: map[string]any{
			"decision": d.ID, "verdict": d.Verdict, "voters": voters(d.Decision), "account": d.Account, "message": o.Message,
		}})
		return u.waitAgain(ctx, d, replies)
	})
}

// waitAgain makes a request pending after one of its decisions is over.
func (u *unit) waitAgain(ctx context.Context, d Decision, replies []Reply) error {
	n, err := u.exec(ctx, `UPDATE request SET state = 'pending', version = version + 1, updated_at = $1 WHERE id = $2 AND state = 'deciding'`, u.now, string(d.Request))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s is not being decided", d.Request)
	}
	if err := u.addReplies(ctx, d.Request, replies); err != nil {
		return err
	}
	return u.redraw(ctx, d.Request)
}

// Fail ends a decision that did not take effect, and makes the request pending
// again for the next one; its votes stand again. Telling it again changes nothing.
func (s *Store) Fail(ctx context.Context, decisionID, sentence string, replies ...Reply) error {
	sentence = clean(sentence)
	return s.change(ctx, "record the failure", decisionID, func(ctx context.Context, u *unit, d Decision) error {
		if d.over() {
			return nil
		}
		if _, err := u.exec(ctx, `UPDATE decision SET failed_at = $1, error = $2, trouble = '' WHERE id = $3`, u.now, sentence, decisionID); err != nil {
			return err
		}
		if err := u.release(ctx, d.Request); err != nil {
			return err
		}
		u.record(Entry{Event: "signal.failed", Request: d.Request, By: d.By, Detail: map[string]any{"decision": d.ID, "verdict": d.Verdict, "error": sentence}})
		return u.waitAgain(ctx, d, replies)
	})
}

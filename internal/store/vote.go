package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/approvebot/approvebot/internal/approval"
)

// standing chooses the votes that may make a decision. A change of the question
// marks them void; that digests are compared as well keeps a vote from ever
// speaking about something else, should a change forget the mark.
const standing = `vote.withdrawn_at IS NULL AND vote.void_at IS NULL AND vote.decision_id IS NULL
	AND vote.digest = (SELECT r.digest FROM request r WHERE r.id = vote.request_id)`

// votes lists the standing votes in the order they were cast.
func votes(ctx context.Context, tx *sql.Tx, id approval.ID) ([]approval.Vote, error) {
	var all []approval.Vote
	err := eachVote(ctx, tx, func(v approval.Vote) { all = append(all, v) }, `$1`, string(id))
	return all, err
}

// eachVote calls fn for the standing votes of the requests whose IDs chosen yields.
func eachVote(ctx context.Context, tx *sql.Tx, fn func(approval.Vote), chosen string, args ...any) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var v approval.Vote
		var person, groups, standsFor string
		if err := rows.Scan(&v.Request, &v.Verdict, &person, &groups, &standsFor, &v.Comment, &v.Digest, &v.Channel, instant{&v.At}); err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal([]byte(person), &v.By), json.Unmarshal([]byte(groups), &v.Groups), json.Unmarshal([]byte(standsFor), &v.For)); err != nil {
			return fmt.Errorf("read who voted: %w", err)
		}
		fn(v)
		return nil
	}, `SELECT request_id, verdict, person, groups, stands_for, comment, digest, channel, voted_at FROM vote WHERE request_id IN (`+chosen+`) AND `+standing+` ORDER BY voted_at, user_id`, args...)
}

// Vote records a person's vote and, in the same transaction, makes the decision
// that completes the quorum, if tally returns one. The decision is returned, and
// replies is asked what the threads should say about it; it gets nil when the
// vote completed nothing.
//
// Tally sees the standing votes, this one among them, in the order they were
// cast. It must be pure: a transaction that is repeated calls it again. It fills in
// who, the verdict, the account and an ID; request, digest and (if zero) time are
// filled in here. Everybody it names must have a standing vote with its verdict.
//
// A later vote by the same person replaces the earlier one; the same vote again,
// At included, is fine. Vote returns a *TakenError if the request is not pending,
// ErrChanged if it asks something else than the person was shown, ErrVoted if
// this person's vote is spent in a decision that Keyfactor counted, ErrAccount if
// the decision's account is, and ErrNotFound if the request is not known.
func (s *Store) Vote(ctx context.Context, v approval.Vote, tally func(standing []approval.Vote) *approval.Decision, replies func(*approval.Decision) []Reply) (*approval.Decision, error) {
	if v.At.IsZero() {
		v.At = s.now()
	}
	v.At, v.Comment = cut(v.At), clean(v.Comment)
	d, err := s.vote(ctx, v, tally, replies)
	if err == nil {
		return d, nil
	}
	// Where the answer to a commit was lost, the vote may stand all the same.
	if d, cast, look := s.voted(ctx, v); look == nil && cast {
		return d, nil
	}
	return nil, fmt.Errorf("vote on %s: %w", v.Request, err)
}

func (s *Store) vote(ctx context.Context, v approval.Vote, tally func([]approval.Vote) *approval.Decision, replies func(*approval.Decision) []Reply) (d *approval.Decision, err error) {
	err = s.clicked(ctx, string(v.Request), func(ctx context.Context, u *unit) error {
		if err := u.take(ctx, v.Request, v.Digest); err != nil {
			return err
		}
		if err := u.cast(ctx, v); err != nil {
			return err
		}
		u.record(Entry{Event: "vote.cast", Request: v.Request, By: v.By, Detail: instead(v.For, map[string]any{
			"verdict": v.Verdict, "comment": v.Comment, "groups": v.Groups, "digest": v.Digest, "channel": v.Channel, "at": stamp(v.At),
		})})
		all, err := votes(ctx, u.tx, v.Request)
		if err != nil {
			return err
		}
		if d = tally(all); d != nil {
			d.Request, d.Digest = v.Request, v.Digest
			if d.At.IsZero() {
				d.At = v.At
			}
			if err := u.decide(ctx, *d); err != nil {
				return err
			}
		}
		if replies != nil {
			if err := u.addReplies(ctx, v.Request, replies(d)); err != nil {
				return err
			}
		}
		return u.redraw(ctx, v.Request)
	})
	return d, err
}

// take locks a pending request that still asks what the person was shown, and
// has its cards drawn again.
func (u *unit) take(ctx context.Context, id approval.ID, digest string) error {
	n, err := u.exec(ctx, `UPDATE request SET version = version + 1, updated_at = $1 WHERE id = $2 AND state = 'pending' AND digest = $3`, u.now, string(id), digest)
	if err != nil || n == 1 {
		return err
	}
	r, err := load(ctx, u.tx, id)
	switch {
	case err != nil:
		return err
	case r.State == approval.Pending:
		return ErrChanged
	default:
		return &TakenError{Record: r}
	}
}

// cast needs the pending request's row locked. While a request is pending, votes
// are carried only by decisions that Keyfactor counted.
func (u *unit) cast(ctx context.Context, v approval.Vote) error {
	person, err := json.Marshal(v.By)
	if err != nil {
		return err
	}
	groups, err := json.Marshal(v.Groups)
	if err != nil {
		return err
	}
	standsFor, err := json.Marshal(v.For)
	if err != nil {
		return err
	}
	n, err := u.exec(ctx, `INSERT INTO vote (request_id, user_id, verdict, person, groups, comment, digest, channel, voted_at, stands_for)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (request_id, user_id) DO UPDATE SET verdict = excluded.verdict, person = excluded.person, groups = excluded.groups, comment = excluded.comment,
			digest = excluded.digest, channel = excluded.channel, voted_at = excluded.voted_at, stands_for = excluded.stands_for, withdrawn_at = NULL, void_at = NULL
		WHERE vote.decision_id IS NULL`,
		string(v.Request), v.By.ID, string(v.Verdict), clean(string(person)), clean(string(groups)), v.Comment, v.Digest, v.Channel, cut(v.At), clean(string(standsFor)))
	if err == nil && n == 0 {
		return ErrVoted
	}
	return err
}

// instead adds to a detail of the audit log who is represented, if anybody is.
func instead(p approval.Person, detail map[string]any) map[string]any {
	if p.ID != "" {
		detail["stands_for"] = p.Name + " (" + p.ID + ")"
	}
	return detail
}

// voted reports whether exactly this vote was cast, and what carries it.
func (s *Store) voted(ctx context.Context, v approval.Vote) (d *approval.Decision, cast bool, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var decision sql.NullString
		err := tx.QueryRowContext(ctx, `SELECT decision_id FROM vote WHERE request_id = $1 AND user_id = $2 AND voted_at = $3 AND verdict = $4 AND digest = $5 AND comment = $6
			AND withdrawn_at IS NULL AND void_at IS NULL`, string(v.Request), v.By.ID, v.At, string(v.Verdict), v.Digest, v.Comment).Scan(&decision)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if cast = err == nil; !cast || !decision.Valid {
			return err
		}
		found, err := scanDecision(tx.QueryRowContext(ctx, `SELECT `+decisionColumns+` FROM decision WHERE id = $1`, decision.String))
		d = &found.Decision
		return err
	})
	return d, cast, err
}

// Withdraw takes a person's standing vote back. It reports false when there is
// none, or it is too late: the request is not pending, or the vote is spent. It
// returns ErrNotFound if the request is not known.
func (s *Store) Withdraw(ctx context.Context, id approval.ID, by approval.Person, replies ...Reply) (bool, error) {
	withdrawn := false
	err := s.urgently(ctx, func(ctx context.Context, u *unit) error {
		withdrawn = false
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		var verdict, digest string
		err := u.tx.QueryRowContext(ctx, `UPDATE vote SET withdrawn_at = $1 WHERE request_id = $2 AND user_id = $3 AND `+standing+`
			AND EXISTS (SELECT 1 FROM request p WHERE p.id = vote.request_id AND p.state = 'pending') RETURNING verdict, digest`,
			u.now, string(id), by.ID).Scan(&verdict, &digest)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		withdrawn = true
		u.record(Entry{Event: "vote.withdrawn", Request: id, By: by, Detail: map[string]any{"verdict": verdict, "digest": digest}})
		if err := u.addReplies(ctx, id, replies); err != nil {
			return err
		}
		return u.bump(ctx, id)
	})
	if err != nil {
		return false, fmt.Errorf("withdraw the vote on %s: %w", id, err)
	}
	return withdrawn, nil
}

// Lapse ends a standing vote whose person could no longer cast it. It does nothing
// if exactly this vote does not stand any more, or is too late to matter, and returns ErrNotFound if the
// request is not known.
func (s *Store) Lapse(ctx context.Context, v approval.Vote, replies ...Reply) error {
	err := s.urgently(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, v.Request); err != nil {
			return err
		}
		n, err := u.exec(ctx, `UPDATE vote SET void_at = $1 WHERE request_id = $2 AND user_id = $3 AND voted_at = $4 AND `+standing+`
			AND EXISTS (SELECT 1 FROM request p WHERE p.id = vote.request_id AND p.state = 'pending')`, u.now, string(v.Request), v.By.ID, cut(v.At))
		if err != nil || n == 0 {
			return err
		}
		u.record(Entry{Event: "vote.lapsed", Request: v.Request, By: v.By, Detail: map[string]any{"verdict": v.Verdict, "digest": v.Digest, "groups": v.Groups, "at": stamp(v.At)}})
		if err := u.addReplies(ctx, v.Request, replies); err != nil {
			return err
		}
		return u.bump(ctx, v.Request)
	})
	if err != nil {
		return fmt.Errorf("end the vote of %s on %s: %w", v.By.ID, v.Request, err)
	}
	return nil
}

// carry binds the votes of everybody whom a decision names to it.
func (u *unit) carry(ctx context.Context, d approval.Decision) error {
	for _, id := range voters(d) {
		n, err := u.exec(ctx, `UPDATE vote SET decision_id = $1 WHERE request_id = $2 AND user_id = $3 AND verdict = $4 AND `+standing,
			d.ID, string(d.Request), id, string(d.Verdict))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("decision %s names %s, who has no standing vote to %s", d.ID, id, d.Verdict)
		}
	}
	return nil
}

// voters lists the Slack users of a decision in the order of their votes.
func voters(d approval.Decision) []string {
	var all []string
	for _, v := range d.With {
		all = append(all, v.By.ID)
	}
	return append(all, d.By.ID)
}

// release lets the votes stand again whose decision has failed: what people
// said about the same question is still said.
func (u *unit) release(ctx context.Context, id approval.ID) error {
	_, err := u.exec(ctx, `UPDATE vote SET decision_id = NULL WHERE request_id = $1
		AND decision_id IN (SELECT d.id FROM decision d WHERE d.request_id = $1 AND d.failed_at IS NOT NULL)`, string(id))
	return err
}

// void ends the votes about another question than the digest's, and returns whose
// they were.
func (u *unit) void(ctx context.Context, id approval.ID, digest string) ([]string, error) {
	var all []string
	err := each(ctx, u.tx, func(rows *sql.Rows) error {
		var user string
		err := rows.Scan(&user)
		all = append(all, user)
		return err
	}, `UPDATE vote SET void_at = $1 WHERE request_id = $2 AND digest <> $3 AND withdrawn_at IS NULL AND void_at IS NULL AND decision_id IS NULL RETURNING user_id`,
		u.now, string(id), digest)
	return all, err
}

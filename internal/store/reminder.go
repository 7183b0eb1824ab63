package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/approvebot/approvebot/internal/approval"
)

// Reminder is a moment of a waiting request and everything that it causes.
type Reminder struct {
	Request approval.ID
	Moment  approval.Moment
	// Channels are where the request gets a card, unless it has one there.
	Channels []string
	// Reply goes into the thread of every card, the new ones as well, except for
	// those in Silent.
	Reply  Reply
	Silent []string
}

// Remind records the moment and what follows from it, once: it reports false and
// changes nothing when one of its steps was taken before, by whomever, or when the
// request no longer waits for a decision.
func (s *Store) Remind(ctx context.Context, r Reminder) (bool, error) {
	reminded := false
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		reminded = false
		// Locks the row: whoever decides, or reminds, at the same time comes before or after.
		n, err := u.exec(ctx, `UPDATE request SET version = version WHERE id = $1 AND state = 'pending'`, string(r.Request))
		if err != nil || n == 0 {
			return err
		}
		for _, step := range r.Moment.Steps {
			taken, err := exists(ctx, u.tx, `SELECT 1 FROM reminder WHERE request_id = $1 AND step = $2`, string(r.Request), step)
			if err != nil || taken {
				return err
			}
		}
		for _, step := range r.Moment.Steps {
			if _, err := u.exec(ctx, `INSERT INTO reminder (request_id, step, told_at) VALUES ($1, $2, $3)`, string(r.Request), clean(step), u.now); err != nil {
				return err
			}
		}
		placed, err := u.place(ctx, r.Request, r.Channels)
		if err != nil {
			return err
		}
		if err := u.addReplies(ctx, r.Request, []Reply{r.Reply}, r.Silent...); err != nil {
			return err
		}
		event := "request.reminded"
		if r.Moment.Expired {
			event = "request.expired"
		}
		u.record(Entry{Event: event, Request: r.Request, Detail: map[string]any{"steps": r.Moment.Steps, "channels": placed}})
		reminded = true
		if r.Moment.Expired {
			return u.bump(ctx, r.Request) // its buttons go
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("remind of %s: %w", r.Request, err)
	}
	return reminded, nil
}

// toldOf lists the steps taken for the open requests of a kind.
func toldOf(ctx context.Context, tx *sql.Tx, kind approval.Kind) (map[approval.ID][]approval.Told, error) {
	told := map[approval.ID][]approval.Told{}
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id approval.ID
		var t approval.Told
		err := rows.Scan(&id, &t.Step, instant{&t.At})
		told[id] = append(told[id], t)
		return err
	}, `SELECT m.request_id, m.step, m.told_at FROM reminder m JOIN request r ON r.id = m.request_id
		WHERE r.kind = $1 AND r.settled_at IS NULL ORDER BY m.told_at, m.step`, string(kind))
	return told, err
}

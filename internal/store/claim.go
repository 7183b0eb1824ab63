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

// Claim is a person's word that they look at a request. It keeps nobody from
// deciding, and lapses by itself.
type Claim struct {
	By           approval.Person
	Since, Until time.Time
}

// Claim notes that a person looks at a pending request, in place of whoever did
// before. It reports false when the request is not pending, or not known.
func (s *Store) Claim(ctx context.Context, id approval.ID, by approval.Person, until time.Time) (claimed bool, err error) {
	person, err := json.Marshal(by)
	if err != nil {
		return false, fmt.Errorf("claim %s: %w", id, err)
	}
	err = s.urgently(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE request SET claimed_by = $1, claimed_at = $2, claim_until = $3, version = version + 1, updated_at = $2
			WHERE id = $4 AND state = 'pending'`, clean(string(person)), u.now, cut(until), string(id))
		if claimed = n == 1; err != nil || !claimed {
			return err
		}
		u.record(Entry{Event: "request.claimed", Request: id, By: by, Detail: map[string]any{"until": stamp(until)}})
		return u.redraw(ctx, id)
	})
	if err != nil {
		return false, fmt.Errorf("claim %s: %w", id, err)
	}
	return claimed, nil
}

// Release takes a person's claim back. It reports false when they have none.
func (s *Store) Release(ctx context.Context, id approval.ID, by approval.Person) (released bool, err error) {
	err = s.urgently(ctx, func(ctx context.Context, u *unit) error {
		released = false
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		r, err := load(ctx, u.tx, id)
		if err != nil || r.Claim == nil || r.Claim.By.ID != by.ID {
			return err
		}
		released = true
		u.record(Entry{Event: "claim.released", Request: id, By: by})
		return u.unclaim(ctx, id)
	})
	if err != nil {
		return false, fmt.Errorf("release %s: %w", id, err)
	}
	return released, nil
}

// lapseLimit keeps one transaction short; the next pass continues.
const lapseLimit = 200

// LapseClaims ends the claims whose time is over, and has their cards drawn again.
func (s *Store) LapseClaims(ctx context.Context) (lapsed int, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		lapsed = 0
		var over []approval.ID
		err := each(ctx, u.tx, func(rows *sql.Rows) error {
			var id approval.ID
			err := rows.Scan(&id)
			over = append(over, id)
			return err
		}, `SELECT id FROM request WHERE claim_until IS NOT NULL AND claim_until <= $1 ORDER BY id LIMIT $2`, u.now, lapseLimit)
		if err != nil {
			return err
		}
		for _, id := range over {
			if done, err := u.lapse(ctx, id); err != nil {
				return err
			} else if done {
				lapsed++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("end the claims whose time is over: %w", err)
	}
	return lapsed, nil
}

// lapse looks again under the lock: the claim may have been renewed meanwhile.
func (u *unit) lapse(ctx context.Context, id approval.ID) (bool, error) {
	if _, err := u.lock(ctx, id); errors.Is(err, ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	r, err := load(ctx, u.tx, id)
	if err != nil || r.Claim == nil || r.Claim.Until.After(u.now) {
		return false, err
	}
	u.record(Entry{Event: "claim.lapsed", Request: id, By: r.Claim.By})
	return true, u.unclaim(ctx, id)
}

func (u *unit) unclaim(ctx context.Context, id approval.ID) error {
	if _, err := u.exec(ctx, `UPDATE request SET claimed_by = NULL, claimed_at = NULL, claim_until = NULL WHERE id = $1`, string(id)); err != nil {
		return err
	}
	return u.bump(ctx, id)
}

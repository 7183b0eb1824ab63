package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/approvebot/approvebot/internal/approval"
)

// Follower is a request whose requester is to be told where it stands now.
type Follower struct {
	Request approval.ID
	// Told is the state that they were told last, empty before the first time.
	Told approval.State
}

// follow has the requester told from now on, also of a request that waits again.
func (u *unit) follow(ctx context.Context, id approval.ID, p Placement) error {
	if !p.Follow {
		return nil
	}
	_, err := u.exec(ctx, `INSERT INTO follower (request_id) VALUES ($1) ON CONFLICT (request_id) DO UPDATE SET done_at = NULL`, string(id))
	return err
}

// Followers lists a page of the requests about which there is something to tell:
// they have just appeared, or they are settled.
func (s *Store) Followers(ctx context.Context, limit int) ([]Follower, error) {
	var all []Follower
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var f Follower
			err := rows.Scan(&f.Request, &f.Told)
			all = append(all, f)
			return err
		}, `SELECT f.request_id, f.told FROM follower f JOIN request r ON r.id = f.request_id
			WHERE f.done_at IS NULL AND (f.told = '' OR r.settled_at IS NOT NULL) ORDER BY r.urgent_at, r.id LIMIT $1`, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list the requests of which the requesters are told: %w", err)
	}
	return all, nil
}

// Follow records that a requester is told the state, together with the message
// that tells them. It reports false, and changes nothing, when they were told
// something else since f was read.
func (s *Store) Follow(ctx context.Context, f Follower, state approval.State, person string, message Reply) (bool, error) {
	told := false
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, f.Request); err != nil {
			return err
		}
		done := any(nil)
		if state.Final() {
			done = u.now
		}
		n, err := u.exec(ctx, `UPDATE follower SET told = $1, done_at = $2 WHERE request_id = $3 AND told = $4 AND done_at IS NULL`, string(state), done, string(f.Request), string(f.Told))
		if told = n == 1; err != nil || !told {
			return err
		}
		u.record(Entry{Event: "requester.told", Request: f.Request, Detail: map[string]any{"person": person, "state": state}})
		return u.addDirect(ctx, f.Request, person, message)
	})
	if err != nil {
		return false, fmt.Errorf("tell the requester of %s: %w", f.Request, err)
	}
	return told, nil
}

// Unfollow ends it: nobody is found to be told, or nothing is left to tell.
func (s *Store) Unfollow(ctx context.Context, id approval.ID) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `UPDATE follower SET done_at = $1 WHERE request_id = $2 AND done_at IS NULL`, u.now, string(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("tell nobody about %s: %w", id, err)
	}
	return nil
}

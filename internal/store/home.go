package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// VotedRecord is a request together with a person's own, latest vote on it.
type VotedRecord struct {
	Record
	Verdict approval.Verdict
	At      time.Time
}

// VotedBy returns the requests that a person voted on, the latest vote first,
// also where the vote has been spent in a decision. Withdrawn votes do not count.
func (s *Store) VotedBy(ctx context.Context, user string, limit int) ([]VotedRecord, error) {
	var voted []VotedRecord
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		at := map[approval.ID]int{}
		const latest = ` FROM vote WHERE user_id = $1 AND withdrawn_at IS NULL ORDER BY voted_at DESC, request_id LIMIT $2`
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var v VotedRecord
			if err := rows.Scan(&v.Request.ID, &v.Verdict, instant{&v.At}); err != nil {
				return err
			}
			at[v.Request.ID] = len(voted)
			voted = append(voted, v)
			return nil
		}, `SELECT request_id, verdict, voted_at`+latest, user, limit)
		if err != nil {
			return err
		}
		records, err := loadAll(ctx, tx, `SELECT request_id`+latest, user, limit)
		for _, r := range records {
			voted[at[r.Request.ID]].Record = r
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what %s voted on: %w", user, err)
	}
	return voted, nil
}

// OpenMark changes whenever anything that a list of the open requests shows may
// have changed. It is cheap to ask for.
func (s *Store) OpenMark(ctx context.Context) (string, error) {
	var n, versions int64
	var last time.Time
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(version), 0), MAX(updated_at) FROM request WHERE settled_at IS NULL`).Scan(&n, &versions, instant{&last})
	})
	if err != nil {
		return "", fmt.Errorf("ask whether the open requests have changed: %w", err)
	}
	return fmt.Sprintf("%d/%d/%d", n, versions, last.UnixMicro()), nil
}

// Latest returns a page of all requests, those seen last first.
func (s *Store) Latest(ctx context.Context, limit, offset int) ([]Record, error) {
	var all []Record
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		all, err = loadAll(ctx, tx, `SELECT id FROM request ORDER BY seen_at DESC, id DESC LIMIT $1 OFFSET $2`, limit, offset)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the latest requests: %w", err)
	}
	slices.Reverse(all)
	return all, nil
}

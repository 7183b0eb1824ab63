package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// The bounds of pruning: one transaction is short, and one call gives way to the
// work of the day; the next goes on.
const (
	pruneLimit   = 100
	pruneBatches = 20
)

// forgettable are requests that were settled long ago and that nothing needs any
// more: no decision is open, no message is on its way, and nobody waits whose card tells
// of the same matter.
const forgettable = `SELECT r.id FROM request r WHERE r.settled_at < $1
	AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.request_id = r.id AND d.finished_at IS NULL AND d.failed_at IS NULL)
	AND NOT EXISTS (SELECT 1 FROM card c WHERE c.request_id = r.id AND c.failed_at IS NULL AND c.post_started_at IS NOT NULL AND c.posted_at IS NULL)
	AND NOT EXISTS (SELECT 1 FROM request o WHERE o.matter = r.matter AND o.matter <> '' AND o.settled_at IS NULL)
	AND NOT EXISTS (SELECT 1 FROM request o WHERE o.matter = r.outcome_matter AND o.matter <> '' AND o.settled_at IS NULL)
	ORDER BY r.settled_at LIMIT $2`

// Prune forgets requests that were settled before the given time, with their cards,
// replies, votes and decisions; and subscriptions and absences that ended before it.
// It returns how many requests, and whether there are more. The audit log is never
// cut: it gets an entry that says what was forgotten, and goes on telling of the
// requests. What hints go by outlives them as well.
func (s *Store) Prune(ctx context.Context, before time.Time) (total int64, more bool, err error) {
	for range pruneBatches {
		n, err := s.pruneSome(ctx, before)
		total += n
		if err != nil || n < pruneLimit {
			return total, false, err
		}
	}
	return total, true, nil
}

func (s *Store) pruneSome(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		n = 0
		var ids []string
		if err := each(ctx, u.tx, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, forgettable, cut(before), pruneLimit); err != nil {
			return err
		}
		for _, id := range ids {
			if err := u.forget(ctx, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		n = int64(len(ids))
		for _, q := range []string{
			`DELETE FROM subscription WHERE removed_at < $1`,
			`DELETE FROM absence WHERE until_at < $1 OR ended_at < $1`,
		} {
			if _, err := u.exec(ctx, q, cut(before)); err != nil {
				return err
			}
		}
		if n > 0 {
			u.record(Entry{Event: "requests.forgotten", Detail: map[string]any{"requests": n, "settled_before": before.UTC().Format(time.RFC3339)}})
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	return n, nil
}

// forget removes a request; what belongs to it goes with it by the tables' own rules.
func (u *unit) forget(ctx context.Context, id string) error {
	if _, err := u.exec(ctx, `DELETE FROM request WHERE id = $1`, id); err != nil {
		return err
	}
	_, err := u.exec(ctx, `DELETE FROM setting WHERE key = $1`, oncePrefix+"unrouted:"+id)
	return err
}

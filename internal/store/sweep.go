package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Swept counts the open rows that were made sure to have a job.
type Swept struct{ Posts, Refreshes, Replies, Signals int }

// sweepLimit bounds one sweep of each kind; the next one continues.
const sweepLimit = 1000

// Sweep gives every open row a job unless one lives. It repairs whatever a bug,
// a crash, a wiped job table or a move to another database has lost.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	var n Swept
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		n = Swept{}
		if err := each(ctx, u.tx, func(rows *sql.Rows) error {
			var j SignalJob
			n.Signals++
			if err := rows.Scan(&j.Decision); err != nil {
				return err
			}
			u.enqueue(j)
			return nil
		}, `SELECT id FROM decision WHERE finished_at IS NULL AND failed_at IS NULL ORDER BY decided_at LIMIT $1`, sweepLimit); err != nil {
			return err
		}
		if err := each(ctx, u.tx, func(rows *sql.Rows) error {
			var j PostJob
			n.Posts++
			if err := rows.Scan(&j.Channel); err != nil {
				return err
			}
			u.enqueue(j)
			return nil
		}, `SELECT DISTINCT channel FROM card WHERE posted_at IS NULL AND failed_at IS NULL`); err != nil {
			return err
		}
		if err := each(ctx, u.tx, func(rows *sql.Rows) error {
			var j RefreshJob
			n.Refreshes++
			if err := rows.Scan(&j.Request, &j.Channel); err != nil {
				return err
			}
			u.enqueue(j)
			return nil
		}, `SELECT c.request_id, c.channel FROM card c JOIN request r ON r.id = c.request_id
			WHERE c.posted_at IS NOT NULL AND c.failed_at IS NULL AND c.shown_version < r.version
			ORDER BY r.updated_at LIMIT $1`, sweepLimit); err != nil {
			return err
		}
		return each(ctx, u.tx, func(rows *sql.Rows) error {
			n.Replies++
			return u.enqueueReply(rows)
		}, openReplies+` ORDER BY p.created_at LIMIT $1`, sweepLimit)
	})
	if err != nil {
		return Swept{}, fmt.Errorf("sweep: %w", err)
	}
	return n, nil
}

// pruneLimit keeps one transaction short.
const pruneLimit = 500

// Prune forgets requests that were settled before the given time, with their
// cards, replies and decisions, and returns how many. The audit log is never cut.
func (s *Store) Prune(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for {
		var n int64
		err := s.do(ctx, func(ctx context.Context, u *unit) (err error) {
			n, err = u.exec(ctx, `DELETE FROM request WHERE id IN (SELECT id FROM request WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)`, cut(before), pruneLimit)
			return err
		})
		total += n
		if err != nil {
			return total, fmt.Errorf("prune: %w", err)
		}
		if n < pruneLimit {
			return total, nil
		}
	}
}

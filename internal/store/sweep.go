package store

import (
	"context"
	"database/sql"
	"fmt"
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

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// Enqueue inserts a job unless one lives, before those that nobody waits for.
func (s *Store) Enqueue(ctx context.Context, j Job) error {
	err := s.urgently(ctx, func(_ context.Context, u *unit) error {
		u.enqueue(j)
		return nil
	})
	if err != nil {
		return fmt.Errorf("enqueue a %s job: %w", j.Kind(), err)
	}
	return nil
}

// pollLock is held, shared, by every session whose process polls ("approve" in ASCII).
const pollLock = 0x617070726f7665

// Polling runs a poll, and has PostgreSQL know for how long this process lives.
// A process that is killed in the middle of a poll leaves a job behind that
// "runs", and while it does no replica may start another. River would rescue it
// only after the longest time that a poll may take; [Store.ClearDeadPoll] sees
// that the lock is gone.
func (s *Store) Polling(ctx context.Context, poll func(context.Context) error) error {
	if !s.engine.shared {
		return poll(ctx) // the file's lock tells at the next start
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect for a poll: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock_shared($1)`, int64(pollLock)); err != nil {
		return fmt.Errorf("show that we poll: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock_shared($1)`, int64(pollLock)); err != nil {
			// The session, and with it the lock, must not go back to the pool.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	return poll(ctx)
}

// ClearDeadPoll ends a poll whose process died, starts the next one, and reports
// whether it did.
func (s *Store) ClearDeadPoll(ctx context.Context) (bool, error) {
	if !s.engine.shared {
		return false, nil
	}
	cleared := false
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		cleared = false
		// Between taking the job and taking the lock a few milliseconds pass.
		const dead = `kind = 'poll' AND state = 'running' AND attempted_at < now() - interval '5 seconds'`
		running, err := exists(ctx, u.tx, `SELECT 1 FROM river_job WHERE `+dead)
		if err != nil || !running {
			return err
		}
		var nobody bool
		if err := u.tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, int64(pollLock)).Scan(&nobody); err != nil || !nobody {
			return err
		}
		n, err := u.exec(ctx, `UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE `+dead)
		if err != nil || n == 0 {
			return err
		}
		cleared = true
		u.enqueue(PollJob{})
		return nil
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return false, fmt.Errorf("look for a dead poll: %w", err)
	}
	return cleared, nil
}

package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
)

// callTimeout bounds every call that comes without a closer deadline. SQLite has
// one connection: a caller who waits for it for ever would hide the mistake.
const callTimeout = 10 * time.Second

// unit is one transaction: its statements run at once, the jobs and audit
// entries that follow from them are written at its end, in the order that keeps
// replicas from deadlocking.
type unit struct {
	tx      *sql.Tx
	now     time.Time
	urgent  bool // follows from a person's click: its jobs go before all others
	jobs    map[string]queued
	entries []Entry
}

// queued is a job that is inserted at the end.
type queued struct {
	Job
	urgent bool
}

// enqueue inserts the job at the end of the transaction, unless one lives.
func (u *unit) enqueue(j Job) { u.put(j.Kind()+"\x00"+j.key(), queued{j, u.urgent}) }

func (u *unit) put(key string, j queued) {
	if u.jobs == nil {
		u.jobs = map[string]queued{}
	}
	u.jobs[key] = j
}

func (u *unit) record(e Entry) { u.entries = append(u.entries, e) }

// do runs fn in one transaction. What loses against another transaction in a way
// that PostgreSQL asks to repeat is repeated, so fn must only act on its unit
// and reset what it hands out.
func (s *Store) do(ctx context.Context, fn func(context.Context, *unit) error) error {
	return s.transact(ctx, false, "", fn)
}

// urgently does the same for what a person waits for.
func (s *Store) urgently(ctx context.Context, fn func(context.Context, *unit) error) error {
	return s.transact(ctx, true, "", fn)
}

// clicked does the same for a click and what follows from it, of which thousands may
// come at once. fn locks one request, and what names it, or its decision, gives the order.
func (s *Store) clicked(ctx context.Context, name string, fn func(context.Context, *unit) error) error {
	return s.transact(ctx, true, name, fn)
}

func (s *Store) transact(ctx context.Context, urgent bool, order string, fn func(context.Context, *unit) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !s.engine.shared || order != "" {
		return s.together(&call{ctx: ctx, fn: fn, urgent: urgent, order: order, done: make(chan struct{})})
	}
	return s.alone(ctx, urgent, fn)
}

func (s *Store) alone(ctx context.Context, urgent bool, fn func(context.Context, *unit) error) error {
	for attempt := 1; ; attempt++ {
		err := s.try(ctx, urgent, fn)
		if attempt == 5 || !repeatable(err) {
			return err
		}
	}
}

func (s *Store) try(ctx context.Context, urgent bool, fn func(context.Context, *unit) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back

	u := &unit{tx: tx, now: s.now(), urgent: urgent}
	if err := fn(ctx, u); err != nil {
		return err
	}
	return s.commit(ctx, u)
}

// commit writes what follows from a unit, and ends its transaction.
func (s *Store) commit(ctx context.Context, u *unit) error {
	if err := s.insertJobs(ctx, u); err != nil {
		return err
	}
	if err := s.appendAudit(ctx, u); err != nil {
		return err
	}
	if err := u.tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if s.engine.ring != nil && len(u.jobs) > 0 {
		s.engine.ring(u.queues())
	}
	return nil
}

// queues are those that get jobs.
func (u *unit) queues() (names []string) {
	for _, j := range u.jobs {
		if name := j.InsertOpts().Queue; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// view runs fn over one state of the database.
func (s *Store) view(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{Isolation: s.engine.snapshot, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return fn(ctx, tx)
}

// repeatable: PostgreSQL's serialization_failure and deadlock_detected.
func repeatable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

const (
	prioUrgent = 1
	prioNormal = 3
)

func (j queued) priority() int {
	if j.urgent {
		return prioUrgent
	}
	return prioNormal
}

func (s *Store) insertJobs(ctx context.Context, u *unit) error {
	if len(u.jobs) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, 0, len(u.jobs))
	for _, j := range u.jobs {
		params = append(params, river.InsertManyParams{Args: j.Job, InsertOpts: &river.InsertOpts{Priority: j.priority()}})
	}
	slices.SortFunc(params, func(a, b river.InsertManyParams) int {
		return cmp.Or(cmp.Compare(a.Args.Kind(), b.Args.Kind()), cmp.Compare(a.Args.(Job).key(), b.Args.(Job).key()))
	})
	results, err := s.inserter.InsertManyTx(ctx, u.tx, params)
	if err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	// A job that already waits for a poll's sake moves forward when a click wants it.
	for i, r := range results {
		priority := params[i].InsertOpts.Priority
		if !r.UniqueSkippedAsDuplicate || r.Job.Priority <= priority {
			continue
		}
		if _, err := u.tx.ExecContext(ctx, `UPDATE river_job SET priority = $1 WHERE id = $2`, priority, r.Job.ID); err != nil {
			return fmt.Errorf("hurry job %d: %w", r.Job.ID, err)
		}
	}
	return nil
}

package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
)

// maxConns leaves room for several replicas under PostgreSQL's default of 100.
const maxConns = 16

func (s *Store) openPostgres(ctx context.Context, url string, readOnly bool) error {
	pool, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx names what is wrong and hides the password.
		return fmt.Errorf("read the store's url: %w", err)
	}
	if pool.ConnConfig.ConnectTimeout == 0 {
		pool.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	name := cmp.Or(pool.ConnConfig.RuntimeParams["application_name"], "approvebot")
	s.process = name + " "
	if !readOnly {
		name = s.process + rand.Text()[:8] // sessions counts them
	}
	pool.ConnConfig.RuntimeParams["application_name"] = name

	db := stdlib.OpenDB(*pool.ConnConfig, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		// By SET, because connection poolers refuse such parameters at the start. A
		// replica that is frozen in a transaction must not keep others from the rows it
		// holds, and one whose machine is gone must not keep its locks for hours.
		text := `SET idle_in_transaction_session_timeout = '10s'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`
		if readOnly {
			text += `; SET default_transaction_read_only = on`
		}
		_, err := conn.Exec(ctx, text)
		return err
	}))
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns / 2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.close = append(s.close, db.Close)
	s.db, s.reads, s.writer = db, db, newWriter(abreast)

	// LISTEN needs a session of its own; River takes it from this pool and keeps it.
	pool.MinConns, pool.MaxConns = 0, 1
	listener, err := pgxpool.NewWithConfig(ctx, pool)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	s.close = append(s.close, func() error { listener.Close(); return nil })

	s.engine = engine{
		name:     "PostgreSQL",
		shared:   true,
		dialect:  "postgres",
		driver:   riverdatabasesql.NewWithPgxListener(db, listener),
		snapshot: sql.LevelRepeatableRead,
		complete: completeWith[*riverdatabasesql.Driver],
		alone:    s.aloneInPostgres,
		// Others may live: River's rescuer waits out the timeouts of those that do not.
		recover: func(context.Context) error { return nil },
	}
	return nil
}

// aloneInPostgres holds a session lock, because River's migrations take none and
// cannot run inside one transaction: of several replicas starting on an empty
// database most would fail.
func (s *Store) aloneInPostgres(ctx context.Context, fn func(context.Context) error) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return err
	}
	if err := locker.SessionLock(ctx, conn); err != nil {
		return fmt.Errorf("wait for the lock on migrations: %w", err)
	}
	defer func() {
		err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), conn))
	}()
	return fn(ctx)
}

// Replicas returns how many processes serve with this database at the moment,
// this one included. On SQLite there is one.
func (s *Store) Replicas(ctx context.Context) (int, error) {
	if !s.engine.shared {
		return 1, nil
	}
	n, err := s.sessions(ctx)
	return max(n, 1), err
}

// sessions counts the processes that PostgreSQL sees serving.
func (s *Store) sessions(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT COUNT(DISTINCT application_name) FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, $1)`, s.process).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count replicas: %w", err)
	}
	return n, nil
}

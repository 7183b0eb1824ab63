package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"
)

// Errors that a caller must tell apart.
var (
	// ErrNotFound means that no such row exists.
	ErrNotFound = errors.New("not found in the store")
	// ErrChanged means that the question has changed since the person saw it.
	ErrChanged = errors.New("the request has changed since it was shown")
	// ErrVoted means that a person's vote is spent: it is part of a decision that
	// Keyfactor counted.
	ErrVoted = errors.New("this person's vote already counts in Keyfactor")
	// ErrAccount means that a Keyfactor account has given its approval already.
	ErrAccount = errors.New("this Keyfactor account already carries a decision about the request")
	// ErrPosted means that a card or reply already is another message in Slack.
	ErrPosted = errors.New("already posted as another message")
	// ErrInUse means that another process works on the same SQLite file.
	ErrInUse = errors.New("another process uses this database")
	// ErrNewer means that a later release has written this database.
	ErrNewer = errors.New("the database was written by a newer approvebot; run that release, or restore a backup from before the upgrade")
)

// Options of Open; the zero value is fine.
type Options struct {
	// Log receives what an operator should know; nil discards it.
	Log *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// ReadOnly opens for looking only, beside a running service: nothing is
	// migrated, locked or recovered, and every change fails.
	ReadOnly bool
}

// Store is the open database. Its methods are safe for concurrent use.
type Store struct {
	db       *sql.DB
	reads    *sql.DB // looks at what is committed; on SQLite beside the one writer
	writer   *writer
	engine   engine
	inserter *river.Client[*sql.Tx]
	log      *zap.Logger
	clock    func() time.Time
	process  string         // how the sessions of serving processes begin, on PostgreSQL
	close    []func() error // in order of opening
}

// engine is what differs between the two databases.
type engine struct {
	name     string
	dialect  string // as goose names it
	driver   riverdriver.Driver[*sql.Tx]
	shared   bool               // several processes may work on it
	snapshot sql.IsolationLevel // for reading several tables as of one moment
	complete func(context.Context, *sql.Tx, *rivertype.JobRow) error
	// alone runs fn while no other process migrates.
	alone func(ctx context.Context, fn func(context.Context) error) error
	// ring tells the workers of this process at once which queues got jobs; nil where
	// the database does.
	ring func(queues []string)
	// recover repairs what a crash left behind, where we know that nobody else lives.
	recover func(ctx context.Context) error
}

// Open connects to the database, brings its tables to this release and, on
// SQLite, makes available what a crashed process left unfinished.
//
//	sqlite:///var/lib/approvebot/approvebot.db   an absolute path
//	sqlite:approvebot.db                         relative to the working directory
//	postgres://user@host/database?sslmode=…      as libpq writes it
//
// It returns ErrInUse if another process has the SQLite file, and ErrNewer if a
// later release has written the database.
func Open(ctx context.Context, url string, o Options) (_ *Store, err error) {
	s := &Store{log: o.Log, clock: o.Now}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()

	scheme, _, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		err = s.openSQLite(url, o.ReadOnly)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, url, o.ReadOnly)
	default:
		// The text may hold a password, so it is not repeated.
		err = errors.New("the store's url must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, err
	}
	if o.ReadOnly {
		return s, s.checkVersion(ctx)
	}
	// River tells of new jobs in a queue once in this time, and drops what is told in
	// between: with its default of 100 ms what follows a click at once would wait for
	// the next look, a second later.
	if s.inserter, err = river.NewClient(s.engine.driver, &river.Config{FetchCooldown: river.FetchCooldownMin, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, fmt.Errorf("prepare the job queue: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, fmt.Errorf("migrate the %s database: %w", s.engine.name, err)
	}
	if err := s.engine.recover(ctx); err != nil {
		return nil, fmt.Errorf("recover from a crash: %w", err)
	}
	if err := s.beginMemory(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Close releases the database. Jobs must have been stopped before.
func (s *Store) Close() error {
	var errs []error
	for _, v := range slices.Backward(s.close) {
		errs = append(errs, v())
	}
	s.close = nil
	return errors.Join(errs...)
}

// Ping proves that the database can be written, not only reached.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.PutSetting(ctx, "heartbeat", s.now().Format(time.RFC3339Nano)); err != nil {
		return fmt.Errorf("write to the %s database: %w", s.engine.name, err)
	}
	return nil
}

func (s *Store) now() time.Time { return cut(s.clock()) }

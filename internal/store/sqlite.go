package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"go.uber.org/zap"
)

// sqlitePath reads the file out of sqlite:///abs/path.db or sqlite:relative.db.
func sqlitePath(text string) (string, error) {
	path := strings.TrimPrefix(text, "sqlite:")
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		if !strings.HasPrefix(rest, "/") {
			return "", fmt.Errorf("%q names a host; write sqlite:///absolute/path.db or sqlite:relative.db", text)
		}
		path = rest
	}
	if unescaped, err := url.PathUnescape(path); err == nil {
		path = unescaped
	}
	if path == "" || strings.HasSuffix(path, "/") || strings.Contains(path, ":memory:") {
		return "", fmt.Errorf("%q names no file; approvebot must remember across restarts", text)
	}
	return filepath.Abs(path)
}

// maxReaders is how many may read at once. Each has its own cache.
const maxReaders = 2

func (s *Store) openSQLite(text string, readOnly bool) error {
	path, err := sqlitePath(text)
	if err != nil {
		return err
	}
	// FULL, because in WAL mode NORMAL loses acknowledged commits when the machine
	// loses power. One connection, because SQLite has one writer anyway and then
	// nobody is ever told "locked" by ourselves; what waits for it commits together.
	query := "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_time_format=sqlite"
	readers := query + "&_pragma=query_only(1)"
	if readOnly {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("open the database: %w", err)
		}
		query += "&mode=ro&_pragma=query_only(1)"
	} else {
		lock := flock.New(path + ".lock")
		ok, err := lock.TryLock()
		if err != nil {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		s.close = append(s.close, lock.Unlock)
		if !ok {
			return fmt.Errorf("%s: %w; stop it, or give each its own file; several replicas need PostgreSQL", path, ErrInUse)
		}
		// SQLite would only say "unable to open database file". Nobody else should read it.
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return fmt.Errorf("the database must be writable: %w", err)
		}
		if err := file.Close(); err != nil {
			return fmt.Errorf("close %s: %w", path, err)
		}
		query += "&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
	}
	name := url.URL{Scheme: "file", Path: path}
	to, err := newConnector(name.String() + query)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	db := sql.OpenDB(to)
	db.SetMaxOpenConns(1)
	s.close = append(s.close, db.Close)
	s.db, s.reads, s.writer = db, db, newWriter(1)
	if !readOnly {
		// In WAL mode whoever reads waits for nobody.
		to, err := newConnector(name.String() + readers)
		if err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		s.reads = sql.OpenDB(to)
		s.reads.SetMaxOpenConns(maxReaders)
		s.reads.SetMaxIdleConns(maxReaders)
		s.close = append(s.close, s.reads.Close)
	}
	driver := newLocalDriver(db)
	s.engine = engine{
		name:     "SQLite",
		dialect:  "sqlite3",
		driver:   driver,
		ring:     driver.bell.work,
		complete: completeWith[*riversqlite.Driver],
		alone:    func(ctx context.Context, fn func(context.Context) error) error { return fn(ctx) },
		recover:  s.recoverSQLite,
	}
	return nil
}

// recoverSQLite lets work resume at once after a crash. The lock proves that the
// process which had these jobs is dead, so nothing has to wait for a rescue
// timeout or for the lease of a dead leader. A poll is not worth resuming: the
// next one starts with the service.
func (s *Store) recoverSQLite(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	var resumed int64
	for _, q := range []string{
		`DELETE FROM river_job WHERE state = 'running' AND kind = 'poll'`,
		`DELETE FROM river_leader`,
		`UPDATE river_job SET state = 'available' WHERE state = 'running'`,
	} {
		result, err := tx.ExecContext(ctx, q)
		if err != nil {
			return err
		}
		resumed, err = result.RowsAffected()
		if err != nil {
			return err
		}
	}
	if resumed > 0 {
		s.log.Info("the last run did not end cleanly; its unfinished jobs resume", zap.Int64("jobs", resumed))
	}
	return tx.Commit()
}

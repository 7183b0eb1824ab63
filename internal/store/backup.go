package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotSQLite means that the database has better means for a backup than ours.
var ErrNotSQLite = errors.New("only a SQLite database is one file; save PostgreSQL with pg_dump, which also works while replicas run")

// Saved tells what a backup holds.
type Saved struct {
	Bytes   int64
	Entries int64  // of the audit log, all of them proven
	Head    string // the newest hash
}

// Backup writes a copy of a SQLite database into a new file, as of one moment, also
// while the service works on it. The copy is checked, its audit log included,
// before the call returns; one that does not pass is removed. Only its owner may
// read it: what people decided, and the key that signs buttons, are in it.
//
// It returns an error that is fs.ErrExist if the file exists, and ErrNotSQLite for
// another database.
func Backup(ctx context.Context, databaseURL, file string) (saved Saved, err error) {
	if !strings.HasPrefix(databaseURL, "sqlite:") {
		return Saved{}, ErrNotSQLite
	}
	path, err := sqlitePath(databaseURL)
	if err != nil {
		return Saved{}, err
	}
	if _, err := os.Stat(path); err != nil {
		return Saved{}, fmt.Errorf("open the database: %w", err)
	}
	if file, err = filepath.Abs(file); err != nil {
		return Saved{}, err
	}
	// SQLite fills a file that is empty and ours, and so with our permissions.
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return Saved{}, fmt.Errorf("%s: %w; a backup does not overwrite", file, fs.ErrExist)
	}
	if err != nil {
		return Saved{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}()
	if err := to.Close(); err != nil {
		return Saved{}, err
	}
	if err := copySQLite(ctx, path, file); err != nil {
		return Saved{}, fmt.Errorf("copy the database: %w", err)
	}
	if saved, err = checkCopy(ctx, file); err != nil {
		return Saved{}, fmt.Errorf("the copy is not sound: %w", err)
	}
	return saved, syncFile(file)
}

func copySQLite(ctx context.Context, path, file string) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String()+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, file)
	return err
}

func checkCopy(ctx context.Context, file string) (saved Saved, err error) {
	address := (&url.URL{Scheme: "file", Path: file}).String()
	db, err := sql.Open("sqlite", address+"?mode=ro")
	if err != nil {
		return Saved{}, err
	}
	defer db.Close()
	var answer string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&answer); err != nil {
		return Saved{}, err
	}
	if answer != "ok" {
		return Saved{}, fmt.Errorf("integrity check: %s", answer)
	}
	orphans, err := db.QueryContext(ctx, `PRAGMA foreign_key_check`)
	if err != nil {
		return Saved{}, err
	}
	defer orphans.Close()
	if orphans.Next() {
		return Saved{}, errors.New("a row refers to one that is not there")
	}
	if err := orphans.Err(); err != nil {
		return Saved{}, err
	}
	s, err := Open(ctx, "sqlite:"+(&url.URL{Path: file}).EscapedPath(), Options{ReadOnly: true})
	if err != nil {
		return Saved{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if saved.Entries, saved.Head, err = s.VerifyAudit(ctx); err != nil {
		return Saved{}, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return Saved{}, err
	}
	saved.Bytes = info.Size()
	return saved, nil
}

// syncFile has the file and its name survive a power cut.
func syncFile(file string) error {
	for _, path := range []string{file, filepath.Dir(file)} {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil && path == file {
			return err // not every file system can do so for a folder
		}
	}
	return nil
}

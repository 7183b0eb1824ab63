package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// DB lets tests break things, and look at what callers cannot see.
func (s *Store) DB() *sql.DB { return s.db }

// Provider lets tests go back to earlier versions of the tables.
func (s *Store) Provider() (*goose.Provider, error) { return s.provider() }

// OpenUnmigrated connects without touching the tables.
func OpenUnmigrated(ctx context.Context, url string) (*Store, error) {
	s := &Store{}
	if len(url) > 7 && url[:7] == "sqlite:" {
		return s, s.openSQLite(url, false)
	}
	return s, s.openPostgres(ctx, url, false)
}

// OpenRaw opens the file of a SQLite store as somebody else's tool would.
func OpenRaw(_ context.Context, text string) (*sql.DB, error) {
	path, err := sqlitePath(text)
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
}

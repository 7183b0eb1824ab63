package main

import (
	"database/sql"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/store"
)

// A backup beside a running service, put in the place of the database, is the database.
func TestBackupAndRestore(t *testing.T) {
	url, entries := audited(t) // somebody works on it
	copied := filepath.Join(t.TempDir(), "copy.db")
	got := approvebot(t, nil, "backup", "--store", url, copied)
	require.Equal(t, exitFine, got.code, got.err)
	head := entries[len(entries)-1].Hash
	require.Regexp(t, `copy\.db: \d+ bytes, 5 entries of the audit log proven, head `+head, got.out)

	got = approvebot(t, nil, "backup", "--store", url, copied)
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "a backup does not overwrite")
	got = approvebot(t, nil, "backup", "--store", "postgres://bot:hunter2@db/x", copied+"2")
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "pg_dump")
	require.NotContains(t, got.err, "hunter2")
	require.Equal(t, exitWrong, approvebot(t, nil, "backup").code)

	got = approvebot(t, nil, "audit", "verify", "--store", "sqlite:"+copied, "--head", head)
	require.Equal(t, exitFine, got.code, got.err)
}

// A database that a later release has written is refused in words.
func TestRunRefusesANewerDatabase(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "approvebot.db")
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO approvebot_migration (version_id, is_applied) VALUES (999, TRUE)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	env := map[string]string{"APPROVEBOT_STORE_URL": url}
	maps.Copy(env, variables)
	got := approvebot(t, env, "run", "--config", mustWrite(t, minimal))
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "the database was written by a newer approvebot; run that release, or restore a backup from before the upgrade (its tables have version 999, ours ")
}

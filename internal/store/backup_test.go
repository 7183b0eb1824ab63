package store_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/store"
)

// A backup is made while others write; it is one moment, and can be opened in the place of the database.
func TestBackupWhileTheServiceWorks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "with space.db")
	s := database{url: url}.open(t)
	var stop atomic.Bool
	var writing sync.WaitGroup
	first := make(chan struct{})
	writing.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if _, err := s.Appear(t.Context(), request(fmt.Sprint("r", i)), pki); err != nil {
				t.Error(err)
				return
			}
			if i == 3 {
				close(first)
			}
		}
	})
	<-first
	var files []string
	for i := range 5 {
		file := filepath.Join(dir, fmt.Sprintf("copy %d.db", i))
		saved, err := store.Backup(t.Context(), url, file)
		require.NoError(t, err)
		require.Positive(t, saved.Entries)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, info.Size(), saved.Bytes)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		files = append(files, file)
	}
	stop.Store(true)
	writing.Wait()

	_, err := store.Backup(t.Context(), url, files[0])
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "a backup does not overwrite")

	for _, file := range files {
		copied := database{url: "sqlite:" + file}.open(t)
		entries, _, err := copied.VerifyAudit(t.Context())
		require.NoError(t, err)
		require.Len(t, known(t, copied), int(entries), "one entry for each request: the copy is of one moment")
		_, err = copied.Appear(t.Context(), request("after"), pki)
		require.NoError(t, err)
	}
}

func known(t *testing.T, s *store.Store) []store.Known {
	t.Helper()
	all, err := s.Known(t.Context(), "workflow")
	require.NoError(t, err)
	return all
}

// Also when nobody works on it. What is not sound is not kept.
func TestBackupOfADatabaseAtRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "approvebot.db")
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Audit(t.Context(), store.Entry{Event: "a"}))
	require.NoError(t, s.Audit(t.Context(), store.Entry{Event: "b"}))
	require.NoError(t, s.Close())
	saved, err := store.Backup(t.Context(), url, filepath.Join(dir, "one.db"))
	require.NoError(t, err)
	require.EqualValues(t, 2, saved.Entries)

	raw, err := store.OpenRaw(t.Context(), url)
	require.NoError(t, err)
	_, err = raw.ExecContext(t.Context(), `DROP TRIGGER audit_no_update`)
	require.NoError(t, err)
	_, err = raw.ExecContext(t.Context(), `UPDATE audit SET event = 'c' WHERE seq = 1`)
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	_, err = store.Backup(t.Context(), url, filepath.Join(dir, "two.db"))
	require.ErrorIs(t, err, store.ErrBroken)
	require.NoFileExists(t, filepath.Join(dir, "two.db"))

	_, err = store.Backup(t.Context(), "sqlite:"+filepath.Join(dir, "none.db"), filepath.Join(dir, "three.db"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, filepath.Join(dir, "three.db"))
	_, err = store.Backup(t.Context(), "postgres://approvebot:hunter2@db/x", filepath.Join(dir, "four.db"))
	require.ErrorIs(t, err, store.ErrNotSQLite)
	require.NotContains(t, err.Error(), "hunter2")
}

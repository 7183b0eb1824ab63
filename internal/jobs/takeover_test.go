package jobs_test

import (
	"database/sql"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

// kill -9 in the middle of a signal and of a poll, and start again: both go on at
// once, not after a lease or a rescue timeout.
func TestAfterACrashOnSQLiteWorkResumesAtOnce(t *testing.T) {
	t.Parallel()
	url := "sqlite://" + t.TempDir() + "/a.db"
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	decide(t, s, "d")
	require.NoError(t, s.Close())

	first := spawn(t, url, "signal")
	first.hears(t, 20*time.Second, "signal d")
	first.kill(t)

	second := spawn(t, url, "poll")
	t.Logf("signal and poll %s after the restart", second.hears(t, 5*time.Second, "finished d", "poll"))
	second.kill(t)

	third := spawn(t, url, "")
	t.Logf("poll %s after the restart", third.hears(t, 5*time.Second, "poll"))
	third.kill(t)

	s = open(t, url)
	rec, err := s.Request(t.Context(), request("d").ID)
	require.NoError(t, err)
	require.Equal(t, approval.Approved, rec.State)
}

func TestTwoProcessesOnOneFile(t *testing.T) {
	t.Parallel()
	url := "sqlite://" + t.TempDir() + "/a.db"
	first := spawn(t, url, "")
	first.hears(t, 20*time.Second, "started")
	_, err := store.Open(t.Context(), url, store.Options{})
	require.ErrorIs(t, err, store.ErrInUse)
}

// Nothing else asks for a poll here: the schedule is far away, and both have done
// what they do at their start.
func TestSIGTERMHandsThePollOver(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	first := spawnEvery(t, url, "", "24h")
	first.hears(t, 20*time.Second, "poll")
	second := spawnEvery(t, url, "", "24h")
	second.hears(t, 20*time.Second, "started")
	second.quiet(5 * time.Second)
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
	first.hears(t, 5*time.Second, "stopping")
	took := second.hears(t, time.Second, "poll")
	t.Logf("handed over in %s", took)
}

func TestAfterACrashAnotherReplicaPolls(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a lease of 15 s")
	}
	tests := map[string]string{
		"between two polls": "",
		// The poll "runs" for ever, and must not block the next.
		"in the middle of a poll": "poll",
	}
	for name, hang := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			first := spawn(t, url, hang)
			first.hears(t, 20*time.Second, "poll")
			second := spawn(t, url, "")
			second.hears(t, 20*time.Second, "started")
			if hang == "" {
				idle(t, url, first)
				second.quiet(2 * time.Second)
			}
			first.kill(t)
			took := second.hears(t, 30*time.Second, "poll")
			t.Logf("taken over in %s", took)
		})
	}
}

// idle freezes a process at a moment when no poll waits or runs.
func idle(t *testing.T, url string, p *process) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer db.Close()
	require.Eventually(t, func() bool {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
		var polls int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM river_job WHERE kind = 'poll' AND finalized_at IS NULL`).Scan(&polls))
		if polls > 0 {
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGCONT))
		}
		return polls == 0
	}, 20*time.Second, 100*time.Millisecond)
}

package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

func TestBadAddressesAreRefusedInWords(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ url, says string }{
		"nothing":               {"", "must begin with sqlite: or postgres://"},
		"another database":      {"mysql://root:hunter2@db/x", "must begin with sqlite: or postgres://"},
		"no file":               {"sqlite:", "names no file"},
		"memory":                {"sqlite::memory:", "names no file"},
		"a directory":           {"sqlite:///tmp/", "names no file"},
		"a host":                {"sqlite://host/file.db", "names a host"},
		"a missing directory":   {"sqlite:///nonexistent/deep/approvebot.db", "/nonexistent/deep/approvebot.db"},
		"a postgres that lacks": {"postgres://approvebot:hunter2@127.0.0.1:1/x?connect_timeout=2", "connect"},
		"a postgres misspelt":   {"postgres://approvebot:hunter2@127.0.0.1:notaport/x", "read the store's url"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(t.Context(), tt.url, store.Options{})
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestASecondProcessOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	url := "sqlite://" + filepath.Join(t.TempDir(), "with space & percent %41.db")
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "a.db"), store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s, err = store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	_, err = store.Open(t.Context(), url, store.Options{})
	require.ErrorIs(t, err, store.ErrInUse)
	require.ErrorContains(t, err, "another process uses this database; stop it, or give each its own file")

	// Looking is allowed, writing is not.
	require.NoError(t, s.Audit(t.Context(), store.Entry{Event: "x"}))
	ro, err := store.Open(t.Context(), url, store.Options{ReadOnly: true})
	require.NoError(t, err)
	n, _, err := ro.VerifyAudit(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Error(t, ro.PutSetting(t.Context(), "k", "v"))
	require.NoError(t, ro.Close())

	// The lock goes with the process that has it.
	require.NoError(t, s.Close())
	s, err = store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestAReaderOfPostgresCannotWrite(t *testing.T) {
	t.Parallel()
	db := database{url: pgtest.URL(t), several: true}
	db.open(t)
	ro, err := store.Open(t.Context(), db.url, store.Options{ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ro.Close()) })
	_, err = ro.Known(t.Context(), approval.Workflow)
	require.NoError(t, err)
	require.ErrorContains(t, ro.PutSetting(t.Context(), "k", "v"), "read-only")
}

func TestWhatWasRememberedSurvivesARestart(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, err := store.Open(t.Context(), db.url, store.Options{})
		require.NoError(t, err)
		r := request("a")
		r.Submitted = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		_, err = s.Appear(t.Context(), r, pki)
		require.NoError(t, err)
		require.NoError(t, s.PutSetting(t.Context(), "k", "v"))
		require.NoError(t, s.Ping(t.Context()))
		before, err := s.Request(t.Context(), r.ID)
		require.NoError(t, err)
		require.NoError(t, s.Close())

		s = db.open(t)
		after, err := s.Request(t.Context(), r.ID)
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.Equal(t, time.UTC, after.Seen.Location())
		v, found, err := s.Setting(t.Context(), "k")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "v", v)
	})
}

func TestManyReplicasMayStartAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	errs := together(6, func(int) error {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			return err
		}
		return s.Close()
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// Every earlier state of the tables is brought to ours; version 0 is empty.
func TestEveryEarlierVersionIsMigrated(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		for v := int64(0); ; v++ {
			url := fmt.Sprintf("%s.%d", db.url, v)
			if db.several {
				url = pgtest.URL(t)
			}
			old, err := store.OpenUnmigrated(t.Context(), url)
			require.NoError(t, err)
			provider, err := old.Provider()
			require.NoError(t, err)
			sources := provider.ListSources()
			latest := sources[len(sources)-1].Version
			if v > 0 {
				_, err = provider.UpTo(t.Context(), v)
				require.NoError(t, err)
				// What was written then must be there afterwards.
				_, err = old.DB().ExecContext(t.Context(), `INSERT INTO request (id, kind, matter, body, digest, changed, state, route, version, seen_at, updated_at)
					VALUES ('workflow:old', 'workflow', '', '{"id":"workflow:old"}', 'd', '', 'deciding', 'r', 1, $1, $1)`, time.Now().UTC())
				require.NoError(t, err)
				_, err = old.DB().ExecContext(t.Context(), `INSERT INTO decision (id, request_id, verdict, user_id, person, comment, digest, channel, decided_at)
					VALUES ('old', 'workflow:old', 'approve', 'U1', '{"id":"U1","name":"Alice"}', 'why not', 'd', 'C1', $1)`, time.Now().UTC())
				require.NoError(t, err)
			}
			require.NoError(t, old.Close())

			s := database{url: url, several: db.several}.open(t)
			known, err := s.Known(t.Context(), approval.Workflow)
			require.NoError(t, err)
			require.Len(t, known, min(int(v), 1))
			_, err = s.Appear(t.Context(), request("new"), pki)
			require.NoError(t, err)
			require.NoError(t, s.Decide(t.Context(), approval.Decision{ID: "d", Request: request("new").ID, Verdict: approval.Approve, By: alice, Digest: request("new").Digest()}))
			if v > 0 {
				rec, err := s.Request(t.Context(), "workflow:old")
				require.NoError(t, err)
				require.Equal(t, "why not", rec.Decision.Comment)
				require.NoError(t, s.Count(t.Context(), "old", approval.Outcome{Reason: approval.Counted}))
			}
			if v == latest {
				return
			}
			if 0 < v && v < 3 { // before there were votes; what was on its way counts as one
				again := approval.Vote{Request: "workflow:old", Verdict: approval.Approve, By: alice, Digest: "d"}
				_, err := s.Vote(t.Context(), again, func([]approval.Vote) *approval.Decision { return nil }, nil)
				require.ErrorIs(t, err, store.ErrVoted)
			}
		}
	})
}

func TestTheTablesCanGoBackAndForth(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		provider, err := s.Provider()
		require.NoError(t, err)
		_, err = provider.DownTo(ctx, 0)
		require.NoError(t, err)
		_, err = provider.Up(ctx)
		require.NoError(t, err)
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d", Request: appeared(t, s, "a").ID, Verdict: approval.Deny, By: alice, Digest: request("a").Digest()}))

		// Not where the earlier release would take two decisions for one.
		require.NoError(t, s.Count(ctx, "d", approval.Outcome{Reason: approval.Counted}))
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d2", Request: request("a").ID, Verdict: approval.Deny, By: bob, Digest: request("a").Digest(), Account: "second"}))
		_, err = provider.DownTo(ctx, 2)
		require.Error(t, err)
		_, err = provider.Up(ctx)
		require.NoError(t, err)
		require.Len(t, mustRequest(t, s, request("a").ID).Counted, 1)
	})
}

func mustRequest(t testing.TB, s *store.Store, id approval.ID) store.Record {
	t.Helper()
	r, err := s.Request(t.Context(), id)
	require.NoError(t, err)
	return r
}

func TestADatabaseOfALaterReleaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]string{
		"our tables":    `INSERT INTO approvebot_migration (version_id, is_applied) VALUES (999, TRUE)`,
		"the job queue": `INSERT INTO river_migration (line, version) VALUES ('main', 999)`,
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, db database) {
				s, err := store.Open(t.Context(), db.url, store.Options{})
				require.NoError(t, err)
				_, err = s.DB().ExecContext(t.Context(), later)
				require.NoError(t, err)
				require.NoError(t, s.Close())
				for _, readOnly := range []bool{false, true} {
					_, err = store.Open(t.Context(), db.url, store.Options{ReadOnly: readOnly})
					require.ErrorIs(t, err, store.ErrNewer)
					require.ErrorContains(t, err, "999")
				}
			})
		})
	}
}

// No signal without a record: when the disk is full nothing is half-done, and
// when there is room again everything goes on.
func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	db := database{url: "sqlite://" + filepath.Join(t.TempDir(), "a.db")}
	s, ctx, r := db.open(t), t.Context(), request("a")
	_, err := s.Appear(ctx, r, pki)
	require.NoError(t, err)
	var pages int
	require.NoError(t, s.DB().QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages))
	_, err = s.DB().ExecContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))
	require.NoError(t, err)

	d := approval.Decision{ID: "d", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest(), Comment: long(200_000)}
	require.ErrorContains(t, s.Decide(ctx, d), "full")
	rec, err := s.Request(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, approval.Pending, rec.State)
	require.Equal(t, []string{"post #pki"}, jobs(t, s))

	_, err = s.DB().ExecContext(ctx, `PRAGMA max_page_count = 100000`)
	require.NoError(t, err)
	require.NoError(t, s.Decide(ctx, d))
	_, _, err = s.VerifyAudit(ctx)
	require.NoError(t, err)
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + i%26)
	}
	return string(b)
}

// Somebody else's tool holds the file's write lock.
func TestALockedFileRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	db := database{url: "sqlite://" + filepath.Join(t.TempDir(), "a.db")}
	s, ctx, r := db.open(t), t.Context(), request("a")
	_, err := s.Appear(ctx, r, pki)
	require.NoError(t, err)
	_, err = s.DB().ExecContext(ctx, `PRAGMA busy_timeout = 50`)
	require.NoError(t, err)
	other, err := store.OpenRaw(ctx, db.url)
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.BeginTx(ctx, nil)
	require.NoError(t, err)

	d := approval.Decision{ID: "d", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}
	require.ErrorContains(t, s.Decide(ctx, d), "locked")
	require.Error(t, s.Ping(ctx), "readiness tells")
	require.NoError(t, tx.Rollback())
	require.NoError(t, s.Decide(ctx, d))
	require.NoError(t, s.Ping(ctx))
}

func TestPostgresAwayIsAnErrorAndPasses(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	db := database{url: server.Database(t), several: true}
	s, ctx, r := db.open(t), t.Context(), request("a")
	_, err := s.Appear(ctx, r, pki)
	require.NoError(t, err)
	d := approval.Decision{ID: "d", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}

	server.Stop(t)
	require.Error(t, s.Decide(ctx, d))
	require.Error(t, s.Ping(ctx))
	server.Start(t)
	require.Eventually(t, func() bool { return s.Ping(ctx) == nil }, 10*time.Second, 20*time.Millisecond)
	rec, err := s.Request(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, approval.Pending, rec.State, "nothing was half-done")
	require.NoError(t, s.Decide(ctx, d))
}

func TestEveryCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, s.Ping(ctx), context.Canceled)
		_, err := s.Known(ctx, approval.Workflow)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestReplicasAreCounted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		first := db.open(t)
		n, err := first.Replicas(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		looking, err := store.Open(t.Context(), db.url, store.Options{ReadOnly: true})
		require.NoError(t, err)
		defer looking.Close()
		if !db.several {
			return
		}
		second, err := store.Open(t.Context(), db.url, store.Options{})
		require.NoError(t, err)
		require.NoError(t, second.Ping(t.Context()))
		n, err = first.Replicas(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, n, "who only looks does not count")
		require.NoError(t, second.Close())
		require.Eventually(t, func() bool {
			n, err := first.Replicas(t.Context())
			return err == nil && n == 1
		}, 10*time.Second, 20*time.Millisecond, "PostgreSQL notices an ended session by and by")
	})
}

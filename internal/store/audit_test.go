package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestTheAuditLogIsAppendOnly(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		require.NoError(t, s.Audit(ctx, store.Entry{Event: "config.changed"}))
		for _, attack := range []string{
			`UPDATE audit SET event = 'nothing'`,
			`DELETE FROM audit`,
			`DELETE FROM audit_head`,
			`UPDATE audit_head SET seq = 0`,
		} {
			_, err := s.DB().ExecContext(ctx, attack)
			require.ErrorContains(t, err, "append-only", attack)
		}
	})
}

// Somebody who owns the database can drop the guards. The chain still tells.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ attack, says string }{
		"a changed word":    {`UPDATE audit SET user_id = 'U9' WHERE seq = 2`, "entry 2 was changed"},
		"a changed detail":  {`UPDATE audit SET detail = '{"n":7}' WHERE seq = 2`, "entry 2 was changed"},
		"a changed time":    {`UPDATE audit SET at = '2020-01-01 00:00:00+00:00' WHERE seq = 3`, "entry 3 was changed"},
		"a removed line":    {`DELETE FROM audit WHERE seq = 2`, "entry 2 is missing"},
		"a removed start":   {`DELETE FROM audit WHERE seq = 1`, "entry 1 is missing"},
		"a removed end":     {`DELETE FROM audit WHERE seq = 3`, "entries 3 to 3 are missing at the end"},
		"a line too many":   {`INSERT INTO audit SELECT 4, at, event, request_id, team, user_id, name, email, membership, detail, prev, hash FROM audit WHERE seq = 3`, "entry 4 does not follow entry 3"},
		"exchanged lines":   {`UPDATE audit SET seq = -seq WHERE seq IN (2, 3); UPDATE audit SET seq = 5 + seq WHERE seq < 0`, "entry 2 does not follow entry 1"},
		"an inserted line":  {`UPDATE audit SET seq = 4 WHERE seq = 3; INSERT INTO audit SELECT 3, at, event, request_id, team, user_id, name, email, membership, detail, prev, hash FROM audit WHERE seq = 2`, "entry 3 does not follow entry 2"},
		"an exchanged line": {`UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 2`, "entry 2 was changed"},
	}
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		exec := func(queries ...string) {
			t.Helper()
			for _, q := range queries {
				_, err := s.DB().ExecContext(ctx, q)
				require.NoError(t, err, q)
			}
		}
		for i := range 3 {
			require.NoError(t, s.Audit(ctx, store.Entry{Event: "decision.refused", By: alice, Detail: map[string]any{"n": i}}))
		}
		if db.several {
			exec(`DROP TRIGGER audit_no_change ON audit`)
		} else {
			exec(`DROP TRIGGER audit_no_update`, `DROP TRIGGER audit_no_delete`)
		}
		exec(`CREATE TABLE original AS SELECT * FROM audit`)
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				_, _, err := s.VerifyAudit(ctx)
				require.NoError(t, err)
				exec(strings.Split(tt.attack, "; ")...)
				_, _, err = s.VerifyAudit(ctx)
				require.ErrorIs(t, err, store.ErrBroken)
				require.ErrorContains(t, err, tt.says)
				exec(`DELETE FROM audit`, `INSERT INTO audit SELECT * FROM original`)
			})
		}
	})
}

func TestEntriesAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.UTC)
		start := now
		s, err := store.Open(t.Context(), db.url, store.Options{Now: func() time.Time { return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		ctx := t.Context()
		const n = 12
		for i := range n {
			by := alice
			if i%2 == 1 {
				by = bob
			}
			require.NoError(t, s.Audit(ctx, store.Entry{Event: fmt.Sprint("event.", i%3), Request: approval.ID(fmt.Sprint("workflow:", i%4)), By: by, Detail: map[string]any{"n": i, "quote": "<\u0000 & \">"}}))
			now = now.Add(time.Hour)
		}
		seqs := func(f store.Filter) (all []int64) {
			for e, err := range s.Entries(ctx, f) {
				require.NoError(t, err)
				all = append(all, e.Seq)
				// The only connection is free while we think.
				_, _, err = s.Setting(ctx, "x")
				require.NoError(t, err)
			}
			return all
		}
		require.Len(t, seqs(store.Filter{}), n)
		require.Equal(t, []int64{1, 5, 9}, seqs(store.Filter{Request: "workflow:0"}))
		require.Equal(t, []int64{1, 4, 7, 10}, seqs(store.Filter{Event: "event.0"}))
		require.Equal(t, []int64{2, 4, 6, 8, 10, 12}, seqs(store.Filter{User: "U2"}))
		require.Equal(t, []int64{12, 10}, seqs(store.Filter{User: "BOB@example.com", Newest: true, Limit: 2}))
		require.Equal(t, []int64{3, 4}, seqs(store.Filter{From: start.Add(2 * time.Hour), To: start.Add(4 * time.Hour)}))
		require.Equal(t, []int64{11, 12}, seqs(store.Filter{After: 10}))
		for e, err := range s.Entries(ctx, store.Filter{Limit: 1}) {
			require.NoError(t, err)
			require.Equal(t, start.Truncate(time.Microsecond), e.At)
			require.Equal(t, alice, e.By)
			require.Equal(t, map[string]any{"n": 0.0, "quote": "<\x00 & \">"}, e.Detail)
		}
		_, _, err = s.VerifyAudit(ctx)
		require.NoError(t, err)
	})
}

package store_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// What was settled long ago is forgotten with all that belongs to it. What is
// still needed is not; and the audit log goes on telling of it, unbroken.
func TestPruneForgetsWhatNobodyNeeds(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		ctx, now := t.Context(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := store.Open(ctx, db.url, store.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		appear := func(key string, change ...func(*approval.Request)) approval.Request {
			r := request(key)
			for _, f := range change {
				f(&r)
			}
			_, err := s.Appear(ctx, r, pki)
			require.NoError(t, err)
			return r
		}
		settle := func(r approval.Request, o approval.Outcome) {
			settled, err := s.Settle(ctx, r.ID, o)
			require.NoError(t, err)
			require.True(t, settled)
		}
		// Voted and decided here, with a reply, a mark, and a message in Slack.
		done := appear("done")
		require.NoError(t, s.Posted(ctx, done.ID, "#pki", "C1", "1", 1))
		_, err = s.Vote(ctx, vote(done, person(1), approval.Approve), quorum(1, "d-done", ""),
			func(*approval.Decision) []store.Reply { return []store.Reply{{Key: "decided", Body: []byte("{}")}} })
		require.NoError(t, err)
		require.NoError(t, s.Finish(ctx, "d-done", approval.Outcome{State: approval.Approved}))
		_, err = s.Once(ctx, "unrouted:"+string(done.ID))
		require.NoError(t, err)
		// Decided elsewhere; and one of which a workflow goes on that somebody still looks at.
		elsewhere := appear("elsewhere")
		settle(elsewhere, approval.Outcome{State: approval.Denied})
		first := appear("first", func(r *approval.Request) { r.Matter = "" })
		settle(first, approval.Outcome{State: approval.Closed, Reason: approval.MovedOn, Matter: "ca:1"})
		second := appear("second", func(r *approval.Request) { r.Matter = "ca:1" })
		// Open ones, however old.
		open := appear("open")
		deciding := appear("deciding")
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d-open", Request: deciding.ID, Verdict: approval.Deny, By: alice, Digest: deciding.Digest()}))
		before := now.Add(time.Second)
		now = now.Add(time.Hour)
		young := appear("young")
		settle(young, approval.Outcome{State: approval.Approved})

		n, more, err := s.Prune(ctx, before)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.False(t, more)
		for _, gone := range []approval.Request{done, elsewhere} {
			_, err := s.Request(ctx, gone.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
			for _, table := range []string{"card", "reply", "decision", "vote"} {
				var left int
				require.NoError(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table+` WHERE request_id = $1`, string(gone.ID)).Scan(&left))
				require.Zero(t, left, table)
			}
		}
		for _, kept := range []approval.Request{first, second, open, deciding, young} {
			mustRequest(t, s, kept.ID)
		}
		again, err := s.Once(ctx, "unrouted:"+string(done.ID))
		require.NoError(t, err)
		require.True(t, again, "the mark went with the request")

		// Once nobody looks at the matter any more, it goes as well.
		settle(second, approval.Outcome{State: approval.Approved})
		n, _, err = s.Prune(ctx, before)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)

		_, _, err = s.VerifyAudit(ctx)
		require.NoError(t, err)
		var told []string
		for e, err := range s.Entries(ctx, store.Filter{Request: done.ID}) {
			require.NoError(t, err)
			told = append(told, e.Event)
		}
		require.Contains(t, told, "request.seen")
		require.Contains(t, told, "decision.made")
		var forgotten []any
		for e, err := range s.Entries(ctx, store.Filter{Event: "requests.forgotten"}) {
			require.NoError(t, err)
			forgotten = append(forgotten, e.Detail["requests"])
		}
		require.Equal(t, []any{float64(2), float64(1)}, forgotten)
	})
}

// Much of it is forgotten in many short transactions, and in several calls.
func TestPruneGivesWay(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, at := db.open(t), t.Context(), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
		const n = 2050
		tx, err := s.DB().BeginTx(ctx, nil)
		require.NoError(t, err)
		for i := range n {
			_, err := tx.ExecContext(ctx, `INSERT INTO request (id, kind, matter, body, digest, changed, state, outcome, route, version, seen_at, updated_at, settled_at)
				VALUES ($1, 'workflow', '', '{}', '', '', 'closed', '{}', '', 1, $2, $2, $2)`, fmt.Sprint("workflow:", i), at)
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())
		gone, more, err := s.Prune(ctx, at.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 2000, gone)
		require.True(t, more)
		gone, more, err = s.Prune(ctx, at.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, n-2000, gone)
		require.False(t, more)
	})
}

// The page about data speaks of every table.
func TestEveryTableIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/data.md")
	require.NoError(t, err)
	for table := range rows(t, database{url: "sqlite:" + t.TempDir() + "/a.db"}.open(t), false) {
		require.Contains(t, string(text), "`"+table+"`", "docs/data.md: say what table %s holds, how long, and whether that is about people", table)
	}
}

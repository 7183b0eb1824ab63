package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestTheSweepReplacesEveryLostJob(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		shown, waiting, quiet := request("shown"), request("waiting"), request("quiet")
		for _, r := range []approval.Request{shown, waiting, quiet} {
			_, err := s.Appear(ctx, r, pki)
			require.NoError(t, err)
		}
		require.NoError(t, s.Posted(ctx, shown.ID, "#pki", "C1", "1", 1))
		require.NoError(t, s.Posted(ctx, quiet.ID, "#pki", "C1", "2", 1))
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d", Request: shown.ID, Verdict: approval.Approve, By: alice, Digest: shown.Digest()},
			store.Reply{Key: "decided", Body: []byte("{}")}, store.Reply{Key: "later", Body: []byte("{}")}))
		want := jobs(t, s)
		require.ElementsMatch(t, []string{"post #pki", "signal d", "refresh workflow:shown #pki", "reply workflow:shown #pki decided"}, want)

		// With all jobs alive nothing is added; with all lost, all come back.
		for _, wreck := range []string{`SELECT 1`, `DELETE FROM river_job`} {
			_, err := s.DB().ExecContext(ctx, wreck)
			require.NoError(t, err)
			n, err := s.Sweep(ctx)
			require.NoError(t, err)
			require.Equal(t, store.Swept{Posts: 1, Refreshes: 1, Replies: 1, Signals: 1}, n)
			require.ElementsMatch(t, want, jobs(t, s))
		}
	})
}

func TestAClickMovesItsJobsForward(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1", 1))
		r.Status = "Awaiting 2 more"
		_, err = s.Revise(ctx, r)
		require.NoError(t, err)
		priority := func() (p int) {
			require.NoError(t, s.DB().QueryRowContext(ctx, `SELECT priority FROM river_job WHERE kind = 'refresh'`).Scan(&p))
			return p
		}
		require.Equal(t, 3, priority(), "a poll's redrawing can wait")
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}))
		require.Equal(t, 1, priority())
	})
}

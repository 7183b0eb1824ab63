package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestTheBacklogCountsWhatWaits(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Now()
		ctx := t.Context()
		s, err := store.Open(ctx, db.url, store.Options{Now: func() time.Time { return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })

		b, err := s.Backlog(ctx)
		require.NoError(t, err)
		require.Empty(t, b.Pending)
		require.Zero(t, b.Passes)
		for _, o := range b.Outbox {
			require.Zero(t, o.Count, o.Kind)
			require.Zero(t, o.Oldest, o.Kind)
		}

		// One request for each step of waiting, and one that nobody takes.
		start := now.UTC().Truncate(time.Microsecond)
		for key, age := range map[string]time.Duration{"week": 8 * 24 * time.Hour, "day": 25 * time.Hour, "hour": 2 * time.Hour, "new": time.Minute} {
			now = start.Add(-age)
			_, err := s.Appear(ctx, request(key), pki)
			require.NoError(t, err)
		}
		now = start
		_, err = s.Appear(ctx, request("lost"), store.Placement{})
		require.NoError(t, err)
		require.NoError(t, s.Posted(ctx, request("hour").ID, "#pki", "C1", "1", 1))
		require.NoError(t, s.Posted(ctx, request("day").ID, "#pki", "C1", "2", 1))
		hour, day := request("hour"), request("day")
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d1", Request: hour.ID, Verdict: approval.Approve, By: alice, Digest: hour.Digest(), At: now.Add(-time.Minute)},
			store.Reply{Key: "decided", Body: []byte("{}")}))
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d2", Request: day.ID, Verdict: approval.Approve, By: alice, Digest: day.Digest()}))
		require.NoError(t, s.SignalSent(ctx, "d2"))
		require.NoError(t, s.Passed(ctx, approval.Workflow))
		now = now.Add(time.Minute)
		require.NoError(t, s.Passed(ctx, approval.Certificate))

		b, err = s.Backlog(ctx)
		require.NoError(t, err)
		require.Equal(t, []store.PendingRequests{
			{Route: "", Waited: [4]int{1}, Oldest: start},
			{Route: "default", Waited: [4]int{1, 1, 1, 1}, Oldest: start.Add(-8 * 24 * time.Hour)},
		}, b.Pending)
		waits := map[string]store.Outgoing{}
		for _, o := range b.Outbox {
			waits[o.Kind] = o
		}
		require.Len(t, waits, 5)
		require.Equal(t, store.Outgoing{Kind: "post", Count: 2, Oldest: start.Add(-8 * 24 * time.Hour)}, waits["post"])
		require.Equal(t, store.Outgoing{Kind: "reply", Count: 1, Oldest: start}, waits["reply"])
		require.Equal(t, store.Outgoing{Kind: "signal", Count: 1, Oldest: start.Add(-time.Minute)}, waits["signal"])
		require.Equal(t, store.Outgoing{Kind: "outcome", Count: 1, Oldest: start}, waits["outcome"])
		require.Equal(t, 2, waits["refresh"].Count)
		require.WithinDuration(t, time.Now(), waits["refresh"].Oldest, time.Hour, "a job's row carries the database's own time")
		require.Positive(t, b.AuditEntries)

		p, err := s.Passes(ctx)
		require.NoError(t, err)
		require.Equal(t, store.Passes{Finished: now, Succeeded: map[approval.Kind]time.Time{approval.Workflow: start, approval.Certificate: now}}, p)
		require.Equal(t, p, b.Passes)
	})
}

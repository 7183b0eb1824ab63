package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestARequestThatWaitsAfterAllIsReopened(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, store.Placement{Route: "default", Channels: []string{"#pki", "#web"}})
		require.NoError(t, err)
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1", 1))
		reopened, err := s.Reopen(ctx, r, pki)
		require.NoError(t, err)
		require.False(t, reopened, "it is pending")

		// A decision that was never sent ended with a request that seemed to be gone.
		d := approval.Decision{ID: "d1", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}
		require.NoError(t, s.Decide(ctx, d))
		require.NoError(t, s.Finish(ctx, "d1", approval.Outcome{State: approval.Closed, Reason: approval.Hidden}))
		_, _, err = s.NextPost(ctx, "#web")
		require.ErrorIs(t, err, store.ErrNotFound)

		reopened, err = s.Reopen(ctx, r, store.Placement{Route: "other", Channels: []string{"#pki", "#web"}})
		require.NoError(t, err)
		require.True(t, reopened)
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, rec.State)
		require.Nil(t, rec.Outcome)
		require.True(t, rec.Settled.IsZero())
		require.Equal(t, "other", rec.Route)
		require.False(t, rec.Decision.Failed.IsZero(), "the way is free for another decision")
		require.Contains(t, jobs(t, s), "refresh workflow:a #pki")
		c, _, err := s.NextPost(ctx, "#web")
		require.NoError(t, err)
		require.Equal(t, r.ID, c.Request)
		d.ID = "d2"
		require.NoError(t, s.Decide(ctx, d))

		// After a signal was taken, closed stays closed.
		require.NoError(t, s.SignalSent(ctx, "d2"))
		require.NoError(t, s.Finish(ctx, "d2", approval.Outcome{State: approval.Closed, Reason: approval.MovedOn}))
		reopened, err = s.Reopen(ctx, r, pki)
		require.NoError(t, err)
		require.False(t, reopened)
	})
}

func TestAnotherRouteShowsARequestElsewhere(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, store.Placement{})
		require.NoError(t, err)
		require.Empty(t, jobs(t, s), "no route, no card")
		for _, want := range []bool{true, false} {
			moved, err := s.Reroute(ctx, r.ID, pki)
			require.NoError(t, err)
			require.Equal(t, want, moved)
		}
		require.Equal(t, []string{"post #pki"}, jobs(t, s))
		require.Equal(t, []string{"request.seen", "request.rerouted"}, events(t, s, store.Filter{}))
	})
}

func TestADeletedCardIsPostedAnew(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		first, _, err := s.StartPost(ctx, r.ID, "#pki")
		require.NoError(t, err)
		require.True(t, first)
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1", 1))
		reposted, err := s.Repost(ctx, r.ID, "#pki", "7")
		require.NoError(t, err)
		require.False(t, reposted, "it is another message by now")
		reposted, err = s.Repost(ctx, r.ID, "#pki", "1")
		require.NoError(t, err)
		require.True(t, reposted)
		first, _, err = s.StartPost(ctx, r.ID, "#pki")
		require.NoError(t, err)
		require.True(t, first)
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "2", 1))

		_, err = s.Settle(ctx, r.ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)
		reposted, err = s.Repost(ctx, r.ID, "#pki", "2")
		require.NoError(t, err)
		require.False(t, reposted, "nobody needs the card of a settled request")
	})
}

package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestARequesterIsToldEachStateOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, r, ctx := db.open(t), request("a"), t.Context()
		followed := pki
		followed.Follow = true
		_, err := s.Appear(ctx, r, followed)
		require.NoError(t, err)
		_, err = s.Appear(ctx, request("b"), pki)
		require.NoError(t, err)
		waiting := func() []store.Follower {
			all, err := s.Followers(ctx, 10)
			require.NoError(t, err)
			return all
		}
		message := func(key string) store.Reply { return store.Reply{Key: key, Body: []byte(`{}`)} }
		tell := func(f store.Follower, state approval.State) bool {
			told, err := s.Follow(ctx, f, state, "U1", message("requester:"+string(state)))
			require.NoError(t, err)
			return told
		}
		require.Equal(t, []store.Follower{{Request: r.ID}}, waiting())
		seen := waiting()[0]
		require.True(t, tell(seen, approval.Pending))
		require.False(t, tell(seen, approval.Pending), "another replica was faster")
		require.Empty(t, waiting(), "until something becomes of it")
		require.Contains(t, jobs(t, s), "reply workflow:a U1 requester:pending")

		_, err = s.Settle(ctx, r.ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)
		require.Equal(t, []store.Follower{{Request: r.ID, Told: approval.Pending}}, waiting())
		require.True(t, tell(waiting()[0], approval.Closed))
		require.Empty(t, waiting())

		// It waits after all, and is then approved.
		_, err = s.Reopen(ctx, r, followed)
		require.NoError(t, err)
		require.Empty(t, waiting())
		_, err = s.Settle(ctx, r.ID, approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere})
		require.NoError(t, err)
		require.True(t, tell(waiting()[0], approval.Approved))
		require.Empty(t, waiting())

		// What is for a person is no reply in a thread, and needs no card.
		reply, card, err := s.Reply(ctx, r.ID, "U1", "requester:pending")
		require.NoError(t, err)
		require.True(t, reply.Direct)
		require.Empty(t, card.Request)
		require.NoError(t, s.Replied(ctx, r.ID, "U1", "requester:pending", "1.1"))
		require.Contains(t, jobs(t, s), "reply workflow:a U1 requester:closed", "in the order in which they were made")
	})
}

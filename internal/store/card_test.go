package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestCardsArePostedInTheOrderPeopleNeedThem(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := store.Open(t.Context(), db.url, store.Options{Now: func() time.Time { return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		ctx := t.Context()
		for _, key := range []string{"old", "middle", "new"} {
			_, err := s.Appear(ctx, request(key), pki)
			require.NoError(t, err)
			now = now.Add(time.Second)
		}
		// The oldest was started, by somebody who crashed, and is settled by now: it
		// has to be found, but those that wait for a decision come first.
		_, _, err = s.StartPost(ctx, request("old").ID, "#pki")
		require.NoError(t, err)
		_, err = s.Settle(ctx, request("old").ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)

		for _, key := range []string{"middle", "new", "old"} {
			c, _, err := s.NextPost(ctx, "#pki")
			require.NoError(t, err)
			require.Equal(t, request(key).ID, c.Request)
			require.NoError(t, s.Posted(ctx, c.Request, "#pki", "C1", key, 1))
		}
		require.Contains(t, jobs(t, s), "refresh workflow:old #pki", "it was posted as it was before it was settled")
	})
}

func TestACardThatSlackRefusesIsGivenUp(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		require.NoError(t, s.CardFailed(ctx, r.ID, "#pki", "is_archived"))
		require.NoError(t, s.CardFailed(ctx, r.ID, "#pki", "is_archived"))
		_, _, err = s.NextPost(ctx, "#pki")
		require.ErrorIs(t, err, store.ErrNotFound)

		// It is shown elsewhere.
		require.NoError(t, s.Place(ctx, r.ID, "#pki", "#escalation"))
		c, _, err := s.NextPost(ctx, "#escalation")
		require.NoError(t, err)
		require.Equal(t, r.ID, c.Request)
		require.Equal(t, []string{"request.seen", "card.failed", "request.placed"}, events(t, s, store.Filter{Request: r.ID}))
		require.ErrorIs(t, s.Place(ctx, "workflow:unknown", "#pki"), store.ErrNotFound)
	})
}

func TestAMarkThatProvedEmptyIsTakenBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		for range 2 {
			first, _, err := s.StartPost(ctx, r.ID, "#pki")
			require.NoError(t, err)
			require.True(t, first)
			require.NoError(t, s.ClearPost(ctx, r.ID, "#pki"))
		}
		_, _, err = s.StartPost(ctx, r.ID, "#nowhere")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestAThreadGetsItsRepliesInOrder(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		require.NoError(t, s.AddReply(ctx, r.ID, "z-first", []byte(`{"n":1}`)))
		require.NoError(t, s.AddReply(ctx, r.ID, "a-second", []byte(`{"n":2}`)))
		require.NoError(t, s.AddReply(ctx, r.ID, "z-first", []byte(`{"n":3}`)), "once for each key")
		require.NotContains(t, jobs(t, s), "reply workflow:a #pki z-first", "a thread needs a card")

		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1", 1))
		require.Contains(t, jobs(t, s), "reply workflow:a #pki z-first")
		require.NotContains(t, jobs(t, s), "reply workflow:a #pki a-second")

		reply, card, err := s.Reply(ctx, r.ID, "#pki", "z-first")
		require.NoError(t, err)
		require.JSONEq(t, `{"n":1}`, string(reply.Body))
		require.Equal(t, "1", card.TS)
		first, _, err := s.StartReply(ctx, r.ID, "#pki", "z-first")
		require.NoError(t, err)
		require.True(t, first)
		first, _, err = s.StartReply(ctx, r.ID, "#pki", "z-first")
		require.NoError(t, err)
		require.False(t, first)
		require.NoError(t, s.ClearReply(ctx, r.ID, "#pki", "z-first"))
		first, _, err = s.StartReply(ctx, r.ID, "#pki", "z-first")
		require.NoError(t, err)
		require.True(t, first)
		require.NoError(t, s.Replied(ctx, r.ID, "#pki", "z-first", "1.5"))
		require.NoError(t, s.Replied(ctx, r.ID, "#pki", "z-first", "1.5"))
		require.ErrorIs(t, s.Replied(ctx, r.ID, "#pki", "z-first", "1.6"), store.ErrPosted)
		require.Contains(t, jobs(t, s), "reply workflow:a #pki a-second")

		// One that Slack refuses does not hold up the next.
		require.NoError(t, s.AddReply(ctx, r.ID, "third", []byte(`{}`)))
		require.NoError(t, s.ReplyFailed(ctx, r.ID, "#pki", "a-second", "thread_not_found"))
		require.Contains(t, jobs(t, s), "reply workflow:a #pki third")
	})
}

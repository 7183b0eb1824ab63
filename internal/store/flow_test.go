package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// The whole way of one request, as every room sees it.
func TestARequestGoesTheWholeWay(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		ctx := t.Context()
		r := request("a")

		// The poll sees it, twice.
		fresh, err := s.Appear(ctx, r, store.Placement{Route: "default", Channels: []string{"#pki", "#web"}})
		require.NoError(t, err)
		require.True(t, fresh)
		fresh, err = s.Appear(ctx, r, pki)
		require.NoError(t, err)
		require.False(t, fresh, "a known request is not new")
		known, err := s.Known(ctx, approval.Workflow)
		require.NoError(t, err)
		require.Len(t, known, 1)
		require.False(t, known[0].Seen.IsZero())
		require.Equal(t, []store.Known{{Seen: known[0].Seen, ID: r.ID, State: approval.Pending, Digest: r.Digest(), Changed: "1", Route: "default"}}, known)
		other, err := s.Known(ctx, approval.Certificate)
		require.NoError(t, err)
		require.Empty(t, other)
		require.ElementsMatch(t, []string{"post #pki", "post #web"}, jobs(t, s))

		// A worker posts its card in one of the channels.
		card, rec, err := s.NextPost(ctx, "#pki")
		require.NoError(t, err)
		require.Equal(t, r.ID, card.Request)
		require.Equal(t, r, rec.Request)
		require.EqualValues(t, 1, rec.Version)
		first, started, err := s.StartPost(ctx, r.ID, "#pki")
		require.NoError(t, err)
		require.True(t, first)
		again, sameStart, err := s.StartPost(ctx, r.ID, "#pki")
		require.NoError(t, err)
		require.False(t, again, "a second attempt must look for the message first")
		require.Equal(t, started, sameStart)
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1.1", 1))
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1.1", 1), "telling it again is fine")
		require.ErrorIs(t, s.Posted(ctx, r.ID, "#pki", "C1", "1.2", 1), store.ErrPosted)
		_, _, err = s.NextPost(ctx, "#pki")
		require.ErrorIs(t, err, store.ErrNotFound)
		found, err := s.FindCard(ctx, "C1", "1.1")
		require.NoError(t, err)
		require.Equal(t, r.ID, found.Request)

		// Alice decides.
		d := approval.Decision{ID: "d1", Request: r.ID, Verdict: approval.Deny, By: alice, Comment: "why?\x00 \xff", Digest: r.Digest(), Channel: "#pki", At: time.Now()}
		require.NoError(t, s.Decide(ctx, d, store.Reply{Key: "decided", Body: []byte(`{"text":"Alice denied"}`)}))
		require.NoError(t, s.Decide(ctx, d), "the same decision again is the same decision")
		require.ElementsMatch(t, []string{"post #pki", "post #web", "signal d1", "refresh workflow:a #pki", "reply workflow:a #pki decided"}, jobs(t, s))
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Deciding, rec.State)
		require.EqualValues(t, 2, rec.Version)
		require.Equal(t, "why? \uFFFD", rec.Decision.Comment)
		require.Equal(t, alice, rec.Decision.By)

		// Bob is too late, and hears who was first.
		err = s.Decide(ctx, approval.Decision{ID: "d2", Request: r.ID, Verdict: approval.Approve, By: bob, Digest: r.Digest()})
		var taken *store.TakenError
		require.ErrorAs(t, err, &taken)
		require.Equal(t, "Alice has already denied this request; the decision is on its way", taken.Error())

		// The signal goes out, is in doubt, and takes effect.
		sd, first, err := s.StartSignal(ctx, "d1")
		require.NoError(t, err)
		require.True(t, first)
		require.False(t, sd.SignalStarted.IsZero())
		_, first, err = s.StartSignal(ctx, "d1")
		require.NoError(t, err)
		require.False(t, first, "after a mark, Keyfactor is asked first")
		require.NoError(t, s.ClearSignal(ctx, "d1"))
		_, first, err = s.StartSignal(ctx, "d1")
		require.NoError(t, err)
		require.True(t, first)
		require.NoError(t, s.SignalTrouble(ctx, "d1", "Keyfactor has not answered yet."))
		require.NoError(t, s.SignalTrouble(ctx, "d1", "Keyfactor has not answered yet."))
		require.EqualValues(t, 3, version(t, s, r.ID), "the same trouble is told once")
		require.NoError(t, s.SignalSent(ctx, "d1"))
		require.NoError(t, s.SignalSent(ctx, "d1"))
		open, err := s.OpenDecisions(ctx)
		require.NoError(t, err)
		require.Len(t, open, 1)
		settled, err := s.Settle(ctx, r.ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)
		require.False(t, settled, "a poll does not settle what is being decided")
		end := approval.Outcome{State: approval.Denied, Reason: approval.DecidedHere, Message: "No Approval Received", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		require.NoError(t, s.Finish(ctx, "d1", end))
		require.NoError(t, s.Finish(ctx, "d1", end))
		require.NoError(t, s.Fail(ctx, "d1", "too late to fail"))
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Denied, rec.State)
		require.Equal(t, &end, rec.Outcome)
		require.False(t, rec.Settled.IsZero())
		require.Len(t, rec.Cards, 2)
		open, err = s.OpenDecisions(ctx)
		require.NoError(t, err)
		require.Empty(t, open)

		// The card that was never started is not worth posting any more.
		_, _, err = s.NextPost(ctx, "#web")
		require.ErrorIs(t, err, store.ErrNotFound)
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, "settled before it was shown", rec.Cards[1].Error)

		// What was done is written down, in order, and proven.
		require.Equal(t, []string{"request.seen", "decision.made", "signal.sent", "request.settled"}, events(t, s, store.Filter{Request: r.ID}))
		n, head, err := s.VerifyAudit(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 4, n)
		require.Len(t, head, 64)
	})
}

func version(t testing.TB, s *store.Store, id approval.ID) int64 {
	t.Helper()
	r, err := s.Request(t.Context(), id)
	require.NoError(t, err)
	return r.Version
}

func events(t testing.TB, s *store.Store, f store.Filter) []string {
	t.Helper()
	var all []string
	for e, err := range s.Entries(t.Context(), f) {
		require.NoError(t, err)
		all = append(all, e.Event)
	}
	return all
}

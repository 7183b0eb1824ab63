package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// castVote casts a vote that completes nothing.
func castVote(t *testing.T, s *store.Store, r approval.Request, by approval.Person, at time.Time) {
	t.Helper()
	v := approval.Vote{Request: r.ID, Verdict: approval.Approve, By: by, Digest: r.Digest(), At: at}
	_, err := s.Vote(t.Context(), v, func([]approval.Vote) *approval.Decision { return nil }, nil)
	require.NoError(t, err)
}

func TestVotedByIsAPersonsOwnLatestFirst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		day := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
		a, b, c, d := appeared(t, s, "a"), appeared(t, s, "b"), appeared(t, s, "c"), appeared(t, s, "d")
		castVote(t, s, a, alice, day.Add(2*time.Hour))
		castVote(t, s, a, bob, day)
		castVote(t, s, b, alice, day)
		castVote(t, s, c, alice, day)
		withdrawn, err := s.Withdraw(ctx, c.ID, alice)
		require.NoError(t, err)
		require.True(t, withdrawn)
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d", Request: d.ID, Verdict: approval.Deny, By: alice, Digest: d.Digest(), At: day.Add(time.Hour)}))

		voted, err := s.VotedBy(ctx, alice.ID, 10)
		require.NoError(t, err)
		require.Len(t, voted, 3)
		require.Equal(t, []approval.ID{a.ID, d.ID, b.ID}, []approval.ID{voted[0].Request.ID, voted[1].Request.ID, voted[2].Request.ID})
		require.Equal(t, approval.Deny, voted[1].Verdict)
		require.Equal(t, day.Add(time.Hour), voted[1].At)
		require.Equal(t, approval.Deciding, voted[1].State)
		require.Equal(t, "d", voted[1].Decision.ID)
		require.Len(t, voted[0].Votes, 2)

		voted, err = s.VotedBy(ctx, alice.ID, 1)
		require.NoError(t, err)
		require.Len(t, voted, 1)
		voted, err = s.VotedBy(ctx, "U404", 10)
		require.NoError(t, err)
		require.Empty(t, voted)
	})
}

func TestOpenMarkMovesWithEveryChange(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		seen := map[string]string{}
		requireNew := func(what string) {
			t.Helper()
			mark, err := s.OpenMark(ctx)
			require.NoError(t, err)
			require.Empty(t, seen[mark], "%s looks like %s", what, seen[mark])
			seen[mark] = what
			again, err := s.OpenMark(ctx)
			require.NoError(t, err)
			require.Equal(t, mark, again)
		}
		requireNew("nothing")
		a := appeared(t, s, "a")
		requireNew("one")
		b := appeared(t, s, "b")
		requireNew("two")
		castVote(t, s, a, alice, time.Time{})
		requireNew("a vote")
		_, err := s.Claim(ctx, b.ID, bob, time.Now().Add(time.Hour))
		require.NoError(t, err)
		requireNew("a claim")
		_, err = s.Settle(ctx, b.ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)
		requireNew("one less")
	})
}

func TestAClaimIsSeenReleasedAndLapses(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		before := mustRequest(t, s, r.ID)
		require.Nil(t, before.Claim)
		until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		claimed, err := s.Claim(ctx, r.ID, alice, until)
		require.NoError(t, err)
		require.True(t, claimed)
		now := mustRequest(t, s, r.ID)
		require.Equal(t, alice, now.Claim.By)
		require.Equal(t, until, now.Claim.Until)
		require.Greater(t, now.Version, before.Version, "cards are drawn again")

		released, err := s.Release(ctx, r.ID, bob)
		require.NoError(t, err)
		require.False(t, released, "it is not Bob's")
		_, err = s.Claim(ctx, r.ID, bob, time.Now().Add(-time.Second)) // takes it over, and has lapsed at once
		require.NoError(t, err)
		require.Equal(t, bob, mustRequest(t, s, r.ID).Claim.By)

		lapsed, err := s.LapseClaims(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, lapsed)
		require.Nil(t, mustRequest(t, s, r.ID).Claim)
		lapsed, err = s.LapseClaims(ctx)
		require.NoError(t, err)
		require.Zero(t, lapsed)

		_, err = s.Claim(ctx, r.ID, alice, until)
		require.NoError(t, err)
		lapsed, err = s.LapseClaims(ctx)
		require.NoError(t, err)
		require.Zero(t, lapsed, "its time is not over")
		released, err = s.Release(ctx, r.ID, alice)
		require.NoError(t, err)
		require.True(t, released)

		_, err = s.Settle(ctx, r.ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)
		claimed, err = s.Claim(ctx, r.ID, alice, until)
		require.NoError(t, err)
		require.False(t, claimed, "there is nothing left to look at")
		_, err = s.Claim(ctx, "workflow:nobody knows it", alice, until)
		require.NoError(t, err)
		_, err = s.Release(ctx, "workflow:nobody knows it", alice)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.Equal(t, []string{"request.seen", "request.claimed", "request.claimed", "claim.lapsed", "request.claimed", "claim.released", "request.settled"}, events(t, s, store.Filter{}))
	})
}

func TestSettingsByPrefix(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		for _, key := range []string{"bülk:1", "bülk:2", "bulk:3", "x"} {
			require.NoError(t, s.PutSetting(ctx, key, "of "+key))
		}
		all, err := s.Settings(ctx, "bülk:", time.Now().Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"bülk:1": "of bülk:1", "bülk:2": "of bülk:2"}, all)
		all, err = s.Settings(ctx, "bülk:", time.Now().Add(-time.Minute))
		require.NoError(t, err)
		require.Empty(t, all, "they were just written")
		require.NoError(t, s.ClearSetting(ctx, "bülk:1"))
		require.NoError(t, s.ClearSetting(ctx, "bülk:1"))
		all, err = s.Settings(ctx, "", time.Now().Add(time.Minute))
		require.NoError(t, err)
		require.Contains(t, all, "x")
		require.NotContains(t, all, "bülk:1")
	})
}

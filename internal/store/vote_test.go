package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func person(i int) approval.Person {
	return approval.Person{Team: "T1", ID: fmt.Sprintf("U%d", i), Name: fmt.Sprintf("Person %d", i), Membership: approval.Member}
}

func vote(r approval.Request, by approval.Person, verdict approval.Verdict) approval.Vote {
	return approval.Vote{Request: r.ID, Verdict: verdict, By: by, Groups: []string{"@pki"}, Comment: "says " + by.ID, Digest: r.Digest(), Channel: "C1"}
}

// quorum makes the decision of n people, sent by an account; one denial ends it.
func quorum(n int, id, account string) func([]approval.Vote) *approval.Decision {
	return func(standing []approval.Vote) *approval.Decision {
		var yes []approval.Voice
		for _, v := range standing {
			if v.Verdict == approval.Deny {
				return &approval.Decision{ID: id, Verdict: approval.Deny, By: v.By, Comment: v.Comment, Channel: v.Channel, Account: account}
			}
			yes = append(yes, approval.Voice{By: v.By, Comment: v.Comment})
		}
		if len(yes) < n {
			return nil
		}
		last := yes[n-1]
		return &approval.Decision{ID: id, Verdict: approval.Approve, By: last.By, Comment: last.Comment, With: yes[:n-1], Account: account}
	}
}

func appeared(t testing.TB, s *store.Store, key string) approval.Request {
	t.Helper()
	r := request(key)
	_, err := s.Appear(t.Context(), r, pki)
	require.NoError(t, err)
	require.NoError(t, s.Posted(t.Context(), r.ID, "#pki", "C1", key, 1))
	return r
}

func standing(t testing.TB, s *store.Store, id approval.ID) (users []string) {
	t.Helper()
	r, err := s.Request(t.Context(), id)
	require.NoError(t, err)
	for _, v := range r.Votes {
		users = append(users, v.By.ID)
	}
	return users
}

func TestTheVoteThatCompletesAQuorumMakesTheDecision(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")

		// Alice is the first of two: nothing is sent, the card and the thread say so.
		var told *approval.Decision
		replies := func(d *approval.Decision) []store.Reply {
			told = d
			return []store.Reply{{Key: fmt.Sprint("vote-", d != nil), Body: []byte("{}")}}
		}
		first := vote(r, alice, approval.Approve)
		first.At = time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
		d, err := s.Vote(ctx, first, quorum(2, "d1", ""), replies)
		require.NoError(t, err)
		require.Nil(t, d)
		require.Nil(t, told)
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, rec.State)
		require.EqualValues(t, 2, rec.Version)
		first.At = first.At.Truncate(time.Microsecond)
		require.Equal(t, []approval.Vote{first}, rec.Votes)
		require.ElementsMatch(t, []string{"post #pki", "refresh workflow:a #pki", "reply workflow:a #pki vote-false"}, jobs(t, s))

		// Bob makes it two.
		d, err = s.Vote(ctx, vote(r, bob, approval.Approve), quorum(2, "d1", ""), replies)
		require.NoError(t, err)
		require.Equal(t, "d1", d.ID)
		require.Equal(t, d, told)
		require.Contains(t, jobs(t, s), "signal d1")
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Deciding, rec.State)
		require.Empty(t, rec.Votes, "they are the decision now")
		require.Equal(t, *d, rec.Decision.Decision)
		require.Equal(t, bob, rec.Decision.By)
		require.Equal(t, []approval.Voice{{By: alice, Comment: "says U1"}}, rec.Decision.With)
		require.Equal(t, r.Digest(), rec.Decision.Digest)
		require.False(t, rec.Decision.At.IsZero())

		// Too late to join, and too late to leave.
		var taken *store.TakenError
		_, err = s.Vote(ctx, vote(r, person(3), approval.Approve), quorum(2, "d2", ""), nil)
		require.ErrorAs(t, err, &taken)
		withdrawn, err := s.Withdraw(ctx, r.ID, alice)
		require.NoError(t, err)
		require.False(t, withdrawn)
		require.Equal(t, []string{"request.seen", "vote.cast", "vote.cast", "decision.made"}, events(t, s, store.Filter{Request: r.ID}))
		for e, err := range s.Entries(ctx, store.Filter{Event: "decision.made"}) {
			require.NoError(t, err)
			require.Equal(t, []any{"U1", "U2"}, e.Detail["voters"])
		}
		requireExplained(t, s, r.ID, t)
	})
}

func TestAVoteCanBeReplacedAndWithdrawn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		yes, never := approval.Approve, func([]approval.Vote) *approval.Decision { return nil }
		for _, v := range []approval.Vote{vote(r, alice, yes), vote(r, bob, yes), vote(r, alice, approval.Deny)} {
			_, err := s.Vote(ctx, v, never, nil)
			require.NoError(t, err)
		}
		require.Equal(t, []string{"U2", "U1"}, standing(t, s, r.ID), "a person has one vote, as old as their last word")

		before := version(t, s, r.ID)
		withdrawn, err := s.Withdraw(ctx, r.ID, alice, store.Reply{Key: "gone", Body: []byte("{}")})
		require.NoError(t, err)
		require.True(t, withdrawn)
		require.Equal(t, before+1, version(t, s, r.ID))
		require.Contains(t, jobs(t, s), "reply workflow:a #pki gone")
		withdrawn, err = s.Withdraw(ctx, r.ID, alice)
		require.NoError(t, err)
		require.False(t, withdrawn, "there is none any more")
		_, err = s.Withdraw(ctx, "workflow:unknown", alice)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.Equal(t, []string{"U2"}, standing(t, s, r.ID))

		// She comes back.
		d, err := s.Vote(ctx, vote(r, alice, yes), quorum(2, "d1", ""), nil)
		require.NoError(t, err)
		require.Equal(t, alice, d.By)
		requireExplained(t, s, r.ID, t)
	})
}

func TestVotesAboutAnotherQuestionAreVoidForGood(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		_, err := s.Vote(ctx, vote(r, alice, approval.Approve), quorum(2, "d1", ""), nil)
		require.NoError(t, err)

		status := r
		status.Status = "Awaiting 2 more"
		_, err = s.Revise(ctx, status)
		require.NoError(t, err)
		require.Equal(t, []string{"U1"}, standing(t, s, r.ID), "the question is the same")

		evil := r
		evil.Subject = "CN=evil.example.com"
		for _, next := range []approval.Request{evil, r} {
			_, err = s.Revise(ctx, next)
			require.NoError(t, err)
			require.Empty(t, standing(t, s, r.ID), "also when the first question is asked again")
		}
		_, err = s.Vote(ctx, vote(evil, bob, approval.Approve), quorum(2, "d1", ""), nil)
		require.ErrorIs(t, err, store.ErrChanged)
		d, err := s.Vote(ctx, vote(r, bob, approval.Approve), quorum(2, "d1", ""), nil)
		require.NoError(t, err)
		require.Nil(t, d)
		d, err = s.Vote(ctx, vote(r, alice, approval.Approve), quorum(2, "d1", ""), nil)
		require.NoError(t, err)
		require.NotNil(t, d)
		for e, err := range s.Entries(ctx, store.Filter{Event: "request.changed", Limit: 1}) {
			require.NoError(t, err)
			require.Equal(t, []any{"U1"}, e.Detail["votes void"])
		}
		requireExplained(t, s, r.ID, t)
	})
}

func TestADecisionNamesOnlyPeopleWhoseVotesStand(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		tallies := map[string]approval.Decision{
			"somebody who said nothing":  {ID: "d", Verdict: approval.Approve, By: alice, With: []approval.Voice{{By: bob}}},
			"somebody twice":             {ID: "d", Verdict: approval.Approve, By: alice, With: []approval.Voice{{By: alice}}},
			"somebody who said no":       {ID: "d", Verdict: approval.Deny, By: alice},
			"somebody who only appeared": {ID: "d", Verdict: approval.Approve, By: bob},
		}
		for name, wrong := range tallies {
			_, err := s.Vote(ctx, vote(r, alice, approval.Approve), func([]approval.Vote) *approval.Decision { return &wrong }, nil)
			require.ErrorContains(t, err, "no standing vote", name)
			require.Empty(t, standing(t, s, r.ID), "nothing is half-done")
		}
		d := approval.Decision{ID: "d", Request: r.ID, Digest: r.Digest(), Verdict: approval.Approve, By: alice, With: []approval.Voice{{By: bob}}}
		require.ErrorContains(t, s.Decide(ctx, d), "U2, who has no standing vote")
		require.Equal(t, []string{"request.seen"}, events(t, s, store.Filter{}))
		_, err := s.Vote(ctx, vote(request("unknown"), alice, approval.Approve), quorum(1, "d", ""), nil)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestTheVotesOfAFailedDecisionStandAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		for _, by := range []approval.Person{alice, bob} {
			_, err := s.Vote(ctx, vote(r, by, approval.Approve), quorum(2, "d1", ""), nil)
			require.NoError(t, err)
		}
		require.NoError(t, s.Fail(ctx, "d1", "Keyfactor refused it."))
		require.Equal(t, []string{"U1", "U2"}, standing(t, s, r.ID))
		withdrawn, err := s.Withdraw(ctx, r.ID, bob)
		require.NoError(t, err)
		require.True(t, withdrawn)
		// The same account again, because the first decision had no effect.
		d, err := s.Vote(ctx, vote(r, person(3), approval.Approve), quorum(2, "d2", ""), nil)
		require.NoError(t, err)
		require.Equal(t, "U1", d.With[0].By.ID)
		requireExplained(t, s, r.ID, t)
	})
}

func TestKeyfactorWantsFurtherPeopleAndAccounts(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		for _, by := range []approval.Person{alice, bob} {
			_, err := s.Vote(ctx, vote(r, by, approval.Approve), quorum(2, "d1", "first"), nil)
			require.NoError(t, err)
		}
		_, _, err := s.StartSignal(ctx, "d1")
		require.NoError(t, err)
		counted := approval.Outcome{Reason: approval.Counted, Message: "Awaiting 1 more approval(s)"}
		require.ErrorContains(t, s.Count(ctx, "d1", approval.Outcome{Reason: approval.DecidedHere}), "does not mean that it was counted")
		before := version(t, s, r.ID)
		require.NoError(t, s.Count(ctx, "d1", counted, store.Reply{Key: "counted", Body: []byte("{}")}))
		require.NoError(t, s.Count(ctx, "d1", counted), "telling it again is fine")
		require.NoError(t, s.Fail(ctx, "d1", "too late to fail"))
		require.ErrorIs(t, s.Count(ctx, "unknown", counted), store.ErrNotFound)
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, rec.State)
		require.Equal(t, before+1, rec.Version)
		require.Nil(t, rec.Decision)
		require.Len(t, rec.Counted, 1)
		require.Equal(t, "first", rec.Counted[0].Account)
		require.False(t, rec.Counted[0].Sent.IsZero(), "Keyfactor has it, whatever the signal heard")
		require.Empty(t, rec.Votes)
		open, err := s.OpenDecisions(ctx)
		require.NoError(t, err)
		require.Empty(t, open)
		require.Contains(t, jobs(t, s), "reply workflow:a #pki counted")

		// Neither of the two may speak again, whatever they say; nor may the account.
		for _, by := range []approval.Person{alice, bob} {
			_, err = s.Vote(ctx, vote(r, by, approval.Deny), quorum(2, "d2", "second"), nil)
			require.ErrorIs(t, err, store.ErrVoted)
			err = s.Decide(ctx, approval.Decision{ID: "d2", Request: r.ID, Verdict: approval.Approve, By: by, Digest: r.Digest(), Account: "second"})
			require.ErrorIs(t, err, store.ErrVoted)
			withdrawn, err := s.Withdraw(ctx, r.ID, by)
			require.NoError(t, err)
			require.False(t, withdrawn)
		}
		_, err = s.Vote(ctx, vote(r, person(3), approval.Approve), quorum(1, "d2", "first"), nil)
		require.ErrorIs(t, err, store.ErrAccount)

		// A third person through the second account is refused by Keyfactor at first.
		_, err = s.Vote(ctx, vote(r, person(3), approval.Approve), quorum(1, "d2", "second"), nil)
		require.NoError(t, err)
		require.NoError(t, s.Fail(ctx, "d2", "Keyfactor refused it."))
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, "Keyfactor refused it.", rec.Decision.Error)
		require.Len(t, rec.Counted, 1)
		_, err = s.Vote(ctx, vote(r, person(3), approval.Approve), quorum(1, "d3", "second"), nil)
		require.NoError(t, err)
		require.NoError(t, s.SignalSent(ctx, "d3"))
		require.NoError(t, s.Finish(ctx, "d3", approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere}))
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Approved, rec.State)
		require.Equal(t, "d3", rec.Decision.ID)
		require.Len(t, rec.Counted, 1)
		requireExplained(t, s, r.ID, t)
		_, _, err = s.VerifyAudit(ctx)
		require.NoError(t, err)
		n, _, err := s.Prune(ctx, time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "with its votes")
	})
}

// An error that is over when a later decision is counted is no longer told.
func TestAFailureBeforeACountIsForgotten(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := store.Open(t.Context(), db.url, store.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		r, ctx := appeared(t, s, "a"), t.Context()
		d := approval.Decision{ID: "d1", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}
		d.At = now.Add(time.Minute) // another replica's clock is ahead
		require.NoError(t, s.Decide(ctx, d))
		require.NoError(t, s.Fail(ctx, "d1", "Keyfactor refused it."))
		d.ID, d.At = "d2", time.Time{}
		require.NoError(t, s.Decide(ctx, d))
		require.NoError(t, s.Count(ctx, "d2", approval.Outcome{Reason: approval.Counted}))
		require.NoError(t, s.Decide(ctx, d), "the same decision again is the same decision")
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Nil(t, rec.Decision)
		require.Len(t, rec.Counted, 1)
		requireExplained(t, s, r.ID, t)
	})
}

func TestWhatKeyfactorCountedSurvivesAReopening(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		_, err := s.Vote(ctx, vote(r, alice, approval.Approve), quorum(1, "d1", "first"), nil)
		require.NoError(t, err)
		require.NoError(t, s.Count(ctx, "d1", approval.Outcome{Reason: approval.Counted}))
		_, err = s.Vote(ctx, vote(r, bob, approval.Approve), quorum(1, "d2", "second"), nil)
		require.NoError(t, err)
		require.NoError(t, s.Finish(ctx, "d2", approval.Outcome{State: approval.Closed, Reason: approval.Hidden}))

		reopened, err := s.Reopen(ctx, r, pki)
		require.NoError(t, err)
		require.True(t, reopened)
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, "d1", rec.Counted[0].ID)
		require.Equal(t, []string{"U2"}, standing(t, s, r.ID), "Bob's was never sent")
		_, err = s.Vote(ctx, vote(r, alice, approval.Approve), quorum(1, "d3", "second"), nil)
		require.ErrorIs(t, err, store.ErrVoted)
		d, err := s.Vote(ctx, vote(r, bob, approval.Approve), quorum(1, "d3", "second"), nil)
		require.NoError(t, err)
		require.NotNil(t, d)

		// Reopened with another question, nobody has said anything yet.
		require.NoError(t, s.Finish(ctx, "d3", approval.Outcome{State: approval.Closed, Reason: approval.Hidden}))
		r.Subject = "CN=evil.example.com"
		reopened, err = s.Reopen(ctx, r, pki)
		require.NoError(t, err)
		require.True(t, reopened)
		require.Empty(t, standing(t, s, r.ID))
		requireExplained(t, s, r.ID, t)
	})
}

// The answer to a commit may be lost; whoever tells the same vote again hears what
// became of it.
func TestTheSameVoteAgainIsTheSameVote(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		v := vote(r, alice, approval.Approve)
		v.At = time.Now()
		for range 2 {
			d, err := s.Vote(ctx, v, quorum(1, "d1", ""), nil)
			require.NoError(t, err)
			require.Equal(t, "d1", d.ID)
		}
		require.NoError(t, s.Count(ctx, "d1", approval.Outcome{Reason: approval.Counted}))
		d, err := s.Vote(ctx, v, quorum(1, "d2", ""), nil)
		require.NoError(t, err)
		require.Equal(t, "d1", d.ID)
		v.At = v.At.Add(time.Second)
		_, err = s.Vote(ctx, v, quorum(1, "d2", ""), nil)
		require.ErrorIs(t, err, store.ErrVoted)
		require.Equal(t, []string{"request.seen", "vote.cast", "decision.made", "signal.counted"}, events(t, s, store.Filter{}))
	})
}

// A vote lapses as it was cast: one that was cast anew meanwhile stands.
func TestAVoteLapses(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		r := appeared(t, s, "a")
		never := func([]approval.Vote) *approval.Decision { return nil }
		old := vote(r, alice, approval.Approve)
		old.At = time.Date(2026, 5, 4, 9, 12, 0, 0, time.UTC)
		_, err := s.Vote(ctx, old, never, nil)
		require.NoError(t, err)
		anew := old
		anew.At = old.At.Add(time.Second)
		_, err = s.Vote(ctx, anew, never, nil)
		require.NoError(t, err)
		require.NoError(t, s.Lapse(ctx, old))
		require.Equal(t, []string{"U1"}, standing(t, s, r.ID))

		before := version(t, s, r.ID)
		for range 2 {
			require.NoError(t, s.Lapse(ctx, anew, store.Reply{Key: "lapsed", Body: []byte("{}")}))
			require.Empty(t, standing(t, s, r.ID))
			require.Equal(t, before+1, version(t, s, r.ID), "once is enough")
		}
		require.Contains(t, jobs(t, s), "reply workflow:a #pki lapsed")
		_, err = s.Vote(ctx, vote(r, bob, approval.Approve), quorum(2, "d1", ""), nil)
		require.NoError(t, err)
		require.Equal(t, []string{"U2"}, standing(t, s, r.ID), "hers is not counted with his")
		gone := anew
		gone.Request = "workflow:unknown"
		require.ErrorIs(t, s.Lapse(ctx, gone), store.ErrNotFound)
		requireExplained(t, s, r.ID, t)
	})
}

package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestTenVotesAtOnceMakeOneDecisionOfThree(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all, ctx := db.replicas(t, 3), t.Context()
		for round := range 3 {
			r := appeared(t, all[0], fmt.Sprint("r", round))
			made := make([]*approval.Decision, 10)
			errs := together(len(made), func(i int) (err error) {
				made[i], err = all[i%3].Vote(ctx, vote(r, person(i), approval.Approve), quorum(3, fmt.Sprintf("d%d-%d", round, i), ""), nil)
				return err
			})
			cast := 0
			for _, err := range errs {
				if err == nil {
					cast++
				} else if _, ok := errors.AsType[*store.TakenError](err); !ok {
					t.Errorf("a vote that came too late got %v", err)
				}
			}
			require.Equal(t, 3, cast)
			made = slices.DeleteFunc(made, func(d *approval.Decision) bool { return d == nil })
			require.Len(t, made, 1)
			l := requireExplained(t, all[0], r.ID, t)
			require.Len(t, l.made, 1)
			require.Len(t, l.made[0].words, 3)
			require.Contains(t, jobs(t, all[0]), "signal "+made[0].ID)
		}
	})
}

// People who vote and withdraw, polls that revise and workers that end decisions,
// all at once: in whatever order it happened, the log explains it.
func TestVotesHoldTogetherUnderConcurrency(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all, ctx := db.replicas(t, 3), t.Context()
		r := appeared(t, all[0], "a")
		other := r
		other.Subject = "CN=other.example.com"
		expected := func(err error) error {
			var taken *store.TakenError
			if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrVoted) || errors.Is(err, store.ErrAccount) || errors.As(err, &taken) {
				return nil
			}
			return err
		}
		errs := together(60, func(i int) error {
			s := all[i%3]
			switch i % 5 {
			case 0, 1, 2:
				_, err := s.Vote(ctx, vote(r, person(i%7), approval.Approve), quorum(2, fmt.Sprint("d", i), fmt.Sprint("a", i%4)), nil)
				return expected(err)
			case 3:
				_, err := s.Withdraw(ctx, r.ID, person(i%7))
				return err
			}
			open, err := s.OpenDecisions(ctx)
			if err != nil {
				return err
			}
			if len(open) > 0 {
				if i%2 == 0 {
					return s.Count(ctx, open[0].ID, approval.Outcome{Reason: approval.Counted})
				}
				return s.Fail(ctx, open[0].ID, "Keyfactor refused it.")
			}
			if _, err := s.Revise(ctx, other); err != nil {
				return err
			}
			_, err = s.Revise(ctx, r)
			return err
		})
		require.NoError(t, errors.Join(errs...))
		requireExplained(t, all[0], r.ID, t)
		_, _, err := all[0].VerifyAudit(ctx)
		require.NoError(t, err)
	})
}

// step is one thing that happens to a request.
type step struct {
	Do     string
	Person int
	Facts  int
	Deny   bool
}

func anyStep() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		return step{
			// What ends an open decision is drawn often, because nothing else happens before it.
			Do:     rapid.SampledFrom([]string{"count", "vote", "fail", "vote", "withdraw", "vote", "revise", "count", "stale", "decide", "reopen", "finish", "close", "reopen"}).Draw(t, "do"),
			Person: rapid.IntRange(1, 5).Draw(t, "person"),
			Facts:  rapid.IntRange(0, 2).Draw(t, "facts"),
			Deny:   rapid.IntRange(0, 4).Draw(t, "deny") == 0,
		}
	})
}

// Whatever happens in whatever order: never two open decisions, never one that
// rests on a word that was taken back or was about something else, never a person
// or an account twice; and the log tells all of it.
func TestEveryHistoryIsExplained(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := store.Open(t.Context(), db.url, store.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		n, seen := 0, map[string]int{}
		rapid.Check(t, func(rt *rapid.T) {
			n++
			h := &history{T: rt, tb: t, s: s, seen: seen}
			for i := range h.questions {
				h.questions[i] = request(fmt.Sprint("r", n))
				h.questions[i].Subject = fmt.Sprintf("CN=%d.example.com", i)
			}
			_, err := s.Appear(t.Context(), h.questions[0], pki)
			require.NoError(rt, err)
			h.log = requireExplained(rt, s, h.id(), t)
			for i, st := range rapid.SliceOfN(anyStep(), 10, 25).Draw(rt, "steps") {
				h.apply(st, fmt.Sprintf("d%d-%d", n, i))
				h.log = requireExplained(rt, s, h.id(), t)
			}
			_, _, err = s.VerifyAudit(t.Context())
			require.NoError(rt, err)
		})
		if !t.Failed() && n >= 100 { // fewer can be asked for by a flag
			for _, event := range []string{"vote", "voted", "taken", "changed", "quorum", "withdrawn", "counted twice", "reopened"} {
				require.Positive(t, seen[event], "no history had a %q: %v", event, seen)
			}
		}
	})
}

// history is a request whose log says what must come of the next step.
type history struct {
	*rapid.T
	tb        testing.TB
	s         *store.Store
	questions [3]approval.Request
	log       *ledger
	seen      map[string]int
}

func (h *history) id() approval.ID { return h.questions[0].ID }

// expect says what a word of a person about a question must be answered.
func (h *history) expect(err error, by approval.Person, digest string) {
	var taken *store.TakenError
	switch {
	case h.log.state != approval.Pending:
		require.ErrorAs(h, err, &taken)
		h.seen["taken"]++
	case digest != h.log.digest:
		require.ErrorIs(h, err, store.ErrChanged)
		h.seen["changed"]++
	case h.log.spent(by.ID):
		require.ErrorIs(h, err, store.ErrVoted)
		h.seen["voted"]++
	default:
		require.NoError(h, err)
		h.seen["vote"]++
	}
}

func (h *history) apply(st step, id string) {
	ctx, by, verdict := h.tb.Context(), person(st.Person), approval.Approve
	if st.Deny {
		verdict = approval.Deny
	}
	account := fmt.Sprint("a", len(h.log.counted()))
	question := h.questions[st.Facts]
	if st.Do == "vote" || st.Do == "decide" { // about what is asked now
		i := slices.IndexFunc(h.questions[:], func(q approval.Request) bool { return q.Digest() == h.log.digest })
		question = h.questions[i]
	}
	open := ""
	if m := h.log.open(); m != nil {
		open = m.id
	}
	var err error
	switch st.Do {
	case "vote", "stale":
		var d *approval.Decision
		d, err = h.s.Vote(ctx, vote(question, by, verdict), quorum(2, id, account), nil)
		h.expect(err, by, question.Digest())
		if err == nil && d != nil && len(d.With) > 0 {
			h.seen["quorum"]++
		}
		return
	case "decide":
		err = h.s.Decide(ctx, approval.Decision{ID: id, Request: question.ID, Verdict: verdict, By: by, Digest: question.Digest(), Account: account})
		h.expect(err, by, question.Digest())
		return
	case "withdraw":
		if len(h.log.votes) > 0 && !st.Deny { // mostly somebody who has a vote
			by = person(0)
			by.ID = h.log.votes[st.Person%len(h.log.votes)].user
		}
		stood := slices.ContainsFunc(h.log.votes, func(w word) bool { return w.user == by.ID })
		var withdrawn bool
		withdrawn, err = h.s.Withdraw(ctx, h.id(), by)
		require.Equal(h, stood && h.log.state == approval.Pending, withdrawn)
		if withdrawn {
			h.seen["withdrawn"]++
		}
	case "revise":
		_, err = h.s.Revise(ctx, question)
	case "close":
		_, err = h.s.Settle(ctx, h.id(), approval.Outcome{State: approval.Closed, Reason: approval.Hidden})
	case "reopen":
		var reopened bool
		reopened, err = h.s.Reopen(ctx, question, pki)
		require.Equal(h, h.log.state == approval.Closed, reopened)
		if reopened {
			h.seen["reopened"]++
		}
	case "fail", "count", "finish":
		if open == "" {
			return
		}
		switch st.Do {
		case "fail":
			err = h.s.Fail(ctx, open, "Keyfactor refused it.")
		case "count":
			err = h.s.Count(ctx, open, approval.Outcome{Reason: approval.Counted})
			if len(h.log.counted()) > 0 {
				h.seen["counted twice"]++
			}
		case "finish":
			err = h.s.Finish(ctx, open, approval.Outcome{State: approval.Closed, Reason: approval.MovedOn})
		}
	}
	require.NoError(h, err)
}

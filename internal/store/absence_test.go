package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestAbsences(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		now := time.Now().UTC().Truncate(time.Microsecond)
		away := func(id string, p, delegate approval.Person, until time.Duration) approval.Absence {
			return approval.Absence{ID: id, Person: p, Delegate: delegate, From: now.Add(-2 * time.Hour), Until: now.Add(until)}
		}
		list := func() []approval.Absence {
			all, err := s.Absences(ctx)
			require.NoError(t, err)
			return all
		}
		require.NoError(t, s.Leave(ctx, away("1", alice, bob, 2*time.Hour)))
		require.NoError(t, s.Leave(ctx, away("2", bob, approval.Person{}, time.Hour)))
		require.NoError(t, s.Leave(ctx, away("3", approval.Person{ID: "U3"}, alice, -time.Hour)))
		require.Equal(t, []approval.Absence{away("2", bob, approval.Person{}, time.Hour), away("1", alice, bob, 2*time.Hour)}, list(), "what is over has ended by itself")

		require.NoError(t, s.Leave(ctx, away("4", alice, approval.Person{}, 3*time.Hour)))
		require.Equal(t, away("4", alice, approval.Person{}, 3*time.Hour), list()[1], "the latest counts")

		ended, err := s.Return(ctx, alice.ID, bob)
		require.NoError(t, err)
		require.True(t, ended)
		for _, user := range []string{alice.ID, "U3", "U9"} {
			ended, err = s.Return(ctx, user, bob)
			require.NoError(t, err)
			require.False(t, ended)
		}
		require.Len(t, list(), 1)
		require.Error(t, s.Leave(ctx, away("5", alice, bob, -3*time.Hour)))

		var said []string
		for e, err := range s.Entries(ctx, store.Filter{}) {
			require.NoError(t, err)
			said = append(said, e.Event+" "+e.By.ID)
		}
		require.Equal(t, []string{"absence.begun U1", "absence.begun U2", "absence.begun U3", "absence.begun U1", "absence.ended U2"}, said)
	})
}

// Who is represented is remembered with the vote and with the decision.
func TestWhoIsRepresentedIsRemembered(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		v := approval.Vote{Request: r.ID, Verdict: approval.Approve, By: bob, For: alice, Digest: r.Digest()}
		_, err = s.Vote(ctx, v, func(standing []approval.Vote) *approval.Decision {
			require.Equal(t, alice, standing[0].For)
			return &approval.Decision{ID: "d", Verdict: approval.Approve, By: bob, For: alice}
		}, nil)
		require.NoError(t, err)
		got, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, alice, got.Decision.For)
	})
}

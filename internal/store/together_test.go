package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Those who write at the same moment share a commit. Whoever fails fails alone, and
// what the others were told holds.
func TestManyAtOnceAndSomeOfThemFail(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		const n = 40
		for i := range n {
			_, err := s.Appear(t.Context(), request(fmt.Sprint(i)), pki)
			require.NoError(t, err)
		}
		answers := make([]error, 3*n)
		var all sync.WaitGroup
		for i := range n {
			r := request(fmt.Sprint(i))
			all.Go(func() { answers[3*i] = s.Decide(t.Context(), decision(2*i, r)) })
			all.Go(func() { answers[3*i+1] = s.Decide(t.Context(), decision(2*i+1, r)) })
			all.Go(func() {
				d := decision(1000+i, request("nobody knows"))
				answers[3*i+2] = s.Decide(t.Context(), d)
			})
		}
		all.Wait()
		for i := range n {
			first, second := answers[3*i], answers[3*i+1]
			require.NotEqual(t, first == nil, second == nil, "one of two decisions stands: %v, %v", first, second)
			var taken *store.TakenError
			require.ErrorAs(t, errors.Join(first, second), &taken)
			require.ErrorIs(t, answers[3*i+2], store.ErrNotFound)
		}
		open, err := s.OpenDecisions(t.Context())
		require.NoError(t, err)
		require.Len(t, open, n)
		_, _, err = s.VerifyAudit(t.Context())
		require.NoError(t, err)
	})
}

// Whoever gives up before anything was begun has changed nothing.
func TestWhoGivesUpIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Appear(ctx, request("a"), pki)
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Request(t.Context(), request("a").ID)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A statement that is kept prepared can be asked again while its rows are open.
func TestAStatementInUseIsNotDisturbed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		for i := range 5 {
			_, err := s.Appear(t.Context(), request(fmt.Sprint(i)), pki)
			require.NoError(t, err)
		}
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer tx.Rollback() //nolint:errcheck // only read
		const query = `SELECT id FROM request WHERE kind = $1 ORDER BY id`
		outer, err := tx.QueryContext(t.Context(), query, string(approval.Workflow))
		require.NoError(t, err)
		defer outer.Close()
		require.True(t, outer.Next())
		if db.url[:6] == "sqlite" { // PostgreSQL answers one question at a time
			inner, err := tx.QueryContext(t.Context(), query, string(approval.Workflow))
			require.NoError(t, err)
			defer inner.Close()
			seen := 0
			for inner.Next() {
				seen++
			}
			require.NoError(t, inner.Err())
			require.Equal(t, 5, seen)
		}
		rest := 0
		for outer.Next() {
			rest++
		}
		require.NoError(t, outer.Err())
		require.Equal(t, 4, rest)
	})
}

package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/store"
)

func TestSubscriptionsAreRememberedAndAudited(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		web := store.Subscription{ID: "s1", Channel: "C1", Filter: json.RawMessage(`{"template":"Web*"}`), CreatedBy: alice, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		all := store.Subscription{ID: "s2", Channel: "C2", Filter: json.RawMessage(`{}`), CreatedBy: bob, Created: web.Created.Add(time.Second)}
		for _, sub := range []store.Subscription{all, web, web} {
			require.NoError(t, s.Subscribe(ctx, sub))
		}
		live, err := s.Subscriptions(ctx)
		require.NoError(t, err)
		require.Equal(t, []store.Subscription{web, all}, live)

		for _, want := range []bool{true, false} {
			removed, err := s.Unsubscribe(ctx, "s1", bob)
			require.NoError(t, err)
			require.Equal(t, want, removed)
		}
		require.NoError(t, s.Subscribe(ctx, web), "a late repetition")
		live, err = s.Subscriptions(ctx)
		require.NoError(t, err)
		require.Equal(t, []store.Subscription{all}, live, "does not bring it back")

		require.Equal(t, []string{"subscription.added", "subscription.added", "subscription.removed"}, events(t, s, store.Filter{}))
		for e, err := range s.Entries(ctx, store.Filter{Event: "subscription.removed"}) {
			require.NoError(t, err)
			require.Equal(t, bob, e.By)
			require.Equal(t, map[string]any{"subscription": "s1", "channel": "C1", "filter": map[string]any{"template": "Web*"}}, e.Detail)
		}
		for _, wrong := range []store.Subscription{{}, {ID: "s3", Channel: "C1"}, {ID: "s3", Channel: "C1", Filter: json.RawMessage(`{`)}, {ID: "s3", Filter: json.RawMessage(`{}`)}} {
			require.ErrorContains(t, s.Subscribe(ctx, wrong), "needs an ID, a channel and a filter")
		}
	})
}

func TestOnceIsTrueForOne(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all, ctx := db.replicas(t, 3), t.Context()
		firsts := make([]bool, 9)
		errs := together(len(firsts), func(i int) (err error) {
			firsts[i], err = all[i%3].Once(ctx, fmt.Sprint("unrouted:", i%2))
			return err
		})
		require.NoError(t, errors.Join(errs...))
		n := 0
		for _, first := range firsts {
			if first {
				n++
			}
		}
		require.Equal(t, 2, n, "one for each key")

		require.NoError(t, all[0].ClearOnce(ctx, "unrouted:0"))
		for _, want := range []bool{true, false} {
			first, err := all[1].Once(ctx, "unrouted:0")
			require.NoError(t, err)
			require.Equal(t, want, first)
		}
	})
}

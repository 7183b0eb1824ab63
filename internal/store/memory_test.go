package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
	"github.com/approvebot/approvebot/internal/store"
)

// asks is a request for a name, with a key.
func asks(key, requester, keyID string, names ...string) approval.Request {
	r := request(key)
	r.Requester, r.Matter, r.CommonName = requester, "", names[0]
	r.CSR = &approval.CSR{KeyID: keyID}
	for _, n := range names {
		r.SANs = append(r.SANs, approval.SAN{Kind: "dns", Value: n})
	}
	return r
}

func mustRecall(t *testing.T, s *store.Store, r approval.Request) hint.Memory {
	t.Helper()
	m, err := s.Memory(t.Context(), r)
	require.NoError(t, err)
	require.True(t, m.Read)
	return m
}

func TestMemoryOutlivesTheRequests(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		first := asks("a", `EXAMPLE\Alice`, "k1", "www.example.com", "*.example.co.uk")
		m := mustRecall(t, s, first)
		require.Empty(t, m.Domains)
		require.False(t, m.Requester)

		_, err := s.Appear(ctx, first, pki)
		require.NoError(t, err)
		require.Empty(t, mustRecall(t, s, asks("b", "bob", "k2", "example.com")).Domains, "to ask is not to get")
		settled, err := s.Settle(ctx, first.ID, approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere})
		require.NoError(t, err)
		require.True(t, settled)
		require.Empty(t, mustRecall(t, s, first).Domains, "a request is not its own precedent")

		for range 2 { // before and after the request is forgotten
			again := mustRecall(t, s, asks("b", `example\alice`, "k1", "example.com", "new.example.net", "examp1e.com", "shop.example.co.uk"))
			require.Equal(t, map[string]hint.Acquaintance{"example.com": {Requester: true}, "example.co.uk": {Requester: true}}, again.Domains)
			require.True(t, again.Requester)
			require.Equal(t, map[string][]string{"examp1e.com": {"example.com"}}, again.Similar)
			require.Equal(t, []hint.KeyUse{{Request: first.ID, Name: "www.example.com", Approved: true}}, again.SameKey)

			other := mustRecall(t, s, asks("c", "bob", "k9", "example.com"))
			require.Equal(t, map[string]hint.Acquaintance{"example.com": {}}, other.Domains)
			require.False(t, other.Requester)
			require.Empty(t, other.SameKey)

			_, _, err = s.Prune(ctx, time.Now().Add(time.Hour))
			require.NoError(t, err)
			_, err = s.Request(ctx, first.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
	})
}

// A denied request teaches nothing, a revocation neither; a hand-over makes two
// requests of one matter.
func TestMemoryLearnsFromApprovalsAlone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		denied := asks("a", "mallory", "k1", "evil.example.net")
		revoked := asks("b", "bob", "k2", "old.example.org")
		revoked.Revocation = true
		moved := asks("c", "carol", "k3", "device.example.dev")
		for r, o := range map[*approval.Request]approval.Outcome{
			&denied:  {State: approval.Denied, Reason: approval.DecidedElsewhere},
			&revoked: {State: approval.Approved, Reason: approval.DecidedElsewhere},
			&moved:   {State: approval.Approved, Reason: approval.HandedOver, Matter: "ca:1"},
		} {
			_, err := s.Appear(ctx, *r, pki)
			require.NoError(t, err)
			_, err = s.Settle(ctx, r.ID, o)
			require.NoError(t, err)
		}
		m := mustRecall(t, s, asks("d", "dave", "k3", "evil.example.net", "old.example.org", "device.example.dev", "hostile\x00.example.com", "\xff.example.com"))
		require.Equal(t, map[string]hint.Acquaintance{"example.dev": {}}, m.Domains)
		require.Equal(t, []hint.KeyUse{{Request: moved.ID, Name: "device.example.dev", Matter: "ca:1", Approved: true}}, m.SameKey)
	})
}

// What an earlier release has kept is learned from once, when its database is taken over.
func TestMemoryBeginsWithWhatWasApprovedBefore(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		old, err := store.OpenUnmigrated(t.Context(), db.url)
		require.NoError(t, err)
		provider, err := old.Provider()
		require.NoError(t, err)
		_, err = provider.UpTo(t.Context(), 3)
		require.NoError(t, err)
		now := time.Now().UTC()
		for id, state := range map[string]string{"workflow:a": "approved", "workflow:b": "denied", "workflow:c": "approved"} {
			body := `{"id":"` + id + `","requester":"alice","sans":[{"kind":"dns","value":"www.` + state + `.example"}]}`
			if id == "workflow:c" {
				body = "damaged"
			}
			_, err = old.DB().ExecContext(t.Context(), `INSERT INTO request (id, kind, matter, body, digest, changed, state, outcome, settled_at, route, version, seen_at, updated_at)
				VALUES ($1, 'workflow', '', $2, 'd', '', $3, '{}', $4, 'r', 1, $4, $4)`, id, body, state, now)
			require.NoError(t, err)
		}
		require.NoError(t, old.Close())

		s := db.open(t)
		require.Equal(t, map[string]hint.Acquaintance{"approved.example": {Requester: true}}, mustRecall(t, s, asks("d", "alice", "k", "approved.example", "denied.example")).Domains)
	})
}

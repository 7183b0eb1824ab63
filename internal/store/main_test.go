package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// database is a place for a store; open opens it as one more replica would.
type database struct {
	url string
	// several says that more than one process may work on it.
	several bool
}

// onBoth runs one exercise on both engines: one promise, two ways to keep it.
func onBoth(t *testing.T, exercise func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) {
		exercise(t, database{url: "sqlite://" + filepath.Join(t.TempDir(), "approvebot.db")})
	})
	t.Run("postgres", func(t *testing.T) {
		exercise(t, database{url: pgtest.URL(t), several: true})
	})
}

func (d database) open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), d.url, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var (
	alice = approval.Person{Team: "T1", ID: "U1", Name: "Alice", Email: "alice@example.com", Membership: approval.Member}
	bob   = approval.Person{Team: "T1", ID: "U2", Name: "Bob", Email: "bob@example.com", Membership: approval.Member}
)

func request(key string) approval.Request {
	return approval.Request{
		ID: approval.NewID(approval.Workflow, key), Title: "Enroll " + key, Reference: "42",
		Subject: "CN=" + key + ".example.com", Requester: `EXAMPLE\alice`, Matter: "matter-" + key,
		Facts:    []approval.Fact{{Label: "Subject", Value: "CN=" + key + ".example.com"}},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
		Status:   "Awaiting 1 more approval(s)", Missing: 1, Changed: "1",
	}
}

var pki = store.Placement{Route: "default", Channels: []string{"#pki"}}

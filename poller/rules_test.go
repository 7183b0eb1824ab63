package poller_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/poller"
)

func rules(route, fingerprint string) poller.Rules {
	return poller.Rules{Routing: route + fingerprint, Routes: map[string]string{route: fingerprint}, Cards: "c", Facts: "f"}
}

func (w *world) version(t *testing.T, id approval.ID) int64 {
	t.Helper()
	r, err := w.store.Request(t.Context(), id)
	require.NoError(t, err)
	return r.Version
}

func (w *world) passes(t *testing.T) {
	t.Helper()
	require.NoError(t, w.poller.Pass(t.Context()))
}

// Open requests follow a changed configuration, each as far as it is concerned.
func TestOpenRequestsFollowTheRules(t *testing.T) {
	const id = "workflow:a/1"
	w := newWorld(t)
	w.rules = rules("pki", "1")
	w.waits(id, "CN=a")
	w.passes(t)
	w.passes(t)
	first := w.version(t, id)

	w.rules = rules("pki", "2") // another quorum, say
	w.passes(t)
	require.Equal(t, first+1, w.version(t, id), "the card is drawn anew")
	w.passes(t)
	require.Equal(t, first+1, w.version(t, id), "once")

	w.rules.Cards = "others"
	w.passes(t)
	require.Equal(t, first+2, w.version(t, id))
	looks := len(w.looks)
	w.rules.Facts = "other metadata"
	w.passes(t)
	require.Len(t, w.looks, looks+1, "it is read again")
	require.Equal(t, first+2, w.version(t, id), "and says the same")

	// Another route takes it, although the old one is still there.
	w.route = "web"
	w.rules = poller.Rules{Routing: "x", Routes: map[string]string{"pki": "2", "web": "1"}, Cards: "others", Facts: "other metadata"}
	w.passes(t)
	r, err := w.store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "web", r.Route)
	require.Len(t, r.Cards, 2, "where it is shown it stays")

	// None does: nobody decides it, and the admins hear of it.
	w.route = ""
	w.rules.Routing = "y"
	w.passes(t)
	r, err = w.store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, r.Route)
	require.Equal(t, []approval.ID{id}, w.unrouted)
}

// The rules that hold are remembered: a restart without a change redraws nothing,
// one with a change does, also when the list cannot be read.
func TestRulesOutliveARestart(t *testing.T) {
	const id = "workflow:a/1"
	w := newWorld(t)
	w.rules = rules("pki", "1")
	w.waits(id, "CN=a")
	w.passes(t)
	first := w.version(t, id)
	restart := func() {
		w.poller = w.newPoller(t)
	}
	restart()
	w.passes(t)
	require.Equal(t, first, w.version(t, id))
	restart()
	w.rules = rules("pki", "2")
	w.breakOff = errors.New("cut")
	require.Error(t, w.poller.Pass(t.Context()))
	require.Equal(t, first+1, w.version(t, id), "following needs no Keyfactor")
}

// What is being decided follows when the decision has failed.
func TestRequestsBeingDecidedFollowLater(t *testing.T) {
	const id = "workflow:a/1"
	w := newWorld(t)
	w.rules = rules("pki", "1")
	w.waits(id, "CN=a")
	w.passes(t)
	r, err := w.store.Request(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, w.store.Decide(t.Context(), approval.Decision{ID: "d", Request: id, Verdict: approval.Approve, By: approval.Person{ID: "U1"}, Digest: r.Request.Digest()}))
	w.route = "web"
	w.rules = poller.Rules{Routing: "x", Routes: map[string]string{"pki": "1", "web": "1"}, Cards: "c", Facts: "f"}
	w.passes(t)
	require.NoError(t, w.store.Fail(t.Context(), "d", "Keyfactor refused it."))
	w.routed = func(string) bool { return true } // the old route is still there
	w.passes(t)
	r, err = w.store.Request(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "web", r.Route)
}

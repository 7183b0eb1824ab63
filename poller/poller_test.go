package poller_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/poller"
)

// source is a queue with a memory: what it lists, what it says when asked, and
// how its list breaks off.
type source struct {
	mu       sync.Mutex
	listed   []approval.ID
	standing map[approval.ID]approval.Standing
	unread   map[approval.ID]error
	skip     error // yielded first, as a row that could not be read
	breakOff error // yielded after the rows
	looks    []approval.ID
	inList   func() // called while the list is read
}

func (s *source) Kind() approval.Kind { return approval.Workflow }

func (s *source) List(context.Context) iter.Seq2[approval.Item, error] {
	return func(yield func(approval.Item, error) bool) {
		if s.inList != nil {
			s.inList()
		}
		if s.skip != nil && !yield(approval.Item{}, &approval.SkippedError{ID: "workflow:bad/row", Err: s.skip}) {
			return
		}
		for _, id := range s.listed {
			if !yield(approval.Item{ID: id, Changed: s.standing[id].Request.Changed}, nil) {
				return
			}
		}
		if s.breakOff != nil {
			yield(approval.Item{}, s.breakOff)
		}
	}
}

func (s *source) Look(_ context.Context, id approval.ID) (approval.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks = append(s.looks, id)
	return s.standing[id], s.unread[id]
}

func (s *source) Counted(context.Context, approval.ID) (bool, error) { return false, nil }

func (s *source) Send(context.Context, approval.Decision) error {
	return errors.New("a poll sends nothing")
}

// waits makes the source list a request and describe it.
func (s *source) waits(id approval.ID, subject string) {
	s.listed = append(s.listed, id)
	s.says(id, subject)
}

func (s *source) says(id approval.ID, subject string) {
	s.standing[id] = approval.Standing{Waiting: true, Request: approval.Request{
		ID: id, Title: "t", Subject: subject, Changed: subject, Facts: []approval.Fact{{Label: "Subject", Value: subject}},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
	}}
}

type world struct {
	*source
	route    string // what the configuration calls its only route; empty: none matches
	unrouted []approval.ID
	reminded []approval.ID
	changed  []string
	rules    poller.Rules
	routed   func(name string) bool
	store    *store.Store
	poller   *poller.Poller
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), store.Options{Log: zaptest.NewLogger(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	w := &world{route: "pki", source: &source{standing: map[approval.ID]approval.Standing{}, unread: map[approval.ID]error{}}, store: st}
	w.poller = w.newPoller(t)
	return w
}

func (w *world) newPoller(t *testing.T) *poller.Poller {
	return poller.New(poller.Config{
		Sources: func() []approval.Source { return []approval.Source{w.source} }, Store: w.store, Log: zaptest.NewLogger(t),
		Route: func(context.Context, approval.Request) (store.Placement, error) {
			if w.route == "" {
				return store.Placement{}, nil
			}
			return store.Placement{Route: w.route, Channels: []string{"#" + w.route}}, nil
		},
		Changed: func(_ context.Context, before, after approval.Request) {
			w.changed = append(w.changed, before.Subject+" to "+after.Subject)
		},
		Rules: func() poller.Rules { return w.rules },
		Routed: func(name string) bool {
			if w.routed != nil {
				return w.routed(name)
			}
			return name == w.route
		},
		Unrouted: func(_ context.Context, r approval.Request) { w.unrouted = append(w.unrouted, r.ID) },
		Remind:   func(_ context.Context, k store.Known) { w.reminded = append(w.reminded, k.ID) },
	})
}

func (w *world) state(t *testing.T, id approval.ID) approval.State {
	t.Helper()
	r, err := w.store.Request(t.Context(), id)
	require.NoError(t, err)
	return r.State
}

const one, two approval.ID = "workflow:1/a", "workflow:2/a"

func TestNewRequestsAreRememberedWithTheirCards(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	require.NoError(t, w.poller.Pass(t.Context()))
	require.NoError(t, w.poller.Pass(t.Context()))

	r, err := w.store.Request(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, approval.Pending, r.State)
	require.Len(t, r.Cards, 1)
	require.Equal(t, []approval.ID{one}, w.looks, "a steady poll asks for lists only")
}

// Only what Keyfactor still lists is worth a reminder.
func TestRemindsOfWhatIsListed(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	w.waits(two, "CN=two")
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Empty(t, w.reminded, "it has only just appeared")
	w.listed = w.listed[:1]
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Equal(t, []approval.ID{one}, w.reminded)
	w.breakOff = errors.New("cut")
	require.Error(t, w.poller.Pass(t.Context()))
	require.Len(t, w.reminded, 1, "half a list says nothing")
}

func TestUnroutedRequestIsReportedOnceAndPlacedWhenARouteTakesIt(t *testing.T) {
	w := newWorld(t)
	w.route = ""
	w.waits(one, "CN=one")
	require.NoError(t, w.poller.Pass(t.Context()))
	require.NoError(t, w.poller.Pass(t.Context()))
	r, err := w.store.Request(t.Context(), one)
	require.NoError(t, err)
	require.Empty(t, r.Cards)
	require.Equal(t, []approval.ID{one, one}, w.unrouted, "at every pass, lest it gets lost")

	w.route = "web"
	require.NoError(t, w.poller.Pass(t.Context()))
	r, err = w.store.Request(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, "web", r.Route)
	require.Len(t, r.Cards, 1)
	require.Equal(t, "#web", r.Cards[0].Channel)
}

// The permission to read was withdrawn for a while: the card was closed, and
// opens again when the request turns out to wait.
func TestClosedRequestThatWaitsAgainIsReopened(t *testing.T) {
	for name, test := range map[string]struct {
		outcome approval.Outcome
		want    approval.State
	}{
		"hidden opens again":  {approval.Outcome{State: approval.Closed, Reason: approval.Hidden}, approval.Pending},
		"approved stays done": {approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere}, approval.Approved},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.waits(one, "CN=one")
			require.NoError(t, w.poller.Pass(t.Context()))
			w.listed, w.standing[one] = nil, approval.Standing{Outcome: test.outcome}
			require.NoError(t, w.poller.Pass(t.Context()))
			require.Equal(t, test.outcome.State, w.state(t, one))
			w.waits(one, "CN=one")
			require.NoError(t, w.poller.Pass(t.Context()))
			require.Equal(t, test.want, w.state(t, one))
		})
	}
}

func TestMissingRequestIsAskedForBeforeItIsClosed(t *testing.T) {
	denied := approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 7"}
	for name, test := range map[string]struct {
		standing approval.Standing
		unread   error
		want     approval.State
	}{
		"decided in the portal":            {standing: approval.Standing{Outcome: denied}, want: approval.Denied},
		"still waiting, so it stays":       {standing: approval.Standing{Waiting: true}, want: approval.Pending},
		"cannot be read, so it stays":      {unread: approval.ErrUnavailable, want: approval.Pending},
		"credentials refused, so it stays": {unread: approval.ErrUnauthorized, want: approval.Pending},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.waits(one, "CN=one")
			require.NoError(t, w.poller.Pass(t.Context()))
			w.listed = nil
			w.standing[one], w.unread[one] = test.standing, test.unread
			require.NoError(t, w.poller.Pass(t.Context()))
			require.Equal(t, test.want, w.state(t, one))
		})
	}
}

func TestBrokenListClosesNothingAndOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	require.NoError(t, w.poller.Pass(t.Context()))

	// The second page fails: request one would seem to be missing, two is new.
	w.listed, w.breakOff = nil, errors.New("page 2: 502")
	w.waits(two, "CN=two")
	w.standing[one] = approval.Standing{Outcome: approval.Outcome{State: approval.Closed, Reason: approval.Gone}}
	require.ErrorContains(t, w.poller.Pass(t.Context()), "page 2: 502")
	require.Equal(t, approval.Pending, w.state(t, one))
	_, err := w.store.Request(t.Context(), two)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Error(t, w.poller.Reports()[0].Err)

	// The next poll makes good for it.
	w.breakOff = nil
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Equal(t, approval.Closed, w.state(t, one))
	require.Equal(t, approval.Pending, w.state(t, two))
}

func TestMalformedRowIsSkippedAndTheOthersGoOn(t *testing.T) {
	w := newWorld(t)
	w.skip = errors.New("no Id")
	w.waits(one, "CN=one")
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Equal(t, approval.Pending, w.state(t, one))
	require.Equal(t, 1, w.poller.Reports()[0].Skipped)
}

func TestUnreadableNewRequestIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	w.unread[one] = approval.ErrUnavailable
	w.waits(two, "CN=two")
	require.NoError(t, w.poller.Pass(t.Context()))
	_, err := w.store.Request(t.Context(), one)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, approval.Pending, w.state(t, two), "one request's trouble is not another's")

	delete(w.unread, one)
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Equal(t, approval.Pending, w.state(t, one))
}

func TestChangedRequestIsReadAgain(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	require.NoError(t, w.poller.Pass(t.Context()))
	w.says(one, "CN=other")
	require.NoError(t, w.poller.Pass(t.Context()))
	r, err := w.store.Request(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, "CN=other", r.Request.Subject)
	require.Greater(t, r.Version, int64(1), "its cards are drawn again")
	require.Equal(t, []string{"CN=one to CN=other"}, w.changed)
}

func TestRequestsBeingDecidedAreLeftToTheSignal(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	require.NoError(t, w.poller.Pass(t.Context()))
	r, err := w.store.Request(t.Context(), one)
	require.NoError(t, err)
	require.NoError(t, w.store.Decide(t.Context(), approval.Decision{ID: "d", Request: one, Verdict: approval.Approve, Digest: r.Request.Digest()}))

	w.listed = nil
	w.standing[one] = approval.Standing{Outcome: approval.Outcome{State: approval.Closed, Reason: approval.Gone}}
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Equal(t, approval.Deciding, w.state(t, one))
}

func TestNeverTwoPassesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.waits(one, "CN=one")
	inner := errors.New("not called")
	w.inList = func() {
		w.inList = func() { t.Error("a second pass read the list") }
		inner = w.poller.Pass(t.Context())
	}
	require.NoError(t, w.poller.Pass(t.Context()))
	require.NoError(t, inner)
}

func TestEmptyListByMistakeAsksForABoundedNumber(t *testing.T) {
	w := newWorld(t)
	for i := range 500 {
		w.waits(approval.ID(fmt.Sprintf("workflow:%d/a", i)), "CN=x")
	}
	require.NoError(t, w.poller.Pass(t.Context()))
	w.listed, w.looks = nil, nil
	require.NoError(t, w.poller.Pass(t.Context()))
	require.Len(t, w.looks, 200)
	known, err := w.store.Known(t.Context(), approval.Workflow)
	require.NoError(t, err)
	require.Len(t, known, 500)
}

func TestCompareAsksEachQuestionOnce(t *testing.T) {
	known := []store.Known{
		{ID: "workflow:same/a", State: approval.Pending, Changed: "1"},
		{ID: "workflow:changed/a", State: approval.Pending, Changed: "1"},
		{ID: "workflow:missing/a", State: approval.Pending, Changed: "1"},
		{ID: "workflow:deciding/a", State: approval.Deciding, Changed: "1"},
	}
	listed := []approval.Item{
		{ID: "workflow:same/a", Changed: "1"},
		{ID: "workflow:changed/a", Changed: "2"},
		{ID: "workflow:new/a", Changed: "1"},
		{ID: "workflow:new/a", Changed: "1"}, // a row that moved between two pages
	}
	require.Equal(t, poller.Difference{
		New:     []approval.Item{{ID: "workflow:new/a", Changed: "1"}},
		Changed: []approval.Item{{ID: "workflow:changed/a", Changed: "2"}},
		Missing: []approval.ID{"workflow:missing/a"},
		Waiting: known[:2],
	}, poller.Compare(known, listed))
}

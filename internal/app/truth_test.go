package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

// What happens to a request outside of Slack, and what its card says then.
func TestCardsFollowTheTruth(t *testing.T) {
	const dave = `EXAMPLE\dave`
	t.Parallel()
	t.Run("decided in the portal", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		yes, yesCard := p.arrive("web")
		no, noCard := p.arrive("web")
		require.NoError(t, p.keyfactor.Decide(yes, dave, true, "fine"))
		require.NoError(t, p.keyfactor.Decide(no, dave, false, "not fine"))
		p.becomes(yesCard, "Approved in Keyfactor")
		p.becomes(noCard, "Denied in Keyfactor", "user with Id")
		require.Zero(t, p.signals(yes)+p.signals(no))
	})
	t.Run("partly approved in the portal", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("domain-controller")
		require.Contains(t, card.String(), "2 more approvals")
		require.NoError(t, p.keyfactor.Decide(id, `EXAMPLE\carol`, true, ""))
		p.await("the card to count", func() bool {
			m, _ := p.slack.Message(room, card.TS)
			return !strings.Contains(m.String(), "2 more approvals") && pressable(m)
		})
		p.approve("ada", card)
		p.becomes(card, "Approved")
		require.Equal(t, 1, p.accepted(id))
	})
	t.Run("approved here, and Keyfactor waits for one more", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("domain-controller")
		p.approve("ada", card)
		p.await("the card to say that it counts", func() bool {
			m, _ := p.slack.Message(room, card.TS)
			return containsAll(m.String(), []string{"1 more approval"}) && !pressable(m)
		})
		require.NoError(t, p.keyfactor.Decide(id, dave, true, ""))
		p.becomes(card, "Approved")
		require.Equal(t, 1, p.accepted(id))
	})
	t.Run("moved to the next step", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, first := p.arrive("code-signing")
		require.NoError(t, p.keyfactor.Decide(id, dave, true, ""))
		p.await("a card for the second step", func() bool { return len(p.cards(id)) == 2 })
		p.becomes(first, "Approved", "left this step")
		second := p.cards(id)[1]
		require.True(t, pressable(second))
		p.approve("ben", second)
		p.becomes(second, "Approved", "<@"+p.slack.UserID("ben")+">")
		require.Equal(t, 1, p.accepted(id))
	})
	t.Run("failed after the decision", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("web")
		require.NoError(t, p.keyfactor.FailLater(id, "The RPC server is unavailable."))
		p.approve("ada", card)
		p.becomes(card, "The RPC server is unavailable.")
		require.Equal(t, 1, p.accepted(id))
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("web")
		require.NoError(t, p.keyfactor.Stop(id))
		p.becomes(card, "Workflow stopped by")
	})
	t.Run("restarted", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("web")
		again, err := p.keyfactor.Restart(id)
		require.NoError(t, err)
		p.becomes(card, "restarted")
		require.True(t, pressable(p.card(again)))
	})
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("web")
		require.NoError(t, p.keyfactor.Delete(id))
		p.becomes(card, "Keyfactor no longer knows this request")
	})
	t.Run("at the CA", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id := p.appear("certificate")
		card := p.card("certificate:" + id)
		require.NoError(t, p.keyfactor.DecideCertificate(mustAtoi(t, id), dave, false, "not ours"))
		p.becomes(card, "Denied")
	})
	t.Run("handed over to the CA", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, sqliteIn(t.TempDir()))
		p.start()
		id, card := p.arrive("device")
		p.approve("ada", card)
		p.becomes(card, "The CA now wants its own approval")
		p.await("the request at the CA", func() bool {
			for _, m := range p.slack.Messages(room) {
				if m.ThreadTS == "" && containsAll(string(m.Metadata), []string{"certificate:"}) && pressable(m) {
					return true
				}
			}
			return false
		})
		require.Equal(t, 1, p.accepted(id))
	})
}

// The permission to read what is no longer assigned to us is withdrawn together
// with the role: the card says that it cannot be read. Given back, it opens again.
func TestPermissionWithdrawnAndGivenBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	r := p.start()
	id, card := p.arrive("web")
	none := []string{}
	given := []string{"Service Accounts", "PKI Approvers", "Security Office"}
	withdraw := func(left ...string) {
		require.NoError(t, p.keyfactor.SetPermissions(botIdentity, []string{"Requesters"}, left))
	}
	withdraw("/workflows/instances/read/pending/", "/monitoring/alerts/read/", "/certificates/requests/manage/")
	p.becomes(card, "Keyfactor no longer lets approvebot read this request")
	require.NoError(t, p.keyfactor.SetPermissions(botIdentity, given, none))
	open := func() bool { m, _ := p.slack.Message(room, card.TS); return pressable(m) }
	p.await("the card to open again", open)

	// Without any permission there is not even a list, and from that nothing follows.
	withdraw(none...)
	p.await("an operator to be told", func() bool {
		return r.says(zap.ErrorLevel, "does not have the required permissions: /workflows/instances/read/pending/")
	})
	require.True(t, open())
	require.NoError(t, p.keyfactor.SetPermissions(botIdentity, given, none))
	p.approve("ada", card)
	p.becomes(card, "Approved", "<@"+p.slack.UserID("ada")+">")
	require.Len(t, p.cards(id), 1)
	require.Equal(t, 1, p.accepted(id))
}

// The list is wrong for a while, in one way or another. Nothing is closed, nobody
// is told nonsense, and afterwards everything goes on.
func TestAListThatCannotBeTrustedClosesNothing(t *testing.T) {
	t.Parallel()
	lists := func(f keyfactorsim.Fault) keyfactorsim.Fault { f.Path = "AssignedToMe"; return f }
	for name, fault := range map[string]keyfactorsim.Fault{
		"HTML instead of JSON": lists(keyfactorsim.Fault{Kind: keyfactorsim.HTMLAnswer}),
		"truncated":            lists(keyfactorsim.Fault{Kind: keyfactorsim.Truncate}),
		"cut":                  lists(keyfactorsim.Fault{Kind: keyfactorsim.CutBefore}),
		"500":                  lists(keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Status: 500}),
		"401":                  lists(keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Status: 401}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sqliteIn(t.TempDir()))
			r := p.start()
			_, card := p.arrive("web")
			require.NoError(t, p.keyfactor.SetFaults(fault))
			p.await("two failed polls", func() bool {
				return r.log.FilterMessage("poll failed; nothing is concluded from it").Len() >= 2
			})
			status, ready := readyz(t, r.app.Addr())
			require.Equal(t, http.StatusOK, status, "clicks are still taken")
			require.False(t, ready.Parts["keyfactor workflow"].OK)
			m, _ := p.slack.Message(room, card.TS)
			require.True(t, pressable(m))
			require.NoError(t, p.keyfactor.SetFaults())
			p.approve("ada", card)
			p.becomes(card, "Approved", "<@"+p.slack.UserID("ada")+">")
			p.await("a good poll", func() bool { _, ready := readyz(t, r.app.Addr()); return ready.Parts["keyfactor workflow"].OK })
		})
	}
}

// A list that is empty by mistake, or lacks a page, is well-formed, and still
// proves nothing: every missing request is asked for.
func TestAnEmptyListByMistakeClosesNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	empty := &emptyLists{next: p.keyfactor}
	r := p.startWith(empty)
	_, one := p.arrive("web")
	_, two := p.arrive("web")
	empty.on.Store(true)
	p.await("three polls of nothing", func() bool { return empty.served.Load() >= 3 })
	empty.on.Store(false)
	decided, card := p.arrive("web") // a whole poll later
	for _, c := range []string{one.TS, two.TS} {
		m, _ := p.slack.Message(room, c)
		require.True(t, pressable(m), m.String())
	}
	require.NoError(t, p.keyfactor.Decide(decided, `EXAMPLE\dave`, true, ""))
	p.becomes(card, "Approved in Keyfactor")
	require.False(t, r.says(zap.ErrorLevel, "poll"))
}

// Keyfactor's clock is an hour off, one way and the other: nothing is decided by
// comparing it with ours.
func TestKeyfactorsClockIsAnHourOff(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sqliteIn(t.TempDir()))
			kf := newKeyfactor(t, keyfactorsim.Config{Now: func() time.Time { return time.Now().Add(off) }})
			p.keyfactor = kf
			p.start()
			here, card := p.arrive("web")
			p.approve("ada", card)
			p.becomes(card, "Approved", "<@"+p.slack.UserID("ada")+">")
			require.Equal(t, 1, p.signals(here))
			there, card := p.arrive("web")
			require.NoError(t, kf.Decide(there, `EXAMPLE\dave`, false, ""))
			p.becomes(card, "Denied in Keyfactor")
		})
	}
}

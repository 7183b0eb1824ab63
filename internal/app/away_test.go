package app_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// Slack's Web API is away, in one way or another, while requests come, are
// decided in the portal and are decided here: afterwards every card catches up.
func TestSlackIsAway(t *testing.T) {
	for name, away := range map[string]func(p *place, on bool){
		"503 to everything": func(p *place, on bool) {
			f := slacksim.Faults{}
			if on {
				f.Rules = []slacksim.Fault{{Method: "*", Kind: slacksim.Status, Status: 503}}
			}
			require.NoError(p, p.slack.SetFaults(f))
		},
		"every connection is cut": func(p *place, on bool) {
			p.slackDoor.shut.Store(on)
			if on {
				p.slack.CloseSockets()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sqliteIn(t.TempDir()))
			r := p.start()
			_, here := p.arrive("web")
			there, thereCard := p.arrive("web")
			modal := p.press("ada", here, "approve")
			away(p, true)
			late := p.appear("web")
			require.NoError(t, p.keyfactor.Decide(there, `EXAMPLE\dave`, false, ""))
			decided := taken(p.submit("ada", modal, "")) // the link may live on
			before := len(p.slack.Calls("chat.postMessage"))
			p.await("an operator to be told", func() bool {
				return r.says(zap.WarnLevel, "Slack") || r.says(zap.WarnLevel, "slack")
			})
			if !decided {
				require.Len(t, p.slack.Calls("chat.postMessage"), before)
				p.await("readyz to say so", func() bool {
					status, ready := readyz(t, r.app.Addr())
					return status == http.StatusServiceUnavailable && !ready.Parts["slack"].OK && ready.Parts["slack"].Detail != ""
				})
			}
			away(p, false)
			if !decided {
				p.decide("ada", modal, "")
			}
			p.becomes(here, "Approved", "<@"+p.slack.UserID("ada")+">")
			p.becomes(thereCard, "Denied in Keyfactor")
			require.True(t, pressable(p.card(late)))
			require.Len(t, p.cards(late), 1)
		})
	}
}

// Slack refuses to update a settled card ten times. The eleventh time counts.
func TestACardIsUpdatedAfterTenRefusals(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	p.start()
	id, card := p.arrive("web")
	require.NoError(t, p.slack.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "chat.update", Kind: slacksim.RateLimited, RetryAfter: 1, Count: 10}}}))
	require.NoError(t, p.keyfactor.Decide(id, `EXAMPLE\dave`, true, ""))
	p.await("ten refusals", func() bool { return p.slack.CallCount("chat.update") > 10 })
	p.becomes(card, "Approved in Keyfactor")
	refused := 0
	for _, c := range p.slack.Calls("chat.update") {
		if c.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	require.Equal(t, 10, refused)
}

// A hundred cards wait for their turn in the channel. A click does not: its card
// changes while most of them still wait.
func TestAClickDoesNotWaitBehindPosts(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()), func(c *slacksim.Config) { c.RateLimits = true })
	p.start()
	id, card := p.arrive("web")
	var last string
	for range 100 {
		last = p.appear("web")
	}
	p.await("the queue to move", func() bool { return len(p.slack.Messages(room)) > 2 })
	p.approve("ada", card)
	p.becomes(card, "Approved")
	require.Equal(t, 1, p.accepted(id))
	require.Empty(t, p.cards(last))
	require.Less(t, len(p.slack.Messages(room)), 50)
}

// Keyfactor is away, in one way or another, when a decision is to be sent: the
// card says what happens, the log names the cause, and the decision goes out when
// Keyfactor is back.
func TestKeyfactorIsAway(t *testing.T) {
	for name, test := range map[string]struct {
		away      func(p *place, r *replica, on bool)
		card, log string
	}{
		"cut": {func(_ *place, r *replica, on bool) { r.keyfactor.shut.Store(on) },
			"The decision is kept and will go on as soon as it does", "Keyfactor is not available"},
		"HTML instead of JSON": {everything(keyfactorsim.Fault{Kind: keyfactorsim.HTMLAnswer}),
			"The decision is kept and will go on as soon as it does", "a web page instead of JSON; is a proxy asking for a login, or is the base URL wrong?"},
		"401": {everything(keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Status: 401}),
			"Keyfactor does not let approvebot in at the moment. The decision is kept; its operators have to look.", "Keyfactor does not accept our credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sqliteIn(t.TempDir()))
			r := p.start()
			id, card := p.arrive("web")
			test.away(p, r, true)
			p.approve("ada", card)
			p.becomes(card, test.card)
			require.True(t, r.says(zap.WarnLevel, test.log))
			status, ready := readyz(t, r.app.Addr())
			require.Equal(t, http.StatusOK, status, "clicks are still taken")
			p.await("the poll to fail", func() bool { _, ready = readyz(t, r.app.Addr()); return !ready.Parts["keyfactor workflow"].OK })
			require.Zero(t, p.accepted(id))

			test.away(p, r, false)
			p.await("the decision to go out", func() bool { return p.accepted(id) == 1 })
			p.becomes(card, "Approved", "<@"+p.slack.UserID("ada")+">")
			p.approve("ben", p.card(p.appear("web")))
			require.Equal(t, 1, p.accepted(id))
		})
	}
}

// everything makes all calls to Keyfactor go wrong.
func everything(f keyfactorsim.Fault) func(*place, *replica, bool) {
	return func(p *place, _ *replica, on bool) {
		if !on {
			require.NoError(p, p.keyfactor.SetFaults())
			return
		}
		require.NoError(p, p.keyfactor.SetFaults(f))
	}
}

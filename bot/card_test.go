package bot_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

func (w *world) faults(rules ...slacksim.Fault) {
	w.Helper()
	require.NoError(w, w.slack.SetFaults(slacksim.Faults{Rules: rules}))
}

// cardsOf counts the cards of a request that a channel really holds.
func (w *world) cardsOf(id approval.ID, channel string) (n int) {
	for _, m := range w.slack.Messages(channel) {
		if (m.ThreadTS == "" || m.ThreadTS == m.TS) && strings.Contains(string(m.Metadata), string(id)) {
			n++
		}
	}
	return n
}

// P1: whatever Slack does to a post, the channel ends up with one card.
func TestOneCardWhateverSlackDoes(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]slacksim.Fault{
		"the answer is lost":            {Method: "chat.postMessage", Kind: slacksim.CutAfter, Count: 1},
		"the post is lost":              {Method: "chat.postMessage", Kind: slacksim.CutBefore, Count: 1},
		"a fatal error after posting":   {Method: "chat.postMessage", Kind: slacksim.FatalError, Count: 1},
		"an HTML page after posting":    {Method: "chat.postMessage", Kind: slacksim.HTML, After: true, Count: 1},
		"an error status after posting": {Method: "chat.postMessage", Kind: slacksim.Status, Status: 500, After: true, Count: 1},
		"rate limited":                  {Method: "chat.postMessage", Kind: slacksim.RateLimited, RetryAfter: 1, Count: 3},
		"ok without a message":          {Method: "chat.postMessage", Kind: slacksim.NotOK, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.faults(fault)
			id := w.waits(1)
			w.card(id)
			require.Equal(t, 1, w.cardsOf(id, "#pki-approvals"))
		})
	}
}

// A settled card loses its buttons even if Slack refuses the first ten updates.
func TestCardsCatchUpWithTheTruth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	w.faults(slacksim.Fault{Method: "chat.update", Kind: slacksim.RateLimited, RetryAfter: 1, Count: 5})
	settled, err := w.store.Settle(t.Context(), id, approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 3"})
	require.NoError(t, err)
	require.True(t, settled)
	_, m := w.settled(id)
	require.Empty(t, w.buttons(m))
	require.Contains(t, m.String(), "user with Id 3")
}

func TestBlocksThatSlackRefusesBecomePlainText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.faults(slacksim.Fault{Method: "chat.postMessage", Kind: slacksim.Error, Error: "invalid_blocks", Count: 1})
	id := w.waits(1)
	m := w.card(id)
	require.Contains(t, m.String(), "web01.example.com")
	require.Empty(t, m.Buttons())
}

func TestDeletedCardOfAPendingRequestIsPostedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	first := w.card(id)
	require.NoError(t, w.slack.DeleteMessage("#pki-approvals", first.TS))
	changed := request(id, 1)
	changed.Facts[0].Value = "CN=other"
	_, err := w.store.Revise(t.Context(), changed) // anything that redraws it
	require.NoError(t, err)
	w.await("another card", func() bool {
		r, _ := w.store.Request(t.Context(), id)
		return r.Cards[0].TS != "" && r.Cards[0].TS != first.TS
	})
	m := w.card(id)
	require.Equal(t, []string{"approve", "deny"}, w.buttons(m))
}

// The channel is archived: the admins are told, and get the card themselves.
func TestLostChannelIsToldToTheAdmins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	require.NoError(t, w.slack.ArchiveChannel("#pki-approvals"))
	changed := request(id, 1)
	changed.Facts[0].Value = "CN=other"
	w.queue.change(func() { w.queue.waiting[id] = changed })
	_, err := w.store.Revise(t.Context(), changed)
	require.NoError(t, err)
	carol := w.slack.DirectChannelID("carol")
	w.await("words to the admin, and a card", func() bool {
		all := strings.Join(texts(w.slack.Messages(carol)), "\n")
		return strings.Contains(all, "archived") && w.cardsOf(id, carol) == 1
	})
	// The card in the direct message works like any other.
	var card slacksim.Message
	for _, m := range w.slack.Messages(carol) {
		if _, ok := m.Button(blocks.ActionApprove); ok {
			card = m
		}
	}
	r := w.slack.Click(t.Context(), slacksim.Click{As: "carol", Channel: carol, TS: card.TS, ActionID: blocks.ActionApprove})
	require.True(t, r.Acknowledged, r.Error)
	w.await("a modal", func() bool { v := w.slack.Views("carol"); return len(v) == 1 && v[0].SubmitLabel != nil })
	require.True(t, w.submit("carol", w.slack.Views("carol")[0], "").Closed)
	w.await("the outcome", func() bool { r, _ := w.store.Request(t.Context(), id); return r.State == approval.Approved })
}

// A channel that the bot was not invited to gets its cards once it is.
func TestCardWaitsForAnInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := approval.ID("workflow:invite/step")
	_, err := w.store.Appear(t.Context(), request(id, 1), store.Placement{Route: "all", Channels: []string{"#not-invited"}})
	require.NoError(t, err)
	w.await("a refused post", func() bool { return w.slack.CallCount("chat.postMessage") > 0 })
	require.NotEmpty(t, w.bot.CheckRoute(t.Context(), bot.Team{}, "#not-invited"))
	require.NoError(t, w.slack.InviteBot("#not-invited"))
	require.Empty(t, w.bot.CheckRoute(t.Context(), bot.Team{}, "#not-invited"))
	require.NoError(t, w.bot.Post(t.Context(), "#not-invited"))
	require.Equal(t, 1, w.cardsOf(id, "#not-invited"))
}

package bot_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

// asks types a slash command in a channel and returns the answer.
func (w *world) asks(who, channel, text string) string {
	w.Helper()
	before := len(w.slack.Ephemerals(who))
	r := w.slack.Command(w.Context(), who, channel, "/approvebot "+text)
	require.True(w, r.Acknowledged, r.Error)
	w.await("an answer to "+text, func() bool { return len(w.slack.Ephemerals(who)) > before })
	all := w.slack.Ephemerals(who)
	return all[len(all)-1].String()
}

func TestFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.rules = []approval.Rule{{Route: "dan's", Users: []string{"@dan"}}}
	first := w.waits(1)
	w.card(first)
	w.lie("all", 2, 3, func(r *approval.Request) {
		r.Requester, r.SANs = `EXAMPLE\zoe`, []approval.SAN{{Kind: "dns", Value: "shop.example.org"}}
		r.Fields = map[string]string{"secret": "matched-on-only"}
	})
	w.lie("dan's", 4, 4)
	_, err := w.store.Settle(t.Context(), "workflow:00000000-0000-4000-8000-000000000003/step", approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere})
	require.NoError(t, err)

	const anywhere = "#general"
	for text, want := range map[string]string{
		"web02":                    "1 request fits",
		"WEB02.example":            "`web02.example.com`",
		"4002":                     "`web02.example.com`",
		"zoe":                      "2 requests fit",
		"zoe denied":               "denied in Keyfactor",
		"SHOP.example.org pending": "`web02.example.com`",
		"web04":                    "Nothing that you may see", // of another route
		"matched-on-only":          "Nothing that you may see", // it is never shown
		"":                         "Say what to look for",
	} {
		require.Contains(t, w.asks("ada", anywhere, "find "+text), want, text)
	}
	require.NotContains(t, w.asks("ada", anywhere, "find zoe denied"), "web02")
	require.Contains(t, w.asks("dan", anywhere, "find web04"), "1 request fits")
	require.Contains(t, w.asks("dan", anywhere, "find web01"), "Nothing that you may see")
	require.Contains(t, w.asks("dan", "#pki-approvals", "find web01"), "/archives/", "it is shown in this channel, and can be reached")
	require.Contains(t, w.asks("dan", "#pki-approvals", "find web02"), "Nothing that you may see", "it has no card there yet")
	require.Contains(t, w.asks("carol", anywhere, "find web04"), "1 request fits", "admins see all")
}

func TestTheShortcutExplains(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	card := w.card(w.waits(1))
	use := func(ts string) {
		r := w.slack.Shortcut(t.Context(), "ada", blocks.ShortcutExplain, "#pki-approvals", ts)
		require.True(t, r.Acknowledged, r.Error)
	}
	use(card.TS)
	w.told("ada", "web01.example.com")
	first := len(w.slack.Ephemerals("ada"))

	in, err := w.slack.PostAs("ben", "#pki-approvals", card.TS, "what is this?")
	require.NoError(t, err)
	use(in.TS) // in the card's thread
	w.await("the same again", func() bool {
		all := w.slack.Ephemerals("ada")
		return len(all) > first && strings.Contains(all[len(all)-1].String(), "web01.example.com")
	})
	out, err := w.slack.PostAs("ben", "#pki-approvals", "", "lunch?")
	require.NoError(t, err)
	use(out.TS)
	w.told("ada", "shows no request that approvebot knows")
}

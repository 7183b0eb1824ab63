package bot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// lie lets requests of a route wait that nobody need post: they have cards nowhere yet.
func (w *world) lie(route string, from, to int, change ...func(*approval.Request)) {
	w.Helper()
	for n := from; n <= to; n++ {
		r := request(approval.ID(fmt.Sprintf("workflow:00000000-0000-4000-8000-%012d/step", n)), n)
		for _, c := range change {
			c(&r)
		}
		w.queue.change(func() { w.queue.waiting[r.ID] = r })
		_, err := w.store.Appear(w.Context(), r, store.Placement{Route: route, Channels: []string{"#no-such-channel"}})
		require.NoError(w, err)
	}
}

// home opens a person's Home tab and waits until it shows text.
func (w *world) home(who, text string) slacksim.View {
	w.Helper()
	r := w.slack.OpenHome(w.Context(), who)
	require.True(w, r.Acknowledged, r.Error)
	return w.homeShows(who, text)
}

func (w *world) homeShows(who, text string) (v slacksim.View) {
	w.Helper()
	w.await(fmt.Sprintf("%s's Home to show %q", who, text), func() bool {
		var ok bool
		v, ok = w.slack.HomeOf(who)
		return ok && strings.Contains(v.String(), text)
	})
	return v
}

func (w *world) pressHome(who string, c slacksim.Click) {
	w.Helper()
	c.As = who
	r := w.slack.ClickView(w.Context(), c)
	require.True(w, r.Acknowledged, r.Error)
}

func TestHomeShowsWhatWaitsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.rules = []approval.Rule{{Route: "others", Users: []string{"@dan"}}, {Route: "second", Users: []string{"@ada"}}}
	w.lie("all", 1, 23)
	w.lie("others", 24, 30)
	w.lie("second", 31, 31)

	v := w.home("ada", "24 requests wait for you")
	require.Contains(t, v.String(), "1 to 10 of 24")
	require.Contains(t, v.String(), "web01.example.com")
	require.NotContains(t, v.String(), "web11.example.com")
	_, back := v.Button(blocks.ActionPrevious)
	require.False(t, back, "there is nothing before the first page")

	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionNext})
	w.homeShows("ada", "11 to 20 of 24")
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionNext})
	v = w.homeShows("ada", "21 to 24 of 24")
	_, further := v.Button(blocks.ActionNext)
	require.False(t, further, "there is nothing after the last page")

	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionFilter, SelectedOption: blocks.HomeRouteValue("second")})
	v = w.homeShows("ada", "web31.example.com")
	require.NotContains(t, v.String(), "web01.example.com")
	w.home("ada", "web31.example.com") // opened again it is where it was
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionFilter, SelectedOption: "all"})
	w.homeShows("ada", "1 to 10 of 24")

	require.Contains(t, w.home("dan", "7 requests wait for you").String(), "web24.example.com")
	w.home("gina", "Nothing waits for you") // a guest
	require.Zero(t, w.slack.CallCount("chat.getPermalink"), "no question to Slack for each request")
}

// What is decided from the Home tab goes the same way as from a card, but never without a last look.
func TestDecideFromHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Approve.Need = approval.CommentOff }})
	id := w.waits(1)
	card := w.card(id)
	v := w.home("ada", "1 request waits for you")
	require.Contains(t, string(v.Blocks), "/archives/"+w.slack.ChannelID("#pki-approvals")+"/p"+strings.ReplaceAll(card.TS, ".", ""), "the card can be reached")

	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionApprove})
	w.await("a modal", func() bool { v := w.slack.Views("ada"); return len(v) == 1 && v[0].SubmitLabel != nil })
	require.Contains(t, w.slack.Views("ada")[0].String(), "web01.example.com")
	require.Empty(t, w.queue.signals(), "a heading is too little to decide upon")
	require.True(t, w.slack.Submit(t.Context(), "ada", w.slack.Views("ada")[0].ID, nil).Closed)
	record, _ := w.settled(id)
	require.Equal(t, approval.Approved, record.State)
	v = w.homeShows("ada", "Nothing waits for you")
	require.Contains(t, v.String(), "You decided lately")
	w.homeShows("ada", "*Approved* by <@"+w.slack.UserID("ada")+">") // also what comes of it later
}

// A Home tab that is open follows what others do, here and elsewhere.
func TestHomeRefreshesItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	card := w.card(id)
	w.home("ada", "1 request waits for you")
	w.lie("all", 2, 2)
	w.homeShows("ada", "2 requests wait for you")
	modal := w.press("ben", card, blocks.ActionApprove)
	require.True(t, w.submit("ben", modal, "").Closed)
	w.settled(id)
	v := w.homeShows("ada", "1 request waits for you")
	require.NotContains(t, v.String(), "You decided lately", "it was Ben")
	published := w.slack.CallCount("views.publish")
	w.lie("nobody's", 3, 3) // no change for Ada, so no call
	w.lie("all", 4, 4)
	w.homeShows("ada", "2 requests wait for you")
	require.LessOrEqual(t, w.slack.CallCount("views.publish"), published+1)
}

// Whose own request it is, and who has voted already, does not wait for themselves.
func TestHomeLeavesOutWhatIsNotForThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Quorum.Count = 2 }})
	w.lie("all", 1, 1, func(r *approval.Request) { r.Requester = `EXAMPLE\ada` })
	id := w.waits(2)
	card := w.card(id)
	v := w.home("ada", "1 request waits for you")
	require.Contains(t, v.String(), "web02.example.com")
	modal := w.press("ada", card, blocks.ActionApprove)
	require.True(t, w.submit("ada", modal, "").Closed)
	v = w.homeShows("ada", "Nothing waits for you")
	require.Contains(t, v.String(), "You approved this")
	require.Contains(t, v.String(), "Missing: one more person")
	require.Contains(t, w.home("ben", "2 requests wait for you").String(), "1 of 2 people")
}

// A press on what the Home tab showed, after the request has changed, decides nothing.
func TestHomeButtonOfAChangedRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	v := w.home("ada", "1 request waits for you")
	button, ok := v.Button(blocks.ActionApprove)
	require.True(t, ok)
	r := request(id, 1)
	r.Facts = append(r.Facts, approval.Fact{Label: "SAN", Value: "surprise.example.net"})
	w.queue.change(func() { w.queue.waiting[id] = r })
	changed, err := w.store.Revise(t.Context(), r)
	require.NoError(t, err)
	require.True(t, changed)
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionApprove, BlockID: button.BlockID, Value: button.Value})
	w.await("a notice", func() bool {
		v := w.slack.Views("ada")
		return len(v) == 1 && strings.Contains(v[0].String(), "changed")
	})
	requireAudited(t, w, id, w.slack.UserID("ada"))
}

package bot_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// modal waits until the modal in front of a person shows text.
func (w *world) modal(who, text string) (v slacksim.View) {
	w.Helper()
	w.await(fmt.Sprintf("a modal of %s's with %q", who, text), func() bool {
		all := w.slack.Views(who)
		if len(all) == 0 {
			return false
		}
		v = all[len(all)-1]
		return strings.Contains(v.String(), text)
	})
	return v
}

// choose ticks the boxes of these places and submits.
func (w *world) choose(who string, v slacksim.View, verdict approval.Verdict, places ...string) slacksim.SubmitResult {
	w.Helper()
	box, ok := v.Button(blocks.ActionBulkBox)
	require.True(w, ok, v.String())
	values := slacksim.Values{}.Choose(blocks.BlockBulkVerdict, blocks.ActionBulkVerdict, "radio_buttons", string(verdict)).
		Choose(box.BlockID, blocks.ActionBulkBox, "checkboxes", places...)
	return w.slack.Submit(w.Context(), who, v.ID, values)
}

func TestDecideSeveral(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Approve = approval.CommentRule{Need: approval.CommentRequired, Min: 5} }})
	w.rules = []approval.Rule{{Route: "typed", Groups: []string{"@pki-approvers"}, TypeCommonName: true}}
	w.lie("all", 1, 12)
	w.lie("all", 20, 21, func(r *approval.Request) { r.Type = "Revocation" })
	w.lie("typed", 30, 31)
	id := func(n int) approval.ID {
		return approval.ID(fmt.Sprintf("workflow:00000000-0000-4000-8000-%012d/step", n))
	}

	w.home("ada", "16 requests wait for you")
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionBulk})
	v := w.modal("ada", "Choose those")
	require.Contains(t, v.String(), "web01.example.com")
	require.NotContains(t, v.String(), "web30.example.com", "a name has to be typed there")
	require.NotContains(t, v.String(), "web20.example.com", "it is of another kind")

	r := w.choose("ada", v, approval.Approve)
	require.Len(t, r.Errors, 1, "nothing is chosen")
	w.pressHome("ada", slacksim.Click{View: v.ID, ActionID: blocks.ActionBulkAll})
	v = w.modal("ada", "Choose none")
	r = w.choose("ada", v, approval.Approve, "0", "1", "2", "3") // the second group stays as it is, all chosen
	require.Empty(t, r.Errors)
	v = w.modal("ada", "Approve 6 requests")
	require.Contains(t, v.String(), "web01.example.com")
	require.Empty(t, w.queue.signals())

	// While she reads, one changes, and Ben decides another one.
	changed := request(id(2), 2)
	changed.Facts = append(changed.Facts, approval.Fact{Label: "SAN", Value: "surprise.example.net"})
	w.queue.change(func() { w.queue.waiting[id(2)] = changed })
	_, err := w.store.Revise(t.Context(), changed)
	require.NoError(t, err)
	require.NoError(t, w.store.Decide(t.Context(), approval.Decision{ID: "ben", Request: id(3), Verdict: approval.Deny, By: approval.Person{ID: w.slack.UserID("ben"), Name: "Ben"}, Digest: request(id(3), 3).Digest()}))

	require.NotEmpty(t, w.submit("ada", v, "ok").Errors[blocks.BlockComment], "too short for the route")
	require.Empty(t, w.submit("ada", v, "change 4711").Errors)
	v = w.modal("ada", "4 of 6 decided, 2 not")
	require.Contains(t, v.String(), "`web02.example.com`: it changed after it was shown to you")
	require.Regexp(t, "`web03.example.com`: (This request is settled. Denied by )?<@"+w.slack.UserID("ben")+">", v.String())
	require.Contains(t, v.String(), "`web01.example.com`: approval recorded")

	w.await("five signals", func() bool { return len(w.queue.signals()) == 5 })
	for _, s := range w.queue.signals() {
		if s.ID != "ben" {
			require.Equal(t, approval.Approve, s.Verdict)
			require.Contains(t, s.SignalComment(), "change 4711")
			require.NotContains(t, []approval.ID{id(2), id(3)}, s.Request)
		}
	}
	requireAudited(t, w, id(2), w.slack.UserID("ada"))
	w.await("the note about it to go", func() bool {
		notes, err := w.store.Settings(t.Context(), "bulk:", time.Now().Add(time.Hour))
		return err == nil && len(notes) == 0
	})
	w.homeShows("ada", "11 requests wait for you")
	w.homeShows("ada", "You decided lately")
}

func TestDecideSeveralOfAnotherKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Quorum.Count = 2 }})
	w.lie("all", 1, 3)
	w.lie("all", 20, 21, func(r *approval.Request) { r.Type = "Revocation" })
	w.home("ada", "5 requests wait for you")
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionBulk})
	v := w.modal("ada", "web01.example.com")
	menu, ok := v.Button(blocks.ActionBulkKind)
	require.True(t, ok)
	options, _ := menu.Element["options"].([]any)
	require.Len(t, options, 2)
	other, _ := options[1].(map[string]any)
	w.pressHome("ada", slacksim.Click{View: v.ID, ActionID: blocks.ActionBulkKind, SelectedOption: other["value"].(string)})
	v = w.modal("ada", "web20.example.com")
	require.NotContains(t, v.String(), "web01.example.com")
	require.Empty(t, w.choose("ada", v, approval.Approve, "0", "1").Errors)
	v = w.modal("ada", "Approve 2 requests")
	require.Empty(t, w.submit("ada", v, "").Errors)
	v = w.modal("ada", "All 2 decisions are recorded")
	require.Contains(t, v.String(), "you approved it. Missing: one more person")
	require.Empty(t, w.queue.signals())
}

// Whoever does not wait for the end is told it.
func TestDecideSeveralAndCloseTheView(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bot: func(c *bot.Config) { c.BulkWait = time.Nanosecond }})
	w.lie("all", 1, 9)
	w.home("ada", "9 requests wait for you")
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionBulk})
	v := w.modal("ada", "Choose those")
	require.Empty(t, w.choose("ada", v, approval.Deny, "0", "4", "8").Errors)
	v = w.modal("ada", "Deny 3 requests")
	require.Empty(t, w.submit("ada", v, "not ours").Errors)
	v = w.modal("ada", "decided")
	if strings.Contains(v.String(), "This view follows by itself") {
		w.slack.CloseView(t.Context(), "ada", v.ID, true)
		dm := w.slack.DirectChannelID("ada")
		w.await("a direct message", func() bool {
			return strings.Contains(strings.Join(texts(w.slack.Messages(dm)), "\n"), "All 3 decisions are recorded")
		})
	}
	w.await("three signals", func() bool { return len(w.queue.signals()) == 3 })
}

// The view that was not waited for fills itself in.
func TestDecideSeveralShowsHowFarItHasCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bot: func(c *bot.Config) { c.BulkWait = time.Nanosecond }})
	w.lie("all", 1, 2)
	w.home("ada", "2 requests wait for you")
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionBulk})
	require.Empty(t, w.choose("ada", w.modal("ada", "Choose those"), approval.Deny, "0", "1").Errors)
	require.Empty(t, w.submit("ada", w.modal("ada", "Deny 2 requests"), "not ours").Errors)
	w.modal("ada", "All 2 decisions are recorded")
	require.Empty(t, texts(w.slack.Ephemerals("ada")))
}

// Who may not decide any more when they submit decides nothing.
func TestDecideSeveralIsGuarded(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, options{now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	w.lie("all", 1, 2)
	w.home("ada", "2 requests wait for you")
	w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionBulk})
	require.Empty(t, w.choose("ada", w.modal("ada", "Choose those"), approval.Deny, "0", "1").Errors)
	v := w.modal("ada", "Deny 2 requests")
	for _, metadata := range []string{v.PrivateMetadata, v.PrivateMetadata[1:], ""} { // hers in Ben's hands, and forged
		stolen := slack.InteractionCallback{Type: slack.InteractionTypeViewSubmission, User: slack.User{ID: w.slack.UserID("ben")}}
		stolen.View.CallbackID, stolen.View.PrivateMetadata = blocks.CallbackBulkDecide, metadata
		answer, err := json.Marshal(w.bot.Interact(t.Context(), stolen))
		require.NoError(t, err)
		require.Contains(t, string(answer), "not from approvebot")
	}
	require.NoError(t, w.slack.SetGroup("pki-approvers", "ben"))
	ahead.Store(int64(2 * time.Minute)) // until then what Slack said about the group is believed
	require.Empty(t, w.submit("ada", v, "not ours").Errors)
	v = w.modal("ada", "Nothing was decided")
	require.Contains(t, v.String(), "You are not among those who may decide")
	require.Empty(t, w.queue.signals())
	requireAudited(t, w, "workflow:00000000-0000-4000-8000-000000000001/step", w.slack.UserID("ada"))
	w.homeShows("ada", "Nothing waits for you")
}

// What a hint warns of is approved alone, though it may be denied with the others.
func TestDecideSeveralLeavesOutWhatWantsALook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) {
		r.Hints.Levels = map[approval.HintCode]approval.HintLevel{approval.HintWildcard: approval.HintWarn}
	}})
	w.lie("all", 1, 2)
	w.lie("all", 3, 3, func(r *approval.Request) { r.SANs = []approval.SAN{{Kind: "dns", Value: "*.example.com"}} })
	require.Contains(t, w.home("ada", "3 requests wait for you").String(), "Warning")
	choose := func(v approval.Verdict) {
		w.pressHome("ada", slacksim.Click{ActionID: blocks.ActionBulk})
		require.Empty(t, w.choose("ada", w.modal("ada", "look at it alone"), v, "0", "1", "2").Errors)
	}
	choose(approval.Approve)
	v := w.modal("ada", "Approve 2 requests")
	require.Contains(t, v.String(), "`web03.example.com`: it wants a look of its own")
	w.slack.CloseView(t.Context(), "ada", v.ID, true)
	choose(approval.Deny)
	w.modal("ada", "Deny 3 requests")
}

// Whoever a killed process leaves in the middle is told how far it came, once.
func TestDecideSeveralCutShort(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, options{now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, rule: func(r *approval.Rule) { r.Quorum.Count = 2 }})
	w.lie("all", 1, 2)
	first, second := request("workflow:00000000-0000-4000-8000-000000000001/step", 1), "workflow:00000000-0000-4000-8000-000000000002/step"
	ada := w.slack.UserID("ada")
	vote := approval.Vote{Request: first.ID, Verdict: approval.Approve, By: approval.Person{ID: ada, Name: "Ada"}, Digest: first.Digest()}
	_, err := w.store.Vote(t.Context(), vote, func([]approval.Vote) *approval.Decision { return nil }, nil)
	require.NoError(t, err)
	note := fmt.Sprintf(`{"w":%q,"v":"approve","u":1,"i":[{"r":%q,"c":"#x","d":"d"},{"r":%q,"c":"#x","d":"d"}]}`, ada, first.ID, second)
	require.NoError(t, w.store.PutSetting(t.Context(), "bulk:1", note))
	said := func() (all []string) {
		for _, m := range w.slack.Messages(w.slack.DirectChannelID("ada")) {
			all = append(all, m.String())
		}
		return all
	}
	w.bot.Interrupted(t.Context())
	require.Empty(t, said(), "it may be at work")
	ahead.Store(int64(3 * time.Minute))
	w.bot.Interrupted(t.Context())
	require.Len(t, said(), 1)
	require.Contains(t, said()[0], "approvebot was restarted")
	require.Contains(t, said()[0], "1 of 2 decided, 1 not")
	require.Contains(t, said()[0], "`web02.example.com`: nothing was decided about it")
	w.bot.Interrupted(t.Context())
	require.Len(t, said(), 1)
}

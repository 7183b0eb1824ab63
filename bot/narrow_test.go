package bot_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// command types the slash command and returns the answer.
func (w *world) command(who, channel, text string) string {
	w.Helper()
	r := w.slack.Command(w.Context(), who, channel, "/approvebot "+text)
	require.True(w, r.Acknowledged, r.Error)
	var body struct{ Text string }
	if len(r.Body) > 0 {
		require.NoError(w, json.Unmarshal(r.Body, &body))
	}
	return body.Text
}

// cardAt waits for the card of a request in a channel, and that it says the words.
func (w *world) cardAt(id approval.ID, channel string, words ...string) slacksim.Message {
	w.Helper()
	var found slacksim.Message
	w.await("the card of "+string(id)+" in "+channel+" that says "+strings.Join(words, ", "), func() bool {
		for _, m := range w.slack.Messages(channel) {
			if !strings.Contains(string(m.Metadata), blocks.MetadataCard) || !strings.Contains(string(m.Metadata), string(id)) {
				continue
			}
			found = m
			for _, word := range words {
				if !strings.Contains(m.String(), word) {
					return false
				}
			}
			return true
		}
		return false
	})
	return found
}

func (w *world) clickIn(who, channel string, card slacksim.Message, action string) {
	w.Helper()
	r := w.slack.Click(w.Context(), slacksim.Click{As: who, Channel: channel, TS: card.TS, ActionID: action})
	require.True(w, r.Acknowledged, r.Error)
}

// submits waits for the modal that a click opened and sends it.
func (w *world) submits(who, comment string) slacksim.SubmitResult {
	w.Helper()
	w.await("a modal for "+who, func() bool { v := w.slack.Views(who); return len(v) > 0 && v[len(v)-1].SubmitLabel != nil })
	v := w.slack.Views(who)
	return w.submit(who, v[len(v)-1], comment)
}

func (w *world) closeAll(who string) {
	for _, v := range w.slack.Views(who) {
		w.slack.CloseView(w.Context(), who, v.ID, true)
	}
}

// A subscription may leave fewer people deciding in its channel. It is checked
// when they press and again when they submit; it never lets anybody in.
func TestASubscriptionNarrowsWhoDecidesInItsChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	require.Contains(t, w.command("carol", "#pki-escalation", "subscribe type=Enrollment"), "stays as it is configured")
	card := w.cardAt(id, "#pki-escalation")
	require.NotContains(t, card.String(), "only approvers among")

	// Ada opens the modal while she still may.
	w.clickIn("ada", "#pki-escalation", card, blocks.ActionApprove)
	w.await("ada's modal", func() bool { return len(w.slack.Views("ada")) == 1 && w.slack.Views("ada")[0].SubmitLabel != nil })

	require.Contains(t, w.command("carol", "#pki-escalation", "subscribe type=Enrollment deciders=@pki-admins"), "only `@pki-admins`")
	card = w.cardAt(id, "#pki-escalation", "In this channel only approvers among `@pki-admins` may decide.")
	require.NotContains(t, w.cardAt(id, "#pki-approvals").String(), "only approvers among", "other channels stay as they were")

	r := w.submits("ada", "too late")
	require.False(t, r.Closed)
	require.Contains(t, r.Views[len(r.Views)-1].String(), "only approvers among `@pki-admins`")
	require.Contains(t, r.Views[len(r.Views)-1].String(), "<#"+w.slack.ChannelID("pki-approvals")+">", "she is told where she may")
	w.closeAll("ada")

	before := len(w.slack.Ephemerals("ada"))
	w.clickIn("ada", "#pki-escalation", card, blocks.ActionApprove)
	w.await("words for ada", func() bool { return len(w.slack.Ephemerals("ada")) > before })
	require.Contains(t, w.slack.Ephemerals("ada")[before].String(), "only approvers among")
	require.GreaterOrEqual(t, refusals(w, id, "ada")["not_decider"], 2, "at the press and at the submission")

	// It says so wherever somebody asks.
	require.Contains(t, w.command("ben", "#pki-escalation", "list"), "deciders=@pki-admins")
	explained := w.command("ben", "#pki-escalation", "explain 4001")
	require.Contains(t, explained, "only approvers among `@pki-admins` may decide")
	require.Regexp(t, w.slack.UserID("ada")+"> may approve and deny", explained, "elsewhere she may")

	// Naming somebody who is no approver lets nobody in.
	require.Contains(t, w.command("carol", "#pki-private", "subscribe type=Enrollment deciders=@dan"), "only `@dan`")
	private := w.cardAt(id, "#pki-private", "`@dan`")
	for _, who := range []string{"carol", "ada"} {
		w.clickIn(who, "#pki-private", private, blocks.ActionApprove)
		w.noticed(who, "only approvers among `@dan`")
	}
	require.Equal(t, 1, refusals(w, id, "carol")["not_decider"])
	require.Empty(t, w.queue.signals())

	// The subscriptions end, and so does what they said.
	require.Contains(t, w.command("carol", "#pki-escalation", "unsubscribe all"), "up to their routes")
	w.await("the card to be open again", func() bool {
		return !strings.Contains(w.cardAt(id, "#pki-escalation").String(), "only approvers among")
	})
	w.closeAll("ada")
	w.clickIn("ada", "#pki-escalation", w.cardAt(id, "#pki-escalation"), blocks.ActionApprove)
	require.True(t, w.submits("ada", "").Closed)
	w.settled(id)
	require.Len(t, w.queue.signals(), 1)
}

// Dan is no approver: to be named by a subscription does not make him one.
func TestASubscriptionNeverLetsAnybodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	w.command("carol", "#pki-approvals", "subscribe deciders=@dan,@ben")
	card := w.cardAt(id, "#pki-approvals", "`@dan` or `@ben`")
	require.Equal(t, 1, w.cardsOf(id, "#pki-approvals"), "the channel had its card already")
	w.clickIn("dan", "#pki-approvals", card, blocks.ActionApprove)
	w.noticed("dan", "not among those who may decide")
	require.Contains(t, w.command("ada", "#pki-approvals", "pending"), "Nothing waits", "there is no card on which she may decide")
	require.Contains(t, w.command("ada", "#pki-approvals", "explain 4001"), "in every channel that shows it")
	w.clickIn("ben", "#pki-approvals", card, blocks.ActionApprove)
	require.True(t, w.submits("ben", "").Closed)
	w.settled(id)
}

// Each subscription of a channel takes away; none gives back what another took.
func TestSeveralSubscriptionsNarrowTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	w.command("carol", "#pki-approvals", "subscribe type=Enrollment deciders=@ada,@carol")
	w.command("carol", "#pki-approvals", "subscribe deciders=@pki-admins")
	w.command("carol", "#pki-approvals", "subscribe type=Revocation deciders=@ben") // about other requests
	card := w.cardAt(id, "#pki-approvals", "among `@ada` or `@carol` and among `@pki-admins`")
	for _, who := range []string{"ada", "ben"} {
		w.clickIn(who, "#pki-approvals", card, blocks.ActionDeny)
		w.noticed(who, "only approvers among")
	}
	w.clickIn("carol", "#pki-approvals", card, blocks.ActionDeny)
	require.True(t, w.submits("carol", "both lists name her").Closed)
	w.settled(id)
}

// What cannot be resolved or read leaves nobody deciding; it does not fall back
// to everybody.
func TestANarrowingThatCannotBeResolvedLeavesNobody(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, options{now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	id := w.waits(1)
	w.card(id)
	w.command("carol", "#pki-approvals", "subscribe deciders=@pki-admins")
	card := w.cardAt(id, "#pki-approvals", "only approvers among")

	require.NoError(t, w.slack.DisableGroup("@pki-admins", true))
	ahead.Add(int64(2 * time.Minute)) // what Slack said about the group is no longer fresh
	w.clickIn("carol", "#pki-approvals", card, blocks.ActionApprove)
	w.noticed("carol", "only approvers among")
	require.Equal(t, 1, refusals(w, id, "carol")["not_decider"])
	require.NoError(t, w.slack.DisableGroup("@pki-admins", false))

	// One that another release wrote.
	require.NoError(t, w.store.Subscribe(t.Context(), store.Subscription{ID: "x", Channel: w.slack.ChannelID("pki-approvals"), Filter: json.RawMessage(`{"deciders": ["@ada"]}`), CreatedBy: approval.Person{ID: "U1"}}))
	require.NoError(t, w.store.Redraw(t.Context(), id))
	card = w.cardAt(id, "#pki-approvals", "nobody may decide")
	w.closeAll("carol")
	w.clickIn("carol", "#pki-approvals", card, blocks.ActionApprove)
	w.noticed("carol", "nobody may decide")
	require.Empty(t, w.queue.signals())
}

func TestDecidersAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for text, want := range map[string]string{
		"subscribe deciders=@nobody":             "neither a user group nor a person in this workspace",
		"subscribe deciders=pki-admins":          "deciders look like",
		`subscribe deciders="@pki-admins,"`:      "deciders look like",
		"subscribe deciders=":                    "has no value",
		`subscribe deciders="@ada, carol@x, @x"`: "neither a user group nor a person in this workspace",
	} {
		answer := w.command("carol", "#pki-approvals", text)
		require.Contains(t, answer, want, text)
		require.Contains(t, answer, "Nothing was changed", text)
	}
	all, err := w.store.Subscriptions(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// The form says the same as the command, with the mistake under its field.
func TestTheFormNarrowsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	require.Empty(t, w.command("carol", "#pki-approvals", "subscribe"))
	w.await("the form", func() bool { return len(w.slack.Views("carol")) == 1 })
	form := w.slack.Views("carol")[0]
	fill := func(deciders string) slacksim.SubmitResult {
		return w.slack.Submit(t.Context(), "carol", form.ID, slacksim.Values{}.Text(blocks.FilterBlock("type"), "type", "Enrollment").Text(blocks.FilterBlock(blocks.Deciders), blocks.Deciders, deciders))
	}
	require.Contains(t, fill("@nobody").Errors[blocks.FilterBlock(blocks.Deciders)], "neither a user group nor a person")
	r := fill("@pki-admins, @ben")
	require.Contains(t, r.Views[len(r.Views)-1].String(), "only `@pki-admins`, `@ben` may do so here")
	require.Contains(t, w.command("ada", "#pki-approvals", "list"), "type=Enrollment` `deciders=@pki-admins,@ben`")
	found := false
	for e, err := range w.store.Entries(t.Context(), store.Filter{}) {
		require.NoError(t, err)
		found = found || e.Event == "subscription.added" && strings.Contains(string(mustJSON(t, e.Detail)), "@pki-admins,@ben")
	}
	require.True(t, found, "the audit log says who may decide there")
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// refusals counts the audited refusals of a person by their reason.
func refusals(w *world, id approval.ID, who string) map[string]int {
	w.Helper()
	count := map[string]int{}
	for e, err := range w.store.Entries(w.Context(), store.Filter{}) {
		require.NoError(w, err)
		if reason, ok := e.Detail["reason"].(string); ok && e.Event == "click.refused" && e.Request == id && e.By.ID == w.slack.UserID(who) {
			count[reason]++
		}
	}
	return count
}

// Who is kept from deciding in one channel sees the request at home with the
// buttons of the card that lets them.
func TestANarrowedRequestIsDecidedAtHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	w.command("carol", "#pki-escalation", "subscribe deciders=@pki-admins")
	w.cardAt(id, "#pki-escalation", "only approvers among")
	require.True(t, w.slack.OpenHome(t.Context(), "ada").Acknowledged)
	w.await("the button at home", func() bool {
		v, ok := w.slack.HomeOf("ada")
		return ok && strings.Contains(v.String(), "web01.example.com")
	})
	r := w.slack.ClickView(t.Context(), slacksim.Click{As: "ada", ActionID: blocks.ActionApprove})
	require.True(t, r.Acknowledged, r.Error)
	require.True(t, w.submits("ada", "").Closed)
	w.settled(id)
	require.Len(t, w.queue.signals(), 1)
}

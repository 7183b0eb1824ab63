package bot_test

import (
	"encoding/json"
	"slices"
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

func twoPeople(r *approval.Rule) { r.Quorum.Count = 2 }

// shows waits until the request's card says all of the words.
func (w *world) shows(id approval.ID, words ...string) slacksim.Message {
	w.Helper()
	var m slacksim.Message
	w.await("a card that says "+strings.Join(words, ", "), func() bool {
		r, err := w.store.Request(w.Context(), id)
		if err != nil || len(r.Cards) == 0 || r.Cards[0].TS == "" {
			return false
		}
		m, _ = w.slack.Message("#pki-approvals", r.Cards[0].TS)
		for _, word := range words {
			if !strings.Contains(m.String(), word) {
				return false
			}
		}
		return true
	})
	return m
}

func (w *world) noticed(who, words string) {
	w.Helper()
	w.await(who+" to be told: "+words, func() bool {
		for _, v := range w.slack.Views(who) {
			if strings.Contains(v.String(), words) {
				return true
			}
		}
		for _, m := range w.slack.Ephemerals(who) {
			if strings.Contains(m.String(), words) {
				return true
			}
		}
		return false
	})
}

func (w *world) click(who string, card slacksim.Message, action string) {
	w.Helper()
	r := w.slack.Click(w.Context(), slacksim.Click{As: who, Channel: "#pki-approvals", TS: card.TS, ActionID: action})
	require.True(w, r.Acknowledged, r.Error)
}

// Two people make one signal that names both with their comments.
func TestTwoPeopleMakeOneSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: twoPeople})
	id := w.waits(1)
	require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "first look").Closed)
	ada, ben := w.slack.UserID("ada"), w.slack.UserID("ben")
	card := w.shows(id, "<@"+ada+">")
	require.Empty(t, w.queue.signals(), "one of two is not enough")

	w.click("ada", card, blocks.ActionApprove)
	w.noticed("ada", "already")

	modal := w.press("ben", card, blocks.ActionApprove)
	require.Contains(t, modal.String(), ada, "the second sees who approved before")
	require.True(t, w.submit("ben", modal, "second look").Closed)
	record, shown := w.settled(id)
	require.Equal(t, approval.Approved, record.State)
	signals := w.queue.signals()
	require.Len(t, signals, 1)
	require.Equal(t, "Slack: Ada ("+ada+", ada@example.com) - first look; Ben ("+ben+", ben@example.com) - second look", signals[0].SignalComment())
	require.Contains(t, shown.String(), ada)
	require.Contains(t, shown.String(), ben)
}

func TestAVoteCanBeWithdrawnUntilTheSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: twoPeople})
	id := w.waits(1)
	require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "").Closed)
	card := w.shows(id, "<@"+w.slack.UserID("ada")+">")

	w.click("ben", card, blocks.ActionWithdraw)
	w.noticed("ben", "no vote")
	w.click("ada", card, blocks.ActionWithdraw)
	w.await("the vote to be gone", func() bool { r, _ := w.store.Request(t.Context(), id); return len(r.Votes) == 0 })

	require.True(t, w.submit("ben", w.press("ben", w.card(id), blocks.ActionApprove), "").Closed)
	w.shows(id, "<@"+w.slack.UserID("ben")+">")
	require.Empty(t, w.queue.signals(), "a withdrawn vote does not count")
}

func TestOneDenialEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: twoPeople})
	id := w.waits(1)
	require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "").Closed)
	card := w.shows(id, "<@"+w.slack.UserID("ada")+">")
	require.True(t, w.submit("ben", w.press("ben", card, blocks.ActionDeny), "not ours").Closed)
	record, _ := w.settled(id)
	require.Equal(t, approval.Denied, record.State)
	require.Len(t, w.queue.signals(), 1)
}

// Who has left the approvers between their vote and the last one does not decide
// with the others; who has only left the group they stood for, neither.
func TestTheVoteOfWhoHasLeftLapses(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*world) error{
		"the approvers":                 func(w *world) error { return w.slack.SetGroup("@pki-approvers", "ben", "carol") },
		"the group that they stood for": func(w *world) error { return w.slack.SetGroup("@pki-admins", "carol") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ahead atomic.Int64
			w := newWorld(t, options{
				now:  func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
				rule: func(r *approval.Rule) { r.Quorum = approval.Quorum{Count: 2, From: []string{"@pki-admins"}} },
			})
			require.NoError(t, w.slack.SetGroup("@pki-admins", "ada", "carol"))
			id := w.waits(1)
			require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "").Closed)
			w.shows(id, "1 of 2 people has approved")

			require.NoError(t, leave(w))
			ahead.Add(int64(10 * time.Minute))
			require.True(t, w.submit("ben", w.press("ben", w.card(id), blocks.ActionApprove), "").Closed)
			w.shows(id, "1 of 2 people has approved: <@"+w.slack.UserID("ben")+">", "somebody of `@pki-admins`")
			require.Empty(t, w.queue.signals())
			w.await("words in the thread", func() bool {
				return slices.ContainsFunc(w.slack.Messages("#pki-approvals"), func(m slacksim.Message) bool { return strings.Contains(m.String(), "no longer counts") })
			})
			require.Equal(t, 1, w.audited("vote.lapsed", w.slack.UserID("ada")))

			require.True(t, w.submit("carol", w.press("carol", w.card(id), blocks.ActionApprove), "").Closed)
			w.settled(id)
			require.Len(t, w.queue.signals(), 1)
			require.Len(t, w.queue.signals()[0].Voices(), 2)
		})
	}
}

// audited counts what the audit log says about somebody.
func (w *world) audited(event, user string) (n int) {
	w.Helper()
	for e, err := range w.store.Entries(w.Context(), store.Filter{}) {
		require.NoError(w, err)
		if e.Event == event && e.By.ID == user {
			n++
		}
	}
	return n
}

func TestAQuorumMayWantSomebodyOfAGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Quorum = approval.Quorum{Count: 2, From: []string{"@pki-admins"}} }})
	id := w.waits(1)
	for _, who := range []string{"ada", "ben"} {
		require.True(t, w.submit(who, w.press(who, w.card(id), blocks.ActionApprove), "").Closed)
		w.shows(id, "<@"+w.slack.UserID(who)+">")
	}
	require.Empty(t, w.queue.signals(), "two people, but nobody of the group")
	require.True(t, w.submit("carol", w.press("carol", w.card(id), blocks.ActionApprove), "").Closed)
	w.settled(id)
	require.Len(t, w.queue.signals(), 1)
	require.Len(t, w.queue.signals()[0].Voices(), 3)
}

// Facts that change make earlier votes void.
func TestVotesAboutOtherFactsDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: twoPeople})
	id := w.waits(1)
	require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "").Closed)
	changed := request(id, 1)
	changed.Facts[0].Value = "CN=evil.example.net"
	w.queue.change(func() { w.queue.waiting[id] = changed })
	_, err := w.store.Revise(t.Context(), changed)
	require.NoError(t, err)
	card := w.shows(id, "evil.example.net")
	require.True(t, w.submit("ben", w.press("ben", card, blocks.ActionApprove), "").Closed)
	w.shows(id, "<@"+w.slack.UserID("ben")+">")
	require.Empty(t, w.queue.signals())
}

func TestAnUnknownRequesterMeansNobodyMayApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	r := request(id, 1)
	r.Requester = `EXAMPLE\nobody-knows`
	r.Facts[1].Value = r.Requester
	w.queue.change(func() { w.queue.waiting[id] = r })
	_, err := w.store.Revise(t.Context(), r)
	require.NoError(t, err)
	card := w.shows(id, "nobody-knows")
	w.click("ada", card, blocks.ActionApprove)
	w.noticed("ada", "asked for")
	for _, v := range w.slack.Views("ada") {
		w.slack.CloseView(t.Context(), "ada", v.ID, true)
	}
	require.True(t, w.submit("ada", w.press("ada", card, blocks.ActionDeny), "nobody vouches for it").Closed)
	record, _ := w.settled(id)
	require.Equal(t, approval.Denied, record.State, "stopping it is always possible")
}

func TestTheCommonNameHasToBeTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.TypeCommonName = true }})
	id := w.waits(1)
	modal := w.press("ada", w.card(id), blocks.ActionApprove)
	typed := func(name string) slacksim.SubmitResult {
		return w.slack.Submit(t.Context(), "ada", modal.ID, slacksim.Values{}.Text(blocks.BlockTyped, blocks.ActionTyped, name))
	}
	require.NotEmpty(t, typed("web1.example.com").Errors[blocks.BlockTyped])
	require.True(t, typed("WEB01.example.com ").Closed)
	w.settled(id)
}

func TestShowOnlyAndExpiredCardsHaveNoButtons(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]func(*approval.Rule){
		"show only": func(r *approval.Rule) { r.ShowOnly = true },
		"expired":   func(r *approval.Rule) { r.ExpiresAfter = time.Nanosecond },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{rule: rule})
			m := w.card(w.waits(1))
			require.Empty(t, w.buttons(m))
			require.Contains(t, m.String(), "Keyfactor")
		})
	}
}

// Subscriptions add places to look at, are for admins, and are audited.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	answer := func(who, text string) string {
		r := w.slack.Command(t.Context(), who, "#pki-escalation", "/approvebot "+text)
		require.True(t, r.Acknowledged, r.Error)
		var body struct{ Text string }
		if len(r.Body) > 0 {
			require.NoError(t, json.Unmarshal(r.Body, &body))
		}
		return body.Text
	}
	require.Contains(t, answer("ada", "subscribe type=Enrollment"), "Only admins")
	require.Contains(t, answer("carol", "subscribe colour=red"), "cannot be filtered")
	require.Contains(t, answer("carol", `subscribe type="Enrollment`), "closing quote")
	require.Contains(t, answer("carol", "subscribe type=Enrollment"), "1 of them wait")
	w.await("the card in the other channel", func() bool { return w.cardsOf(id, "#pki-escalation") == 1 })
	require.Contains(t, answer("ben", "list"), "type=Enrollment")

	r, err := w.bot.Subscribed(t.Context(), request("workflow:x/y", 2))
	require.NoError(t, err)
	require.Len(t, r, 1)
	require.Contains(t, answer("carol", "unsubscribe 1"), "Done")
	r, err = w.bot.Subscribed(t.Context(), request("workflow:x/y", 2))
	require.NoError(t, err)
	require.Empty(t, r)

	require.Contains(t, answer("ada", "explain 4001"), "all")
	require.Contains(t, answer("dan", "explain 4001"), w.slack.UserID("dan"))
	require.Contains(t, answer("ada", "test"), "can post here")
	require.Contains(t, answer("ada", "pending"), "web01.example.com")
	require.Contains(t, answer("ada", "dance"), "not something approvebot knows")
}

package bot_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// says gives a command and returns the answer.
func (w *world) says(who, text string) string {
	w.Helper()
	r := w.slack.Command(w.Context(), who, "#pki-approvals", "/approvebot "+text)
	require.True(w, r.Acknowledged, r.Error)
	var body struct{ Text string }
	require.NoError(w, json.Unmarshal(r.Body, &body))
	return body.Text
}

func delegating(r *approval.Rule) { r.Delegation = true }

// Dan decides in Ada's place, and everybody learns of both.
func TestADelegateDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: delegating})
	id := w.waits(1)
	card := w.card(id)
	require.Contains(t, w.says("dan", "pending"), "Nothing waits")
	w.click("dan", card, blocks.ActionApprove)
	w.told("dan", "not among")

	ada, dan := w.slack.UserID("ada"), w.slack.UserID("dan")
	answer := w.says("ada", "away until tomorrow delegate <@"+dan+"|dan>")
	require.Contains(t, answer, "<@"+dan+"> decides in your place on `all`")
	w.await("dan to be told", func() bool { return len(w.messages("dan", "named you to stand in")) == 1 })
	require.Contains(t, w.says("dan", "away"), "You stand in for <@"+ada+">")
	require.Contains(t, w.says("dan", "pending"), "web01.example.com")

	require.True(t, w.submit("dan", w.press("dan", card, blocks.ActionApprove), "as agreed").Closed)
	_, shown := w.settled(id)
	require.Contains(t, shown.String(), "<@"+dan+"> for <@"+ada+"> (away)")
	signals := w.queue.signals()
	require.Len(t, signals, 1)
	require.Equal(t, "Slack: Dan ("+dan+", dan@example.com) for Ada ("+ada+", away) - as agreed", signals[0].SignalComment())

	var said []string
	for e, err := range w.store.Entries(t.Context(), store.Filter{}) {
		require.NoError(t, err)
		if who, ok := e.Detail["stands_for"]; ok {
			said = append(said, e.Event+" "+who.(string))
		}
	}
	require.Equal(t, []string{"vote.cast Ada (" + ada + ")", "decision.made Ada (" + ada + ")"}, said)
}

// One person is one vote, whoever casts it.
func TestADelegateIsNoSecondVoice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Delegation = true; r.Quorum.Count = 2 }})
	dan := w.slack.UserID("dan")
	w.says("ada", "away until tomorrow delegate <@"+dan+">")
	w.says("ben", "away until tomorrow delegate <@"+dan+">")
	id := w.waits(1)
	card := w.card(id)
	require.True(t, w.submit("dan", w.press("dan", card, blocks.ActionApprove), "").Closed)
	card = w.shows(id, "(away)")
	w.click("dan", card, blocks.ActionApprove)
	w.noticed("dan", "already")

	// Ada speaks for herself, which is the same voice; Carol's is the second.
	if v := w.votes(id); v[0].For.Name == "Ada" {
		w.click("ada", card, blocks.ActionApprove)
		w.noticed("ada", "already")
	} else {
		w.click("ben", card, blocks.ActionApprove)
		w.noticed("ben", "already")
	}
	require.Empty(t, w.queue.signals())
	require.True(t, w.submit("carol", w.press("carol", card, blocks.ActionApprove), "").Closed)
	w.settled(id)
	require.Len(t, w.queue.signals(), 1)
}

func (w *world) votes(id approval.ID) []approval.Vote {
	w.Helper()
	r, err := w.store.Request(w.Context(), id)
	require.NoError(w, err)
	return r.Votes
}

// What was lent ends with the absence: by itself, by the person, or by an admin. A
// vote that was cast meanwhile does not help to decide afterwards.
func TestWhatWasLentEnds(t *testing.T) {
	t.Parallel()
	var now testClock
	w := newWorld(t, options{now: now.now, rule: func(r *approval.Rule) { r.Delegation = true; r.Quorum.Count = 2 }})
	ada := w.slack.UserID("ada")
	id := w.waits(1)
	card := w.card(id)
	refused := func(why string) {
		t.Helper()
		w.click("dan", card, blocks.ActionApprove)
		w.noticed("dan", "not among")
		require.NotContains(t, w.says("dan", "pending"), "web01.example.com", why)
	}
	w.says("ada", "away until tomorrow delegate @dan")
	require.True(t, w.submit("dan", w.press("dan", card, blocks.ActionApprove), "").Closed)
	card = w.shows(id, "(away)")
	require.Contains(t, w.says("ada", "back"), "Welcome back")
	require.True(t, w.submit("ben", w.press("ben", card, blocks.ActionApprove), "").Closed)
	card = w.shows(id, "<@"+w.slack.UserID("ben")+">")
	require.Empty(t, w.queue.signals(), "nobody is represented any more, so one voice is missing")
	refused("she is back")

	w.says("ada", "away until tomorrow delegate @dan")
	require.Contains(t, w.says("dan", "pending"), "web01.example.com")
	require.Contains(t, w.says("ben", "away list"), "Only admins")
	require.Contains(t, w.says("carol", "away list"), "<@"+ada+"> until")
	require.Contains(t, w.says("ben", "back @ada"), "Only admins")
	require.Contains(t, w.says("carol", "back @ada"), "has ended")
	refused("an admin ended it")

	w.says("ada", "away until tomorrow delegate @dan")
	now.pass(49 * time.Hour)
	refused("it is over")
	require.Contains(t, w.says("carol", "away list"), "Nobody is away")
	require.Contains(t, w.says("ada", "back"), "You are not away")
}

// The rule may not allow it, and nobody's own request is approved by a delegate.
func TestADelegateWhoMayNot(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]options{
		"the route does not allow it":       {},
		"the delegate asked for it":         {rule: delegating, directory: approval.Directory{Map: map[string]string{`EXAMPLE\alice`: "dan@example.com"}}},
		"who is represented asked for it":   {rule: delegating, directory: approval.Directory{Map: map[string]string{`EXAMPLE\alice`: "ada@example.com"}}},
		"nobody knows who asked for it":     {rule: delegating, directory: approval.Directory{Templates: []string{`OTHER\{localpart}`}}},
		"who is represented is no approver": {rule: func(r *approval.Rule) { r.Delegation = true; r.Groups = nil; r.Users = []string{"@ben"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, o)
			card := w.card(w.waits(1))
			w.says("ada", "away until tomorrow delegate @dan")
			w.click("dan", card, blocks.ActionApprove)
			w.await("dan to be refused", func() bool {
				for e, err := range w.store.Entries(t.Context(), store.Filter{}) {
					if err == nil && e.Event == "click.refused" {
						return true
					}
				}
				return false
			})
			if name != "nobody knows who asked for it" { // that can be denied by anybody
				require.NotContains(t, w.says("dan", "pending"), "web01")
			}
		})
	}
}

func TestWhoIsAwayIsNotReminded(t *testing.T) {
	t.Parallel()
	var now testClock
	w := newWorld(t, options{now: now.now, rule: func(r *approval.Rule) {
		r.Groups, r.Users = nil, []string{"@ada", "@ben", "@carol"}
		r.Reminders = []approval.Reminder{{After: time.Hour}, {After: 2 * time.Hour, User: "@ada"}}
		r.Delegation = true
	}})
	id := w.waits(1)
	w.card(id)
	w.says("ada", "away until tomorrow delegate @dan")
	w.says("ben", "away until tomorrow")
	require.Contains(t, w.says("ben", "pending"), "Nobody stands in for you")
	w.slack.OpenHome(t.Context(), "ben")
	w.await("the Home tab to say so", func() bool {
		v, ok := w.slack.HomeOf("ben")
		return ok && strings.Contains(v.String(), "You are away until")
	})
	now.pass(2 * time.Hour)
	w.bot.Remind(t.Context(), w.known(id))
	var said string
	w.await("the reminder", func() bool {
		for _, m := range w.threads("#pki-approvals") {
			said = m.String()
		}
		return strings.Contains(said, "Still waiting")
	})
	require.Contains(t, said, "<@"+w.slack.UserID("dan")+"> and <@"+w.slack.UserID("carol")+">, please")
	require.NotContains(t, said, w.slack.UserID("ada"))
	require.NotContains(t, said, w.slack.UserID("ben"))
	w.await("the card for who stands in", func() bool { return w.cardsOf(id, w.slack.DirectChannelID("dan")) == 1 })
}

func TestWrongAbsences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for text, want := range map[string]string{
		"away for a week":                     "Say until when",
		"away until someday":                  "is not a day",
		"away until monday 25:00":             "is not a time of the day",
		"away until 2020-01-01":               "is over already",
		"away until 2999-01-01":               "more than a year",
		"away until monday delegate @ada":     "stand in for yourself",
		"away until monday delegate @nobody":  "was not found",
		"away until monday delegate @gina":    "Only a full member",
		"away until monday delegate @carol":   "cannot decide in your place",
		"away until tomorrow 14:00":           "Nobody stands in",
		"AWAY UNTIL Fri DELEGATE to @carol":   "<@" + w.slack.UserID("carol") + ">",
		"back @carol":                         "Only admins",
		"away until monday delegate <!here>`": "was not found",
	} {
		require.Contains(t, w.says("ada", text), want, text)
	}
	require.Contains(t, w.says("gina", "away until monday"), "Only full members")
}

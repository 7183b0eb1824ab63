package bot_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// known is what a poll knows of a request.
func (w *world) known(id approval.ID) store.Known {
	w.Helper()
	all, err := w.store.Known(w.Context(), approval.Workflow)
	require.NoError(w, err)
	for _, k := range all {
		if k.ID == id {
			return k
		}
	}
	w.Fatalf("%s does not wait", id)
	return store.Known{}
}

// threads are what was said under cards in a channel.
func (w *world) threads(channel string) (all []slacksim.Message) {
	for _, m := range w.slack.Messages(channel) {
		if m.ThreadTS != "" && m.ThreadTS != m.TS {
			all = append(all, m)
		}
	}
	return all
}

// First the thread, then further people, then it is too late; each once, however
// often a poll comes by.
func TestNobodyDecides(t *testing.T) {
	t.Parallel()
	var now testClock
	w := newWorld(t, options{now: now.now, rule: func(r *approval.Rule) {
		r.Users = []string{"@ben"}
		r.Reminders = []approval.Reminder{{After: time.Hour}, {After: 2 * time.Hour, Channel: "#pki-escalation"}, {After: 2 * time.Hour, User: "carol@example.com"}, {After: 3 * time.Hour, User: "@nobody"}}
		r.ExpiresAfter = 4 * time.Hour
	}})
	id := w.waits(1)
	w.card(id)
	poll := func(after time.Duration) {
		now.pass(after)
		for range 3 {
			w.bot.Remind(t.Context(), w.known(id))
		}
	}
	says := func(channel, text string) slacksim.Message {
		var found slacksim.Message
		w.await(channel+" to say "+text, func() bool {
			for _, m := range w.threads(channel) {
				if strings.Contains(m.String(), text) {
					found = m
					return true
				}
			}
			return false
		})
		return found
	}
	poll(59 * time.Minute)
	require.Empty(t, w.known(id).Told)

	poll(time.Minute)
	first := says("#pki-approvals", "Still waiting")
	require.Contains(t, first.String(), "<@"+w.slack.UserID("ben")+">")
	require.Contains(t, first.String(), "<!subteam^S")
	require.Zero(t, w.cardsOf(id, "#pki-escalation"))

	poll(time.Hour)
	w.await("a card where it is escalated to", func() bool { return w.cardsOf(id, "#pki-escalation") == 1 })
	carol := w.slack.DirectChannelID("carol")
	w.await("a card for carol", func() bool { return w.cardsOf(id, carol) == 1 })
	says("#pki-escalation", "Nobody decided in time, so it is shown to <#"+w.slack.ChannelID("pki-escalation")+"> and <@"+w.slack.UserID("carol")+"> as well.")
	says("#pki-approvals", "Nobody decided in time")
	says(carol, "Nobody decided in time")

	poll(time.Hour) // nobody has that name; the approvers are reminded all the same
	w.await("the admins to be told", func() bool {
		for _, m := range w.slack.Messages(carol) {
			if strings.Contains(m.String(), "`@nobody`") {
				return true
			}
		}
		return false
	})

	poll(time.Hour)
	says("#pki-approvals", "the buttons are gone")
	w.await("the buttons to go", func() bool { return len(w.buttons(w.shows(id, "decided in Keyfactor"))) == 0 })

	poll(100 * time.Hour)
	w.await("three reminders and the end", func() bool { return len(w.threads("#pki-approvals")) == 4 })
	w.await("what came after it was escalated", func() bool { return len(w.threads("#pki-escalation")) == 3 })
	require.Equal(t, 1, w.cardsOf(id, "#pki-escalation"))
}

// Who has decided is not asked again.
func TestADecisionEndsReminders(t *testing.T) {
	t.Parallel()
	var now testClock
	w := newWorld(t, options{now: now.now, rule: func(r *approval.Rule) { r.Reminders = []approval.Reminder{{After: time.Hour}} }})
	id := w.waits(1)
	k := w.known(id)
	require.True(t, w.submit("ada", w.press("ada", w.card(id), "approve"), "").Closed)
	w.settled(id)
	now.pass(2 * time.Hour)
	w.bot.Remind(t.Context(), k) // a poll that had read its list before
	for _, m := range w.threads("#pki-approvals") {
		require.NotContains(t, m.String(), "Still waiting")
	}
}

// A card that is found again in a conversation with a person can be updated there,
// which takes the conversation's id and not the person's.
func TestADirectCardIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	w.card(id)
	w.faults(slacksim.Fault{Method: "chat.postMessage", Kind: slacksim.CutAfter, Count: 1})
	require.NoError(t, w.store.Place(t.Context(), id, w.slack.UserID("ada")))
	dm := w.slack.DirectChannelID("ada")
	w.await("the card to be recorded", func() bool {
		r, err := w.store.Request(t.Context(), id)
		require.NoError(t, err)
		for _, c := range r.Cards {
			if c.SlackChannel == dm {
				return true
			}
		}
		return false
	})
	require.Equal(t, 1, w.cardsOf(id, dm))
}

// testClock goes on when it is told to, from when it was first looked at.
type testClock struct {
	mu    sync.Mutex
	start time.Time
	ahead time.Duration
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.start.IsZero() {
		c.start = time.Now()
	}
	return c.start.Add(c.ahead)
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

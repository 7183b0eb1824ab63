package bot_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

func following() options {
	return options{
		rule:      func(r *approval.Rule) { r.NotifyRequester = true },
		directory: approval.Directory{Map: map[string]string{`EXAMPLE\alice`: "dan@example.com"}},
	}
}

// followed lets a request appear whose requester is to be told.
func (w *world) followed(n int, requester string) approval.ID {
	w.Helper()
	r := request(approval.NewID(approval.Workflow, string(rune('a'+n))+"/step"), n)
	r.Requester = requester
	w.queue.change(func() { w.queue.waiting[r.ID] = r })
	_, err := w.store.Appear(w.Context(), r, store.Placement{Route: "all", Channels: []string{"#pki-approvals"}, Follow: true})
	require.NoError(w, err)
	return r.ID
}

// messages are what a person was told in direct messages.
func (w *world) messages(who, text string) (all []slacksim.Message) {
	for _, m := range w.slack.Messages(w.slack.DirectChannelID(who)) {
		if strings.Contains(m.String(), text) {
			all = append(all, m)
		}
	}
	return all
}

// Whoever asked hears that it has arrived, and why it was denied; each once.
func TestTheRequesterIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, following())
	id := w.followed(1, `EXAMPLE\alice`)
	for range 3 {
		w.bot.Follow(t.Context())
	}
	w.await("dan to hear that it has arrived", func() bool { return len(w.messages("dan", "has arrived")) == 1 })
	require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionDeny), "Use the other template.").Closed)
	w.settled(id)
	for range 3 {
		w.bot.Follow(t.Context())
	}
	w.await("dan to hear why it was denied", func() bool { return len(w.messages("dan", "Use the other template.")) == 1 })
	told := w.messages("dan", "web01.example.com")
	require.Len(t, told, 2)
	require.Contains(t, told[1].String(), "<@"+w.slack.UserID("ada")+">")

	followers, err := w.store.Followers(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, followers, "nothing is left to tell")
}

// A decision between two polls is told all the same.
func TestAQuickDecisionIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, following())
	id := w.followed(1, `EXAMPLE\alice`)
	require.True(t, w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "").Closed)
	w.settled(id)
	w.bot.Follow(t.Context())
	w.await("dan to hear of it", func() bool { return len(w.messages("dan", "Approved")) == 1 })
	require.Empty(t, w.messages("dan", "has arrived"))
}

// Without proof nobody is told, and nobody is asked for again and again.
func TestAStrangerIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, following())
	w.followed(1, `EXAMPLE\dan`) // a likeness of names is no proof
	w.bot.Follow(t.Context())
	require.Empty(t, w.messages("dan", ""))
	followers, err := w.store.Followers(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, followers)
}

// A message whose answer was lost is found again in the conversation.
func TestARequesterIsToldOnceWhateverSlackDoes(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]slacksim.Fault{
		"the answer is lost":  {Method: "chat.postMessage", Kind: slacksim.CutAfter, Count: 1},
		"the message is lost": {Method: "chat.postMessage", Kind: slacksim.CutBefore, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, following())
			w.card(w.followed(1, `EXAMPLE\alice`))
			w.faults(fault)
			w.bot.Follow(t.Context())
			w.await("the message to be recorded", func() bool {
				reply, _, err := w.store.Reply(t.Context(), "workflow:b/step", w.slack.UserID("dan"), "requester:pending")
				return err == nil && reply.TS != ""
			})
			require.Len(t, w.messages("dan", "has arrived"), 1)
		})
	}
}

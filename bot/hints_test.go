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

// arrives lets a request with a CSR wait, as a poll would.
func (w *world) arrives(n int, csr approval.CSR) approval.Request {
	w.Helper()
	id := approval.NewID(approval.Workflow, string(rune('a'+n))+"/step")
	r := request(id, n)
	r.CSR = &csr
	w.queue.change(func() { w.queue.waiting[id] = r })
	_, err := w.store.Appear(w.Context(), r, store.Placement{Route: "all", Channels: []string{"#pki-approvals"}})
	require.NoError(w, err)
	return r
}

func levels(all map[approval.HintCode]approval.HintLevel) func(*approval.Rule) {
	return func(r *approval.Rule) {
		r.Hints = approval.HintRule{Levels: all}
		r.Approve.Need = approval.CommentOff // without a hint there would be no modal at all
	}
}

func typedInto(view slacksim.View) bool {
	return strings.Contains(string(view.Blocks), `"block_id":"`+blocks.BlockTyped+`"`)
}

// A hint that wants the name typed: on the card, in the modal, and when it is
// submitted; nobody gets past it by pressing fast.
func TestAStepUpCannotBeSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: levels(map[approval.HintCode]approval.HintLevel{approval.HintCABit: approval.HintStepUp})})
	harmless, ca := w.arrives(1, approval.CSR{KeyID: "a"}), w.arrives(2, approval.CSR{KeyID: "b", CA: true})

	r := w.slack.Click(w.Context(), slacksim.Click{As: "ada", Channel: "#pki-approvals", TS: w.card(harmless.ID).TS, ActionID: blocks.ActionApprove})
	require.True(t, r.Acknowledged)
	w.settled(harmless.ID)
	require.Empty(t, w.slack.Views("ada"), "one click does where nothing was found")

	card := w.card(ca.ID)
	require.Contains(t, card.String(), "Stop")
	view := w.press("ada", card, blocks.ActionApprove)
	require.True(t, typedInto(view))
	for _, typed := range []string{"", "web03.example.com"} {
		s := w.slack.Submit(w.Context(), "ada", view.ID, slacksim.Values{}.Text(blocks.BlockTyped, blocks.ActionTyped, typed))
		require.NotEmpty(t, s.Errors[blocks.BlockTyped], "%q", typed)
	}
	require.Len(t, w.queue.signals(), 1)
	s := w.slack.Submit(w.Context(), "ada", view.ID, slacksim.Values{}.Text(blocks.BlockTyped, blocks.ActionTyped, "WEB02.example.com"))
	require.Empty(t, s.Errors)
	record, shown := w.settled(ca.ID)
	require.Equal(t, approval.Approved, record.State)
	require.NotContains(t, shown.String(), "Stop", "nothing is left to look out for")
}

// What comes up between the modal and its submission counts: here the same key
// is asked for once more, and issued.
func TestAStepUpThatComesLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) {
		levels(map[approval.HintCode]approval.HintLevel{approval.HintKeyReused: approval.HintStepUp})(r)
		r.Approve.Need = approval.CommentOptional
	}})
	first := w.arrives(1, approval.CSR{KeyID: "same"})
	view := w.press("ada", w.card(first.ID), blocks.ActionApprove)
	require.False(t, typedInto(view))

	second := w.arrives(2, approval.CSR{KeyID: "same"})
	_, err := w.store.Settle(t.Context(), second.ID, approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere})
	require.NoError(t, err)

	s := w.submit("ada", view, "change 4711")
	require.Empty(t, s.Errors)
	require.Empty(t, w.queue.signals(), "nothing was decided")
	w.await("the modal to ask for the name", func() bool { v := w.slack.Views("ada"); return len(v) == 1 && typedInto(v[0]) })
	view = w.slack.Views("ada")[0]
	text := string(view.Blocks)
	require.Contains(t, text, "Something came up")
	require.Contains(t, text, "The same key was seen here before, with web02.example.com.")
	require.Contains(t, text, "change 4711", "the comment is not typed twice")
	s = w.slack.Submit(w.Context(), "ada", view.ID, slacksim.Values{}.Text(blocks.BlockTyped, blocks.ActionTyped, "web01.example.com").Text(blocks.BlockComment, blocks.ActionComment, "change 4711"))
	require.Empty(t, s.Errors)
	w.settled(first.ID)
}

// The memory is written by the same acts that people see.
func TestAnApprovalMakesADomainKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: levels(map[approval.HintCode]approval.HintLevel{approval.HintNewDomain: approval.HintNote})})
	first := w.arrives(1, approval.CSR{KeyID: "a"})
	require.Contains(t, w.card(first.ID).String(), "Nothing was approved here before for example.com.")
	r := w.slack.Click(w.Context(), slacksim.Click{As: "ada", Channel: "#pki-approvals", TS: w.card(first.ID).TS, ActionID: blocks.ActionApprove})
	require.True(t, r.Acknowledged)
	w.settled(first.ID)
	second := w.arrives(2, approval.CSR{KeyID: "b"})
	require.NotContains(t, w.card(second.ID).String(), "Nothing was approved here before")
}

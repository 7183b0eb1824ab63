package bot_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// menu chooses from a card's menu.
func (w *world) menu(who string, card slacksim.Message, option string) {
	w.Helper()
	r := w.slack.Click(w.Context(), slacksim.Click{As: who, Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionMenu, SelectedOption: option})
	require.True(w, r.Acknowledged, r.Error)
}

// cardSays waits until the card does, or does not, say so.
func (w *world) cardSays(card slacksim.Message, text string, says bool) {
	w.Helper()
	w.await("the card about: "+text, func() bool {
		m, ok := w.slack.Message("#pki-approvals", card.TS)
		return ok && strings.Contains(m.String(), text) == says
	})
}

func TestClaimIsShownAndKeepsNobodyFromDeciding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.ClaimFor = 30 * time.Minute; r.Quorum.Count = 2 }})
	id := w.waits(1)
	card := w.card(id)
	w.home("ben", "1 request waits for you")
	w.menu("ada", card, blocks.MenuClaim)
	adas := "<@" + w.slack.UserID("ada") + "> is looking at it"
	w.cardSays(card, adas, true)
	w.homeShows("ben", adas)

	// Ben takes it over and gives it back where he is, in his list.
	of := " " + string(id)
	w.pressHome("ben", slacksim.Click{ActionID: blocks.ActionMenu, SelectedOption: blocks.MenuClaim + of})
	w.cardSays(card, "<@"+w.slack.UserID("ben")+"> is looking at it", true)
	w.pressHome("ben", slacksim.Click{ActionID: blocks.ActionMenu, SelectedOption: blocks.MenuRelease + of})
	w.homeShows("ben", "2 people must approve")
	w.cardSays(card, "is looking at it", false)
	w.pressHome("ben", slacksim.Click{ActionID: blocks.ActionMenu, SelectedOption: blocks.MenuExplain + of})
	dm := w.slack.DirectChannelID("ben")
	w.await("an explanation for ben", func() bool {
		return strings.Contains(strings.Join(texts(w.slack.Messages(dm)), ""), "web01.example.com")
	})
	// Dan sends what Ben's list would.
	forged := slack.InteractionCallback{Type: slack.InteractionTypeBlockActions, User: slack.User{ID: w.slack.UserID("dan")}}
	forged.View.Type = slack.VTHomeTab
	for _, choice := range []string{blocks.MenuExplain, blocks.MenuClaim} {
		forged.ActionCallback.BlockActions = []*slack.BlockAction{{ActionID: blocks.ActionMenu, SelectedOption: slack.OptionBlockObject{Value: choice + of}}}
		w.bot.Interact(t.Context(), forged)
	}
	dans := w.slack.DirectChannelID("dan")
	w.await("two refusals for dan", func() bool {
		return strings.Count(strings.Join(texts(w.slack.Messages(dans)), ""), "You are not among") == 2
	})

	w.menu("ada", card, blocks.MenuClaim)
	w.cardSays(card, adas, true)

	w.menu("ben", card, blocks.MenuRelease)
	w.told("ben", "You had not said that you are looking")
	w.menu("dan", card, blocks.MenuClaim)
	w.told("dan", "not among those who may decide")
	w.menu("ada", card, blocks.MenuRelease)
	w.cardSays(card, "is looking at it", false)

	w.menu("ada", card, blocks.MenuClaim)
	w.cardSays(card, adas, true)
	w.menu("ben", card, blocks.MenuClaim) // takes it over
	w.cardSays(card, "<@"+w.slack.UserID("ben")+"> is looking at it", true)
	require.True(t, w.submit("ben", w.press("ben", card, blocks.ActionApprove), "").Closed)
	w.cardSays(card, "is looking at it", false) // now it is the others' turn

	w.menu("ben", card, blocks.MenuClaim)
	w.cardSays(card, "<@"+w.slack.UserID("ben")+"> is looking at it", true)
	require.True(t, w.submit("ada", w.press("ada", card, blocks.ActionApprove), "").Closed)
	record, shown := w.settled(id)
	require.Equal(t, approval.Approved, record.State)
	require.NotContains(t, shown.String(), "is looking at it")
	r := w.slack.Click(t.Context(), slacksim.Click{As: "ada", Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionMenu, SelectedOption: blocks.MenuClaim, Message: &card})
	require.True(t, r.Acknowledged, r.Error) // from an old client
	w.told("ada", "This request is settled")
}

func TestClaimLapses(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, options{
		rule: func(r *approval.Rule) { r.ClaimFor = 30 * time.Minute },
		now:  func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	id := w.waits(1)
	card := w.card(id)
	w.menu("ada", card, blocks.MenuClaim)
	w.cardSays(card, "is looking at it", true)
	lapsed, err := w.store.LapseClaims(t.Context())
	require.NoError(t, err)
	require.Zero(t, lapsed)
	ahead.Store(int64(31 * time.Minute))
	lapsed, err = w.store.LapseClaims(t.Context()) // as a poll does
	require.NoError(t, err)
	require.Equal(t, 1, lapsed)
	w.cardSays(card, "is looking at it", false)
}

func TestTheMenuExplains(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	card := w.card(w.waits(1))
	w.menu("dan", card, blocks.MenuClaim) // the route offers no such thing
	w.menu("ada", card, blocks.MenuExplain)
	w.told("ada", "web01.example.com")
	w.told("ada", "<@"+w.slack.UserID("ben")+">")
}

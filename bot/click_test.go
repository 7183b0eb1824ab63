package bot_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// The main way, over both transports: card, press, comment, signal, settled card.
func TestAClickBecomesASignal(t *testing.T) {
	t.Parallel()
	for name, overHTTP := range map[string]bool{"socket mode": false, "signed HTTP": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{http: overHTTP})
			id := w.waits(1)
			card := w.card(id)
			require.Equal(t, []string{"approve", "deny"}, w.buttons(card))

			modal := w.press("ada", card, blocks.ActionApprove)
			require.Contains(t, modal.String(), "web01.example.com")
			r := w.submit("ada", modal, "change 1234")
			require.True(t, r.Closed, r.Error)

			record, shown := w.settled(id)
			require.Equal(t, approval.Approved, record.State)
			require.Equal(t, approval.DecidedHere, record.Outcome.Reason)
			require.Empty(t, w.buttons(shown), "buttons are gone with the decision")
			require.Contains(t, shown.String(), "change 1234")

			signals := w.queue.signals()
			require.Len(t, signals, 1)
			require.Equal(t, "Slack: Ada ("+w.slack.UserID("ada")+", ada@example.com) - change 1234", signals[0].SignalComment())
			w.await("the trail in the thread", func() bool { m, _ := w.slack.Message("#pki-approvals", shown.TS); return m.ReplyCount == 2 })
		})
	}
}

func TestDenyNeedsAComment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	modal := w.press("ben", w.card(id), blocks.ActionDeny)
	r := w.submit("ben", modal, "   ")
	require.NotEmpty(t, r.Errors[blocks.BlockComment], "white space is no comment")
	require.False(t, r.Closed)
	require.True(t, w.submit("ben", modal, "unknown owner").Closed)
	record, _ := w.settled(id)
	require.Equal(t, approval.Denied, record.State)
}

// A reason that the route offers will do for a comment, and goes with what was
// written to Keyfactor; without one the comment has a least length.
func TestADenialIsGivenAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) {
		r.Deny = approval.CommentRule{Need: approval.CommentRequired, Min: 12, Reasons: []string{"wrong template", "unknown owner"}}
	}})
	id := w.waits(1)
	modal := w.press("ben", w.card(id), blocks.ActionDeny)
	send := func(reason, text string) slacksim.SubmitResult {
		values := slacksim.Values{}.Text(blocks.BlockComment, blocks.ActionComment, text)
		if reason != "" {
			values = values.Choose(blocks.BlockReason, blocks.ActionReason, "static_select", reason)
		}
		return w.slack.Submit(t.Context(), "ben", modal.ID, values)
	}
	require.Contains(t, send("", "").Errors[blocks.BlockComment], "choose a reason or write a comment")
	require.Contains(t, send("", "no").Errors[blocks.BlockComment], "at least 12 characters")
	require.Empty(t, w.queue.signals())
	require.True(t, send("wrong template", "use WebServer").Closed)
	record, shown := w.settled(id)
	require.Equal(t, approval.Denied, record.State)
	require.Contains(t, w.queue.signals()[0].SignalComment(), "- wrong template: use WebServer")
	require.Contains(t, shown.String(), "wrong template: use WebServer")
}

func TestWithoutCommentsAPressDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rule: func(r *approval.Rule) { r.Approve.Need = approval.CommentOff }})
	id := w.waits(1)
	card := w.card(id)
	require.True(t, w.slack.Click(t.Context(), slacksim.Click{As: "ada", Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionApprove}).Acknowledged)
	record, _ := w.settled(id)
	require.Equal(t, approval.Approved, record.State)
}

// Who may not decide hears why; nothing is sent, and it is written down.
func TestWhoMayNotDecideIsToldWhy(t *testing.T) {
	t.Parallel()
	for who, want := range map[string]string{
		"dan":  "not among those who may decide",
		"gina": "Guests",
	} {
		t.Run(who, func(t *testing.T) {
			w := newWorld(t, options{})
			id := w.waits(1)
			card := w.card(id)
			r := w.slack.Click(t.Context(), slacksim.Click{As: who, Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionApprove})
			require.True(t, r.Acknowledged, r.Error)
			w.await("a notice", func() bool {
				v := w.slack.Views(who)
				return len(v) == 1 && strings.Contains(v[0].String(), want)
			})
			require.Empty(t, w.queue.signals())
			requireAudited(t, w, id, w.slack.UserID(who))
		})
	}
}

func TestRequesterMayNotDecideTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := approval.ID("workflow:own/step")
	r := request(id, 7)
	r.Requester = `EXAMPLE\ADA`
	w.queue.change(func() { w.queue.waiting[id] = r })
	_, err := w.store.Appear(t.Context(), r, store.Placement{Route: "all", Channels: []string{"#pki-approvals"}})
	require.NoError(t, err)
	card := w.card(id)
	w.slack.Click(t.Context(), slacksim.Click{As: "ada", Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionApprove})
	w.await("a notice", func() bool {
		v := w.slack.Views("ada")
		return len(v) == 1 && strings.Contains(v[0].String(), "somebody else has to decide")
	})
	require.Empty(t, w.queue.signals())
}

func requireAudited(t *testing.T, w *world, id approval.ID, user string) {
	t.Helper()
	w.await("the refusal in the audit log", func() bool {
		for e, err := range w.store.Entries(t.Context(), store.Filter{}) {
			require.NoError(t, err)
			if e.Event == "click.refused" && e.Request == id && e.By.ID == user {
				return true
			}
		}
		return false
	})
}

// Twenty presses by two people at once make one signal; the others hear who was first.
func TestManyClicksMakeOneSignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	card := w.card(id)
	modals := map[string]slacksim.View{"ada": w.press("ada", card, blocks.ActionApprove), "ben": w.press("ben", card, blocks.ActionDeny)}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		won   int
	)
	for who, modal := range modals {
		for range 10 {
			group.Go(func() {
				if r := w.submit(who, modal, "at once"); r.Closed && r.Error == "" {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	w.settled(id)
	require.Len(t, w.queue.signals(), 1)

	// A press on the card as a slow client still shows it names who decided.
	loser := map[approval.Verdict]string{approval.Approve: "ben", approval.Deny: "ada"}[w.queue.signals()[0].Verdict]
	old, ok := card.Button(blocks.ActionApprove)
	require.True(t, ok)
	w.slack.Click(t.Context(), slacksim.Click{As: loser, Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionApprove, Value: old.Value, Message: &card})
	w.told(loser, "This request is settled")
}

// Ways to press something that is not ours to honour. Each is refused in words, and
// the audit log says what was wrong with it, and where it was pressed.
func TestForgedAndCopiedButtonsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	card := w.card(id)
	other := w.waits(2)
	w.await("the other card", func() bool { return w.cardsOf(other, "#pki-approvals") == 1 })
	second := w.cardAt(other, "#pki-approvals")
	button, _ := card.Button(blocks.ActionApprove)
	body, signature, _ := strings.Cut(button.Value, ".")
	elsewhere, err := w.slack.PostAs("ada", "#pki-private", "", "a copy")
	require.NoError(t, err)
	for name, try := range map[string]struct {
		click slacksim.Click
		why   string
	}{
		"another signature": {slacksim.Click{Value: body + "." + strings.Repeat("A", len(signature))}, "does not carry our signature"},
		"no signature":      {slacksim.Click{Value: body}, "does not carry our signature"},
		"no value":          {slacksim.Click{Value: "x"}, "does not carry our signature"},
		"another channel":   {slacksim.Click{Value: button.Value, Channel: "#pki-private", TS: elsewhere.TS}, "made for another channel"},
		"another message":   {slacksim.Click{Value: button.Value, TS: second.TS}, "pressed on another message"},
	} {
		t.Run(name, func(t *testing.T) {
			click := try.click
			click.As, click.ActionID = "ada", blocks.ActionApprove
			if click.Channel == "" {
				click.Channel = "#pki-approvals"
			}
			if click.TS == "" {
				click.TS = card.TS
			}
			before := len(w.slack.Ephemerals("ada"))
			r := w.slack.Click(t.Context(), click)
			require.True(t, r.Acknowledged, r.Error)
			w.await("words", func() bool { return len(w.slack.Ephemerals("ada")) > before })
			require.Contains(t, w.slack.Ephemerals("ada")[before].String(), "too old or not from approvebot")
			for e, err := range w.store.Entries(t.Context(), store.Filter{Newest: true, Limit: 1}) {
				require.NoError(t, err)
				require.Equal(t, "click.refused", e.Event)
				require.Equal(t, w.slack.UserID("ada"), e.By.ID)
				require.Contains(t, e.Detail["why"], try.why)
				require.Equal(t, w.slack.ChannelID(click.Channel), e.Detail["channel"])
				require.Equal(t, click.TS, e.Detail["message"])
			}
		})
	}
	require.Empty(t, w.queue.signals())
}

// Keys are rotated with an overlap: the new one signs, the old one still verifies,
// until it is taken away.
func TestKeysAreRotatedWithAnOverlap(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "keys.db"))
	m := &matrix{T: t, stage: s}
	m.set(scene{requester: `EXAMPLE\svc-web`})
	old, now := bytes.Repeat([]byte("k"), 32), bytes.Repeat([]byte("n"), 32)
	press := func() string { what, _ := m.press("ada", approval.Approve); return what }

	s.keys = [][]byte{now}
	s.restart(t)
	require.Equal(t, "no, stale_button", press(), "the old key is gone")
	s.keys = [][]byte{now, old}
	s.restart(t)
	require.Equal(t, "yes, and that decides", press(), "both are in force")
	m.set(scene{requester: `EXAMPLE\svc-web`})
	s.keys = [][]byte{now}
	s.restart(t)
	require.Equal(t, "yes, and that decides", press(), "the new one has signed since")
}

// What Slack said about a group is believed for a while when Slack does not answer,
// and never more than that: a failure lets nobody in, and in the end nobody at all.
func TestAGroupThatCannotBeRefreshedNeverWidens(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "group.db"))
	m := &matrix{T: t, stage: s}
	press := func(who string) string {
		m.set(scene{requester: `EXAMPLE\svc-web`})
		what, _ := m.press(who, approval.Approve)
		return what
	}
	require.NoError(t, s.slack.SetGroup("@pki-approvers", "ben"))
	require.Equal(t, "yes, and that decides", press("ben"))
	require.Equal(t, "no, not_approver", press("dan"))

	require.NoError(t, s.slack.SetGroup("@pki-approvers", "ben", "dan"))
	require.NoError(t, s.slack.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "usergroups.list", Kind: slacksim.Error, Error: "internal_error"}}}))
	s.pass(5 * time.Minute)
	require.Equal(t, "yes, and that decides", press("ben"), "known from before")
	require.Equal(t, "no, not_approver", press("dan"), "not known from before")
	s.pass(6 * time.Minute)
	require.Equal(t, "no, slack_down", press("ben"), "what was known is too old")
	require.Equal(t, "yes, and that decides", press("ada"), "named, and in need of no group")

	require.NoError(t, s.slack.SetFaults(slacksim.Faults{}))
	require.Equal(t, "yes, and that decides", press("dan"))
}

// An unrouted request is reported to the admins once, whatever happens in between.
func TestAnUnroutedRequestIsReportedOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "unrouted.db"))
	r := request("workflow:unrouted/step", 7)
	heard := func() (n int) {
		for _, m := range s.slack.Messages(s.slack.DirectChannelID("carol")) {
			if strings.Contains(m.String(), "web07.example.com") {
				n++
			}
		}
		return n
	}
	require.NoError(t, s.slack.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "chat.postMessage", Kind: slacksim.Error, Error: "fatal_error"}}}))
	s.bot.Load().Unrouted(t.Context(), r)
	require.Zero(t, heard(), "Slack is away")
	require.NoError(t, s.slack.SetFaults(slacksim.Faults{}))
	for range 3 {
		s.bot.Load().Unrouted(t.Context(), r)
		s.restart(t)
		require.Equal(t, 1, heard())
	}
}

func TestAnOldButtonIsRefused(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	w := newWorld(t, options{now: clock})
	card := w.card(w.waits(1))
	mu.Lock()
	now = now.Add(31 * 24 * time.Hour)
	mu.Unlock()
	w.slack.Click(t.Context(), slacksim.Click{As: "ada", Channel: "#pki-approvals", TS: card.TS, ActionID: blocks.ActionApprove})
	w.told("ada", "too old")
}

// P4: the request changes while the modal is open, and after the decision.
func TestAChangedRequestIsNotSignalled(t *testing.T) {
	t.Parallel()
	t.Run("noticed by a poll before the submission", func(t *testing.T) {
		w := newWorld(t, options{})
		id := w.waits(1)
		modal := w.press("ada", w.card(id), blocks.ActionApprove)
		changed := request(id, 1)
		changed.SANs = []approval.SAN{{Kind: "dns", Value: "evil.example.net"}}
		_, err := w.store.Revise(t.Context(), changed)
		require.NoError(t, err)
		r := w.submit("ada", modal, "")
		require.False(t, r.Closed)
		require.Contains(t, r.Views[len(r.Views)-1].String(), "changed")
		require.Empty(t, w.queue.signals())
	})
	t.Run("noticed only when the signal is about to leave", func(t *testing.T) {
		w := newWorld(t, options{})
		id := w.waits(1)
		modal := w.press("ada", w.card(id), blocks.ActionApprove)
		w.queue.change(func() {
			changed := request(id, 1)
			changed.Facts[0].Value = "CN=evil.example.net"
			w.queue.waiting[id] = changed
		})
		require.True(t, w.submit("ada", modal, "").Closed)
		w.told("ada", "changed after it was shown")
		record, err := w.store.Request(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, record.State)
		require.Empty(t, w.queue.signals())
		// The redrawn card can be decided.
		w.await("the card to be redrawn", func() bool {
			m, _ := w.slack.Message("#pki-approvals", record.Cards[0].TS)
			return strings.Contains(m.String(), "evil.example.net") && len(w.buttons(m)) == 2
		})
		m, _ := w.slack.Message("#pki-approvals", record.Cards[0].TS)
		require.True(t, w.submit("ada", w.press("ada", m, blocks.ActionDeny), "no").Closed)
		w.settled(id)
		require.Len(t, w.queue.signals(), 1)
	})
}

// What goes wrong between us and Keyfactor ends in one signal or in words.
func TestTroubleWithTheSignal(t *testing.T) {
	t.Parallel()
	t.Run("maybe, and it had arrived: not sent again", func(t *testing.T) {
		w := newWorld(t, options{})
		w.queue.onSend = func(approval.Decision) (bool, error) { return true, approval.ErrMaybe }
		id := w.waits(1)
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "")
		record, _ := w.settled(id)
		require.Equal(t, approval.DecidedHere, record.Outcome.Reason)
		require.Len(t, w.queue.signals(), 1)
	})
	t.Run("maybe, and it had not arrived: sent once more", func(t *testing.T) {
		w := newWorld(t, options{})
		tries := 0
		w.queue.onSend = func(approval.Decision) (bool, error) {
			if tries++; tries == 1 {
				return false, approval.ErrMaybe
			}
			return true, nil
		}
		id := w.waits(1)
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "")
		w.settled(id)
		require.Len(t, w.queue.signals(), 2)
	})
	t.Run("unavailable: kept and sent later", func(t *testing.T) {
		w := newWorld(t, options{})
		tries := 0
		w.queue.onSend = func(approval.Decision) (bool, error) {
			if tries++; tries == 1 {
				return false, approval.ErrUnavailable
			}
			return true, nil
		}
		id := w.waits(1)
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "")
		w.settled(id)
	})
	t.Run("refused: pending again, with the reason", func(t *testing.T) {
		w := newWorld(t, options{})
		w.queue.onSend = func(approval.Decision) (bool, error) { return false, errors.Join(approval.ErrForbidden) }
		id := w.waits(1)
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "")
		w.told("ada", "does not allow approvebot")
		record, err := w.store.Request(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, record.State)
		w.await("a card with buttons and the reason", func() bool {
			m, _ := w.slack.Message("#pki-approvals", record.Cards[0].TS)
			return len(w.buttons(m)) == 2 && strings.Contains(m.String(), "does not allow approvebot")
		})
	})
	t.Run("refused: who decided can try again", func(t *testing.T) {
		w := newWorld(t, options{})
		refuse := true
		w.queue.onSend = func(approval.Decision) (bool, error) {
			if refuse {
				return false, approval.ErrRefused
			}
			return true, nil
		}
		id := w.waits(1)
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "first try")
		card := w.shows(id, "Keyfactor refused the decision", "has approved")
		w.queue.change(func() { refuse = false })
		require.True(t, w.submit("ada", w.press("ada", card, blocks.ActionApprove), "second try").Closed)
		record, _ := w.settled(id)
		require.Equal(t, approval.Approved, record.State)
		require.Equal(t, "second try", w.queue.signals()[1].Comment)
	})
	t.Run("refused denial: an approval does not send it", func(t *testing.T) {
		w := newWorld(t, options{})
		refuse := true
		w.queue.onSend = func(approval.Decision) (bool, error) {
			if refuse {
				return false, approval.ErrRefused
			}
			return true, nil
		}
		id := w.waits(1)
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionDeny), "no")
		card := w.shows(id, "Keyfactor refused the decision", "has denied")
		w.queue.change(func() { refuse = false })
		require.True(t, w.submit("ben", w.press("ben", card, blocks.ActionApprove), "yes").Closed)
		card = w.shows(id, "has denied", w.slack.UserID("ben")+"> has approved")
		require.Len(t, w.queue.signals(), 1, "neither an approval against her denial, nor her denial by his approval")
		require.True(t, w.submit("ada", w.press("ada", card, blocks.ActionDeny), "still no").Closed)
		record, _ := w.settled(id)
		require.Equal(t, approval.Denied, record.State)
		require.Len(t, w.queue.signals(), 2)
	})
	t.Run("decided in the portal first: the card says so", func(t *testing.T) {
		w := newWorld(t, options{})
		id := w.waits(1)
		modal := w.press("ada", w.card(id), blocks.ActionApprove)
		w.queue.change(func() {
			delete(w.queue.waiting, id)
			w.queue.outcome[id] = approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 12"}
		})
		w.submit("ada", modal, "")
		record, shown := w.settled(id)
		require.Equal(t, approval.Denied, record.State)
		require.Empty(t, w.queue.signals())
		require.Contains(t, shown.String(), "user with Id 12")
	})
	t.Run("taken but waiting for others: says so and is followed", func(t *testing.T) {
		w := newWorld(t, options{})
		w.queue.keepOpen = true
		id := w.waits(1)
		w.queue.change(func() {
			r := w.queue.waiting[id]
			r.Missing, r.Status = 1, "Awaiting 1 more approval(s) from approval roles."
			w.queue.waiting[id] = r
		})
		w.submit("ada", w.press("ada", w.card(id), blocks.ActionApprove), "")
		w.await("the card to say what is missing", func() bool {
			r, _ := w.store.Request(t.Context(), id)
			m, _ := w.slack.Message("#pki-approvals", r.Cards[0].TS)
			return strings.Contains(m.String(), "Awaiting 1 more approval(s)") && len(w.buttons(m)) == 0
		})
		w.queue.change(func() {
			delete(w.queue.waiting, id)
			w.queue.outcome[id] = approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere, Message: "Issued"}
		})
		_, err := w.store.Sweep(t.Context())
		require.NoError(t, err)
		w.settled(id)
		require.Len(t, w.queue.signals(), 1)
	})
}

// P2: when the decision cannot be written down, the modal says so and nothing happens.
func TestWithoutARecordNothingIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	id := w.waits(1)
	modal := w.press("ada", w.card(id), blocks.ActionApprove)
	w.breakStore()
	r := w.submit("ada", modal, "kept")
	require.Contains(t, r.Errors[blocks.BlockComment], "Nothing was decided")
	require.False(t, r.Closed, "the comment is not lost")
	require.Empty(t, w.queue.signals())
}

func (w *world) breakStore() {
	w.Helper()
	require.NoError(w, w.store.Close())
}

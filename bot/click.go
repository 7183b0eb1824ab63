package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Interact takes what a person did with a button or a modal. What it returns
// goes back with the acknowledgement.
func (b *Bot) Interact(ctx context.Context, cb slack.InteractionCallback) any {
	leave := b.crowd.enter(ctx)
	defer leave()
	ctx, end := b.handle(ctx, sortOf(cb.Type), cb.User.ID)
	defer end()
	switch cb.Type {
	case slack.InteractionTypeBlockActions:
		for _, action := range cb.ActionCallback.BlockActions {
			if action != nil {
				b.press(ctx, cb, action)
			}
		}
	case slack.InteractionTypeMessageAction:
		b.shortcut(ctx, cb)
	case slack.InteractionTypeViewSubmission:
		switch cb.View.CallbackID {
		case blocks.CallbackDecide:
			return b.submit(ctx, cb)
		case blocks.CallbackBulkChoose:
			return b.reviewBulk(ctx, cb)
		case blocks.CallbackBulkDecide:
			return b.submitBulk(ctx, cb)
		case blocks.CallbackSubscribe:
			return b.submitSubscription(ctx, cb)
		}
	}
	return nil
}

// press handles a button on a card. The modal is opened at once, because Slack
// allows three seconds for it; what takes longer fills it in afterwards.
func (b *Bot) press(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) {
	if b.pressHome(ctx, cb, action) || b.pressBulk(ctx, cb, action) {
		return
	}
	if action.ActionID == blocks.ActionMenu {
		b.pressMenu(ctx, cb, action)
		return
	}
	switch action.ActionID {
	case blocks.ActionApprove, blocks.ActionDeny, blocks.ActionDetails, blocks.ActionWithdraw:
	default:
		return // a link, or nothing of ours
	}
	a := attempt{user: cb.User.ID, team: cb.User.TeamID}
	room := cb.Channel.ID
	if room == "" {
		room = cb.Container.ChannelID
	}
	reason := b.read(ctx, &a, action.Value, room)
	a.Room, a.Message = room, cb.Container.MessageTs
	if card, ok := cardIn(a.record, a.Channel); reason == "" && ok && room != "" && card.TS != "" && card.TS != a.Message {
		a.why, reason = "the button was pressed on another message", blocks.StaleButton
	}
	if reason != "" {
		b.refuse(ctx, a, reason, room)
		b.acted(ctx, a.user)
		return
	}
	switch {
	case action.ActionID == blocks.ActionDetails:
		b.later(ctx, func(ctx context.Context) { b.details(ctx, cb.TriggerID, a) })
	case action.ActionID == blocks.ActionWithdraw:
		b.refuse(ctx, a, b.withdraw(ctx, &a), room)
	case a.Verdict == "":
		b.refuse(ctx, a, blocks.StaleButton, room)
	case cb.View.Type != slack.VTHomeTab && a.rule.Comment(a.Verdict).Need == approval.CommentOff && !a.mustType():
		// Not from the Home tab: what it shows is too little to decide upon.
		b.refuse(ctx, a, b.decide(ctx, &a, ""), room)
		b.acted(ctx, a.user)
	default:
		b.later(ctx, func(ctx context.Context) { b.ask(ctx, cb.TriggerID, a) })
	}
}

// ask opens the modal. Who is known already is answered with the right one at
// once; who is not sees a placeholder while Slack is asked about them.
func (b *Bot) ask(ctx context.Context, trigger string, a attempt) {
	_, known := b.people.cached(a.user)
	var view *slack.ViewResponse
	if !known {
		var err error
		if view, err = b.c.Slack.OpenViewContext(ctx, trigger, blocks.LoadingModal(blocks.TitleMoment)); err != nil {
			b.notOpened(ctx, a, err)
			return
		}
	}
	reason := b.judge(ctx, &a)
	if reason != "" && known && a.Room != "" {
		b.refuse(ctx, a, reason, a.Room)
		return
	}
	modal := blocks.DecideModal(b.decideView(a))
	if reason != "" {
		b.audit(ctx, a, reason)
		modal = blocks.NoticeModal(blocks.TitleNotDecided, blocks.Refusal(reason, b.refusal(a)))
	}
	var err error
	if view == nil {
		_, err = b.c.Slack.OpenViewContext(ctx, trigger, modal)
	} else {
		_, err = b.c.Slack.UpdateViewContext(ctx, modal, "", "", view.ID)
	}
	if err != nil {
		b.notOpened(ctx, a, err)
	}
}

func (b *Bot) decideView(a attempt) blocks.DecideView {
	return blocks.DecideView{
		Verdict: a.Verdict, Request: a.record.Request, Metadata: b.seal.seal(a.ticket), Comment: a.rule.Comment(a.Verdict),
		Hints: a.hints, TypeCommonName: a.mustType(), Votes: a.record.Votes, Needs: a.needs(),
		Told: a.rule.NotifyRequester,
	}
}

// mustType reports whether something has to be typed before the verdict counts.
func (a attempt) mustType() bool { return a.rule.MustType(a.record.Request, a.Verdict) != "" }

// notOpened tells the person in the channel what the modal would have said.
func (b *Bot) notOpened(ctx context.Context, a attempt, err error) {
	b.logOf(a).Warn("modal could not be opened", zap.Error(err))
	b.tell(ctx, a.Room, a.user, blocks.Refusal(blocks.SlackDown, b.refusal(a)))
}

func (b *Bot) details(ctx context.Context, trigger string, a attempt) {
	if _, err := b.c.Slack.OpenViewContext(ctx, trigger, blocks.DetailsModal(b.view(ctx, a.record, a.Channel))); err != nil {
		b.logOf(a).Warn("details could not be shown", zap.Error(err))
		b.tell(ctx, a.Room, a.user, blocks.DetailsNotShown)
	}
}

// submit handles the modal. Everything is checked again: the modal passed through
// the person's client, and minutes may have gone by. The decision is recorded
// before Slack gets its answer (P2).
func (b *Bot) submit(ctx context.Context, cb slack.InteractionCallback) any {
	a := attempt{user: cb.User.ID, team: cb.User.TeamID}
	reason := b.read(ctx, &a, cb.View.PrivateMetadata, "")
	comment := blocks.Comment(cb.View.State)
	if reason == "" && a.mustType() && !hasInput(cb.View, blocks.BlockTyped) {
		// Since the modal was opened something has come up that wants the name typed.
		v := b.decideView(a)
		v.Warning, v.Initial = blocks.NowTyped, comment
		modal := blocks.DecideModal(v)
		return slack.NewUpdateViewSubmissionResponse(&modal)
	}
	if reason == "" {
		a.typed = blocks.Typed(cb.View.State)
		if wrong := a.wrong(cb.View.State, comment); len(wrong) > 0 {
			return slack.NewErrorsViewSubmissionResponse(wrong)
		}
		reason = b.decide(ctx, &a, comment)
		b.acted(ctx, a.user)
	}
	switch reason {
	case "":
		return nil // an empty answer closes the modal
	case blocks.StorageDown, blocks.SlackDown:
		// Passing trouble: the modal stays, so that the comment is not typed twice.
		b.audit(ctx, a, reason)
		if hasInput(cb.View, blocks.BlockComment) {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{blocks.BlockComment: blocks.Refusal(reason, b.refusal(a))})
		}
	default:
		b.audit(ctx, a, reason)
	}
	notice := blocks.NoticeModal(blocks.TitleNotDecided, blocks.Refusal(reason, b.refusal(a)))
	return slack.NewUpdateViewSubmissionResponse(&notice)
}

func hasInput(v slack.View, blockID string) bool {
	for _, block := range v.Blocks.BlockSet {
		if in, ok := block.(*slack.InputBlock); ok && in.BlockID == blockID {
			return true
		}
	}
	return false
}

// wrong says which fields of the modal have to be filled in otherwise.
func (a attempt) wrong(state *slack.ViewState, comment string) map[string]string {
	wrong := map[string]string{}
	if w := blocks.CheckComment(a.rule.Comment(a.Verdict), comment); w != "" {
		wrong[blocks.BlockComment] = w
	}
	if a.mustType() {
		if w := blocks.CheckTyped(a.record.Request, blocks.Typed(state)); w != "" {
			wrong[blocks.BlockTyped] = w
		}
	}
	return wrong
}

func (b *Bot) refusal(a attempt) blocks.RefusalView {
	admins := b.c.Admins()
	v := blocks.RefusalView{
		Request: a.record.Request, Verdict: a.Verdict, Outcome: a.record.Outcome,
		Approvers: listed(a.rule.Users, a.rule.Groups), Admins: listed(admins.Users, admins.Groups),
		Deciders: a.deciders,
	}
	for _, channel := range a.elsewhere {
		if card, ok := cardIn(a.record, channel); ok {
			v.Elsewhere = append(v.Elsewhere, roomOf(card))
		}
	}
	if d := a.record.Decision; d != nil && d.Failed.IsZero() {
		v.Decision = &d.Decision
	}
	return v
}

func listed(names ...[]string) string {
	var all []string
	for _, n := range names {
		all = append(all, n...)
	}
	return blocks.EscapeText(strings.Join(all, ", "))
}

// refuse writes the refusal down and tells the person, and only them.
// Without a reason it does nothing.
func (b *Bot) refuse(ctx context.Context, a attempt, reason blocks.RefusalReason, room string) {
	if reason == "" {
		return
	}
	b.audit(ctx, a, reason)
	sentence := blocks.Refusal(reason, b.refusal(a))
	b.later(ctx, func(ctx context.Context) { b.tell(ctx, room, a.user, sentence) })
}

// audit writes a refusal down. When even that fails the log has it.
func (b *Bot) audit(ctx context.Context, a attempt, reason blocks.RefusalReason) {
	log := b.logOf(a).With(zap.String("team", a.team), zap.String("verdict", string(a.Verdict)), zap.String("reason", string(reason)))
	log.Info("click refused")
	b.c.Meter.Refused(string(reason))
	by := a.candidate.Person
	if by.ID == "" {
		by = approval.Person{ID: a.user, Team: a.team}
	}
	entry := store.Entry{At: b.c.Now(), Event: "click.refused", Request: a.Request, By: by, Detail: map[string]any{"reason": string(reason), "verdict": string(a.Verdict)}}
	for name, value := range map[string]string{"channel": a.Room, "message": a.Message, "why": a.why} {
		if value != "" {
			entry.Detail[name] = value
		}
	}
	if err := b.c.Store.Audit(ctx, entry); err == nil {
		return
	}
	// The time for the answer was too short, or the database is away for a moment.
	b.later(ctx, func(ctx context.Context) {
		if err := b.c.Store.Audit(ctx, entry); err != nil {
			log.Error("refusal could not be written to the audit log", zap.Error(err))
		}
	})
}

// tell says something to one person: in the channel where they pressed, else in
// a direct message, so that no click ends in silence.
func (b *Bot) tell(ctx context.Context, room, user, sentence string) {
	var err error
	for try := range 3 {
		if room != "" {
			if _, err = b.c.Slack.PostEphemeralContext(ctx, room, user, slack.MsgOptionText(sentence, false)); err == nil {
				return
			}
			if kind, _ := judge(err); kind == never {
				room = ""
			}
		}
		if room == "" {
			if _, _, err = b.c.Slack.PostMessageContext(ctx, user, slack.MsgOptionText(sentence, false)); err == nil {
				return
			}
			if kind, _ := judge(err); kind == never {
				break
			}
		}
		_, after := judge(err)
		select {
		case <-ctx.Done():
		case <-time.After(min(max(after, time.Duration(try+1)*500*time.Millisecond), 10*time.Second)):
		}
	}
	b.c.Log.Warn("a person could not be told: "+advice(err), zap.String("person", user), zap.Error(fmt.Errorf("tell: %w", err)))
}

package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Interact takes what a person did with a button or a modal. What it returns
// goes back with the acknowledgement.
func (b *Bot) Interact(ctx context.Context, cb slack.InteractionCallback) any {
	switch cb.Type {
	case slack.InteractionTypeBlockActions:
		for _, action := range cb.ActionCallback.BlockActions {
			if action != nil {
				b.press(ctx, cb, action)
			}
		}
	case slack.InteractionTypeViewSubmission:
		if cb.View.CallbackID == blocks.CallbackDecide {
			return b.submit(ctx, cb)
		}
	}
	return nil
}

// attempt is a person's try to decide, as far as it has been understood.
type attempt struct {
	ticket
	user, team string
	record     store.Record
	route      Route
	person     knownPerson
}

// press handles a button on a card. The modal is opened at once, because Slack
// allows three seconds for it; what takes longer fills it in afterwards.
func (b *Bot) press(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) {
	if action.ActionID != blocks.ActionApprove && action.ActionID != blocks.ActionDeny && action.ActionID != blocks.ActionDetails {
		return // a link, or nothing of ours
	}
	a := attempt{user: cb.User.ID, team: cb.User.TeamID}
	room := cb.Channel.ID
	if room == "" {
		room = cb.Container.ChannelID
	}
	if reason := b.read(ctx, &a, action.Value, room); reason != "" {
		b.refuse(ctx, a, reason, room)
		return
	}
	a.Room, a.Message = room, cb.Container.MessageTs
	if action.ActionID == blocks.ActionDetails {
		b.later(ctx, func(ctx context.Context) { b.details(ctx, cb.TriggerID, a) })
		return
	}
	if a.Verdict == "" {
		b.refuse(ctx, a, blocks.StaleButton, room)
		return
	}
	if a.route.Comment(a.Verdict).Need == approval.CommentOff {
		if reason := b.identify(ctx, &a); reason != "" {
			b.refuse(ctx, a, reason, room)
			return
		}
		if reason := b.decide(ctx, &a, ""); reason != "" {
			b.refuse(ctx, a, reason, room)
		}
		return
	}
	b.later(ctx, func(ctx context.Context) { b.ask(ctx, cb.TriggerID, a) })
}

// read understands a button: our signature, its age, the channel it was made
// for, and what we remember of the request. It returns why the attempt ends here.
func (b *Bot) read(ctx context.Context, a *attempt, value, room string) blocks.RefusalReason {
	t, err := b.seal.open(value, b.c.Now())
	a.ticket = t
	if err != nil {
		return blocks.StaleButton
	}
	record, err := b.c.Store.Request(ctx, t.Request)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return blocks.UnknownRequest
	case err != nil:
		b.log(t.Request).Error("a click could not be looked up", zap.Error(err))
		return blocks.StorageDown
	}
	a.record = record
	card, ok := cardIn(record, t.Channel)
	if !ok || (card.SlackChannel != "" && room != "" && card.SlackChannel != room) {
		return blocks.StaleButton // a copy of the button in another channel
	}
	if a.route, ok = b.c.Route(record.Route); !ok && !record.State.Final() {
		return blocks.NoRoute
	}
	return ""
}

// open reports whether there is still something to decide, and whether it is
// what the person was shown.
func (a *attempt) open() blocks.RefusalReason {
	switch {
	case a.record.State == approval.Deciding:
		return blocks.AlreadyDecided
	case a.record.State.Final():
		return blocks.AlreadySettled
	case a.record.Request.Digest() != a.Digest:
		return blocks.Changed
	case !a.record.Request.Offers(a.Verdict):
		return blocks.NotOffered
	}
	return ""
}

// identify learns who the person is and whether they may decide (P5).
func (b *Bot) identify(ctx context.Context, a *attempt) blocks.RefusalReason {
	if b.team() == "" {
		return blocks.SlackDown
	}
	person, err := b.people.person(ctx, a.user, b.team())
	if err != nil {
		b.log(a.Request).Warn("a person could not be looked up", zap.String("person", a.user), zap.Error(err))
		if refusal, ok := refused(err); ok && (refusal.Err == "user_not_found" || refusal.Err == "user_not_visible") {
			return blocks.UnknownPerson
		}
		return blocks.SlackDown
	}
	a.person = person
	if a.team != "" && a.team != b.team() {
		a.person.Membership = approval.Outsider // the click says so, whatever users.info says
	}
	switch a.person.Membership {
	case approval.Member:
	case approval.Guest:
		return blocks.Guest
	case approval.Outsider:
		return blocks.Outsider
	case approval.Deactivated:
		return blocks.Deactivated
	case approval.Robot:
		return blocks.Robot
	default:
		return blocks.UnknownPerson
	}
	in, err := b.people.in(ctx, a.person, a.route.Users, a.route.Groups)
	if err != nil {
		b.log(a.Request).Error("approvers could not be looked up, so nobody may decide", zap.String("route", a.route.Name), zap.Error(err))
		return blocks.SlackDown
	}
	if !in {
		return blocks.NotApprover
	}
	if !a.route.AllowSelf && a.person.same(a.record.Request.Requester) {
		return blocks.SelfApproval
	}
	return ""
}

// ask opens the modal. Who is known already is answered with the right one at
// once; who is not sees a placeholder while Slack is asked about them.
func (b *Bot) ask(ctx context.Context, trigger string, a attempt) {
	_, known := b.people.cached(a.user)
	var view *slack.ViewResponse
	if !known {
		var err error
		if view, err = b.c.Slack.OpenViewContext(ctx, trigger, blocks.LoadingModal("One moment")); err != nil {
			b.notOpened(ctx, a, err)
			return
		}
	}
	reason := b.identify(ctx, &a)
	if reason == "" {
		reason = a.open()
	}
	if reason != "" && known {
		b.refuse(ctx, a, reason, a.Room)
		return
	}
	modal := blocks.DecideModal(blocks.DecideView{
		Verdict: a.Verdict, Request: a.record.Request, Metadata: b.seal.seal(a.ticket), Comment: a.route.Comment(a.Verdict),
	})
	if reason != "" {
		b.audit(ctx, a, reason)
		modal = blocks.NoticeModal("Not decided", blocks.Refusal(reason, b.refusal(a)))
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

// notOpened tells the person in the channel what the modal would have said.
func (b *Bot) notOpened(ctx context.Context, a attempt, err error) {
	b.log(a.Request).Warn("modal could not be opened", zap.String("person", a.user), zap.Error(err))
	b.tell(ctx, a.Room, a.user, blocks.Refusal(blocks.SlackDown, b.refusal(a)))
}

func (b *Bot) details(ctx context.Context, trigger string, a attempt) {
	if _, err := b.c.Slack.OpenViewContext(ctx, trigger, blocks.DetailsModal(b.view(ctx, a.record, a.Channel))); err != nil {
		b.log(a.Request).Warn("details could not be shown", zap.String("person", a.user), zap.Error(err))
		b.tell(ctx, a.Room, a.user, "The details could not be shown. Press the button again in a moment.")
	}
}

// submit handles the modal. Everything is checked again: the modal passed through
// the person's client, and minutes may have gone by. The decision is recorded
// before Slack gets its answer (P2).
func (b *Bot) submit(ctx context.Context, cb slack.InteractionCallback) any {
	a := attempt{user: cb.User.ID, team: cb.User.TeamID}
	reason := b.read(ctx, &a, cb.View.PrivateMetadata, "")
	comment := blocks.Comment(cb.View.State)
	if reason == "" {
		if wrong := blocks.CheckComment(a.route.Comment(a.Verdict), comment); wrong != "" {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{blocks.BlockComment: wrong})
		}
		reason = b.identify(ctx, &a)
	}
	if reason == "" {
		reason = b.decide(ctx, &a, comment)
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
	notice := blocks.NoticeModal("Not decided", blocks.Refusal(reason, b.refusal(a)))
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

// decide records the decision; the signal leaves from there. It returns why not.
func (b *Bot) decide(ctx context.Context, a *attempt, comment string) blocks.RefusalReason {
	if reason := a.open(); reason != "" {
		return reason
	}
	id, err := uuid.NewV7()
	if err != nil {
		b.log(a.Request).Error("no decision ID could be made", zap.Error(err))
		return blocks.StorageDown
	}
	d := approval.Decision{
		ID: id.String(), Request: a.Request, Verdict: a.Verdict, By: a.person.Person,
		Comment: strings.TrimSpace(comment), At: b.c.Now().UTC(), Digest: a.Digest, Channel: a.Room,
	}
	err = b.c.Store.Decide(ctx, d, store.Reply{Key: "decided:" + d.ID, Body: encodeReply(blocks.DecidedReply(d))})
	if taken, ok := errors.AsType[*store.TakenError](err); ok {
		a.record = taken.Record
		if reason := a.open(); reason != "" {
			return reason
		}
		return blocks.AlreadyDecided
	}
	switch {
	case errors.Is(err, store.ErrChanged):
		return blocks.Changed
	case err != nil:
		b.log(a.Request).Error("decision could not be recorded, so nothing happens", zap.String("person", a.user), zap.Error(err))
		return blocks.StorageDown
	}
	b.log(a.Request).Info("decision recorded", zap.String("decision", d.ID), zap.String("verdict", string(d.Verdict)), zap.String("person", d.By.ID))
	return ""
}

func (b *Bot) refusal(a attempt) blocks.RefusalView {
	v := blocks.RefusalView{
		Request: a.record.Request, Verdict: a.Verdict, Outcome: a.record.Outcome,
		Approvers: listed(a.route.Users, a.route.Groups), Admins: listed(b.c.Admins.Users, b.c.Admins.Groups),
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
func (b *Bot) refuse(ctx context.Context, a attempt, reason blocks.RefusalReason, room string) {
	b.audit(ctx, a, reason)
	sentence := blocks.Refusal(reason, b.refusal(a))
	b.later(ctx, func(ctx context.Context) { b.tell(ctx, room, a.user, sentence) })
}

// audit writes a refusal down. When even that fails the log has it.
func (b *Bot) audit(ctx context.Context, a attempt, reason blocks.RefusalReason) {
	log := b.log(a.Request).With(zap.String("person", a.user), zap.String("team", a.team), zap.String("verdict", string(a.Verdict)), zap.String("reason", string(reason)))
	log.Info("click refused")
	by := a.person.Person
	if by.ID == "" {
		by = approval.Person{ID: a.user, Team: a.team}
	}
	entry := store.Entry{At: b.c.Now(), Event: "click.refused", Request: a.Request, By: by, Detail: map[string]any{"reason": string(reason), "verdict": string(a.Verdict)}}
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

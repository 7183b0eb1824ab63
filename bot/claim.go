package bot

import (
	"context"
	"errors"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// claimOf is who looks at a request, unless their time is over.
func (b *Bot) claimOf(r store.Record) *blocks.Claim {
	if r.Claim == nil || !r.Claim.Until.After(b.c.Now()) {
		return nil
	}
	return &blocks.Claim{By: r.Claim.By, Since: r.Claim.Since}
}

// pressMenu handles a request's menu. Its options carry no seal; they decide nothing.
// On a card it comes from Slack which request it is, in a list from the option, and
// then only for who may decide it.
func (b *Bot) pressMenu(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) {
	room, user := cb.Channel.ID, cb.User.ID
	a := attempt{user: user, team: cb.User.TeamID}
	choice, id := blocks.MenuChoice(action.SelectedOption.Value)
	var reason blocks.RefusalReason
	if id == "" {
		reason = b.onCard(ctx, &a, room, cb.Container.MessageTs)
	} else {
		room = ""
		reason = b.inList(ctx, &a, id)
	}
	if reason != "" {
		b.refuse(ctx, a, reason, room)
		return
	}
	switch choice {
	case blocks.MenuClaim:
		reason = b.claim(ctx, &a)
	case blocks.MenuRelease:
		b.release(ctx, a)
	case blocks.MenuExplain:
		b.later(ctx, func(ctx context.Context) {
			b.tell(ctx, room, user, b.explanation(ctx, slack.SlashCommand{UserID: user, TeamID: a.team}, a.record))
		})
	}
	b.refuse(ctx, a, reason, room)
	b.acted(ctx, user)
}

// inList finds the request of a person's list.
func (b *Bot) inList(ctx context.Context, a *attempt, id approval.ID) blocks.RefusalReason {
	record, err := b.c.Store.Request(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return blocks.UnknownRequest
	case err != nil:
		b.log(id).Error("a request could not be looked up", zap.String("person", a.user), zap.Error(err))
		return blocks.StorageDown
	}
	a.Request, a.Channel = id, shownCard(record).Channel
	if reason := b.recall(ctx, a, ""); reason != "" {
		return reason
	}
	if _, reason := b.recognize(ctx, a); reason != "" {
		return reason
	}
	if !a.candidate.Listed {
		return blocks.NotApprover
	}
	return ""
}

// onCard finds the request that a message shows.
func (b *Bot) onCard(ctx context.Context, a *attempt, room, ts string) blocks.RefusalReason {
	card, err := b.c.Store.FindCard(ctx, room, ts)
	if err == nil {
		a.Request, a.Channel, a.Room, a.Message = card.Request, card.Channel, room, ts
		return b.recall(ctx, a, room)
	}
	if errors.Is(err, store.ErrNotFound) {
		return blocks.UnknownRequest
	}
	b.c.Log.Error("the card that was pressed could not be looked up", zap.String("person", a.user), zap.Error(err))
	return blocks.StorageDown
}

// claim notes that the person looks at the request. Only who may decide it can:
// others would keep the approvers waiting for nothing.
func (b *Bot) claim(ctx context.Context, a *attempt) blocks.RefusalReason {
	_, reason := b.recognize(ctx, a)
	if reason != "" {
		return reason
	}
	c := a.policyCase()
	c.Rule = approval.Rule{AllowSelf: true} // whoever is listed may look, whatever speaks against deciding
	c.Votes = nil
	if reason := c.Judge(approval.Approve, a.candidate, b.c.Now()); reason != "" && reason != approval.RefuseNotOffered {
		return blocks.RefusalReason(reason)
	}
	if a.rule.ClaimFor <= 0 {
		return blocks.StaleButton
	}
	claimed, err := b.c.Store.Claim(ctx, a.Request, a.candidate.Person, b.c.Now().Add(a.rule.ClaimFor))
	switch {
	case err != nil:
		b.log(a.Request).Error("it could not be noted who looks at a request", zap.String("person", a.user), zap.Error(err))
		return blocks.StorageDown
	case !claimed:
		return blocks.AlreadyDecided
	}
	b.log(a.Request).Info("claimed", zap.String("person", a.user))
	return ""
}

// release takes the person's claim back. Whose claim it is not is told so.
func (b *Bot) release(ctx context.Context, a attempt) {
	released, err := b.c.Store.Release(ctx, a.Request, approval.Person{ID: a.user, Team: a.team})
	switch {
	case err != nil:
		b.log(a.Request).Error("a claim could not be released", zap.String("person", a.user), zap.Error(err))
		b.refuse(ctx, a, blocks.StorageDown, a.Room)
	case !released:
		b.later(ctx, func(ctx context.Context) {
			b.tell(ctx, a.Room, a.user, blocks.NotYoursToFree)
		})
	}
}

// looked ends the claim of a person who has voted: it is the others' turn.
func (b *Bot) looked(ctx context.Context, a *attempt) {
	if a.record.Claim == nil || a.record.Claim.By.ID != a.user {
		return
	}
	if _, err := b.c.Store.Release(ctx, a.Request, a.candidate.Person); err != nil {
		b.log(a.Request).Warn("a claim could not be released; it lapses", zap.Error(err))
	}
}

package bot

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// followPage is how many requesters are told in one pass at most; the next goes on.
const followPage = 100

// Follow tells requesters what becomes of their requests, where the routes say so:
// that theirs has arrived, and how it ended. What they were told last is in the
// store, written together with the message, so each is told once.
func (b *Bot) Follow(ctx context.Context) {
	all, err := b.c.Store.Followers(ctx, followPage)
	if err != nil {
		b.c.Log.Error("requesters could not be told", zap.Error(err))
		return
	}
	for _, f := range all {
		if err := b.tellRequester(ctx, f); err != nil {
			b.log(f.Request).Warn("a requester could not be told; the next poll tries again", zap.Error(err))
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (b *Bot) tellRequester(ctx context.Context, f store.Follower) error {
	record, err := b.c.Store.Request(ctx, f.Request)
	if err != nil {
		return err
	}
	rule, ok := b.c.Rule(record.Route)
	hidden := record.Outcome != nil && record.Outcome.Reason == approval.Hidden // and nobody here knows its end
	if !ok || !rule.NotifyRequester || hidden || f.Told == record.State {
		return b.c.Store.Unfollow(ctx, f.Request)
	}
	who, found, err := b.requester(ctx, record.Request.Requester)
	if err != nil {
		return err
	}
	if !found {
		b.log(f.Request).Info("the requester is not told: no proof of who they are in Slack", zap.String("requester", approval.Clip(record.Request.Requester, 100)))
		return b.c.Store.Unfollow(ctx, f.Request)
	}
	state, message := approval.Pending, blocks.RequesterSeen(record.Request)
	if record.State.Final() && record.Outcome != nil {
		var decision *approval.Decision
		if record.Decision != nil && record.Decision.Failed.IsZero() {
			decision = &record.Decision.Decision
		}
		state, message = record.State, blocks.RequesterSettled(record.Request, *record.Outcome, decision)
	}
	_, err = b.c.Store.Follow(ctx, f, state, who.ID, store.Reply{Key: "requester:" + string(state), Body: encodeReply(message)})
	return err
}

// requester finds the one person in Slack whom a name of Keyfactor certainly
// belongs to.
func (b *Bot) requester(ctx context.Context, name string) (approval.Known, bool, error) {
	var found []approval.Known
	for _, lookup := range b.c.Directory().Lookups(name, approval.Known{}) {
		k, err := b.people.find(ctx, lookup, b.team())
		if err != nil {
			return approval.Known{}, false, fmt.Errorf("look for %s in Slack: %w", lookup, err)
		}
		if k.ID != "" {
			found = append(found, approval.Known{Person: k.Person, Handle: k.handle})
		}
	}
	who, ok := b.c.Directory().Whose(name, found)
	return who, ok, nil
}

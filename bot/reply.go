package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Reply posts one message of a request's trail into the thread under its card, or
// to a person.
func (b *Bot) Reply(ctx context.Context, id approval.ID, channel, key string) error {
	b.crowd.pass(ctx)
	reply, card, err := b.c.Store.Reply(ctx, id, channel, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reply %s of %s: %w", key, id, err)
	}
	if reply.TS != "" || !reply.Failed.IsZero() {
		return nil
	}
	log := b.log(id).With(zap.String("channel", channel), zap.String("reply", key))
	room, thread := card.SlackChannel, []slack.MsgOption{slack.MsgOptionTS(card.TS)}
	if reply.Direct {
		room, thread = channel, nil
	} else if !card.Failed.IsZero() && card.TS == "" {
		return b.c.Store.ReplyFailed(ctx, id, channel, key, "there is no card to reply to")
	}
	if card.TS == "" && !reply.Direct {
		return &wait{after: 2 * time.Second, err: errors.New("the card is not posted yet")}
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	var body replyBody
	if err := json.Unmarshal(reply.Body, &body); err != nil {
		log.Error("reply cannot be read back", zap.Error(err))
		return b.c.Store.ReplyFailed(ctx, id, channel, key, "unreadable")
	}
	if err := b.turn(ctx, channel); err != nil {
		return err
	}
	meta := replyMetadata(id, channel, key)
	first, started, err := b.c.Store.StartReply(ctx, id, channel, key)
	if err != nil {
		return fmt.Errorf("mark reply %s of %s: %w", key, id, err)
	}
	if !first {
		ts, err := b.findReply(ctx, room, card.TS, meta, started)
		if err != nil && !lacksScope(err) {
			return fmt.Errorf("look for reply %s of %s: %w", key, id, err)
		}
		if ts != "" {
			return b.c.Store.Replied(ctx, id, channel, key, ts)
		}
		if err := b.landing(started); err != nil {
			return err
		}
		if err := b.c.Store.ClearReply(ctx, id, channel, key); err != nil {
			return fmt.Errorf("clear the mark of reply %s of %s: %w", key, id, err)
		}
		if _, _, err := b.c.Store.StartReply(ctx, id, channel, key); err != nil {
			return fmt.Errorf("mark reply %s of %s: %w", key, id, err)
		}
	}
	message := blocks.Message{Text: body.Text, Blocks: body.Blocks.BlockSet}
	_, ts, err := b.send(ctx, room, message, meta, thread...)
	if err != nil {
		return b.replyFailed(ctx, reply, err)
	}
	return b.c.Store.Replied(ctx, id, channel, key, ts)
}

func (b *Bot) replyFailed(ctx context.Context, r store.Reply, err error) error {
	kind, after := judge(err)
	switch kind {
	case unclear:
		return &wait{after: max(after, 2*time.Second), err: err}
	case none:
		if clear := b.c.Store.ClearReply(ctx, r.Request, r.Channel, r.Key); clear != nil {
			return clear
		}
		b.pace.hold(r.Channel, after)
		return &wait{after: after, err: err}
	}
	b.log(r.Request).Error("reply cannot be posted: "+advice(err), zap.String("channel", r.Channel), zap.String("reply", r.Key), zap.Error(err))
	return b.c.Store.ReplyFailed(ctx, r.Request, r.Channel, r.Key, advice(err))
}

// Changed writes into the thread what is asked now and was not before.
func (b *Bot) Changed(ctx context.Context, before, after approval.Request) {
	if err := b.c.Store.AddReply(ctx, after.ID, "revised:"+after.Digest(), encodeReply(blocks.ChangedReply(before, after))); err != nil {
		b.log(after.ID).Error("the change of a request could not be written into its thread", zap.Error(err))
	}
}

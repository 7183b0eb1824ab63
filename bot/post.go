package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// lookAgain is how long a channel that cannot be posted to rests. Somebody has
// to invite the bot or change the route; until then asking often helps nobody.
const lookAgain = 30 * time.Second

// Post works off one channel's cards that are not posted yet, one at a time and
// at the pace Slack asks for. It returns nil when none is left.
func (b *Bot) Post(ctx context.Context, channel string) error {
	for {
		b.crowd.pass(ctx)
		card, record, err := b.c.Store.NextPost(ctx, channel)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("next card for %s: %w", channel, err)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < 5*time.Second {
			return &wait{after: time.Millisecond, err: fmt.Errorf("more cards wait for %s", channel)}
		}
		if err := b.turn(ctx, channel); err != nil {
			return err
		}
		if err := b.post(ctx, card, record); err != nil {
			return err
		}
	}
}

// turn waits until the channel may get another message. It ends early when the
// service does: what is not posted yet is for the next process.
func (b *Bot) turn(ctx context.Context, channel string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	undo := context.AfterFunc(b.closing, cancel)
	defer undo()
	if err := b.pace.wait(ctx, channel); err != nil || b.closing.Err() != nil {
		return &wait{after: time.Second, err: fmt.Errorf("%s has to wait for its turn", channel)}
	}
	return nil
}

func (b *Bot) post(ctx context.Context, card store.Card, record store.Record) error {
	id, log := card.Request, b.log(card.Request).With(zap.String("channel", card.Channel))
	if err := b.ready(ctx); err != nil {
		return err
	}
	room, err := b.rooms.resolve(ctx, card.Channel)
	if err != nil {
		log.Error("card cannot be posted yet", zap.Error(err))
		return &wait{after: lookAgain, err: err}
	}
	if shared, err := b.rooms.outside(ctx, room); err != nil {
		return err
	} else if shared && !b.c.AllowShared() {
		b.Alert(ctx, blocks.LostChannelMessage(card.Channel, blocks.ItIsShared).Text)
		log.Error("card is not posted: the channel is shared with another organisation, and allow_shared_channels is not set")
		b.rooms.forget(card.Channel)
		return &wait{after: lookAgain, err: errors.New("the channel is shared with another organisation")}
	}
	meta := cardMetadata(id, card.Channel)
	first, started, err := b.c.Store.StartPost(ctx, id, card.Channel)
	if err != nil {
		return fmt.Errorf("mark the post of %s: %w", id, err)
	}
	if !first {
		ts, err := b.findCard(ctx, room, id, meta, started)
		if err != nil && !lacksScope(err) {
			return fmt.Errorf("look for the card of %s in %s: %w", id, card.Channel, err)
		}
		if ts != "" {
			log.Info("card found that an earlier attempt had posted")
			where, err := b.rooms.history(ctx, room) // of a person, the conversation with them
			if err != nil {
				return fmt.Errorf("look for the card of %s in %s: %w", id, card.Channel, err)
			}
			return b.posted(ctx, card, where, ts, 0)
		}
		if err := b.landing(started); err != nil {
			return err
		}
		// Nothing came of it, so this attempt is the first again, with a mark of its own.
		if err := b.c.Store.ClearPost(ctx, id, card.Channel); err != nil {
			return fmt.Errorf("clear the mark of %s: %w", id, err)
		}
		if _, _, err := b.c.Store.StartPost(ctx, id, card.Channel); err != nil {
			return fmt.Errorf("mark the post of %s: %w", id, err)
		}
		// Without a history scope the facts sheet's advice holds: post again, and
		// accept the rare double, since a decision is keyed on the request.
	}
	view := b.view(ctx, record, card.Channel)
	where, ts, err := b.send(ctx, room, blocks.Card(view), meta)
	if err != nil {
		if kind, _ := judge(err); kind == badBlocks {
			log.Error("Slack does not take the card; a plain one is posted instead", zap.Error(err))
			where, ts, err = b.send(ctx, room, blocks.PlainFallback(view), meta)
		}
	}
	if err != nil {
		return b.postFailed(ctx, card, err)
	}
	if err := b.posted(ctx, card, where, ts, record.Version); err != nil {
		return err
	}
	b.firstPosted(record)
	return nil
}

func (b *Bot) posted(ctx context.Context, card store.Card, room, ts string, version int64) error {
	err := b.c.Store.Posted(ctx, card.Request, card.Channel, room, ts, version)
	if errors.Is(err, store.ErrPosted) {
		// Another replica was faster although the marks should not allow it: one
		// live card in a channel (P1) means that ours goes.
		b.log(card.Request).Error("a second card was posted and is deleted again", zap.String("channel", card.Channel), zap.String("ts", ts))
		if _, _, err := b.c.Slack.DeleteMessageContext(ctx, room, ts); err != nil {
			return fmt.Errorf("delete a second card of %s: %w", card.Request, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("record the card of %s: %w", card.Request, err)
	}
	return nil
}

func (b *Bot) postFailed(ctx context.Context, card store.Card, err error) error {
	log := b.log(card.Request).With(zap.String("channel", card.Channel), zap.Error(err))
	kind, after := judge(err)
	if kind == unclear {
		log.Warn("card may or may not have been posted; the channel is searched before another attempt")
		return &wait{after: max(after, 2*time.Second), err: err}
	}
	if kind == badBlocks {
		log.Error("Slack takes neither the card nor its plain form")
		return b.c.Store.CardFailed(ctx, card.Request, card.Channel, advice(err))
	}
	if clear := b.c.Store.ClearPost(ctx, card.Request, card.Channel); clear != nil {
		return fmt.Errorf("clear the mark of %s: %w", card.Request, clear)
	}
	if kind == none {
		b.pace.hold(card.Channel, after)
		return &wait{after: after, err: err}
	}
	log.Error("card cannot be posted: " + advice(err))
	b.rooms.forget(card.Channel)
	return &wait{after: lookAgain, err: err}
}

// ready makes sure that we know who we are, which a start while Slack was away
// leaves open.
func (b *Bot) ready(ctx context.Context) error {
	if b.team() != "" {
		return nil
	}
	if err := b.Identify(ctx); err != nil {
		return &wait{after: 5 * time.Second, err: err}
	}
	return nil
}

func lacksScope(err error) bool {
	refusal, ok := refused(err)
	return ok && (refusal.Err == "missing_scope" || refusal.Err == "not_in_channel")
}

// Refresh makes a card in Slack show what the store knows now. It repeats until
// the newest version is shown, because what it shows may change while it works.
func (b *Bot) Refresh(ctx context.Context, id approval.ID, channel string) error {
	b.crowd.pass(ctx)
	for look := b.settled; ; look = b.c.Store.Request {
		record, err := look(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("refresh %s: %w", id, err)
		}
		card, ok := cardIn(record, channel)
		if !ok || card.TS == "" || !card.Failed.IsZero() || card.ShownVersion >= record.Version {
			return nil
		}
		if err := b.ready(ctx); err != nil {
			return err
		}
		earlier, err := b.c.Store.MarkDraw(ctx, id, channel, b.c.Now())
		if err != nil {
			return err
		}
		if done, err := b.update(ctx, card, record); done || err != nil {
			if kind, _ := judge(err); err != nil && kind != unclear {
				_, unmark := b.c.Store.MarkDraw(ctx, id, channel, earlier)
				return errors.Join(err, unmark)
			}
			return err
		}
		// An earlier attempt may yet overwrite this one. The card is right for now,
		// and is drawn once more when that can no longer happen.
		if early := b.landing(earlier); early != nil {
			_, err := b.c.Store.MarkDraw(ctx, id, channel, earlier)
			return cmp.Or(err, early)
		}
		current, err := b.c.Store.Shown(ctx, id, channel, record.Version)
		if err != nil {
			return fmt.Errorf("record the refresh of %s: %w", id, err)
		}
		if current <= record.Version {
			return nil
		}
	}
}

// update rewrites the message. done means that there is nothing left to rewrite.
func (b *Bot) update(ctx context.Context, card store.Card, record store.Record) (done bool, err error) {
	log := b.log(card.Request).With(zap.String("channel", card.Channel))
	meta := cardMetadata(card.Request, card.Channel)
	view := b.view(ctx, record, card.Channel)
	_, _, _, err = b.c.Slack.UpdateMessageContext(ctx, card.SlackChannel, card.TS, options(blocks.Card(view), meta)...)
	kind, after := judge(err)
	if err != nil && kind == badBlocks {
		log.Error("Slack does not take the card; a plain one is shown instead", zap.Error(err))
		_, _, _, err = b.c.Slack.UpdateMessageContext(ctx, card.SlackChannel, card.TS, options(blocks.PlainFallback(view), meta)...)
		kind, after = judge(err)
	}
	switch {
	case err == nil:
		return false, nil
	case kind == never || kind == badBlocks:
		if operatorCanMend(err) {
			log.Error("card cannot be updated yet: " + advice(err))
			return false, &wait{after: lookAgain, err: err}
		}
		log.Error("card can no longer be updated: " + advice(err))
		return true, b.cardLost(ctx, card, record, err)
	case after > 0:
		return false, &wait{after: after, err: err}
	}
	return false, err // an update is idempotent: try again with back-off
}

// operatorCanMend tells refusals that end when somebody fixes tokens or scopes
// from those about this one message.
func operatorCanMend(err error) bool {
	refusal, ok := refused(err)
	if !ok {
		return false
	}
	switch refusal.Err {
	case "message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "is_archived", "channel_not_found", "external_channel_migrating":
		return false
	}
	return true
}

func cardIn(r store.Record, channel string) (store.Card, bool) {
	for _, c := range r.Cards {
		if c.Channel == channel {
			return c, true
		}
	}
	return store.Card{}, false
}

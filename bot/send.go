package bot

import (
	"context"
	"errors"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/blocks"
)

var errStale = errors.New("this attempt's time is over; the next one looks first")

// stale reports whether the attempt that ctx belongs to has run out of time. A
// process that was frozen between a mark and its call must not make the call
// when it thaws: another replica has looked by then, found nothing, and made it.
// The clock is asked, because a context that expired during the freeze may not
// have noticed yet.
func stale(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// landing returns an error that waits while a call with a mark that young may
// still be on its way: one that a crash cut us off from has its effect later than
// we come back and look. Whoever calls again sets a new mark, so that the next
// one counts from there. A mark from the future tells that the clock was set back
// since, and nothing else; nobody waits until it has caught up.
func (b *Bot) landing(marked time.Time) error {
	age := b.c.Now().Sub(marked)
	if age < -skew || age >= afterMaybe {
		return nil
	}
	return &wait{after: min(afterMaybe-age, afterMaybe), err: errors.New("an earlier attempt may still be on its way")}
}

// skew is how far the clocks of replicas may be apart.
const skew = time.Minute

// send posts a message, once. The answer names the channel's real id, which
// differs when the message went to a person.
func (b *Bot) send(ctx context.Context, room string, m blocks.Message, meta slack.SlackMetadata, more ...slack.MsgOption) (channel, ts string, err error) {
	if stale(ctx) {
		return "", "", errStale
	}
	channel, ts, err = b.c.Slack.PostMessageContext(ctx, room, append(options(m, meta), more...)...)
	if err == nil && ts == "" {
		err = errors.New("Slack's answer names no message") //nolint:staticcheck // a name
	}
	return channel, ts, err
}

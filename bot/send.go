package bot

import (
	"context"
	"errors"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/blocks"
)

// freshMark is how long after its mark a call that must not happen twice may
// still leave. A process that was frozen between the two must not send what
// another replica has looked for, not found, and sent meanwhile.
const freshMark = 8 * time.Second

var errStale = errors.New("too much time passed since this attempt began; the next one looks first")

// send posts a message, once. begun is when the attempt began, on the monotonic
// clock. The answer names the channel's real id, which differs when the message
// went to a person.
func (b *Bot) send(ctx context.Context, begun time.Time, room string, m blocks.Message, meta slack.SlackMetadata, more ...slack.MsgOption) (channel, ts string, err error) {
	if time.Since(begun) > freshMark {
		return "", "", errStale
	}
	ctx, cancel := context.WithDeadline(ctx, begun.Add(freshMark+2*time.Second))
	defer cancel()
	channel, ts, err = b.c.Slack.PostMessageContext(ctx, room, append(options(m, meta), more...)...)
	if err == nil && ts == "" {
		err = errors.New("Slack's answer names no message") //nolint:staticcheck // a name
	}
	return channel, ts, err
}

package bot

import (
	"context"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
)

// answerWithin is how long a handler may take, so that the answer reaches Slack
// inside its three seconds.
const answerWithin = 2500 * time.Millisecond

// Handler is what both transports call. A handler's answer is what is sent back
// with the acknowledgement, nil for an empty one; it is given only after what
// must not be lost is recorded. Everything slower goes on after the answer.
type Handler interface {
	Interact(ctx context.Context, cb slack.InteractionCallback) any
	Command(ctx context.Context, cmd slack.SlashCommand) any
	Event(ctx context.Context, ev slackevents.EventsAPIEvent)
}

package bot

import (
	"context"
	"time"

	"github.com/slack-go/slack"
	attr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Meter is told what happens, and how long it took, for those who watch the
// service. Its methods are quick and safe for concurrent use.
type Meter interface {
	// Answered: what a person did was acknowledged. The sort is one of Slack's types.
	Answered(sort string, took time.Duration)
	// Posted: the first card of a request is in Slack, so long after the request was noticed.
	Posted(route string, waited time.Duration)
	// Voted: a person's approval or denial was recorded.
	Voted(route string, v approval.Verdict)
	// Decided: a decision was recorded, with the vote that completed it.
	Decided(route string, v approval.Verdict)
	// Refused: an attempt to decide came to nothing.
	Refused(reason string)
	// Tried: a signal was tried, with one of the results below.
	Tried(result string)
	// Signalled: Keyfactor took a decision, so long after it was made.
	Signalled(v approval.Verdict, waited time.Duration)
	// Settled: a decision of ours has had its end, so long after it was made.
	Settled(v approval.Verdict, waited time.Duration)
}

// The results of an attempt to carry a decision to Keyfactor.
const (
	triedSent        = "sent"
	triedMaybe       = "maybe"
	triedUnavailable = "unavailable"
	triedSettled     = "settled" // somebody was first
	triedChanged     = "changed" // the request asks something else now
	triedRefused     = "refused"
)

// unmetered is the Meter of a Bot that nobody watches.
type unmetered struct{}

func (unmetered) Answered(string, time.Duration)            {}
func (unmetered) Posted(string, time.Duration)              {}
func (unmetered) Voted(string, approval.Verdict)            {}
func (unmetered) Decided(string, approval.Verdict)          {}
func (unmetered) Refused(string)                            {}
func (unmetered) Tried(string)                              {}
func (unmetered) Signalled(approval.Verdict, time.Duration) {}
func (unmetered) Settled(approval.Verdict, time.Duration)   {}

// received notes when something of Slack's came in: an answer is due from there on.
func received(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, receivedKey{}, at)
}

type receivedKey struct{}

// receivedAt is when the transport received what is being handled, or else now.
func receivedAt(ctx context.Context) time.Time {
	if at, ok := ctx.Value(receivedKey{}).(time.Time); ok {
		return at
	}
	return time.Now()
}

// handle measures and traces the handling of what a person did, until the function
// that it returns is called.
func (b *Bot) handle(ctx context.Context, sort, person string) (context.Context, func()) {
	at := receivedAt(ctx)
	ctx, span := b.c.Tracer.Start(ctx, "Slack "+sort, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at),
		trace.WithAttributes(attr.String("approvebot.person", person)))
	return ctx, func() {
		b.c.Meter.Answered(sort, time.Since(at))
		span.End()
	}
}

// sortOf keeps to the sorts of interactions that Slack documents.
func sortOf(t slack.InteractionType) string {
	switch t {
	case slack.InteractionTypeBlockActions, slack.InteractionTypeViewSubmission, slack.InteractionTypeViewClosed,
		slack.InteractionTypeShortcut, slack.InteractionTypeMessageAction, slack.InteractionTypeBlockSuggestion:
		return string(t)
	}
	return "other"
}

// firstPosted tells how long people waited for the first card of a request. Further
// cards, of channels that subscribed later, say nothing about our speed.
func (b *Bot) firstPosted(r store.Record) {
	for _, c := range r.Cards {
		if c.TS != "" {
			return
		}
	}
	b.c.Meter.Posted(r.Route, b.c.Now().Sub(r.Seen))
}

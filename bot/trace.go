package bot

import (
	"context"
	"errors"
	"time"

	attr "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/internal/tracing"
)

// traceDecision tells of a decision that has been recorded, from when the click
// came in.
func (b *Bot) traceDecision(ctx context.Context, route string, d approval.Decision) {
	_, span := tracing.Decide(ctx, b.c.Tracer, d.ID, receivedAt(ctx))
	span.SetAttributes(about(route, d)...)
	span.End()
}

// traceFollowing is how long after Keyfactor took a decision every look at what
// became of it has a span. It may have to wait for others for days.
const traceFollowing = time.Minute

// traceSignal begins the span of an attempt to carry a decision to Keyfactor.
func (b *Bot) traceSignal(ctx context.Context, d store.Decision) (context.Context, func(error)) {
	if !d.Sent.IsZero() && b.c.Now().Sub(d.Sent) > traceFollowing {
		return ctx, func(error) {}
	}
	ctx, span := tracing.Follow(ctx, b.c.Tracer, d.ID, "signal")
	span.SetAttributes(about(d.Route, d.Decision)...)
	return ctx, func(err error) {
		if _, waits := errors.AsType[*wait](err); waits {
			span.AddEvent("tried again later", trace.WithAttributes(attr.String("reason", err.Error())))
		} else if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// traceSettled tells how a decision ended.
func (b *Bot) traceSettled(ctx context.Context, d store.Decision, o approval.Outcome) {
	_, span := tracing.Follow(ctx, b.c.Tracer, d.ID, "settled")
	span.SetAttributes(about(d.Route, d.Decision)...)
	span.SetAttributes(attr.String("approvebot.state", string(o.State)), attr.String("approvebot.reason", string(o.Reason)))
	span.End()
}

func about(route string, d approval.Decision) []attr.KeyValue {
	return []attr.KeyValue{
		attr.String("approvebot.request", string(d.Request)), attr.String("approvebot.route", route),
		attr.String("approvebot.verdict", string(d.Verdict)), attr.String("approvebot.person", d.By.ID),
	}
}

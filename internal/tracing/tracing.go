// Package tracing follows a decision from the click to its end in Keyfactor, for
// those who collect traces with OpenTelemetry. It is off, and costs nothing, unless
// the usual variables name a collector that speaks OTLP over HTTP:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, and those beside them
//	OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
//	OTEL_SDK_DISABLED=true, OTEL_TRACES_EXPORTER=none, OTEL_TRACES_SAMPLER=always_off   off all the same
//
// # One decision, one trace
//
// Between the click and the signal lies the database: a job, perhaps of another
// process, perhaps hours later. Nothing has to be carried along for that, because
// a decision's ID is a UUID and so is a trace's. The trace of a decision is its ID
// without the dashes, and the first span's ID is made from it; whoever knows the
// decision knows where its spans belong.
//
//	click (its own trace) ◀─link── decision ┬── signal ┬── POST /Workflow/Instances/{id}/Signals
//	                                        │          └── …
//	                                        └── signal (a later attempt)
//
// A few hundred decisions a day are no load, so all are kept: a share of them is
// best chosen by the collector, which has seen how they ended.
package tracing

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// Name is that of our spans' maker.
const Name = "github.com/approvebot/approvebot"

// Off traces nothing.
func Off() trace.Tracer { return noop.NewTracerProvider().Tracer(Name) }

// wanted reports whether the environment names a collector.
func wanted(env func(string) string) bool {
	off := strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || env("OTEL_TRACES_EXPORTER") == "none" || strings.HasSuffix(env("OTEL_TRACES_SAMPLER"), "always_off")
	return !off && cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT")) != ""
}

// endWithin is how long the last spans may take to be sent.
const endWithin = 5 * time.Second

// Start returns a tracer, and what sends the last spans and ends it. What the
// exporter needs to know it reads from the environment of the process itself. A
// collector that is away is told to the log and holds nothing up.
func Start(ctx context.Context, env func(string) string, version string, log *zap.Logger) (_ trace.Tracer, end func(), _ error) {
	if !wanted(env) {
		return Off(), func() {}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces could not be sent", zap.Error(err)) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare traces: %w", err)
	}
	// What the environment says comes last, and so counts.
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "approvebot"), attribute.String("service.version", version), attribute.String("service.instance.id", uuid.NewString())),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("describe this process for traces: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sdk.AlwaysSample()), sdk.WithIDGenerator(IDs{}))
	log.Info("decisions are traced")
	return provider.Tracer(Name), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces could not be sent", zap.Error(err))
		}
	}, nil
}

// decision returns where the spans of a decision belong; ok is false if its ID is no UUID.
func decision(id string) (c trace.SpanContext, ok bool) {
	u, err := uuid.Parse(id)
	if err != nil || u == uuid.Nil {
		return c, false
	}
	sum := fnv.New64a()
	_, _ = sum.Write(u[:])
	var span trace.SpanID
	binary.BigEndian.PutUint64(span[:], sum.Sum64()|1) // never zero
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(u), SpanID: span, TraceFlags: trace.FlagsSampled, Remote: true}), true
}

// Decide starts the first span of a decision's trace, at the time of the click. It
// links to the span of the click, which it is called within.
func Decide(ctx context.Context, t trace.Tracer, id string, at time.Time) (context.Context, trace.Span) {
	first, ok := decision(id)
	if !ok {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return t.Start(context.WithValue(ctx, firstKey{}, first), "decision", trace.WithNewRoot(), trace.WithTimestamp(at),
		trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithAttributes(attribute.String("approvebot.decision", id)))
}

// Follow starts a span in a decision's trace, in whatever process and however much later.
func Follow(ctx context.Context, t trace.Tracer, id, name string) (context.Context, trace.Span) {
	if first, ok := decision(id); ok {
		ctx = trace.ContextWithRemoteSpanContext(ctx, first)
	}
	return t.Start(ctx, name, trace.WithAttributes(attribute.String("approvebot.decision", id)))
}

type firstKey struct{}

// IDs makes IDs by chance, but for the first span of a decision.
type IDs struct{}

// NewIDs implements the SDK's IDGenerator.
func (IDs) NewIDs(ctx context.Context) (t trace.TraceID, s trace.SpanID) {
	if first, ok := ctx.Value(firstKey{}).(trace.SpanContext); ok {
		return first.TraceID(), first.SpanID()
	}
	binary.BigEndian.PutUint64(t[:8], rand.Uint64())   //nolint:gosec // an ID is no secret
	binary.BigEndian.PutUint64(t[8:], rand.Uint64()|1) //nolint:gosec // as above; never zero
	return t, randomSpan()
}

// NewSpanID implements the SDK's IDGenerator.
func (IDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return randomSpan() }

func randomSpan() (s trace.SpanID) {
	binary.BigEndian.PutUint64(s[:], rand.Uint64()|1) //nolint:gosec // as above
	return s
}

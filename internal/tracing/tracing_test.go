package tracing_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/internal/tracing"
)

const decision = "01a212ff-39e2-7b8e-b7be-b33c7f0c1d93"

func TestTracingIsOffUnlessACollectorIsNamed(t *testing.T) {
	const at = "http://127.0.0.1:1"
	for name, row := range map[string]struct {
		env map[string]string
		on  bool
	}{
		"nothing is set":         {nil, false},
		"an endpoint":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": at}, true},
		"an endpoint for traces": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": at}, true},
		"the SDK is disabled":    {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": at, "OTEL_SDK_DISABLED": "true"}, false},
		"no exporter":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": at, "OTEL_TRACES_EXPORTER": "none"}, false},
		"nothing is sampled":     {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": at, "OTEL_TRACES_SAMPLER": "parentbased_always_off"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, end, err := tracing.Start(t.Context(), func(name string) string { return row.env[name] }, "v1", zap.NewNop())
			require.NoError(t, err)
			defer end()
			_, off := tracer.(noop.Tracer)
			require.Equal(t, row.on, !off)
		})
	}
}

// A collector that is away costs a line in the log and a few seconds at the end.
func TestACollectorThatIsAwayHoldsNothingUp(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", gone.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	core, log := observer.New(zap.WarnLevel)
	tracer, end, err := tracing.Start(t.Context(), func(string) string { return gone.URL }, "v1", zap.New(core))
	require.NoError(t, err)
	_, span := tracing.Decide(t.Context(), tracer, decision, time.Now())
	span.End()
	end()
	require.NotZero(t, log.Len())
}

// recorded returns a tracer whose spans can be looked at.
func recorded(t *testing.T) (trace.Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans), sdk.WithIDGenerator(tracing.IDs{}))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.WithoutCancel(t.Context()))) })
	return provider.Tracer("test"), spans
}

// What two processes that share nothing but the decision's ID tell is one trace.
func TestProcessesMeetInTheTrace(t *testing.T) {
	here, first := recorded(t)
	there, later := recorded(t)
	ctx, click := here.Start(t.Context(), "click")
	clicked := time.Now().Add(-time.Second)
	_, span := tracing.Decide(ctx, here, decision, clicked)
	span.End()
	click.End()
	_, span = tracing.Follow(t.Context(), there, decision, "signal")
	span.End()

	root, signal := first.Ended()[0], later.Ended()[0]
	require.Equal(t, "01a212ff39e27b8eb7beb33c7f0c1d93", root.SpanContext().TraceID().String())
	require.False(t, root.Parent().IsValid())
	require.Equal(t, clicked.UnixNano(), root.StartTime().UnixNano())
	require.Equal(t, click.SpanContext().SpanID(), root.Links()[0].SpanContext.SpanID())
	require.Equal(t, root.SpanContext().TraceID(), signal.SpanContext().TraceID())
	require.Equal(t, root.SpanContext().SpanID(), signal.Parent().SpanID())
	require.NotEqual(t, root.SpanContext().TraceID(), click.SpanContext().TraceID())
}

func TestCallsAreSpansOfATraceOnly(t *testing.T) {
	tracer, spans := recorded(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Empty(t, r.Header.Get("Traceparent"), "others are told nothing")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	call := func(ctx context.Context, transport http.RoundTripper, path string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	keyfactor, slack := tracing.Keyfactor(tracer, http.DefaultTransport), tracing.Slack(tracer, http.DefaultTransport)
	call(t.Context(), keyfactor, "/poll")
	require.Empty(t, spans.Ended())
	ctx, parent := tracer.Start(t.Context(), "parent")
	call(ctx, keyfactor, "/KeyfactorAPI/Workflow")
	call(ctx, slack, "/api/chat.update")
	call(ctx, slack, "/actions/T0/1/secret")
	parent.End()
	var names []string
	for _, s := range spans.Ended() {
		names = append(names, s.Name())
		for _, a := range s.Attributes() {
			require.NotContains(t, a.Value.String(), "secret")
		}
	}
	require.Equal(t, []string{"Keyfactor POST", "Slack chat.update", "Slack answer", "parent"}, names)
}

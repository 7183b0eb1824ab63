package app_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/tracing"
)

// receiver collects spans as any collector does that speaks OTLP over HTTP.
type receiver struct {
	mu       sync.Mutex
	spans    []*otlp.Span
	services []string
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not an export of traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range export.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				c.services = append(c.services, a.GetValue().GetStringValue())
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// A decision is one trace, whose ID is the decision's: from the click over the
// queue in the database to Keyfactor's last word, and linked to the click.
func TestADecisionIsOneTrace(t *testing.T) {
	collected := &receiver{}
	server := httptest.NewServer(collected)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=pki-approvals")
	tracer, end, err := tracing.Start(t.Context(), os.Getenv, "v1", zap.NewNop())
	require.NoError(t, err)

	p := newPlace(t, sqliteIn(t.TempDir()))
	p.options = func(o *app.Options) { o.Tracer = tracer }
	r := p.start()
	_, card := p.arrive("web")
	p.approve("ada", card)
	p.becomes(card, "Approved")
	p.await("the end of the decision", func() bool { return r.log.FilterMessage("decision settled").Len() == 1 })
	decided := r.log.FilterMessage("decision settled").All()[0].ContextMap()
	r.stop()
	end()

	byName, byID := map[string]*otlp.Span{}, map[string]*otlp.Span{}
	trace := strings.ReplaceAll(decided["decision"].(string), "-", "")
	for _, s := range collected.spans {
		byID[string(s.GetSpanId())] = s
		if hex.EncodeToString(s.GetTraceId()) == trace {
			byName[s.GetName()] = s
		}
	}
	require.Contains(t, collected.services, "pki-approvals")
	root := byName["decision"]
	require.NotNil(t, root)
	require.Empty(t, root.GetParentSpanId())
	for _, name := range []string{"signal", "Keyfactor GET", "Keyfactor POST", "settled"} {
		s := byName[name]
		require.NotNil(t, s, "no span %q among %d of the decision", name, len(byName))
		for s.GetName() != "decision" { // up to the first
			s = byID[string(s.GetParentSpanId())]
			require.NotNil(t, s, "the parent of %q is missing", name)
		}
	}
	require.Equal(t, "signal", byID[string(byName["Keyfactor POST"].GetParentSpanId())].GetName())
	require.Len(t, root.GetLinks(), 1)
	click := byID[string(root.GetLinks()[0].GetSpanId())]
	require.Equal(t, "Slack view_submission", click.GetName())
	require.NotEqual(t, trace, hex.EncodeToString(click.GetTraceId()))
	require.LessOrEqual(t, root.GetStartTimeUnixNano(), click.GetEndTimeUnixNano())

	var told []string
	for _, a := range root.GetAttributes() {
		told = append(told, a.GetKey()+"="+a.GetValue().GetStringValue())
	}
	require.Contains(t, told, "approvebot.route=all")
	require.Contains(t, told, "approvebot.verdict=approve")
	require.Contains(t, told, "approvebot.person="+p.slack.UserID("ada"))
	require.Contains(t, told, "approvebot.request="+decided["request"].(string))
}

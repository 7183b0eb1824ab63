package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/metrics"
	"github.com/approvebot/approvebot/internal/store"
)

var waiting = store.Backlog{
	Pending:      []store.PendingRequests{{Route: "web", Waited: [4]int{3, 2, 1, 0}, Oldest: time.UnixMilli(1_700_000_000_500)}},
	Outbox:       []store.Outgoing{{Kind: store.OutgoingSignal, Count: 2, Oldest: time.Unix(1_700_000_100, 0)}, {Kind: store.OutgoingPost}},
	AuditEntries: 41,
	Passes:       store.Passes{Finished: time.Unix(1_700_000_200, 0), Succeeded: map[approval.Kind]time.Time{approval.Workflow: time.Unix(1_700_000_300, 0)}},
}

func deadline(p store.Passes) time.Time { return p.Finished.Add(5 * time.Minute) }

// exercised returns metrics in which everything has happened at least once.
func exercised(t *testing.T) *metrics.Metrics {
	t.Helper()
	m := metrics.New(metrics.Build{Version: "v1", Commit: "abc", Go: "go1"}, zap.NewNop())
	m.Backlog(func(context.Context) (store.Backlog, error) { return waiting, nil }, deadline)
	m.Link(func() bool { return true }, func() int { return 1 })
	m.Configuration(func() (bool, time.Time) { return true, time.Unix(1_700_000_400, 0) })
	m.Answered("view_submission", 40*time.Millisecond)
	m.Posted("web", 3*time.Second)
	m.Voted("web", approval.Approve)
	m.Decided("web", approval.Approve)
	m.Refused("not_approver")
	m.Tried("sent")
	m.Signalled(approval.Approve, time.Second)
	m.Settled(approval.Approve, 2*time.Second)
	m.LinkEnded("silent")
	m.Polled(metrics.Poll{Source: "workflow", Took: time.Second, Listed: 7, Skipped: 1, Appeared: 2, Revised: 3, Settled: 4})
	m.Polled(metrics.Poll{Source: "workflow", Took: time.Second, Failed: true})
	m.Worked("signal", "done", time.Second)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "chat.postMessage") {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		if strings.HasSuffix(r.URL.Path, "chat.update") {
			_, _ = io.WriteString(w, `{"ok":false,"error":"token_revoked"}`)
		}
	}))
	defer server.Close()
	for path, transport := range map[string]http.RoundTripper{
		"/api/chat.postMessage":  m.Slack(http.DefaultTransport),
		"/api/chat.update":       m.Slack(http.DefaultTransport),
		"/actions/T0/123/secret": m.Slack(http.DefaultTransport),
		"/KeyfactorAPI/Workflow/Instances/01234567-89ab-cdef-0123-456789abcdef/Signals": m.Keyfactor(server.URL+"/KeyfactorAPI/", http.DefaultTransport),
		"/oauth/token": m.Keyfactor(server.URL+"/KeyfactorAPI/", http.DefaultTransport),
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	return m
}

func page(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.Code)
	return string(body)
}

func TestWhatPrometheusReads(t *testing.T) {
	lines := strings.Split(page(t, exercised(t)), "\n")
	for _, want := range []string{
		`approvebot_build_info{commit="abc",go_version="go1",version="v1"} 1`,
		`approvebot_store_up 1`,
		`approvebot_requests_pending{age="under 1h",route="web"} 3`,
		`approvebot_requests_pending{age="1d to 7d",route="web"} 1`,
		`approvebot_requests_oldest_pending_timestamp_seconds{route="web"} 1.7000000005e+09`,
		`approvebot_outbox_items{kind="signal"} 2`,
		`approvebot_outbox_items{kind="post"} 0`,
		`approvebot_outbox_oldest_timestamp_seconds{kind="signal"} 1.7000001e+09`,
		`approvebot_audit_entries 41`,
		`approvebot_poll_last_finish_timestamp_seconds 1.7000002e+09`,
		`approvebot_poll_deadline_timestamp_seconds 1.7000005e+09`,
		`approvebot_poll_last_success_timestamp_seconds{source="workflow"} 1.7000003e+09`,
		`approvebot_poll_duration_seconds_count{result="failure",source="workflow"} 1`,
		`approvebot_poll_listed_requests{source="workflow"} 7`,
		`approvebot_poll_changes_total{change="settled",source="workflow"} 4`,
		`approvebot_slack_link_connected 1`,
		`approvebot_slack_foreign_links 1`,
		`approvebot_slack_interaction_ack_seconds_bucket{type="view_submission",le="0.05"} 1`,
		`approvebot_slack_refusals_total{error="token_revoked",method="chat.update"} 1`,
		`approvebot_slack_rate_limited_total{method="chat.postMessage"} 1`,
		`approvebot_slack_request_duration_seconds_count{code="200",method="other"} 1`,
		`approvebot_keyfactor_request_duration_seconds_count{code="200",endpoint="/Workflow/Instances/{id}/Signals",method="POST"} 1`,
		`approvebot_keyfactor_request_duration_seconds_count{code="200",endpoint="token",method="POST"} 1`,
		`approvebot_decisions_total{route="web",verdict="approve"} 1`,
		`approvebot_refusals_total{reason="not_approver"} 1`,
		`approvebot_job_duration_seconds_count{kind="signal",result="done"} 1`,
	} {
		require.Contains(t, lines, want)
	}
	// What does not wait has no age.
	require.NotContains(t, strings.Join(lines, "\n"), `approvebot_outbox_oldest_timestamp_seconds{kind="post"}`)
	require.True(t, slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "go_goroutines ") }))
	require.True(t, slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "process_start_time_seconds ") }))
}

func TestNamesFollowTheConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(exercised(t).Gatherer())
	require.NoError(t, err)
	require.Equal(t, []promlint.Problem(nil), problems)
}

func TestADatabaseThatDoesNotAnswerLeavesTheRest(t *testing.T) {
	asked := 0
	m := metrics.New(metrics.Build{}, zap.NewNop())
	m.Backlog(func(context.Context) (store.Backlog, error) { asked++; return store.Backlog{}, errors.New("away") }, deadline)
	text := page(t, m)
	require.Contains(t, text, "approvebot_store_up 0")
	require.NotContains(t, text, "approvebot_outbox_items")
	require.Contains(t, text, "approvebot_build_info")
	page(t, m)
	require.Equal(t, 1, asked, "two who ask at once are one question")
}

// Looking at the beginning of an answer takes nothing away from it, however long it is.
func TestAnswersOfSlackPassUnchanged(t *testing.T) {
	long := `{"ok":true,"text":"` + strings.Repeat(`\"ok\":false `, 10_000) + `"}`
	for body, refusals := range map[string]int{long: 0, `{"ok":true}`: 0, ``: 0, `<html>"ok":false</html>`: 0, `{ "ok": false, "error": "invalid_auth" }`: 1, `{"ok":false}`: 1} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		m := metrics.New(metrics.Build{}, zap.NewNop())
		client := http.Client{Transport: m.Slack(http.DefaultTransport)}
		response, err := client.Get(server.URL + "/api/users.info")
		require.NoError(t, err)
		got, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		server.Close()
		require.Equal(t, body, string(got))
		require.Equal(t, refusals, strings.Count(page(t, m), "approvebot_slack_refusals_total{"))
	}
}

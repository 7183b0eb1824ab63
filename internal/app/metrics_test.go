package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// scrape returns the lines that Prometheus reads.
func scrape(t *testing.T, address string) []string {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	return strings.Split(string(body), "\n")
}

// The whole way of a request leaves its mark in the metrics of the process that
// went it, and what waits is told by the store.
func TestMetricsTellTheWayOfARequest(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	r := p.start()
	id, card := p.arrive("web")
	p.approve("ada", card)
	p.becomes(card, "Approved")
	require.Equal(t, 1, p.accepted(id))
	var lines []string
	p.await("the metrics to say so", func() bool {
		lines = scrape(t, r.app.Addr())
		return has(lines, "approvebot_decision_settled_seconds_count{", "} 1")
	})
	for _, want := range [][2]string{
		{`approvebot_card_delay_seconds_count{route="`, `"} 1`},
		{`approvebot_votes_total{route="`, `",verdict="approve"} 1`},
		{`approvebot_decisions_total{route="`, `",verdict="approve"} 1`},
		{`approvebot_signals_total{result="sent"} 1`, ``},
		{`approvebot_decision_signal_seconds_count{verdict="approve"} 1`, ``},
		{`approvebot_slack_interaction_ack_seconds_count{type="view_submission"} 1`, ``},
		{`approvebot_slack_link_connected 1`, ``},
		{`approvebot_keyfactor_request_duration_seconds_count{code="204",endpoint="/Workflow/Instances/{id}/Signals",method="POST"} 1`, ``},
		{`approvebot_slack_request_duration_seconds_count{code="200",method="chat.postMessage"} `, ``},
		{`approvebot_poll_last_success_timestamp_seconds{source="workflow"} `, ``},
		{`approvebot_job_duration_seconds_count{kind="signal",result="done"} 1`, ``},
		{`approvebot_audit_entries `, ``},
		{`approvebot_store_up 1`, ``},
	} {
		require.True(t, has(lines, want[0], want[1]), "%s…%s", want[0], want[1])
	}
}

// Every line about a click and a signal can be found by request, route and person.
func TestTheLogNamesRequestRouteAndPerson(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	r := p.start()
	_, card := p.arrive("web")
	p.slack.Click(t.Context(), slacksim.Click{As: "dan", Channel: room, TS: card.TS, ActionID: "deny"})
	p.approve("ada", card)
	p.becomes(card, "Approved")
	for message, person := range map[string]string{"click refused": "dan", "decision recorded": "ada", "signal sent": "ada", "decision settled": "ada"} {
		p.await(message, func() bool { return r.log.FilterMessage(message).Len() == 1 })
		fields := r.log.FilterMessage(message).All()[0].ContextMap()
		require.Contains(t, fields["request"], "workflow:", message)
		require.Equal(t, "all", fields["route"], message)
		require.Equal(t, p.slack.UserID(person), fields["person"], message)
	}
}

func has(lines []string, prefix, suffix string) bool {
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) && strings.HasSuffix(l, suffix) {
			return true
		}
	}
	return false
}

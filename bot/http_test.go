package bot_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// endpoint is the HTTP transport in front of a real bot, for requests written by hand.
type endpoint struct {
	*world
	url string
	log *observer.ObservedLogs
}

const oldSecret, newSecret = "old-signing-secret", "new-signing-secret"

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{world: newWorld(t, options{http: true})}
	core, log := observer.New(zap.InfoLevel)
	mux := http.NewServeMux()
	bot.NewHTTP(e.bot, func() []secret.String { return []secret.String{secret.New(newSecret), secret.New(oldSecret)} }, zap.New(core)).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	e.url, e.log = server.URL, log
	return e
}

// raw is a request as it goes over the wire.
type raw struct {
	method, path, body string
	secret             string        // signs; empty: no signature
	age                time.Duration // of the timestamp
	header             map[string]string
}

func (e *endpoint) send(r raw) (status int, answer string) {
	e.Helper()
	if r.method == "" {
		r.method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(e.Context(), r.method, e.url+r.path, strings.NewReader(r.body))
	require.NoError(e, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.secret != "" {
		stamp := time.Now().Add(-r.age).Unix()
		request.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(stamp, 10))
		request.Header.Set("X-Slack-Signature", slacksim.Sign(r.secret, stamp, []byte(r.body)))
	}
	for name, value := range r.header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(e, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(e, err)
	return response.StatusCode, string(body)
}

// decides is a click that decides at once, as Slack would send it for ada.
func (e *endpoint) decides(card slacksim.Message) string {
	button, ok := card.Button(blocks.ActionApprove)
	require.True(e, ok)
	return "payload=" + url.QueryEscape(`{"type":"block_actions","user":{"id":"`+e.slack.UserID("ada")+`","team_id":"T0EXAMPLE"},"team":{"id":"T0EXAMPLE"},
		"channel":{"id":"`+e.slack.ChannelID("#pki-approvals")+`"},"container":{"type":"message","message_ts":"`+card.TS+`"},"trigger_id":"1.2.3",
		"actions":[{"type":"button","action_id":"approve","block_id":"b","value":"`+button.Value+`","action_ts":"1"}]}`)
}

func (e *endpoint) audited() (events []string) {
	for entry, err := range e.store.Entries(e.Context(), store.Filter{}) {
		require.NoError(e, err)
		events = append(events, entry.Event)
	}
	return events
}

// A click that would decide is sent in every way that Slack would not send it:
// it is refused with 4xx and logged, and nothing has happened. Then it is sent
// properly, and decides; played again, it is refused.
func TestWhatSlackDidNotSignIsRefused(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.rule.Approve.Need = approval.CommentOff
	id := e.waits(1)
	body := e.decides(e.card(id))
	const path = "/slack/interactivity"
	before := e.audited()
	for name, test := range map[string]struct {
		raw  raw
		want int
	}{
		"unsigned":                  {raw{body: body}, 401},
		"wrong secret":              {raw{body: body, secret: "guessed"}, 401},
		"six minutes old":           {raw{body: body, secret: newSecret, age: 6 * time.Minute}, 401},
		"six minutes ahead":         {raw{body: body, secret: newSecret, age: -6 * time.Minute}, 401},
		"signature of another body": {raw{body: body, secret: newSecret, header: map[string]string{"X-Slack-Signature": slacksim.Sign(newSecret, time.Now().Unix(), []byte("payload={}"))}}, 401},
		"no timestamp":              {raw{body: body, secret: newSecret, header: map[string]string{"X-Slack-Request-Timestamp": ""}}, 401},
		"a timestamp of words":      {raw{body: body, secret: newSecret, header: map[string]string{"X-Slack-Request-Timestamp": "now"}}, 401},
		"an empty signature":        {raw{body: body, secret: newSecret, header: map[string]string{"X-Slack-Signature": ""}}, 401},
		"a signature that is cut":   {raw{body: body, secret: newSecret, header: map[string]string{"X-Slack-Signature": "v0=12"}}, 401},
		"over 1 MiB":                {raw{body: body + "&x=" + strings.Repeat("x", 1<<20), secret: newSecret}, 413},
		"GET":                       {raw{method: http.MethodGet, secret: newSecret}, 405},
		// The test vector of the facts sheet, which is correct, and from 2023.
		"the test vector": {raw{body: "payload=%7B%22type%22%3A%22block_actions%22%7D", header: map[string]string{
			"X-Slack-Request-Timestamp": "1700000000", "X-Slack-Signature": "v0=8ff64a276b74f3bfc205d8b1fdf8b29d2be346bc136af509b33bab6d090ef061"}}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			test.raw.path = path
			logged := e.log.Len()
			status, _ := e.send(test.raw)
			require.Equal(t, test.want, status)
			if test.raw.method == "" {
				require.Equal(t, logged+1, e.log.Len(), "one line in the log")
			}
		})
	}
	require.Equal(t, "v0=8ff64a276b74f3bfc205d8b1fdf8b29d2be346bc136af509b33bab6d090ef061",
		slacksim.Sign("test-signing-secret", 1_700_000_000, []byte("payload=%7B%22type%22%3A%22block_actions%22%7D")))
	require.Equal(t, before, e.audited(), "nothing was changed")
	for _, line := range e.log.All() {
		require.NotContains(t, fmt.Sprint(line.ContextMap()), newSecret)
	}

	good := raw{path: path, body: body, secret: newSecret}
	status, answer := e.send(good)
	require.Equal(t, 200, status)
	require.Empty(t, answer)
	record, _ := e.settled(id)
	require.Equal(t, approval.Approved, record.State)
	require.Len(t, e.queue.signals(), 1)
}

// Somebody recorded a request and plays it again while its signature is good.
func TestAReplayedRequestIsRefused(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.rule.Approve.Need = approval.CommentOff
	id := e.waits(1)
	body := e.decides(e.card(id))
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	same := raw{path: "/slack/interactivity", body: body, header: map[string]string{
		"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": slacksim.Sign(newSecret, mustInt(t, stamp), []byte(body))}}
	status, _ := e.send(same)
	require.Equal(t, 200, status)
	e.settled(id)
	before := e.audited()
	status, answer := e.send(same)
	require.Equal(t, 409, status)
	require.Contains(t, answer, "received before")
	require.Equal(t, before, e.audited())
}

func mustInt(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

// While the signing secret is rotated both are good.
func TestTwoSecretsDuringRotation(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	for _, key := range []string{oldSecret, newSecret} {
		status, answer := e.send(raw{path: "/slack/commands", body: "command=%2Fapprovebot&text=help&user_id=U1", secret: key})
		require.Equal(t, 200, status)
		require.Contains(t, answer, "/approvebot pending")
	}
}

// Signed, and still not what it should be: 4xx where it cannot be read, and in
// no case a panic, a decision or an audit entry without a request.
func TestMalformedPayloads(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	before := e.audited()
	payload := func(text string) string { return "payload=" + url.QueryEscape(text) }
	for name, test := range map[string]struct {
		path, body string
		want       int
	}{
		"empty body":               {"/slack/interactivity", "", 400},
		"not a form":               {"/slack/interactivity", "%zz", 400},
		"no payload":               {"/slack/interactivity", "x=y", 400},
		"payload is no JSON":       {"/slack/interactivity", payload("{"), 400},
		"payload is null":          {"/slack/interactivity", payload("null"), 400},
		"payload is a list":        {"/slack/interactivity", payload("[]"), 400},
		"payload without type":     {"/slack/interactivity", payload("{}"), 400},
		"types are wrong":          {"/slack/interactivity", payload(`{"type":"block_actions","user":7}`), 400},
		"null action":              {"/slack/interactivity", payload(`{"type":"block_actions","actions":[null]}`), 200},
		"no actions":               {"/slack/interactivity", payload(`{"type":"block_actions"}`), 200},
		"unknown type":             {"/slack/interactivity", payload(`{"type":"something_new"}`), 200},
		"submission of no view":    {"/slack/interactivity", payload(`{"type":"view_submission"}`), 200},
		"submission without state": {"/slack/interactivity", payload(`{"type":"view_submission","view":{"callback_id":"decide","private_metadata":"x"}}`), 200},
		"no command":               {"/slack/commands", "text=help", 400},
		"command is no form":       {"/slack/commands", "%zy", 400},
		"event is no JSON":         {"/slack/events", "{", 400},
		"event is null":            {"/slack/events", "null", 400},
		"event without type":       {"/slack/events", "{}", 400},
		"callback without event":   {"/slack/events", `{"type":"event_callback"}`, 400},
		"no challenge":             {"/slack/events", `{"type":"url_verification","challenge":7}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := e.send(raw{path: test.path, body: test.body, secret: newSecret})
			require.Equal(t, test.want, status, answer)
			if status >= 400 {
				last := e.log.All()[e.log.Len()-1]
				require.Contains(t, last.Message, "request to Slack's endpoint refused")
				require.EqualValues(t, status, last.ContextMap()["status"])
			}
		})
	}
	e.bot.Wait()
	// A submission that names no request of ours is a refusal like any other, and written down.
	for _, event := range e.audited()[len(before):] {
		require.Equal(t, "click.refused", event)
	}
	require.Empty(t, e.queue.signals())
}

func TestSlackProvesTheEndpoint(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	status, answer := e.send(raw{path: "/slack/events", body: `{"type":"url_verification","token":"t","challenge":"c-123"}`, secret: newSecret})
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"challenge":"c-123"}`, answer)
	status, _ = e.send(raw{path: "/slack/events", body: `{"type":"url_verification","challenge":"c"}`})
	require.Equal(t, 401, status, "it is signed like everything else")
	status, _ = e.send(raw{method: http.MethodGet, path: "/slack/commands"})
	require.Equal(t, 200, status, "Slack's check of the certificate")
	_, err := e.slack.VerifyURL(t.Context())
	require.NoError(t, err)
	r, err := e.slack.CheckSSL(t.Context())
	require.NoError(t, err)
	require.Equal(t, 200, r.Status)
}

// Slack repeats an event that it holds for lost, signed anew: it is taken, and the
// Home tab drawn once more does no harm.
func TestARepeatedEventIsTaken(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	body := `{"type":"event_callback","event_id":"Ev1","team_id":"T0EXAMPLE","event":{"type":"app_home_opened","user":"` + e.slack.UserID("ada") + `","channel":"D1","tab":"home","event_ts":"1.2"}}`
	for n := range 3 {
		status, _ := e.send(raw{path: "/slack/events", body: body, secret: newSecret, age: time.Duration(n) * time.Second,
			header: map[string]string{"X-Slack-Retry-Num": strconv.Itoa(n), "X-Slack-Retry-Reason": "http_timeout"}})
		require.Equal(t, 200, status)
	}
	e.await("the Home tab", func() bool { return e.slack.CallCount("views.publish") == 3 })
}

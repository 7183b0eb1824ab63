package bot_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// deaf takes everything and does nothing.
type deaf struct{ clicks int }

func (d *deaf) Interact(context.Context, slack.InteractionCallback) any { d.clicks++; return nil }
func (*deaf) Command(context.Context, slack.SlashCommand) any           { return nil }
func (*deaf) Event(context.Context, slackevents.EventsAPIEvent)         {}

// A click over HTTP up to the handler: the signature is verified, the replay
// guard asked, the payload decoded.
func BenchmarkSignedClick(b *testing.B) {
	handler := &deaf{}
	mux := http.NewServeMux()
	bot.NewHTTP(handler, func() []secret.String { return []secret.String{secret.New(newSecret), secret.New(oldSecret)} }, zap.NewNop()).Register(mux)
	payload := `{"type":"block_actions","user":{"id":"U1","team_id":"T1"},"team":{"id":"T1"},"trigger_id":"1.2.3","container":{"type":"message","message_ts":"1.2","channel_id":"C1"},
		"channel":{"id":"C1","name":"pki"},"message":{"type":"message","ts":"1.2","text":"x","blocks":[` + strings.Repeat(`{"type":"section","block_id":"b","text":{"type":"mrkdwn","text":"some words about a request"}},`, 20) + `{"type":"divider"}]},
		"actions":[{"type":"button","block_id":"b","action_id":"approve","value":"` + strings.Repeat("v", 400) + `","action_ts":"1.2"}]}`
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		// Each is signed as one of its own: a replay would be refused.
		body := url.Values{"payload": {payload}, "n": {strconv.Itoa(i)}}.Encode()
		now := time.Now().Unix()
		r := httptest.NewRequest(http.MethodPost, "/slack/interactivity", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now, 10))
		r.Header.Set("X-Slack-Signature", slacksim.Sign(oldSecret, now, []byte(body)))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
	if handler.clicks == 0 {
		b.Fatal("nothing reached the handler")
	}
}

package slacksim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// house is a workspace behind a real server, and a client of it.
type house struct {
	*slacksim.Workspace
	url    string
	client *slack.Client
}

func open(t *testing.T, change ...func(*slacksim.Config)) *house {
	t.Helper()
	cfg := slacksim.DefaultConfig()
	cfg.App.Shortcuts = []slacksim.Shortcut{{Name: "New", Type: "global", CallbackID: "new"}, {Name: "Look", Type: "message", CallbackID: "look"}}
	for _, f := range change {
		f(&cfg)
	}
	w, err := slacksim.New(cfg)
	require.NoError(t, err)
	srv := httptest.NewServer(w)
	t.Cleanup(func() {
		w.Close()
		srv.Close()
	})
	return &house{Workspace: w, url: srv.URL, client: slack.New(w.BotToken(),
		slack.OptionAPIURL(srv.URL+"/api/"), slack.OptionAppLevelToken(w.AppToken()))}
}

// call calls a method with a JSON body and returns the decoded answer.
func (h *house) call(t *testing.T, method, body string) map[string]any {
	t.Helper()
	resp := h.send(t, method, "application/json; charset=utf-8", h.BotToken(), body)
	defer resp.Body.Close()
	var answer map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

func (h *house) send(t *testing.T, method, contentType, token, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/api/"+method, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	return resp
}

// post posts JSON anywhere and returns status and body.
func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", bytes.NewBufferString(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

// connect opens a Socket Mode connection with slack-go and answers every
// envelope by handle; a nil payload is an empty ack.
func (h *house) connect(t *testing.T, handle func(socketmode.Event) any) {
	t.Helper()
	before := len(h.Connections())
	sm := socketmode.New(h.client)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	go func() {
		_ = sm.RunContext(ctx)
		ended <- struct{}{}
	}()
	go func() {
		defer func() { ended <- struct{}{} }()
		for {
			select {
			case evt := <-sm.Events:
				if evt.Request == nil || evt.Request.EnvelopeID == "" {
					continue
				}
				if answer := handle(evt); answer == nil {
					_ = sm.Ack(*evt.Request)
				} else {
					_ = sm.Ack(*evt.Request, answer)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	require.NoError(t, h.WaitFor(short(t), func() bool { return len(h.Connections()) > before }))
	t.Cleanup(func() {
		cancel()
		<-ended
		<-ended
	})
}

func silent(socketmode.Event) any { return nil }

func short(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

const card = `[{"type":"section","text":{"type":"mrkdwn","text":"*www.example.com*"}},
 {"type":"actions","block_id":"act","elements":[
  {"type":"button","action_id":"approve","value":"req-1","style":"primary","text":{"type":"plain_text","text":"Approve"}},
  {"type":"button","action_id":"deny","value":"req-1","style":"danger","text":{"type":"plain_text","text":"Deny"}}]}]`

const modal = `{"type":"modal","callback_id":"comment","private_metadata":"req-1","notify_on_close":true,
 "title":{"type":"plain_text","text":"Deny"},"submit":{"type":"plain_text","text":"Deny"},
 "blocks":[{"type":"input","block_id":"why","label":{"type":"plain_text","text":"Comment"},
  "element":{"type":"plain_text_input","action_id":"text","min_length":3,"max_length":20}}]}`

// postCard puts a card into #pki-approvals and returns its ts.
func (h *house) postCard(t *testing.T) string {
	t.Helper()
	answer := h.call(t, "chat.postMessage", `{"channel":"`+h.ChannelID("pki-approvals")+`","text":"request","blocks":`+card+`}`)
	require.Equal(t, true, answer["ok"], "%v", answer)
	return answer["ts"].(string)
}

func TestClickOpensAModalAndSubmissionSettlesTheCard(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("#pki-approvals")
	h.connect(t, func(evt socketmode.Event) any {
		cb, ok := evt.Data.(slack.InteractionCallback)
		if !ok {
			return nil
		}
		switch cb.Type {
		case slack.InteractionTypeBlockActions:
			var view slack.ModalViewRequest
			if json.Unmarshal([]byte(modal), &view) == nil {
				view.PrivateMetadata = cb.Container.MessageTs
				_, err := h.client.OpenView(cb.TriggerID, view)
				if err != nil {
					t.Error("open view:", err)
				}
			}
		case slack.InteractionTypeViewSubmission:
			comment := cb.View.State.Values["why"]["text"].Value
			if comment == "bad" {
				return slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "say more"})
			}
			_, _, _, err := h.client.UpdateMessage(ch, cb.View.PrivateMetadata, slack.MsgOptionText("denied: "+comment, false))
			if err != nil {
				t.Error("update:", err)
			}
		}
		return nil
	})

	ts := h.postCard(t)
	res := h.Click(t.Context(), slacksim.Click{As: "ada", Channel: "pki-approvals", TS: ts, ActionID: "deny"})
	require.True(t, res.Acknowledged, "%+v", res)
	require.Empty(t, res.Error)
	views := h.Views("ada")
	require.Len(t, views, 1)
	require.Contains(t, views[0].String(), "Comment")

	// The client refuses first, then the app, then it goes through.
	sub := h.Submit(t.Context(), "ada", views[0].ID, nil)
	require.NotEmpty(t, sub.Errors["why"])
	require.Empty(t, sub.Fate, "nothing went to the app")
	sub = h.Submit(t.Context(), "ada", views[0].ID, slacksim.Values{}.Text("why", "text", "bad"))
	require.Equal(t, map[string]string{"why": "say more"}, sub.Errors)
	sub = h.Submit(t.Context(), "ada", views[0].ID, slacksim.Values{}.Text("why", "text", "not ours"))
	require.True(t, sub.Closed, "%+v", sub)
	require.Empty(t, h.Views("ada"))
	m, ok := h.Message(ch, ts)
	require.True(t, ok)
	require.Equal(t, "denied: not ours", m.Text)
	require.Empty(t, m.Blocks, "text alone removes the blocks")
	require.NotNil(t, m.Edited)
}

package slacksim_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

func (h *house) snapshot(t *testing.T, as string) map[string]any {
	t.Helper()
	resp, err := http.Get(h.url + "/_sim/page/snapshot?as=" + h.UserID(as))
	require.NoError(t, err)
	defer resp.Body.Close()
	var s map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&s))
	return s
}

// events reads the page's stream.
func (h *house) events(t *testing.T, as string) <-chan map[string]any {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/_sim/page/events?as="+h.UserID(as), nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	events := make(chan map[string]any, 100)
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	require.True(t, lines.Scan(), "the stream begins with a comment")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e map[string]any
				if json.Unmarshal([]byte(data), &e) == nil {
					events <- e
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = resp.Body.Close()
	})
	return events
}

func (h *house) act(t *testing.T, name, body string) map[string]any {
	t.Helper()
	status, raw := post(t, h.url+"/_sim/page/"+name, body)
	require.Equal(t, http.StatusOK, status, raw)
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(raw), &answer))
	return answer
}

func TestSnapshotShowsWhatThePersonSees(t *testing.T) {
	h := open(t, func(c *slacksim.Config) { c.Title, c.Intro = "Demo", "Click." })
	ts := h.postCard(t)
	_, err := h.PostAs("ada", "pki-approvals", ts, "a reply")
	require.NoError(t, err)
	s := h.snapshot(t, "ada")
	require.Equal(t, "Demo", s["title"])
	require.Equal(t, h.UserID("ada"), s["me"])
	kinds := map[string]any{}
	for _, p := range s["people"].([]any) {
		kinds[p.(map[string]any)["name"].(string)] = p.(map[string]any)["kind"]
	}
	require.Equal(t, map[string]any{"approvebot": "bot", "ada": "member", "ben": "member", "carol": "admin", "dan": "member", "alice": "member", "bob": "member", "dora": "member", "lars": "member", "gina": "guest", "otto": "outsider", "xena": "deactivated"}, kinds)
	names := func(s map[string]any) (all []string) {
		for _, c := range s["channels"].([]any) {
			all = append(all, c.(map[string]any)["name"].(string)+"/"+c.(map[string]any)["kind"].(string))
		}
		return all
	}
	require.Contains(t, names(s), "pki-board/private")
	require.Contains(t, names(s), "/dm")
	require.Equal(t, []string{"partners-shared/channel"}, names(h.snapshot(t, "otto")))
	messages := s["messages"].(map[string]any)[h.ChannelID("pki-approvals")].([]any)
	require.Len(t, messages, 2)
	require.InDelta(t, 1, messages[0].(map[string]any)["reply_count"], 0)
	require.Equal(t, ts, messages[1].(map[string]any)["thread_ts"])
	require.Equal(t, "/archives/"+h.ChannelID("pki-approvals")+"/p"+strings.ReplaceAll(ts, ".", ""), messages[0].(map[string]any)["permalink"])
	require.Equal(t, []any{}, s["views"])
	require.Nil(t, s["home"])
}

func TestThePageClicksSubmitsAndHearsOfIt(t *testing.T) {
	h := open(t)
	h.connect(t, func(evt socketmode.Event) any {
		cb, ok := evt.Data.(slack.InteractionCallback)
		if ok && cb.Type == slack.InteractionTypeBlockActions {
			var view slack.ModalViewRequest
			if json.Unmarshal([]byte(modal), &view) == nil {
				_, _ = h.client.OpenView(cb.TriggerID, view)
			}
		}
		return nil
	})
	ada, ben := h.events(t, "ada"), h.events(t, "ben")
	ts := h.postCard(t)
	require.Equal(t, "message", (<-ben)["type"])
	e := <-ada
	require.Equal(t, h.ChannelID("pki-approvals"), e["channel"])
	require.Equal(t, ts, e["message"].(map[string]any)["ts"])

	as := `"as":"` + h.UserID("ada") + `"`
	answer := h.act(t, "click", `{`+as+`,"container":{"type":"message","channel":"`+h.ChannelID("pki-approvals")+`","ts":"`+ts+`"},"block_id":"act","action_id":"approve","state":{}}`)
	require.Equal(t, map[string]any{"ok": true}, answer)
	e = <-ada
	require.Equal(t, "views", e["type"])
	id := e["views"].([]any)[0].(map[string]any)["id"].(string)
	submit := func(value string) map[string]any {
		return h.act(t, "submit", `{`+as+`,"view_id":"`+id+`","values":{"why":{"text":{"type":"plain_text_input","value":`+value+`}}}}`)
	}
	answer = submit(`null`)
	require.Equal(t, true, answer["ok"])
	require.NotEmpty(t, answer["errors"].(map[string]any)["why"])
	require.NotEmpty(t, submit(`"no"`)["errors"].(map[string]any)["why"], "too short")
	require.NotEmpty(t, submit(`"` + strings.Repeat("x", 21) + `"`)["errors"].(map[string]any)["why"], "too long")
	answer = submit(`"fine so"`)
	require.Equal(t, map[string]any{"ok": true, "views": []any{}}, answer)
	require.Equal(t, []any{}, (<-ada)["views"])

	require.Equal(t, false, h.act(t, "click", `{`+as+`,"container":{"type":"message","channel":"x","ts":"1"},"action_id":"a"}`)["ok"])
	_, err := h.client.PostEphemeral(h.ChannelID("pki-approvals"), h.UserID("ada"), slack.MsgOptionText("psst", false))
	require.NoError(t, err)
	require.Equal(t, "ephemeral", (<-ada)["type"])
	require.NoError(t, h.DeleteMessage("pki-approvals", ts))
	require.Equal(t, "message_deleted", (<-ada)["type"])
	require.Equal(t, "message_deleted", (<-ben)["type"], "ben saw nothing of ada's modal and notice")
	require.NoError(t, h.ArchiveChannel("pki-approvals"))
	require.Equal(t, true, (<-ben)["channel"].(map[string]any)["is_archived"])
	h.Notice("hello", "info")
	require.Equal(t, "notice", (<-ben)["type"])
}

func TestTheOtherActsOfThePage(t *testing.T) {
	h := open(t, func(c *slacksim.Config) {
		c.Actions = []slacksim.Action{
			{ID: "more", Label: "One more", Run: func(_ context.Context, as string) (string, error) { return "done for " + as, nil }},
			{ID: "bad", Label: "Fails", Run: func(context.Context, string) (string, error) { return "", errors.New("it broke") }},
		}
	})
	h.connect(t, silent)
	as := `"as":"` + h.UserID("ada") + `"`
	ch := h.ChannelID("pki-approvals")
	ts := h.postCard(t)
	require.Equal(t, true, h.act(t, "message", `{`+as+`,"channel":"`+ch+`","thread_ts":"`+ts+`","text":"hm"}`)["ok"])
	require.Equal(t, false, h.act(t, "message", `{`+as+`,"channel":"`+h.ChannelID("archived-room")+`","text":"hm"}`)["ok"])
	require.Equal(t, true, h.act(t, "command", `{`+as+`,"channel":"`+ch+`","text":"/approvebot list"}`)["ok"])
	require.Equal(t, true, h.act(t, "open_home", `{`+as+`}`)["ok"])
	require.Equal(t, true, h.act(t, "shortcut", `{`+as+`,"callback_id":"look","channel":"`+ch+`","ts":"`+ts+`"}`)["ok"])
	require.Equal(t, "done for "+h.UserID("ada"), h.act(t, "action", `{`+as+`,"id":"more"}`)["text"])
	require.Equal(t, "it broke", h.act(t, "action", `{`+as+`,"id":"bad"}`)["error"])
	require.Equal(t, false, h.act(t, "action", `{`+as+`,"id":"none"}`)["ok"])
	h.openModal(t, h.approve(t, "ada", ts).TriggerID)
	require.Equal(t, []any{}, h.act(t, "close", `{`+as+`,"view_id":"`+h.Views("ada")[0].ID+`","clear":false}`)["views"])
	status, _ := post(t, h.url+"/_sim/page/click", `{`)
	require.Equal(t, http.StatusBadRequest, status)
}

func TestThePageIsServedWithoutTheOutsideWorld(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/", "/static/app.js", "/healthz", "/avatar/U0ADA/24.png"} {
		resp, err := http.Get(h.url + path)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		if path == "/" {
			require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'self'")
			require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/_sim/page/action", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Origin", "https://elsewhere.example.com")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, http.StatusForbidden, resp.StatusCode, "other sites' pages cannot act here")
}

func TestWaitForEndsWithItsContextAndWithTheWorkspace(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.WaitFor(ctx, func() bool { return false }), context.Canceled)
	h.Close()
	require.ErrorContains(t, h.WaitFor(t.Context(), func() bool { return false }), "closed")
}

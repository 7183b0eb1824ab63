package slacksim_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (h *house) approve(t *testing.T, as, ts string) slacksim.Result {
	t.Helper()
	return h.Click(t.Context(), slacksim.Click{As: as, Channel: "pki-approvals", TS: ts, ActionID: "approve"})
}

func (h *house) openModal(t *testing.T, trigger string) map[string]any {
	t.Helper()
	return h.call(t, "views.open", `{"trigger_id":"`+trigger+`","view":`+modal+`}`)
}

func TestTheThreeErrorsOfTriggers(t *testing.T) {
	at := newClock()
	h := open(t, func(c *slacksim.Config) { c.Now = at.Now })
	h.connect(t, silent)
	ts := h.postCard(t)
	require.Equal(t, "invalid_trigger_id", h.openModal(t, "1.2.abc")["error"])
	res := h.approve(t, "ada", ts)
	require.Regexp(t, `^\d+\.\d+\.[0-9a-f]+$`, res.TriggerID)
	require.Equal(t, true, h.openModal(t, res.TriggerID)["ok"])
	require.Equal(t, "exchanged_trigger_id", h.openModal(t, res.TriggerID)["error"])
	res = h.approve(t, "ada", ts)
	at.add(3*time.Second + time.Millisecond)
	require.Equal(t, "expired_trigger_id", h.openModal(t, res.TriggerID)["error"])
}

func TestStackHashAndExternalID(t *testing.T) {
	h := open(t)
	h.connect(t, silent)
	res := h.approve(t, "ada", h.postCard(t))
	view := func(extra string) string {
		return `{"type":"modal","title":{"type":"plain_text","text":"T"},"submit":{"type":"plain_text","text":"S"}` + extra + `,"blocks":[
		 {"type":"actions","block_id":"more","elements":[{"type":"button","action_id":"more","text":{"type":"plain_text","text":"More"}}]},
		 {"type":"input","block_id":"why","optional":true,"label":{"type":"plain_text","text":"L"},"element":{"type":"plain_text_input","action_id":"text","initial_value":"begin"}}]}`
	}
	require.Equal(t, "invalid_trigger_id", h.call(t, "views.push", `{"trigger_id":"`+res.TriggerID+`","view":`+view("")+`}`)["error"], "push needs a modal")
	res = h.approve(t, "ada", h.postCard(t))
	opened := h.call(t, "views.open", `{"trigger_id":"`+res.TriggerID+`","view":`+view(`,"external_id":"x"`)+`}`)["view"].(map[string]any)
	id := opened["id"].(string)

	// What was typed survives an update where both ids stay.
	click := h.ClickView(t.Context(), slacksim.Click{As: "ada", View: id, ActionID: "more", State: slacksim.Values{}.Text("why", "text", "typed")})
	require.True(t, click.Acknowledged, "%+v", click)
	update := func(args string) map[string]any {
		return h.call(t, "views.update", `{"view":`+view("")+`,`+args+`}`)
	}
	require.Equal(t, "hash_conflict", update(`"view_id":"` + id + `","hash":"1.old"`)["error"])
	updated := update(`"external_id":"x","hash":"` + opened["hash"].(string) + `"`)
	require.Equal(t, true, updated["ok"], "%v", updated)
	require.NotEqual(t, opened["hash"], updated["view"].(map[string]any)["hash"])
	require.Equal(t, "typed", h.Views("ada")[0].Values["why"]["text"]["value"])
	require.Equal(t, "not_found", update(`"external_id":"x"`)["error"], "the update took the external id away")

	for range 2 {
		top := h.Views("ada")
		click = h.ClickView(t.Context(), slacksim.Click{As: "ada", View: top[len(top)-1].ID, ActionID: "more"})
		pushed := h.call(t, "views.push", `{"trigger_id":"`+click.TriggerID+`","view":`+view("")+`}`)
		require.Equal(t, true, pushed["ok"], "%v", pushed)
		require.Equal(t, id, pushed["view"].(map[string]any)["root_view_id"])
	}
	stack := h.Views("ada")
	require.Len(t, stack, 3)
	click = h.ClickView(t.Context(), slacksim.Click{As: "ada", View: stack[2].ID, ActionID: "more"})
	require.Equal(t, "push_limit_reached", h.call(t, "views.push", `{"trigger_id":"`+click.TriggerID+`","view":`+view("")+`}`)["error"])
	require.Equal(t, "another view lies on top of this one", h.Submit(t.Context(), "ada", id, nil).Error)
	require.Len(t, h.Submit(t.Context(), "ada", stack[2].ID, nil).Views, 2, "a submission closes the top one")
	require.Empty(t, h.CloseView(t.Context(), "ada", stack[1].ID, true).Error)
	require.Empty(t, h.Views("ada"))
	require.Equal(t, "not_found", update(`"view_id":"` + id + `"`)["error"])
}

func TestAnswersToASubmission(t *testing.T) {
	var answer atomic.Pointer[json.RawMessage]
	h := open(t)
	h.connect(t, func(evt socketmode.Event) any {
		if cb, ok := evt.Data.(slack.InteractionCallback); ok && cb.Type == slack.InteractionTypeViewSubmission {
			return *answer.Load()
		}
		return nil
	})
	ts := h.postCard(t)
	submit := func(a string) slacksim.SubmitResult {
		raw := json.RawMessage(a)
		answer.Store(&raw)
		for _, v := range h.Views("ada") {
			h.CloseView(t.Context(), "ada", v.ID, true)
		}
		require.Equal(t, true, h.openModal(t, h.approve(t, "ada", ts).TriggerID)["ok"])
		return h.Submit(t.Context(), "ada", h.Views("ada")[0].ID, slacksim.Values{}.Text("why", "text", "a comment"))
	}
	res := submit(`{"response_action":"errors","errors":{"why":"more"}}`)
	require.Equal(t, "more", res.Errors["why"])
	require.Len(t, res.Views, 1)
	require.NotEmpty(t, submit(`{"response_action":"errors","errors":{"text":"keyed by action"}}`).Error)
	res = submit(`{"response_action":"update","view":` + modal + `}`)
	require.Empty(t, res.Error)
	require.Len(t, res.Views, 1)
	require.Len(t, submit(`{"response_action":"push","view":`+modal+`}`).Views, 2)
	require.True(t, submit(`{"response_action":"clear"}`).Closed)
	require.NotEmpty(t, submit(`{"response_action":"update","view":{"type":"modal"}}`).Error)
	require.NotEmpty(t, submit(`{"response_action":"dance"}`).Error)
	require.True(t, submit(`{}`).Closed)
}

func TestClosingTellsTheAppOnlyWhenAsked(t *testing.T) {
	h := open(t)
	closed := make(chan slack.InteractionCallback, 1)
	h.connect(t, func(evt socketmode.Event) any {
		if cb, ok := evt.Data.(slack.InteractionCallback); ok && cb.Type == slack.InteractionTypeViewClosed {
			closed <- cb
		}
		return nil
	})
	require.Equal(t, true, h.openModal(t, h.approve(t, "ada", h.postCard(t)).TriggerID)["ok"])
	require.True(t, h.CloseView(t.Context(), "ada", h.Views("ada")[0].ID, false).Acknowledged)
	cb := <-closed
	require.Equal(t, "req-1", cb.View.PrivateMetadata)
	require.False(t, cb.IsCleared)
}

func TestThePayloadOfAClick(t *testing.T) {
	h := open(t)
	got := make(chan []byte, 4)
	h.connect(t, func(evt socketmode.Event) any {
		got <- evt.Request.Payload
		return nil
	})
	ts := h.postCard(t)
	stale, _ := h.Message("pki-approvals", ts)
	res := h.approve(t, "gina", ts)
	require.True(t, res.Acknowledged)
	require.Positive(t, res.Took)
	var p map[string]any
	require.NoError(t, json.Unmarshal(<-got, &p))
	require.Equal(t, map[string]any{"id": h.UserID("gina"), "username": "gina", "name": "gina", "team_id": "T0EXAMPLE"}, p["user"])
	require.Equal(t, map[string]any{"type": "message", "message_ts": ts, "channel_id": h.ChannelID("pki-approvals"), "is_ephemeral": false}, p["container"])
	action := p["actions"].([]any)[0].(map[string]any)
	require.Equal(t, "req-1", action["value"])
	require.Equal(t, "act", action["block_id"])
	require.Equal(t, "primary", action["style"])
	require.Equal(t, ts, p["message"].(map[string]any)["ts"])
	require.Equal(t, h.url+"/actions/T0EXAMPLE/", p["response_url"].(string)[:len(h.url)+19])

	// An old client still shows the buttons after they are gone.
	_, _, _, err := h.client.UpdateMessage(h.ChannelID("pki-approvals"), ts, slack.MsgOptionText("settled", false))
	require.NoError(t, err)
	require.Equal(t, "this button is gone", h.approve(t, "ada", ts).Error)
	res = h.Click(t.Context(), slacksim.Click{As: "ada", Channel: "pki-approvals", TS: ts, ActionID: "approve", Message: &stale})
	require.True(t, res.Acknowledged)
	require.Contains(t, string(<-got), `"style":"primary"`)
	res = h.Click(t.Context(), slacksim.Click{As: "ada", Channel: "pki-approvals", TS: ts, ActionID: "approve", Value: "forged"})
	require.True(t, res.Acknowledged)
	require.Contains(t, string(<-got), `"value":"forged"`)
}

func TestWhoCanClick(t *testing.T) {
	h := open(t)
	h.connect(t, silent)
	ts := h.postCard(t)
	require.NotEmpty(t, h.approve(t, "xena", ts).Error, "deactivated")
	require.NotEmpty(t, h.approve(t, "otto", ts).Error, "an outsider sees shared channels only")
	require.NotEmpty(t, h.approve(t, "approvebot", ts).Error, "bots cannot")
	require.NotEmpty(t, h.approve(t, "nobody", ts).Error)
	require.Empty(t, h.Deliveries())
	answer := h.call(t, "chat.postMessage", `{"channel":"`+h.ChannelID("partners-shared")+`","text":"x","blocks":`+card+`}`)
	require.True(t, h.Click(t.Context(), slacksim.Click{As: "otto", Channel: "partners-shared", TS: answer["ts"].(string), ActionID: "approve"}).Acknowledged)
	require.Contains(t, h.Command(t.Context(), "otto", "partners-shared", "/approvebot").Error, "only for members")
}

func TestResponseURL(t *testing.T) {
	at := newClock()
	h := open(t, func(c *slacksim.Config) { c.Now = at.Now })
	h.connect(t, silent)
	ch, ts := h.ChannelID("pki-approvals"), h.postCard(t)
	link := h.approve(t, "ada", ts).ResponseURL
	status, body := post(t, link, `{"text":"to you"}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok", body)
	require.Equal(t, "to you", h.Ephemerals("ada")[0].Text)
	_, _ = post(t, link, `{"response_type":"in_channel","text":"to all"}`)
	require.Len(t, h.Messages(ch), 2)
	_, body = post(t, link, `{"delete_original":true,"text":"both"}`)
	require.Contains(t, body, "invalid_arguments")
	_, _ = post(t, link, `{"replace_original":true,"text":"replaced","blocks":`+card+`}`)
	m, _ := h.Message(ch, ts)
	require.Equal(t, "replaced", m.Text)
	_, _ = post(t, link, `{"delete_original":true}`)
	_, there := h.Message(ch, ts)
	require.False(t, there)
	status, body = post(t, link, `{"text":"a sixth"}`)
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "used_url")

	// Ephemeral messages change by the click's response URL only.
	whisper, err := h.client.PostEphemeral(ch, h.UserID("ada"), slack.MsgOptionText("sure?", false), slack.MsgOptionBlocks(
		slack.NewActionBlock("b", slack.NewButtonBlockElement("yes", "v", slack.NewTextBlockObject("plain_text", "Yes", false, false)))))
	require.NoError(t, err)
	click := h.Click(t.Context(), slacksim.Click{As: "ada", Channel: ch, TS: whisper, ActionID: "yes"})
	_, _ = post(t, click.ResponseURL, `{"replace_original":true,"text":"done"}`)
	require.Equal(t, "done", h.Ephemerals("ada")[1].Text)
	_, _ = post(t, click.ResponseURL, `{"delete_original":true}`)
	require.Len(t, h.Ephemerals("ada"), 1)
	at.add(30*time.Minute + time.Second)
	status, body = post(t, click.ResponseURL, `{"text":"late"}`)
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "expired_url")
}

func TestSlashCommands(t *testing.T) {
	h := open(t)
	var answer atomic.Pointer[map[string]any]
	h.connect(t, func(evt socketmode.Event) any {
		if cmd, ok := evt.Data.(slack.SlashCommand); ok && cmd.Text == "fail" {
			return map[string]any{"text": "x", "blocks": []any{map[string]any{"type": "marquee"}}}
		}
		if a := answer.Load(); a != nil {
			return *a
		}
		return nil
	})
	require.Contains(t, h.Command(t.Context(), "ada", "general", "/other x").Error, "is not a command")
	res := h.Command(t.Context(), "ada", "general", "/approvebot")
	require.True(t, res.Acknowledged)
	require.Empty(t, h.Ephemerals("ada"))
	answer.Store(&map[string]any{"text": "nothing waits"})
	res = h.Command(t.Context(), "ada", "general", "/approvebot  list all")
	require.Empty(t, res.Error)
	require.Equal(t, res.TS, h.Ephemerals("ada")[0].TS)
	answer.Store(&map[string]any{"response_type": "in_channel", "text": "look"})
	h.Command(t.Context(), "ada", "general", "/approvebot list")
	all := h.Messages("general")
	require.Equal(t, "/approvebot list", all[0].Text)
	require.Equal(t, "look", all[1].Text)
	require.NotEmpty(t, h.Command(t.Context(), "ada", "general", "/approvebot fail").Error)
	status, _ := post(t, res.ResponseURL, `{"text":"later"}`)
	require.Equal(t, http.StatusOK, status)
}

func TestHomeAndShortcuts(t *testing.T) {
	h := open(t)
	got := make(chan []byte, 8)
	h.connect(t, func(evt socketmode.Event) any {
		got <- evt.Request.Payload
		return nil
	})
	require.True(t, h.OpenHome(t.Context(), "ada").Acknowledged)
	first := string(<-got)
	require.Contains(t, first, `"tab":"home"`)
	require.NotContains(t, first, `"view":`)
	home := `{"type":"home","blocks":[{"type":"actions","elements":[{"type":"button","action_id":"go","text":{"type":"plain_text","text":"Go"}}]}]}`
	published := h.call(t, "views.publish", `{"user_id":"`+h.UserID("ada")+`","view":`+home+`}`)
	require.Equal(t, true, published["ok"], "%v", published)
	require.Equal(t, "hash_conflict", h.call(t, "views.publish", `{"user_id":"`+h.UserID("ada")+`","hash":"0","view":`+home+`}`)["error"])
	h.OpenHome(t.Context(), "ada")
	require.Contains(t, string(<-got), `"view":`)
	require.True(t, h.ClickView(t.Context(), slacksim.Click{As: "ada", ActionID: "go"}).Acknowledged)
	require.Contains(t, string(<-got), `"type":"home"`)
	_, ok := h.HomeOf("ben")
	require.False(t, ok)

	require.True(t, h.Shortcut(t.Context(), "ada", "new", "", "").Acknowledged)
	require.Contains(t, string(<-got), `"type":"shortcut"`)
	require.True(t, h.Shortcut(t.Context(), "ada", "look", "pki-approvals", h.postCard(t)).Acknowledged)
	require.Contains(t, string(<-got), `"type":"message_action"`)
	require.NotEmpty(t, h.Shortcut(t.Context(), "ada", "none", "", "").Error)
}

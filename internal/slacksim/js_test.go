package slacksim_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// script is clients.mjs in one of its modes.
type script struct {
	t     *testing.T
	lines chan map[string]any
}

// runJS starts one of Slack's JavaScript clients. It skips the test where Node
// or the packages are missing; "npm ci" in jstest installs them.
func runJS(t *testing.T, h *house, mode string) *script {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	if _, err := os.Stat("jstest/node_modules/@slack/bolt"); err != nil {
		t.Skip("run npm ci in internal/slacksim/jstest first")
	}
	cmd := exec.CommandContext(t.Context(), node, "clients.mjs", mode)
	cmd.Dir = "jstest"
	cmd.Env = append(os.Environ(),
		"SLACK_API_URL="+h.url+"/api/", "SLACK_BOT_TOKEN="+h.BotToken(), "SLACK_APP_TOKEN="+h.AppToken(), "SLACK_SIGNING_SECRET="+h.SigningSecret(),
		"CHANNEL="+h.ChannelID("pki-approvals"), "USER="+h.UserID("ada"), "NODE_ENV=test")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	s := &script{t: t, lines: make(chan map[string]any, 100)}
	go func() {
		defer close(s.lines)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			var line map[string]any
			if json.Unmarshal(scan.Bytes(), &line) == nil {
				s.lines <- line
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		for range s.lines { // until it has ended
		}
		_ = cmd.Wait()
	})
	return s
}

// next waits for a line of that name.
func (s *script) next(what string) map[string]any {
	s.t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			require.True(s.t, ok, "the script ended before it said %q", what)
			require.NotEqual(s.t, "error", line["what"], "%v", line)
			if line["what"] == what {
				return line
			}
		case <-late:
			require.Fail(s.t, "the script never said "+what)
		}
	}
}

func TestSlacksOwnWebClient(t *testing.T) {
	h := open(t)
	got := runJS(t, h, "web").next("web")
	require.Equal(t, h.AppInfo().UserID, got["user"])
	require.Contains(t, got["scopes"], "chat:write")
	require.Equal(t, "settled", got["text"])
	require.Equal(t, map[string]any{"event_type": "approval_requested", "event_payload": map[string]any{"id": "req-1"}}, got["metadata"])
	require.Contains(t, got["permalink"], h.url+"/archives/")
	require.Equal(t, "ada@example.com", got["email"])
	require.InDelta(t, 2, got["groups"], 0)
	require.Len(t, got["channels"], 8)
	refused := got["refused"].(map[string]any)
	require.Equal(t, "invalid_blocks", refused["error"])
	require.Contains(t, refused["messages"].([]any)[0], "must be less than 151 characters [json-pointer:/blocks/0/text/text]")
	require.Equal(t, "invalid_trigger_id", got["late"])
}

func TestSlacksOwnSocketClient(t *testing.T) {
	h := open(t)
	js := runJS(t, h, "socket")
	js.next("connected")
	require.True(t, h.approve(t, "ada", h.postCard(t)).Acknowledged)
	require.Equal(t, "req-1", js.next("interactive")["value"])
	require.True(t, h.Command(t.Context(), "ada", "general", "/approvebot hello").Acknowledged)
	require.Equal(t, "you said hello", h.Ephemerals("ada")[0].Text)
	require.True(t, h.OpenHome(t.Context(), "ada").Acknowledged)
	require.Equal(t, "home", js.next("event")["tab"])

	// It comes back after a disconnect.
	before := h.Connections()[0].ID
	h.Disconnect("link_disabled")
	require.NoError(t, h.WaitFor(short(t), func() bool {
		open := h.Connections()
		return len(open) == 1 && open[0].ID != before
	}))
	require.True(t, h.approve(t, "ada", h.postCard(t)).Acknowledged)
}

// converse goes the whole way with a Bolt app.
func converse(t *testing.T, h *house, js *script) {
	t.Helper()
	res := h.approve(t, "ada", h.postCard(t))
	require.True(t, res.Acknowledged, "%+v", res)
	js.next("action")
	require.Equal(t, "a moment", h.Ephemerals("ada")[0].Text)
	view := h.Views("ada")[0]
	sub := h.Submit(t.Context(), "ada", view.ID, slacksim.Values{}.Text("why", "text", "bad"))
	require.Equal(t, "say more", sub.Errors["why"])
	sub = h.Submit(t.Context(), "ada", view.ID, slacksim.Values{}.Text("why", "text", "fine"))
	require.True(t, sub.Closed, "%+v", sub)
	require.Empty(t, h.Command(t.Context(), "ada", "general", "/approvebot hello").Error)
	require.Equal(t, "you said hello", h.Ephemerals("ada")[1].Text)
	require.True(t, h.OpenHome(t.Context(), "ada").Acknowledged)
	js.next("home")
	_, ok := h.HomeOf("ada")
	require.True(t, ok)
}

func TestBoltOverTheSocket(t *testing.T) {
	h := open(t)
	js := runJS(t, h, "bolt-socket")
	js.next("connected")
	converse(t, h, js)
}

func TestBoltOverHTTP(t *testing.T) {
	h := open(t)
	js := runJS(t, h, "bolt-http")
	port := js.next("connected")["port"]
	h.SetRequestURL(fmt.Sprintf("http://127.0.0.1:%.0f", port))
	_, err := h.VerifyURL(t.Context())
	require.NoError(t, err)
	converse(t, h, js)

	require.NoError(t, h.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "deliver.*", Kind: slacksim.WrongSignature}}}))
	res := h.approve(t, "ada", h.postCard(t))
	require.Equal(t, slacksim.Refused, res.Fate)
	require.Equal(t, 401, res.Status)
}

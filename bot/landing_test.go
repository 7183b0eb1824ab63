package bot_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// A call that a crash cut us off from may have its effect after we came back and
// looked. So a mark must be some seconds old before a call is made again, and
// every further call counts from its own mark.
func TestEarlierCallIsGivenTimeToLand(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	workspace, err := slacksim.New(slacksim.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(workspace.Close)
	server := httptest.NewServer(workspace)
	t.Cleanup(server.Close)
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), store.Options{Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	id := approval.ID("workflow:00000000-0000-4000-8000-000000000001/step")
	waiting := request(id, 1)
	queue := &queue{waiting: map[approval.ID]approval.Request{id: waiting}, outcome: map[approval.ID]approval.Outcome{}, counted: map[approval.ID]bool{}}
	b, err := bot.New(bot.Config{
		Store: st, Sources: []approval.Source{queue}, Keys: [][]byte{bytes.Repeat([]byte("k"), 32)}, Log: zaptest.NewLogger(t), Now: clock,
		Slack: slack.New(workspace.BotToken(), slack.OptionAPIURL(server.URL+"/api/"), slack.OptionHTTPClient(&http.Client{Timeout: 5 * time.Second})),
		Route: func(string) (bot.Route, bool) {
			return bot.Route{Name: "all", Groups: []string{"@pki-approvers"}}, true
		},
	})
	require.NoError(t, err)
	_, err = st.Appear(t.Context(), waiting, store.Placement{Route: "all", Channels: []string{"#pki-approvals"}})
	require.NoError(t, err)
	decision := approval.Decision{ID: "d1", Request: id, Verdict: approval.Approve, By: approval.Person{ID: "U0ADA", Name: "Ada"}, At: now, Digest: waiting.Digest(), Channel: "C1"}
	reply := store.Reply{Key: "decided:d1", Body: []byte(`{"text":"Ada decided."}`)}

	for _, call := range []struct {
		name  string
		make  func(context.Context) error
		marks func()
		calls func() int
		lost  func() // the next call leaves no trace, and its maker does not know
	}{
		{
			"card", func(ctx context.Context) error { return b.Post(ctx, "#pki-approvals") },
			func() { _, _, err := st.StartPost(t.Context(), id, "#pki-approvals"); require.NoError(t, err) },
			func() int { return workspace.CallCount("chat.postMessage") },
			func() { loseOne(t, workspace) },
		}, {
			"reply", func(ctx context.Context) error { return b.Reply(ctx, id, "#pki-approvals", reply.Key) },
			func() {
				require.NoError(t, st.Decide(t.Context(), decision, reply))
				_, _, err := st.StartReply(t.Context(), id, "#pki-approvals", reply.Key)
				require.NoError(t, err)
			},
			func() int { return workspace.CallCount("chat.postMessage") },
			func() { loseOne(t, workspace) },
		}, {
			"signal", func(ctx context.Context) error { return b.Signal(ctx, decision.ID) },
			func() { _, _, err := st.StartSignal(t.Context(), decision.ID); require.NoError(t, err) },
			func() int { return len(queue.signals()) },
			func() {
				queue.onSend = func(approval.Decision) (bool, error) {
					queue.onSend = nil
					return false, approval.ErrMaybe
				}
			},
		},
	} {
		t.Run(call.name, func(t *testing.T) {
			call.marks()
			before := call.calls()
			requireWait(t, call.make(t.Context()))
			require.Equal(t, before, call.calls(), "the mark is fresh: whoever set it may still be heard")

			now = now.Add(6 * time.Second)
			call.lost()
			require.Error(t, call.make(t.Context()))
			require.Equal(t, before+1, call.calls(), "nothing has come of it")

			requireWait(t, call.make(t.Context()))
			require.Equal(t, before+1, call.calls(), "the second call counts from its own mark")

			now = now.Add(6 * time.Second)
			require.NoError(t, call.make(t.Context()))
			require.Equal(t, before+2, call.calls())
		})
	}
	require.Len(t, workspace.Messages("#pki-approvals"), 2, "one card and one reply")
}

func loseOne(t *testing.T, w *slacksim.Workspace) {
	t.Helper()
	require.NoError(t, w.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "chat.postMessage", Kind: slacksim.CutBefore, Count: 1}}}))
}

// requireWait wants an error that says when to come back.
func requireWait(t *testing.T, err error) {
	t.Helper()
	var later approval.RetryAfter
	require.ErrorAs(t, err, &later)
	require.Greater(t, later.RetryAfter(), time.Second)
}

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
	t.Parallel()
	w := newStill(t)
	st, b, workspace, queue, id := w.store, w.bot, w.slack, w.queue, w.id
	decision := approval.Decision{ID: "d1", Request: id, Verdict: approval.Approve, By: approval.Person{ID: "U0ADA", Name: "Ada"}, At: w.now, Digest: request(id, 1).Digest(), Channel: "C1"}
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

			w.now = w.now.Add(6 * time.Second)
			call.lost()
			require.Error(t, call.make(t.Context()))
			require.Equal(t, before+1, call.calls(), "nothing has come of it")

			requireWait(t, call.make(t.Context()))
			require.Equal(t, before+1, call.calls(), "the second call counts from its own mark")

			w.now = w.now.Add(6 * time.Second)
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

// An update that a crash cut us off from may overwrite the one that came after it.
// So a card that was being drawn is drawn at once, and once more when that cannot happen any more.
func TestCutOffUpdateIsOverwritten(t *testing.T) {
	t.Parallel()
	w := newStill(t)
	require.NoError(t, w.bot.Post(t.Context(), "#pki-approvals"))
	_, err := w.store.Settle(t.Context(), w.id, approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere})
	require.NoError(t, err)
	earlier, err := w.store.MarkDraw(t.Context(), w.id, "#pki-approvals", w.now)
	require.NoError(t, err)
	require.Zero(t, earlier)

	requireWait(t, w.bot.Refresh(t.Context(), w.id, "#pki-approvals"))
	require.Equal(t, 1, w.slack.CallCount("chat.update"), "people see the truth at once")
	requireWait(t, w.bot.Refresh(t.Context(), w.id, "#pki-approvals"))

	w.now = w.now.Add(6 * time.Second)
	require.NoError(t, w.bot.Refresh(t.Context(), w.id, "#pki-approvals"))
	require.Equal(t, 3, w.slack.CallCount("chat.update"))
	require.NoError(t, w.bot.Refresh(t.Context(), w.id, "#pki-approvals"))
	require.Equal(t, 3, w.slack.CallCount("chat.update"), "now it counts")

	earlier, err = w.store.MarkDraw(t.Context(), w.id, "#pki-approvals", time.Time{})
	require.NoError(t, err)
	require.Zero(t, earlier, "a draw whose end is known leaves no mark")
}

// A clock that is set back makes nobody wait until it has caught up.
func TestClockThatIsSetBackDelaysNothing(t *testing.T) {
	t.Parallel()
	w := newStill(t)
	_, _, err := w.store.StartPost(t.Context(), w.id, "#pki-approvals")
	require.NoError(t, err)
	w.now = w.now.Add(-time.Hour)
	require.NoError(t, w.bot.Post(t.Context(), "#pki-approvals"))
	require.Len(t, w.slack.Messages("#pki-approvals"), 1)
}

// still is a world in which nothing happens by itself, not even time.
type still struct {
	now   time.Time
	slack *slacksim.Workspace
	store *store.Store
	queue *queue
	bot   *bot.Bot
	id    approval.ID // a request that waits, whose card is not posted
}

func newStill(t *testing.T) *still {
	t.Helper()
	w := &still{now: time.Now(), id: "workflow:00000000-0000-4000-8000-000000000001/step"}
	clock := func() time.Time { return w.now }
	var err error
	w.slack, err = slacksim.New(slacksim.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(w.slack.Close)
	server := httptest.NewServer(w.slack)
	t.Cleanup(server.Close)
	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), store.Options{Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	waiting := request(w.id, 1)
	w.queue = &queue{waiting: map[approval.ID]approval.Request{w.id: waiting}, outcome: map[approval.ID]approval.Outcome{}, counted: map[approval.ID]bool{}}
	w.bot, err = bot.New(bot.Config{
		Store: w.store, Sources: func() []approval.Source { return []approval.Source{w.queue} }, Keys: func() [][]byte { return [][]byte{bytes.Repeat([]byte("k"), 32)} }, Log: zaptest.NewLogger(t), Now: clock,
		Slack: slack.New(w.slack.BotToken(), slack.OptionAPIURL(server.URL+"/api/"), slack.OptionHTTPClient(&http.Client{Timeout: 5 * time.Second})),
		Rule: func(string) (approval.Rule, bool) {
			return approval.Rule{Route: "all", Groups: []string{"@pki-approvers"}}, true
		},
	})
	require.NoError(t, err)
	_, err = w.store.Appear(t.Context(), waiting, store.Placement{Route: "all", Channels: []string{"#pki-approvals"}})
	require.NoError(t, err)
	return w
}

// requireWait wants an error that says when to come back.
func requireWait(t *testing.T, err error) {
	t.Helper()
	var later approval.RetryAfter
	require.ErrorAs(t, err, &later)
	require.Greater(t, later.RetryAfter(), time.Second)
}

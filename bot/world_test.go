package bot_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/jobs"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// queue is a source with a memory: what waits, what was sent, and what goes wrong.
type queue struct {
	mu       sync.Mutex
	waiting  map[approval.ID]approval.Request
	outcome  map[approval.ID]approval.Outcome
	sent     []approval.Decision
	onLook   func(approval.ID) error
	onSend   func(approval.Decision) (applied bool, err error) // nil: applied, no error
	counted  map[approval.ID]bool
	keepOpen bool // a signal is counted but the request goes on waiting
}

func (q *queue) Kind() approval.Kind { return approval.Workflow }

func (q *queue) List(context.Context) iter.Seq2[approval.Item, error] {
	return func(func(approval.Item, error) bool) {}
}

func (q *queue) Look(_ context.Context, id approval.ID) (approval.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.onLook != nil {
		if err := q.onLook(id); err != nil {
			return approval.Standing{}, err
		}
	}
	if r, ok := q.waiting[id]; ok {
		return approval.Standing{Waiting: true, Request: r}, nil
	}
	o, ok := q.outcome[id]
	if !ok {
		o = approval.Outcome{State: approval.Closed, Reason: approval.Gone}
	}
	return approval.Standing{Outcome: o}, nil
}

func (q *queue) Counted(_ context.Context, id approval.ID) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counted[id], nil
}

func (q *queue) Send(_ context.Context, d approval.Decision) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent = append(q.sent, d)
	applied, err := true, error(nil)
	if q.onSend != nil {
		applied, err = q.onSend(d)
	}
	if applied {
		q.apply(d)
	}
	return err
}

func (q *queue) apply(d approval.Decision) {
	q.counted[d.Request] = true
	if q.keepOpen {
		return
	}
	delete(q.waiting, d.Request)
	q.outcome[d.Request] = approval.Outcome{State: d.Verdict.State(), Reason: approval.DecidedElsewhere, Message: "Issued"}
}

func (q *queue) signals() []approval.Decision {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]approval.Decision(nil), q.sent...)
}

func (q *queue) change(do func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	do()
}

// world is a workspace, a source, a store, and the bot between them.
type world struct {
	*testing.T
	slack  *slacksim.Workspace
	queue  *queue
	store  *store.Store
	bot    *bot.Bot
	rule   approval.Rule
	rules  []approval.Rule // of further routes
	socket *bot.Socket
}

type options struct {
	http  bool
	slack func(*slacksim.Config)
	rule  func(*approval.Rule)
	now   func() time.Time
	// directory is whom Keyfactor's names belong to; by default alice is nobody in Slack.
	directory approval.Directory
	bot       func(*bot.Config)
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{T: t, queue: &queue{waiting: map[approval.ID]approval.Request{}, outcome: map[approval.ID]approval.Outcome{}, counted: map[approval.ID]bool{}}}
	log := zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	w.rule = approval.Rule{Route: "all", Groups: []string{"@pki-approvers"}, Approve: approval.CommentRule{Need: approval.CommentOptional}, Deny: approval.CommentRule{Need: approval.CommentRequired}}
	if o.directory.Map == nil && o.directory.Templates == nil {
		o.directory.NotInSlack = []string{`EXAMPLE\alice`}
	}
	if o.rule != nil {
		o.rule(&w.rule)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	sc := slacksim.DefaultConfig()
	if o.http {
		sc.RequestURL = server.URL
	}
	if o.slack != nil {
		o.slack(&sc)
	}
	var err error
	w.slack, err = slacksim.New(sc)
	require.NoError(t, err)
	t.Cleanup(w.slack.Close)
	slackServer := httptest.NewServer(w.slack)
	t.Cleanup(slackServer.Close)

	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), store.Options{Log: log, Now: o.now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })

	api := slack.New(w.slack.BotToken(), slack.OptionAPIURL(slackServer.URL+"/api/"), slack.OptionAppLevelToken(w.slack.AppToken()),
		slack.OptionHTTPClient(&http.Client{Timeout: 5 * time.Second}))
	c := bot.Config{
		Store: w.store, Slack: api, Sources: func() []approval.Source { return []approval.Source{w.queue} }, Admins: func() bot.Team { return bot.Team{Groups: []string{"@pki-admins"}} }, Directory: func() approval.Directory { return o.directory },
		Filter: func(wanted map[string]string) (func(approval.Request) bool, error) {
			return func(r approval.Request) bool { return wanted["type"] == "" || r.Type == wanted["type"] }, nil
		},
		Explain: func(approval.Request) []blocks.ExplainRoute {
			return []blocks.ExplainRoute{{Name: w.rule.Route, Taken: true}}
		}, Keys: func() [][]byte { return [][]byte{bytes.Repeat([]byte("k"), 32)} }, Log: log, Now: o.now,
		Rules: func() []approval.Rule { return []approval.Rule{w.rule} },
		Rule:  w.ruleOf, HomeEvery: 20 * time.Millisecond,
	}
	if o.bot != nil {
		o.bot(&c)
	}
	w.bot, err = bot.New(c)
	require.NoError(t, err)
	require.NoError(t, w.bot.Identify(t.Context()))

	schedule, err := config.ParseSchedule("@every 1h")
	require.NoError(t, err)
	runner, err := jobs.New(jobs.Config{Store: w.store, Schedule: schedule, Log: log, Work: jobs.Work{
		Poll: func(context.Context) error { return nil },
		Post: w.bot.Post, Refresh: w.bot.Refresh, Reply: w.bot.Reply, Signal: w.bot.Signal,
	}})
	require.NoError(t, err)
	require.NoError(t, runner.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() {
		w.bot.Wait()
		require.NoError(t, runner.Stop(context.WithoutCancel(t.Context())))
	})
	if o.http {
		bot.NewHTTP(w.bot, func() []secret.String { return []secret.String{secret.New(w.slack.SigningSecret())} }, log).Register(mux)
		return w
	}
	w.socket = bot.NewSocket(w.bot, api, log)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); w.socket.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	w.await("a link to Slack", func() bool { return len(w.slack.Connections()) == 1 })
	return w
}

func (w *world) ruleOf(name string) (approval.Rule, bool) {
	for _, r := range append([]approval.Rule{w.rule}, w.rules...) {
		if r.Route == name {
			return r, true
		}
	}
	return approval.Rule{}, false
}

// await waits until the workspace, the source and the store are as they should be.
func (w *world) await(what string, ok func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		// The store does not tell of changes; the workspace does.
		tick, stop := context.WithTimeout(ctx, 20*time.Millisecond)
		_ = w.slack.WaitFor(tick, ok)
		stop()
		if ctx.Err() != nil {
			w.Fatalf("waited in vain for %s\nchannel: %v\nephemeral to ada: %v", what, texts(w.slack.Messages("#pki-approvals")), texts(w.slack.Ephemerals("ada")))
		}
	}
}

func texts(all []slacksim.Message) (out []string) {
	for _, m := range all {
		out = append(out, m.String())
	}
	return out
}

// waits lets a request wait in the source and appear in the store, as a poll would.
func (w *world) waits(n int) approval.ID {
	w.Helper()
	id := approval.ID(fmt.Sprintf("workflow:00000000-0000-4000-8000-%012d/step", n))
	r := request(id, n)
	w.queue.change(func() { w.queue.waiting[id] = r })
	_, err := w.store.Appear(w.Context(), r, store.Placement{Route: "all", Channels: []string{"#pki-approvals"}})
	require.NoError(w, err)
	return id
}

func request(id approval.ID, n int) approval.Request {
	name := fmt.Sprintf("web%02d.example.com", n)
	return approval.Request{
		ID: id, Reference: fmt.Sprint(4000 + n), Title: "EXAMPLE\\alice is enrolling for a certificate with CN=" + name, Type: "Enrollment",
		Definition: "Web", Step: "PKI approval", StepName: "RequireApproval1", Requester: `EXAMPLE\alice`, Subject: "CN=" + name, CommonName: name,
		Facts:    []approval.Fact{{Label: "Subject", Value: "CN=" + name}, {Label: "Requester", Value: `EXAMPLE\alice`}},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny}, Link: "https://command.example.com/KeyfactorPortal",
	}
}

// card waits for the card of a request.
func (w *world) card(id approval.ID) slacksim.Message {
	w.Helper()
	var found slacksim.Message
	w.await("the card of "+string(id), func() bool {
		r, err := w.store.Request(w.Context(), id)
		if err != nil || len(r.Cards) == 0 || r.Cards[0].TS == "" {
			return false
		}
		found, _ = w.slack.Message("#pki-approvals", r.Cards[0].TS)
		return true
	})
	return found
}

// press clicks a card's button and returns the modal that opens.
func (w *world) press(who string, card slacksim.Message, action string) slacksim.View {
	w.Helper()
	r := w.slack.Click(w.Context(), slacksim.Click{As: who, Channel: "#pki-approvals", TS: card.TS, ActionID: action})
	require.True(w, r.Acknowledged, r.Error)
	w.await("a modal for "+who, func() bool { v := w.slack.Views(who); return len(v) > 0 && v[len(v)-1].SubmitLabel != nil })
	v := w.slack.Views(who)
	return v[len(v)-1]
}

// submit sends the modal with a comment.
func (w *world) submit(who string, v slacksim.View, comment string) slacksim.SubmitResult {
	w.Helper()
	return w.slack.Submit(w.Context(), who, v.ID, slacksim.Values{}.Text(blocks.BlockComment, blocks.ActionComment, comment))
}

// settled waits until the request is settled and its card says so.
func (w *world) settled(id approval.ID) (store.Record, slacksim.Message) {
	w.Helper()
	var r store.Record
	var m slacksim.Message
	w.await(string(id)+" to be settled and shown so", func() bool {
		var err error
		if r, err = w.store.Request(w.Context(), id); err != nil || !r.State.Final() || r.Cards[0].ShownVersion < r.Version {
			return false
		}
		m, _ = w.slack.Message("#pki-approvals", r.Cards[0].TS)
		return true
	})
	return r, m
}

// told waits until the person was told something that contains text.
func (w *world) told(who, text string) {
	w.Helper()
	w.await(who+" to be told: "+text, func() bool {
		for _, m := range w.slack.Ephemerals(who) {
			if strings.Contains(m.String(), text) {
				return true
			}
		}
		return false
	})
}

func (w *world) buttons(m slacksim.Message) (actions []string) {
	for _, b := range m.Buttons() {
		if b.ActionID == blocks.ActionApprove || b.ActionID == blocks.ActionDeny {
			actions = append(actions, b.ActionID)
		}
	}
	return actions
}

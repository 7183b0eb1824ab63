package bot_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// stage is a workspace, a store and a bot without anybody who works its jobs:
// the play does that itself, so that everything happens in an order it knows.
type stage struct {
	slack *slacksim.Workspace
	api   *slack.Client
	store *store.Store
	bot   atomic.Pointer[bot.Bot]
	truth atomic.Pointer[truth]
	ahead atomic.Int64 // of the real clock
	rules sync.Map     // approval.Rule by route
	plays int

	directory approval.Directory
	keys      [][]byte // that seal
}

func (s *stage) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s *stage) pass(d time.Duration) { s.ahead.Add(int64(d)) }

func newStage(t testing.TB, url string, change ...func(*slacksim.Config)) *stage {
	t.Helper()
	s := &stage{directory: approval.Directory{NotInSlack: []string{`EXAMPLE\svc-*`}}, keys: [][]byte{bytes.Repeat([]byte("k"), 32)}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	sc := slacksim.DefaultConfig()
	sc.RequestURL, sc.TriggerLifetime, sc.AckTimeout = server.URL, time.Minute, time.Minute
	sc.Groups = append(sc.Groups, slacksim.Group{Handle: "pki-security", Name: "PKI security", Users: []string{"ben", "carol"}})
	for i := range sc.Channels {
		sc.Channels[i].Members = append(sc.Channels[i].Members, "dan", "gina")
	}
	for _, f := range change {
		f(&sc)
	}
	var err error
	s.slack, err = slacksim.New(sc)
	require.NoError(t, err)
	t.Cleanup(s.slack.Close)
	slackServer := httptest.NewServer(s.slack)
	t.Cleanup(slackServer.Close)
	s.api = slack.New(s.slack.BotToken(), slack.OptionAPIURL(slackServer.URL+"/api/"), slack.OptionHTTPClient(&http.Client{Timeout: 10 * time.Second}))
	s.store, err = store.Open(t.Context(), url, store.Options{Log: zap.NewNop(), Now: s.now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	s.restart(t)
	bot.NewHTTP(s, func() []secret.String { return []secret.String{secret.New(s.slack.SigningSecret())} }, zap.NewNop()).Register(mux)
	t.Cleanup(func() { s.bot.Load().Wait() })
	return s
}

// restart puts another process in the place of the bot, over the same store.
func (s *stage) restart(t require.TestingT) {
	if old := s.bot.Load(); old != nil {
		old.Wait()
	}
	b, err := bot.New(bot.Config{
		Store: s.store, Slack: s.api, Sources: func() []approval.Source { return []approval.Source{s} }, Log: zap.NewNop(), Now: s.now,
		Admins:    func() bot.Team { return bot.Team{Users: []string{"@carol"}} },
		Pace:      func() bot.Pace { return bot.Pace{Channel: 1e6, All: 1e6} },
		Directory: func() approval.Directory { return s.directory },
		Filter: func(wanted map[string]string) (func(approval.Request) bool, error) {
			return func(r approval.Request) bool { return string(r.ID) == wanted["subject"] }, nil
		},
		Explain: func(approval.Request) []blocks.ExplainRoute { return nil },
		Keys:    func() [][]byte { return s.keys },
		Rule: func(name string) (approval.Rule, bool) {
			r, ok := s.rules.Load(name)
			if !ok {
				return approval.Rule{}, false
			}
			return r.(approval.Rule), true
		},
	})
	require.NoError(t, err)
	require.NoError(t, b.Identify(context.Background()))
	s.bot.Store(b)
}

// The stage is the handler that Slack's requests reach, whichever bot lives behind it.

func (s *stage) Interact(ctx context.Context, cb slack.InteractionCallback) any {
	return s.bot.Load().Interact(ctx, cb)
}

func (s *stage) Command(ctx context.Context, cmd slack.SlashCommand) any {
	return s.bot.Load().Command(ctx, cmd)
}

func (s *stage) Event(ctx context.Context, ev slackevents.EventsAPIEvent) {
	s.bot.Load().Event(ctx, ev)
}

// The stage is also the source; the play's truth stands behind it.

func (s *stage) Kind() approval.Kind { return approval.Workflow }

func (s *stage) List(context.Context) iter.Seq2[approval.Item, error] {
	return func(func(approval.Item, error) bool) {}
}

func (s *stage) Look(_ context.Context, id approval.ID) (approval.Standing, error) {
	return s.truth.Load().look(id)
}

func (s *stage) Counted(ctx context.Context, id approval.ID) (bool, error) {
	return s.CountedBy(ctx, id, "")
}

func (s *stage) CountedBy(_ context.Context, id approval.ID, account string) (bool, error) {
	return s.truth.Load().countedBy(id, account)
}

func (s *stage) Accounts() []string { return s.truth.Load().accounts }

func (s *stage) Send(_ context.Context, d approval.Decision) error { return s.truth.Load().send(d) }

// crash is the end of a process in the middle of a call.
type crash struct{}

// truth is what Keyfactor knows about the one request of a play: written anew
// and simply, so that it does not share the mistakes of what it judges.
type truth struct {
	id        approval.ID
	requester string
	version   int // of the facts
	wants     int // approvals, each from another account
	accounts  []string
	votes     map[string]approval.Verdict // by account
	ended     *approval.Outcome
	away      bool
	fate      string // of the next signal; empty is "taken"
	// sending is called before a signal has its effect, took after.
	sending, took func(approval.Decision)
	verdicts      []approval.Verdict // that can be sent; nil is both
}

// mark stands in every version of the facts, so that it can be read from what a
// person saw.
func mark(version int) string { return fmt.Sprintf("facts-%03d.example.com", version) }

func (k *truth) request() approval.Request { return k.asOf(k.version) }

func (k *truth) asOf(version int) approval.Request {
	r := approval.Request{
		ID: k.id, Reference: "4001", Title: "Somebody asks", Type: "Enrollment", Definition: "Web", Step: "Approval", StepName: "RequireApproval1",
		Requester: k.requester, Subject: "CN=" + mark(version), CommonName: mark(version),
		Facts:    []approval.Fact{{Label: "Subject", Value: "CN=" + mark(version)}, {Label: "Requester", Value: k.requester}},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny}, Link: "https://command.example.com/KeyfactorPortal",
	}
	if k.verdicts != nil {
		r.Verdicts = k.verdicts
	}
	if n := k.wants - len(k.votes); k.wants > 1 && n > 0 {
		r.Missing, r.Status = n, fmt.Sprintf("Awaiting %d more approval(s) from approval roles.", n)
	}
	return r
}

func (k *truth) look(id approval.ID) (approval.Standing, error) {
	switch {
	case k.away:
		return approval.Standing{}, approval.ErrUnavailable
	case id != k.id:
		return approval.Standing{Outcome: approval.Outcome{State: approval.Closed, Reason: approval.Gone}}, nil
	case k.ended != nil:
		return approval.Standing{Outcome: *k.ended}, nil
	}
	return approval.Standing{Waiting: true, Request: k.request()}, nil
}

func (k *truth) countedBy(id approval.ID, account string) (bool, error) {
	if k.away {
		return false, approval.ErrUnavailable
	}
	_, ok := k.votes[account]
	return id == k.id && ok, nil
}

func (k *truth) send(d approval.Decision) error {
	k.sending(d)
	fate := k.fate
	k.fate = ""
	switch fate {
	case "unavailable":
		return approval.ErrUnavailable
	case "refused":
		return approval.ErrRefused
	case "maybe, lost":
		return approval.ErrMaybe
	case "crash before":
		panic(crash{})
	case "settled":
		k.end(approval.Denied)
		return approval.ErrSettled
	}
	if _, voted := k.votes[d.Account]; voted || k.ended != nil {
		return approval.ErrRefused
	}
	k.votes[d.Account] = d.Verdict
	if d.Verdict == approval.Deny || len(k.votes) >= k.wants {
		k.end(d.Verdict.State())
	}
	k.took(d)
	switch fate {
	case "maybe, taken":
		return approval.ErrMaybe
	case "crash after":
		panic(crash{})
	}
	return nil
}

func (k *truth) end(s approval.State) {
	k.ended = &approval.Outcome{State: s, Reason: approval.DecidedElsewhere, Message: "Issued"}
}

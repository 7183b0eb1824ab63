package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "6") // these tests wait more than they compute
	pgtest.Main(m, removeBinary)
}

const (
	room        = "#pki-approvals"
	botIdentity = `EXAMPLE\svc-approvebot`
)

// place is a workspace and a Keyfactor, empty at first, for one or several
// processes of approvebot.
type place struct {
	*testing.T
	slack     *slacksim.Workspace
	keyfactor *keyfactorsim.Server
	store     string // its URL
	slackDoor *door
	options   func(*app.Options)         // changes what replicas are made with; may be nil
	transport string                     // of Slack; empty is socket
	edit      func(config string) string // if set, what replicas read instead of placeConfig
}

// door stands in front of a simulator for one process. It counts polls, can be
// shut, as a machine that is away, and can hold a call.
type door struct {
	next  http.Handler
	url   string
	shut  atomic.Bool
	polls atomic.Int64

	mu     sync.Mutex
	holds  string // the end of a path
	holder chan *heldCall
}

// heldCall is a call that goes on when goOn is closed.
type heldCall struct{ goOn chan struct{} }

// hold stops the next call to such a path. An empty one lets all pass.
func (d *door) hold(path string) <-chan *heldCall {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds, d.holder = path, make(chan *heldCall, 1)
	return d.holder
}

// wait returns the call as it goes on: whatever became of the caller.
func (d *door) wait(r *http.Request) *http.Request {
	d.mu.Lock()
	if d.holds == "" || !strings.HasSuffix(r.URL.Path, d.holds) {
		d.mu.Unlock()
		return r
	}
	d.holds = ""
	d.mu.Unlock()
	body, _ := io.ReadAll(r.Body) // a body that breaks off is refused further on
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	call := &heldCall{make(chan struct{})}
	d.holder <- call
	<-call.goOn
	return r
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.shut.Load() {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	if strings.HasSuffix(r.URL.Path, "/AssignedToMe") {
		d.polls.Add(1)
	}
	d.next.ServeHTTP(w, d.wait(r))
}

func newDoor(t *testing.T, next http.Handler) *door {
	t.Helper()
	d := &door{next: next}
	server := httptest.NewUnstartedServer(d)
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.Start()
	t.Cleanup(server.CloseClientConnections)
	d.url = server.URL
	return d
}

func newPlace(t *testing.T, storeURL string, change ...func(*slacksim.Config)) *place {
	t.Helper()
	p := &place{T: t, store: storeURL}
	sc := slacksim.DefaultConfig()
	sc.TriggerLifetime = time.Minute // on a busy machine; package bot holds us to Slack's three seconds
	for _, f := range change {
		f(&sc)
	}
	var err error
	p.slack, err = slacksim.New(sc)
	require.NoError(t, err)
	t.Cleanup(p.slack.Close)
	p.slackDoor = newDoor(t, p.slack)
	p.keyfactor = newKeyfactor(t, keyfactorsim.Config{})
	return p
}

// newKeyfactor is empty at first. Whatever arrives was asked for by alice, who
// decides nothing here.
func newKeyfactor(t *testing.T, c keyfactorsim.Config) *keyfactorsim.Server {
	t.Helper()
	var err error
	c.Seed, err = keyfactorsim.ParseSeed(keyfactorsim.BuiltinYAML())
	require.NoError(t, err)
	c.Seed.Requests, c.Seed.Pending = nil, nil
	for n := range c.Seed.Arrivals {
		if r := c.Seed.Arrivals[n].Request; r != nil {
			r.Requester = `EXAMPLE\alice`
		}
		if r := c.Seed.Arrivals[n].Pending; r != nil {
			r.Requester = `EXAMPLE\alice`
		}
	}
	kf, err := keyfactorsim.New(c)
	require.NoError(t, err)
	t.Cleanup(kf.Close)
	return kf
}

func sqliteIn(dir string) string { return "sqlite:" + filepath.Join(dir, "approvebot.db") }

const placeConfig = `
poll: {schedule: '@every 1s'}
keyfactor: {timeout: 3s}
http: {listen: '127.0.0.1:0'}
admins: {groups: ["@pki-admins"]}
routes:
  - name: all
    channels: ["#pki-approvals"]
    approvers: {groups: ["@pki-approvers"]}
`

// env is what a process needs to know; it reaches Keyfactor through its own door.
func (p *place) env(keyfactor *door) map[string]string {
	return map[string]string{
		"KEYFACTOR_URL": p.keyfactor.URLs(keyfactor.url).API, "KEYFACTOR_USERNAME": botIdentity, "KEYFACTOR_PASSWORD": "approve-me",
		"SLACK_API_URL": p.slackDoor.url + "/api/", "SLACK_BOT_TOKEN": p.slack.BotToken(), "SLACK_APP_TOKEN": p.slack.AppToken(),
		"SLACK_SIGNING_SECRET": p.slack.SigningSecret(), "APPROVEBOT_STORE_URL": p.store,
	}
}

// replica is one App in this process.
type replica struct {
	*testing.T
	app       *app.App
	keyfactor *door
	log       *observer.ObservedLogs
	once      sync.Once
}

// prepare builds a replica; start lets it live.
func (p *place) prepare(keyfactor http.Handler) *replica {
	p.Helper()
	r := &replica{T: p.T, keyfactor: newDoor(p.T, keyfactor)}
	core, log := observer.New(zap.InfoLevel)
	r.log = log
	env := p.env(r.keyfactor)
	text := placeConfig + fmt.Sprintf("store: {url: %q}\nslack: {transport: %q}\n", p.store, cmp.Or(p.transport, "socket"))
	if p.edit != nil {
		text = p.edit(text)
	}
	c, _, err := config.Parse("approvebot.yaml", []byte(text), func(name string) string { return env[name] })
	require.NoError(p, err)
	o := app.Options{Config: c, Log: zap.New(core, zap.AddCaller())}
	if p.options != nil {
		p.options(&o)
	}
	r.app, err = app.New(p.Context(), o)
	require.NoError(p, err)
	p.Cleanup(r.stop)
	p.Cleanup(func() {
		if p.Failed() {
			r.dump()
		}
	})
	return r
}

func (r *replica) dump() {
	all := r.log.All()
	for _, e := range all[max(0, len(all)-40):] {
		r.Logf("%s %s %s %v", e.Time.Format("15:04:05.000"), e.Level.CapitalString(), e.Message, e.ContextMap())
	}
}

func (p *place) start() *replica {
	p.Helper()
	return p.startWith(p.keyfactor)
}

// startWith lets a replica see Keyfactor through something.
func (p *place) startWith(keyfactor http.Handler) *replica {
	p.Helper()
	r := p.prepare(keyfactor)
	require.NoError(p, r.app.Start(p.Context()))
	return r
}

func (r *replica) stop() {
	r.once.Do(func() { require.NoError(r, r.app.Stop(context.WithoutCancel(r.Context()))) })
}

// emptyLists answers every list with [] while it is on.
type emptyLists struct {
	next   http.Handler
	on     atomic.Bool
	served atomic.Int64
}

func (e *emptyLists) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.on.Load() && strings.HasSuffix(r.URL.Path, "/AssignedToMe") {
		e.served.Add(1)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, "[]")
		return
	}
	e.next.ServeHTTP(w, r)
}

// readiness is what /readyz says.
type readiness struct {
	Ready bool
	Parts map[string]struct {
		OK, Informs bool
		Detail      string
	}
}

func readyz(t *testing.T, address string) (status int, r readiness) {
	t.Helper()
	response, err := http.Get("http://" + address + "/readyz")
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&r))
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, r
}

// says reports whether the log has a line of at least that level with the text
// in its message or its fields.
func (r *replica) says(level zapcore.Level, text string) bool {
	return r.log.Filter(func(e observer.LoggedEntry) bool {
		return e.Level >= level && strings.Contains(e.Message+" "+fmt.Sprint(e.ContextMap()), text)
	}).Len() > 0
}

// patience is how long anything may take on a machine that is busy with other tests.
const patience = 2 * time.Minute

// await waits until something is so, here or there.
func (p *place) await(what string, ok func() bool) {
	p.Helper()
	p.within(patience, what, ok)
}

func (p *place) within(limit time.Duration, what string, ok func() bool) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), limit)
	defer cancel()
	for {
		// ok may act, so it is not asked again once it was true. Not everything tells of changes.
		tick, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		err := p.slack.WaitFor(tick, ok)
		stop()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			var texts []string
			for _, m := range p.slack.Messages(room) {
				texts = append(texts, m.String()[:min(len(m.String()), 300)])
			}
			p.Fatalf("waited in vain for %s\nchannel: %q", what, texts)
		}
	}
}

// arrive lets a request arrive and waits for its card.
func (p *place) arrive(kind string) (id string, card slacksim.Message) {
	p.Helper()
	id = p.appear(kind)
	return id, p.card(id)
}

func (p *place) appear(kind string) (id string) {
	p.Helper()
	id, err := p.keyfactor.Arrive(kind)
	require.NoError(p, err)
	return id
}

// cards are the cards of a request, the oldest first.
func (p *place) cards(id string) (found []slacksim.Message) {
	for _, m := range p.slack.Messages(room) {
		if (m.ThreadTS == "" || m.ThreadTS == m.TS) && strings.Contains(string(m.Metadata), id) {
			found = append(found, m)
		}
	}
	return found
}

func (p *place) card(id string) (card slacksim.Message) {
	p.Helper()
	p.await("the card of "+id, func() bool {
		found := p.cards(id)
		if len(found) == 0 {
			return false
		}
		card = found[len(found)-1]
		return true
	})
	return card
}

// becomes waits until a card has no buttons any more and says all of the words.
func (p *place) becomes(card slacksim.Message, words ...string) {
	p.Helper()
	p.await("the card to say "+strings.Join(words, ", "), func() bool {
		m, _ := p.slack.Message(room, card.TS)
		return !pressable(m) && containsAll(m.String(), words)
	})
}

func pressable(m slacksim.Message) bool {
	_, approve := m.Button("approve")
	_, deny := m.Button("deny")
	return approve || deny
}

// press opens the modal of a card. Like a person it presses again when it was told
// to try again, which happens on a busy machine.
func (p *place) press(who string, card slacksim.Message, action string) (modal slacksim.View) {
	p.Helper()
	p.await("a modal for "+who, func() bool {
		click := slacksim.Click{As: who, Channel: room, TS: card.TS, ActionID: action}
		if r := p.slack.Click(p.Context(), click); !r.Acknowledged {
			return false
		}
		ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
		defer cancel()
		return p.slack.WaitFor(ctx, func() bool {
			v := p.slack.Views(who)
			if len(v) == 0 || v[len(v)-1].SubmitLabel == nil {
				return false
			}
			modal = v[len(v)-1]
			return true
		}) == nil
	})
	return modal
}

func (p *place) submit(who string, v slacksim.View, comment string) slacksim.SubmitResult {
	return p.slack.Submit(p.Context(), who, v.ID, slacksim.Values{}.Text("comment", "comment", comment))
}

// taken reports whether an answer closed the modal. Another one may lie below, from
// a press that was slow, so that there are none left is not asked.
func taken(r slacksim.SubmitResult) bool {
	return r.Acknowledged && r.Error == "" && len(r.Errors) == 0 && (len(r.Body) == 0 || string(r.Body) == "null")
}

// decide submits until the modal closes, as a person does who is told to try again.
func (p *place) decide(who string, modal slacksim.View, comment string) {
	p.Helper()
	p.await(who+" to decide", func() bool {
		r := p.submit(who, modal, comment)
		closed := taken(r)
		require.True(p, closed || strings.Contains(r.Error+r.Errors["comment"], "Try again"), "%s %s %v %s", r.Fate, r.Error, r.Errors, r.Body)
		return closed
	})
}

// approve decides like a person who knows what they want.
func (p *place) approve(who string, card slacksim.Message) {
	p.Helper()
	p.decide(who, p.press(who, card, "approve"), "")
}

// accepted are the signals about an instance that Keyfactor took from us.
func (p *place) accepted(id string) (n int) {
	for _, s := range p.keyfactor.Signals() {
		if s.Via == "api" && s.Accepted && strings.EqualFold(s.Instance, id) {
			n++
		}
	}
	return n
}

// signals are all that we sent about an instance.
func (p *place) signals(id string) (n int) {
	for _, s := range p.keyfactor.Signals() {
		if s.Via == "api" && strings.EqualFold(s.Instance, id) {
			n++
		}
	}
	return n
}

func mustAtoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

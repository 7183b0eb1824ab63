package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// The ways by which clicks come, and what holds the state.
const (
	socketMode = "Socket Mode"
	signedHTTP = "HTTP"
)

const (
	keyfactorUser = `EXAMPLE\svc-approvebot`
	keyfactorPass = "approve-me"
)

// approvers are those who click.
var approvers = []string{"ada", "ben", "carol", "dan", "eve", "fay", "gus", "hal"}

// scene is both simulators, and doors before them that note when something came by.
type scene struct {
	dir       string
	transport string
	channels  []string
	slack     *slacksim.Workspace
	keyfactor *keyfactorsim.Server
	slackURL  string
	api       string // Keyfactor's
	notes     notes
	profiles  string // where the program serves its profiles
	servers   []*http.Server
}

// sceneOptions say how a scene is made.
type sceneOptions struct {
	transport string
	limits    bool // Slack's
	channels  int
	// base is how many requests wait in Keyfactor that share their data: cheap ones, for polls.
	base int
}

func (b *bench) newScene(o sceneOptions) (*scene, error) {
	s := &scene{transport: o.transport, profiles: b.profiles, notes: notes{signals: map[string][]time.Time{}, settled: map[string]time.Time{}, limited: map[string]int{}}}
	var err error
	if s.dir, err = os.MkdirTemp(b.dir, "scene-"); err != nil {
		return nil, err
	}
	for n := range o.channels {
		s.channels = append(s.channels, fmt.Sprintf("room%02d", n))
	}
	if s.keyfactor, err = keyfactorsim.New(keyfactorsim.Config{Seed: keyfactorSeed(s.channels), BaseRequests: o.base, RandomSeed: 1, MaxWaiting: 1_000_000}); err != nil {
		return nil, err
	}
	c := slacksim.DefaultConfig()
	c.RateLimits, c.People, c.Channels = o.limits, nil, nil
	for _, name := range approvers {
		c.People = append(c.People, slacksim.Person{Name: name, RealName: strings.ToUpper(name[:1]) + name[1:], Email: name + "@example.com"})
	}
	c.Groups = []slacksim.Group{{Handle: "pki-approvers", Name: "PKI approvers", Users: approvers}}
	for _, name := range s.channels {
		c.Channels = append(c.Channels, slacksim.Channel{Name: name, Members: append([]string{slacksim.BotMember}, approvers...)})
	}
	if s.slack, err = slacksim.New(c); err != nil {
		return nil, err
	}
	if s.slackURL, err = s.serve(s.notes.slack(s.slack)); err != nil {
		return nil, err
	}
	base, err := s.serve(s.notes.keyfactor(s.keyfactor))
	s.api = s.keyfactor.URLs(base).API
	return s, err
}

func (s *scene) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

func (s *scene) close() {
	for _, server := range s.servers {
		_ = server.Close()
	}
	s.slack.Close()
	s.keyfactor.Close()
	_ = os.RemoveAll(s.dir)
}

// keyfactorSeed holds one way a request can go, and an arrival for each channel.
func keyfactorSeed(channels []string) keyfactorsim.Seed {
	seed := keyfactorsim.Seed{
		Roles: []keyfactorsim.Role{{ID: 3, Name: "PKI Approvers", Permissions: []string{
			"/workflows/instances/read/pending/", "/workflows/instances/read/", "/workflows/definitions/read/", "/monitoring/alerts/read/",
			"/certificates/requests/manage/", "/certificates/collections/read/",
		}}},
		Accounts:  []keyfactorsim.Account{{Username: keyfactorUser, Password: keyfactorPass, Roles: []string{"PKI Approvers"}}},
		Templates: []keyfactorsim.Template{{ID: 12, Name: "ExampleWebServer", DisplayName: "Example Web Server", KeyType: "ECC", KeySize: "256", ForestRoot: "example.com"}},
		Definitions: []keyfactorsim.Definition{{
			Name: "Web server", Type: "Enrollment", Version: 1, Template: "ExampleWebServer",
			Steps: []keyfactorsim.Step{{Name: stepName, DisplayName: "PKI approval", Roles: []string{"PKI Approvers"}}},
		}},
	}
	for _, name := range channels {
		subject := name + "-{id}.example.com"
		request := keyfactorsim.Request{
			Definition: "Web server", Requester: `EXAMPLE\alice`, Metadata: map[string]string{"AppOwner": "team-web"},
			CSR: &keyfactorsim.CSR{Subject: "CN=" + subject + ",O=Example Ltd,C=DE", DNS: []string{subject, "www." + subject}},
		}
		pressing := request // it renews a certificate that ends soon
		old := keyfactorsim.Certificate{Subject: request.CSR.Subject, DNS: request.CSR.DNS, Template: "ExampleWebServer", ExpiresIn: 36 * time.Hour}
		seed.Arrivals = append(seed.Arrivals, keyfactorsim.Arrival{Kind: name, Request: &request}, keyfactorsim.Arrival{Kind: "pressing-" + name, Request: &pressing, Certificate: &old})
	}
	return seed
}

const stepName = "Approval"

// arrive lets so many requests wait in Keyfactor, evenly over the channels, and returns the instances.
func (s *scene) arrive(n int) (ids []string, err error) {
	for i := range n {
		id, err := s.keyfactor.Arrive(s.channels[i%len(s.channels)])
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// settings are what a program's configuration says besides the routes.
type settings struct {
	store string
	// pace lifts our own limits on new messages, for loads that no person makes.
	unpaced  bool
	schedule string
	level    string
}

// program starts approvebot in the scene, and waits until it is ready.
func (s *scene) program(ctx context.Context, binary string, o settings) (*process, time.Duration, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	var c strings.Builder
	fmt.Fprintf(&c, "keyfactor: {timeout: 10s}\npoll: {schedule: %q, sources: [workflow]}\nstore: {url: %q}\nhttp: {listen: %q}\nadmins: {users: ['@carol']}\npeople: {not_in_slack: ['EXAMPLE\\*']}\n", o.schedule, o.store, address)
	if o.unpaced {
		c.WriteString("slack: {channel_posts_per_minute: 1000000, posts_per_minute: 1000000}\n")
	}
	c.WriteString("routes:\n")
	for _, name := range s.channels {
		fmt.Fprintf(&c, "  - {name: %s, match: {subject: '%[1]s-*'}, channels: ['#%[1]s'], approvers: {groups: ['@pki-approvers']}, comment: {approve: off}}\n", name)
	}
	fmt.Fprintf(&c, "  - {name: rest, channels: ['#%s'], approvers: {groups: ['@pki-approvers']}, comment: {approve: off}}\n", s.channels[0])
	config := filepath.Join(s.dir, "approvebot.yaml")
	if err := os.WriteFile(config, []byte(c.String()), 0o600); err != nil {
		return nil, 0, err
	}
	env := append(s.environment(), "KEYFACTOR_URL="+s.api, "KEYFACTOR_USERNAME="+keyfactorUser, "KEYFACTOR_PASSWORD="+keyfactorPass)
	if s.transport == signedHTTP {
		env = append(env, "SLACK_SIGNING_SECRET="+s.slack.SigningSecret())
		s.slack.SetRequestURL("http://" + address)
	} else {
		env = append(env, "SLACK_APP_TOKEN="+s.slack.AppToken())
	}
	level := "warn"
	if o.level != "" {
		level = o.level
	}
	args := []string{"run", "--config", config, "--log-format", "json", "--log-level", level}
	if s.profiles != "" {
		args = append(args, "--pprof", s.profiles)
	}
	p, err := spawn(ctx, filepath.Join(s.dir, "log"), env, binary, args...)
	if err != nil {
		return nil, 0, err
	}
	took, err := answers(ctx, "http://"+address+"/readyz")
	return p, took, err
}

func (s *scene) environment() []string {
	return []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "SLACK_API_URL=" + s.slackURL + "/api/", "SLACK_BOT_TOKEN=" + s.slack.BotToken()}
}

// notes are taken at the doors of both simulators.
type notes struct {
	mu      sync.Mutex
	signals map[string][]time.Time // by instance
	settled map[string]time.Time   // by message

	slackCalls, keyfactorCalls, keyfactorBytes atomic.Int64

	limited map[string]int // answers with 429, by method
	posts   []post
}

// post is a message that the program made.
type post struct {
	at       time.Time
	channel  string // as the program names it
	instance string // of a card
}

func (n *notes) keyfactor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Signals") {
			now := time.Now()
			parts := strings.Split(r.URL.Path, "/")
			id := strings.ToLower(parts[len(parts)-2])
			n.mu.Lock()
			n.signals[id] = append(n.signals[id], now)
			n.mu.Unlock()
		}
		counted := &counter{ResponseWriter: w}
		next.ServeHTTP(counted, r)
		n.keyfactorCalls.Add(1)
		n.keyfactorBytes.Add(counted.bytes)
	})
}

// settledSign is what a card shows whose request was approved.
const settledSign = "✅"

func (n *notes) slack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			next.ServeHTTP(w, r)
			return
		}
		var form url.Values
		if r.URL.Path == "/api/chat.update" || r.URL.Path == "/api/chat.postMessage" {
			body, _ := io.ReadAll(r.Body) // what is missing is missed by the simulator
			form, _ = url.ParseQuery(string(body))
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		counted := &counter{ResponseWriter: w}
		next.ServeHTTP(counted, r)
		n.slackCalls.Add(1)
		if counted.status == http.StatusTooManyRequests {
			n.mu.Lock()
			n.limited[strings.TrimPrefix(r.URL.Path, "/api/")]++
			n.mu.Unlock()
			return
		}
		if r.URL.Path == "/api/chat.postMessage" {
			n.mu.Lock()
			n.posts = append(n.posts, post{time.Now(), form.Get("channel"), instanceIn(form.Get("metadata"))})
			n.mu.Unlock()
			return
		}
		if strings.Contains(form.Get("text"), settledSign) {
			now, ts := time.Now(), form.Get("ts")
			n.mu.Lock()
			if _, ok := n.settled[ts]; !ok {
				n.settled[ts] = now
			}
			n.mu.Unlock()
		}
	})
}

// signalled returns when the signals of an instance came in.
func (n *notes) signalled(instance string) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.signals[instance]
}

func (n *notes) settledAt(ts string) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.settled[ts]
	return at, ok
}

// quiet waits until neither simulator has been called for a while.
func (n *notes) quiet(ctx context.Context, while time.Duration) error {
	last, since := int64(-1), time.Now()
	for time.Since(since) < while {
		if calls := n.slackCalls.Load() + n.keyfactorCalls.Load(); calls != last {
			last, since = calls, time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// counter counts what a handler answers.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets the simulator reach what is behind.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// card is a message that asks about an instance.
type card struct{ channel, ts, instance string }

// cards are those in Slack, oldest first.
func (s *scene) cards() (all []card) {
	for _, channel := range s.channels {
		for _, m := range s.slack.Messages(channel) {
			if instance := instanceOf(m); instance != "" {
				all = append(all, card{channel, m.TS, instance})
			}
		}
	}
	return all
}

func instanceOf(m slacksim.Message) string { return instanceIn(string(m.Metadata)) }

func instanceIn(text string) string {
	var metadata struct {
		EventType    string `json:"event_type"`
		EventPayload struct {
			Request string `json:"request"`
		} `json:"event_payload"`
	}
	if text == "" || json.Unmarshal([]byte(text), &metadata) != nil || metadata.EventType != "approvebot_card" {
		return ""
	}
	instance, _, _ := strings.Cut(strings.TrimPrefix(metadata.EventPayload.Request, "workflow:"), "/")
	return instance
}

// posted waits until so many cards are in Slack.
func (s *scene) posted(ctx context.Context, n int, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		have := len(s.cards())
		if have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d cards are posted after %s", have, n, within)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

package slacksim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Workspace is a Slack workspace with one installed app. It is an
// http.Handler; make one with New.
type Workspace struct {
	cfg  Config
	log  *zap.Logger
	mux  *http.ServeMux
	http *http.Client

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup // deliveries that nobody waits for

	// mu guards what follows, down to the next blank line after base. Nothing
	// blocks while it is held.
	mu         sync.Mutex
	app        App
	people     map[string]*Person // by id
	byUser     map[string]*Person
	peopleIDs  []string
	groups     []*group
	channels   map[string]*channel // by id
	byName     map[string]*channel
	channelIDs []string
	dms        map[string]*channel // by person
	lastTS     int64               // microseconds; every ts is later than the one before
	triggers   *bounded[trigger]
	responses  *bounded[responseURL]
	views      map[string]*View
	external   map[string]string // external_id -> view id
	stacks     map[string][]*stack
	homes      map[string]*View
	ephemerals map[string][]Message // by person
	scheduled  map[string]*scheduledMessage
	limits     limiter
	base       string // of the last Web API call: where the app sees us

	callLog     *ring[Call]
	deliveryLog *ring[Delivery]
	counts      sync.Map // method -> *atomic.Int64

	faults  faultBox
	hub     hub
	changes notifier
	seq     atomic.Uint64
}

// group is a user group with its members resolved.
type group struct {
	Group
	users   []string
	created int64
}

// New makes a workspace. Close ends it.
func New(cfg Config) (*Workspace, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("slack workspace: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Workspace{
		cfg: cfg, log: cfg.Log, app: cfg.App, ctx: ctx, stop: stop,
		people: map[string]*Person{}, byUser: map[string]*Person{}, channels: map[string]*channel{}, byName: map[string]*channel{}, dms: map[string]*channel{},
		triggers: newBounded[trigger](20_000), responses: newBounded[responseURL](50_000),
		views: map[string]*View{}, external: map[string]string{}, stacks: map[string][]*stack{}, homes: map[string]*View{},
		ephemerals: map[string][]Message{}, scheduled: map[string]*scheduledMessage{},
		callLog: newRing[Call](4096), deliveryLog: newRing[Delivery](4096),
		limits: newLimiter(cfg.Rates, cfg.RateLimits),
		http:   newDeliveryClient(),
	}
	w.hub.init(w)
	if err := w.populate(); err != nil {
		stop()
		return nil, fmt.Errorf("slack workspace: %w", err)
	}
	w.routes()
	return w, nil
}

// Close closes all connections and waits for deliveries under way.
func (w *Workspace) Close() {
	w.stop()
	w.mu.Lock()
	for _, s := range w.scheduled {
		s.timer.Stop()
	}
	w.mu.Unlock()
	w.hub.closeAll()
	w.changes.closeAll()
	w.wg.Wait()
	w.http.CloseIdleConnections()
}

// spawn runs f on its own; Close waits for it. After Close it does nothing.
func (w *Workspace) spawn(f func()) {
	w.hub.mu.Lock()
	if w.hub.closed {
		w.hub.mu.Unlock()
		return
	}
	w.wg.Add(1)
	w.hub.mu.Unlock()
	go func() {
		defer w.wg.Done()
		f()
	}()
}

// populate builds people, groups and channels from the configuration.
func (w *Workspace) populate() error {
	a := &w.app
	setDefault(&a.UserName, strings.ToLower(a.Name))
	setDefault(&a.UserID, idFor("U0", a.UserName))
	setDefault(&a.BotID, idFor("B0", a.UserName))
	if err := w.addPerson(Person{ID: a.UserID, Name: a.UserName, RealName: a.Name, TeamID: w.cfg.Team.ID, TZ: "UTC"}); err != nil {
		return err
	}
	for _, p := range w.cfg.People {
		if err := w.addPerson(p); err != nil {
			return err
		}
	}
	now := w.cfg.Now().Unix()
	for _, g := range w.cfg.Groups {
		setDefault(&g.ID, idFor("S0", g.Handle))
		users, err := w.resolve(g.Users)
		if err != nil {
			return fmt.Errorf("group %s: %w", g.Handle, err)
		}
		w.groups = append(w.groups, &group{Group: g, users: users, created: now})
	}
	for _, c := range w.cfg.Channels {
		if err := w.addChannel(c); err != nil {
			return err
		}
	}
	for _, id := range w.peopleIDs {
		if p := w.people[id]; id != a.UserID && !p.Deactivated && !w.outsider(p) {
			w.openDM(id)
		}
	}
	return nil
}

func (w *Workspace) addPerson(p Person) error {
	setDefault(&p.ID, idFor("U0", p.Name))
	setDefault(&p.TeamID, w.cfg.Team.ID)
	setDefault(&p.RealName, p.Name)
	if w.people[p.ID] != nil {
		return fmt.Errorf("two people have the id %s", p.ID)
	}
	if w.byUser[p.Name] != nil {
		return fmt.Errorf("two people are called %s", p.Name)
	}
	w.people[p.ID], w.byUser[p.Name] = &p, &p
	w.peopleIDs = append(w.peopleIDs, p.ID)
	return nil
}

func (w *Workspace) addChannel(c Channel) error {
	setDefault(&c.ID, idFor("C0", c.Name))
	if w.channels[c.ID] != nil || w.byName[c.Name] != nil {
		return fmt.Errorf("channel #%s exists twice", c.Name)
	}
	members, err := w.resolve(c.Members)
	if err != nil {
		return fmt.Errorf("channel #%s: %w", c.Name, err)
	}
	ch := newChannel(c, w.cfg.Now().Unix(), w.cfg.MaxMessages)
	for _, m := range members {
		ch.join(m)
	}
	w.channels[c.ID], w.byName[c.Name] = ch, ch
	w.channelIDs = append(w.channelIDs, c.ID)
	return nil
}

// resolve turns names and ids of people into ids.
func (w *Workspace) resolve(refs []string) ([]string, error) {
	ids := make([]string, 0, len(refs))
	for _, ref := range refs {
		p := w.person(ref)
		if p == nil {
			return nil, fmt.Errorf("nobody is called %q", ref)
		}
		ids = append(ids, p.ID)
	}
	return ids, nil
}

// person finds somebody by id, name or @name.
func (w *Workspace) person(ref string) *Person {
	if ref == BotMember {
		return w.people[w.app.UserID]
	}
	if p := w.people[ref]; p != nil {
		return p
	}
	return w.byUser[strings.TrimPrefix(ref, "@")]
}

// channel finds a conversation by id, name or #name.
func (w *Workspace) channel(ref string) *channel {
	if c := w.channels[ref]; c != nil {
		return c
	}
	return w.byName[strings.TrimPrefix(ref, "#")]
}

func (w *Workspace) outsider(p *Person) bool { return p.TeamID != w.cfg.Team.ID }

// openDM returns the conversation between a person and the app.
func (w *Workspace) openDM(user string) *channel {
	if c := w.dms[user]; c != nil {
		return c
	}
	c := newChannel(Channel{ID: "D" + strings.TrimPrefix(user, "U")}, w.cfg.Now().Unix(), w.cfg.MaxMessages)
	c.user = user
	c.join(user)
	c.join(w.app.UserID)
	w.dms[user], w.channels[c.ID] = c, c
	return c
}

// nextTS is a message's name: later than every one before it.
func (w *Workspace) nextTS() string {
	w.lastTS = max(w.cfg.Now().UnixMicro(), w.lastTS+1)
	return fmt.Sprintf("%d.%06d", w.lastTS/1e6, w.lastTS%1e6)
}

// newID makes an id that was not there before.
func (w *Workspace) newID(prefix string) string {
	return fmt.Sprintf("%s0%08X", prefix, w.seq.Add(1))
}

// shortID is a block's or an element's generated id.
func shortID() string { return randomText(5) }

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func randomText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = idLetters[rand.IntN(len(idLetters))]
	}
	return string(b)
}

// idFor makes a readable id that stays the same over restarts.
func idFor(prefix, name string) string {
	keep := func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}
	return prefix + strings.Map(keep, strings.ToUpper(name))
}

// ChannelID returns the id of a channel, "" if there is none of that name.
func (w *Workspace) ChannelID(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.channel(name); c != nil {
		return c.ID
	}
	return ""
}

// UserID returns the id of a person, "" if there is none of that name.
func (w *Workspace) UserID(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.person(name); p != nil {
		return p.ID
	}
	return ""
}

// DirectChannelID returns the id of the conversation between a person and the app.
func (w *Workspace) DirectChannelID(user string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.person(user); p != nil && w.dms[p.ID] != nil {
		return w.dms[p.ID].ID
	}
	return ""
}

// AppInfo returns the installed app.
func (w *Workspace) AppInfo() App { return w.app }

// BotToken is what the app must show to the Web API.
func (w *Workspace) BotToken() string { return w.cfg.BotToken }

// AppToken is the app-level token, for apps.connections.open.
func (w *Workspace) AppToken() string { return w.cfg.AppToken }

// SigningSecret is what HTTP deliveries are signed with.
func (w *Workspace) SigningSecret() string { return w.cfg.SigningSecret }

// SetRequestURL changes the way of delivery: signed HTTP to that URL, or
// Socket Mode if it is empty.
func (w *Workspace) SetRequestURL(u string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cfg.RequestURL = strings.TrimSuffix(u, "/")
}

// requestURL is where HTTP deliveries go, "" in Socket Mode.
func (w *Workspace) requestURL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cfg.RequestURL
}

// SetRateLimits switches rate limits on or off.
func (w *Workspace) SetRateLimits(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limits.on = on
}

// Messages returns a channel's messages, oldest first, thread replies
// included. The channel is a name, "#name" or id.
func (w *Workspace) Messages(channel string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channel(channel)
	if c == nil {
		return nil
	}
	return c.all()
}

// Message returns one message, and whether it is there.
func (w *Workspace) Message(channel, ts string) (Message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channel(channel)
	if c == nil || c.messages[ts] == nil {
		return Message{}, false
	}
	return *c.messages[ts], true
}

// Ephemerals returns what only that person saw, oldest first.
func (w *Workspace) Ephemerals(user string) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.person(user)
	if p == nil {
		return nil
	}
	return slices.Clone(w.ephemerals[p.ID])
}

// Views returns the modals a person has in front of them, the top one last.
func (w *Workspace) Views(user string) []View {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.person(user)
	if p == nil {
		return nil
	}
	return w.topStack(p.ID)
}

// HomeOf returns a person's Home tab, and whether one was published.
func (w *Workspace) HomeOf(user string) (View, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.person(user); p != nil && w.homes[p.ID] != nil {
		return *w.homes[p.ID], true
	}
	return View{}, false
}

// WaitFor returns nil as soon as f is true. f is asked at the start and after
// every change in the workspace, logs of calls and deliveries included; it may
// use all methods of w. It returns ctx's error if that comes first.
func (w *Workspace) WaitFor(ctx context.Context, f func() bool) error {
	for {
		changed := w.changes.next()
		if f() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for a change: %w", ctx.Err())
		case <-w.ctx.Done():
			return fmt.Errorf("wait for a change: %w", errClosed)
		}
	}
}

func (w *Workspace) now() time.Time { return w.cfg.Now() }

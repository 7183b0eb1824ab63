// Package bot is the conversation: it announces a request as a card, takes a
// click, asks for a comment, records the decision, carries it to Keyfactor, and
// makes the card tell the truth afterwards.
//
// There are two halves, and they meet only in the store:
//
//   - What people do arrives over [Socket] or [HTTP], which both verify, decode and
//     call the same handlers ([Bot.Interact], [Bot.Command], [Bot.Event]). A handler
//     records, answers within Slack's three seconds, and leaves the rest.
//   - What must happen is worked off by the methods that jobs call: [Bot.Post],
//     [Bot.Refresh], [Bot.Reply] and [Bot.Signal]. Each reads its row first, does one
//     thing and records it. Before a call that must not happen twice a mark is
//     committed; who finds a mark asks first whether the call had its effect.
package bot

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/internal/tracing"
)

// Config says what a Bot works with. All fields are required but those with a
// default. What operators may change while we run is asked for at the moment of use.
type Config struct {
	Store *store.Store
	Slack *slack.Client
	// Sources are the queues that requests come from, one of a kind.
	Sources func() []approval.Source
	// Rule returns the rule of the route of that name; false when the configuration no longer has it.
	Rule func(route string) (approval.Rule, bool)
	// Rules are those of all routes, in their order; default none.
	Rules func() []approval.Rule
	// Filter reads what a subscription asks for; its errors are sentences.
	Filter func(map[string]string) (func(approval.Request) bool, error)
	// Explain says what each route answered about a request, up to the one that took it.
	Explain func(approval.Request) []blocks.ExplainRoute
	// Directory says whom Keyfactor's names belong to; default nobody.
	Directory func() approval.Directory
	// Pace says how many new messages Slack may be given; default 60 a minute in a
	// channel, 600 in all.
	Pace func() Pace
	// AllowShared lets cards go to channels that are shared with other
	// organisations; default not.
	AllowShared func() bool
	// Admins mend what nobody else can, and are whom people are told to ask; default nobody.
	Admins func() Team
	// Keys sign the buttons; the first signs, all verify.
	Keys func() [][]byte
	Log  *zap.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
	// SealLife is how long a button can be pressed; default 30 days.
	SealLife time.Duration
	// Meter is told what happens; default nobody.
	Meter Meter
	// Tracer makes spans of what happens; default none.
	Tracer trace.Tracer
	// HomeEvery is how often it is looked whether what open Home tabs show has
	// changed; default 3 s.
	HomeEvery time.Duration
	// BulkWait is how long a person waits for the result of several decisions before
	// they are shown how far it has come; default 1.2 s.
	BulkWait time.Duration
}

// Bot holds the conversation. Its methods are safe for concurrent use.
type Bot struct {
	c        Config
	seal     sealer
	people   *people
	rooms    *rooms
	pace     *pace
	news     *news
	crowd    *crowd
	alerts   alerts
	unrouted sync.Map // of approval.ID: the admins were told that no route takes it
	homes    *homes
	self     identity
	after    sync.WaitGroup // what goes on after an answer was given
	closing  context.Context
	close    context.CancelFunc
}

// identity is who we are in Slack.
type identity struct {
	mu             sync.RWMutex
	team, bot, url string
}

// New returns a Bot.
func New(c Config) (*Bot, error) {
	if keys := c.Keys(); len(keys) == 0 || len(keys[0]) < 32 {
		return nil, fmt.Errorf("signing key for buttons is missing or shorter than 32 bytes")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Pace == nil {
		c.Pace = func() Pace { return Pace{Channel: 60, All: 600} }
	}
	if c.Rules == nil {
		c.Rules = func() []approval.Rule { return nil }
	}
	if c.Directory == nil {
		c.Directory = func() approval.Directory { return approval.Directory{} }
	}
	if c.AllowShared == nil {
		c.AllowShared = func() bool { return false }
	}
	if c.Admins == nil {
		c.Admins = func() Team { return Team{} }
	}
	if c.Tracer == nil {
		c.Tracer = tracing.Off()
	}
	if c.Meter == nil {
		c.Meter = unmetered{}
	}
	if c.HomeEvery <= 0 {
		c.HomeEvery = homeEvery
	}
	if c.BulkWait <= 0 {
		c.BulkWait = bulkWait
	}
	if c.SealLife <= 0 {
		c.SealLife = 30 * 24 * time.Hour
	}
	b := &Bot{
		c:      c,
		seal:   sealer{keys: c.Keys},
		people: newPeople(c.Slack, c.Now),
		rooms:  newRooms(c.Slack),
		pace:   newPace(c.Pace),
		news:   newNews(),
		crowd:  newCrowd(),
	}
	b.homes = newHomes(c.HomeEvery, c.Now, c.Log, c.Store.OpenMark, b.drawHomes)
	b.closing, b.close = context.WithCancel(context.Background())
	return b, nil
}

// Identify asks Slack who we are; the answer decides who belongs to our
// workspace, so nobody can decide before it succeeded.
func (b *Bot) Identify(ctx context.Context) error {
	a, err := b.c.Slack.AuthTestContext(ctx)
	if err != nil {
		return fmt.Errorf("ask Slack who we are: %w", err)
	}
	b.people.ours(a.EnterpriseID)
	b.self.mu.Lock()
	defer b.self.mu.Unlock()
	b.self.team, b.self.bot, b.self.url = a.TeamID, a.BotID, a.URL
	return nil
}

// Identified reports whether Slack has told us who we are.
func (b *Bot) Identified() bool { return b.team() != "" }

func (b *Bot) team() string {
	b.self.mu.RLock()
	defer b.self.mu.RUnlock()
	return b.self.team
}

func (b *Bot) botID() string {
	b.self.mu.RLock()
	defer b.self.mu.RUnlock()
	return b.self.bot
}

// Close begins no further message that can wait for the next process. It is
// called before the jobs are stopped, so that a long queue does not hold up the end.
func (b *Bot) Close() { b.close() }

// Wait returns when everything that handlers left to do after their answers is
// done. Home tabs are no longer kept up to date then.
func (b *Bot) Wait() {
	b.homes.close()
	b.after.Wait()
}

// later runs do on a context that outlives the click; Wait waits for it.
func (b *Bot) later(ctx context.Context, do func(context.Context)) {
	ctx = context.WithoutCancel(ctx)
	b.after.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		do(ctx)
	})
}

func (b *Bot) source(id approval.ID) (approval.Source, error) {
	for _, s := range b.c.Sources() {
		if s.Kind() == id.Kind() {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no source for %s requests is configured", id.Kind())
}

func (b *Bot) log(id approval.ID) *zap.Logger { return b.c.Log.With(zap.String("request", string(id))) }

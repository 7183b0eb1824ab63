// Package app puts the rooms together and lets them live: it is the only one
// that sees them all.
//
//	New    opens the store and builds everything; nothing talks to the world yet
//	Start  begins to listen, to work jobs, and to take clicks
//	Stop   ends in the reverse order: first no more clicks come in, then what was
//	       taken in is finished, then the jobs, then the store
package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/slack-go/slack"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/jobs"
	"github.com/approvebot/approvebot/internal/metrics"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/internal/tracing"
	"github.com/approvebot/approvebot/poller"
)

// Options are what New needs.
type Options struct {
	Config *config.Config // required
	Log    *zap.Logger    // required
	// Level changes how much Log logs while the service runs. The zero value changes nothing.
	Level zap.AtomicLevel
	// Load reads the configuration again; with it the service follows changes. Config
	// is what it returned at first.
	Load func() (*config.Config, []config.Warning, error)
	// Build says which program this is, for the metrics.
	Build Build
	// Tracer makes spans of what happens; default none.
	Tracer trace.Tracer
	// Now is the clock of /readyz; default time.Now.
	Now func() time.Time
}

// Build says which program runs.
type Build = metrics.Build

// App is the service as a value.
type App struct {
	config   inForce
	kept     []byte // the key of buttons that is kept in the store
	load     func() (*config.Config, []config.Warning, error)
	reload   reload
	level    zap.AtomicLevel
	log      *zap.Logger
	store    *store.Store
	bot      *bot.Bot
	poller   *poller.Poller
	jobs     *jobs.Runner
	socket   *bot.Socket // nil when the transport is HTTP
	listener net.Listener
	server   *http.Server
	failed   chan error
	started  time.Time
	passTime time.Duration // what a pass may take
	now      func() time.Time
	metrics  *metrics.Metrics
	tracer   trace.Tracer
	ends     []end
}

// end is something that must be ended, by name.
type end struct {
	name string
	stop func(context.Context) error
}

// stopWithin is how long all ends together may take.
const stopWithin = 25 * time.Second

// slackTimeout bounds one call to Slack; slack-go has none of its own.
const slackTimeout = 10 * time.Second

// New opens the store and builds everything. Its errors are sentences for an operator.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{log: o.Log, level: o.Level, load: o.Load, now: o.Now, failed: make(chan error, 1), metrics: metrics.New(o.Build, o.Log.Named("metrics"))}
	if o.Tracer == nil {
		o.Tracer = tracing.Off()
	}
	a.tracer = o.Tracer
	if a.now == nil {
		a.now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}()
	c := o.Config
	if a.store, err = store.Open(ctx, c.Store.URL.Reveal(), store.Options{Log: o.Log.Named("store")}); err != nil {
		return nil, fmt.Errorf("open the store %s: %w", c.Store.Redacted(), err)
	}
	a.onStop("store", func(context.Context) error { return a.store.Close() })
	a.reload.concluded(c.Files, "")
	a.metrics.Configuration(func() (bool, time.Time) { trouble, since := a.reload.told(); return trouble == "", since })
	a.metrics.Backlog(a.store.Backlog, a.pollDeadline)

	api := slack.New(c.Slack.BotToken.Reveal(),
		slack.OptionHTTPClient(&http.Client{Timeout: slackTimeout, Transport: tracing.Slack(o.Tracer, a.metrics.Slack(http.DefaultTransport))}),
		slack.OptionAPIURL(c.Slack.APIURL),
		slack.OptionAppLevelToken(c.Slack.AppToken.Reveal()))
	if a.kept, err = a.sealKey(ctx); err != nil {
		return nil, err
	}
	first, err := a.makeSnapshot(c, a.kept)
	if err != nil {
		return nil, err
	}
	a.config.p.Store(first)
	rs := routes{&a.config}
	a.bot, err = bot.New(bot.Config{
		Store: a.store, Slack: api, Sources: rs.sources, Rule: rs.rule, Rules: rs.rules, Filter: filter, Explain: rs.explain, Directory: rs.directory, AllowShared: rs.allowShared, Pace: rs.pace, Keys: rs.sealKeys,
		Admins: rs.admins, Log: o.Log.Named("bot"), Meter: a.metrics, Tracer: o.Tracer,
	})
	if err != nil {
		return nil, err
	}
	a.poller = poller.New(poller.Config{
		Sources: rs.sources, Store: a.store, Log: o.Log.Named("poller"),
		Route:   func(ctx context.Context, r approval.Request) (store.Placement, error) { return rs.place(ctx, a.bot, r) },
		Observe: a.polled, Rules: rs.placing, Keep: rs.keep, Routed: rs.known, Remind: a.bot.Remind, Follow: func(ctx context.Context) { a.bot.Follow(ctx); a.bot.Interrupted(ctx) }, Changed: a.bot.Changed, Unrouted: a.bot.Unrouted,
	})

	// A signal reads the instance, sends, and reads again, each within Keyfactor's
	// timeout; reading is repeated when it fails.
	times := jobs.Timeouts{Signal: max(15*time.Second, 3*c.Keyfactor.Timeout), Poll: 2*time.Minute + 2*c.Keyfactor.Timeout}
	a.passTime = times.Poll
	a.jobs, err = jobs.New(jobs.Config{Store: a.store, Schedule: &a.config, Log: o.Log.Named("jobs"), Timeouts: times, Observe: a.metrics.Worked, Work: jobs.Work{
		Poll: a.poller.Pass, Post: a.bot.Post, Refresh: a.bot.Refresh, Reply: a.bot.Reply, Signal: a.bot.Signal,
	}})
	if err != nil {
		return nil, err
	}
	if c.Slack.Transport == config.TransportSocket {
		a.socket = bot.NewSocket(a.bot, api, o.Log.Named("slack"), bot.Replicas(a.store.Replicas), bot.Ended(a.metrics.LinkEnded))
		a.metrics.Link(func() bool { return a.socket.Status().Connected }, func() int { return a.socket.Status().Foreign })
	}
	return a, nil
}

// sealKey returns the key that signs buttons where the configuration has none; it
// is made at the first start and kept in the store.
func (a *App) sealKey(ctx context.Context) ([]byte, error) {
	text, err := a.store.SettingOnce(ctx, "seal_key", func() (string, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return hex.EncodeToString(key), err
	})
	if err != nil {
		return nil, fmt.Errorf("read the key that signs buttons: %w", err)
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) < 32 {
		return nil, errors.New("the key that signs buttons is damaged in the store; delete the setting seal_key to make a new one, which invalidates the buttons of all open cards until they are redrawn")
	}
	return key, nil
}

// Start begins to listen, to work jobs and to take clicks. It returns once all of
// that is under way; that Slack or Keyfactor is away does not keep it from starting.
func (a *App) Start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if a.listener, err = net.Listen("tcp", a.config.now().HTTP.Listen); err != nil {
		return fmt.Errorf("listen on http.listen %s: %w", a.config.now().HTTP.Listen, err)
	}
	a.started = a.now()
	// Work outlives the context that starts it; Stop ends it.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.onStop("context", func(context.Context) error { cancel(); return nil })
	if err := a.recordConfig(ctx, a.config.now().Config, nil); err != nil {
		a.log.Error("what changed in the configuration cannot be written down", zap.Error(err))
	}
	a.anchor(life)

	if err := a.jobs.Start(life); err != nil {
		return fmt.Errorf("start the jobs: %w", err)
	}
	a.onStop("jobs", func(ctx context.Context) error { a.bot.Close(); return a.jobs.Stop(ctx) })
	// The schedule begins when a leader is found; the first poll need not wait for that.
	if err := a.jobs.Nudge(ctx); err != nil {
		return fmt.Errorf("ask for the first poll: %w", err)
	}
	a.onStop("answers", func(context.Context) error { a.bot.Wait(); return nil })

	a.serve()
	if a.socket != nil {
		a.link(life)
	}
	a.greet(life)
	a.watch(life)
	return nil
}

// serve begins to answer HTTP.
func (a *App) serve() {
	mux := http.NewServeMux()
	a.health(mux)
	mux.Handle("GET /metrics", a.metrics.Handler())
	if a.config.now().Slack.Transport == config.TransportHTTP {
		bot.NewHTTP(a.bot, a.config.signingSecrets, a.log.Named("slack")).Register(mux)
	}
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: zap.NewStdLog(a.log.Named("http"))}
	go func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serve HTTP on %s: %w", a.listener.Addr(), err)
		}
	}()
	a.onStop("http", a.server.Shutdown)
	a.log.Info("listening", zap.String("address", a.Addr()), zap.String("transport", a.config.now().Slack.Transport))
}

// link begins to keep the Socket Mode link.
func (a *App) link(life context.Context) {
	ctx, cancel := context.WithCancel(life)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.socket.Run(ctx)
	}()
	a.onStop("slack link", func(ctx context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Addr returns the address of the HTTP listener once Start has returned.
func (a *App) Addr() string {
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

// Wait delivers the error that ends the service on its own, should there be one.
func (a *App) Wait() <-chan error { return a.failed }

func (a *App) onStop(name string, stop func(context.Context) error) {
	a.ends = append(a.ends, end{name, stop})
}

// Stop ends everything in the reverse order of its beginning, under one deadline.
// It can be called again, and after a failed New or Start.
func (a *App) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	var errs []error
	for len(a.ends) > 0 {
		last := a.ends[len(a.ends)-1]
		a.ends = a.ends[:len(a.ends)-1]
		if err := last.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}

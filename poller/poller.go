// Package poller notices: one pass walks a source's list to its end, compares it
// with what is remembered, and asks the source about every difference. What is
// new is remembered together with the channels it belongs to; what is gone is
// settled with what the source says became of it. Posting and updating cards is
// not its business: the store's jobs do that.
//
// A walk that breaks off closes nothing, and absence from a complete walk is
// only a reason to ask (promise P6). There are never two passes at once.
package poller

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Config says what a Poller works with. All fields are required but those with a default.
type Config struct {
	// Sources are the queues, asked for at the beginning of each pass.
	Sources func() []approval.Source
	Store   *store.Store
	// Route tells where a request is shown. No route means that none takes it. With an
	// error the request is left for the next pass.
	Route func(context.Context, approval.Request) (store.Placement, error)
	// Routed reports whether a route of that name exists. Pending requests whose
	// route is gone, or that never had one, are routed anew.
	Routed func(name string) bool
	// Remind is asked about every pending request that was listed, the most urgent
	// first, whether people have to be told that it still waits.
	Remind func(context.Context, store.Known)
	// Follow is called once in a pass, to tell requesters what has become of their requests.
	Follow func(context.Context)
	// Rules fingerprints what the configuration says about requests. When it is not
	// what open requests were last placed by, each of them is placed anew.
	Rules func() Rules
	// Changed is told when a pending request asks something else than before.
	Changed func(ctx context.Context, before, after approval.Request)
	// Observe is told what each pass over a source did.
	Observe func(Report)
	// Unrouted is told of each request that no route takes, at every pass anew; to tell
	// people once is its affair.
	Unrouted func(context.Context, approval.Request)
	Log      *zap.Logger
	// Keep says how long settled requests are remembered; 0, and the default, is for
	// ever. The audit log is kept in any case.
	Keep func() time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Concurrency bounds the requests for details of one pass; default 4.
	Concurrency int
	// MissingPerPass bounds how many missing requests are asked for in one pass, so
	// that an empty list by mistake does not become a storm of questions; default 200.
	MissingPerPass int
}

// Poller performs passes.
type Poller struct {
	c    Config
	pass sync.Mutex

	pruned time.Time // guarded by pass
	placed Rules     // by which open requests were last placed, as far as is known; guarded by pass
	late   sync.Map  // of approval.ID: was being decided when the rules changed

	mu    sync.Mutex
	last  map[approval.Kind]Report
	began time.Time // of the pass that runs; zero when none does
}

// New returns a Poller.
func New(c Config) *Poller {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rules == nil {
		c.Rules = func() Rules { return Rules{} }
	}
	if c.Routed == nil {
		c.Routed = func(string) bool { return true }
	}
	if c.Remind == nil {
		c.Remind = func(context.Context, store.Known) {}
	}
	if c.Follow == nil {
		c.Follow = func(context.Context) {}
	}
	if c.Changed == nil {
		c.Changed = func(context.Context, approval.Request, approval.Request) {}
	}
	if c.Unrouted == nil {
		c.Unrouted = func(context.Context, approval.Request) {}
	}
	if c.Observe == nil {
		c.Observe = func(Report) {}
	}
	if c.Keep == nil {
		c.Keep = func() time.Duration { return 0 }
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 4
	}
	if c.MissingPerPass <= 0 {
		c.MissingPerPass = 200
	}
	return &Poller{c: c, last: map[approval.Kind]Report{}}
}

// Report tells what one pass over one source did.
type Report struct {
	Kind     approval.Kind `json:"kind"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took"`
	Listed   int           `json:"listed"`
	Skipped  int           `json:"skipped"`
	Appeared int           `json:"appeared"`
	Revised  int           `json:"revised"`
	Settled  int           `json:"settled"`
	Err      error         `json:"-"`
	// Succeeded is when a pass over this source last read the list to its end.
	Succeeded time.Time `json:"succeeded"`
}

// Reports returns the latest report of every source that was passed over.
func (p *Poller) Reports() []Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Report
	for _, s := range p.c.Sources() {
		if r, ok := p.last[s.Kind()]; ok {
			all = append(all, r)
		}
	}
	return all
}

// Running returns since when a pass runs in this process, zero if none does.
func (p *Poller) Running() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.began
}

func (p *Poller) running(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began = since
}

// Pass goes over every source once and then sweeps the store for work that has
// lost its job. Sources are independent: one that fails is reported and left
// alone. It does nothing when another pass is still running.
func (p *Poller) Pass(ctx context.Context) error {
	if !p.pass.TryLock() {
		return nil
	}
	defer p.pass.Unlock()
	p.running(p.c.Now())
	defer p.running(time.Time{})
	var errs []error
	var succeeded []approval.Kind
	t, err := p.transition(ctx)
	if err != nil {
		errs = append(errs, fmt.Errorf("find out whether the configuration has changed: %w", err))
	}
	done := true
	for _, s := range p.c.Sources() {
		done = p.follow(ctx, t, s.Kind()) && done
		r := p.source(ctx, s, t.rereads())
		done = done && (r.Err == nil || !t.rereads())
		p.remember(r)
		p.c.Observe(r)
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("poll %s requests: %w", s.Kind(), r.Err))
		} else {
			succeeded = append(succeeded, s.Kind())
		}
	}
	if t != nil && done && ctx.Err() == nil {
		errs = append(errs, p.moved(ctx, t))
	}
	p.c.Follow(ctx)
	// Also when time is up: this pass has ended, whatever it achieved.
	if err := p.c.Store.Passed(context.WithoutCancel(ctx), succeeded...); err != nil {
		errs = append(errs, err)
	}
	if _, err := p.c.Store.LapseClaims(ctx); err != nil {
		errs = append(errs, err)
	}
	if _, err := p.c.Store.Sweep(ctx); err != nil {
		errs = append(errs, fmt.Errorf("sweep: %w", err))
	}
	if err := p.prune(ctx); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// prune forgets what was settled long ago, once a day, or as long as there is more.
func (p *Poller) prune(ctx context.Context) error {
	now, keep := p.c.Now(), p.c.Keep()
	if keep <= 0 || now.Sub(p.pruned) < 24*time.Hour {
		return nil
	}
	n, more, err := p.c.Store.Prune(ctx, now.Add(-keep))
	if n > 0 {
		p.c.Log.Info("old requests forgotten", zap.Int64("requests", n), zap.Duration("settled_longer_ago_than", keep))
	}
	if err != nil {
		return fmt.Errorf("forget old requests: %w", err)
	}
	if !more {
		p.pruned = now
	}
	return nil
}

func (p *Poller) remember(r Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Err != nil {
		r.Succeeded = p.last[r.Kind].Succeeded
	}
	p.last[r.Kind] = r
	log := p.c.Log.With(zap.String("kind", string(r.Kind)), zap.Duration("took", r.Took))
	switch {
	case r.Err != nil:
		log.Error("poll failed; nothing is concluded from it", zap.Error(r.Err))
	case r.Appeared+r.Revised+r.Settled+r.Skipped > 0:
		log.Info("polled", zap.Int("listed", r.Listed), zap.Int("new", r.Appeared), zap.Int("changed", r.Revised), zap.Int("settled", r.Settled), zap.Int("skipped", r.Skipped))
	default:
		log.Debug("polled", zap.Int("listed", r.Listed))
	}
}

// source makes a pass over one source. With again, also what has not changed is read.
func (p *Poller) source(ctx context.Context, s approval.Source, again bool) (r Report) {
	r = Report{Kind: s.Kind(), At: p.c.Now().UTC()}
	defer func() { r.Took = p.c.Now().Sub(r.At) }()

	listed, skipped, err := p.walk(ctx, s)
	r.Listed, r.Skipped = len(listed), skipped
	if err != nil {
		r.Err = err
		return r
	}
	known, err := p.c.Store.Known(ctx, s.Kind())
	if err != nil {
		r.Err = err
		return r
	}
	d := Compare(known, listed)
	if again {
		d.Changed = d.all(listed)
	}
	rand.Shuffle(len(d.Missing), func(i, j int) { //nolint:gosec // an order is no secret
		d.Missing[i], d.Missing[j] = d.Missing[j], d.Missing[i]
	})
	d.Missing = d.Missing[:min(len(d.Missing), p.c.MissingPerPass)]

	r.Appeared = count(ctx, p.c.Concurrency, d.New, func(i approval.Item) bool { return p.appear(ctx, s, i) })
	r.Revised = count(ctx, p.c.Concurrency, d.Changed, func(i approval.Item) bool { return p.revise(ctx, s, i) })
	r.Settled = count(ctx, p.c.Concurrency, d.Missing, func(id approval.ID) bool { return p.settle(ctx, s, id) })
	count(ctx, p.c.Concurrency, slices.DeleteFunc(known, p.stays), func(k store.Known) bool { return p.reroute(ctx, k) })
	for _, k := range d.Waiting {
		if ctx.Err() != nil {
			break // the next pass goes on with what is due then
		}
		p.c.Remind(ctx, k)
	}
	r.Succeeded = r.At
	return r
}

// walk reads the list to its end. A row that cannot be understood is skipped
// with its reason; any other error makes the whole walk worthless.
func (p *Poller) walk(ctx context.Context, s approval.Source) (listed []approval.Item, skipped int, err error) {
	for item, err := range s.List(ctx) {
		if _, ok := errors.AsType[*approval.SkippedError](err); ok {
			skipped++
			p.c.Log.Warn("request skipped: Keyfactor's row could not be understood", zap.Error(err))
			continue
		}
		if err != nil {
			return listed, skipped, err
		}
		listed = append(listed, item)
	}
	return listed, skipped, ctx.Err()
}

// count runs do for every item with bounded concurrency and counts the yeses.
func count[T any](ctx context.Context, concurrency int, items []T, do func(T) bool) int {
	var (
		group errgroup.Group
		mu    sync.Mutex
		n     int
	)
	group.SetLimit(concurrency)
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if do(item) {
				mu.Lock()
				n++
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // do reports its own errors; one request's trouble is not another's
	return n
}

func (p *Poller) appear(ctx context.Context, s approval.Source, item approval.Item) bool {
	request := item.Request
	if request == nil {
		standing, err := s.Look(ctx, item.ID)
		if err != nil {
			p.c.Log.Warn("new request could not be read; the next poll tries again", zap.String("request", string(item.ID)), zap.Error(err))
			return false
		}
		if !standing.Waiting {
			return false // decided between the list and the question
		}
		request = &standing.Request
	}
	place, err := p.c.Route(ctx, *request)
	if err != nil {
		p.c.Log.Error("new request could not be routed; the next poll tries again", zap.String("request", string(item.ID)), zap.Error(err))
		return false
	}
	created, err := p.c.Store.Appear(ctx, *request, place)
	if err != nil {
		p.c.Log.Error("new request could not be recorded; the next poll tries again", zap.String("request", string(item.ID)), zap.Error(err))
		return false
	}
	if !created {
		return p.reopen(ctx, *request, place)
	}
	if place.Route == "" {
		p.c.Log.Warn("no route takes this request, so nobody is asked; add a route for it", zap.String("request", string(item.ID)), zap.String("title", approval.Clip(request.Title, 200)))
		p.c.Unrouted(ctx, *request)
	}
	return true
}

// reopen handles a request that we had closed and that waits all the same.
func (p *Poller) reopen(ctx context.Context, request approval.Request, place store.Placement) bool {
	reopened, err := p.c.Store.Reopen(ctx, request, place)
	if err != nil {
		p.c.Log.Error("request that waits again could not be reopened; the next poll tries again", zap.String("request", string(request.ID)), zap.Error(err))
	}
	if reopened {
		p.c.Log.Info("request waits again and is reopened", zap.String("request", string(request.ID)))
	}
	return reopened
}

// stays reports whether a request is where it belongs, as nearly all are.
func (p *Poller) stays(k store.Known) bool {
	_, late := p.late.Load(k.ID)
	return k.State != approval.Pending || k.Route != "" && p.c.Routed(k.Route) && !late
}

// reroute takes up a configuration that has changed since the request was placed.
func (p *Poller) reroute(ctx context.Context, k store.Known) bool {
	p.late.Delete(k.ID)
	record, err := p.c.Store.Request(ctx, k.ID)
	if err != nil {
		p.c.Log.Error("request could not be routed anew", zap.String("request", string(k.ID)), zap.Error(err))
		return false
	}
	place, err := p.c.Route(ctx, record.Request)
	if err != nil {
		p.c.Log.Error("request could not be routed anew", zap.String("request", string(k.ID)), zap.Error(err))
		return false
	}
	if place.Route == "" && k.Route == "" {
		p.c.Unrouted(ctx, record.Request) // again: whoever was to be told may not have been
	}
	if place.Route == "" || place.Route == k.Route {
		return false
	}
	moved, err := p.c.Store.Reroute(ctx, k.ID, place)
	if err != nil {
		p.c.Log.Error("request could not be routed anew", zap.String("request", string(k.ID)), zap.Error(err))
	}
	return moved
}

func (p *Poller) revise(ctx context.Context, s approval.Source, item approval.Item) bool {
	request := item.Request
	if request == nil {
		standing, err := s.Look(ctx, item.ID)
		if err != nil {
			p.c.Log.Warn("changed request could not be read; the next poll tries again", zap.String("request", string(item.ID)), zap.Error(err))
			return false
		}
		if !standing.Waiting {
			return p.close(ctx, item.ID, standing.Outcome)
		}
		request = &standing.Request
	}
	before, err := p.c.Store.Request(ctx, item.ID)
	if err != nil {
		p.c.Log.Error("changed request could not be looked up; the next poll tries again", zap.String("request", string(item.ID)), zap.Error(err))
		return false
	}
	revised, err := p.c.Store.Revise(ctx, *request)
	if err != nil {
		p.c.Log.Error("change could not be recorded; the next poll tries again", zap.String("request", string(item.ID)), zap.Error(err))
		return false
	}
	if revised && before.Request.Digest() != request.Digest() {
		p.c.Changed(ctx, before.Request, *request)
	}
	return revised
}

func (p *Poller) settle(ctx context.Context, s approval.Source, id approval.ID) bool {
	standing, err := s.Look(ctx, id)
	if err != nil {
		p.c.Log.Warn("missing request could not be read; it stays as it is", zap.String("request", string(id)), zap.Error(err))
		return false
	}
	if standing.Waiting {
		return false // still waits, only not for us at this moment
	}
	return p.close(ctx, id, standing.Outcome)
}

func (p *Poller) close(ctx context.Context, id approval.ID, outcome approval.Outcome) bool {
	if outcome.At.IsZero() {
		outcome.At = p.c.Now().UTC()
	}
	settled, err := p.c.Store.Settle(ctx, id, outcome)
	if err != nil {
		p.c.Log.Error("outcome could not be recorded; the next poll tries again", zap.String("request", string(id)), zap.Error(err))
	}
	return settled
}

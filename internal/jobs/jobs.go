// Package jobs has River ring the bell: it takes the jobs that package store
// inserts and calls the room that does the work.
//
//	queue    workers  job               inserted
//	poll     1        poll              by the schedule, on one replica; Nudge
//	post     20       post{channel}     when a request appears; one at a time per channel
//	refresh  4        refresh{card}     when a card no longer shows the truth
//	reply    2        reply{message}    when something belongs into a card's thread
//	signal   20       signal{decision}  when a person has decided
//
// Every kind has its own queue, so a click never waits behind posts.
//
// A job whose work returned nil is completed together with a look at its row
// ([store.Complete]); if there is more to do the work is called again. An error
// that knows when to try again ([approval.RetryAfter]) is obeyed and costs no
// attempt; any other waits 1 s, 2 s, 4 s, up to a minute. A poll that fails is
// not repeated: the next tick does that.
//
// River rescues a job whose process died when its time is over. So that it never
// takes a living one for dead, the work is told to end well before that.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/robfig/cron/v3"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Work is what the jobs do. All functions are required, and safe for concurrent use.
type Work struct {
	// Poll makes one pass over all sources.
	Poll func(context.Context) error
	// Post works the queue of a channel until it is empty or the context is nearly done.
	Post func(ctx context.Context, channel string) error
	// Refresh redraws one card.
	Refresh func(ctx context.Context, id approval.ID, channel string) error
	// Reply posts one message into a card's thread.
	Reply func(ctx context.Context, id approval.ID, channel, key string) error
	// Signal carries one decision to Keyfactor, or finds out what became of it.
	Signal func(ctx context.Context, decisionID string) error
}

// Timeouts say how long one call of each function may take; its context ends then.
type Timeouts struct {
	Poll    time.Duration // default 2 minutes
	Post    time.Duration // default 20 s
	Refresh time.Duration // default 15 s
	Reply   time.Duration // default 15 s
	Signal  time.Duration // default 15 s; more than Keyfactor may take to answer
}

// Config of New.
type Config struct {
	Store *store.Store // required
	// Schedule says when to poll; required. It is asked after each tick, so it may change its mind.
	Schedule cron.Schedule
	Work     Work
	Log      *zap.Logger // nil discards
	Timeouts Timeouts
	// Observe is told how each attempt at a job ended, [Done], [Again] or [Failed], and
	// how long it took; nil tells nobody.
	Observe func(kind, result string, took time.Duration)
	// SoftStop is how long Stop lets work go on before it cancels it; default 10 s.
	SoftStop time.Duration
}

// The ends of an attempt.
const (
	Done   = "done"
	Again  = "again"  // it knows when to try again, or there is more to do
	Failed = "failed" // an error; it is tried again with back-off
)

// Runner works the jobs of one process.
type Runner struct {
	store  *store.Store
	client *river.Client[*sql.Tx]
	log    *zap.Logger

	schedule cron.Schedule
	softStop time.Duration

	mu      sync.Mutex
	unwatch context.CancelFunc
	watched sync.WaitGroup
}

// rescueAfter is when River begins to ask whether a running job is dead; each
// worker's own Timeout answers.
const rescueAfter = 20 * time.Second

// New prepares a runner.
func New(c Config) (*Runner, error) {
	if c.Store == nil || c.Schedule == nil {
		return nil, errors.New("jobs: Store and Schedule are required")
	}
	w := c.Work
	if w.Poll == nil || w.Post == nil || w.Refresh == nil || w.Reply == nil || w.Signal == nil {
		return nil, errors.New("jobs: every function of Work is required")
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Observe == nil {
		c.Observe = func(string, string, time.Duration) {}
	}
	orDefault(&c.SoftStop, 10*time.Second)
	orDefault(&c.Timeouts.Poll, 2*time.Minute)
	orDefault(&c.Timeouts.Post, 20*time.Second)
	orDefault(&c.Timeouts.Refresh, 15*time.Second)
	orDefault(&c.Timeouts.Reply, 15*time.Second)
	orDefault(&c.Timeouts.Signal, 15*time.Second)

	r := &Runner{store: c.Store, log: c.Log, schedule: c.Schedule, softStop: c.SoftStop}
	workers := river.NewWorkers()
	err := errors.Join(
		river.AddWorkerSafely(workers, &pollWorker{store: c.Store, observe: c.Observe, log: c.Log, budget: c.Timeouts.Poll, poll: w.Poll}),
		river.AddWorkerSafely(workers, &worker[store.PostJob]{store: c.Store, observe: c.Observe, budget: c.Timeouts.Post,
			work: func(ctx context.Context, j store.PostJob) error { return w.Post(ctx, j.Channel) }}),
		river.AddWorkerSafely(workers, &worker[store.RefreshJob]{store: c.Store, observe: c.Observe, budget: c.Timeouts.Refresh,
			work: func(ctx context.Context, j store.RefreshJob) error { return w.Refresh(ctx, j.Request, j.Channel) }}),
		river.AddWorkerSafely(workers, &worker[store.ReplyJob]{store: c.Store, observe: c.Observe, budget: c.Timeouts.Reply,
			work: func(ctx context.Context, j store.ReplyJob) error {
				return w.Reply(ctx, j.Request, j.Channel, j.Key)
			}}),
		river.AddWorkerSafely(workers, &worker[store.SignalJob]{store: c.Store, observe: c.Observe, budget: c.Timeouts.Signal,
			work: func(ctx context.Context, j store.SignalJob) error { return w.Signal(ctx, j.Decision) }}),
	)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	r.client, err = river.NewClient(c.Store.Driver(), &river.Config{
		FetchCooldown:               5 * time.Millisecond, // the default of 100 ms would be the tail of every click
		JobTimeout:                  rescueAfter - margin, // every worker has its own
		RescueStuckJobsAfter:        rescueAfter,
		SoftStopTimeout:             c.SoftStop,
		CompletedJobRetentionPeriod: time.Hour,
		DiscardedJobRetentionPeriod: 24 * time.Hour,
		ErrorHandler:                &reporter{c.Log},
		Logger:                      slog.New(quiet(c.Log)),
		Workers:                     workers,
		Queues: map[string]river.QueueConfig{
			store.QueuePoll:    {MaxWorkers: 1},
			store.QueuePost:    {MaxWorkers: 20},
			store.QueueRefresh: {MaxWorkers: 4},
			store.QueueReply:   {MaxWorkers: 2},
			store.QueueSignal:  {MaxWorkers: 20},
		},
		PeriodicJobs: []*river.PeriodicJob{polls(c.Schedule)},
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return r, nil
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Start begins to work, with a poll. The end of ctx does not end it; Stop does.
func (r *Runner) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := r.client.Start(ctx); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, r.unwatch = context.WithCancel(ctx)
	r.watched.Go(func() { r.watch(ctx) })
	// A new leader takes a few seconds until its first poll; people should not wait.
	if err := r.Nudge(ctx); err != nil {
		r.log.Debug("cannot ask for the first poll; the leader will", zap.Error(err))
	}
	return nil
}

// Stop takes no new job, lets running ones go on for the time of SoftStop, then
// cancels them, and returns when all have ended. Cancelled jobs are taken up
// again by the next process or another replica. If ctx ends before, running jobs
// are cancelled at once, and Stop waits a little longer for them.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	if r.unwatch != nil {
		r.unwatch()
	}
	r.mu.Unlock()
	r.watched.Wait()

	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.softStop+5*time.Second)
	defer cancel()
	if err := r.client.Stop(ctx); err != nil && r.client.StopAndCancel(last) != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	// River's next leader takes a few seconds until its first poll. This one is for
	// whichever replica comes first, or for our own next start.
	if err := r.Nudge(last); err != nil {
		r.log.Debug("cannot hand the poll over; the next leader starts it", zap.Error(err))
	}
	return nil
}

// pollID names the periodic job.
const pollID = "poll"

func polls(schedule cron.Schedule) *river.PeriodicJob {
	return river.NewPeriodicJob(schedule, func() (river.JobArgs, *river.InsertOpts) { return store.PollJob{}, nil },
		&river.PeriodicJobOpts{ID: pollID, RunOnStart: true})
}

// Reschedule asks the schedule anew for the next poll. It has changed its mind,
// and a poll that it once wanted in a week is now wanted in a minute.
func (r *Runner) Reschedule() error {
	r.client.PeriodicJobs().RemoveByID(pollID)
	if _, err := r.client.PeriodicJobs().AddSafely(polls(r.schedule)); err != nil {
		return fmt.Errorf("schedule polls anew: %w", err)
	}
	return nil
}

// Nudge asks for a poll now, unless one is under way.
func (r *Runner) Nudge(ctx context.Context) error {
	return r.store.Enqueue(ctx, store.PollJob{})
}

// watch clears the way for the next poll when a replica died during one.
func (r *Runner) watch(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for { // at once, too: where replicas die often, none lives for a tick
		switch cleared, err := r.store.ClearDeadPoll(ctx); {
		case err != nil && ctx.Err() == nil:
			r.log.Debug("cannot look after dead polls", zap.Error(err))
		case cleared:
			r.log.Warn("another replica died while it polled; polling goes on")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

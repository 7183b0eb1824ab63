package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// margin is what lies between the end of the work's context and the moment from
// which River takes a job for dead: time to come back, and to write that down.
const margin = 5 * time.Second

// rest is how long a job waits that was worked and still is not done.
const rest = time.Second

// worker works the jobs of one kind.
type worker[T store.Job] struct {
	river.WorkerDefaults[T]
	store   *store.Store
	observe func(kind, result string, took time.Duration)
	budget  time.Duration
	work    func(context.Context, T) error
}

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.budget + margin }

func (w *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	return time.Now().Add(backoff(job.Attempt))
}

// Work makes one attempt.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	begun, end := time.Now(), Failed // should it panic
	defer func() { w.observe(job.Kind, end, time.Since(begun)) }()
	err := w.attempt(ctx, job)
	end = result(err)
	return err
}

func result(err error) string {
	_, snoozed := errors.AsType[*river.JobSnoozeError](err)
	switch {
	case err == nil:
		return Done
	case snoozed:
		return Again
	}
	return Failed
}

// attempt calls twice at most: the second time for what came while the first looked away.
func (w *worker[T]) attempt(ctx context.Context, job *river.Job[T]) error {
	within, cancel := context.WithTimeout(ctx, w.budget)
	defer cancel()
	for range 2 {
		if err := w.work(within, job.Args); err != nil {
			return again(err)
		}
		if done, err := store.Complete(ctx, w.store, job); err != nil || done {
			return err
		}
		if within.Err() != nil {
			break
		}
	}
	return river.JobSnooze(rest)
}

// again says when to try again what did not work. An error that could know when
// and does not is one like any other.
func again(err error) error {
	var later approval.RetryAfter
	if errors.As(err, &later) && later.RetryAfter() > 0 {
		return river.JobSnooze(later.RetryAfter())
	}
	return err
}

// backoff is 1 s, 2 s, 4 s, … at most a minute, give or take a fifth, so that
// what failed together does not come back together.
func backoff(attempt int) time.Duration {
	d := time.Minute
	if attempt < 7 {
		d = min(d, time.Second<<max(0, attempt-1))
	}
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // jitter is no secret
}

// pollWorker makes one pass. What goes wrong is told here and not repeated.
type pollWorker struct {
	river.WorkerDefaults[store.PollJob]
	store   *store.Store
	observe func(kind, result string, took time.Duration)
	log     *zap.Logger
	budget  time.Duration
	poll    func(context.Context) error
}

func (w *pollWorker) Timeout(*river.Job[store.PollJob]) time.Duration { return w.budget + margin }

func (w *pollWorker) Work(ctx context.Context, job *river.Job[store.PollJob]) error {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.budget)
	defer cancel()
	err := w.store.Polling(ctx, w.poll)
	if err != nil {
		w.log.Warn("poll failed; the next one tries again", zap.Error(err))
	}
	w.observe(job.Kind, result(err), time.Since(begun))
	return nil
}

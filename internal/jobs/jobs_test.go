package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/jobs"
	"github.com/approvebot/approvebot/internal/store"
)

func TestAClickIsWorkedToItsEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		ctx := t.Context()
		r := request("a")
		posted, replied := make(chan string, 1), make(chan string, 4)
		run(t, s, jobs.Work{
			Post: func(ctx context.Context, channel string) error {
				c, rec, err := s.NextPost(ctx, channel)
				if err != nil {
					return err
				}
				err = s.Posted(ctx, c.Request, channel, "C1", "1", rec.Version)
				posted <- channel
				return err
			},
			Reply: func(ctx context.Context, id approval.ID, channel, key string) error {
				err := s.Replied(ctx, id, channel, key, "ts-"+key)
				replied <- key
				return err
			},
			Signal: func(ctx context.Context, id string) error {
				_, first, err := s.StartSignal(ctx, id)
				if err != nil || !first {
					return errors.Join(err, errors.New("not the first"))
				}
				return s.Finish(ctx, id, approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere}, store.Reply{Key: "2-done", Body: []byte("{}")})
			},
		}, nil)
		_, err := s.Appear(ctx, r, store.Placement{Channels: []string{"#pki"}})
		require.NoError(t, err)
		require.Equal(t, "#pki", heard(t, posted))
		require.NoError(t, s.Decide(ctx, approval.Decision{ID: "d", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}, store.Reply{Key: "1-decided", Body: []byte("{}")}))
		require.Equal(t, "1-decided", heard(t, replied))
		require.Equal(t, "2-done", heard(t, replied))
		require.Eventually(t, func() bool {
			rec, err := s.Request(ctx, r.ID)
			return err == nil && rec.State == approval.Approved && rec.Cards[0].ShownVersion == rec.Version
		}, 10*time.Second, 5*time.Millisecond, "the card shows the end")
	})
}

type later struct{ after time.Duration }

func (l later) Error() string             { return "ratelimited" }
func (l later) RetryAfter() time.Duration { return l.after }

func TestARetryAfterIsObeyedAndOtherErrorsAreRepeated(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		core, logs := observer.New(zap.InfoLevel)
		var calls atomic.Int32
		at := make(chan time.Time, 10)
		run(t, s, jobs.Work{Signal: func(ctx context.Context, id string) error {
			at <- time.Now()
			switch calls.Add(1) {
			case 1:
				return fmt.Errorf("ask Keyfactor: %w", later{1500 * time.Millisecond})
			case 2:
				return errors.New("connection reset")
			case 3:
				panic("out of cheese")
			}
			return s.Finish(ctx, id, approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere})
		}}, zap.New(core))
		decide(t, s, "d")
		first, second, third, fourth := heard(t, at), heard(t, at), heard(t, at), heard(t, at)
		require.GreaterOrEqual(t, second.Sub(first), 1500*time.Millisecond)
		require.GreaterOrEqual(t, third.Sub(second), 800*time.Millisecond, "the first attempt that counts: 1 s, give or take a fifth")
		require.Less(t, fourth.Sub(third), 10*time.Second)
		failed := logs.FilterMessage("job failed; it is tried again").All()
		require.Len(t, failed, 1, "being told to wait is not a failure")
		require.Equal(t, "connection reset", failed[0].ContextMap()["error"])
		require.EqualValues(t, 1, failed[0].ContextMap()["attempt"])
		require.Len(t, logs.FilterMessage("job panicked; it is tried again").All(), 1)
	})
}

// The worker has looked for the last time, and its job still "runs", when the
// request changes: the job for that change is skipped as a duplicate.
func TestAChangeBehindTheWorkersBackIsNotLost(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		ctx := t.Context()
		r := request("a")
		_, err := s.Appear(ctx, r, store.Placement{Channels: []string{"#pki"}})
		require.NoError(t, err)
		require.NoError(t, s.Posted(ctx, r.ID, "#pki", "C1", "1", 1))
		drawn := make(chan int64, 10)
		run(t, s, jobs.Work{
			Post: func(context.Context, string) error { return nil },
			Refresh: func(ctx context.Context, id approval.ID, channel string) error {
				rec, err := s.Request(ctx, id)
				if err != nil {
					return err
				}
				if _, err = s.Shown(ctx, id, channel, rec.Version); err != nil {
					return err
				}
				if rec.Version == 2 {
					next := r
					next.Status = "and again"
					if _, err := s.Revise(ctx, next); err != nil {
						return err
					}
				}
				drawn <- rec.Version
				return nil
			}}, nil)
		next := r
		next.Status = "changed"
		_, err = s.Revise(ctx, next)
		require.NoError(t, err)
		require.EqualValues(t, 2, heard(t, drawn))
		require.EqualValues(t, 3, heard(t, drawn))
	})
}

func TestACardThatAppearsWhileTheLastOneIsPostedIsNotLost(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		ctx := t.Context()
		done := make(chan approval.ID, 10)
		var once atomic.Bool
		run(t, s, jobs.Work{Post: func(ctx context.Context, channel string) error {
			for {
				c, _, err := s.NextPost(ctx, channel)
				if errors.Is(err, store.ErrNotFound) {
					if once.CompareAndSwap(false, true) {
						_, err = s.Appear(ctx, request("late"), store.Placement{Channels: []string{channel}})
						return err
					}
					return nil
				}
				if err != nil {
					return err
				}
				if err := s.Posted(ctx, c.Request, channel, "C1", string(c.Request), 1); err != nil {
					return err
				}
				done <- c.Request
			}
		}}, nil)
		_, err := s.Appear(ctx, request("early"), store.Placement{Channels: []string{"#pki"}})
		require.NoError(t, err)
		require.Equal(t, request("early").ID, heard(t, done))
		require.Equal(t, request("late").ID, heard(t, done))
	})
}

func TestPollsRunAtStartOnNudgeAndNeverTwoAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		began, end := make(chan struct{}, 10), make(chan error)
		var running atomic.Int32
		r := run(t, s, jobs.Work{Poll: func(ctx context.Context) error {
			if running.Add(1) > 1 {
				t.Error("two polls at once")
			}
			defer running.Add(-1)
			began <- struct{}{}
			return <-end
		}}, nil)
		heard(t, began) // at the start
		for range 3 {
			require.NoError(t, r.Nudge(t.Context()), "one is under way")
		}
		end <- errors.New("Keyfactor is away")
		require.Eventually(t, func() bool {
			// Until the first is over a nudge finds it running.
			require.NoError(t, r.Nudge(t.Context()))
			return len(began) == 1
		}, 10*time.Second, 20*time.Millisecond, "a failed poll does not stop polling")
		end <- nil
		close(end)
	})
}

func TestStopWaitsThenCancels(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		began, ended := make(chan struct{}, 2), make(chan error, 2)
		r, err := jobs.New(jobs.Config{Store: s, Schedule: never{}, SoftStop: 100 * time.Millisecond, Work: jobs.Work{
			Poll:    func(context.Context) error { return nil },
			Post:    func(context.Context, string) error { return nil },
			Refresh: func(context.Context, approval.ID, string) error { return nil },
			Reply:   func(context.Context, approval.ID, string, string) error { return nil },
			Signal: func(ctx context.Context, _ string) error {
				began <- struct{}{}
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			},
		}})
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context()))
		decide(t, s, "d")
		heard(t, began)
		require.NoError(t, r.Stop(t.Context()))
		require.Len(t, ended, 1, "Stop returns after the work has ended")

		// The next process takes the job up at once.
		signalled := make(chan string, 1)
		run(t, s, jobs.Work{Signal: func(ctx context.Context, id string) error {
			signalled <- id
			return s.Finish(ctx, id, approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere})
		}}, nil)
		require.Equal(t, "d", heard(t, signalled))
	})
}

func TestEverythingIsRequired(t *testing.T) {
	t.Parallel()
	_, err := jobs.New(jobs.Config{})
	require.ErrorContains(t, err, "Store and Schedule are required")
}

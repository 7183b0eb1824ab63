package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/approvebot/approvebot/internal/approval"
)

// Job is the arguments of a River job. They hold identifiers only: a worker
// reads the row. The kinds are schema: a job of a kind that a release no longer
// knows is thrown away by River, and repaired by the sweep.
type Job interface {
	river.JobArgs
	river.JobArgsWithInsertOpts
	// key orders jobs of one kind and tells them apart.
	key() string
	// open reports whether there is still something to do.
	open(ctx context.Context, tx *sql.Tx) (bool, error)
}

// The queues. Each has its own workers, so that a click never waits behind posts.
const (
	QueuePoll    = "poll"
	QueuePost    = "post"
	QueueRefresh = "refresh"
	QueueReply   = "reply"
	QueueSignal  = "signal"
)

// maxAttempts does not decide when something is over; rows do. A job that used
// them up (after an hour and a half) is replaced by the next sweep; without an end
// River would carry the errors of all attempts along.
const maxAttempts = 100

func options(queue string, attempts int) river.InsertOpts {
	return river.InsertOpts{
		Queue:       queue,
		MaxAttempts: attempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
			rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	}
}

// PollJob asks for one pass over all sources. The next tick is its retry.
type PollJob struct{}

// Kind implements river.JobArgs.
func (PollJob) Kind() string { return "poll" }

// InsertOpts makes a second one wait for the first.
func (PollJob) InsertOpts() river.InsertOpts                { return options(QueuePoll, 1) }
func (PollJob) key() string                                 { return "" }
func (PollJob) open(context.Context, *sql.Tx) (bool, error) { return false, nil }

// PostJob works the cards that wait for one channel, one after the other.
type PostJob struct {
	Channel string `json:"channel"`
}

// Kind implements river.JobArgs.
func (PostJob) Kind() string { return "post" }

// InsertOpts allows one at a time for a channel.
func (PostJob) InsertOpts() river.InsertOpts { return options(QueuePost, maxAttempts) }
func (j PostJob) key() string                { return j.Channel }
func (j PostJob) open(ctx context.Context, tx *sql.Tx) (bool, error) {
	return exists(ctx, tx, `SELECT 1 FROM card WHERE channel = $1 AND posted_at IS NULL AND failed_at IS NULL LIMIT 1`, j.Channel)
}

// RefreshJob redraws one card.
type RefreshJob struct {
	Request approval.ID `json:"request"`
	Channel string      `json:"channel"`
}

// Kind implements river.JobArgs.
func (RefreshJob) Kind() string { return "refresh" }

// InsertOpts allows one at a time for a card.
func (RefreshJob) InsertOpts() river.InsertOpts { return options(QueueRefresh, maxAttempts) }
func (j RefreshJob) key() string                { return string(j.Request) + "\x00" + j.Channel }
func (j RefreshJob) open(ctx context.Context, tx *sql.Tx) (bool, error) {
	return exists(ctx, tx, `SELECT 1 FROM card c JOIN request r ON r.id = c.request_id
		WHERE c.request_id = $1 AND c.channel = $2
		  AND c.posted_at IS NOT NULL AND c.failed_at IS NULL AND c.shown_version < r.version`, string(j.Request), j.Channel)
}

// ReplyJob posts one message into a card's thread, or to a person.
type ReplyJob struct {
	Request approval.ID `json:"request"`
	Channel string      `json:"channel"`
	Key     string      `json:"key"`
}

// Kind implements river.JobArgs.
func (ReplyJob) Kind() string { return "reply" }

// InsertOpts allows one at a time for a reply.
func (ReplyJob) InsertOpts() river.InsertOpts { return options(QueueReply, maxAttempts) }
func (j ReplyJob) key() string                { return string(j.Request) + "\x00" + j.Channel + "\x00" + j.Key }
func (j ReplyJob) open(ctx context.Context, tx *sql.Tx) (bool, error) {
	return exists(ctx, tx, `SELECT 1 FROM reply p LEFT JOIN card c ON c.request_id = p.request_id AND c.channel = p.channel
		WHERE p.request_id = $1 AND p.channel = $2 AND p.key = $3
		  AND p.posted_at IS NULL AND p.failed_at IS NULL
		  AND (p.direct OR c.posted_at IS NOT NULL AND c.failed_at IS NULL)`, string(j.Request), j.Channel, j.Key)
}

// SignalJob carries one decision to Keyfactor and follows it until it is settled.
type SignalJob struct {
	Decision string `json:"decision"`
}

// Kind implements river.JobArgs.
func (SignalJob) Kind() string { return "signal" }

// InsertOpts allows one at a time for a decision.
func (SignalJob) InsertOpts() river.InsertOpts { return options(QueueSignal, maxAttempts) }
func (j SignalJob) key() string                { return j.Decision }
func (j SignalJob) open(ctx context.Context, tx *sql.Tx) (bool, error) {
	return exists(ctx, tx, `SELECT 1 FROM decision WHERE id = $1 AND finished_at IS NULL AND failed_at IS NULL`, j.Decision)
}

func exists(ctx context.Context, tx *sql.Tx, query string, args ...any) (bool, error) {
	var one int
	switch err := tx.QueryRowContext(ctx, query, args...).Scan(&one); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// Driver is the way to the database for River's client in package jobs.
func (s *Store) Driver() riverdriver.Driver[*sql.Tx] { return s.engine.driver }

// errOpen rolls a completion back.
var errOpen = errors.New("there is more to do")

// Complete ends a running job if its row says that nothing is left to do, and
// reports whether it did. It must be called with the context of the job.
//
// The job's row is written before the row of ours is read. Whoever makes new
// work meanwhile either holds the job's row, and we wait and see that work, or
// waits for us, and then inserts a job of its own.
func Complete[T Job](ctx context.Context, s *Store, job *river.Job[T]) (bool, error) {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if err := s.engine.complete(ctx, u.tx, job.JobRow); err != nil {
			return err
		}
		open, err := job.Args.open(ctx, u.tx)
		if err != nil {
			return err
		}
		if open {
			return errOpen
		}
		return nil
	})
	switch {
	case errors.Is(err, errOpen):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("complete job %d (%s): %w", job.ID, job.Kind, err)
	}
	return true, nil
}

// anyJob lets JobCompleteTx work on a job without knowing its arguments.
type anyJob map[string]any

func (anyJob) Kind() string { return "" }

func completeWith[D riverdriver.Driver[*sql.Tx]](ctx context.Context, tx *sql.Tx, row *rivertype.JobRow) error {
	_, err := river.JobCompleteTx[D](ctx, tx, &river.Job[anyJob]{JobRow: row})
	// Cleaned away, or rescued and finished by somebody else: nothing left for us.
	if errors.Is(err, rivertype.ErrNotFound) {
		return nil
	}
	return err
}

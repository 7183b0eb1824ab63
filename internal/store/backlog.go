package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Backlog is what waits, for those who watch the service.
type Backlog struct {
	// Pending are the requests that are not settled, by route; the route is empty
	// where none takes them.
	Pending []PendingRequests
	// Outbox is what is to be said or sent and has not been yet.
	Outbox []Outgoing
	// AuditEntries is the length of the audit log.
	AuditEntries int64
	// Passes tells when Keyfactor was last looked at, by whichever replica.
	Passes Passes
}

// PendingRequests are those of one route.
type PendingRequests struct {
	Route string
	// Waited counts them by how long they have waited: Waited[0] less than the first
	// of [WaitSteps], Waited[1] less than the second, the last one all that is longer.
	Waited [len(WaitSteps) + 1]int
	// Oldest is when the first of them appeared.
	Oldest time.Time
}

// WaitSteps divide waiting requests by how long they have waited.
var WaitSteps = [...]time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// What an [Outgoing] can be, beside the kinds of jobs that packages add.
const (
	OutgoingPost    = "post"    // a card that is not in Slack yet
	OutgoingRefresh = "refresh" // a card that shows what is no longer true
	OutgoingReply   = "reply"   // a message for a card's thread
	OutgoingSignal  = "signal"  // a decision that Keyfactor has not taken yet
	OutgoingOutcome = "outcome" // a decision that Keyfactor took and whose request has not moved
)

// Outgoing is what waits of one kind.
type Outgoing struct {
	Kind   string
	Count  int
	Oldest time.Time // zero if nothing waits
}

// backlogQueries count with the help of partial indexes what waits, and none of them reads what is done.
var backlogQueries = map[string]string{
	// The last change of the request: a card of an old one may have been added today.
	OutgoingPost: `SELECT COUNT(*), MIN(r.updated_at) FROM card c JOIN request r ON r.id = c.request_id
		WHERE c.posted_at IS NULL AND c.failed_at IS NULL`,
	OutgoingReply: `SELECT COUNT(*), MIN(created_at) FROM reply WHERE posted_at IS NULL AND failed_at IS NULL`,
	OutgoingSignal: `SELECT COUNT(*), MIN(decided_at) FROM decision
		WHERE finished_at IS NULL AND failed_at IS NULL AND sent_at IS NULL`,
	OutgoingOutcome: `SELECT COUNT(*), MIN(sent_at) FROM decision
		WHERE finished_at IS NULL AND failed_at IS NULL AND sent_at IS NOT NULL`,
}

// Backlog counts what waits at this moment.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if b.Pending, err = s.pendingByRoute(ctx, tx); err != nil {
			return err
		}
		if b.Outbox, err = outbox(ctx, tx); err != nil {
			return err
		}
		if b.Passes, err = passes(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT seq FROM audit_head WHERE one = 1`).Scan(&b.AuditEntries)
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("count what waits: %w", err)
	}
	return b, nil
}

func (s *Store) pendingByRoute(ctx context.Context, tx *sql.Tx) (all []PendingRequests, err error) {
	now := s.now()
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var p PendingRequests
		var total int
		longer := make([]int, len(WaitSteps)) // than each step
		if err := rows.Scan(&p.Route, instant{&p.Oldest}, &total, &longer[0], &longer[1], &longer[2]); err != nil {
			return err
		}
		before := total
		for i, n := range longer {
			p.Waited[i] = before - n
			before = n
		}
		p.Waited[len(longer)] = before
		all = append(all, p)
		return nil
	}, `SELECT route, MIN(seen_at), COUNT(*),
			SUM(CASE WHEN seen_at <= $1 THEN 1 ELSE 0 END), SUM(CASE WHEN seen_at <= $2 THEN 1 ELSE 0 END), SUM(CASE WHEN seen_at <= $3 THEN 1 ELSE 0 END)
		FROM request WHERE settled_at IS NULL GROUP BY route ORDER BY route`,
		now.Add(-WaitSteps[0]), now.Add(-WaitSteps[1]), now.Add(-WaitSteps[2]))
	return all, err
}

func outbox(ctx context.Context, tx *sql.Tx) ([]Outgoing, error) {
	var all []Outgoing
	for _, kind := range []string{OutgoingPost, OutgoingReply, OutgoingSignal, OutgoingOutcome} {
		o := Outgoing{Kind: kind}
		if err := tx.QueryRowContext(ctx, backlogQueries[kind]).Scan(&o.Count, instant{&o.Oldest}); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	// Which cards have to be redrawn is told only by comparing all; their jobs know.
	refresh := Outgoing{Kind: OutgoingRefresh}
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var o Outgoing
		if err := rows.Scan(&o.Kind, &o.Count, instant{&o.Oldest}); err != nil {
			return err
		}
		if o.Kind == OutgoingRefresh {
			refresh = o
			return nil
		}
		all = append(all, o)
		return nil
	}, `SELECT kind, COUNT(*), MIN(created_at) FROM river_job
		WHERE state IN ('available', 'pending', 'running', 'retryable', 'scheduled') AND kind NOT IN ('poll', 'post', 'reply', 'signal')
		GROUP BY kind ORDER BY kind`)
	return append(all, refresh), err
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// localDriver is River's driver for SQLite with another way of telling that there
// is work. River's own writes notifications into a table and looks there every
// 50 ms, because several processes may work on one file. Ours are alone with
// theirs, which a lock guards, so they tell each other by a channel: a click waits
// for nothing, an idle service reads nothing, and the table stays empty.
//
// The bell may ring before the transaction that made the work is committed.
// Whoever hears it cannot look any earlier than that: there is one connection.
type localDriver struct {
	*riversqlite.Driver
	bell *bell
}

func newLocalDriver(db *sql.DB) *localDriver {
	return &localDriver{Driver: riversqlite.New(db), bell: &bell{hearers: map[*hearer]bool{}}}
}

func (d *localDriver) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &hearer{bell: d.bell, schema: p.Schema, topics: map[string]bool{}, heard: make(chan *riverdriver.Notification, 256)}
}

func (d *localDriver) GetExecutor() riverdriver.Executor {
	return executor{d.Driver.GetExecutor(), d.bell}
}

func (d *localDriver) UnwrapExecutor(tx *sql.Tx) riverdriver.ExecutorTx {
	return executorTx{d.Driver.UnwrapExecutor(tx), d.bell}
}

func (d *localDriver) UnwrapTx(tx riverdriver.ExecutorTx) *sql.Tx {
	if ours, ok := tx.(executorTx); ok {
		tx = ours.ExecutorTx
	}
	return d.Driver.UnwrapTx(tx)
}

type executor struct {
	riverdriver.Executor
	bell *bell
}

func (e executor) NotifyMany(_ context.Context, p *riverdriver.NotifyManyParams) error {
	e.bell.ring(p)
	return nil
}

func (e executor) Begin(ctx context.Context) (riverdriver.ExecutorTx, error) {
	return begun(e.Executor, e.bell, ctx)
}

type executorTx struct {
	riverdriver.ExecutorTx
	bell *bell
}

func (e executorTx) NotifyMany(_ context.Context, p *riverdriver.NotifyManyParams) error {
	e.bell.ring(p)
	return nil
}

func (e executorTx) Begin(ctx context.Context) (riverdriver.ExecutorTx, error) {
	return begun(e.ExecutorTx, e.bell, ctx)
}

func begun(e riverdriver.Executor, b *bell, ctx context.Context) (riverdriver.ExecutorTx, error) { //nolint:revive // the receiver of what it helps
	tx, err := e.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return executorTx{tx, b}, nil
}

// bell is heard by every listener of the process.
type bell struct {
	mu      sync.Mutex
	hearers map[*hearer]bool
}

func (b *bell) ring(p *riverdriver.NotifyManyParams) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.hearers {
		if !h.topics[p.Topic] {
			continue
		}
		for _, payload := range p.Payload {
			select {
			case h.heard <- &riverdriver.Notification{Topic: p.Topic, Payload: payload}:
			default: // that many wait already; River also looks by itself, every second
			}
		}
	}
}

// work rings for queues that have got jobs. River's client does so too, but leaves
// out what comes within a millisecond.
func (b *bell) work(queues []string) {
	p := &riverdriver.NotifyManyParams{Topic: "river_insert"}
	for _, name := range queues {
		p.Payload = append(p.Payload, fmt.Sprintf(`{"queue": %q}`, name))
	}
	b.ring(p)
}

// hearer is River's way to listen.
type hearer struct {
	bell   *bell
	schema string
	topics map[string]bool // guarded by the bell's mutex
	heard  chan *riverdriver.Notification
}

func (h *hearer) Connect(context.Context) error {
	h.bell.mu.Lock()
	defer h.bell.mu.Unlock()
	if h.bell.hearers[h] {
		return errors.New("listens already")
	}
	h.bell.hearers[h] = true
	return nil
}

func (h *hearer) Close(context.Context) error {
	h.bell.mu.Lock()
	defer h.bell.mu.Unlock()
	delete(h.bell.hearers, h)
	clear(h.topics)
	return nil
}

func (h *hearer) Listen(_ context.Context, topic string) error {
	h.bell.mu.Lock()
	defer h.bell.mu.Unlock()
	h.topics[topic] = true
	return nil
}

func (h *hearer) Unlisten(_ context.Context, topic string) error {
	h.bell.mu.Lock()
	defer h.bell.mu.Unlock()
	delete(h.topics, topic)
	return nil
}

func (h *hearer) Ping(context.Context) error { return nil }

func (h *hearer) Schema() string { return h.schema }

func (h *hearer) SetAfterConnectExec(string) {}

func (h *hearer) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case n := <-h.heard:
		return n, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

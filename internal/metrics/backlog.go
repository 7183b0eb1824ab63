package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/store"
)

// fresh is how long an answer of the store is good for, so that many who ask
// cost one question.
const fresh = 5 * time.Second

// patience is how long Prometheus waits for the store.
const patience = 5 * time.Second

// Backlog has what waits told whenever Prometheus asks. When the store does not
// answer these metrics are missing, and store_up is 0. deadline says when, after
// these passes, the next one must have ended, or polling counts as stalled.
func (m *Metrics) Backlog(ask func(context.Context) (store.Backlog, error), deadline func(store.Passes) time.Time) {
	m.registry.MustRegister(&backlog{ask: ask, deadline: deadline, log: m.log})
}

type backlog struct {
	ask      func(context.Context) (store.Backlog, error)
	deadline func(store.Passes) time.Time
	log      *zap.Logger

	mu   sync.Mutex
	at   time.Time
	last store.Backlog
	err  error
}

var (
	storeUp   = desc("store_up", "1 if the database answered when it was asked what waits, else 0.")
	pending   = desc("requests_pending", "Requests that wait for a decision or for its effect, by route (empty where none takes them) and by how long they have waited.", "route", "age")
	oldest    = desc("requests_oldest_pending_timestamp_seconds", "When the request appeared that has waited longest, by route.", "route")
	outbox    = desc("outbox_items", "What is to be said or sent and has not been yet, by kind: post (cards), refresh (cards that show what is no longer true), reply (messages in threads), signal (decisions that Keyfactor has not taken), outcome (decisions that Keyfactor took and whose request has not moved), and other jobs.", "kind")
	outboxAge = desc("outbox_oldest_timestamp_seconds", "Since when the oldest of them waits, by kind. Missing if nothing waits.", "kind")
	audited   = desc("audit_entries", "Length of the audit log.")
	passed    = desc("poll_last_finish_timestamp_seconds", "When the last pass over all sources ended, well or not, on any replica.")
	due       = desc("poll_deadline_timestamp_seconds", "When the next pass must have ended, or polling counts as stalled: three polls of the schedule after the last one, and the time that a pass may take.")
	succeeded = desc("poll_last_success_timestamp_seconds", "When a source's list was last read to its end, on any replica.", "source")
)

// ages name the steps of [store.WaitSteps].
var ages = [len(store.WaitSteps) + 1]string{"under 1h", "1h to 1d", "1d to 7d", "over 7d"}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeUp, pending, oldest, outbox, outboxAge, audited, passed, due, succeeded} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (b *backlog) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	since := func(d *prometheus.Desc, t time.Time, labels ...string) {
		if !t.IsZero() {
			gauge(d, float64(t.UnixMilli())/1000, labels...)
		}
	}
	all, err := b.read()
	if err != nil {
		gauge(storeUp, 0)
		return
	}
	gauge(storeUp, 1)
	for _, p := range all.Pending {
		for i, n := range p.Waited {
			gauge(pending, float64(n), p.Route, ages[i])
		}
		since(oldest, p.Oldest, p.Route)
	}
	for _, o := range all.Outbox {
		gauge(outbox, float64(o.Count), o.Kind)
		since(outboxAge, o.Oldest, o.Kind)
	}
	gauge(audited, float64(all.AuditEntries))
	since(passed, all.Passes.Finished)
	since(due, b.deadline(all.Passes))
	for source, at := range all.Passes.Succeeded {
		since(succeeded, at, string(source))
	}
}

// read asks the store, unless it has just been asked.
func (b *backlog) read() (store.Backlog, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.at) < fresh {
		return b.last, b.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b.last, b.err = b.ask(ctx)
	if b.err != nil {
		b.log.Warn("the database could not be asked what waits, so metrics are missing", zap.Error(b.err))
	}
	b.at = time.Now()
	return b.last, b.err
}

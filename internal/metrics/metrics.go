// Package metrics is what Prometheus sees of the service. It owns every metric,
// so that names, labels and buckets are read in one place; the rooms know nothing
// of Prometheus and call the few functions that their Config asks for.
//
//	conversation.go  cards, clicks, decisions, signals: told by package bot
//	work.go          passes over Keyfactor and jobs: told by poller and jobs
//	calls.go         HTTP calls to Slack and Keyfactor: seen by a RoundTripper
//	config.go        whether the configuration in force is the files'
//	backlog.go       what waits at this moment: asked of the store when Prometheus asks
//
// Labels have few values: routes and kinds of the configuration, verdicts,
// reasons and methods. Nothing that a request or a person brings along becomes one.
//
// Several replicas share one store, so what backlog.go tells is the same on each
// of them: add up counters over replicas, and take the maximum of these.
package metrics

import (
	"cmp"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

const namespace = "approvebot"

// Build says which program runs.
type Build struct{ Version, Commit, Go string }

// Metrics holds all of them. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	log      *zap.Logger

	conversation
	work
	calls
}

// New returns the metrics of one process.
func New(b Build, log *zap.Logger) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), log: log, conversation: newConversation(), work: newWork(), calls: newCalls()}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": cmp.Or(b.Version, "unknown"), "commit": b.Commit, "go_version": cmp.Or(b.Go, runtime.Version())},
	})
	info.Set(1)
	m.registry.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.conversation.all()...)
	m.registry.MustRegister(m.work.all()...)
	m.registry.MustRegister(m.calls.all()...)
	return m
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: zap.NewStdLog(m.log), ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	})
}

// Gatherer is for those who read the metrics inside the process.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Link has the state of the Slack link told whenever Prometheus asks: whether there
// is one, and how many more Slack counts than can be ours.
func (m *Metrics) Link(connected func() bool, foreign func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "slack_foreign_links", Help: "Links of the Slack app beyond those that can be ours, when Slack last counted: somebody else uses the app token and takes part of the clicks.",
	}, func() float64 { return float64(foreign()) }))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "slack_link_connected", Help: "1 while a Socket Mode link to Slack stands, else 0. Missing with transport http.",
	}, func() float64 {
		if connected() {
			return 1
		}
		return 0
	}))
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Buckets, in seconds.
var (
	quick   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 2.5, 3}                                       // answers: Slack waits for three seconds
	calm    = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}                                               // calls and passes
	patient = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600}                                               // what people notice
	days    = []float64{.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600} // what may have to wait for others
)

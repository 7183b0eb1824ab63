package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// work is what the poller and the jobs tell.
type work struct {
	polls    *prometheus.HistogramVec
	listed   *prometheus.GaugeVec
	requests *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	jobs     *prometheus.HistogramVec
}

func newWork() work {
	return work{
		polls:    histogram("poll_duration_seconds", "Duration of passes over a source's list, by source and result: success or failure.", calm, "source", "result"),
		listed:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "poll_listed_requests", Help: "Requests on a source's list when this process last read it."}, []string{"source"}),
		requests: counter("poll_changes_total", "Changes that polls found, by source and change: appeared, revised, settled.", "source", "change"),
		skipped:  counter("poll_skipped_rows_total", "Rows of Keyfactor's lists that could not be understood, by source.", "source"),
		jobs:     histogram("job_duration_seconds", "Duration of attempts at jobs, by kind and result: done, again (waits and is tried again) or failed (an error, tried again).", calm, "kind", "result"),
	}
}

func (w work) all() []prometheus.Collector {
	return []prometheus.Collector{w.polls, w.listed, w.requests, w.skipped, w.jobs}
}

// Poll is what one pass over one source did.
type Poll struct {
	Source                                      string
	Took                                        time.Duration
	Failed                                      bool
	Listed, Skipped, Appeared, Revised, Settled int
}

// Polled counts a pass over one source.
func (w work) Polled(p Poll) {
	result := "success"
	if p.Failed {
		result = "failure"
	} else {
		w.listed.WithLabelValues(p.Source).Set(float64(p.Listed))
	}
	w.polls.WithLabelValues(p.Source, result).Observe(p.Took.Seconds())
	w.skipped.WithLabelValues(p.Source).Add(float64(p.Skipped))
	w.requests.WithLabelValues(p.Source, "appeared").Add(float64(p.Appeared))
	w.requests.WithLabelValues(p.Source, "revised").Add(float64(p.Revised))
	w.requests.WithLabelValues(p.Source, "settled").Add(float64(p.Settled))
}

// Worked counts an attempt at a job.
func (w work) Worked(kind, result string, took time.Duration) {
	w.jobs.WithLabelValues(kind, result).Observe(took.Seconds())
}

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/approvebot/approvebot/internal/approval"
)

// conversation is what the bot tells; it is a bot.Meter.
type conversation struct {
	answered  *prometheus.HistogramVec
	posted    *prometheus.HistogramVec
	votes     *prometheus.CounterVec
	decisions *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	signals   *prometheus.CounterVec
	signalled *prometheus.HistogramVec
	settled   *prometheus.HistogramVec
	links     *prometheus.CounterVec
}

func newConversation() conversation {
	c := conversation{
		answered: histogram("slack_interaction_ack_seconds", "Time from receiving an interaction to its acknowledgement, by type of interaction. Slack waits for 3 seconds.", quick, "type"),
		posted:   histogram("card_delay_seconds", "Time from noticing a request to its first card in Slack, by route.", patient, "route"),
		votes:    counter("votes_total", "Approvals and denials that people gave, by route and verdict. A decision takes one or several.", "route", "verdict"),
		decisions: counter("decisions_total",
			"Decisions made, by route and verdict.", "route", "verdict"),
		refusals:  counter("refusals_total", "Attempts to decide that were refused, by reason.", "reason"),
		signals:   counter("signals_total", "Attempts to carry a decision to Keyfactor, by result: sent, maybe (no clear answer), unavailable, settled (somebody was first), changed (the request asks something else), refused.", "result"),
		signalled: histogram("decision_signal_seconds", "Time from a decision to Keyfactor taking its signal, by verdict.", patient, "verdict"),
		settled:   histogram("decision_settled_seconds", "Time from a decision to the request being settled in Keyfactor, by verdict.", days, "verdict"),
		links:     counter("slack_link_ends_total", "Socket Mode links that ended or could not be opened, by reason: replaced (by Slack's wish), rotated (by ours), silent, broken, refused.", "reason"),
	}
	// A counter that begins with its first event hides that event from rate().
	for _, result := range []string{"sent", "maybe", "unavailable", "settled", "changed", "refused"} {
		c.signals.WithLabelValues(result)
	}
	for _, reason := range []string{"replaced", "rotated", "silent", "broken", "refused"} {
		c.links.WithLabelValues(reason)
	}
	return c
}

func (c conversation) all() []prometheus.Collector {
	return []prometheus.Collector{c.answered, c.posted, c.votes, c.decisions, c.refusals, c.signals, c.signalled, c.settled, c.links}
}

// Answered counts an interaction that was acknowledged.
func (c conversation) Answered(sort string, took time.Duration) {
	c.answered.WithLabelValues(sort).Observe(took.Seconds())
}

// Posted counts the first card of a request.
func (c conversation) Posted(route string, waited time.Duration) {
	c.posted.WithLabelValues(route).Observe(waited.Seconds())
}

// Voted counts what one person said.
func (c conversation) Voted(route string, v approval.Verdict) {
	c.votes.WithLabelValues(route, string(v)).Inc()
}

// Decided counts a decision.
func (c conversation) Decided(route string, v approval.Verdict) {
	c.decisions.WithLabelValues(route, string(v)).Inc()
}

// Refused counts an attempt that came to nothing.
func (c conversation) Refused(reason string) { c.refusals.WithLabelValues(reason).Inc() }

// Tried counts an attempt to send a signal.
func (c conversation) Tried(result string) { c.signals.WithLabelValues(result).Inc() }

// Signalled measures how long a decision waited until Keyfactor took it.
func (c conversation) Signalled(v approval.Verdict, waited time.Duration) {
	c.signalled.WithLabelValues(string(v)).Observe(waited.Seconds())
}

// Settled measures how long a decision took to have its effect.
func (c conversation) Settled(v approval.Verdict, waited time.Duration) {
	c.settled.WithLabelValues(string(v)).Observe(waited.Seconds())
}

// LinkEnded counts a Socket Mode link that is no more.
func (c conversation) LinkEnded(reason string) { c.links.WithLabelValues(reason).Inc() }

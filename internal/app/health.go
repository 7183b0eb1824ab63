package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/metrics"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/poller"
)

// part is one named part of readiness.
type part struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	// Informs means that the part is reported and does not decide readiness.
	Informs bool `json:"informs,omitempty"`
}

// health registers /healthz, which says that the process lives, and /readyz,
// which says whether it can do its work, part by part:
//
//	database          takes writes
//	poller            passes end in time, well or not; see [App.pollDeadline]
//	slack             a Socket Mode link stands. With transport http Slack comes to
//	                  us, so that part only informs whether Slack has answered us
//	configuration     what its files say is in force. It only informs
//	keyfactor <kind>  the last pass could read this list, on whichever replica. It only
//	                  informs: clicks are taken, and kept, while Keyfactor is away
func (a *App) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		parts := a.parts(r.Context())
		ready := true
		for _, p := range parts {
			ready = ready && (p.OK || p.Informs)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if !ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"ready": ready, "parts": parts})
	})
}

func (a *App) parts(ctx context.Context) map[string]part {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	passes, unknown := a.store.Passes(ctx)
	parts := map[string]part{"database": {OK: true}, "poller": a.pollerPart(passes, unknown), "slack": a.slackPart(), "configuration": a.configPart()}
	if err := a.store.Ping(ctx); err != nil {
		a.log.Warn("database does not answer", zap.Error(err))
		parts["database"] = part{Detail: "the database does not take writes; see the log"}
	}
	for _, kind := range a.config.now().Poll.Sources {
		if passes.Finished.IsZero() {
			break // nobody knows yet
		}
		parts["keyfactor "+string(kind)] = keyfactorPart(passes, kind)
	}
	return parts
}

// keyfactorPart tells whether the last pass, on whichever replica, read the list
// of a source to its end.
func keyfactorPart(p store.Passes, kind approval.Kind) part {
	succeeded := p.Succeeded[kind]
	if succeeded.Equal(p.Finished) {
		return part{OK: true, Informs: true}
	}
	detail := "the last poll failed; see the log of the process that polls"
	if !succeeded.IsZero() {
		detail += ". The last good one was at " + succeeded.Format(time.RFC3339)
	}
	return part{Informs: true, Detail: detail}
}

func (a *App) configPart() part {
	if trouble, _ := a.reload.told(); trouble != "" {
		return part{Informs: true, Detail: "a changed configuration was not taken up, and the one before it is in force; see the log"}
	}
	return part{OK: true, Informs: true}
}

func (a *App) slackPart() part {
	if a.socket == nil {
		p := part{OK: a.bot.Identified(), Informs: true}
		if !p.OK {
			p.Detail = "Slack has not told us yet who we are, so nobody can decide; see the log"
		}
		return p
	}
	s := a.socket.Status()
	return part{OK: s.Connected, Detail: s.Trouble}
}

func (a *App) pollerPart(passes store.Passes, unknown error) part {
	now := a.now()
	if began := a.poller.Running(); !began.IsZero() && now.Sub(began) > a.passTime+passGrace {
		return part{Detail: fmt.Sprintf("a poll has been running since %s and does not end; restart this process", began.UTC().Format(time.RFC3339))}
	}
	if unknown != nil {
		return part{Informs: true, Detail: "the database does not say when the last poll ended"}
	}
	if now.After(a.pollDeadline(passes)) {
		return part{Detail: "no poll has ended for too long, " + lastPass(passes) + "; see the log"}
	}
	return part{OK: true}
}

func lastPass(p store.Passes) string {
	if p.Finished.IsZero() {
		return "and none ever did"
	}
	return "the last one at " + p.Finished.Format(time.RFC3339)
}

// passGrace is what a pass that has been told to end may still take.
const passGrace = 30 * time.Second

// pollDeadline is when polling counts as stalled, unless another pass ends: on
// whichever replica, well or not.
func (a *App) pollDeadline(p store.Passes) time.Time {
	schedule, err := config.ParseSchedule(a.config.now().Poll.Schedule)
	if err != nil { // it was checked when it was read
		return time.Time{}
	}
	since := p.Finished
	if since.Before(a.started) {
		since = a.started
	}
	return overdue(schedule, since).Add(a.passTime + passGrace)
}

// overdue is when the third poll after the given time is due.
func overdue(schedule cron.Schedule, at time.Time) time.Time {
	for range 3 {
		at = schedule.Next(at)
	}
	return at
}

// polled tells the metrics what a pass over one source did.
func (a *App) polled(r poller.Report) {
	a.metrics.Polled(metrics.Poll{
		Source: string(r.Kind), Took: r.Took, Failed: r.Err != nil,
		Listed: r.Listed, Skipped: r.Skipped, Appeared: r.Appeared, Revised: r.Revised, Settled: r.Settled,
	})
}

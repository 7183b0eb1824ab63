package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/metrics"
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
// which says whether it can do its work, part by part. Keyfactor being away is
// reported but does not make the service unready: clicks are still taken.
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

// polled tells the metrics what a pass over one source did.
func (a *App) polled(r poller.Report) {
	a.metrics.Polled(metrics.Poll{
		Source: string(r.Kind), Took: r.Took, Failed: r.Err != nil,
		Listed: r.Listed, Skipped: r.Skipped, Appeared: r.Appeared, Revised: r.Revised, Settled: r.Settled,
	})
}

func (a *App) parts(ctx context.Context) map[string]part {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	parts := map[string]part{"database": {OK: true}}
	if err := a.store.Ping(ctx); err != nil {
		a.log.Warn("database does not answer", zap.Error(err))
		parts["database"] = part{Detail: "the database does not take writes; see the log"}
	}
	if a.socket != nil {
		s := a.socket.Status()
		parts["slack"] = part{OK: s.Connected, Detail: s.Trouble}
	}
	for _, r := range a.poller.Reports() {
		p := part{OK: r.Err == nil, Informs: true}
		if r.Err != nil {
			p.Detail = "the last poll failed; see the log"
		}
		parts["keyfactor "+string(r.Kind)] = p
	}
	return parts
}

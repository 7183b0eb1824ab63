package torture_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// storm switches the faults of both simulators on: everything that networks and
// servers do, often enough that every kill falls together with some of it.
func (w *world) storm() {
	require.NoError(w, w.slack.SetFaults(slacksim.Faults{Seed: w.seed, Rules: []slacksim.Fault{
		{Method: "*", Kind: slacksim.Latency, LatencyMS: 60, Probability: 0.3},
		{Method: "chat.*", Kind: slacksim.Latency, LatencyMS: 900, Probability: 0.15},
		{Method: "*", Kind: slacksim.RateLimited, RetryAfter: 1, Probability: 0.02},
		{Method: "*", Kind: slacksim.Status, Status: 503, Probability: 0.02},
		{Method: "*", Kind: slacksim.CutBefore, Probability: 0.02},
		{Method: "chat.*", Kind: slacksim.CutAfter, Probability: 0.06},
		{Method: "chat.*", Kind: slacksim.Status, Status: 502, After: true, Probability: 0.02},
		{Method: "chat.*", Kind: slacksim.FatalError, Probability: 0.02},
		{Method: "chat.*", Kind: slacksim.HTML, After: true, Probability: 0.01},
		{Method: "conversations.*", Kind: slacksim.CutBefore, Probability: 0.05},
		{Method: "deliver.interactive", Kind: slacksim.Double, Probability: 0.1},
		{Method: "deliver.interactive", Kind: slacksim.Redeliver, Probability: 0.2},
		{Method: "deliver.interactive", Kind: slacksim.Lost, Probability: 0.01},
		{Method: "socket.open", Kind: slacksim.Deaf, Probability: 0.03},
	}}))
	require.NoError(w, w.keyfactor.SetFaults(
		keyfactorsim.Fault{Kind: keyfactorsim.Latency, LatencyMS: 40, Probability: 0.3},
		keyfactorsim.Fault{Kind: keyfactorsim.Latency, Method: "POST", LatencyMS: 300, Probability: 0.3},
		keyfactorsim.Fault{Kind: keyfactorsim.Latency, Method: "POST", LatencyMS: 1200, Probability: 0.2},
		keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Status: 429, RetryAfter: 1, Probability: 0.02},
		keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Status: 503, Probability: 0.02},
		keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Method: "POST", Status: 500, After: true, Probability: 0.04},
		keyfactorsim.Fault{Kind: keyfactorsim.CutBefore, Probability: 0.02},
		keyfactorsim.Fault{Kind: keyfactorsim.CutAfter, Probability: 0.02},
		keyfactorsim.Fault{Kind: keyfactorsim.CutAfter, Method: "POST", Probability: 0.06},
		keyfactorsim.Fault{Kind: keyfactorsim.Truncate, Probability: 0.01},
		keyfactorsim.Fault{Kind: keyfactorsim.HTMLAnswer, Probability: 0.01},
		keyfactorsim.Fault{Kind: keyfactorsim.BadRow, Path: "AssignedToMe|Pending", Probability: 0.02},
		keyfactorsim.Fault{Kind: keyfactorsim.LockConflict, Path: "/Signals$", Probability: 0.03},
		keyfactorsim.Fault{Kind: keyfactorsim.StayRunning, Path: "/Signals$", Probability: 0.02},
		keyfactorsim.Fault{Kind: keyfactorsim.CAFailure, Path: "/Certificates/(Approve|Deny)$", Message: "The CA is not running.", Probability: 0.03},
		keyfactorsim.Fault{Kind: keyfactorsim.LostRow, Path: "/Certificates/(Approve|Deny)$", Probability: 0.03},
	))
}

// calm switches all faults off.
func (w *world) calm() {
	require.NoError(w, w.slack.SetFaults(slacksim.Faults{}))
	require.NoError(w, w.keyfactor.SetFaults())
}

// enough requests wait at a time: with more, cards would only come later.
const enough = 36

// colleague is somebody with access to the portal, where the bot does not see it.
const colleague = `EXAMPLE\dora`

// meddle lets the world outside of Slack happen until ctx ends: requests arrive,
// are decided in the portal, change, start again and vanish; sockets break.
func (w *world) meddle(ctx context.Context, r *rand.Rand) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50*time.Millisecond + rand.N(150*time.Millisecond)):
		}
		for w.waiting() < enough && ctx.Err() == nil {
			_, err := w.keyfactor.Arrive("")
			require.NoError(w, err)
		}
		w.mischief(r)
	}
}

// waiting counts the requests that nobody has decided.
func (w *world) waiting() (n int) {
	for _, i := range w.keyfactor.Instances() {
		if i.Status == "Suspended" {
			n++
		}
	}
	for _, r := range w.keyfactor.Requests() {
		if r.State == "Pending" {
			n++
		}
	}
	return n
}

// mischief does one thing, seldom. What Keyfactor refuses has not happened.
func (w *world) mischief(r *rand.Rand) {
	var instances []keyfactorsim.InstanceState
	for _, i := range w.keyfactor.Instances() {
		if i.Status == "Suspended" {
			instances = append(instances, i)
		}
	}
	if len(instances) == 0 {
		return
	}
	i := instances[r.IntN(len(instances))]
	switch r.IntN(100) {
	case 0, 1, 2, 3, 4, 5:
		_ = w.keyfactor.Decide(i.ID, colleague, r.IntN(3) > 0, "decided in the portal")
	case 6:
		_ = w.keyfactor.Delete(i.ID)
	case 7:
		_, _ = w.keyfactor.Restart(i.ID)
	case 8:
		_ = w.keyfactor.Stop(i.ID)
	case 9, 10:
		_ = w.keyfactor.ChangeRequest(i.ID, keyfactorsim.Change{Initial: map[string]any{"Template": fmt.Sprintf("ExampleWebServer%d", r.IntN(1000))}})
	case 11:
		_ = w.keyfactor.FailLater(i.ID, "The last script failed.")
	case 12, 13:
		_ = w.keyfactor.Poke("")
	case 14:
		if pending := w.parked(); len(pending) > 0 {
			_ = w.keyfactor.DecideCertificate(pending[r.IntN(len(pending))], colleague, r.IntN(2) > 0, "decided in the portal")
		}
	case 15:
		w.slack.CloseSockets()
	case 16:
		w.slack.Disconnect([]string{"warning", "refresh_requested"}[r.IntN(2)])
	}
}

// parked are the requests that wait at the CA.
func (w *world) parked() (ids []int) {
	for _, r := range w.keyfactor.Requests() {
		if r.State == "Pending" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// clear brings what only Keyfactor and its people can finish to its end: the
// second approval that a step wants besides ours, and instances that are stuck.
func (w *world) clear() {
	require.NoError(w, w.keyfactor.Poke(""))
	for _, i := range w.keyfactor.Instances() {
		if i.Status == "Suspended" && votedByBot(i) {
			_ = w.keyfactor.Decide(i.ID, colleague, true, "the second approval")
		}
	}
}

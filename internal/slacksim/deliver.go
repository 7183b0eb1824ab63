package slacksim

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Fate is what became of a delivery.
type Fate string

// The ends a delivery can come to.
const (
	Acknowledged Fate = "acknowledged"
	TimedOut     Fate = "timeout"           // no answer in time
	Unconnected  Fate = "no connection"     // no socket was open
	Disconnected Fate = "connection closed" // the socket closed before the ack
	Refused      Fate = "refused"           // HTTP: another status than 200
	Failed       Fate = "failed"            // HTTP: no answer at all
	LostOnTheWay Fate = "lost"
	Abandoned    Fate = "abandoned" // the caller's context ended
	NotDelivered Fate = ""          // the act was impossible, see Result.Error
)

// Sorts of deliveries, the paths they take over HTTP, and the reasons for
// repeats that Slack names.
const (
	kindInteractive = "interactive"
	kindCommand     = "slash_commands"
	kindEvent       = "events_api"

	interactivePath = "/slack/interactivity"
	commandsPath    = "/slack/commands"
	eventsPath      = "/slack/events"

	retryTimeout     = "http_timeout"
	retryUnreachable = "connection_failed"
	retryStatus      = "http_error"
)

// Result tells what became of something a person did.
type Result struct {
	Acknowledged bool
	Fate         Fate
	Took         time.Duration
	// Error is what the person saw; "" when all went well.
	Error string
	// Status is the HTTP status of the app's answer, 0 over Socket Mode.
	Status int
	// Body is the app's answer: the HTTP body or the ack's payload.
	Body []byte
	// Envelope and Connection name the Socket Mode delivery.
	Envelope   string
	Connection int
	// TriggerID and ResponseURL are those of the payload.
	TriggerID   string
	ResponseURL string
	// TS of what the act produced, if it produced a message.
	TS string

	noRetry bool
	reason  string // for the retry header
}

// Delivery is a line of the log of deliveries.
type Delivery struct {
	Kind       string // "interactive", "slash_commands" or "events_api"
	Type       string // "block_actions", "app_home_opened", …
	Time       time.Time
	Attempt    int
	Fate       Fate
	Took       time.Duration
	Status     int
	Envelope   string
	Connection int
}

// delivery is something on its way to the app.
type delivery struct {
	kind    string
	path    string
	accepts bool   // the ack may carry a payload
	name    string // for the log
	attempt int
	reason  string
	// payload makes the payload; URLs in it begin with base.
	payload func(base string) object
}

// deliver brings d to the app and waits for the answer.
func (w *Workspace) deliver(ctx context.Context, d delivery) Result {
	began := time.Now()
	hits := w.faults.fire("deliver." + d.kind)
	var r Result
	if wait := hits.latency(); wait > 0 && !sleep(ctx, wait) {
		return Result{Fate: Abandoned, Error: "interrupted"}
	}
	switch url := w.requestURL(); {
	case hits.has(Lost):
		r = w.lose(ctx)
	case url != "":
		r = w.post(ctx, url, d, hits)
	default:
		r = w.hub.send(ctx, d, hits)
	}
	r.Took = time.Since(began)
	r.Acknowledged = r.Fate == Acknowledged
	w.deliveryLog.add(Delivery{
		Kind: d.kind, Type: d.name, Time: w.now(), Attempt: d.attempt, Fate: r.Fate, Took: r.Took, Status: r.Status,
		Envelope: r.Envelope, Connection: r.Connection,
	})
	w.log.Debug("delivered", zap.String("kind", d.kind), zap.String("type", d.name), zap.String("fate", string(r.Fate)),
		zap.Duration("took", r.Took), zap.Int("status", r.Status), zap.Int("attempt", d.attempt))
	w.changes.changed()
	return r
}

// Deliveries returns the latest deliveries, oldest first. The log keeps a few thousand.
func (w *Workspace) Deliveries() []Delivery {
	return w.deliveryLog.filter(func(Delivery) bool { return true })
}

// lose is a delivery that nobody receives.
func (w *Workspace) lose(ctx context.Context) Result {
	if !sleep(ctx, w.cfg.AckTimeout) {
		return Result{Fate: Abandoned}
	}
	return Result{Fate: LostOnTheWay, reason: retryTimeout}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sentence is what a person sees after a failed click or submission.
func (w *Workspace) sentence(f Fate) string {
	switch f {
	case Acknowledged:
		return ""
	case TimedOut, LostOnTheWay:
		return w.app.Name + " did not answer in time. Try again."
	case Refused:
		return w.app.Name + " could not handle this. Try again."
	}
	return w.app.Name + " cannot be reached at the moment. Try again."
}

// emit sends an event about a channel to the app, if it is subscribed and in
// the channel, or is what the event is about. The caller holds w.mu.
func (w *Workspace) emit(ch *channel, event object) {
	kind, _ := event["type"].(string)
	if !w.subscribed(kind) || !ch.isMember[w.app.UserID] && event["user"] != w.app.UserID {
		return
	}
	w.sendEvent(event, ch.Shared)
}

// emitMessage sends a "message" event if the app reads along in such channels.
func (w *Workspace) emitMessage(ch *channel, m *Message) {
	kind := map[string]string{"im:history": "message.im", "groups:history": "message.groups", "channels:history": "message.channels"}[ch.scope("history")]
	if !w.subscribed(kind) || !ch.isMember[w.app.UserID] {
		return
	}
	event := w.wire(m, false)
	event["channel"], event["event_ts"], event["channel_type"] = ch.ID, m.TS, kind[len("message."):]
	w.sendEvent(event, ch.Shared)
}

func (w *Workspace) subscribed(kind string) bool {
	return slices.Contains(w.cfg.Events, kind)
}

// eventPayload wraps an event.
func (w *Workspace) eventPayload(event object, shared bool) object {
	if event["event_ts"] == nil {
		event["event_ts"] = w.nextTS()
	}
	return object{
		"token": "deprecated", "team_id": w.cfg.Team.ID, "api_app_id": w.app.ID, "event": event, "type": "event_callback",
		"event_id": w.newID("Ev"), "event_time": w.now().Unix(), "event_context": "ctx-" + w.newID("C"), "is_ext_shared_channel": shared,
		"context_team_id": w.cfg.Team.ID, "context_enterprise_id": nil,
		"authorizations": []object{{"enterprise_id": nil, "team_id": w.cfg.Team.ID, "user_id": w.app.UserID, "is_bot": true, "is_enterprise_install": false}},
	}
}

// sendEvent delivers an event on its own, with Slack's repeats.
func (w *Workspace) sendEvent(event object, shared bool) {
	payload := w.eventPayload(event, shared)
	kind, _ := event["type"].(string)
	w.spawn(func() {
		r := w.deliver(w.ctx, eventDelivery(kind, payload))
		w.repeatEvent(w.ctx, kind, payload, r)
	})
}

func eventDelivery(kind string, payload object) delivery {
	return delivery{kind: kindEvent, path: eventsPath, name: kind, payload: func(string) object { return payload }}
}

// repeatEvent repeats an event after its first delivery until the app takes
// it, says that it will not, or the repeats are used up.
func (w *Workspace) repeatEvent(ctx context.Context, kind string, payload object, r Result) {
	d := eventDelivery(kind, payload)
	for _, wait := range w.cfg.EventRetries {
		if r.Acknowledged || r.noRetry || !sleep(ctx, wait) {
			return
		}
		d.attempt++
		d.reason = r.reason
		r = w.deliver(ctx, d)
	}
}

// answerObject reads the app's answer as a JSON object; ok is false when there is none.
func answerObject(body []byte) (o object, ok bool) {
	return o, json.Unmarshal(body, &o) == nil && o != nil
}

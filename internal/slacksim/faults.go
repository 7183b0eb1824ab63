package slacksim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Faults is everything that is wrong on purpose. The zero value is a healthy
// workspace. Its JSON is the body of /_sim/faults.
type Faults struct {
	// Seed makes probabilities repeatable. Zero means chance.
	Seed uint64 `json:"seed,omitempty"`
	// Rules are asked for every call and every delivery.
	Rules []Fault `json:"rules,omitempty"`
	// Token and AppToken: "revoked", "expired" or "inactive".
	Token    string `json:"token,omitempty"`
	AppToken string `json:"app_token,omitempty"`
	// AppTokenApp is the id of another app to which the app-level token belongs.
	AppTokenApp string `json:"app_token_app,omitempty"`
	// AppScopes are what the app-level token has instead of connections:write.
	AppScopes []string `json:"app_scopes,omitempty"`
	// MissingScopes are taken away from the bot token.
	MissingScopes []string `json:"missing_scopes,omitempty"`
	// Do is done once, when the faults are set.
	Do []Act `json:"do,omitempty"`
}

// Fault is one rule: what goes wrong, where, and how often.
type Fault struct {
	// Method is a pattern as in path.Match over method names ("chat.*"), over
	// deliveries ("deliver.interactive", "deliver.slash_commands",
	// "deliver.events_api"), new WebSockets ("socket.open") and uses of response
	// URLs ("response_url").
	Method string `json:"method"`
	Kind   Kind   `json:"kind"`
	// Probability of 0 means always.
	Probability float64 `json:"probability,omitempty"`
	// Count is how often the rule may fire; 0 means for ever.
	Count int `json:"count,omitempty"`
	// After says for "status", "html" and "error" that the method acts first.
	After      bool   `json:"after,omitempty"`
	LatencyMS  int    `json:"latency_ms,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds, for "rate_limited"
	Status     int    `json:"status,omitempty"`      // for "status" and "html"
	Error      string `json:"error,omitempty"`       // for "error"
}

// Kind is a sort of fault.
type Kind string

// Faults of Web API calls. Latency works for deliveries, too.
const (
	Latency     Kind = "latency"      // wait LatencyMS first
	RateLimited Kind = "rate_limited" // 429 with Retry-After
	Status      Kind = "status"       // another HTTP status, 503 if none is given
	HTML        Kind = "html"         // a page instead of JSON, at status 200 if none is given
	CutBefore   Kind = "cut_before"   // the connection breaks, nothing was done
	CutAfter    Kind = "cut_after"    // the connection breaks, but it was done
	NotOK       Kind = "not_ok"       // ok:false without an error
	FatalError  Kind = "fatal_error"  // fatal_error, but it was done
	Error       Kind = "error"        // ok:false with Fault.Error
)

// Faults of deliveries.
const (
	Double         Kind = "double"          // the envelope or request comes twice
	NoConnection   Kind = "no_connection"   // as if no socket were open
	Lost           Kind = "lost"            // the app never gets it
	Redeliver      Kind = "redeliver"       // without an ack in time it comes once more
	WrongSignature Kind = "wrong_signature" // HTTP: signed with another secret
	OldTimestamp   Kind = "old_timestamp"   // HTTP: signed ten minutes ago
	Replay         Kind = "replay"          // HTTP: the same bytes and headers again
)

// Deaf is the fault of sockets ("socket.open"): alive as TCP, but neither
// envelopes nor pings come, and pings are not answered.
const Deaf Kind = "deaf"

// Mute is a fault of sockets, too: pings come and are answered, but no hello and
// no envelopes, as if something between held the connection that has lost Slack.
const Mute Kind = "mute"

// Where the kinds of faults can strike.
var (
	callKinds     = []Kind{Latency, RateLimited, Status, HTML, CutBefore, CutAfter, NotOK, FatalError, Error}
	deliveryKinds = []Kind{Latency, Double, NoConnection, Lost, Redeliver, WrongSignature, OldTimestamp, Replay}
	socketKinds   = []Kind{Deaf, Mute}
)

// kindsFor are the faults that make sense for a method or delivery, so that a
// wide pattern does not use up its count where it has no effect.
func kindsFor(method string) []Kind {
	switch {
	case method == "socket.open":
		return socketKinds
	case strings.HasPrefix(method, "deliver."):
		return deliveryKinds
	}
	return callKinds
}

// Act is something that happens once.
type Act struct {
	// Act: "archive", "unarchive", "remove_bot", "invite_bot", "delete_message",
	// "deafen", "mute", "close_sockets", "disconnect".
	Act     string `json:"act"`
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	Reason  string `json:"reason,omitempty"` // of "disconnect"
}

// faultBox holds the rules in force.
type faultBox struct {
	mu     sync.Mutex
	f      Faults
	left   []int // per rule: how often it may still fire, -1 for ever
	random *rand.Rand
}

// SetFaults replaces all faults and does what Faults.Do names.
func (w *Workspace) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("set faults: %w", err)
	}
	acts := f.Do
	f.Do = nil
	w.faults.set(f)
	w.log.Info("faults set: " + string(encode(f)))
	for _, a := range acts {
		if err := w.do(a); err != nil {
			return fmt.Errorf("%s: %w", a.Act, err)
		}
	}
	w.changes.changed()
	return nil
}

// Faults returns what is wrong on purpose, with counts as they are now.
func (w *Workspace) Faults() Faults { return w.faults.get() }

func (f Faults) check() error {
	for i, r := range f.Rules {
		if !slices.Contains(slices.Concat(callKinds, deliveryKinds, socketKinds), r.Kind) {
			return fmt.Errorf("rules[%d]: no fault is called %q", i, r.Kind)
		}
		if _, err := path.Match(r.Method, ""); err != nil || r.Method == "" {
			return fmt.Errorf("rules[%d]: method %q is no pattern", i, r.Method)
		}
	}
	for _, state := range []string{f.Token, f.AppToken} {
		if _, ok := tokenErrors[state]; !ok {
			return fmt.Errorf("no token state is called %q", state)
		}
	}
	return nil
}

// tokenErrors are what a token in that state is answered.
var tokenErrors = map[string]string{
	"": "", "revoked": "token_revoked", "expired": "token_expired", "inactive": "account_inactive",
}

func (b *faultBox) set(f Faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.f = f
	b.left = make([]int, len(f.Rules))
	for i, r := range f.Rules {
		if b.left[i] = r.Count; r.Count == 0 {
			b.left[i] = -1
		}
	}
	seed := f.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	b.random = rand.New(rand.NewPCG(seed, seed))
}

func (b *faultBox) get() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.f
	f.Rules = slices.Clone(f.Rules)
	for i := range f.Rules {
		if b.left[i] >= 0 {
			f.Rules[i].Count = b.left[i]
		}
	}
	// A used up rule is gone; a count of zero would read as "for ever".
	used := 0
	f.Rules = slices.DeleteFunc(f.Rules, func(Fault) bool { used++; return b.left[used-1] == 0 })
	return f
}

// fired are the faults that strike one call or delivery, by kind.
type fired map[Kind]Fault

func (f fired) has(k Kind) bool { _, ok := f[k]; return ok }

func (f fired) latency() time.Duration {
	return time.Duration(f[Latency].LatencyMS) * time.Millisecond
}

// fire asks every rule once.
func (b *faultBox) fire(method string) fired {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.f.Rules) == 0 {
		return nil
	}
	var hits fired
	kinds := kindsFor(method)
	for i, r := range b.f.Rules {
		if b.left[i] == 0 || !slices.Contains(kinds, r.Kind) {
			continue
		}
		if ok, _ := path.Match(r.Method, method); !ok {
			continue
		}
		if r.Probability > 0 && b.random.Float64() >= r.Probability {
			continue
		}
		if b.left[i] > 0 {
			b.left[i]--
		}
		if hits == nil {
			hits = fired{}
		}
		hits[r.Kind] = r
	}
	return hits
}

func (b *faultBox) tokenError(app bool) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if app {
		return tokenErrors[b.f.AppToken]
	}
	return tokenErrors[b.f.Token]
}

func (b *faultBox) missingScopes() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.f.MissingScopes
}

func (b *faultBox) appScopes() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.f.AppScopes) > 0 {
		return b.f.AppScopes
	}
	return []string{"connections:write"}
}

// appOfToken is the app that an app-level token opens links for.
func (b *faultBox) appOfToken(own string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return cmp.Or(b.f.AppTokenApp, own)
}

// do makes one thing happen.
func (w *Workspace) do(a Act) error {
	switch a.Act {
	case "deafen":
		w.hub.deafen()
	case "mute":
		w.hub.mute()
	case "close_sockets":
		w.hub.closeAll()
	case "disconnect":
		w.hub.disconnect(a.Reason)
	case "archive", "unarchive":
		return w.archive(a.Channel, a.Act == "archive")
	case "remove_bot", "invite_bot":
		return w.moveBot(a.Channel, a.Act == "invite_bot")
	case "delete_message":
		return w.DeleteMessage(a.Channel, a.TS)
	default:
		return fmt.Errorf("no act is called %q", a.Act)
	}
	w.changes.changed()
	return nil
}

// ArchiveChannel archives a channel, as its owner might at any time.
func (w *Workspace) ArchiveChannel(channel string) error { return w.archive(channel, true) }

func (w *Workspace) archive(ref string, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channel(ref)
	if c == nil {
		return fmt.Errorf("there is no channel %q", ref)
	}
	c.Archived = on
	w.publishChannel(c)
	if on {
		w.emit(c, object{"type": "channel_archive", "channel": c.ID, "user": w.peopleIDs[min(1, len(w.peopleIDs)-1)]})
	}
	return nil
}

// RemoveBot takes the bot out of a channel.
func (w *Workspace) RemoveBot(channel string) error { return w.moveBot(channel, false) }

// InviteBot takes the bot into a channel.
func (w *Workspace) InviteBot(channel string) error { return w.moveBot(channel, true) }

func (w *Workspace) moveBot(ref string, in bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channel(ref)
	if c == nil {
		return fmt.Errorf("there is no channel %q", ref)
	}
	kind := "member_left_channel"
	if in {
		c.join(w.app.UserID)
		kind = "member_joined_channel"
	} else {
		c.leave(w.app.UserID)
	}
	w.publishChannel(c)
	w.emit(c, object{"type": kind, "channel": c.ID, "user": w.app.UserID, "channel_type": strings.ToUpper(c.ID[:1]), "team": w.cfg.Team.ID})
	return nil
}

// DeleteMessage deletes a message, as an admin might at any time.
func (w *Workspace) DeleteMessage(channel, ts string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channel(channel)
	if c == nil || c.messages[ts] == nil {
		return fmt.Errorf("there is no message %s in %q", ts, channel)
	}
	w.removeMessage(c, ts)
	return nil
}

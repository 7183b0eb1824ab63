package approval

import (
	"slices"
	"strings"
	"time"
)

// Reminder is a step of a route: what happens when a request has waited that long.
// The approvers are reminded in the threads of its cards in any case; with Channel
// or User it is shown to further people as well. Who may decide stays the same.
type Reminder struct {
	// After counts open hours since the request was first seen; see [Hours.Add].
	After time.Duration
	// Channel is a #name or an id, User a person as configuration names them.
	Channel, User string
}

// Step names the reminder in the store, for as long as the request is known. A
// route that says something else from now on has another step.
func (r Reminder) Step() string {
	return strings.Join(strings.Fields(r.After.String()+" "+r.Channel+" "+r.User), " ")
}

// stepExpired is the step of a request that can no longer be decided from Slack,
// with the time it had: a route that gives more time ends it once more. Alone it
// stands for any time, as earlier releases wrote it.
const stepExpired = "expired"

// Told is a step that was taken.
type Told struct {
	Step string
	At   time.Time
}

// Moment is what a waiting request causes now. Several steps can fall together
// when nobody was there to take them: their people are told at once, each once.
type Moment struct {
	Steps     []string
	Reminders []Reminder
	// Expired means that the request can no longer be decided from Slack.
	Expired bool
}

// Due says what is to be done about a request that waits since then, given what has
// been done. A reminder waits for the next open hour. One that was due before the
// last that went out is past, so neither an outage nor a change of the
// configuration ends in a row of messages.
func (r Rule) Due(since, now time.Time, told []Told) (Moment, bool) {
	done := func(step string) bool {
		return slices.ContainsFunc(told, func(t Told) bool { return t.Step == step })
	}
	if r.Expired(since, now) {
		step := stepExpired + " after " + r.ExpiresAfter.String()
		return Moment{Steps: []string{step}, Expired: true}, !done(step) && !done(stepExpired)
	}
	if since.IsZero() || !r.Hours.Open(now) {
		return Moment{}, false
	}
	var last time.Time
	for _, t := range told {
		if t.At.After(last) {
			last = t.At
		}
	}
	var m Moment
	for _, reminder := range r.Reminders {
		at := r.Hours.Add(since, reminder.After)
		if at.After(now) || !at.After(last) || done(reminder.Step()) {
			continue
		}
		m.Steps = append(m.Steps, reminder.Step())
		m.Reminders = append(m.Reminders, reminder)
	}
	return m, len(m.Steps) > 0
}

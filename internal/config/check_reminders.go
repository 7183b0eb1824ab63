package config

import (
	"slices"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// minReminder keeps a reminder from being a second announcement.
const minReminder = time.Second

// checkReminders wants reminders in the order of their time, each with at most one addressee.
func (l *loader) checkReminders(at string, r Route) {
	for i, reminder := range r.Reminders {
		path := item(at, i)
		switch {
		case reminder.After < minReminder && l.given(path+".after"):
			l.fail(path+".after", "must be at least %v", minReminder)
		case reminder.After < minReminder:
			l.fail(path+".after", "is not set; say how long the request has waited then: 4h")
		case i > 0 && reminder.After < r.Reminders[i-1].After:
			l.fail(path+".after", "is shorter than that of the reminder before; write them in the order of their time")
		case r.ExpiresAfter > 0 && reminder.After >= r.ExpiresAfter:
			l.warn(path, "never goes out: requests of this route expire after %v", r.ExpiresAfter)
		}
		switch {
		case reminder.Channel != "" && reminder.User != "":
			l.fail(path, "names a channel and a user; write two reminders, the second with the same after")
		case reminder.Channel != "" && !channelPattern.MatchString(reminder.Channel):
			l.fail(path+".channel", `%q is not a channel; write "#pki-escalation" (lower case) or its ID, C012ABCDEF`, reminder.Channel)
		case reminder.User != "" && !handlePattern.MatchString(reminder.User) && !userIDPattern.MatchString(reminder.User) && !emailPattern.MatchString(reminder.User):
			l.fail(path+".user", `%q is not a person; write "@ada", U012ABCDEF or ada@example.com, and a group's channel under channel`, reminder.User)
		case slices.Contains(everybody, reminder.User):
			l.fail(path+".user", "%s names nobody in particular", reminder.User)
		}
		for _, earlier := range r.Reminders[:i] {
			if approval.Reminder(earlier).Step() == approval.Reminder(reminder).Step() {
				l.fail(path, "is listed twice")
				break
			}
		}
	}
}

func (l *loader) checkHours(at string, r Route) {
	h := r.Hours
	for i, days := range h.Days {
		if _, ok := weekdays(days); !ok && l.given(item(at+".days", i)) {
			l.fail(item(at+".days", i), "%q is not a day; write mon, or a range: mon-fri", days)
		}
	}
	if len(h.Days) == 0 && l.given(at+".days") {
		l.fail(at+".days", "is an empty list; remove it, or say which days")
	}
	from, fromOK := clock(h.From)
	to, toOK := clock(h.To)
	switch {
	case h.From != "" && !fromOK:
		l.fail(at+".from", `%q is not a time of the day; write it with quotes: "08:00"`, h.From)
	case h.To != "" && !toOK:
		l.fail(at+".to", `%q is not a time of the day; write it with quotes: "18:00"`, h.To)
	case h.From == "24:00":
		l.fail(at+".from", `is the end of the day; write "00:00"`)
	case h.To != "" && to <= from:
		l.fail(at+".to", "must be later than from, on the same day")
	}
	if h.TimeZone == "" && (h.From != "" || h.To != "" || len(h.Days) > 0 || len(h.Holidays) > 0) {
		l.warn(at, "has no time_zone, so it is read as UTC; write one: Europe/Berlin")
	} else if _, ok := zone(h.TimeZone); !ok {
		l.fail(at+".time_zone", "%q is not a time zone; write its name: Europe/Berlin, America/New_York, UTC", h.TimeZone)
	}
	for i, day := range h.Holidays {
		if _, err := time.Parse(time.DateOnly, day); err != nil && l.given(item(at+".holidays", i)) {
			l.fail(item(at+".holidays", i), "%q is not a date; write 2026-12-25", day)
		}
	}
	if l.given(at) && len(r.Reminders) == 0 {
		l.warn(at, "has no effect, because the route has no reminders")
	}
}

// checkFollowed warns where requesters are to be told and nearly none can be found:
// telling somebody takes proof of who they are.
func (l *loader) checkFollowed(c *Config) {
	findable := len(c.People.Map) > 0
	for _, t := range c.People.Templates {
		findable = findable || len(c.People.EmailDomains) > 0 || !strings.Contains(t, "{localpart}")
	}
	for i, r := range c.Routes {
		if r.NotifyRequester && !findable {
			l.warn(item("routes", i)+".notify_requester", "finds only requesters whose name in Keyfactor is their e-mail address; set people.templates and people.email_domains, or people.map")
		}
	}
}

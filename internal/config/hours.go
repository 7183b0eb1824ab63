package config

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // so that a time zone is known in a container without any

	"github.com/approvebot/approvebot/internal/approval"
)

// Hours say when people can be expected to look. Where nothing is said it is always.
type Hours struct {
	// Days are names of days, or ranges of them: mon-fri, sat.
	Days []string `yaml:"days,omitempty"`
	// From and To are times of the day, 08:00 and 18:00; 24:00 is midnight.
	From string `yaml:"from,omitempty"`
	To   string `yaml:"to,omitempty"`
	// TimeZone is a name such as Europe/Berlin.
	TimeZone string `yaml:"time_zone,omitempty"`
	// Holidays are further days off: 2026-12-25.
	Holidays []string `yaml:"holidays,omitempty"`
}

// Hours returns them as policy counts them. What is misspelt was refused by then.
func (h Hours) Hours() approval.Hours {
	out := approval.Hours{Holidays: h.Holidays}
	for _, days := range h.Days {
		all, _ := weekdays(days)
		out.Days = append(out.Days, all...)
	}
	out.From, _ = clock(h.From)
	out.To, _ = clock(h.To)
	if h.TimeZone != "" {
		out.Zone, _ = zone(h.TimeZone)
	}
	return out
}

var zones sync.Map // of *time.Location by name: a rule is asked for at every click

// zone finds a time zone by its name; none is UTC.
func zone(name string) (*time.Location, bool) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), true
	}
	found, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, false
	}
	zones.Store(name, found)
	return found, true
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// weekdays reads mon, or mon-fri; a range may go over the end of the week.
func weekdays(text string) (days []time.Weekday, ok bool) {
	first, last, ranged := strings.Cut(strings.ToLower(strings.TrimSpace(text)), "-")
	from, ok1 := weekday(first)
	to, ok2 := from, true
	if ranged {
		to, ok2 = weekday(last)
	}
	if !ok1 || !ok2 {
		return nil, false
	}
	for day := from; ; day = (day + 1) % 7 {
		days = append(days, day)
		if day == to {
			return days, true
		}
	}
}

// weekday takes mon, and monday as well.
func weekday(text string) (time.Weekday, bool) {
	text = strings.TrimSpace(text)
	for day, name := range dayNames {
		if text == name || text == strings.ToLower(time.Weekday(day).String()) {
			return time.Weekday(day), true
		}
	}
	return 0, false
}

// clock reads a time of the day as the time since midnight.
func clock(text string) (time.Duration, bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

package approval

import (
	"slices"
	"time"
)

// Hours are when people can be expected to look at a request. The zero value is
// always.
type Hours struct {
	// Days are the days of the week; none is every day.
	Days []time.Weekday
	// From and To are wall-clock times, as the time since midnight, From before To.
	// Both zero is the whole day. At To the doors are closed.
	From, To time.Duration
	// Zone is whose clock that is; nil is UTC.
	Zone *time.Location
	// Holidays are further days off, as 2006-01-02.
	Holidays []string
}

// horizon is how many days ahead an opening is looked for. Longer holidays are a mistake.
const horizon = 3 * 366

// Always reports whether there is no quiet hour at all.
func (h Hours) Always() bool {
	return len(h.Days) == 0 && h.From == 0 && h.To == 0 && len(h.Holidays) == 0
}

// Open reports whether people can be expected to look now.
func (h Hours) Open(t time.Time) bool {
	if h.Always() {
		return true
	}
	from, to, ok := h.span(t, 0)
	return ok && !t.Before(from) && t.Before(to)
}

// Add returns the moment by which that much open time has passed since t; it is
// itself a moment when it is open. Closed hours do not count, so that what came
// in on a Friday evening is not late on Monday morning.
func (h Hours) Add(t time.Time, d time.Duration) time.Time {
	if h.Always() {
		return t.Add(d)
	}
	for days := range horizon {
		from, to, ok := h.span(t, days)
		if !ok || !t.Before(to) && days == 0 {
			continue
		}
		if days == 0 && t.After(from) {
			from = t
		}
		if open := to.Sub(from); d >= open {
			d -= max(open, 0)
			continue
		}
		return from.Add(d)
	}
	return t.AddDate(0, 0, horizon)
}

// span returns when it opens and closes on a day, counted in days from that of t.
// The clock on the wall is asked, so a day on which clocks are changed opens at
// the same hour as any other.
func (h Hours) span(t time.Time, days int) (from, to time.Time, ok bool) {
	zone := h.Zone
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := t.In(zone).Date()
	noon := time.Date(year, month, day+days, 12, 0, 0, 0, zone)
	if len(h.Days) > 0 && !slices.Contains(h.Days, noon.Weekday()) || slices.Contains(h.Holidays, noon.Format(time.DateOnly)) {
		return from, to, false
	}
	year, month, day = noon.Date()
	wall := func(since time.Duration) time.Time {
		return time.Date(year, month, day, 0, 0, int(since/time.Second), 0, zone)
	}
	end := h.To
	if end == 0 {
		end = 24 * time.Hour
	}
	return wall(h.From), wall(end), true
}

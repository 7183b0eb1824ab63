package approval_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/internal/approval"
)

var weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}

// office is 8 to 18 on weekdays in Berlin, with a holiday on a Friday.
func office(t testing.TB) approval.Hours {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	return approval.Hours{Days: weekdays, From: 8 * time.Hour, To: 18 * time.Hour, Zone: berlin, Holidays: []string{"2026-12-25"}}
}

func TestHoursAdd(t *testing.T) {
	office := office(t)
	night := approval.Hours{From: 0, To: 6 * time.Hour, Zone: office.Zone}
	for name, row := range map[string]struct {
		hours approval.Hours
		from  string
		add   time.Duration
		want  string
	}{
		"always open":                            {approval.Hours{}, "2026-11-27 23:00", 4 * time.Hour, "2026-11-28 03:00"},
		"within the day":                         {office, "2026-11-25 10:00", 4 * time.Hour, "2026-11-25 14:00"},
		"over night":                             {office, "2026-11-25 16:00", 4 * time.Hour, "2026-11-26 10:00"},
		"over the weekend":                       {office, "2026-11-27 17:00", 4 * time.Hour, "2026-11-30 11:00"},
		"came in at night":                       {office, "2026-11-25 03:00", 4 * time.Hour, "2026-11-25 12:00"},
		"came in late":                           {office, "2026-11-25 18:00", time.Hour, "2026-11-26 09:00"},
		"up to the closing is the next opening":  {office, "2026-11-25 08:00", 10 * time.Hour, "2026-11-26 08:00"},
		"over the holiday and the weekend":       {office, "2026-12-24 17:00", 2 * time.Hour, "2026-12-28 09:00"},
		"a working week":                         {office, "2026-11-23 08:00", 50 * time.Hour, "2026-11-30 08:00"},
		"nothing, at night":                      {office, "2026-11-25 03:00", 0, "2026-11-25 08:00"},
		"opens at eight before the clocks go on": {office, "2026-03-27 17:00", 2 * time.Hour, "2026-03-30 09:00"},
		"… and after they go back":               {office, "2026-10-23 17:00", 2 * time.Hour, "2026-10-26 09:00"},
		"a night that is an hour short":          {night, "2026-03-29 00:00", 5 * time.Hour, "2026-03-30 00:00"},
		"a night that is an hour long":           {night, "2026-10-25 00:00", 6*time.Hour + 59*time.Minute, "2026-10-25 05:59"},
		"only a time zone":                       {approval.Hours{Zone: office.Zone}, "2026-03-29 00:00", 5 * time.Hour, "2026-03-29 06:00"},
		"only days":                              {approval.Hours{Days: weekdays, Zone: office.Zone}, "2026-11-27 23:00", 2 * time.Hour, "2026-11-30 01:00"},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := time.ParseInLocation("2006-01-02 15:04", row.from, office.Zone)
			require.NoError(t, err)
			require.Equal(t, row.want, row.hours.Add(from.UTC(), row.add).In(office.Zone).Format("2006-01-02 15:04"))
		})
	}
}

func TestHoursWithoutAnOpeningEndSomewhere(t *testing.T) {
	shut := approval.Hours{From: 12 * time.Hour, To: 12 * time.Hour}
	require.False(t, shut.Open(noon))
	require.Greater(t, shut.Add(noon, time.Hour).Sub(noon), 365*24*time.Hour)
}

// What Add returns is open, is not before the start, and lies as many open
// minutes after it as were asked for, counted one by one.
func TestHoursCountOpenMinutes(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone, _ := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		h := approval.Hours{
			Days: rapid.SliceOfNDistinct(rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6}), 1, 7, rapid.ID).Draw(t, "days"),
			From: time.Duration(rapid.IntRange(0, 11).Draw(t, "from")) * time.Hour, To: time.Duration(rapid.IntRange(12, 24).Draw(t, "to")) * time.Hour, Zone: zone,
		}
		start := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 365*24*60).Draw(t, "minute"), 0, 0, time.UTC)
		want := rapid.IntRange(0, 3*24*60).Draw(t, "open minutes")
		end := h.Add(start, time.Duration(want)*time.Minute)
		if !h.Open(end) || end.Before(start) {
			t.Fatalf("%v is closed, or before %v", end, start)
		}
		got := 0
		for m := start; m.Before(end); m = m.Add(time.Minute) {
			if h.Open(m) {
				got++
			}
		}
		if got != want {
			t.Fatalf("%d open minutes between %v and %v, want %d", got, start.In(zone), end.In(zone), want)
		}
	})
}

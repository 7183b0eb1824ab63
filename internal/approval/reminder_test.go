package approval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/internal/approval"
)

func TestDue(t *testing.T) {
	office := office(t)
	first, second, third := approval.Reminder{After: 4 * time.Hour}, approval.Reminder{After: 10 * time.Hour, Channel: "#escalation"}, approval.Reminder{After: 20 * time.Hour, User: "@ada"}
	all := []approval.Reminder{first, second, third}
	berlin := func(text string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", text, office.Zone)
		require.NoError(t, err)
		return at.UTC()
	}
	told := func(at string, steps ...approval.Reminder) (done []approval.Told) {
		for _, r := range steps {
			done = append(done, approval.Told{Step: r.Step(), At: berlin(at)})
		}
		return done
	}
	rule := approval.Rule{Reminders: all, Hours: office, ExpiresAfter: 14 * 24 * time.Hour}
	since := "2026-11-26 15:00" // a Thursday: due are Friday 9:00, Friday 15:00, Monday 15:00
	for name, row := range map[string]struct {
		rule approval.Rule
		now  string
		told []approval.Told
		want []string
	}{
		"nothing yet":                      {rule, "2026-11-27 08:59", nil, nil},
		"the first":                        {rule, "2026-11-27 09:00", nil, []string{"4h0m0s"}},
		"the first is told once":           {rule, "2026-11-27 14:59", told("2026-11-27 09:00", first), nil},
		"the second":                       {rule, "2026-11-27 15:00", told("2026-11-27 09:00", first), []string{"10h0m0s #escalation"}},
		"both at once after an outage":     {rule, "2026-11-27 16:00", nil, []string{"4h0m0s", "10h0m0s #escalation"}},
		"nothing at night":                 {rule, "2026-11-27 18:00", told("2026-11-27 09:00", first), nil},
		"nothing on a Sunday":              {rule, "2026-11-29 12:00", told("2026-11-27 09:00", first), nil},
		"on Monday morning":                {rule, "2026-11-30 08:00", told("2026-11-27 09:00", first), []string{"10h0m0s #escalation"}},
		"what was due before the last one": {rule, "2026-11-27 16:00", told("2026-11-27 15:30", second), nil},
		"… is past, what comes is not":     {rule, "2026-11-30 15:00", told("2026-11-27 15:30", second), []string{"20h0m0s @ada"}},
		"all are told":                     {rule, "2026-12-02 12:00", told("2026-11-30 15:00", all...), nil},
		"too late, also by night":          {rule, "2026-12-10 15:00", told("2026-11-30 15:00", all...), []string{"expired after 336h0m0s"}},
		"too late takes no reminder along": {rule, "2026-12-10 16:00", nil, []string{"expired after 336h0m0s"}},
		"too late is told once":            {rule, "2026-12-11 16:00", []approval.Told{{Step: "expired", At: berlin("2026-12-10 15:00")}}, nil},
		"too late by a longer time":        {rule, "2026-12-10 16:00", []approval.Told{{Step: "expired after 72h0m0s", At: berlin("2026-11-30 15:00")}}, []string{"expired after 336h0m0s"}},
		"no hours, no night":               {approval.Rule{Reminders: all}, "2026-11-26 19:00", nil, []string{"4h0m0s"}},
		"no reminders":                     {approval.Rule{}, "2027-11-26 19:00", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, ok := row.rule.Due(berlin(since), berlin(row.now), row.told)
			require.Equal(t, row.want != nil, ok)
			if ok {
				require.Equal(t, row.want, m.Steps)
				require.Equal(t, strings.HasPrefix(row.want[0], "expired"), m.Expired)
				require.Len(t, m.Reminders, map[bool]int{true: 0, false: len(row.want)}[m.Expired])
			}
		})
	}
	_, ok := rule.Due(time.Time{}, berlin("2026-11-27 09:00"), []approval.Told{{Step: "expired after 336h0m0s"}})
	require.False(t, ok, "nobody knows since when")
}

// However often and however late somebody looks, every step is taken at most
// once, each look causes one moment at most, and none falls into a quiet hour.
func TestDueComesOnce(t *testing.T) {
	office := office(t)
	rapid.Check(t, func(t *rapid.T) {
		rule := approval.Rule{Hours: office, ExpiresAfter: time.Duration(rapid.IntRange(0, 30).Draw(t, "expires after days")) * 24 * time.Hour}
		for _, h := range rapid.SliceOfNDistinct(rapid.IntRange(1, 80), 0, 5, rapid.ID).Draw(t, "after hours") {
			rule.Reminders = append(rule.Reminders, approval.Reminder{After: time.Duration(h) * time.Hour})
		}
		since := time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC)
		now, steps := since, map[string]bool{}
		var told []approval.Told
		for _, minutes := range rapid.SliceOfN(rapid.IntRange(1, 5*24*60), 0, 60).Draw(t, "looks after minutes") {
			now = now.Add(time.Duration(minutes) * time.Minute)
			m, ok := rule.Due(since, now, told)
			if !ok {
				continue
			}
			if !m.Expired && !office.Open(now) {
				t.Fatalf("%v at %v", m, now)
			}
			for _, step := range m.Steps {
				if steps[step] || steps["expired"] {
					t.Fatalf("%s again at %v", step, now)
				}
				steps[step], steps["expired"] = true, steps["expired"] || m.Expired
				told = append(told, approval.Told{Step: step, At: now})
			}
			if _, again := rule.Due(since, now, told); again {
				t.Fatalf("one more at %v", now)
			}
		}
	})
}

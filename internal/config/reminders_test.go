package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

func TestRemindersAndHours(t *testing.T) {
	c := mustParse(t, minimal+`    reminders: [{after: 4h}, {after: 24h, channel: "#pki-escalation"}, {after: 24h, user: "@ada"}]
    hours: {days: [mon-wed, fri, Sunday], from: "08:30", to: "24:00", time_zone: Europe/Berlin, holidays: [2026-12-25]}
`, environment())
	rule := c.Routes[0].Rule()
	require.Equal(t, []approval.Reminder{{After: 4 * time.Hour}, {After: 24 * time.Hour, Channel: "#pki-escalation"}, {After: 24 * time.Hour, User: "@ada"}}, rule.Reminders)
	require.Equal(t, []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Friday, time.Sunday}, rule.Hours.Days)
	require.Equal(t, 8*time.Hour+30*time.Minute, rule.Hours.From)
	require.Equal(t, 24*time.Hour, rule.Hours.To)
	require.Equal(t, "Europe/Berlin", rule.Hours.Zone.String())
	require.Equal(t, []string{"2026-12-25"}, rule.Hours.Holidays)
}

func TestMistakesInReminders(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"never":               {"reminders: [{channel: '#a'}]", "5:17: routes[0].reminders[0].after: is not set; say how long the request has waited then: 4h"},
		"at once":             {"reminders: [{after: 0s}]", "5:25: routes[0].reminders[0].after: must be at least 1s"},
		"out of order":        {"reminders: [{after: 4h}, {after: 1h}]", "5:38: routes[0].reminders[1].after: is shorter than that of the reminder before; write them in the order of their time"},
		"twice":               {"reminders: [{after: 4h}, {after: 240m}]", "5:30: routes[0].reminders[1]: is listed twice"},
		"two addressees":      {"reminders: [{after: 4h, channel: '#a', user: '@a'}]", "5:17: routes[0].reminders[0]: names a channel and a user; write two reminders, the second with the same after"},
		"not a channel":       {"reminders: [{after: 4h, channel: pki}]", `5:38: routes[0].reminders[0].channel: "pki" is not a channel; write "#pki-escalation" (lower case) or its ID, C012ABCDEF`},
		"not a person":        {"reminders: [{after: 4h, user: ada}]", `5:35: routes[0].reminders[0].user: "ada" is not a person; write "@ada", U012ABCDEF or ada@example.com, and a group's channel under channel`},
		"everybody":           {"reminders: [{after: 4h, user: '@here'}]", "5:35: routes[0].reminders[0].user: @here names nobody in particular"},
		"not a day":           {"hours: {days: [mon-fr]}", `5:20: routes[0].hours.days[0]: "mon-fr" is not a day; write mon, or a range: mon-fri`},
		"no day":              {"hours: {days: []}", "5:19: routes[0].hours.days: is an empty list; remove it, or say which days"},
		"not a time":          {"hours: {from: '8'}", `5:19: routes[0].hours.from: "8" is not a time of the day; write it with quotes: "08:00"`},
		"over night":          {"hours: {from: '22:00', to: '06:00'}", "5:32: routes[0].hours.to: must be later than from, on the same day"},
		"the end of the day":  {"hours: {from: '24:00'}", `5:19: routes[0].hours.from: is the end of the day; write "00:00"`},
		"nowhere":             {"hours: {time_zone: Mars/Olympus}", `5:24: routes[0].hours.time_zone: "Mars/Olympus" is not a time zone; write its name: Europe/Berlin, America/New_York, UTC`},
		"somewhere":           {"hours: {time_zone: Local}", `5:24: routes[0].hours.time_zone: "Local" is not a time zone; write its name: Europe/Berlin, America/New_York, UTC`},
		"not a day of a year": {"hours: {holidays: [2026-02-30]}", `5:24: routes[0].hours.holidays[0]: "2026-02-30" is not a date; write 2026-12-25`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "approvebot.yaml:"+row.want, problems(t, minimal+"    "+row.text+"\n", environment())[0])
		})
	}
}

func TestDoubtfulReminders(t *testing.T) {
	for text, want := range map[string]string{
		"reminders: [{after: 72h}]\n    expires_after: 24h":    "approvebot.yaml:5:17: routes[0].reminders[0]: never goes out: requests of this route expire after 24h0m0s",
		"hours: {days: [mon], time_zone: UTC}":                 "approvebot.yaml:5:12: routes[0].hours: has no effect, because the route has no reminders",
		"reminders: [{after: 1h}]\n    hours: {from: '08:00'}": "approvebot.yaml:6:12: routes[0].hours: has no time_zone, so it is read as UTC; write one: Europe/Berlin",
	} {
		_, warnings, err := config.Parse("approvebot.yaml", []byte(minimal+"    "+text+"\n"), environment())
		require.NoError(t, err)
		require.Len(t, warnings, 1)
		require.Equal(t, want, warnings[0].String())
	}
}

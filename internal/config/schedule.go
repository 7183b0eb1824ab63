package config

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var scheduleParser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// ParseSchedule reads "@every 30s", "@hourly" and the like, the five fields of
// cron, or six with seconds first. TZ=Europe/Berlin in front sets the zone.
func ParseSchedule(spec string) (cron.Schedule, error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		// The parser panics where nothing follows the zone.
		if !strings.Contains(spec, " ") {
			return nil, errors.New("nothing follows the time zone")
		}
	}
	if every, ok := strings.CutPrefix(spec, "@every "); ok {
		// The parser would silently make a second of it.
		if d, err := time.ParseDuration(every); err == nil && d < time.Second {
			return nil, errors.New("it is shorter than a second")
		}
	}
	schedule, err := scheduleParser.Parse(spec)
	if err != nil {
		return nil, err
	}
	if schedule.Next(time.Now()).IsZero() {
		return nil, errors.New("it never comes")
	}
	return schedule, nil
}

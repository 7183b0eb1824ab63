package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/keyfactor"
	"github.com/approvebot/approvebot/poller"
)

// inForce is the configuration that counts at this moment. It is replaced as a
// whole and never changed, so whoever asks once sees one state of it.
type inForce struct{ p atomic.Pointer[snapshot] }

// snapshot is one configuration, and what is made of it.
type snapshot struct {
	*config.Config
	byName map[string]config.Route
	keys   [][]byte // that sign buttons; the first signs, all verify

	keyfactor *keyfactor.Client // of the first login
	queues    []approval.Source
	schedule  cron.Schedule
	rules     poller.Rules
}

// makeSnapshot builds what a configuration says. The key that is kept in the store
// goes behind those of the configuration, so that replicas share it, restarts keep
// old buttons good, and a change to configured keys has an overlap.
func (a *App) makeSnapshot(c *config.Config, kept []byte) (_ *snapshot, err error) {
	s := &snapshot{Config: c, byName: map[string]config.Route{}}
	for _, key := range c.Slack.ButtonKeys {
		s.keys = append(s.keys, []byte(key.Reveal()))
	}
	s.keys = append(s.keys, kept)
	for _, route := range c.Routes {
		s.byName[route.Name] = route
	}
	s.rules = fingerprints(c)
	if s.schedule, err = config.ParseSchedule(c.Poll.Schedule); err != nil {
		return nil, err
	}
	if old := a.config.now(); old != nil && reflect.DeepEqual(old.Keyfactor, c.Keyfactor) && slices.Equal(old.Poll.Sources, c.Poll.Sources) {
		s.keyfactor, s.queues = old.keyfactor, old.queues // with their connections and tokens
		return s, nil
	}
	log := a.log.Named("keyfactor")
	if s.keyfactor, err = newKeyfactor(c.Keyfactor, log, a.seen); err != nil {
		return nil, err
	}
	further, err := newAccounts(c.Keyfactor, log, a.seen)
	if err != nil {
		return nil, err
	}
	s.queues = newSources(s.keyfactor, c, log, further...)
	return s, nil
}

func (f *inForce) now() *snapshot { return f.p.Load() }

// What the bot asks at the moment of use.
func (f *inForce) sources() []approval.Source    { return f.now().queues }
func (f *inForce) placing() poller.Rules         { return f.now().rules }
func (f *inForce) keep() time.Duration           { return f.now().Store.Keep }
func (f *inForce) directory() approval.Directory { return f.now().People.Names() }
func (f *inForce) allowShared() bool             { return f.now().Slack.AllowSharedChannels }
func (f *inForce) admins() bot.Team              { return bot.Team(f.now().Admins) }
func (f *inForce) sealKeys() [][]byte            { return f.now().keys }
func (f *inForce) signingSecrets() []secret.String {
	return f.now().Slack.SigningSecrets()
}

// fingerprints are of what the configuration says about requests, so that the
// poller can tell which of them a change concerns.
func fingerprints(c *config.Config) poller.Rules {
	r := poller.Rules{Routing: fingerprint(c.Routes), Routes: map[string]string{}}
	for _, route := range c.Routes {
		r.Routes[route.Name] = fingerprint(route)
	}
	r.Facts = fingerprint([]any{c.Keyfactor.PortalURL, c.Keyfactor.Metadata})
	var cards []config.Value
	for _, v := range c.Values() {
		switch section, _, _ := strings.Cut(v.Key, "."); section {
		case "keyfactor", "slack", "poll", "store", "http", "admins", "people", "log":
		default:
			if !strings.HasPrefix(section, "routes") {
				cards = append(cards, v) // a section that is not known here may well show
			}
		}
	}
	r.Cards = fingerprint(cards)
	return r
}

func fingerprint(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was read from YAML
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// Next makes the schedule in force one of River's.
func (f *inForce) Next(at time.Time) time.Time { return f.now().schedule.Next(at) }

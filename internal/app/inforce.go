package app

import (
	"sync/atomic"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/secret"
)

// inForce is the configuration that counts at this moment. It is replaced as a
// whole and never changed, so whoever asks once sees one state of it.
type inForce struct{ p atomic.Pointer[snapshot] }

// snapshot is one configuration, and what is made of it.
type snapshot struct {
	*config.Config
	byName map[string]config.Route
	keys   [][]byte // that sign buttons; the first signs, all verify
}

// newSnapshot takes the key that is kept in the store behind those of the
// configuration, so that replicas share it, restarts keep old buttons good, and a
// change to configured keys has an overlap.
func newSnapshot(c *config.Config, kept []byte) *snapshot {
	s := &snapshot{Config: c, byName: map[string]config.Route{}}
	for _, key := range c.Slack.ButtonKeys {
		s.keys = append(s.keys, []byte(key.Reveal()))
	}
	s.keys = append(s.keys, kept)
	for _, route := range c.Routes {
		s.byName[route.Name] = route
	}
	return s
}

func (f *inForce) now() *snapshot { return f.p.Load() }

// What the bot asks at the moment of use.
func (f *inForce) directory() approval.Directory { return f.now().People.Names() }
func (f *inForce) allowShared() bool             { return f.now().Slack.AllowSharedChannels }
func (f *inForce) admins() bot.Team              { return bot.Team(f.now().Admins) }
func (f *inForce) sealKeys() [][]byte            { return f.now().keys }
func (f *inForce) signingSecrets() []secret.String {
	return f.now().Slack.SigningSecrets()
}

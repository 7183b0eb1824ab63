package app_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// follows has replicas read their configuration from a file, and follow it.
func (p *place) follows() (file string) {
	file = filepath.Join(p.TempDir(), "approvebot.yaml")
	p.edit = func(text string) string { write(p.T, file, text); return text }
	p.options = func(o *app.Options) {
		env := p.env(&door{})
		env["KEYFACTOR_URL"] = o.Config.Keyfactor.URL
		o.Load = func() (*config.Config, []config.Warning, error) {
			return config.Load(file, func(name string) string { return env[name] })
		}
		var err error
		o.Config, _, err = o.Load()
		require.NoError(p, err)
	}
	return file
}

// write is how editors save: a new file is renamed over the old one.
func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file+"~", []byte(text), 0o600))
	require.NoError(t, os.Rename(file+"~", file))
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// entries reads the audit log of a place.
func (p *place) entries(f store.Filter) (all []store.Entry) {
	p.Helper()
	s, err := store.Open(p.Context(), p.store, store.Options{Log: zap.NewNop()})
	require.NoError(p, err)
	defer s.Close()
	for e, err := range s.Entries(p.Context(), f) {
		require.NoError(p, err)
		all = append(all, e)
	}
	_, _, err = s.VerifyAudit(p.Context())
	require.NoError(p, err)
	return all
}

// in are the cards of a request in a channel.
func (p *place) in(channel, id string) (found []slacksim.Message) {
	for _, m := range p.slack.Messages(channel) {
		if strings.Contains(string(m.Metadata), id) && (m.ThreadTS == "" || m.ThreadTS == m.TS) {
			found = append(found, m)
		}
	}
	return found
}

// A changed file is in force without a restart, for requests to come as for those
// that wait; a bad one is refused, loudly, and the one before it goes on counting.
func TestAChangedConfigurationIsTakenUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	file := p.follows()
	r := p.start()
	id, card := p.arrive("web")
	text := mustRead(t, file)
	config := func() (ok bool) { _, ready := readyz(t, r.app.Addr()); return ready.Parts["configuration"].OK }
	require.True(t, config())

	// Another route, ahead of the old one: other people, other channel.
	changed := strings.Replace(text, "routes:\n", "routes:\n  - name: web\n    match: {template: \"*Web*\"}\n    channels: [\"#pki-escalation\"]\n    approvers: {users: [\"@ada\", \"@carol\"]}\n    quorum: 2\n", 1)
	write(t, file, changed)
	p.await("the open request to move", func() bool { return len(p.in("#pki-escalation", id)) == 1 })
	p.await("the old card to follow", func() bool {
		m, _ := p.slack.Message(room, card.TS)
		return strings.Contains(m.String(), "2 people must approve") && pressable(m)
	})
	later := p.appear("web")
	p.await("a new card in the new channel", func() bool { return len(p.in("#pki-escalation", later)) == 1 })
	require.Empty(t, p.in(room, later))
	// Who decided yesterday does not decide today, also from the old card.
	require.True(t, p.slack.Click(p.Context(), slacksim.Click{As: "ben", Channel: room, TS: card.TS, ActionID: "approve"}).Acknowledged)
	p.await("ben to be refused", func() bool { return r.says(zap.InfoLevel, "click refused") })

	// A mistake: nothing of it counts, and the admins are told once.
	write(t, file, strings.Replace(changed, "quorum: 2", "quorum: 1\n    qourum: 1", 1))
	p.await("the mistake to be told", func() bool { return !config() })
	require.True(t, has(scrape(t, r.app.Addr()), "approvebot_config_last_reload_successful", "0"))
	status, _ := readyz(t, r.app.Addr())
	require.Equal(t, 200, status, "the service goes on")
	p.await("carol to hear of it", func() bool { return p.heard("carol", "there are mistakes in it") == 1 })
	require.ErrorContains(t, r.app.Reload(t.Context()), "qourum")
	p.approve("ada", card)
	p.await("ada's vote to be one of two", func() bool {
		return strings.Contains(p.in("#pki-escalation", id)[0].String(), "One of two") || strings.Contains(p.in("#pki-escalation", id)[0].String(), "1 of 2")
	})

	// What needs a restart counts not before, and nothing else of that file.
	write(t, file, strings.Replace(changed, "quorum: 2", "quorum: 1", 1)+"log: {format: json}\n")
	p.await("the restart to be asked for", func() bool { return p.heard("carol", "a change of log.format needs a restart") == 1 })
	require.False(t, config())
	require.Equal(t, 1, p.heard("carol", "there are mistakes in it"), "told once")

	// Mended: quorum 1, so the vote that stands is not enough of a click, and one more is.
	write(t, file, changed)
	p.await("the file to be in force", config)
	require.True(t, has(scrape(t, r.app.Addr()), "approvebot_config_last_reload_successful", "1"))
	p.approve("carol", card)
	p.becomes(card, "Approved")
	require.Equal(t, 1, p.accepted(id))

	r.stop()
	written := p.entries(store.Filter{Event: "config.changed"})
	require.Len(t, written, 2, "at the first start, and when the route came")
	require.Contains(t, fmt.Sprint(written[1].Detail), `map[is:["@ada","@carol"] key:routes[web].approvers.users]`)
	require.NotContains(t, fmt.Sprint(written), "approve-me")
}

// heard counts the direct messages of ours that a person has and that say this.
func (p *place) heard(who, text string) (n int) {
	for _, m := range p.slack.Messages("D" + strings.TrimPrefix(p.slack.UserID(who), "U")) {
		if strings.Contains(m.String(), text) {
			n++
		}
	}
	return n
}

// Clicks and changes at the same moment: every request is decided once, by those
// who may under one configuration or the other.
func TestClicksWhileTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	file := p.follows()
	r := p.start()
	const who = `groups: ["@pki-approvers"]}`
	text := strings.Replace(mustRead(t, file), who, who+"\n    comment: {approve: 'off'}", 1) // a click decides
	const n = 6
	var ids []string
	for range n {
		ids = append(ids, p.appear("web"))
	}
	for _, id := range ids {
		p.card(id)
	}
	write(t, file, text)
	p.await("clicks to decide", func() bool { return r.says(zap.InfoLevel, "the changed configuration is in force") })
	var decided atomic.Bool
	people := []string{`users: ["@ada", "@ben", "@carol"]}`, who}
	var changing sync.WaitGroup
	changing.Go(func() {
		for i := 0; !decided.Load(); i++ {
			write(t, file, strings.Replace(text, who, people[i%2], 1))
			if err := r.app.Reload(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var clicking sync.WaitGroup
	for _, who := range []string{"ada", "ben", "carol"} {
		clicking.Go(func() {
			for _, id := range ids {
				for _, card := range p.cards(id) {
					p.slack.Click(t.Context(), slacksim.Click{As: who, Channel: room, TS: card.TS, ActionID: "approve"})
				}
			}
		})
	}
	clicking.Wait()
	decided.Store(true)
	changing.Wait()
	for _, id := range ids {
		p.becomes(p.card(id), "Approved")
		require.Equal(t, 1, p.accepted(id))
	}
}

// The real program follows its file, and reads it again on SIGHUP.
func TestHangup(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	r := p.spawn()
	_, card := p.arrive("web")
	r.signal(syscall.SIGHUP)
	p.await("the file to be read", func() bool { return r.says("the configuration was read again and says the same") })
	write(t, r.file, strings.Replace(mustRead(t, r.file), `groups: ["@pki-approvers"]`, `users: ["@dan"]`, 1))
	p.await("the change to be in force", func() bool { return r.says("the changed configuration is in force") })
	write(t, r.file, "routes: []\n")
	p.await("the mistake to be told", func() bool { return r.says("the one in force stays") })
	p.approve("dan", card)
	p.becomes(card, "Approved")
	r.signal(syscall.SIGTERM)
	require.Zero(t, r.ends())
}

// A password that was replaced in its file is used without a restart.
func TestASecretIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	file, password := p.follows(), filepath.Join(t.TempDir(), "password")
	write(t, password, "of yesterday\n")
	keep := p.edit
	p.edit = func(text string) string {
		return keep(strings.Replace(text, "keyfactor: {", "keyfactor: {auth: {username: 'EXAMPLE\\svc-approvebot', password_file: "+password+"}, ", 1))
	}
	r := p.start()
	id := p.appear("web")
	p.await("Keyfactor to refuse us", func() bool {
		_, ready := readyz(t, r.app.Addr())
		part, known := ready.Parts["keyfactor workflow"]
		return known && !part.OK
	})
	write(t, password, "approve-me\n")
	p.card(id)
	r.stop()
	last := p.entries(store.Filter{Event: "config.changed"})[1]
	require.Equal(t, `[map[is:"[redacted], another one" key:keyfactor.auth.password was:"[redacted]"]]`, fmt.Sprint(last.Detail["changes"]))
	require.NotContains(t, mustRead(t, file), "approve-me")
}

// What cannot be written down does not count.
func TestAChangeThatCannotBeRecordedIsNotTakenUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	file := p.follows()
	r := p.start()
	p.arrive("web")
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(p.store, "sqlite:")+"?_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.event = 'config.changed' BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	require.NoError(t, err)
	write(t, file, strings.Replace(mustRead(t, file), "    channels:", "    quorum: 2\n    channels:", 1))
	p.await("the change to be refused", func() bool { return r.says(zap.ErrorLevel, "the database did not take the record of the change") })
	_, card := p.arrive("web")
	require.NotContains(t, card.String(), "2 people must approve")
	_, err = db.ExecContext(t.Context(), `DROP TRIGGER full`)
	require.NoError(t, err)
	require.NoError(t, r.app.Reload(t.Context()))
	p.await("the card to follow", func() bool {
		m, _ := p.slack.Message(room, card.TS)
		return strings.Contains(m.String(), "2 people must approve")
	})
}

// Each replica follows its own file; what changed is written down once.
func TestReplicasFollowTheirFiles(t *testing.T) {
	t.Parallel()
	p := newPlace(t, pgtest.URL(t))
	files := []string{p.follows()}
	replicas := []*replica{p.start()}
	files = append(files, p.follows())
	replicas = append(replicas, p.start())
	for i, file := range files {
		write(t, file, strings.Replace(mustRead(t, file), "    channels:", "    quorum: 2\n    channels:", 1))
		p.await("the change to be in force", func() bool { return replicas[i].says(zap.InfoLevel, "the changed configuration is in force") })
	}
	_, card := p.arrive("web")
	require.Contains(t, card.String(), "2 people must approve")
	// Their addresses of Keyfactor differ here, and that is told as well.
	written := fmt.Sprint(p.entries(store.Filter{Event: "config.changed"}))
	require.Equal(t, 1, strings.Count(written, `map[is:2 key:routes[all].quorum.count was:1]`))
}

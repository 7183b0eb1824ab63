package app_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// Four replicas start at once on an empty database. One polls at a time, all take
// clicks, a request has one card; when the one that polls is stopped, another
// polls within a second.
func TestFourReplicas(t *testing.T) {
	t.Parallel()
	p := newPlace(t, pgtest.URL(t))
	together := &onePoll{next: p.keyfactor}
	replicas := make([]*replica, 4)
	var starting sync.WaitGroup
	for n := range replicas {
		starting.Go(func() { replicas[n] = p.startWith(together) })
	}
	starting.Wait()
	p.await("four links", func() bool { return len(p.slack.Connections()) == 4 })
	for _, r := range replicas {
		require.False(t, r.says(zap.WarnLevel, "somebody else uses"), "they know each other")
	}
	polls := func() (all []int64) {
		for _, r := range replicas {
			all = append(all, r.keyfactor.polls.Load())
		}
		return all
	}
	sum := func(all []int64) (n int64) {
		for _, one := range all {
			n += one
		}
		return n
	}

	// A few ticks, during which requests come and people decide about them.
	began, before := time.Now(), sum(polls())
	for n := range 4 {
		id, card := p.arrive("web")
		p.approve([]string{"ada", "ben", "carol"}[n%3], card)
		p.becomes(card, "Approved")
		require.Len(t, p.cards(id), 1)
		require.Equal(t, 1, p.signals(id))
	}
	connections := map[int]bool{}
	for _, d := range p.slack.Deliveries() {
		connections[d.Connection] = true
	}
	// Eight envelopes at random over four links: that all went to one is a chance of one in 16,000.
	require.Greater(t, len(connections), 1, "clicks are taken by all")
	ticks := int64(time.Since(began)/time.Second) + 2
	require.LessOrEqual(t, sum(polls())-before, 2*ticks, "polls of all replicas together are those of one: %v in %d ticks", polls(), ticks)
	require.Equal(t, 1, together.peak(), "never two polls at once")

	// The one that polls is stopped as SIGTERM would.
	now := polls()
	p.await("the next poll", func() bool { return sum(polls()) > sum(now) })
	leader := slices.IndexFunc(replicas, func(r *replica) bool { return r.keyfactor.polls.Load() > now[slices.Index(replicas, r)] })
	replicas[leader].stop()
	rest := slices.Delete(slices.Clone(replicas), leader, leader+1)
	others := func() (n int64) {
		for _, r := range rest {
			n += r.keyfactor.polls.Load()
		}
		return n
	}
	stopped, had := time.Now(), others()
	p.await("another one to poll", func() bool { return others() > had })
	took := time.Since(stopped)
	t.Logf("taken over %s after the stop", took.Round(time.Millisecond))
	require.Less(t, took, time.Second+busy)
}

// onePoll watches how many lists are read at once.
type onePoll struct {
	next http.Handler
	mu   sync.Mutex
	now  int
	most int
}

func (o *onePoll) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/AssignedToMe") {
		o.count(1)
		defer o.count(-1)
	}
	o.next.ServeHTTP(w, r)
}

func (o *onePoll) count(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now += n
	o.most = max(o.most, o.now)
}

func (o *onePoll) peak() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.most
}

// A replica is frozen in the middle of a signal, as a paused virtual machine is,
// while the other one goes on working, and then thawed: nothing is doubled.
func TestAFrozenReplicaDoublesNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, pgtest.URL(t), func(c *slacksim.Config) { c.AckTimeout = time.Second })
	a, b := p.spawn(), p.spawn()
	p.await("two links", func() bool { return len(p.slack.Connections()) == 2 })
	held, heldCard := p.arrive("web")
	_, card := p.arrive("web")

	// Whoever carries the signal is frozen while Keyfactor has it in hand.
	arrived, also := a.keyfactor.hold("/Signals"), b.keyfactor.hold("/Signals")
	p.approve("ada", heldCard)
	var frozen, other *process
	var call *heldCall
	select {
	case call = <-arrived:
		frozen, other = a, b
	case call = <-also:
		frozen, other = b, a
	case <-time.After(patience):
		t.Fatal("no signal came")
	}
	frozen.signal(syscall.SIGSTOP)
	other.keyfactor.hold("")
	close(call.goOn) // Keyfactor takes the signal; nobody hears the answer
	p.await("Keyfactor to have it", func() bool { return p.accepted(held) == 1 })

	// Envelopes go to one of two links; those for the frozen one fail visibly, and
	// ben tries again.
	p.await("ben to decide with the replica that lives", func() bool {
		if m, _ := p.slack.Message(room, card.TS); !pressable(m) {
			return true
		}
		if p.slack.Click(t.Context(), slacksim.Click{As: "ben", Channel: room, TS: card.TS, ActionID: "deny"}).Acknowledged {
			if v := p.slack.Views("ben"); len(v) > 0 && v[len(v)-1].SubmitLabel != nil {
				p.submit("ben", v[len(v)-1], "not ours")
			}
		}
		return false
	})
	p.becomes(card, "Denied")

	frozen.signal(syscall.SIGCONT)
	p.becomes(heldCard, "Approved")
	late, lateCard := p.arrive("web")
	require.True(t, pressable(lateCard))
	for _, id := range []string{held, late} {
		require.Len(t, p.cards(id), 1)
	}
	require.Equal(t, 1, p.signals(held))
	for _, r := range []*process{a, b} {
		require.False(t, r.says("second card was posted"))
		r.signal(syscall.SIGTERM)
		require.Zero(t, r.ends())
	}
	requireOneOutcomeEach(t, p)
}

// requireOneOutcomeEach looks into threads: nobody was told twice.
func requireOneOutcomeEach(t *testing.T, p *place) {
	t.Helper()
	told := map[string]int{}
	for _, m := range p.slack.Messages(room) {
		if m.ThreadTS != "" && m.ThreadTS != m.TS {
			told[string(m.Metadata)]++
			require.Equal(t, 1, told[string(m.Metadata)], m.String())
		}
	}
}

// PostgreSQL is away for a while. A click meanwhile is told that nothing was
// decided, and that is so; afterwards everything goes on by itself.
func TestPostgreSQLIsAway(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	p := newPlace(t, server.Database(t))
	r := p.start()
	id, card := p.arrive("web")
	modal := p.press("ada", card, "approve")

	server.Stop(t)
	s := p.submit("ada", modal, "typed once")
	require.True(t, s.Acknowledged, "%s %s", s.Fate, s.Error)
	require.Contains(t, s.Errors["comment"], "Nothing was decided. Try again")
	require.False(t, s.Closed, "what was typed stays")
	status, ready := readyz(t, r.app.Addr())
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.False(t, ready.Parts["database"].OK)
	click := p.slack.Click(t.Context(), slacksim.Click{As: "ben", Channel: room, TS: card.TS, ActionID: "deny"})
	require.True(t, click.Acknowledged, click.Error)
	p.await("ben to be told", func() bool {
		for _, m := range p.slack.Ephemerals("ben") {
			if strings.Contains(m.String(), "Nothing was decided. Try again") {
				return true
			}
		}
		return false
	})
	require.True(t, r.says(zap.ErrorLevel, "a click could not be looked up") || r.says(zap.ErrorLevel, "decision could not be recorded, so nothing happens"))
	require.Zero(t, p.signals(id))
	late := p.appear("web")

	server.Start(t)
	p.await("readiness", func() bool { status, _ := readyz(t, r.app.Addr()); return status == http.StatusOK })
	lateCard := p.card(late)
	p.decide("ada", modal, "typed once")
	p.becomes(card, "Approved", "typed once")
	p.approve("ben", lateCard)
	p.becomes(lateCard, "Approved")
	for _, one := range []string{id, late} {
		require.Equal(t, 1, p.signals(one))
		require.Len(t, p.cards(one), 1)
	}
}

// On SQLite one process at a time; the second one says so and ends.
func TestASecondProcessOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	p.spawn()
	p.await("the first one", func() bool { return len(p.slack.Connections()) == 1 })
	second := p.spawn()
	require.Equal(t, 1, second.ends())
	require.True(t, second.says("another process uses this database; stop it, or give each its own file; several replicas need PostgreSQL"), second.out.String())
}

// The process is killed after the person was told that their decision was taken,
// at once or while Keyfactor is being asked, which is slow. After a restart the
// decision goes out within five seconds, once.
func TestAnAcknowledgedDecisionSurvivesACrash(t *testing.T) {
	for name, asked := range map[string]bool{"at once": false, "while Keyfactor is being asked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, sqliteIn(t.TempDir()))
			first := p.spawn()
			id, card := p.arrive("web")
			modal := p.press("ada", card, "approve")
			slow := first.keyfactor.hold("/" + id)
			p.decide("ada", modal, "")
			if asked {
				call := <-slow
				defer close(call.goOn)
			}
			first.kill()
			require.Zero(t, p.signals(id))

			began := time.Now()
			p.spawn()
			p.await("the signal", func() bool { return p.accepted(id) == 1 })
			took := time.Since(began)
			t.Logf("sent %s after the start", took.Round(time.Millisecond))
			require.Less(t, took, 5*time.Second+busy)
			p.becomes(card, "Approved")
			require.Equal(t, 1, p.signals(id))
		})
	}
}

// busy is what a machine that is busy with other tests may cost beyond a promise.
const busy = 8 * time.Second

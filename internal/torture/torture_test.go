// Package torture kills the program and balances the books.
//
// The real program runs as processes of its own against both simulators, which
// have faults switched on. People press buttons at random, twice, and two at
// once; colleagues decide in the portal meanwhile; requests change, start again
// and vanish. Every second or so a process is killed with SIGKILL, often within
// milliseconds of a call that must not happen twice, and started again.
//
// Then the weather clears, what is open is brought to its end, and the books are
// balanced: what Slack shows is held against what Keyfactor did, and both against
// what people were told when they pressed.
//
//	people    who press, and the ledger of what they were told
//	faults    the weather in both simulators, and the colleagues in the portal
//	door      in front of the simulators: what was POSTed, and when to strike
//	program   the processes that are killed
//	books     what must hold in the end
//
// "go test ./internal/torture" is the short form, with 50 kills for each engine;
// "make torture" the long one, with TORTURE_KILLS (1000). TORTURE_SEED repeats
// the choices of a run; the timing of processes cannot be repeated.
package torture_test

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// One process on an embedded database, killed again and again.
func TestSQLite(t *testing.T) {
	t.Parallel()
	newWorld(t, func(dir string) string { return "sqlite:" + filepath.Join(dir, "approvebot.db") }, 1).torture()
}

// Two replicas on PostgreSQL, of which one at a time is killed.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	newWorld(t, func(string) string { return url }, 2).torture()
}

// world is everything around the program.
type world struct {
	*testing.T
	seed      uint64
	random    *rand.Rand // the one who kills
	slack     *slacksim.Workspace
	keyfactor *keyfactorsim.Server
	door      *door
	people    []*person
	ledger    ledger
	storeURL  string
	replicas  []*program
	kills     atomic.Int64
	began     time.Time
}

// The rooms: one per route, and one that two routes share, so that some requests
// have two cards. In the last two an approval takes no comment and no modal.
var rooms = []string{"room00", "room01", "room02", "room03", "room04", "room05", "room06", "room07", "room08", "room09", "room10", "room11"}

const annex = "annex"

func isDirect(room, verdict string) bool {
	return verdict == approveButton && (room == "room10" || room == "room11")
}

var roomName = regexp.MustCompile(`room\d\d`)

// roomsOf are the rooms in which a request is shown.
func roomsOf(subject string) []string {
	room := roomName.FindString(subject)
	if room == "room04" || room == "room05" {
		return []string{room, annex}
	}
	return []string{room}
}

func configuration(storeURL string) string {
	var c strings.Builder
	fmt.Fprintf(&c, "keyfactor: {timeout: 5s}\npoll: {schedule: '@every 1s'}\nstore: {url: %q}\nhttp: {listen: '127.0.0.1:0'}\nadmins: {users: ['@carol']}\npeople: {not_in_slack: ['EXAMPLE\\*', 'Timer Service']}\nroutes:\n", storeURL)
	for _, room := range rooms {
		rule := "optional"
		if isDirect(room, approveButton) {
			rule = "off"
		}
		var channels []string
		for _, name := range roomsOf(room) {
			channels = append(channels, "'#"+name+"'")
		}
		fmt.Fprintf(&c, "  - {name: %s, match: {subject: '%[1]s-*'}, channels: [%s], approvers: {groups: ['@pki-approvers']}, comment: {approve: %s}}\n", room, strings.Join(channels, ", "), rule)
	}
	return c.String()
}

//go:embed testdata/keyfactor.yaml
var keyfactorSeed []byte

func newWorld(t *testing.T, storeURL func(dir string) string, replicas int) *world {
	t.Helper()
	w := &world{T: t, door: &door{}, seed: uint64(time.Now().UnixNano() % 1_000_000), began: time.Now()}
	if text := os.Getenv("TORTURE_SEED"); text != "" {
		var err error
		w.seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "TORTURE_SEED")
	}
	t.Logf("TORTURE_SEED=%d makes the same choices again", w.seed)
	w.random = w.dice(0)

	seed, err := keyfactorsim.ParseSeed(keyfactorSeed)
	require.NoError(t, err)
	w.keyfactor, err = keyfactorsim.New(keyfactorsim.Config{Seed: seed, RandomSeed: w.seed})
	require.NoError(t, err)
	t.Cleanup(w.keyfactor.Close)
	kf := w.serve(w.door.keyfactor(w.keyfactor))

	names := []string{"ada", "ben", "carol", "dan", "eve", "fay", "gus", "hal", "ivy", "jan", "kim", "leo"}
	sc := slacksim.DefaultConfig()
	sc.People, sc.Channels = nil, nil
	for _, name := range names {
		sc.People = append(sc.People, slacksim.Person{Name: name, RealName: strings.ToUpper(name[:1]) + name[1:], Email: name + "@example.com"})
		w.people = append(w.people, &person{name: name})
	}
	sc.Groups = []slacksim.Group{{Handle: "pki-approvers", Name: "PKI approvers", Users: names}}
	for _, room := range append(slices.Clone(rooms), annex) {
		sc.Channels = append(sc.Channels, slacksim.Channel{Name: room, Members: append(slices.Clone(names), slacksim.BotMember)})
	}
	sc.PingInterval, sc.DisconnectGrace = time.Second, 2*time.Second
	w.slack, err = slacksim.New(sc)
	require.NoError(t, err)
	t.Cleanup(w.slack.Close)
	slack := w.serve(w.door.slack(w.slack))

	binary, dir := build(t), w.artifacts()
	config := filepath.Join(dir, "approvebot.yaml")
	w.storeURL = storeURL(dir)
	require.NoError(t, os.WriteFile(config, []byte(configuration(w.storeURL)), 0o600))
	for n := range replicas {
		w.replicas = append(w.replicas, &program{
			name: fmt.Sprintf("replica %d", n), binary: binary, config: config, log: filepath.Join(dir, fmt.Sprintf("replica-%d.log", n)),
			env: []string{
				"HOME=" + dir, "PATH=" + os.Getenv("PATH"),
				"KEYFACTOR_URL=" + w.keyfactor.URLs(kf).API, "KEYFACTOR_USERNAME=" + botIdentity, "KEYFACTOR_PASSWORD=approve-me",
				"SLACK_API_URL=" + slack + "/api/", "SLACK_BOT_TOKEN=" + w.slack.BotToken(), "SLACK_APP_TOKEN=" + w.slack.AppToken(),
			},
		})
	}
	return w
}

// dice are a source of choices that the seed decides.
func (w *world) dice(n uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, n)) }

// artifacts is where logs are kept: in ARTIFACTS if that is set, else they go with the test.
func (w *world) artifacts() string {
	root := os.Getenv("ARTIFACTS")
	if root == "" {
		return w.TempDir()
	}
	dir, err := os.MkdirTemp(root, w.Name()+"-")
	require.NoError(w, err)
	w.Logf("logs are kept in %s", dir)
	return dir
}

func (w *world) serve(h http.Handler) (base string) {
	server := &httptest.Server{Config: &http.Server{Handler: h}}
	var err error
	server.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w, err)
	server.Start()
	w.Cleanup(server.CloseClientConnections)
	return server.URL
}

// torture kills the program as often as asked and then balances the books.
func (w *world) torture() {
	kills := 50
	if text := os.Getenv("TORTURE_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(w, err, "TORTURE_KILLS")
	}
	for _, p := range w.replicas {
		require.NoError(w, p.start())
		w.Cleanup(func() { _ = p.kill() })
	}
	w.storm()
	ctx, end := context.WithCancel(w.Context())
	var crowd sync.WaitGroup
	crowd.Go(func() { w.meddle(ctx, w.dice(1)) })
	for n, p := range w.people {
		crowd.Go(func() { w.live(ctx, p, w.dice(uint64(2+n))) })
	}
	for range kills {
		w.strike()
	}
	end()
	crowd.Wait()
	w.calm()

	stormy := time.Since(w.began)
	b := w.drain()
	for _, p := range w.replicas {
		require.NoError(w, p.stop())
	}
	entries := w.audit()
	w.Logf("%s\n%.0f s of killing, %.0f s until the books balanced, %d audit entries", b, stormy.Seconds(), (b.took - stormy).Seconds(), entries)
	w.verdict(b)
}

// strike kills one replica, often just when a call that must not happen twice is
// under way, and starts it again.
func (w *world) strike() {
	r := w.random
	victim := w.replicas[r.IntN(len(w.replicas))]
	if r.IntN(5) > 0 { // else it may die while it starts
		ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
		_ = w.slack.WaitFor(ctx, func() bool { return len(w.slack.Connections()) >= len(w.replicas) })
		cancel()
	}
	w.lurk(r)
	if n := w.kills.Load(); len(w.replicas) > 1 && n%100 == 75 {
		w.freeze(victim)
	}
	require.NoError(w, victim.kill())
	w.kills.Add(1)
	if r.IntN(3) == 0 {
		pause(w.Context(), time.Duration(r.IntN(400))*time.Millisecond)
	}
	require.NoError(w, victim.start())
	if n := w.kills.Load(); n%100 == 0 {
		b := w.balance()
		w.Logf("so far: kills %d  accepted %d  signals %d  DOUBLED %d  cards %d  doubled cards %d  seconds %.0f", b.kills, b.accepted, b.signals, b.doubled, b.cards, b.doubledCards, b.took.Seconds())
	}
}

// lurk waits for a bad moment: mostly one of those that the door tells of and a
// few milliseconds more, so that every instruction around it has its turn.
func (w *world) lurk(r *rand.Rand) {
	pause(w.Context(), time.Duration(100+r.IntN(400))*time.Millisecond)
	if r.IntN(5) == 0 {
		return
	}
	select {
	case <-w.door.on(moments[r.IntN(len(moments))]):
	case <-time.After(1500 * time.Millisecond):
	}
	pause(w.Context(), time.Duration(r.IntN(15_000))*time.Microsecond)
}

// freeze stops a replica's clock for so long that others take its work over, and
// lets it go on where it was.
func (w *world) freeze(victim *program) {
	victim.freeze()
	pause(w.Context(), 30*time.Second)
	victim.thaw()
	pause(w.Context(), 2*time.Second)
}

// patience is how long everything that is open may take once nothing goes wrong
// any more. River rescues what a dead replica left within a minute.
const patience = 150 * time.Second

// drain waits until the books balance, and returns them.
func (w *world) drain() *books {
	for until := time.Now().Add(patience); ; {
		w.clear()
		b := w.balance()
		if len(b.problems) == 0 || time.Now().After(until) {
			return b
		}
		pause(w.Context(), 500*time.Millisecond)
	}
}

// verdict fails the test with everything that is known about what does not balance.
func (w *world) verdict(b *books) {
	for n, p := range b.problems {
		w.Errorf("%s: %s", p.request, p.text)
		if n < 5 {
			for _, c := range w.slack.Calls("") {
				if strings.Contains(c.Args["metadata"], p.request) {
					w.Logf("%s %s ts=%s %d %s: %.150s", c.Time.Format(clock), c.Method, c.Args["ts"], c.Status, c.Error, c.Args["text"])
				}
			}
			for _, r := range w.replicas {
				w.Log(strings.Join(r.lines(w.T, func(line string) bool { return strings.Contains(line, p.request) }), "\n"))
			}
		}
	}
	for _, r := range w.replicas {
		require.Empty(w, r.lines(w.T, crash.MatchString), "the program crashed")
	}
	require.Positive(w, b.accepted, "nobody could decide anything")
	require.Positive(w, b.signals, "no decision reached Keyfactor")
}

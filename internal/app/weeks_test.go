package app_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/poller"
)

const weeksConfig = `
keyfactor: {url: "https://command.example.com/KeyfactorAPI", auth: {username: u, password: p}}
slack: {bot_token: xoxb-1, app_token: xapp-1}
people: {map: {'EXAMPLE\alice': "@dan"}}
routes:
  - name: web
    channels: ["#pki-approvals"]
    approvers: {users: ["@ada", "@ben"]}
    notify_requester: true
    reminders: [{after: 4h}, {after: 10h, channel: "#pki-escalation"}, {after: 20h, user: "@carol"}, {after: 40h}]
    hours: {days: [mon-fri], from: "08:00", to: "18:00", time_zone: Europe/Berlin, holidays: [2026-04-03, 2026-04-06]}
    expires_after: 312h
`

// weeks is a service whose clock runs as fast as it is looked at. Slack is the
// simulated one, called without a socket; the store is a file, and the process
// may end at any moment. Two replicas poll.
type weeks struct {
	*testing.T
	dir    string
	random *rand.Rand
	config *config.Config
	slack  *slacksim.Workspace
	queue  *weekQueue
	cut    bool // Slack's next answer is lost

	store   *store.Store
	bots    []*bot.Bot
	pollers []*poller.Poller
	starts  int

	polls map[approval.ID][]time.Time          // when it was listed and known before
	told  map[approval.ID]map[string]time.Time // as the store says
	seen  map[approval.ID]int                  // what the last poll knew: one, and the steps taken
	ended map[approval.ID]time.Time            // when the queue let it go
}

// RoundTrip hands a call to the simulator. A lost answer leaves the effect.
func (w *weeks) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	served := r.Clone(r.Context())
	served.RequestURI = r.URL.RequestURI()
	if served.Body == nil {
		served.Body = http.NoBody
	}
	w.slack.ServeHTTP(answer, served)
	if w.cut && strings.HasSuffix(r.URL.Path, "/chat.postMessage") {
		w.cut = false
		return nil, errors.New("connection reset by peer")
	}
	return answer.Result(), nil
}

// weekQueue is Keyfactor's list, by what waits when.
type weekQueue struct {
	mu      sync.Mutex
	waiting map[approval.ID]approval.Request
	down    bool
}

func (q *weekQueue) Kind() approval.Kind { return approval.Workflow }

func (q *weekQueue) List(context.Context) iter.Seq2[approval.Item, error] {
	return func(yield func(approval.Item, error) bool) {
		q.mu.Lock()
		listed, down := slices.Sorted(maps.Keys(q.waiting)), q.down
		q.mu.Unlock()
		for _, id := range listed {
			if !yield(approval.Item{ID: id}, nil) {
				return
			}
		}
		if down {
			yield(approval.Item{}, approval.ErrUnavailable)
		}
	}
}

func (q *weekQueue) Look(_ context.Context, id approval.ID) (approval.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r, ok := q.waiting[id]; ok {
		return approval.Standing{Waiting: true, Request: r}, nil
	}
	return approval.Standing{Outcome: approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 12"}}, nil
}

func (q *weekQueue) Counted(context.Context, approval.ID) (bool, error) { return false, nil }
func (q *weekQueue) Send(context.Context, approval.Decision) error      { return errors.ErrUnsupported }

func (q *weekQueue) set(do func()) { q.mu.Lock(); defer q.mu.Unlock(); do() }

// start begins a process over the same file; the one before has ended.
func (w *weeks) start() {
	w.Helper()
	var err error
	w.store, err = store.Open(w.Context(), "sqlite:"+filepath.Join(w.dir, "weeks.db"), store.Options{})
	require.NoError(w, err)
	rules := func() (all []approval.Rule) {
		for _, r := range w.config.Routes {
			all = append(all, r.Rule())
		}
		return all
	}
	w.bots, w.pollers = nil, nil
	for range 2 {
		b, err := bot.New(bot.Config{
			Store: w.store, Sources: func() []approval.Source { return []approval.Source{w.queue} }, Log: zap.NewNop(), Rules: rules,
			Slack: slack.New(w.slack.BotToken(), slack.OptionAPIURL("http://slack.example/api/"), slack.OptionHTTPClient(&http.Client{Transport: w})),
			Rule:  func(name string) (approval.Rule, bool) { return rules()[0], name == "web" },
			Keys:  func() [][]byte { return [][]byte{bytes.Repeat([]byte("k"), 32)} }, Directory: func() approval.Directory { return w.config.People.Names() },
		})
		require.NoError(w, err)
		require.NoError(w, b.Identify(w.Context()))
		w.bots = append(w.bots, b)
		w.pollers = append(w.pollers, poller.New(poller.Config{
			Sources: func() []approval.Source { return []approval.Source{w.queue} }, Store: w.store, Log: zap.NewNop(), Remind: b.Remind, Follow: b.Follow,
			Route: func(context.Context, approval.Request) (store.Placement, error) {
				return store.Placement{Route: "web", Channels: []string{"#pki-approvals"}, Follow: true}, nil
			},
		}))
	}
	w.starts++
}

func (w *weeks) stop() {
	w.Helper()
	for _, b := range w.bots {
		b.Close()
		b.Wait()
	}
	require.NoError(w, w.store.Close())
}

// poll has both replicas make a pass at the same moment, and does what their jobs
// would do.
func (w *weeks) poll() {
	w.Helper()
	known, err := w.store.Known(w.Context(), approval.Workflow)
	require.NoError(w, err)
	w.queue.set(func() {
		for _, k := range known {
			if _, listed := w.queue.waiting[k.ID]; listed && !w.queue.down {
				w.polls[k.ID] = append(w.polls[k.ID], time.Now())
			}
		}
	})
	var passes sync.WaitGroup
	for _, p := range w.pollers {
		passes.Go(func() { _ = p.Pass(w.Context()) })
	}
	passes.Wait()
	known, err = w.store.Known(w.Context(), approval.Workflow)
	require.NoError(w, err)
	now := map[approval.ID]int{}
	for _, k := range known {
		if w.told[k.ID] == nil {
			w.told[k.ID] = map[string]time.Time{}
		}
		for _, t := range k.Told {
			w.told[k.ID][t.Step] = t.At
		}
		now[k.ID] = 1 + len(k.Told)
	}
	for _, id := range slices.Sorted(maps.Keys(w.told)) {
		if now[id] != w.seen[id] { // it is new, there was a moment, or it is settled: there are jobs
			w.work(id)
		}
	}
	w.seen = now
}

// work does what the jobs of a request would do, until nothing is left. Answers
// get lost, and then the process may end there and then.
func (w *weeks) work(id approval.ID) {
	w.Helper()
	var last error
	for range 100 {
		record, err := w.store.Request(w.Context(), id)
		require.NoError(w, err)
		err = w.once(record)
		if err == nil {
			return
		}
		last = err
		if w.random.IntN(2) == 0 {
			w.stop()
			w.start()
		}
		if later, ok := errors.AsType[approval.RetryAfter](err); ok {
			time.Sleep(later.RetryAfter())
		} else {
			time.Sleep(time.Second)
		}
	}
	w.Fatalf("%s is never done: %v", id, last)
}

func (w *weeks) once(r store.Record) error {
	b, ctx := w.bots[w.random.IntN(len(w.bots))], w.Context()
	if w.random.IntN(6) == 0 {
		w.cut = true
	}
	id := r.Request.ID
	for _, c := range r.Cards {
		if err := errors.Join(b.Post(ctx, c.Channel), b.Refresh(ctx, id, c.Channel)); err != nil {
			return err
		}
		for key := range w.keys(id) {
			if err := b.Reply(ctx, id, c.Channel, key); err != nil {
				return err
			}
		}
	}
	for _, state := range []string{"pending", "denied"} {
		if err := b.Reply(ctx, id, w.slack.UserID("dan"), "requester:"+state); err != nil {
			return err
		}
	}
	return nil
}

// keys are those of the replies that the moments so far have made.
func (w *weeks) keys(id approval.ID) map[string]bool {
	at := map[time.Time][]string{}
	for _, step := range w.order(id) {
		at[w.told[id][step]] = append(at[w.told[id][step]], step)
	}
	keys := map[string]bool{weeksExpired: true}
	for _, steps := range at {
		keys["reminded:"+strings.Join(steps, ", ")] = true
	}
	return keys
}

// order lists the steps of a request that were taken, as the route does.
func (w *weeks) order(id approval.ID) (steps []string) {
	for _, m := range w.config.Routes[0].Reminders {
		if step := approval.Reminder(m).Step(); !w.told[id][step].IsZero() {
			steps = append(steps, step)
		}
	}
	return steps
}

// open says without any of the code under test whether a Berlin office is open.
func open(t time.Time, berlin *time.Location) bool {
	text := t.In(berlin).Format("Mon 2006-01-02 15:04")
	day, date, hour := text[:3], text[4:14], text[15:]
	return day != "Sat" && day != "Sun" && date != "2026-04-03" && date != "2026-04-06" && hour >= "08:00" && hour < "18:00"
}

// want works out minute by minute what must have been told at which poll.
func (w *weeks) want(id approval.ID, seen time.Time, berlin *time.Location) map[string]time.Time {
	route, want := w.config.Routes[0], map[string]time.Time{}
	due := map[string]time.Time{}
	var worked time.Duration
	for m := seen; len(due) < len(route.Reminders) && m.Before(seen.Add(40*24*time.Hour)); m = m.Add(time.Minute) {
		if !open(m, berlin) {
			continue
		}
		for _, r := range route.Reminders {
			if step := approval.Reminder(r).Step(); worked >= r.After && due[step].IsZero() {
				due[step] = m
			}
		}
		worked += time.Minute
	}
	var last time.Time
	for _, poll := range w.polls[id] {
		if end, ok := w.ended[id]; ok && !poll.Before(end) {
			break
		}
		if !poll.Before(seen.Add(route.ExpiresAfter)) {
			want[weeksExpired] = poll
			break
		}
		if !open(poll, berlin) {
			continue
		}
		before := last
		for step, at := range due {
			if _, done := want[step]; !done && !at.IsZero() && !at.After(poll) && at.After(before) {
				want[step], last = poll, poll
			}
		}
	}
	return want
}

// Four weeks over Easter and a change of clocks: polls every hour by two
// replicas, the process ending when it likes, Keyfactor and the machine away for
// days, answers of Slack lost. Every moment comes once, when it is due, in open
// hours, and as one message in each thread.
func TestWeeksOfReminders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { simulateWeeks(t, dir, *weeksSeed) })
}

// weeksExpired is the step at the end of the time that the route gives.
const weeksExpired = "expired after 312h0m0s"

// weeksSeed makes other weeks: -weeks.seed 7.
var weeksSeed = flag.Uint64("weeks.seed", 1, "the seed of the simulated weeks")

func simulateWeeks(t *testing.T, dir string, seed uint64) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	begin := time.Date(2026, 3, 16, 7, 0, 0, 0, berlin)
	time.Sleep(time.Until(begin))

	w := &weeks{
		T: t, dir: dir, random: rand.New(rand.NewPCG(seed, 1)), queue: &weekQueue{waiting: map[approval.ID]approval.Request{}},
		polls: map[approval.ID][]time.Time{}, told: map[approval.ID]map[string]time.Time{}, ended: map[approval.ID]time.Time{},
	}
	w.config, _, err = config.Parse("weeks.yaml", []byte(weeksConfig), func(string) string { return "" })
	require.NoError(t, err)
	w.slack, err = slacksim.New(slacksim.DefaultConfig())
	require.NoError(t, err)
	defer w.slack.Close()
	w.start()

	// Two arrive a day, at any hour; most are settled some time, some never.
	arrive, settle := map[time.Time]approval.ID{}, map[time.Time]approval.ID{}
	for day := range 22 {
		for n := range 1 + day%2 {
			id := approval.ID(fmt.Sprintf("workflow:00000000-0000-4000-8000-%012d/step", 10*day+n))
			at := begin.Add(time.Duration(day)*24*time.Hour + time.Duration(w.random.IntN(24))*time.Hour)
			arrive[at.Add(time.Duration(n))] = id
			if w.random.IntN(3) > 0 {
				settle[at.Add(time.Duration(w.random.IntN(17*24))*time.Hour+time.Duration(10*day+n))] = id
			}
		}
	}
	away := func(day, hours int) (from, to time.Time) {
		from = begin.Add(time.Duration(day)*24*time.Hour + time.Duration(w.random.IntN(24))*time.Hour)
		return from, from.Add(time.Duration(hours) * time.Hour)
	}
	stopped, back := away(4, 76) // over a weekend into Monday
	lost, found := away(11, 20)
	for now := begin; now.Before(begin.AddDate(0, 0, 31)); now = now.Add(time.Hour) {
		time.Sleep(time.Until(now))
		w.queue.set(func() {
			for at, id := range arrive {
				if !at.After(now) && w.ended[id].IsZero() {
					w.queue.waiting[id] = weekRequest(id)
				}
			}
			for at, id := range settle {
				if !at.After(now) && w.ended[id].IsZero() {
					delete(w.queue.waiting, id)
					w.ended[id] = now
				}
			}
			w.queue.down = now.After(lost) && now.Before(found)
		})
		if now.After(stopped) && now.Before(back) {
			continue
		}
		if w.random.IntN(20) == 0 {
			w.stop()
			w.start()
		}
		w.poll()
	}
	require.Greater(t, w.starts, 40)
	moments := 0
	for id := range w.told {
		record, err := w.store.Request(t.Context(), id)
		require.NoError(t, err)
		moments += w.check(record, berlin)
	}
	require.Greater(t, moments, 40)
	w.stop()
}

func weekRequest(id approval.ID) approval.Request {
	return approval.Request{
		ID: id, Title: "t", CommonName: string(id[40:49]) + ".example.com", Requester: `EXAMPLE\alice`, Type: "Enrollment",
		Facts: []approval.Fact{{Label: "Requester", Value: `EXAMPLE\alice`}}, Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
	}
}

// check compares what people were told of a request with what they should have
// been, and returns how many moments there were.
func (w *weeks) check(r store.Record, berlin *time.Location) int {
	w.Helper()
	id := r.Request.ID
	want := w.want(id, r.Seen, berlin)
	got := map[string]time.Time{}
	for step, at := range w.told[id] {
		got[step] = at
		want[step] = want[step].UTC()
	}
	require.Equal(w, want, got, "seen %s, polls %d", r.Seen.In(berlin), len(w.polls[id]))

	moments := map[time.Time]bool{}
	for _, step := range w.order(id) {
		moments[got[step]] = true
	}
	for _, c := range r.Cards {
		var reminded, expired, cards int
		for _, m := range w.slack.Messages(cardRoom(w.slack, c)) {
			switch {
			case !strings.Contains(string(m.Metadata), string(id)):
			case m.TS == c.TS:
				cards++
			case m.ThreadTS != c.TS:
			case strings.Contains(m.Text, "Still waiting"):
				reminded++
				require.True(w, open(weekTime(w, m.TS), berlin), "%s at %s", id, weekTime(w, m.TS).In(berlin))
			case strings.Contains(m.Text, "the buttons are gone"):
				expired++
			}
		}
		since := 0 // the moments from which on there has been this card
		first := got[map[string]string{"#pki-escalation": "10h0m0s #pki-escalation", w.slack.UserID("carol"): "20h0m0s @carol"}[c.Channel]]
		for at := range moments {
			if !at.Before(first) {
				since++
			}
		}
		require.Equal(w, 1, cards, "%s in %s", id, c.Channel)
		require.Equal(w, since, reminded, "%s in %s", id, c.Channel)
		require.Equal(w, !got[weeksExpired].IsZero(), expired == 1, "%s in %s: %d", id, c.Channel, expired)
	}
	told := map[string]int{}
	for _, m := range w.slack.Messages(w.slack.DirectChannelID("dan")) {
		if strings.Contains(m.Text, "`"+r.Request.CommonName+"`") {
			told[m.Text[:4]]++
		}
	}
	wantTold := map[string]int{"⏳ ": 1}
	if r.State.Final() {
		wantTold["⛔ "[:4]] = 1
	}
	require.Equal(w, wantTold, told, id)
	return len(moments)
}

func cardRoom(s *slacksim.Workspace, c store.Card) string {
	if strings.HasPrefix(c.Channel, "U") {
		return c.SlackChannel
	}
	return c.Channel
}

func weekTime(t *weeks, ts string) time.Time {
	t.Helper()
	var seconds int64
	_, err := fmt.Sscan(strings.SplitN(ts, ".", 2)[0], &seconds)
	require.NoError(t, err)
	return time.Unix(seconds, 0)
}

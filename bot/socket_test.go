package bot_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// desk is a handler that answers commands as the test likes.
type desk struct {
	command func(context.Context, slack.SlashCommand) any
	events  atomic.Int64
}

func (d *desk) Interact(context.Context, slack.InteractionCallback) any { return nil }

func (d *desk) Command(ctx context.Context, cmd slack.SlashCommand) any {
	if d.command != nil {
		return d.command(ctx, cmd)
	}
	return map[string]any{"text": "heard: " + cmd.Text}
}

func (d *desk) Event(context.Context, slackevents.EventsAPIEvent) { d.events.Add(1) }

// switchboard is a workspace and the link of a bot to it.
type switchboard struct {
	*testing.T
	desk   desk
	slack  *slacksim.Workspace
	api    *slack.Client
	socket *bot.Socket
	log    *observer.ObservedLogs
	end    func() // ends the link and waits
}

// newSwitchboard prepares everything; run opens the link.
func newSwitchboard(t *testing.T, change func(*slacksim.Config), options ...bot.SocketOption) *switchboard {
	t.Helper()
	s := &switchboard{T: t, end: func() {}}
	c := slacksim.DefaultConfig()
	if change != nil {
		change(&c)
	}
	var err error
	s.slack, err = slacksim.New(c)
	require.NoError(t, err)
	t.Cleanup(s.slack.Close)
	server := httptest.NewServer(s.slack)
	t.Cleanup(server.Close)
	s.api = slack.New(s.slack.BotToken(), slack.OptionAPIURL(server.URL+"/api/"), slack.OptionAppLevelToken(s.slack.AppToken()),
		slack.OptionHTTPClient(&http.Client{Timeout: 5 * time.Second}))
	var core zapcore.Core
	core, s.log = observer.New(zap.InfoLevel)
	s.socket = bot.NewSocket(&s.desk, s.api, zap.New(core), options...)
	return s
}

func (s *switchboard) run() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	done := make(chan struct{})
	go func() { defer close(done); s.socket.Run(ctx) }()
	s.end = func() { cancel(); <-done }
	s.Cleanup(func() { s.end() })
}

func (s *switchboard) await(what string, ok func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		tick, stop := context.WithTimeout(ctx, 10*time.Millisecond) // the log does not tell of changes
		_ = s.slack.WaitFor(tick, ok)
		stop()
		require.NoError(s, ctx.Err(), "waited in vain for %s; the log says: %v", what, s.said())
	}
}

// connected waits for a link whose number is higher than after.
func (s *switchboard) connected(after int) (id int) {
	s.Helper()
	s.await("a new link", func() bool {
		for _, c := range s.slack.Connections() {
			if c.ID > after && !c.Deaf && s.socket.Status().Connected {
				id = c.ID
				return true
			}
		}
		return false
	})
	return id
}

// call makes ada use the command.
func (s *switchboard) call(text string) slacksim.Result {
	return s.slack.Command(s.Context(), "ada", "pki-approvals", "/approvebot "+text)
}

func (s *switchboard) said() (all []string) {
	for _, e := range s.log.All() {
		all = append(all, e.Message)
	}
	return all
}

// TCP stays up and nothing comes any more, neither envelopes nor pings, and our
// pings stay unanswered: the link is given up after four of them, and a new one
// is built from nothing.
func TestADeafLinkIsNoticedAndBuiltAnew(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, nil, bot.PingEvery(50*time.Millisecond))
	s.run()
	first := s.connected(0)
	require.True(t, s.call("one").Acknowledged)
	s.slack.Deafen()
	s.connected(first)
	require.Contains(t, s.said(), "no link to Slack: Slack fell silent on an open link; it is built anew")
	require.True(t, s.call("two").Acknowledged)
	s.await("the deaf link to be closed", func() bool { return len(s.slack.Connections()) == 1 })
}

// The worst of all: pings come and are answered, and still no click arrives. A link
// that has brought nothing for a while is therefore replaced, whatever it says.
func TestAMuteLinkIsReplaced(t *testing.T) {
	t.Parallel()
	ended := make(chan string, 100)
	s := newSwitchboard(t, func(c *slacksim.Config) { c.AckTimeout = 300 * time.Millisecond },
		bot.RenewAfter(300*time.Millisecond), bot.Ended(func(reason string) { ended <- reason }))
	s.run()
	first := s.connected(0)
	require.True(t, s.call("one").Acknowledged)
	s.slack.Mute()
	require.False(t, s.call("lost").Acknowledged)
	s.await("a fresh link", func() bool { c := s.slack.Connections(); return len(c) == 1 && c[0].ID > first })
	require.True(t, s.call("two").Acknowledged)
	require.Equal(t, "rotated", <-ended)
	require.Empty(t, s.log.FilterLevelExact(zap.ErrorLevel).All(), "it is routine")
}

// While links are replaced again and again, nobody who presses notices: the new
// one stands before the old one goes.
func TestNoClickFailsWhileWeReplaceTheLink(t *testing.T) {
	t.Parallel()
	var rotated atomic.Int64
	s := newSwitchboard(t, nil, bot.RenewAfter(100*time.Millisecond), bot.Ended(func(reason string) {
		if reason == "rotated" {
			rotated.Add(1)
		}
	}))
	s.run()
	s.connected(0)
	s.await("five links", func() bool { return s.socket.Status().Connected && rotated.Load() >= 5 })
	for range 5 { // as soon as a click can come between
		before := rotated.Load()
		require.True(t, s.call("now").Acknowledged)
		s.await("the next link", func() bool { return rotated.Load() > before })
	}
	acks := s.slack.Acks()
	require.Zero(t, acks.Foreign+acks.Late+acks.Unknown, "%+v", acks)
	s.await("one link", func() bool { return len(s.slack.Connections()) <= 2 })
}

// The old link stays until the new one has said hello, however many tries that takes.
func TestTheOldLinkStaysUntilANewOneStands(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, nil, bot.PingEvery(250*time.Millisecond), bot.RenewAfter(200*time.Millisecond))
	s.run()
	first := s.connected(0)
	require.NoError(t, s.slack.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{
		{Method: "apps.connections.open", Kind: slacksim.Status, Count: 1},
		{Method: "socket.open", Kind: slacksim.Mute, Count: 1},
	}}))
	s.await("a refusal and a link without hello", func() bool {
		said := s.said()
		return slices.Contains(said, "no link to Slack: the link broke, or Slack cannot be reached") &&
			slices.Contains(said, "no link to Slack: Slack opened a link and did not say hello; it is built anew")
	})
	require.True(t, s.socket.Status().Connected)
	s.connected(first)
	s.await("the first link to go", func() bool {
		return !slices.ContainsFunc(s.slack.Connections(), func(c slacksim.Connection) bool { return c.ID == first })
	})
}

// A link on which Slack says nothing from the beginning is not taken for one.
func TestALinkWithoutHelloIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, nil, bot.PingEvery(50*time.Millisecond))
	require.NoError(t, s.slack.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "socket.open", Kind: slacksim.Mute, Count: 2}}}))
	s.run()
	s.await("it to be said", func() bool {
		return s.log.FilterMessage("no link to Slack: Slack opened a link and did not say hello; it is built anew").Len() >= 2
	})
	s.connected(0)
	require.True(t, s.call("hello").Acknowledged)
}

// The simulator pings once an hour here, so the answers to our own pings are all
// that shows that the link is alive.
func TestAQuietLinkIsNotGivenUp(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, func(c *slacksim.Config) { c.PingInterval = time.Hour }, bot.PingEvery(20*time.Millisecond))
	s.run()
	first := s.connected(0)
	began := time.Now()
	s.await("ten times the allowed silence", func() bool { return time.Since(began) > 800*time.Millisecond })
	require.Equal(t, first, s.connected(0))
}

func TestACutLinkIsBuiltAnew(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, nil)
	s.run()
	last := 0
	for range 3 {
		last = s.connected(last)
		s.slack.CloseSockets()
	}
	s.connected(last)
	require.True(t, s.call("hello").Acknowledged)
}

// Slack replaces a link every few hours. Twenty people who press without pause
// meanwhile do not notice, and every answer goes back on the link it belongs to.
func TestNoClickFailsWhileSlackReplacesTheLink(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"warning", "refresh_requested"} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := newSwitchboard(t, nil)
			s.desk.command = func(context.Context, slack.SlashCommand) any {
				runtime.Gosched()
				return map[string]any{"text": "heard"}
			}
			s.run()
			last := s.connected(0)
			var (
				people sync.WaitGroup
				over   atomic.Bool
				failed sync.Map
				calls  atomic.Int64
			)
			for range 20 {
				people.Go(func() {
					for !over.Load() {
						if r := s.call("now"); !r.Acknowledged {
							failed.Store(r.Error, r.Fate)
						}
						calls.Add(1)
					}
				})
			}
			for range 3 {
				s.slack.Disconnect(reason)
				last = s.connected(last)
			}
			over.Store(true)
			people.Wait()
			failed.Range(func(sentence, fate any) bool { t.Errorf("%v: %v", fate, sentence); return true })
			require.Greater(t, calls.Load(), int64(20))
			acks := s.slack.Acks()
			require.Zero(t, acks.Foreign+acks.Late+acks.Unknown, "%+v", acks)
		})
	}
}

// What only an operator can mend is said in a sentence, in the log and in the
// status; the tries become rarer; and when it is mended the link comes by itself.
func TestAnOperatorIsToldWhyThereIsNoLink(t *testing.T) {
	t.Parallel()
	refused := func(code string) slacksim.Faults {
		return slacksim.Faults{Rules: []slacksim.Fault{{Method: "apps.connections.open", Kind: slacksim.Error, Error: code}}}
	}
	for name, test := range map[string]struct {
		faults slacksim.Faults
		want   string
	}{
		"missing_scope":          {refused("missing_scope"), "the app-level token needs the scope connections:write"},
		"not_allowed_token_type": {refused("not_allowed_token_type"), "the app-level token needs the scope connections:write"},
		"link_disabled":          {refused("link_disabled"), "Socket Mode is switched off in the app's settings; switch it on, or use transport: http"},
		"invalid_auth":           {refused("invalid_auth"), "Slack does not accept the app-level token; check slack.app_token"},
		"token revoked":          {slacksim.Faults{AppToken: "revoked"}, "Slack does not accept the app-level token; check slack.app_token"},
		"HTML instead of JSON":   {slacksim.Faults{Rules: []slacksim.Fault{{Method: "apps.connections.open", Kind: slacksim.HTML}}}, "the link broke, or Slack cannot be reached"},
		"503":                    {slacksim.Faults{Rules: []slacksim.Fault{{Method: "apps.connections.open", Kind: slacksim.Status}}}, "the link broke, or Slack cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSwitchboard(t, nil)
			require.NoError(t, s.slack.SetFaults(test.faults))
			s.run()
			tries := func() []observer.LoggedEntry {
				return s.log.FilterLevelExact(zap.ErrorLevel).All()
			}
			s.await("three tries", func() bool { return len(tries()) >= 3 })
			status := s.socket.Status()
			require.False(t, status.Connected)
			require.Contains(t, status.Trouble, test.want)
			for n, e := range tries()[:3] {
				require.Contains(t, e.Message, test.want)
				middle := 200 * time.Millisecond << n
				require.InDelta(t, middle, e.ContextMap()["next_try"], float64(middle)/2+1)
			}
			require.NoError(t, s.slack.SetFaults(slacksim.Faults{}))
			s.connected(0)
			s.await("no trouble any more", func() bool { return s.socket.Status().Trouble == "" })
		})
	}
}

func TestAnOperatorIsToldWhySlackClosedTheLink(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"link_disabled":       "Socket Mode is switched off in the app's settings; switch it on, or use transport: http",
		"too_many_websockets": "the app has too many open links; somebody else uses its token",
		"something_new":       "Slack refused with something_new",
	} {
		t.Run(reason, func(t *testing.T) {
			s := newSwitchboard(t, nil)
			s.run()
			first := s.connected(0)
			s.slack.Disconnect(reason)
			s.connected(first)
			require.Contains(t, s.said(), "no link to Slack: "+want)
		})
	}
}

// A second user of the same app token gets part of the clicks, so it is reported;
// a replica of ours is not.
func TestForeignLinksAreReported(t *testing.T) {
	t.Parallel()
	for replicas, want := range map[int]bool{1: true, 2: false} {
		t.Run(fmt.Sprintf("%d of ours", replicas), func(t *testing.T) {
			s := newSwitchboard(t, nil, bot.Replicas(func(context.Context) (int, error) { return replicas, nil }))
			other := bot.NewSocket(&desk{}, s.api, zap.NewNop())
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); other.Run(ctx) }()
			t.Cleanup(func() { cancel(); <-done })
			s.await("the other link", func() bool { return other.Status().Connected })
			s.run()
			s.await("our link", func() bool { return s.socket.Status().Connected })
			if !want {
				s.end() // what there is to say has been said by then
				require.Empty(t, s.log.FilterLevelExact(zap.WarnLevel).All())
				return
			}
			s.await("a warning", func() bool {
				return strings.HasPrefix(s.socket.Status().Trouble, "Slack counts 2 links of this app and only 1 can be ours")
			})
			require.True(t, s.socket.Status().Connected)
			require.Equal(t, 1, s.socket.Status().Foreign)
		})
	}
}

func TestFiveHundredEnvelopesAtOnce(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, nil)
	var handled sync.Map
	s.desk.command = func(_ context.Context, cmd slack.SlashCommand) any {
		handled.Store(cmd.Text, true)
		return map[string]any{"text": "heard"}
	}
	s.run()
	s.connected(0)
	var people sync.WaitGroup
	results := make([]slacksim.Result, 500)
	for n := range results {
		people.Go(func() { results[n] = s.call(fmt.Sprint("number", n)) })
	}
	people.Wait()
	for n, r := range results {
		require.True(t, r.Acknowledged, "%d: %s", n, r.Error)
		_, ok := handled.Load(fmt.Sprint("number", n))
		require.True(t, ok)
	}
	require.Equal(t, 500, s.slack.Acks().Honoured)
}

// When the service ends while a click is being handled, the person still gets
// their answer, and nothing is left running.
func TestAClickUnderWayIsAnsweredBeforeTheEnd(t *testing.T) {
	s := newSwitchboard(t, nil)
	taken, release := make(chan struct{}), make(chan struct{})
	s.desk.command = func(context.Context, slack.SlashCommand) any {
		close(taken)
		<-release
		return map[string]any{"text": "done in time"}
	}
	s.run()
	s.connected(0)
	answer := make(chan slacksim.Result, 1)
	go func() { answer <- s.call("last") }()
	<-taken
	ended := make(chan struct{})
	go func() { defer close(ended); s.end() }()
	select {
	case <-ended:
		t.Fatal("the link did not wait for a click under way")
	case <-time.After(50 * time.Millisecond): // a broken link would have ended at once
	}
	close(release)
	r := <-answer
	require.True(t, r.Acknowledged, r.Error)
	require.Contains(t, string(r.Body), "done in time")
	<-ended
	require.False(t, s.socket.Status().Connected)
	requireNothingRuns(t)
}

func TestNothingIsLeftRunningAfterTrouble(t *testing.T) {
	s := newSwitchboard(t, nil, bot.PingEvery(20*time.Millisecond))
	s.run()
	last := s.connected(0)
	for _, trouble := range []func(){s.slack.Deafen, s.slack.CloseSockets, func() { s.slack.Disconnect("warning") }, func() { s.slack.Disconnect("link_disabled") }} {
		trouble()
		last = s.connected(last)
	}
	s.end()
	requireNothingRuns(t)
}

// requireNothingRuns looks for goroutines of the transport.
func requireNothingRuns(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	text := string(stacks[:runtime.Stack(stacks, true)])
	require.NotContains(t, text, "bot.(*Socket)")
	require.NotContains(t, text, "bot.(*link)")
}

// Slack tells the person after three seconds that it did not work. From then on
// it must not work, or they would decide without knowing.
func TestAnEnvelopeThatWaitedTooLongIsNotHandled(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(t, nil)
	release := make(chan struct{})
	var busy, late atomic.Int64
	s.desk.command = func(_ context.Context, cmd slack.SlashCommand) any {
		if cmd.Text == "late" {
			late.Add(1)
			return nil
		}
		busy.Add(1)
		<-release
		return nil
	}
	s.run()
	s.connected(0)
	var people sync.WaitGroup
	for range 64 {
		people.Go(func() { s.call("busy") })
	}
	s.await("everybody to be busy", func() bool { return busy.Load() == 64 })
	r := s.call("late")
	require.Equal(t, slacksim.TimedOut, r.Fate)
	close(release)
	people.Wait()
	s.await("the late one to be dropped", func() bool {
		return s.log.FilterMessage("too much at once: an envelope of Slack's waited until its time was over").Len() == 1
	})
	require.Zero(t, late.Load())
	s.desk.command = nil
	require.True(t, s.call("now").Acknowledged)
}

// One poisonous envelope costs one answer, not the process.
func TestTheLinkSurvivesWhatItCannotHandle(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(context.Context, slack.SlashCommand) any{
		"a panic":              func(context.Context, slack.SlashCommand) any { panic("poison") },
		"an answer over 20 kB": func(context.Context, slack.SlashCommand) any { return strings.Repeat("x", 20_000) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSwitchboard(t, func(c *slacksim.Config) { c.AckTimeout = 300 * time.Millisecond })
			s.desk.command = func(ctx context.Context, cmd slack.SlashCommand) any {
				if cmd.Text == "poison" {
					return command(ctx, cmd)
				}
				return nil
			}
			s.run()
			first := s.connected(0)
			require.Equal(t, slacksim.TimedOut, s.call("poison").Fate)
			require.NotEmpty(t, s.log.Filter(func(e observer.LoggedEntry) bool { return e.Level >= zap.WarnLevel }).All())
			require.True(t, s.call("food").Acknowledged)
			require.Equal(t, first, s.connected(0))
		})
	}
}

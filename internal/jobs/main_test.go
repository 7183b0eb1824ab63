package jobs_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/jobs"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

func TestMain(m *testing.M) {
	if url := os.Getenv("APPROVEBOT_TEST_CHILD"); url != "" {
		if err := child(url); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	pgtest.Main(m)
}

// child is one replica as a process of its own, that a test can kill. It tells
// on its output what its work is called for, and works until it is killed or
// asked to end. "hang" in its environment names the work that never ends.
func child(url string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	hang := os.Getenv("APPROVEBOT_TEST_HANG")
	say := func(ctx context.Context, what string) error {
		fmt.Println(what)
		if hang != "" && strings.HasPrefix(what, hang) {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	schedule, err := cron.ParseStandard(os.Getenv("APPROVEBOT_TEST_SCHEDULE"))
	if err != nil {
		return err
	}
	r, err := jobs.New(jobs.Config{Store: s, Schedule: schedule, SoftStop: time.Second, Work: jobs.Work{
		Poll:    func(ctx context.Context) error { return say(ctx, "poll") },
		Post:    func(ctx context.Context, channel string) error { return say(ctx, "post "+channel) },
		Refresh: func(ctx context.Context, id approval.ID, channel string) error { return say(ctx, "refresh") },
		Reply:   func(ctx context.Context, id approval.ID, channel, key string) error { return say(ctx, "reply") },
		Signal: func(ctx context.Context, id string) error {
			if err := say(ctx, "signal "+id); err != nil {
				return err
			}
			if err := s.Finish(ctx, id, approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere}); err != nil {
				return err
			}
			return say(ctx, "finished "+id)
		},
	}})
	if err != nil {
		return err
	}
	if err := r.Start(ctx); err != nil {
		return err
	}
	fmt.Println("started")
	<-ctx.Done()
	fmt.Println("stopping")
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Stop(stopping); err != nil {
		return err
	}
	return s.Close()
}

// process is a running child and what it has said.
type process struct {
	cmd   *exec.Cmd
	lines chan string
}

func spawn(t *testing.T, url, hang string) *process {
	t.Helper()
	return spawnEvery(t, url, hang, "1s")
}

func spawnEvery(t *testing.T, url, hang, interval string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.Command(exe), lines: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), "APPROVEBOT_TEST_CHILD="+url, "APPROVEBOT_TEST_HANG="+hang, "APPROVEBOT_TEST_SCHEDULE=@every "+interval)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = os.Stderr
	require.NoError(t, p.cmd.Start())
	go p.listen(out)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

func (p *process) listen(out io.Reader) {
	defer close(p.lines)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		p.lines <- lines.Text()
	}
}

// hears waits for a line, or for several in whatever order, and returns how long that took.
func (p *process) hears(t *testing.T, within time.Duration, want ...string) time.Duration {
	t.Helper()
	began := time.Now()
	deadline := time.After(within)
	for len(want) > 0 {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the process ended before it said %q", want)
			}
			want = slices.DeleteFunc(want, func(w string) bool { return w == line })
			if strings.HasPrefix(line, "error") {
				t.Fatal(line)
			}
		case <-deadline:
			t.Fatalf("no %q within %s", want, within)
		}
	}
	return time.Since(began)
}

// quiet reads until nothing has been said for a while.
func (p *process) quiet(while time.Duration) {
	for {
		select {
		case <-p.lines:
		case <-time.After(while):
			return
		}
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
}

// onBoth runs one exercise on both engines.
func onBoth(t *testing.T, exercise func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { exercise(t, "sqlite://"+filepath.Join(t.TempDir(), "a.db")) })
	t.Run("postgres", func(t *testing.T) { exercise(t, pgtest.URL(t)) })
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var alice = approval.Person{Team: "T1", ID: "U1", Name: "Alice", Membership: approval.Member}

func request(key string) approval.Request {
	return approval.Request{ID: approval.NewID(approval.Workflow, key), Title: key, Verdicts: []approval.Verdict{approval.Approve}}
}

func decide(t testing.TB, s *store.Store, key string) {
	t.Helper()
	r := request(key)
	_, err := s.Appear(t.Context(), r, store.Placement{Route: "r"})
	require.NoError(t, err)
	require.NoError(t, s.Decide(t.Context(), approval.Decision{ID: key, Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}))
}

// never is a schedule that leaves it to RunOnStart and Nudge.
type never struct{}

func (never) Next(now time.Time) time.Time { return now.AddDate(1, 0, 0) }

// run starts a runner with the work that a test cares for; the rest does nothing.
func run(t *testing.T, s *store.Store, w jobs.Work, log *zap.Logger) *jobs.Runner {
	t.Helper()
	if w.Poll == nil {
		w.Poll = func(context.Context) error { return nil }
	}
	if w.Post == nil {
		w.Post = func(context.Context, string) error { return nil }
	}
	if w.Refresh == nil {
		w.Refresh = func(ctx context.Context, id approval.ID, channel string) error {
			r, err := s.Request(ctx, id)
			if err == nil {
				_, err = s.Shown(ctx, id, channel, r.Version)
			}
			return err
		}
	}
	if w.Reply == nil {
		w.Reply = func(ctx context.Context, id approval.ID, channel, key string) error {
			return s.Replied(ctx, id, channel, key, "ts-"+key)
		}
	}
	if w.Signal == nil {
		w.Signal = func(ctx context.Context, id string) error {
			return s.Finish(ctx, id, approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere})
		}
	}
	r, err := jobs.New(jobs.Config{Store: s, Schedule: never{}, Work: w, Log: log, SoftStop: 200 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, r.Stop(t.Context())) })
	return r
}

// heard waits for a value that some work sends.
func heard[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// poll measures what it costs to notice: the first poll of a queue, which reads
// the details of all that waits, and the steady one, which finds nothing new.
// Beside it a bare client fetches and decodes the same pages.
func (b *bench) poll(ctx context.Context) error {
	sizes := []int{100, 1000, 10_000, 50_000}
	if b.short {
		sizes = []int{100, 1000, 5000}
	}
	polls := table{head: []string{"waiting", "first poll", "calls", "answers", "steady poll", "calls", "answers", "CPU", "bare client", "steady / bare", "steady, for each request", "resident after", "peak"}}
	rest := table{head: []string{"known requests", "start to ready", "idle CPU, share of one core", "resident"}}
	for _, n := range sizes {
		b.say("poll: %d waiting", n)
		p, err := b.pollOf(ctx, n)
		if err != nil {
			return fmt.Errorf("%d waiting: %w", n, err)
		}
		polls.row(strconv.Itoa(n), p.first.took.Round(time.Millisecond).String(), strconv.FormatInt(p.first.calls, 10), megabytes(p.first.bytes),
			p.steady.took.Round(time.Millisecond).String(), strconv.FormatInt(p.steady.calls, 10), fmt.Sprintf("%.1f MB", float64(p.steady.bytes)/(1<<20)), p.steady.cpu.String(),
			p.bare.Round(time.Millisecond).String(), fmt.Sprintf("%.1f×", float64(p.steady.took)/float64(p.bare)), fmt.Sprintf("%.0f µs", float64(p.steady.took.Microseconds())/float64(n)),
			megabytes(p.after.resident), megabytes(p.after.peak))
		rest.row(strconv.Itoa(n), p.ready.Round(time.Millisecond).String(), fmt.Sprintf("%.1f %%", 100*p.idle), megabytes(p.restarted.resident))
	}
	fmt.Fprint(b.out, "## Polls\n\nOn SQLite. A steady poll is the best of three; its CPU time counts in steps of 10 ms. The bare client fetches and decodes the same pages and does nothing with them.\n\n")
	polls.print(b.out)
	fmt.Fprint(b.out, "After a restart, with the default schedule of a poll every 30 s:\n\n")
	rest.print(b.out)
	return nil
}

// pass is what one poll took.
type pass struct {
	took         time.Duration
	calls, bytes int64
	cpu          time.Duration
}

type pollResult struct {
	first, steady    pass
	bare             time.Duration
	after, restarted usage
	ready            time.Duration
	idle             float64
}

func (b *bench) pollOf(ctx context.Context, n int) (r pollResult, err error) {
	s, err := b.newScene(sceneOptions{transport: socketMode, channels: 1, base: n})
	if err != nil {
		return r, err
	}
	defer s.close()
	store := "sqlite:" + filepath.Join(s.dir, "approvebot.db")
	p, _, err := s.program(ctx, b.binary, settings{store: store, schedule: "@every 1s", level: "debug"})
	if p != nil {
		defer func() { _ = p.kill() }()
	}
	if err != nil {
		return r, err
	}
	log, err := os.Open(p.log)
	if err != nil {
		return r, err
	}
	defer func() { _ = log.Close() }()
	lines := bufio.NewReader(log)

	// A first poll that is not done in time is gone on with by the next one.
	for known := 0; known < n; {
		polled, err := nextPoll(ctx, lines)
		if err != nil {
			return r, err
		}
		known += polled.New
		r.first.took += polled.took()
	}
	r.first.calls, r.first.bytes = s.notes.keyfactorCalls.Load(), s.notes.keyfactorBytes.Load()
	for range 3 {
		before := pass{calls: s.notes.keyfactorCalls.Load(), bytes: s.notes.keyfactorBytes.Load(), cpu: p.used().cpu}
		polled, err := nextPoll(ctx, lines)
		if err != nil {
			return r, err
		}
		now := pass{
			took: polled.took(), calls: s.notes.keyfactorCalls.Load() - before.calls, bytes: s.notes.keyfactorBytes.Load() - before.bytes,
			cpu: p.used().cpu - before.cpu,
		}
		if r.steady.took == 0 || now.took < r.steady.took {
			r.steady = now
		}
	}
	r.after = p.used()
	if err := p.stop(); err != nil {
		return r, err
	}
	for range 3 {
		took, err := s.bare(ctx)
		if err != nil {
			return r, err
		}
		if r.bare == 0 || took < r.bare {
			r.bare = took
		}
	}

	again, ready, err := s.program(ctx, b.binary, settings{store: store, schedule: "@every 30s"})
	if again != nil {
		defer func() { _ = again.kill() }()
	}
	if err != nil {
		return r, err
	}
	r.ready = ready
	idle := 30 * time.Second // one poll included
	if b.short {
		idle = 5 * time.Second
	}
	if err := sleep(ctx, 3*time.Second); err != nil {
		return r, err
	}
	before := again.used()
	if err := sleep(ctx, idle); err != nil {
		return r, err
	}
	r.restarted = again.used()
	r.idle, _ = r.restarted.since(before)
	return r, again.stop()
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// polled is what the program's log says about a poll.
type polled struct {
	Msg    string
	Took   float64 // seconds
	Listed int
	New    int
}

func (p polled) took() time.Duration { return time.Duration(p.Took * float64(time.Second)) }

// nextPoll reads the log up to the end of the next poll.
func nextPoll(ctx context.Context, lines *bufio.Reader) (p polled, err error) {
	text := ""
	for until := time.Now().Add(5 * time.Minute); time.Now().Before(until); {
		part, err := lines.ReadString('\n')
		text += part
		if errors.Is(err, io.EOF) {
			if err := sleep(ctx, 2*time.Millisecond); err != nil {
				return p, err
			}
			continue
		}
		if err != nil {
			return p, err
		}
		if strings.Contains(text, `"polled"`) {
			return p, json.Unmarshal([]byte(text), &p)
		}
		text = ""
	}
	return p, fmt.Errorf("no poll ended within five minutes")
}

// bare runs the bare client as a process of its own, and returns what it says it took.
func (s *scene) bare(ctx context.Context) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, self, "bare", s.api).Output() //nolint:gosec // ourselves
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(strings.TrimSpace(string(out)))
}

// bare fetches and decodes all pages of what waits, and prints how long that took.
func bare(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("bare wants Keyfactor's address")
	}
	began := time.Now()
	for page := 1; ; page++ {
		n, err := barePage(ctx, args[0], page)
		if err != nil {
			return err
		}
		if n < 100 {
			break
		}
	}
	fmt.Println(time.Since(began))
	return nil
}

func barePage(ctx context.Context, api string, page int) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/Workflow/Instances/AssignedToMe?ReturnLimit=100&SortField=StartDate&PageReturned=%d", api, page), nil) //nolint:gosec // our own simulator
	if err != nil {
		return 0, err
	}
	keyfactorHeaders(req)
	response, err := client.Do(req) //nolint:gosec // as above
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var rows []struct {
		ID                     string `json:"Id"`
		Status                 string
		CurrentStepID          string `json:"CurrentStepId"`
		StatusMessage          string
		Title                  string
		LastModified           time.Time
		StartDate              time.Time
		InitialData            map[string]any
		CurrentStateData       map[string]any
		ReferenceID            int64 `json:"ReferenceId"`
		CurrentStepDisplayName string
		CurrentStepUniqueName  string
		Signals                []struct{ SignalName string }
		Definition             struct {
			ID, DisplayName string
			Version         int
			WorkflowType    string
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&rows); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body) // so that the connection is used again
	return len(rows), err
}

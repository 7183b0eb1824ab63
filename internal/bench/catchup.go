package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What the simulator allows, which is what Slack publishes: a message a second in
// a channel, and "several hundred" a minute in a workspace, taken for 600.
const (
	slackPerChannel   = 1.0
	slackPerWorkspace = 10.0
)

// catchUp measures how new cards come out after an outage, with Slack's limits on,
// and whether clicks notice. All the cards would take half an hour in one channel,
// so the rate is taken from a part of that time, in real time.
func (b *bench) catchUp(ctx context.Context) error {
	t := table{head: []string{"channels", "waiting", "new messages a second", "allowed", "share", "answers with 429", "pressing cards posted after", "click acknowledged, ms p50 / p99 / max", "signal received", "card settled", "failed"}}
	rows := make([][]string, 3)
	errs := make([]error, 3)
	// They mostly wait, so they wait together.
	var all sync.WaitGroup
	for i, channels := range []int{1, 5, 20} {
		all.Go(func() { rows[i], errs[i] = b.catchUpIn(ctx, channels) })
	}
	all.Wait()
	for i := range rows {
		if errs[i] != nil {
			return errs[i]
		}
		t.row(rows[i]...)
	}
	fmt.Fprint(b.out, "## Catch-up\n\nOn SQLite, Socket Mode, Slack's limits on.\n\n")
	t.print(b.out)
	return nil
}

func (b *bench) catchUpIn(ctx context.Context, channels int) ([]string, error) {
	waiting, window, clicks := 2000, 40*time.Second, 16
	if b.short {
		waiting, window, clicks = 400, 10*time.Second, 4
	}
	s, err := b.newScene(sceneOptions{transport: socketMode, channels: channels, limits: true})
	if err != nil {
		return nil, err
	}
	defer s.close()
	if _, err := s.arrive(waiting); err != nil {
		return nil, err
	}
	p, _, err := s.program(ctx, b.binary, settings{store: "sqlite:" + filepath.Join(s.dir, "approvebot.db"), schedule: "@every 2s"})
	if p != nil {
		defer func() { _ = p.kill() }()
	}
	if err != nil {
		return nil, err
	}
	// A short burst is allowed everywhere, and not what is measured. By then the first poll is over, too.
	if err := s.posted(ctx, 8*channels, 2*time.Minute); err != nil {
		return nil, err
	}
	began := time.Now()
	b.say("catch-up: %d channels, the measurement begins", channels)

	cards := s.cards()
	interleave(cards, channels)
	slices.Reverse(cards) // none of those that were just posted and are posted again by nobody
	var clicked outcome
	var clicking sync.WaitGroup
	var clickErr error
	clicking.Go(func() {
		clicked, clickErr = s.under(ctx, p, load{"", float64(clicks) / window.Seconds(), clicks}, cards[:min(clicks, len(cards))])
	})
	if err := sleep(ctx, window/4); err != nil {
		return nil, err
	}
	pressing := map[string]time.Time{}
	for _, name := range s.channels {
		id, err := s.keyfactor.Arrive("pressing-" + name)
		if err != nil {
			return nil, err
		}
		pressing[strings.ToLower(id)] = time.Now()
	}
	if err := sleep(ctx, time.Until(began.Add(window))); err != nil {
		return nil, err
	}
	clicking.Wait()
	if clickErr != nil {
		return nil, clickErr
	}

	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	n, after := 0, times{}
	for _, post := range s.notes.posts {
		if post.at.After(began) && post.at.Before(began.Add(window)) {
			n++
		}
		if at, ok := pressing[post.instance]; ok {
			after = append(after, post.at.Sub(at))
		}
	}
	var limited []string
	for method, n := range s.notes.limited {
		limited = append(limited, fmt.Sprintf("%d %s", n, method))
	}
	if len(limited) == 0 {
		limited = []string{"none"}
	}
	rate, allowed := float64(n)/window.Seconds(), min(slackPerChannel*float64(channels), slackPerWorkspace)
	failed := clicked.unacknowledged + clicked.lost + clicked.twice
	return []string{
		strconv.Itoa(channels), strconv.Itoa(waiting), fmt.Sprintf("%.2f", rate), fmt.Sprintf("%.0f", allowed), fmt.Sprintf("%.1f %%", 100*rate/allowed), strings.Join(limited, ", "),
		fmt.Sprintf("%d of %d, at most %.1f s", len(after), channels, after.at(1).Seconds()),
		clicked.acknowledged.against(nil), clicked.signalled.against(nil), clicked.settled.against(nil), strconv.Itoa(failed),
	}, nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// alone measures what the simulators can do by themselves, so that nobody takes
// their limits for the program's.
func (b *bench) alone(ctx context.Context) error {
	s, err := b.newScene(sceneOptions{transport: signedHTTP, channels: 1})
	if err != nil {
		return err
	}
	defer s.close()
	ids, err := s.arrive(200)
	if err != nil {
		return err
	}
	answerer, err := s.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		return err
	}
	s.slack.SetRequestURL(answerer)
	if err := s.postBare(ctx, "room00", ids[0], []byte(`[{"type":"actions","elements":[{"type":"button","action_id":"approve","value":"x","text":{"type":"plain_text","text":"Approve"}}]}]`)); err != nil {
		return err
	}
	shown := s.cards()[0]
	t := table{head: []string{"simulator, alone", "a second", "p50, ms", "p99, ms"}}
	measure := func(name string, act func(i int) error) error {
		const together = 16
		span := 2 * time.Second
		if b.short {
			span = time.Second
		}
		var (
			next   atomic.Int64
			group  sync.WaitGroup
			mu     sync.Mutex
			all    times
			failed error
			began  = time.Now()
		)
		for range together {
			group.Go(func() {
				for time.Since(began) < span {
					start := time.Now()
					err := act(int(next.Add(1)))
					mu.Lock()
					if all = append(all, time.Since(start)); err != nil {
						failed = err
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		t.row(name, fmt.Sprintf("%.0f", float64(len(all))/time.Since(began).Seconds()), milliseconds(all.at(0.5)), milliseconds(all.at(0.99)))
		return failed
	}
	get := func(path string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api+path, nil)
		if err != nil {
			return err
		}
		keyfactorHeaders(req)
		response, err := client.Do(req)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	for _, one := range []struct {
		name string
		act  func(i int) error
	}{
		{"Slack: clicks that are acknowledged at once", func(i int) error {
			r := s.slack.Click(ctx, slacksim.Click{As: approvers[i%len(approvers)], Channel: shown.channel, TS: shown.ts, ActionID: "approve"})
			if !r.Acknowledged {
				return fmt.Errorf("click: %s", r.Error)
			}
			return nil
		}},
		{"Slack: chat.update", func(int) error {
			return s.call(ctx, "chat.update", fmt.Appendf(nil, `{"channel":%q,"ts":%q,"text":"x"}`, s.slack.ChannelID(shown.channel), shown.ts))
		}},
		{"Keyfactor: reading an instance", func(i int) error { return get("/Workflow/Instances/" + ids[i%len(ids)]) }},
		{"Keyfactor: a page of 100", func(int) error {
			return get("/Workflow/Instances/AssignedToMe?ReturnLimit=100&SortField=StartDate&PageReturned=1")
		}},
	} {
		if err := measure(one.name, one.act); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	fmt.Fprint(b.out, "## The simulators alone\n\n")
	t.print(b.out)
	return nil
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// load is how people click: so many a second, or all at once.
type load struct {
	name   string
	rate   float64 // 0: all at once
	clicks int
}

func (b *bench) loads() []load {
	if b.short {
		return []load{{"1/s", 1, 5}, {"50/s", 50, 200}, {"200/s", 200, 400}, {"burst of 500", 0, 500}}
	}
	all := []load{{"1/s", 1, 8}, {"50/s", 50, 300}, {"200/s", 200, 600}, {"burst of 2,000", 0, 2000}}
	return slices.DeleteFunc(all, func(l load) bool { return b.load != "" && !strings.HasPrefix(l.name, b.load) })
}

// warmUp is how many clicks are not counted: whoever is asked for the first time
// is looked up in Slack first.
const warmUp = 2 * 8

// outcome is what became of one load.
type outcome struct {
	load                        load
	acknowledged, signalled     times
	settled                     times
	unacknowledged, lost, twice int
	last                        time.Duration // until all were acknowledged
	cpu                         float64       // share of one core until all was settled
	perClick                    time.Duration // CPU
	resident                    int64
}

// candidate is what is measured: the program with a database, or the floor.
type candidate struct {
	name  string
	start func(ctx context.Context, s *scene, cards int) (*process, error)
}

func (b *bench) clicks(ctx context.Context) error {
	var candidates []candidate
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	for database := range strings.SplitSeq(b.databases, ",") {
		start, end, err := b.database(database)
		if err != nil {
			return err
		}
		ends = append(ends, end)
		candidates = append(candidates, start)
	}
	t := table{head: []string{"transport", "load", "", "acknowledged, ms p50 / p99 / max", "signal received", "card settled", "failed", "CPU", "per click", "resident"}}
	for transport := range strings.SplitSeq(b.transports, ",") {
		all := map[string][]outcome{}
		var template json.RawMessage
		for _, c := range append(candidates, candidate{floorName, func(ctx context.Context, s *scene, n int) (*process, error) { return startFloor(ctx, s, n, template) }}) {
			results, card, err := b.candidate(ctx, transport, c)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", transport, c.name, err)
			}
			all[c.name] = results
			if template == nil {
				template = card
			}
		}
		for i, l := range b.loads() {
			base := all[floorName][i]
			for _, c := range append([]candidate{{name: floorName}}, candidates...) {
				t.outcome(transport, l, c.name, all[c.name][i], base)
			}
		}
	}
	fmt.Fprint(b.out, "## Clicks\n\nEach time with its multiple of the floor's. CPU is that of the measured process, as a share of one core, until everything was settled.\n\n")
	t.print(b.out)
	return nil
}

const floorName = "floor"

func (t *table) outcome(transport string, l load, name string, o, base outcome) {
	failed := "0"
	if n := o.unacknowledged + o.lost + o.twice; n > 0 {
		failed = fmt.Sprintf("%d unacknowledged, %d lost, %d doubled", o.unacknowledged, o.lost, o.twice)
	}
	if name == floorName {
		base = outcome{}
	}
	t.row(transport, l.name, name, o.acknowledged.against(base.acknowledged), o.signalled.against(base.signalled), o.settled.against(base.settled),
		failed, fmt.Sprintf("%.0f %%", 100*o.cpu), milliseconds(o.perClick)+" ms", megabytes(o.resident))
}

// database makes the program with one kind of database a candidate.
func (b *bench) database(kind string) (candidate, func(), error) {
	switch kind {
	case "sqlite":
		return candidate{"SQLite", func(ctx context.Context, s *scene, n int) (*process, error) {
			return b.startProgram(ctx, s, n, "sqlite:"+filepath.Join(s.dir, "approvebot.db"))
		}}, func() {}, nil
	case "postgres":
		server, err := pgtest.Start()
		if err != nil {
			return candidate{}, nil, err
		}
		return candidate{"PostgreSQL", func(ctx context.Context, s *scene, n int) (*process, error) {
			url, err := server.Create(ctx)
			if err != nil {
				return nil, err
			}
			return b.startProgram(ctx, s, n, url)
		}}, func() { _ = server.Close() }, nil
	}
	return candidate{}, nil, fmt.Errorf("no database is called %q; there are sqlite and postgres", kind)
}

// startProgram starts approvebot and waits until it shows every request.
func (b *bench) startProgram(ctx context.Context, s *scene, cards int, store string) (*process, error) {
	if _, err := s.arrive(cards); err != nil {
		return nil, err
	}
	p, _, err := s.program(ctx, b.binary, settings{store: store, unpaced: true, schedule: "@every 30s"})
	if err != nil {
		return p, err
	}
	return p, s.posted(ctx, cards, 3*time.Minute)
}

// startFloor posts the cards itself: those of the program, with other buttons.
func startFloor(ctx context.Context, s *scene, cards int, template json.RawMessage) (*process, error) {
	ids, err := s.arrive(cards)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if err := s.postBare(ctx, s.channels[i%len(s.channels)], id, template); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	env := append(s.environment(), "KEYFACTOR_URL="+s.api, "SLACK_APP_TOKEN="+s.slack.AppToken())
	if s.transport == socketMode {
		p, err := spawn(ctx, filepath.Join(s.dir, "log"), env, self, "floor")
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return p, s.slack.WaitFor(ctx, func() bool { return len(s.slack.Connections()) > 0 })
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s.slack.SetRequestURL("http://" + address)
	p, err := spawn(ctx, filepath.Join(s.dir, "log"), append(env, "FLOOR_LISTEN="+address), self, "floor")
	if err != nil {
		return nil, err
	}
	_, err = answers(ctx, "http://"+address+"/readyz")
	return p, err
}

func (s *scene) postBare(ctx context.Context, channel, instance string, template json.RawMessage) error {
	var blocks []any
	if err := json.Unmarshal(template, &blocks); err != nil {
		return err
	}
	press(blocks, instance+" "+stepName+".ApprovalStatus")
	body, err := json.Marshal(map[string]any{
		"channel": channel, "text": "a request waits", "blocks": blocks,
		"metadata": map[string]any{"event_type": "approvebot_card", "event_payload": map[string]string{"request": "workflow:" + instance + "/"}},
	})
	if err != nil {
		return err
	}
	return s.call(ctx, "chat.postMessage", body)
}

// press gives the approve button another value.
func press(v any, value string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			press(e, value)
		}
	case map[string]any:
		if v["action_id"] == "approve" {
			v["value"] = value
		}
		for _, e := range v {
			press(e, value)
		}
	}
}

// call calls the Web API as the app.
func (s *scene) call(ctx context.Context, method string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.slackURL+"/api/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+s.slack.BotToken())
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || !answer.OK {
		return fmt.Errorf("%s: %s %w", method, answer.Error, err)
	}
	return nil
}

// candidate measures one candidate under all loads. It also returns the blocks of a card.
func (b *bench) candidate(ctx context.Context, transport string, c candidate) (all []outcome, template json.RawMessage, err error) {
	loads := b.loads()
	total := warmUp
	for _, l := range loads {
		total += l.clicks
	}
	s, err := b.newScene(sceneOptions{transport: transport, channels: 20})
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	b.say("%s, %s: begins", transport, c.name)
	p, err := c.start(ctx, s, total)
	if p != nil {
		defer func() { _ = p.kill() }()
	}
	if err != nil {
		return nil, nil, err
	}
	b.say("%s, %s: %d cards are posted", transport, c.name, total)
	cards := s.cards()
	template = s.slack.Messages(cards[0].channel)[0].Blocks
	interleave(cards, len(s.channels))
	if _, err := s.under(ctx, p, load{"warm-up", 20, warmUp}, cards[:warmUp]); err != nil {
		return nil, nil, err
	}
	cards = cards[warmUp:]
	for _, l := range loads {
		if err := s.notes.quiet(ctx, time.Second); err != nil {
			return nil, nil, err
		}
		o, err := s.under(ctx, p, l, cards[:l.clicks])
		if err != nil {
			return nil, nil, err
		}
		b.say("%s, %s, %s: acknowledged %s, signal received %s, card settled %s ms; %d unacknowledged, %d lost, %d doubled; all answered after %s", transport, c.name, l.name,
			o.acknowledged.against(nil), o.signalled.against(nil), o.settled.against(nil), o.unacknowledged, o.lost, o.twice, o.last.Round(time.Millisecond))
		cards = cards[l.clicks:]
		all = append(all, o)
	}
	return all, template, p.stop()
}

// interleave changes the order from channel by channel to one of each in turn.
func interleave(cards []card, channels int) {
	each := map[string][]card{}
	for _, c := range cards {
		each[c.channel] = append(each[c.channel], c)
	}
	mixed := make([]card, 0, len(cards))
	for i := 0; len(mixed) < len(cards); i++ {
		for n := range channels {
			if list := each[fmt.Sprintf("room%02d", n)]; i < len(list) {
				mixed = append(mixed, list[i])
			}
		}
	}
	copy(cards, mixed)
}

// settleWithin is how long cards may take after the last click.
const settleWithin = 45 * time.Second

// under puts a load on the candidate and waits until everything is settled.
func (s *scene) under(ctx context.Context, p *process, l load, cards []card) (outcome, error) {
	o := outcome{load: l}
	before, began := p.used(), time.Now()
	clicked := make([]time.Time, len(cards))
	answered := make([]slacksim.Result, len(cards))
	took := make([]time.Duration, len(cards))
	var people sync.WaitGroup
	for i, c := range cards {
		if l.rate > 0 {
			due := began.Add(time.Duration(float64(i) / l.rate * float64(time.Second)))
			select {
			case <-ctx.Done():
				return o, ctx.Err()
			case <-time.After(time.Until(due)):
			}
		}
		people.Go(func() {
			clicked[i] = time.Now()
			answered[i] = s.slack.Click(ctx, slacksim.Click{As: approvers[i%len(approvers)], Channel: c.channel, TS: c.ts, ActionID: "approve"})
			took[i] = time.Since(clicked[i])
		})
	}
	people.Wait()
	o.last = time.Since(began)

	until := time.Now().Add(settleWithin)
	for _, c := range cards {
		for {
			if _, ok := s.notes.settledAt(c.ts); ok || time.Now().After(until) {
				break
			}
			select {
			case <-ctx.Done():
				return o, ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	after := p.used()
	var cpu time.Duration
	o.cpu, cpu = after.since(before)
	o.perClick, o.resident = cpu/time.Duration(len(cards)), after.resident
	for i, c := range cards {
		if !answered[i].Acknowledged {
			o.unacknowledged++
		} else {
			o.acknowledged = append(o.acknowledged, took[i])
		}
		signals := s.notes.signalled(c.instance)
		settled, ok := s.notes.settledAt(c.ts)
		switch {
		case len(signals) > 1:
			o.twice++
		case len(signals) == 0 || !ok:
			o.lost++
		}
		if len(signals) > 0 {
			o.signalled = append(o.signalled, signals[0].Sub(clicked[i]))
		}
		if ok {
			o.settled = append(o.settled, settled.Sub(clicked[i]))
		}
	}
	return o, nil
}

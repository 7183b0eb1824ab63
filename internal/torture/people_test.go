package torture_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// What the buttons and inputs of the program are called in Slack.
const (
	approveButton = "approve"
	denyButton    = "deny"
	commentInput  = "comment"
)

// ledger is what people did and what they were told at once.
type ledger struct {
	mu          sync.Mutex
	presses     int
	submissions []submission
	direct      []directPress
	number      int
}

// submission is a modal that was sent off. The token stands in its comment and in
// no other.
type submission struct {
	token, person, room, request, verdict string
	at                                    time.Time
	// accepted means that the modal closed without a word: the person may rely on it.
	accepted bool
}

// directPress is an acknowledged press on a button that decides without a modal.
type directPress struct {
	person, request string
	at              time.Time
}

func (l *ledger) token() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	return fmt.Sprintf("token-%06d.", l.number)
}

func (l *ledger) note(s submission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.submissions = append(l.submissions, s)
}

func (l *ledger) pressed(d *directPress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presses++
	if d != nil {
		l.direct = append(l.direct, *d)
	}
}

// person is somebody who may decide.
type person struct {
	name string
	busy sync.Mutex // one pair of hands
}

// live lets a person press buttons until ctx ends.
func (w *world) live(ctx context.Context, p *person, r *rand.Rand) {
	for ctx.Err() == nil {
		room := rooms[r.IntN(len(rooms))]
		card, ok := w.choose(room, r)
		if !ok {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		verdict := approveButton
		if r.IntN(3) == 0 {
			verdict = denyButton
		}
		var both sync.WaitGroup
		if r.IntN(4) == 0 { // somebody else has the same idea
			other := w.people[r.IntN(len(w.people))]
			opposite, dice := []string{approveButton, denyButton}[r.IntN(2)], rand.New(rand.NewPCG(r.Uint64(), 1))
			both.Go(func() { w.decide(ctx, other, room, card, opposite, dice) })
		}
		w.decide(ctx, p, room, card, verdict, r)
		both.Wait()
		pause(ctx, time.Duration(r.IntN(120))*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// choose picks a card of a room: mostly one that can be decided, and now and then
// an old one, as somebody with a stale window would.
func (w *world) choose(room string, r *rand.Rand) (slacksim.Message, bool) {
	cards := w.cardsIn(room)
	if len(cards) > 40 {
		cards = cards[len(cards)-40:]
	}
	var open []slacksim.Message
	for _, c := range cards {
		if _, ok := c.Button(approveButton); ok {
			open = append(open, c)
		}
	}
	switch {
	case len(open) == 0:
		return slacksim.Message{}, false
	case r.IntN(2) == 0:
		return open[0], true // people meet at the oldest
	}
	return open[r.IntN(len(open))], true
}

// decide presses a button, once or twice, and answers the modal that opens.
func (w *world) decide(ctx context.Context, p *person, room string, card slacksim.Message, verdict string, r *rand.Rand) {
	if !p.busy.TryLock() {
		return
	}
	defer p.busy.Unlock()
	click := slacksim.Click{As: p.name, Channel: room, TS: card.TS, ActionID: verdict, Message: &card}
	request, _ := cardOf(card)
	var presses sync.WaitGroup
	for range 1 + r.IntN(6)/5 {
		presses.Go(func() {
			result := w.slack.Click(ctx, click)
			if !result.Acknowledged || !isDirect(room, verdict) {
				w.ledger.pressed(nil)
				return
			}
			w.ledger.pressed(&directPress{person: w.slack.UserID(p.name), request: request, at: time.Now()})
		})
	}
	presses.Wait()
	if isDirect(room, verdict) {
		return
	}
	defer w.closeAll(p)
	for range 2 { // twice, when two modals are open
		view, ok := w.modal(ctx, p)
		if !ok {
			return
		}
		if r.IntN(12) == 0 {
			return // thought better of it
		}
		w.submit(ctx, p, view, submission{token: w.ledger.token(), person: p.name, room: room, request: request, verdict: verdict})
	}
}

// modal waits for a modal that can be submitted.
func (w *world) modal(ctx context.Context, p *person) (slacksim.View, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var view slacksim.View
	err := w.slack.WaitFor(ctx, func() bool {
		views := w.slack.Views(p.name)
		if len(views) == 0 {
			return false
		}
		view = views[len(views)-1]
		return view.SubmitLabel != nil
	})
	return view, err == nil
}

func (w *world) submit(ctx context.Context, p *person, view slacksim.View, s submission) {
	result := w.slack.Submit(ctx, p.name, view.ID, slacksim.Values{}.Text(commentInput, commentInput, s.token))
	s.at, s.accepted = time.Now(), accepted(result)
	w.ledger.note(s)
	if s.accepted {
		w.door.comes(decided)
	}
	if !s.accepted && len(result.Views) > 0 && ctx.Err() == nil {
		w.slack.CloseView(ctx, p.name, result.Views[len(result.Views)-1].ID, false)
	}
}

// accepted tells that a modal closed without a word.
func accepted(r slacksim.SubmitResult) bool {
	body := bytes.TrimSpace(r.Body)
	var answer struct {
		Action string `json:"response_action"`
	}
	if len(body) > 0 && json.Unmarshal(body, &answer) != nil {
		return false
	}
	return r.Acknowledged && r.Error == "" && len(r.Errors) == 0 && answer.Action == ""
}

func (w *world) closeAll(p *person) {
	for _, v := range w.slack.Views(p.name) {
		w.slack.CloseView(context.Background(), p.name, v.ID, true)
	}
}

package bot

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace keeps each channel at about one new message a second, as Slack asks, with
// a short burst. Updates of cards have their own budget at Slack and do not pass
// through here, so a click's own update never waits behind new cards.
type pace struct {
	mu    sync.Mutex
	rooms map[string]*rate.Limiter
}

const (
	postsPerSecond = 1
	postBurst      = 3
)

func newPace() *pace { return &pace{rooms: map[string]*rate.Limiter{}} }

// wait blocks until the channel may get another message or ctx ends.
func (p *pace) wait(ctx context.Context, channel string) error {
	return p.room(channel).Wait(ctx)
}

// hold makes the channel wait after Slack said so.
func (p *pace) hold(channel string, d time.Duration) {
	room := p.room(channel)
	room.ReserveN(time.Now().Add(d), postBurst)
}

func (p *pace) room(channel string) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	room, ok := p.rooms[channel]
	if !ok {
		room = rate.NewLimiter(postsPerSecond, postBurst)
		p.rooms[channel] = room
	}
	return room
}

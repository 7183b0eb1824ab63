package bot

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace is how many new messages a minute Slack may be given.
type Pace struct {
	// Channel is what one channel gets, All what all of them get together.
	Channel, All int
}

// pace keeps new messages below what Slack allows, with a short burst. Updates of
// cards have their own budget at Slack and do not pass through here, so a click's
// own update never waits behind new cards.
type pace struct {
	limits func() Pace

	mu    sync.Mutex
	all   *rate.Limiter
	rooms map[string]*rate.Limiter
}

const (
	postBurst = 3
	allBurst  = 20
)

func newPace(limits func() Pace) *pace {
	return &pace{limits: limits, all: rate.NewLimiter(perMinute(limits().All), allBurst), rooms: map[string]*rate.Limiter{}}
}

func perMinute(n int) rate.Limit { return rate.Limit(float64(n) / 60) }

// wait blocks until the channel may get another message or ctx ends.
func (p *pace) wait(ctx context.Context, channel string) error {
	room, all := p.room(channel)
	if err := room.Wait(ctx); err != nil {
		return err
	}
	return all.Wait(ctx)
}

// hold makes every channel wait after Slack said so: it shuts the method, not the
// channel that went too far.
func (p *pace) hold(channel string, d time.Duration) {
	room, all := p.room(channel)
	room.ReserveN(time.Now().Add(d), postBurst)
	all.ReserveN(time.Now().Add(d), allBurst)
}

// room returns the channel's limiter and that of all, as fast as is allowed now.
func (p *pace) room(channel string) (room, all *rate.Limiter) {
	limits := p.limits()
	p.mu.Lock()
	defer p.mu.Unlock()
	room, ok := p.rooms[channel]
	if !ok {
		room = rate.NewLimiter(perMinute(limits.Channel), postBurst)
		p.rooms[channel] = room
	}
	for limiter, limit := range map[*rate.Limiter]rate.Limit{room: perMinute(limits.Channel), p.all: perMinute(limits.All)} {
		if limiter.Limit() != limit {
			limiter.SetLimit(limit)
		}
	}
	return room, p.all
}

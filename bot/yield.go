package bot

import (
	"context"
	"sync/atomic"
	"time"
)

// crowd counts the clicks that wait for their answer. Slack gives an answer three
// seconds, and everything else can wait that long: when hundreds press at once,
// their answers come first, and then what follows from them. A few at a time are
// worked on: whoever came first is done first, instead of all of them late.
type crowd struct {
	waiting atomic.Int64
	desk    chan struct{}
}

func newCrowd() *crowd { return &crowd{desk: make(chan struct{}, desks)} }

const (
	// crowded is how many clicks at once are more than people make by themselves.
	crowded = 16
	// desks is how many clicks are worked on at a time.
	desks = 32
	// standBack bounds for how long work stands back, should there be no end of clicks.
	standBack = 2 * time.Second
)

// enter waits for a desk, or until there is no time left to wait for one.
func (c *crowd) enter(ctx context.Context) (leave func()) {
	c.waiting.Add(1)
	select {
	case c.desk <- struct{}{}:
		return func() { <-c.desk; c.waiting.Add(-1) }
	case <-ctx.Done():
		return func() { c.waiting.Add(-1) }
	}
}

// pass returns when the crowd has got smaller, or after a while all the same.
func (c *crowd) pass(ctx context.Context) {
	if c.waiting.Load() <= crowded {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, standBack)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for c.waiting.Load() > crowded {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

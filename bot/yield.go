package bot

import (
	"context"
	"sync/atomic"
	"time"
)

// crowd counts the clicks that wait for their answer. Slack gives an answer three
// seconds, and everything else can wait that long: when hundreds press at once,
// their answers come first, and then what follows from them.
type crowd struct{ waiting atomic.Int64 }

const (
	// crowded is how many clicks at once are more than people make by themselves.
	crowded = 16
	// standBack bounds for how long work stands back, should there be no end of clicks.
	standBack = 2 * time.Second
)

func (c *crowd) enter() (leave func()) {
	c.waiting.Add(1)
	return func() { c.waiting.Add(-1) }
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

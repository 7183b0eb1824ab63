package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/store"
)

// anchorEvery is how often the log is told where the audit log stands.
const anchorEvery = time.Hour

// anchor writes the newest hash of the audit log into our own log: at the start,
// once an hour, and at the end. The chain alone cannot tell that somebody who owns
// the database cut its end off; a hash that was noted down elsewhere can:
//
//	approvebot audit verify --head HASH
func (a *App) anchor(life context.Context) { a.anchorAt(life, time.Tick(anchorEvery)) }

func (a *App) anchorAt(life context.Context, tick <-chan time.Time) {
	ctx, cancel := context.WithCancel(life)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			a.noteAnchor(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
		}
	}()
	a.onStop("anchor", func(ctx context.Context) error {
		cancel()
		<-done
		a.noteAnchor(ctx)
		return nil
	})
}

func (a *App) noteAnchor(ctx context.Context) {
	for e, err := range a.store.Entries(ctx, store.Filter{Newest: true, Limit: 1}) {
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.log.Error("the newest entry of the audit log cannot be read", zap.Error(err))
		default:
			a.log.Info("audit log anchor", zap.Int64("seq", e.Seq), zap.String("hash", e.Hash))
		}
	}
}

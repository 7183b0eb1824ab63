package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/bot"
)

// greet introduces the service to Slack and Keyfactor once it is up, and says
// plainly what is wrong. Nothing here stops it: whatever is away is asked again.
func (a *App) greet(life context.Context) {
	ctx, cancel := context.WithCancel(life)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.greetKeyfactor(ctx)
		a.greetSlack(ctx)
	}()
	a.onStop("greeting", func(context.Context) error { cancel(); <-done; return nil })
}

func (a *App) greetKeyfactor(ctx context.Context) {
	e, err := a.config.now().keyfactor.Endpoints(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		a.log.Error("Keyfactor cannot be used yet; polling keeps trying", zap.String("url", a.config.now().Keyfactor.URL), zap.Error(err))
		return
	}
	a.log.Info("Keyfactor answers", zap.String("version", e.Version))
}

func (a *App) greetSlack(ctx context.Context) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		err := a.bot.Identify(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		a.log.Error("Slack cannot be used yet; trying again", zap.Duration("next_try", pause), zap.Error(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
	a.checkRoutes(ctx)
}

// checkRoutes says in the log which routes cannot work as they are written.
func (a *App) checkRoutes(ctx context.Context) {
	for _, r := range a.config.now().Routes {
		for _, problem := range a.bot.CheckRoute(ctx, bot.Team(r.Approvers), r.Places()...) {
			a.log.Error("route cannot work as written: "+problem, zap.String("route", r.Name))
		}
	}
}

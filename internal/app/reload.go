package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/store"
)

// reload takes up a configuration that was changed while the service runs, all of
// it or nothing. What it cannot take up stays known as trouble until it can.
type reload struct {
	one sync.Mutex // at a time

	mu      sync.Mutex
	files   config.Files // that the last attempt read
	trouble string       // why what the files say is not in force; empty if it is
	since   time.Time    // when the configuration in force was taken up
}

// told returns why the files' configuration is not in force, and since when
// another one is.
func (r *reload) told() (trouble string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble, r.since
}

func (r *reload) watched() config.Files {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files
}

func (r *reload) concluded(files config.Files, trouble string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files, r.trouble = files, trouble
	if trouble == "" {
		r.since = time.Now()
	}
}

// watch begins to follow the files of the configuration.
func (a *App) watch(life context.Context) {
	if a.load == nil {
		return
	}
	ctx, cancel := context.WithCancel(life)
	done := make(chan struct{})
	go func() {
		defer close(done)
		config.Watch(ctx, a.reload.watched, func() { _ = a.Reload(ctx) }, func(err error) {
			a.log.Warn("the system does not tell when the configuration changes; it is looked at every half minute", zap.Error(err))
		})
	}()
	a.onStop("configuration", func(context.Context) error { cancel(); <-done; return nil })
}

// Reload reads the configuration again and takes it up, unless there is a mistake
// in it or it needs a restart: then the one in force stays, and the error, the log,
// /readyz and the admins say why.
func (a *App) Reload(ctx context.Context) error {
	a.reload.one.Lock()
	defer a.reload.one.Unlock()
	if a.load == nil {
		return errors.New("this process was not told where its configuration is")
	}
	c, warnings, err := a.load()
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		for _, p := range wrong.Problems {
			a.log.Error("mistake in the changed configuration", zap.String("file", p.File), zap.Int("line", p.Line), zap.String("key", p.Path), zap.String("reason", p.Message))
		}
		return a.keep(ctx, wrong.Files, "there are mistakes in it: "+mistakes(wrong.Problems))
	}
	if err != nil {
		return a.keep(ctx, a.reload.watched(), "it cannot be read: "+err.Error())
	}
	old := a.config.now()
	changes := config.Changes(old.Values(), c.Values())
	var restart []string
	for _, change := range changes {
		if change.NeedsRestart() {
			restart = append(restart, change.Key)
		}
	}
	switch {
	case len(restart) > 0:
		return a.keep(ctx, c.Files, "a change of "+strings.Join(restart, ", ")+" needs a restart, and nothing of it counts before")
	case len(changes) == 0:
		a.reload.concluded(c.Files, "")
		a.log.Info("the configuration was read again and says the same")
		return nil
	}
	next, err := a.makeSnapshot(c, a.kept)
	if err != nil {
		return a.keep(ctx, c.Files, err.Error())
	}
	// Write down what changes, then change it.
	if err := a.recordConfig(ctx, c, changes); err != nil {
		a.log.Error("the change cannot be written down", zap.Error(err))
		return a.keep(ctx, nil, "the database did not take the record of the change; it is tried again")
	}
	a.config.p.Store(next)
	a.reload.concluded(c.Files, "")
	for _, w := range warnings {
		a.log.Warn("doubtful configuration", zap.String("file", w.File), zap.Int("line", w.Line), zap.String("key", w.Path), zap.String("reason", w.Message))
	}
	a.log.Info("the changed configuration is in force", zap.Stringers("changes", changes))
	a.takeUp(ctx, old, next)
	return nil
}

// keep tells loudly that the configuration in force stays, and why. Without files
// it is tried again when the files are looked at next.
func (a *App) keep(ctx context.Context, files config.Files, why string) error {
	if files == nil {
		files = config.Files{}
		for path := range a.reload.watched() {
			files[path] = [sha256.Size]byte{1} // nothing's digest
		}
	}
	a.reload.concluded(files, why)
	a.log.Error("the changed configuration is not taken up; the one in force stays: " + why)
	a.bot.Alert(ctx, blocks.ConfigKeptMessage(why).Text)
	return errors.New("the changed configuration is not taken up: " + why)
}

// mistakes names the first few.
func mistakes(all []config.Problem) string {
	const few = 3
	var lines []string
	for _, p := range all[:min(few, len(all))] {
		lines = append(lines, p.String())
	}
	if more := len(all) - few; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// takeUp does what does not happen by itself once another configuration is in force.
func (a *App) takeUp(ctx context.Context, old, now *snapshot) {
	if level, err := zapcore.ParseLevel(now.Log.Level); err == nil && old.Log.Level != now.Log.Level && a.level != (zap.AtomicLevel{}) {
		a.level.SetLevel(level)
	}
	if old.Poll.Schedule != now.Poll.Schedule {
		if err := a.jobs.Reschedule(); err != nil {
			a.log.Error("the new schedule counts after the next poll", zap.Error(err))
		}
	}
	// The next poll places open requests by the new routes.
	if err := a.jobs.Nudge(ctx); err != nil {
		a.log.Warn("open requests follow the new configuration at the next poll", zap.Error(err))
	}
	a.checkRoutes(ctx)
}

// settingConfig is where the values in force are kept, so that a change is written
// down also when the service was down meanwhile, and once for all replicas.
const settingConfig = "config"

// The bounds of one entry of the audit log about a change.
const (
	mostChanges   = 500
	longestChange = 2000
)

// recordConfig has the audit log tell what is different from what was in force
// before. Values that were kept do not tell whether a secret changed; seen does.
func (a *App) recordConfig(ctx context.Context, c *config.Config, seen []config.Change) error {
	values := c.Values()
	return a.store.Exchange(ctx, settingConfig, config.MarshalValues(values), func(old string) []store.Entry {
		before, err := config.ParseValues(old)
		if err != nil {
			before = nil // the first time, or damaged: all of it is new
		}
		changes := config.Changes(before, values)
		for _, c := range seen {
			if c.Secret() {
				changes = append(changes, c)
			}
		}
		if len(changes) == 0 {
			return nil
		}
		return []store.Entry{{Event: "config.changed", Detail: changeDetail(changes)}}
	})
}

func changeDetail(changes []config.Change) map[string]any {
	d := map[string]any{}
	if more := len(changes) - mostChanges; more > 0 {
		d["left_out"] = more
		changes = changes[:mostChanges]
	}
	var all []any
	for _, c := range changes {
		one := map[string]any{"key": c.Key}
		if c.Was != "" {
			one["was"] = approval.Clip(c.Was, longestChange)
		}
		if c.Is != "" {
			one["is"] = approval.Clip(c.Is, longestChange)
		}
		all = append(all, one)
	}
	d["changes"] = all
	return d
}

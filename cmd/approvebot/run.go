package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/tracing"
)

const runHelp = `Run is the service: it asks Keyfactor for requests that wait, shows them in
Slack, takes decisions there, and carries them to Keyfactor.

It refuses to start with a mistake in the configuration. That Slack or Keyfactor
is away does not keep it from starting; it says so in the log and in /readyz, and
goes on trying.

A changed configuration is taken up when its files change, and on SIGHUP: all of it,
or, with a mistake in it or a key that needs a restart, nothing.
SIGUSR1 makes the log tell everything (level debug), and the next SIGUSR1 as much
as before.

SIGTERM and Ctrl-C end it after what was acknowledged has been finished; a second
signal ends it at once. Nothing is lost either way.`

func (p *program) runCommand() *cobra.Command {
	var profiles string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service",
		Long:  runHelp,
		Example: `  approvebot run
  approvebot run --config /etc/approvebot/approvebot.yaml --log-format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if profiles != "" {
				if err := serveProfiles(cmd.Context(), profiles); err != nil {
					return err
				}
			}
			return p.serveApp(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&profiles, "pprof", "", "serve Go's profiles at a loopback `ADDRESS`, to find lost memory or time")
	return cmd
}

func (p *program) serveApp(ctx context.Context) (err error) {
	// From the beginning: nobody who says it too early means that we should die.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	c, warnings, err := p.load()
	if err != nil {
		return err
	}
	log, level, err := p.leveled(c.Log)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		log.Warn("doubtful configuration", zap.String("file", w.File), zap.Int("line", w.Line), zap.String("key", w.Path), zap.String("reason", w.Message))
	}
	unwatch := watchVerbosity(level, log)
	defer unwatch()
	b := readBuild()
	log.Info("starting", zap.String("version", b.Version), zap.String("commit", b.Commit), zap.String("config", p.flags.config))
	tracer, endTraces, err := tracing.Start(ctx, p.env, b.Version, log)
	if err != nil {
		return err
	}
	defer endTraces()
	a, err := app.New(ctx, app.Options{
		Config: c, Load: p.load, Log: log, Level: level, Tracer: tracer, Build: app.Build{Version: b.Version, Commit: b.Commit, Go: b.Go},
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	tellManager(log, daemon.SdNotifyReady)
	for running := true; running; {
		select {
		case <-ctx.Done():
			log.Info("stopping: what was acknowledged is being finished")
			running = false
		case err = <-a.Wait():
			running = false
		case <-hangup:
			_ = a.Reload(ctx) // it has told everybody what came of it
		}
	}
	tellManager(log, daemon.SdNotifyStopping)
	if stopped := a.Stop(context.WithoutCancel(ctx)); stopped != nil {
		err = errors.Join(err, fmt.Errorf("stop: %w", stopped))
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// tellManager says how far we are to systemd, if that has started us: "started"
// then means that the database is open and the address taken.
func tellManager(log *zap.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager was not told", zap.String("state", state), zap.Error(err))
	}
}

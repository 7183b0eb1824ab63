package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/config"
)

func (p *program) simulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulated Keyfactor or Slack on its own",
		Long: `Simulate runs one of the simulators that the demo is made of, for trying out a
configuration, or somebody else's client, without touching a real system. It
prints its addresses, and the variables that point approvebot at it.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return wrongUsage("say which: simulate keyfactor or simulate slack")
		},
	}
	cmd.AddCommand(p.simulateKeyfactorCommand(), p.simulateSlackCommand())
	return cmd
}

// flagLog is the log of a command that has no configuration file.
func (p *program) flagLog(level string) (*zap.Logger, error) {
	return p.logger(config.Log{Level: cmp.Or(p.flags.logLevel, level), Format: cmp.Or(p.flags.logFormat, "auto")})
}

// serve answers on an address until the context ends, and says where it is.
func serve(ctx context.Context, address string, handler http.Handler, log *zap.Logger, ready func(base string) error) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	// No write timeout: sockets and event streams stay open.
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: zap.NewStdLog(log.Named("http"))}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	if err := ready("http://" + l.Addr().String()); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case <-ctx.Done():
		return server.Close() // nothing in a simulator is worth waiting for
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", address, err)
	}
}

// variable is one line of the environment that points approvebot at a simulator.
type variable struct{ name, value string }

// introduce tells where a simulator is: for people, or as JSON.
func (p *program) introduce(output, title string, addresses, env []variable) error {
	if output == "json" {
		report := map[string]map[string]string{"addresses": {}, "environment": {}}
		for _, a := range addresses {
			report["addresses"][a.name] = a.value
		}
		for _, v := range env {
			report["environment"][v.name] = v.value
		}
		return p.printJSON(report)
	}
	fmt.Fprintf(p.out, "%s (Ctrl-C ends it)\n\n", title)
	for _, a := range addresses {
		fmt.Fprintf(p.out, "  %-9s %s\n", a.name, a.value)
	}
	fmt.Fprintf(p.out, "\nTo point approvebot at it:\n\n")
	for _, v := range env {
		fmt.Fprintf(p.out, "  export %s=%s\n", v.name, quote(v.value))
	}
	_, err := fmt.Fprintln(p.out)
	return err
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/config"
)

const statusHelp = `Status asks the service that runs with this configuration how it is: its
/readyz, at http.listen. Each part is named, with what is wrong with it; a part
that only informs does not make the service unready.

It needs no secrets, and suits as a container's health check.

Exit code 0 means that the service can work, 1 that it cannot, or that nothing
answers, 2 that the configuration is wrong.`

// statusTimeout is a little more than the service takes to answer.
const statusTimeout = 5 * time.Second

func (p *program) statusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Ask the running service whether it can work",
		Long:    statusHelp,
		Example: `  approvebot status --config /etc/approvebot/approvebot.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return p.status(cmd.Context(), output)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// readiness is what /readyz answers.
type readiness struct {
	Ready bool `json:"ready"`
	Parts map[string]struct {
		OK      bool   `json:"ok"`
		Detail  string `json:"detail,omitempty"`
		Informs bool   `json:"informs,omitempty"`
	} `json:"parts"`
}

func (p *program) status(ctx context.Context, output string) error {
	c, _, err := config.Draft(p.flags.config, p.env)
	if err != nil {
		return err
	}
	address, err := dialable(c.HTTP.Listen)
	if err != nil {
		return err
	}
	body, err := ask(ctx, "http://"+address+"/readyz")
	if err != nil {
		return fmt.Errorf("no service answers at %s: %w", address, err)
	}
	var r readiness
	if err := json.Unmarshal(body, &r); err != nil || r.Parts == nil {
		return fmt.Errorf("what answers at %s is not approvebot", address)
	}
	if output == "json" {
		err = p.printJSON(json.RawMessage(body))
	} else {
		p.sayStatus(r)
	}
	if err == nil && !r.Ready {
		err = errReported
	}
	return err
}

func (p *program) sayStatus(r readiness) {
	for _, name := range slices.Sorted(maps.Keys(r.Parts)) {
		part := r.Parts[name]
		level := "ok"
		switch {
		case !part.OK && part.Informs:
			level = "warning"
		case !part.OK:
			level = "error"
		}
		line := fmt.Sprintf("%-8s %s", level, name)
		if part.Detail != "" {
			line += ": " + plain(part.Detail)
		}
		fmt.Fprintln(p.out, line)
	}
	fmt.Fprintln(p.out, map[bool]string{true: "ready", false: "not ready"}[r.Ready])
}

// dialable is the address at which a listener can be reached from its own machine.
func dialable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("read http.listen: %w", err)
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}

// ask reads an answer of whatever status; the machine's proxy is not for it.
func ask(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}

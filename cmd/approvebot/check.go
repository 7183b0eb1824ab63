package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/config"
)

const checkHelp = `Check reads the configuration as "approvebot run" would, the environment
included, and reports every mistake at once: its file, line, column and key, and
what to do about it. It talks to nobody.

With --show it also prints the configuration in force: the file, what came from
the environment, and the defaults, with every secret hidden.

With --live it goes on to prove what the configuration claims: the database; the
tokens, their scopes, missing and excess, and who else uses them; channels,
approvers and groups; every login to Keyfactor, its permissions and the clocks. It
can be run beside the service. A SQLite database that no service uses is opened
as the service would, and so brought to this release. With the transport http,
--url tells the address at which Slack reaches the service. With --role, the
approval steps of Keyfactor's workflows are searched for the bot's role.

Exit code 0 means that the service would start with it, 2 that there are mistakes
in the configuration, 1 that --live found something wrong.`

func (p *program) checkCommand() *cobra.Command {
	var how checking
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every mistake in the configuration, and with --live around it",
		Long:  checkHelp,
		Example: `  approvebot check
  approvebot check --config /etc/approvebot/approvebot.yaml --show
  approvebot check --live
  approvebot check --live --role Approvebot
  approvebot check --output json | jq -r '.problems[].message'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(how.output); err != nil {
				return err
			}
			if how.url != "" && !how.live {
				return wrongUsage("--url is for --live")
			}
			if len(how.roles) > 0 && !how.live {
				return wrongUsage("--role is for --live")
			}
			return p.check(cmd.Context(), how)
		},
	}
	cmd.Flags().BoolVar(&how.show, "show", false, "print the configuration in force, secrets hidden")
	cmd.Flags().BoolVar(&how.live, "live", false, "also ask Slack, Keyfactor and the database")
	cmd.Flags().StringVar(&how.url, "url", "", "`URL` at which Slack reaches the service, to be tried by --live; for the transport http")
	cmd.Flags().StringArrayVar(&how.roles, "role", nil, "security `ROLE` of the bot in Keyfactor, by name or number, to be looked for in approval steps by --live; may be repeated")
	outputFlag(cmd, &how.output)
	return cmd
}

// checking is what the flags of check say.
type checking struct {
	show, live bool
	url        string
	roles      []string
	output     string
}

func (p *program) check(ctx context.Context, how checking) error {
	c, warnings, err := p.load()
	mistakes, mistaken := errors.AsType[*config.Error](err)
	if err != nil && !mistaken {
		return err
	}
	if err == nil {
		// The flags count as well: --log-level loud would keep the service from starting.
		if _, err := p.logger(c.Log); err != nil {
			return err
		}
	}
	report := checkReport{File: p.flags.config, OK: mistakes == nil, Problems: []config.Problem{}, Warnings: append([]config.Warning{}, warnings...)}
	if mistakes != nil {
		report.Problems = mistakes.Problems
	}
	say := func(app.Finding) {}
	if how.output == "text" {
		if err := p.checkText(c, warnings, mistakes, how.show); err != nil {
			return err
		}
		say = p.sayFinding
	}
	if how.live && mistakes == nil {
		if report.Live, err = p.live(ctx, c, how, say); err != nil {
			return err
		}
		report.OK = !slices.ContainsFunc(report.Live, func(f app.Finding) bool { return f.Level == app.Wrong })
	}
	if how.output == "json" {
		if err := p.checkJSON(report, c, how.show); err != nil {
			return err
		}
	} else if how.live && mistakes == nil {
		p.sayTotal(report.Live)
	}
	switch {
	case mistaken:
		return errors.Join(errReported, mistakes)
	case !report.OK:
		return errReported
	}
	return nil
}

// live asks the world, and returns what it found.
func (p *program) live(ctx context.Context, c *config.Config, how checking, say func(app.Finding)) ([]app.Finding, error) {
	scopes, err := neededScopes(c)
	if err != nil {
		return nil, err
	}
	found := []app.Finding{}
	app.Check(ctx, app.CheckOptions{Config: c, Scopes: scopes, URL: how.url, Roles: how.roles, Report: func(f app.Finding) {
		f.Message = plain(f.Message) // parts of it are other people's words
		found = append(found, f)
		say(f)
	}})
	return found, nil
}

// neededScopes are those that the manifest for this configuration asks for.
func neededScopes(c *config.Config) ([]string, error) {
	base := ""
	if c.Slack.Transport == config.TransportHTTP {
		base = "https://approvebot.example.com" // the scopes do not depend on it
	}
	groups, direct := len(c.Admins.Groups) > 0, false
	for _, r := range c.Routes {
		groups = groups || len(r.Approvers.Groups)+len(r.Quorum.From) > 0
		direct = direct || r.Direct()
	}
	m, err := newManifest(c.Slack.Transport, base, groups, direct)
	return m.OAuth.Scopes.Bot, err
}

func (p *program) sayFinding(f app.Finding) {
	fmt.Fprintf(p.out, "%-8s %s: %s\n", f.Level, f.Check, f.Message)
}

func (p *program) sayTotal(found []app.Finding) {
	n := map[app.Level]int{}
	for _, f := range found {
		n[f.Level]++
	}
	fmt.Fprintf(p.out, "live: %d fine, %s, %s\n", n[app.Fine], count(n[app.Warning], "warning", "warnings"), count(n[app.Wrong], "error", "errors"))
}

func (p *program) checkText(c *config.Config, warnings []config.Warning, mistakes *config.Error, show bool) error {
	if mistakes != nil {
		_, err := fmt.Fprintf(p.out, "%v\n\n%s\n", mistakes, count(len(mistakes.Problems), "mistake", "mistakes"))
		return err
	}
	if show {
		fmt.Fprintf(p.out, "# The configuration in force: %s, the environment, and defaults.\n%s\n", p.flags.config, c.Redacted())
	}
	for _, w := range warnings {
		fmt.Fprintf(p.out, "warning: %s\n", w)
	}
	_, err := fmt.Fprintf(p.out, "%s: no mistakes, %s\n", p.flags.config, count(len(warnings), "warning", "warnings"))
	return err
}

// checkReport is what --output json prints.
type checkReport struct {
	File     string           `json:"file"`
	OK       bool             `json:"ok"`
	Problems []config.Problem `json:"problems"`
	Warnings []config.Warning `json:"warnings"`
	Config   json.RawMessage  `json:"config,omitempty"`
	Live     []app.Finding    `json:"live,omitempty"`
}

func (p *program) checkJSON(report checkReport, c *config.Config, show bool) error {
	if show && c != nil {
		effective, err := yaml.YAMLToJSON([]byte(c.Redacted()))
		if err != nil {
			return fmt.Errorf("show the configuration as JSON: %w", err)
		}
		report.Config = effective
	}
	return p.printJSON(report)
}

func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

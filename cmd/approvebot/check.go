package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/config"
)

const checkHelp = `Check reads the configuration as "approvebot run" would, the environment
included, and reports every mistake at once: its file, line, column and key, and
what to do about it. It talks to nobody.

With --show it also prints the configuration in force: the file, what came from
the environment, and the defaults, with every secret hidden.

Exit code 0 means that the service would start with it, 2 that there are mistakes.`

func (p *program) checkCommand() *cobra.Command {
	var show bool
	var output string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Report every mistake in the configuration",
		Long:  checkHelp,
		Example: `  approvebot check
  approvebot check --config /etc/approvebot/approvebot.yaml --show
  approvebot check --output json | jq -r '.problems[].message'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return p.check(show, output)
		},
	}
	cmd.Flags().BoolVar(&show, "show", false, "print the configuration in force, secrets hidden")
	outputFlag(cmd, &output)
	return cmd
}

func (p *program) check(show bool, output string) error {
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
	var printed error
	if output == "json" {
		printed = p.checkJSON(c, warnings, mistakes, show)
	} else {
		printed = p.checkText(c, warnings, mistakes, show)
	}
	if mistaken && printed == nil {
		return errors.Join(errReported, mistakes)
	}
	return printed
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

func (p *program) checkJSON(c *config.Config, warnings []config.Warning, mistakes *config.Error, show bool) error {
	report := struct {
		File     string           `json:"file"`
		OK       bool             `json:"ok"`
		Problems []config.Problem `json:"problems"`
		Warnings []config.Warning `json:"warnings"`
		Config   json.RawMessage  `json:"config,omitempty"`
	}{p.flags.config, mistakes == nil, []config.Problem{}, []config.Warning{}, nil}
	if mistakes != nil {
		report.Problems = mistakes.Problems
	}
	report.Warnings = append(report.Warnings, warnings...)
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

package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/config"
)

// globalFlags hold for every command.
type globalFlags struct {
	config    string
	logLevel  string
	logFormat string
}

const rootHelp = `approvebot brings certificate requests that wait in Keyfactor Command to Slack:
the facts that matter, two buttons, a comment, and an honest end to every click.

Try it without any account:       approvebot demo
Check a configuration:            approvebot check
Run the service:                  approvebot run

The configuration is a YAML file; Keyfactor's and Slack's usual environment
variables (KEYFACTOR_HOSTNAME, KEYFACTOR_USERNAME, SLACK_BOT_TOKEN, …) fill in
what it leaves open.

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration.`

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "approvebot",
		Short:         "Approve Keyfactor Command's requests from Slack",
		Long:          rootHelp,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Set once the arguments are understood: what fails later is not wrong usage.
		PersistentPreRun: func(*cobra.Command, []string) { p.began = true },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetOut(p.out)
	root.SetErr(p.err)
	flags := root.PersistentFlags()
	flags.StringVar(&p.flags.config, "config", cmp.Or(p.env("APPROVEBOT_CONFIG"), "approvebot.yaml"), "configuration `FILE`; also APPROVEBOT_CONFIG")
	flags.StringVar(&p.flags.logLevel, "log-level", "", "debug, info, warn or error (default: what the configuration says, or info)")
	flags.StringVar(&p.flags.logFormat, "log-format", "", "json, console, or auto: console on a terminal, json otherwise (default: what the configuration says, or auto)")
	complete(root, "log-level", "debug", "info", "warn", "error")
	complete(root, "log-format", "auto", "json", "console")
	root.AddCommand(p.runCommand(), p.demoCommand(), p.checkCommand(), p.statusCommand(), p.auditCommand(), p.backupCommand(), p.explainCommand(), p.manifestCommand(), p.configCommand(), p.simulateCommand(), p.versionCommand())
	return root
}

// load reads the configuration and lets the flags have their say.
func (p *program) load() (*config.Config, []config.Warning, error) {
	c, warnings, err := config.Load(p.flags.config, p.env)
	if err != nil {
		return nil, nil, err
	}
	c.Log.Level = cmp.Or(p.flags.logLevel, c.Log.Level)
	c.Log.Format = cmp.Or(p.flags.logFormat, c.Log.Format)
	return c, warnings, nil
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}

// outputFlag adds --output to commands whose answer a script may want.
func outputFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVarP(to, "output", "o", "text", "text or json")
	complete(cmd, "output", "text", "json")
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return wrongUsage("--output is text or json, not %q", output)
	}
	return nil
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look up what a configuration may hold",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.configSchemaCommand(), p.configKeysCommand())
	return cmd
}

const configSchemaHelp = `Schema prints the JSON Schema of the configuration. With it an editor completes
keys, explains them, and marks mistakes while you write. Editors that use
yaml-language-server find it by a comment at the top of the file:

  # yaml-language-server: $schema=approvebot.schema.json`

func (p *program) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the configuration, for editors",
		Long:    configSchemaHelp,
		Example: `  approvebot config schema > approvebot.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := p.out.Write(config.Schema())
			return err
		},
	}
}

func (p *program) configKeysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys [KEY]",
		Short: "Explain every key of the configuration, or those below one",
		Example: `  approvebot config keys
  approvebot config keys slack
  approvebot config keys routes[].comment`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			below := strings.Join(args, "")
			found := false
			for _, k := range config.Keys() {
				if !k.Below(below) {
					continue
				}
				found = true
				if _, err := fmt.Fprint(p.out, k); err != nil {
					return err
				}
			}
			if !found {
				return wrongUsage("there is no key %s; approvebot config keys lists all", below)
			}
			return nil
		},
	}
}

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/slacksim"
)

const simulateSlackHelp = `A Slack workspace in memory: the Web API methods that a bot needs, Socket Mode or
signed HTTP delivery, and a web page on which one acts as different people.

Clicks go over Socket Mode, unless --request-url names the bot's address; then
they are sent there as signed requests to /slack/interactivity, /slack/commands
and /slack/events.

Tokens and signing secret are fixed ones, unless they are given here or in
SLACK_BOT_TOKEN, SLACK_APP_TOKEN and SLACK_SIGNING_SECRET.`

func (p *program) simulateSlackCommand() *cobra.Command {
	c := slacksim.DefaultConfig()
	var listen, output string
	cmd := &cobra.Command{
		Use:   "slack",
		Short: "Run a simulated Slack workspace",
		Long:  simulateSlackHelp,
		Example: `  approvebot simulate slack --listen 127.0.0.1:8091
  approvebot simulate slack --request-url http://127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return p.simulateSlack(cmd.Context(), c, listen, output)
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 takes a free one")
	f.StringVar(&c.RequestURL, "request-url", "", "deliver clicks by signed HTTP to the bot at this `URL`, instead of Socket Mode")
	f.StringVar(&c.BotToken, "bot-token", "", "`TOKEN` (xoxb-…) that the bot must show")
	f.StringVar(&c.AppToken, "app-token", "", "`TOKEN` (xapp-…) that opens Socket Mode")
	f.StringVar(&c.SigningSecret, "signing-secret", "", "`SECRET` that requests are signed with")
	f.StringSliceVar(&c.Scopes, "scopes", nil, "scopes of the bot token, with commas (default: those approvebot uses, and some more)")
	f.BoolVar(&c.RateLimits, "rate-limits", true, "limit rates as Slack does")
	outputFlag(cmd, &output)
	return cmd
}

func (p *program) simulateSlack(ctx context.Context, c slacksim.Config, listen, output string) (err error) {
	if c.Log, err = p.flagLog("info"); err != nil {
		return err
	}
	for _, s := range []struct {
		to       *string
		variable string
	}{{&c.BotToken, "SLACK_BOT_TOKEN"}, {&c.AppToken, "SLACK_APP_TOKEN"}, {&c.SigningSecret, "SLACK_SIGNING_SECRET"}} {
		if *s.to == "" {
			*s.to, _, _ = strings.Cut(p.env(s.variable), ",")
		}
	}
	// Secrets that somebody gave us are not printed; that the fixed ones are public is their purpose.
	own := map[string]bool{"SLACK_BOT_TOKEN": c.BotToken == "", "SLACK_APP_TOKEN": c.AppToken == "", "SLACK_SIGNING_SECRET": c.SigningSecret == ""}
	c.RequestURL = strings.TrimRight(c.RequestURL, "/")
	workspace, err := slacksim.New(c)
	if err != nil {
		return usageError{err.Error()}
	}
	defer workspace.Close()
	return serve(ctx, listen, workspace, c.Log, func(base string) error {
		env := []variable{{"SLACK_API_URL", base + "/api/"}}
		transport := variable{"SLACK_APP_TOKEN", workspace.AppToken()}
		if c.RequestURL != "" {
			transport = variable{"SLACK_SIGNING_SECRET", workspace.SigningSecret()}
		}
		for _, v := range []variable{{"SLACK_BOT_TOKEN", workspace.BotToken()}, transport} {
			if own[v.name] {
				env = append(env, v)
			}
		}
		return p.introduce(output, "A simulated Slack workspace is running", []variable{{"page", base + "/"}, {"api", base + "/api/"}}, env)
	})
}

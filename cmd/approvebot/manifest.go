package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/config"
)

const manifestHelp = `Manifest prints the description of the Slack app that approvebot needs. Create an
app "from a manifest" at https://api.slack.com/apps and paste it there; then
install the app and copy the bot token (xoxb-…).

Socket Mode needs no address that Slack can reach. After creating the app, make
an app-level token (xapp-…) with the scope connections:write under Basic
Information, App-Level Tokens: a manifest cannot.

HTTP needs --url, the https address at which Slack reaches approvebot; copy the
signing secret from Basic Information.

The scopes are the least that the service works with. After a change of scopes
the app must be installed again.`

func (p *program) manifestCommand() *cobra.Command {
	var transport, base string
	var groups, direct bool
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Print the manifest of the Slack app",
		Long:  manifestHelp,
		Example: `  approvebot manifest
  approvebot manifest --transport http --url https://approvebot.example.com`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			m, err := newManifest(transport, base, groups, direct)
			if err != nil {
				return err
			}
			text, err := yaml.MarshalWithOptions(m, yaml.Indent(2), yaml.IndentSequence(true))
			if err != nil {
				return fmt.Errorf("print the manifest: %w", err)
			}
			_, err = p.out.Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&transport, "transport", config.TransportSocket, "how clicks arrive: socket or http")
	cmd.Flags().StringVar(&base, "url", "", "https `URL` at which Slack reaches approvebot; for http only")
	cmd.Flags().BoolVar(&groups, "groups", true, "approvers or admins are Slack user groups (needs usergroups:read)")
	cmd.Flags().BoolVar(&direct, "direct", false, "routes send direct messages: direct_messages, notify_requester, or reminders of a user (needs im:history and im:write)")
	complete(cmd, "transport", config.TransportSocket, config.TransportHTTP)
	return cmd
}

// manifest is Slack's description of an app, as far as we use it.
// See https://docs.slack.dev/reference/app-manifest.
type manifest struct {
	Display struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		Long        string `yaml:"long_description"`
		Color       string `yaml:"background_color"`
	} `yaml:"display_information"`
	Features struct {
		Home struct {
			Home     bool `yaml:"home_tab_enabled"`
			Messages bool `yaml:"messages_tab_enabled"`
			ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
		} `yaml:"app_home"`
		Bot struct {
			Name   string `yaml:"display_name"`
			Online bool   `yaml:"always_online"`
		} `yaml:"bot_user"`
		Commands  []slashCommand `yaml:"slash_commands"`
		Shortcuts []shortcut     `yaml:"shortcuts"`
	} `yaml:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			URL string   `yaml:"request_url,omitempty"`
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		Interactivity struct {
			Enabled bool   `yaml:"is_enabled"`
			URL     string `yaml:"request_url,omitempty"`
		} `yaml:"interactivity"`
		OrgDeploy     bool `yaml:"org_deploy_enabled"`
		SocketMode    bool `yaml:"socket_mode_enabled"`
		TokenRotation bool `yaml:"token_rotation_enabled"`
	} `yaml:"settings"`
}

type slashCommand struct {
	Command     string `yaml:"command"`
	URL         string `yaml:"url,omitempty"`
	Description string `yaml:"description"`
	Hint        string `yaml:"usage_hint"`
	Escape      bool   `yaml:"should_escape"`
}

type shortcut struct {
	Name        string `yaml:"name"`
	Type        string `yaml:"type"`
	Callback    string `yaml:"callback_id"`
	Description string `yaml:"description"`
}

// newManifest describes the app. Each scope is here because of a call that the
// bot makes; see the comments.
func newManifest(transport, base string, groups, direct bool) (manifest, error) {
	var m manifest
	base, err := manifestURL(transport, base)
	if err != nil {
		return m, err
	}
	at := func(path string) string {
		if base == "" {
			return ""
		}
		return base + path
	}
	m.Display.Name = "approvebot"
	m.Display.Description = "Certificate requests from Keyfactor Command, to approve or deny here"
	m.Display.Long = "approvebot shows requests that wait for approval in Keyfactor Command: workflow steps and certificate requests pending at the CA. " +
		"Approvers see the facts that matter, press Approve or Deny, and add a comment. Every decision is recorded with the person who made it, here and in Keyfactor."
	m.Display.Color = "#1f3a5f"
	m.Features.Home.Home = true
	// Notices to admins arrive as messages; nobody is expected to answer them.
	m.Features.Home.Messages, m.Features.Home.ReadOnly = true, true
	m.Features.Bot.Name, m.Features.Bot.Online = "approvebot", true
	m.Features.Commands = []slashCommand{{
		Command: "/approvebot", URL: at("/slack/commands"), Description: "Certificate requests that wait for you", Hint: "[pending | find | explain | help]",
	}}
	m.Features.Shortcuts = []shortcut{{
		Name: "Explain this request", Type: "message", Callback: "explain_request", Description: "Who may decide it, who may not, and why it is shown here",
	}}
	m.OAuth.Scopes.Bot = []string{
		"channels:history", // find our own card again after a crash, in public channels
		"channels:read",    // find a channel by its name, see whether we are in it
		"chat:write",       // cards, threads, answers that one person sees
		"commands",         // /approvebot
		"groups:history",   // as channels:history, in private channels
		"groups:read",      // as channels:read, for private channels
	}
	if groups {
		m.OAuth.Scopes.Bot = append(m.OAuth.Scopes.Bot, "usergroups:read") // approvers by user group
	}
	if direct {
		// To find our own messages again after a crash, in direct messages.
		m.OAuth.Scopes.Bot = append(m.OAuth.Scopes.Bot, "im:history", "im:write")
	}
	m.OAuth.Scopes.Bot = append(m.OAuth.Scopes.Bot,
		"users:read",       // who pressed: member, guest or outsider
		"users:read.email", // approvers by e-mail; the e-mail in the audit log
	)
	m.Settings.Events.URL = at("/slack/events")
	m.Settings.Events.Bot = []string{"app_home_opened"}
	m.Settings.Interactivity.Enabled = true
	m.Settings.Interactivity.URL = at("/slack/interactivity")
	m.Settings.SocketMode = transport == config.TransportSocket
	return m, nil
}

// manifestURL checks that transport and URL fit together, and returns the URL
// without a slash at its end.
func manifestURL(transport, base string) (string, error) {
	switch {
	case transport != config.TransportSocket && transport != config.TransportHTTP:
		return "", wrongUsage("--transport is socket or http, not %q", transport)
	case transport == config.TransportSocket && base != "":
		return "", wrongUsage("--url is for --transport http; in Socket Mode Slack calls no address")
	case transport == config.TransportSocket:
		return "", nil
	case base == "":
		return "", wrongUsage("--transport http needs --url, the https address at which Slack reaches approvebot")
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", wrongUsage("--url %q is not an https address such as https://approvebot.example.com", base)
	}
	return strings.TrimRight(base, "/"), nil
}

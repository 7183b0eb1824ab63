package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// manifestKeys are the keys of Slack's schema that an app like ours may use, at
// every level; Slack refuses any other. Values of "" are scalars and lists.
var manifestKeys = map[string]string{
	"":                             "display_information features oauth_config settings",
	"display_information":          "name description long_description background_color",
	"features":                     "app_home bot_user slash_commands shortcuts",
	"features.app_home":            "home_tab_enabled messages_tab_enabled messages_tab_read_only_enabled",
	"features.bot_user":            "display_name always_online",
	"features.slash_commands":      "command description url usage_hint should_escape",
	"features.shortcuts":           "name type callback_id description",
	"oauth_config":                 "redirect_urls scopes token_management_enabled pkce_enabled",
	"oauth_config.scopes":          "bot user bot_optional user_optional",
	"settings":                     "event_subscriptions interactivity org_deploy_enabled socket_mode_enabled token_rotation_enabled allowed_ip_address_ranges incoming_webhooks",
	"settings.event_subscriptions": "request_url bot_events user_events metadata_subscriptions",
	"settings.interactivity":       "is_enabled request_url message_menu_options_url",
}

func requireKnownKeys(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			require.Contains(t, strings.Fields(manifestKeys[path]), key, "below %q", path)
			requireKnownKeys(t, strings.TrimPrefix(path+"."+key, "."), value)
		}
	case []any:
		for _, value := range v {
			requireKnownKeys(t, path, value)
		}
	}
}

func TestManifestKeepsToSlacksRules(t *testing.T) {
	for name, args := range map[string][]string{
		"socket": {"manifest"},
		"http":   {"manifest", "--transport", "http", "--url", "https://approvebot.example.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			got := approvebot(t, nil, args...)
			require.Equal(t, exitFine, got.code, got.err)
			var loose map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(got.out), &loose))
			requireKnownKeys(t, "", loose)

			var m manifest
			require.NoError(t, yaml.Unmarshal([]byte(got.out), &m))
			require.LessOrEqual(t, len(m.Display.Name), 35)
			require.LessOrEqual(t, len(m.Display.Description), 140)
			require.GreaterOrEqual(t, len(m.Display.Long), 175)
			require.LessOrEqual(t, len(m.Display.Long), 4000)
			require.LessOrEqual(t, len(m.Features.Bot.Name), 80)
			require.Len(t, m.Features.Commands, 1)
			require.Regexp(t, `^/[a-z]{1,31}$`, m.Features.Commands[0].Command)
			require.Len(t, m.Features.Shortcuts, 1)
			require.LessOrEqual(t, len(m.Features.Shortcuts[0].Name), 24)
			require.LessOrEqual(t, len(m.Features.Shortcuts[0].Description), 150)
			require.True(t, m.Features.Home.Home, "app_home_opened needs the Home tab")
			require.True(t, m.Settings.Interactivity.Enabled)
			require.Equal(t, []string{"app_home_opened"}, m.Settings.Events.Bot)
			require.Equal(t, name == "socket", m.Settings.SocketMode)
			urls := []string{m.Features.Commands[0].URL, m.Settings.Events.URL, m.Settings.Interactivity.URL}
			if name == "socket" {
				require.Equal(t, []string{"", "", ""}, urls)
				require.NotContains(t, got.out, "url")
			} else {
				require.Equal(t, []string{"https://approvebot.example.com/slack/commands", "https://approvebot.example.com/slack/events", "https://approvebot.example.com/slack/interactivity"}, urls)
			}
		})
	}
}

func TestManifestAsksForNoGroupsWhereNoneAreUsed(t *testing.T) {
	require.Contains(t, approvebot(t, nil, "manifest").out, "- usergroups:read\n")
	require.NotContains(t, approvebot(t, nil, "manifest", "--groups=false").out, "usergroups")
}

// The files that people paste are what the command prints.
func TestManifestsInDeploy(t *testing.T) {
	for file, args := range map[string][]string{
		"slack-manifest-socket.yaml": {"manifest"},
		"slack-manifest-http.yaml":   {"manifest", "--transport", "http", "--url", "https://approvebot.example.com"},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", file))
		require.NoError(t, err)
		var body strings.Builder
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				body.WriteString(line)
			}
		}
		require.Equal(t, approvebot(t, nil, args...).out, body.String(), file)
	}
}

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

// minimal is the five-line file that must do when the environment says the rest.
const minimal = `routes:
  - name: everything
    channels: ["#pki-approvals"]
    approvers: {users: ["@ada", ben@example.com]}
`

func environment(more ...string) func(string) string {
	vars := map[string]string{
		"SLACK_BOT_TOKEN":    "xoxb-1-secret",
		"SLACK_APP_TOKEN":    "xapp-1-secret",
		"KEYFACTOR_URL":      "https://command.example.com/KeyfactorAPI/",
		"KEYFACTOR_USERNAME": `EXAMPLE\svc-approvebot`,
		"KEYFACTOR_PASSWORD": "hunter2-hunter2",
		"STATE_DIRECTORY":    "/var/lib/private/approvebot",
	}
	for _, pair := range more {
		name, value, _ := strings.Cut(pair, "=")
		vars[name] = value
	}
	return func(name string) string { return vars[name] }
}

func only(pairs ...string) func(string) string {
	vars := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		vars[name] = value
	}
	return func(name string) string { return vars[name] }
}

func mustParse(t *testing.T, text string, env func(string) string) *config.Config {
	t.Helper()
	c, _, err := config.Parse("approvebot.yaml", []byte(text), env)
	require.NoError(t, err)
	return c
}

// problems returns the lines that a person would see.
func problems(t *testing.T, text string, env func(string) string) []string {
	t.Helper()
	c, _, err := config.Parse("approvebot.yaml", []byte(text), env)
	require.Error(t, err, "nothing was found wrong with:\n%s", text)
	require.Nil(t, c)
	e, ok := errors.AsType[*config.Error](err)
	require.True(t, ok, "%T", err)
	require.Len(t, e.Problems, strings.Count(err.Error(), "\n")+1)
	return strings.Split(err.Error(), "\n")
}

func TestFiveLinesDo(t *testing.T) {
	c, warnings, err := config.Parse("approvebot.yaml", []byte(minimal), environment())
	require.NoError(t, err)
	require.Empty(t, warnings)

	require.Equal(t, "https://command.example.com/KeyfactorAPI", c.Keyfactor.URL)
	require.Equal(t, "https://command.example.com/KeyfactorPortal", c.Keyfactor.PortalURL)
	require.Equal(t, config.AuthBasic, c.Keyfactor.Auth.Type)
	require.Equal(t, `EXAMPLE\svc-approvebot`, c.Keyfactor.Auth.Username)
	require.Equal(t, "hunter2-hunter2", c.Keyfactor.Auth.Password.Reveal())
	require.Equal(t, 10*time.Second, c.Keyfactor.Timeout)
	require.Equal(t, "string", c.Keyfactor.ApprovedAs)
	require.Equal(t, config.TransportSocket, c.Slack.Transport)
	require.Equal(t, "xoxb-1-secret", c.Slack.BotToken.Reveal())
	require.Equal(t, "xapp-1-secret", c.Slack.AppToken.Reveal())
	require.Equal(t, "https://slack.com/api/", c.Slack.APIURL)
	require.Equal(t, "@every 30s", c.Poll.Schedule)
	require.Equal(t, []approval.Kind{approval.Workflow, approval.Certificate}, c.Poll.Sources)
	require.Equal(t, "sqlite:///var/lib/private/approvebot/approvebot.db", c.Store.URL.Reveal())
	require.Equal(t, "127.0.0.1:8080", c.HTTP.Listen)
	require.Equal(t, []config.Route{{
		Name:           "everything",
		Channels:       []string{"#pki-approvals"},
		Approvers:      config.People{Users: []string{"@ada", "ben@example.com"}},
		DirectMessages: config.DirectMessagesNone, Quorum: config.Quorum{Count: 1}, Denial: config.DenialEnds,
		SelfApproval: config.SelfApprovalDeny, UnresolvedRequester: config.UnresolvedDeny,
		Comment: config.Comment{Approve: config.CommentOptional, Deny: config.CommentRequired},
		Confirm: config.ConfirmNone, Chat: config.ChatDecide, ClaimFor: 30 * time.Minute, Delegation: config.DelegationDeny,
	}}, config.WithoutHints(c.Routes))
}

func TestAFileThatSaysEverythingNeedsNoEnvironment(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"kf": "from file\n", "bot": "xoxb-2\n", "signing": "old,new\n", "store": "postgres://bot:hunter2@db.example.com/approvebot\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	text := `
keyfactor:
  url: http://localhost:8090/Keyfactor/API
  portal_url: https://portal.example.com
  auth:
    type: oauth
    token_url: https://idp.example.com/token
    client_id: approvebot
    client_secret_file: kf
    scopes: [openid, command]
    audience: command
  timeout: 2m
  approved_as: boolean
slack:
  transport: http
  bot_token_file: ${CREDENTIALS}/bot
  signing_secret_file: signing
  api_url: http://127.0.0.1:9999/api
poll: {schedule: "0 */5 8-18 * * MON-FRI", sources: workflow}
store: {url_file: store}
http: {listen: ":9000"}
admins: {users: [U012ABCDEF], groups: ["@pki-admins", S012ABCDEF]}
routes:
  - name: production
    match: {kind: workflow, type: Enrollment, definition: "Web*", template: [WebServer, "!Legacy*"], subject: "*.prod.example.com", san: "*.example.com", requester: 'EXAMPLE\*', ca: Issuing, step: Approve}
    channels: C012ABCDEF
    approvers: {groups: "@pki-approvers"}
    self_approval: allow
    comment: {approve: required, deny: off}
  - name: rest
    channels: ["#other", "#pki_2"]
    approvers: {users: ada@example.com}
log: {level: debug, format: json}
`
	c, warnings, err := config.Parse(filepath.Join(dir, "approvebot.yaml"), []byte(text), only("CREDENTIALS="+dir, "KEYFACTOR_USERNAME=ignored", "SLACK_BOT_TOKEN=ignored"))
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, "http://localhost:8090/Keyfactor/API", c.Keyfactor.URL)
	require.Equal(t, "https://portal.example.com", c.Keyfactor.PortalURL)
	require.Equal(t, "from file", c.Keyfactor.Auth.ClientSecret.Reveal())
	require.Equal(t, []string{"openid", "command"}, c.Keyfactor.Auth.Scopes)
	require.Empty(t, c.Keyfactor.Auth.Username, "credentials of two ways are never mixed")
	require.Equal(t, 2*time.Minute, c.Keyfactor.Timeout)
	require.Equal(t, "boolean", c.Keyfactor.ApprovedAs)
	require.Equal(t, "xoxb-2", c.Slack.BotToken.Reveal())
	secrets := c.Slack.SigningSecrets()
	require.Len(t, secrets, 2)
	require.Equal(t, "old", secrets[0].Reveal())
	require.Equal(t, "new", secrets[1].Reveal())
	require.Equal(t, "http://127.0.0.1:9999/api/", c.Slack.APIURL)
	require.Equal(t, []approval.Kind{approval.Workflow}, c.Poll.Sources)
	require.Equal(t, "postgres://bot:hunter2@db.example.com/approvebot", c.Store.URL.Reveal())
	require.Equal(t, config.People{Users: []string{"U012ABCDEF"}, Groups: []string{"@pki-admins", "S012ABCDEF"}}, c.Admins)
	require.Equal(t, config.Match{
		Kind: config.Globs{"workflow"}, Type: config.Globs{"Enrollment"}, Definition: config.Globs{"Web*"}, Step: config.Globs{"Approve"},
		Template: config.Globs{"WebServer", "!Legacy*"}, CA: config.Globs{"Issuing"}, Subject: config.Globs{"*.prod.example.com"},
		SAN: config.Globs{"*.example.com"}, Requester: config.Globs{`EXAMPLE\*`},
	}, c.Routes[0].Match)
	require.Equal(t, []string{"C012ABCDEF"}, c.Routes[0].Channels)
	require.Equal(t, config.Comment{Approve: "required", Deny: "off"}, c.Routes[0].Comment)
	require.Equal(t, config.Log{Level: "debug", Format: "json"}, c.Log)
}

// Every mistake is told at once, in the order of the file, environment last.
func TestEveryMistakeAtOnce(t *testing.T) {
	text := `keyfactor:
  url: command.example.com
  timeout: 30
  aproved_as: string
slack:
  transport: carrier pigeon
  bot_token: xapp-in-the-wrong-place
poll:
  schedule: every now and then
  sources: [workflow, mail, workflow]
store:
  url: mysql://db.example.com
http: {listen: 8080}
routes:
  - name: web
    match:
      kind: workflows
      colour: blue
      subject: !*.example.com
    channels: [pki, "#Upper", #lost
      "#ok", "#ok"]
    approvers: {users: ["@here", ada, S012ABCDEF], groups: [U012ABCDEF]}
    quota: 2
  - name: web
    approvers:
    comment: {approve: perhaps}
  - channels:
      - #pki
    approvers: {users: []}
log: loud
`
	want := []string{
		"approvebot.yaml:2:8: keyfactor.url: is not a web address; it begins with https:// and names a host",
		"approvebot.yaml:3:12: keyfactor.timeout: is not a duration; write it with its unit, such as 30s or 2m",
		"approvebot.yaml:4:3: keyfactor.aproved_as: there is no such key; here may stand: url, portal_url, auth, accounts, metadata, ca_file, skip_verify, timeout, approved_as",
		`approvebot.yaml:6:14: slack.transport: "carrier pigeon" is not known here; it is socket or http`,
		"approvebot.yaml:7:14: slack.bot_token: is not a bot token: those begin with xoxb-; find it in the app's settings under OAuth & Permissions",
		`approvebot.yaml:9:13: poll.schedule: is not a schedule: expected 5 to 6 fields, found 4: [every now and then]; write "@every 30s", or five fields of cron, or six with seconds first`,
		`approvebot.yaml:10:23: poll.sources[1]: "mail" is not known here; it is workflow or certificate`,
		"approvebot.yaml:10:29: poll.sources[2]: is listed twice",
		"approvebot.yaml:12:8: store.url: is not an address of a database; it looks like sqlite:///var/lib/approvebot/approvebot.db or postgres://user:password@db.example.com/approvebot",
		"approvebot.yaml:13:16: http.listen: is not an address to listen on; it looks like 127.0.0.1:8080, or :8080 for every interface",
		`approvebot.yaml:17:13: routes[0].match.kind[0]: "workflows" is not known here; it is workflow or certificate`,
		"approvebot.yaml:18:7: routes[0].match.colour: there is no such key; here may stand: kind, type, definition, step, template, ca, subject, san, requester, key_type, key_size, wildcard, fields",
		`approvebot.yaml:19:16: routes[0].match.subject: write a value that begins with ! in quotes: "!*.example.com"`,
		`approvebot.yaml:20:16: routes[0].channels[0]: "pki" is not a channel; write "#pki-approvals" (lower case) or its ID, C012ABCDEF`,
		`approvebot.yaml:20:21: routes[0].channels[1]: "#Upper" is not a channel; write "#pki-approvals" (lower case) or its ID, C012ABCDEF`,
		"approvebot.yaml:21:14: routes[0].channels[3]: #ok is listed twice",
		"approvebot.yaml:22:25: routes[0].approvers.users[0]: @here names nobody in particular; name each person, or a user group under groups",
		`approvebot.yaml:22:34: routes[0].approvers.users[1]: "ada" is not a person; write "@ada", U012ABCDEF or ada@example.com`,
		"approvebot.yaml:22:39: routes[0].approvers.users[2]: S012ABCDEF is a user group; move it to groups",
		"approvebot.yaml:22:61: routes[0].approvers.groups[0]: U012ABCDEF is a person; move it to users",
		"approvebot.yaml:23:5: routes[0].quota: there is no such key; here may stand: name, match, channels, approvers, direct_messages, quorum, denial, self_approval, unresolved_requester, comment, confirm, chat, expires_after, claim_for, reminders, hours, hints, delegation, notify_requester",
		`approvebot.yaml:24:5: routes[1].channels: is empty; name at least one channel, in quotes because of the #: ["#pki-approvals"]`,
		`approvebot.yaml:24:5: routes[1].approvers: nobody may decide; name people under users or user groups under groups: {users: ["@ada", ben@example.com]}`,
		`approvebot.yaml:24:11: routes[1].name: "web" is the name of an earlier route; give each its own`,
		`approvebot.yaml:26:24: routes[1].comment.approve: "perhaps" is not known here; it is required, optional or off`,
		"approvebot.yaml:27:5: routes[2].name: is not set; logs and cards name the route that took a request",
		`approvebot.yaml:28:8: routes[2].channels[0]: is empty; names that begin with # are comments unless in quotes: "#pki-approvals"`,
		`approvebot.yaml:29:16: routes[2].approvers: nobody may decide; name people under users or user groups under groups: {users: ["@ada", ben@example.com]}`,
		"approvebot.yaml:30:6: log: is a mapping with the keys level, format, not a single value",
		"environment: SLACK_APP_TOKEN: is not an app-level token: those begin with xapp-; find it in the app's settings under Basic Information, App-Level Tokens",
	}
	got := problems(t, text, environment("SLACK_APP_TOKEN=xoxb-swapped"))
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

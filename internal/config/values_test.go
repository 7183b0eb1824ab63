package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

// changes draws what is different in the second text.
func changes(t *testing.T, older, newer string, env ...string) string {
	t.Helper()
	var lines []string
	for _, c := range config.Changes(mustParse(t, older, environment(env...)).Values(), mustParse(t, newer, environment(env...)).Values()) {
		line := c.String()
		if c.NeedsRestart() {
			line += " (restart)"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestChanges(t *testing.T) {
	const second = "  - {name: second, match: {template: A*}, channels: '#b', approvers: {groups: '@pki'}}\n"
	for name, row := range map[string]struct{ older, newer, want string }{
		"none":                   {minimal, "# a comment\n" + minimal, ""},
		"a value":                {minimal, minimal + "log: {level: debug}", `log.level: "info" -> "debug"`},
		"one that needs more":    {minimal, minimal + "http: {listen: ':9'}", `http.listen: "127.0.0.1:8080" -> ":9" (restart)`},
		"a list":                 {minimal, strings.Replace(minimal, "ben@", "cem@", 1), `routes[everything].approvers.users: ["@ada","ben@example.com"] -> ["@ada","cem@example.com"]`},
		"a key that was not":     {minimal, minimal + "admins: {users: '@ada'}", `admins.users: nothing -> ["@ada"]`},
		"a key that is not more": {minimal + "people: {map: {b: '@b', a: '@a'}}", minimal, `people.map: {"a":"@a","b":"@b"} -> nothing`},
		"a duration":             {minimal + "keyfactor: {timeout: 60s}", minimal + "keyfactor: {timeout: 2m}", `keyfactor.timeout: "1m0s" -> "2m0s" (restart)`},
		"the order of routes": {minimal + second, "routes:\n" + second + strings.TrimPrefix(minimal, "routes:\n"),
			`routes: ["everything","second"] -> ["second","everything"]`},
		"a secret": {minimal + "slack: {signing_secret: aa-hidden}", minimal + "slack: {signing_secret: bb-hidden}",
			`slack.signing_secret: "[redacted]" -> "[redacted], another one"`},
		"a secret of an account": {
			minimal + "keyfactor: {accounts: [{name: b, auth: {username: b, password: aa-hidden}}]}", minimal + "keyfactor: {accounts: [{name: b, auth: {username: b, password: bb-hidden}}]}",
			`keyfactor.accounts[b].auth.password: "[redacted]" -> "[redacted], another one"`,
		},
		"the store's password": {minimal + "store: {url: 'postgres://a:aa-hidden@h/d'}", minimal + "store: {url: 'postgres://a:bb-hidden@h/d'}",
			`store.url: "postgres://a:xxxxx@h/d" -> "postgres://a:xxxxx@h/d, another one" (restart)`},
	} {
		t.Run(name, func(t *testing.T) {
			got := changes(t, row.older, row.newer)
			require.Equal(t, row.want, got)
			require.NotContains(t, got, "hidden")
		})
	}
	added := changes(t, minimal, minimal+second)
	require.True(t, strings.HasPrefix(added, `routes: ["everything"] -> ["everything","second"]
routes[second].name: nothing -> "second"
routes[second].match.template: nothing -> ["A*"]
routes[second].channels: nothing -> ["#b"]
routes[second].approvers.groups: nothing -> ["@pki"]
`), added)
	require.Contains(t, added, `routes[second].quorum.count: nothing -> 1`)
}

// What is written down holds no secret, and tells the same once it is read again.
func TestValuesAreWrittenDown(t *testing.T) {
	c := mustParse(t, minimal+"slack: {button_keys: [0123456789abcdef-hidden-0123456789]}\nstore: {url: 'postgres://a:hidden@h/d?password=hidden'}", environment())
	text := config.MarshalValues(c.Values())
	require.NotContains(t, text, "hidden")
	require.NotContains(t, text, "secret")
	again, err := config.ParseValues(text)
	require.NoError(t, err)
	require.Empty(t, config.Changes(again, c.Values()))
	require.Empty(t, config.Changes(c.Values(), again))
	require.Len(t, config.Changes(again, mustParse(t, minimal+"log: {level: warn}", environment()).Values()), 3)
}

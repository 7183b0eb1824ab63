package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

func TestRedactedShowsWhatIsInForce(t *testing.T) {
	c := mustParse(t, minimal, environment("APPROVEBOT_STORE_URL=postgres://bot:hunter2@db.example.com/approvebot?password=hunter2"))
	require.Equal(t, `keyfactor:
  url: https://command.example.com/KeyfactorAPI
  portal_url: https://command.example.com/KeyfactorPortal
  auth:
    type: basic
    username: "EXAMPLE\\svc-approvebot"
    password: "[redacted]"
  timeout: 10s
  approved_as: string
slack:
  transport: socket
  bot_token: "[redacted]"
  app_token: "[redacted]"
  allow_shared_channels: false
  channel_posts_per_minute: 60
  posts_per_minute: 600
  api_url: https://slack.com/api/
poll:
  schedule: "@every 30s"
  sources:
    - workflow
    - certificate
store:
  url: postgres://bot:xxxxx@db.example.com/approvebot
  keep: 8760h0m0s
http:
  listen: 127.0.0.1:8080
hints:
  ca-bit: step-up
  csr-differs: warn
  lookalike: step-up
  mixed-script: step-up
  foreign-domain: warn
  internal-name: warn
  private-ip: warn
  revokes-used: warn
  not-owner: note
  weak-key: warn
  key-reused: warn
  wildcard: warn
  cn-not-in-sans: warn
  long-validity: warn
  many-names: note
  odd-key: note
  weak-signature: note
  punycode: note
  new-domain: note
  unusual-domain: note
  public_cas:
    - "*DigiCert*"
    - "*Sectigo*"
    - "*GlobalSign*"
    - "*Entrust*"
    - "*Let's Encrypt*"
    - "*LetsEncrypt*"
    - "*GoDaddy*"
    - "*Google Trust*"
    - "*GeoTrust*"
    - "*Thawte*"
    - "*RapidSSL*"
    - "*QuoVadis*"
    - "*SwissSign*"
    - "*Certum*"
    - "*HARICA*"
    - "*IdenTrust*"
    - "*ZeroSSL*"
    - "*SSL.com*"
    - "*Buypass*"
    - "*Actalis*"
    - "*Telekom Security*"
  most_names: 50
  longest_validity_days: 398
routes:
  - name: everything
    channels:
      - "#pki-approvals"
    approvers:
      users:
        - "@ada"
        - ben@example.com
    direct_messages: none
    quorum:
      count: 1
    denial: ends
    self_approval: deny
    unresolved_requester: deny
    comment:
      approve: optional
      deny: required
    confirm: none
    chat: decide
    claim_for: 30m0s
    delegation: deny
log:
  level: info
  format: auto
`, c.Redacted())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, c), "hunter2")
	}
}

// What is printed can be read again, once the secrets are there.
func TestRedactedIsAConfiguration(t *testing.T) {
	c := mustParse(t, minimal, environment())
	text := c.Redacted()
	_, _, err := config.Parse("effective.yaml", []byte(text), environment())
	require.EqualError(t, err, `effective.yaml:12:14: slack.bot_token: is not a bot token: those begin with xoxb-; find it in the app's settings under OAuth & Permissions
effective.yaml:13:14: slack.app_token: is not an app-level token: those begin with xapp-; find it in the app's settings under Basic Information, App-Level Tokens`)
}

func TestWarnings(t *testing.T) {
	_, warnings, err := config.Parse("approvebot.yaml", []byte(`keyfactor:
  url: http://command.example.com
  skip_verify: true
slack: {api_url: "http://proxy.example.com/api/"}
routes:
  - {name: all, channels: ["#a"], approvers: {users: ["@ada"]}}
  - {name: late, match: {type: Renewal}, channels: ["#b"], approvers: {users: ["@ada"]}}
`), environment())
	require.NoError(t, err)
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	require.Equal(t, []string{
		"approvebot.yaml:2:8: keyfactor.url: http sends credentials readable over the network; use https",
		"approvebot.yaml:2:8: keyfactor.url: has no path; Keyfactor's API is usually found at http://command.example.com/KeyfactorAPI",
		"approvebot.yaml:3:16: keyfactor.skip_verify: TLS certificates are not verified: anybody on the way can read the password and approve requests; trust the right authority with ca_file instead",
		"approvebot.yaml:4:18: slack.api_url: http sends credentials readable over the network; use https",
		`approvebot.yaml:7:5: routes[1]: is never reached: "all" before it takes every request`,
	}, got)

	_, warnings, err = config.Parse("approvebot.yaml", []byte(`routes: [{name: some, match: {type: Renewal}, channels: ["#a"], approvers: {users: ["@ada"]}}]`), environment("KEYFACTOR_URL=http://127.0.0.1:8090/KeyfactorAPI"))
	require.NoError(t, err)
	require.Len(t, warnings, 1, "http on loopback is fine")
	require.Equal(t, "approvebot.yaml:1:9: routes: requests that none of the routes matches are shown to nobody; a last route without match catches them", warnings[0].String())
}

func TestSchedules(t *testing.T) {
	for _, good := range []string{"@every 1s", "@hourly", "*/5 * * * *", "0 */5 8-18 * * MON-FRI", "TZ=Europe/Berlin 0 9 * * *"} {
		c := mustParse(t, minimal+"poll: {schedule: \""+good+"\"}", environment())
		require.Equal(t, good, c.Poll.Schedule)
	}
	for bad, why := range map[string]string{
		"@every 10ms":   "it is shorter than a second",
		"@every -1h":    "it is shorter than a second",
		"0 0 31 2 *":    "it never comes",
		"TZ=UTC":        "nothing follows the time zone",
		"TZ=Mars * * *": "provided bad location Mars: unknown time zone Mars",
		"99 * * * *":    "end of range (99) above maximum (59): 99",
	} {
		require.Equal(t, []string{`approvebot.yaml:5:18: poll.schedule: is not a schedule: ` + why + `; write "@every 30s", or five fields of cron, or six with seconds first`},
			problems(t, minimal+"poll: {schedule: \""+bad+"\"}", environment()))
	}
}

func TestStores(t *testing.T) {
	for url, path := range map[string]string{
		"sqlite:///var/lib/approvebot/approvebot.db": "/var/lib/approvebot/approvebot.db",
		"sqlite:approvebot.db":                       "approvebot.db",
		"sqlite:///with%20space/a.db":                "/with space/a.db",
	} {
		got, ok := mustParse(t, minimal, environment("APPROVEBOT_STORE_URL="+url)).Store.SQLite()
		require.True(t, ok)
		require.Equal(t, path, got)
	}
	c := mustParse(t, minimal, environment("STATE_DIRECTORY=/var/lib/50% sure:/var/lib/other"))
	path, _ := c.Store.SQLite()
	require.Equal(t, "/var/lib/50% sure/approvebot.db", path)
	require.Equal(t, "sqlite:///var/lib/50%25%20sure/approvebot.db", c.Store.URL.Reveal())

	_, ok := mustParse(t, minimal, environment("APPROVEBOT_STORE_URL=postgresql:///approvebot?host=/run/postgresql")).Store.SQLite()
	require.False(t, ok)

	const address = "is not an address of a database; it looks like sqlite:///var/lib/approvebot/approvebot.db or postgres://user:password@db.example.com/approvebot"
	const file = "names no file, and what was decided must outlive the process; it looks like sqlite:///var/lib/approvebot/approvebot.db"
	for url, why := range map[string]string{
		"sqlite:":               file,
		"sqlite:///var/lib/":    file,
		"sqlite::memory:":       file,
		"sqlite://relative.db":  "names a host after the //; write sqlite:///absolute/path.db or sqlite:relative.db",
		"approvebot.db":         address,
		"postgres://hunter2:@[": address,
	} {
		require.Equal(t, []string{"environment: APPROVEBOT_STORE_URL: " + why}, problems(t, minimal, environment("APPROVEBOT_STORE_URL="+url)))
	}
}

func TestYAMLMistakes(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"an unquoted @":           {"a: @ada", `approvebot.yaml:1:4: this is not YAML: '@' is a reserved character; write names that begin with @ in quotes: "@ada"`},
		"an unquoted # in a list": {"routes:\n - channels: [#pki]\n   name: x\n", `approvebot.yaml:2:14: this is not YAML: sequence end token ']' not found; names that begin with # are comments unless in quotes: "#pki-approvals"`},
		"a tab":                   {"routes:\n\t- name: x", "approvebot.yaml:2:1: this is not YAML: a tab; indent with spaces"},
		"two documents":           {minimal + "---\nlog: {}\n", "approvebot.yaml:6:1: a second document begins here; the configuration is one document, remove the line ---"},
		"a list at the top":       {"- a\n", "approvebot.yaml:1:1: is a mapping with the keys keyfactor, slack, poll, store, http, admins, people, hints, routes, log, not a list"},
		"a key twice":             {minimal + "log: {level: info}\nlog: {level: info}\n", "approvebot.yaml:6:1: log: is given twice, first in line 5; keep one"},
		"an unknown anchor":       {minimal + "log: {level: *x}\n", `approvebot.yaml:5:14: log.level: write a value that begins with * in quotes: "*.example.com"`},
		"not true or false":       {minimal + "keyfactor: {skip_verify: yes}\n", "approvebot.yaml:5:26: keyfactor.skip_verify: is either true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, problems(t, row.text, environment())[0])
		})
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	c := mustParse(t, `
routes:
  - &base
    name: first
    match: {type: Renewal}
    channels: &channels ["#a", "#b"]
    approvers: &people {users: ["@ada"], groups: ["@pki"]}
  - name: second
    <<: *base
    match: {}
    approvers: *people
    channels: *channels
`, environment())
	require.Equal(t, "second", c.Routes[1].Name)
	require.Equal(t, c.Routes[0].Channels, c.Routes[1].Channels)
	require.Equal(t, c.Routes[0].Approvers, c.Routes[1].Approvers)
}

func TestAliasesDoNotMultiplyForEver(t *testing.T) {
	text := "routes:\n  - &r {name: x, channels: [" + strings.Repeat("C012ABCDEF, ", 200) + "]}\n" + strings.Repeat("  - *r\n", 200)
	require.Contains(t, strings.Join(problems(t, text, environment()), "\n"), "the file is too deep or too large from here on; check its anchors and aliases")
	require.Contains(t, strings.Join(problems(t, "log: &l {<<: *l}\n", environment()), "\n"), "routes: there is no route")
}

func TestAMissingFile(t *testing.T) {
	_, _, err := config.Load("/nonexistent/approvebot.yaml", environment())
	require.EqualError(t, err, "/nonexistent/approvebot.yaml: there is no such file; name another with --config or APPROVEBOT_CONFIG")
}

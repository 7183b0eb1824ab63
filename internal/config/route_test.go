package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

func TestRule(t *testing.T) {
	c := mustParse(t, minimal+`  - name: strict
    channels: ["#pki"]
    approvers: {users: ["@ada"], groups: ["@pki", "@net"]}
    quorum: {count: 3, from: ["@net", "@pki"]}
    denial: counts
    self_approval: allow
    unresolved_requester: second_person
    comment: {approve: off, deny: required, min_length: 5, deny_reasons: [Wrong template]}
    confirm: type-common-name
    chat: show-only
    expires_after: 72h
    claim_for: 0s
  - {name: from, channels: ["#pki"], approvers: {groups: ["@pki", "@net"]}, quorum: {from: ["@net", "@pki"]}, unresolved_requester: allow}
  - {name: two, direct_messages: only, approvers: {groups: ["@pki"]}, quorum: 2}
`, environment())
	first := c.Routes[0].Rule()
	require.Equal(t, approval.HintStepUp, first.Hints.Level(approval.HintCABit), "hints have defaults")
	first = withoutHints(first)
	require.Equal(t, approval.Rule{
		Route: "everything", Users: []string{"@ada", "ben@example.com"}, Quorum: approval.Quorum{Count: 1},
		Approve: approval.CommentRule{Need: approval.CommentOptional}, Deny: approval.CommentRule{Need: approval.CommentRequired},
		ClaimFor: 30 * time.Minute,
	}, first, "what is not said is safe")
	require.Equal(t, approval.Rule{
		Route: "strict", Users: []string{"@ada"}, Groups: []string{"@pki", "@net"},
		Quorum: approval.Quorum{Count: 3, From: []string{"@net", "@pki"}}, DenialCounts: true, AllowSelf: true, Unresolved: approval.UnresolvedSecond,
		Approve:        approval.CommentRule{Need: approval.CommentOff, Min: 5},
		Deny:           approval.CommentRule{Need: approval.CommentRequired, Min: 5, Reasons: []string{"Wrong template"}},
		TypeCommonName: true, ShowOnly: true, ExpiresAfter: 72 * time.Hour,
	}, withoutHints(c.Routes[1].Rule()))
	require.Equal(t, 2, c.Routes[2].Rule().Quorum.Count, "one for each group")
	require.Equal(t, approval.UnresolvedAllow, c.Routes[2].Rule().Unresolved)
	require.Equal(t, config.Quorum{Count: 2}, c.Routes[3].Quorum, "a number is short for the count")
	require.Empty(t, c.Routes[3].Channels)
}

// Every mistake of the keys that say who decides, at its place.
func TestMistakesAboutDeciding(t *testing.T) {
	route := func(more string) string {
		return "routes:\n  - name: x\n    channels: [\"#x\"]\n    approvers: {users: [\"@ada\", \"@ben\"]}\n    " + more + "\n"
	}
	people := func(more string) string { return minimal + "people:\n  " + more + "\n" }
	for name, row := range map[string]struct{ text, want string }{
		"a claim of seconds":           {route("claim_for: 5s"), "5:16: routes[0].claim_for: must be between 1m and 24h0m0s, or 0s to leave it out"},
		"a quorum of none":             {route("quorum: 0"), "5:13: routes[0].quorum.count: must be between 1 and 10"},
		"a quorum of a crowd":          {route("quorum: {count: 11}"), "5:21: routes[0].quorum.count: must be between 1 and 10"},
		"a quorum in words":            {route("quorum: two"), "5:13: routes[0].quorum.count: is a whole number, such as 2"},
		"a quorum of half":             {route("quorum: 1.5"), "5:13: routes[0].quorum.count: is a whole number, such as 2"},
		"a quorum as a list":           {route("quorum: [2]"), "5:13: routes[0].quorum: is a mapping with the keys count, from, not a list"},
		"a quorum out of reach":        {route("quorum: 3"), "5:13: routes[0].quorum.count: can never be reached: only 2 may decide"},
		"fewer people than groups":     {route(`quorum: {count: 1, from: ["@a", "@b"]}`), "5:21: routes[0].quorum.count: is 1, but one person from each of 2 groups makes 2"},
		"a person as a group":          {route(`quorum: {count: 2, from: [U012ABCDEF]}`), "5:31: routes[0].quorum.from[0]: U012ABCDEF is a person; move it to users"},
		"a denial that does something": {route("denial: wins"), `5:13: routes[0].denial: "wins" is not known here; it is ends or counts`},
		"an unresolved choice":         {route("unresolved_requester: ask"), `5:27: routes[0].unresolved_requester: "ask" is not known here; it is deny, second_person or allow`},
		"a confirmation":               {route("confirm: twice"), `5:14: routes[0].confirm: "twice" is not known here; it is none or type-common-name`},
		"a chat":                       {route("chat: maybe"), `5:11: routes[0].chat: "maybe" is not known here; it is decide or show-only`},
		"an expiry without a unit":     {route("expires_after: 3"), "5:20: routes[0].expires_after: is not a duration; write it with its unit, such as 30s or 2m"},
		"an expiry at once":            {route("expires_after: 0s"), "5:20: routes[0].expires_after: must be at least 1m0s; leave it out where requests do not expire"},
		"an expiry before":             {route("expires_after: -1h"), "5:20: routes[0].expires_after: must be at least 1m0s; leave it out where requests do not expire"},
		"messages and channels":        {route("direct_messages: only"), "5:22: routes[0].direct_messages: says only, but there are channels; remove them, or say also"},
		"messages to whom":             {route("direct_messages: sometimes"), `5:22: routes[0].direct_messages: "sometimes" is not known here; it is none, also or only`},
		"a long least":                 {route("comment: {min_length: 2000}"), "5:27: routes[0].comment.min_length: must be between 0 and 200"},
		"an empty reason":              {route(`comment: {deny_reasons: ["", a]}`), "5:30: routes[0].comment.deny_reasons[0]: is empty"},
		"a reason twice":               {route(`comment: {deny_reasons: [a, A]}`), `5:33: routes[0].comment.deny_reasons[1]: "A" is listed twice`},
		"a long reason":                {route("comment: {deny_reasons: [" + strings.Repeat("ü", 76) + "]}"), "5:30: routes[0].comment.deny_reasons[0]: is longer than 75 characters, which is all that Slack shows"},
		"reasons nobody sees":          {route("comment: {deny: off, deny_reasons: [a]}"), "5:40: routes[0].comment.deny_reasons: are never offered, because comment.deny is off"},
		"a broken expression":          {route("match: {template: '~web('}"), "5:23: routes[0].match.template[0]: is not a regular expression: missing closing ): `web(`"},
		"an expression that escapes":   {route("match: {template: '~a)|(b'}"), "5:23: routes[0].match.template[0]: is not a regular expression: unexpected ): `a)|(b`"},
		"no expression":                {route("match: {template: '!~'}"), "5:23: routes[0].match.template[0]: says ~ and then nothing; a regular expression follows it"},
		"not not":                      {route("match: {template: '!!a'}"), "5:23: routes[0].match.template[0]: says ! twice; once is enough"},
		"a size in words":              {route("match: {key_size: big}"), `5:23: routes[0].match.key_size[0]: "big" is not a size in bits; write 2048, ">=3072" or "<3072"`},
		"a wildcard in words":          {route("match: {wildcard: maybe}"), "5:23: routes[0].match.wildcard: is either true or false"},
		"fields as a list":             {route("match: {fields: [a]}"), "5:21: routes[0].match.fields: is a mapping of names to values, not a list"},
		"a field twice":                {route("match: {fields: {a: x, A: y}}"), "5:28: routes[0].match.fields.A: is given twice, first in line 5; keep one (case does not matter)"},
		"no fields":                    {route("match: {fields: {}}"), "5:21: routes[0].match.fields: is an empty list; remove it, or say what to match"},
		"a field without patterns":     {route("match: {fields: {a: []}}"), "5:25: routes[0].match.fields.a: is an empty list; remove it, or say what to match"},
		"a broken field":               {route("match: {fields: {a: '~['}}"), "5:25: routes[0].match.fields.a[0]: is not a regular expression: missing closing ]: `[`"},
		"mapped to nobody":             {people(`map: {'EXAMPLE\ada': ada}`), `6:24: people.map.EXAMPLE\ada: "ada" is not a person; write "@ada", U012ABCDEF or ada@example.com`},
		"mapped to everybody":          {people(`map: {'EXAMPLE\ada': "@here"}`), `6:24: people.map.EXAMPLE\ada: "@here" is not a person; write "@ada", U012ABCDEF or ada@example.com`},
		"mapped twice":                 {people(`map: {a: "@a", A: "@b"}`), "6:18: people.map.A: is given twice, first in line 6; keep one (case does not matter)"},
		"a template for all":           {people(`templates: ['EXAMPLE\ada']`), `6:15: people.templates[0]: makes the same name for everybody; it looks like 'EXAMPLE\{localpart}'`},
		"a template of something":      {people(`templates: ['EXAMPLE\{user}']`), "6:15: people.templates[0]: holds a placeholder that is not known here; they are {localpart}, {email} and {handle}"},
		"everybody is not in Slack":    {people(`not_in_slack: ["*"]`), "6:18: people.not_in_slack[0]: fits everybody, and then nobody would be kept from approving their own requests"},
		"not not in Slack":             {people(`not_in_slack: ["!a"]`), "6:18: people.not_in_slack[0]: begins with !, which has no meaning here; there are only * and ?"},
		"an address as a domain":       {people(`email_domains: [ada@example.com]`), `6:19: people.email_domains[0]: "ada@example.com" is not a domain; it looks like example.com`},
		"a portal of something":        {minimal + "keyfactor: {portal_url: 'https://kf.example.com/{id}'}\n", "5:25: keyfactor.portal_url: holds a placeholder that is not known here; they are {instance} and {reference}"},
		"a portal somewhere":           {minimal + "keyfactor: {portal_url: 'https://{instance}.example.com'}\n", "5:25: keyfactor.portal_url: is not a web address; it looks like https://command.example.com/KeyfactorPortal"},
		"metadata twice":               {minimal + "keyfactor: {metadata: [a, A]}\n", `5:27: keyfactor.metadata[1]: "A" is listed twice`},
		"an account without a name":    {minimal + "keyfactor: {accounts: [{auth: {username: a, password: b}}]}\n", "5:24: keyfactor.accounts[0].name: is not set; the audit log names the account that carried a decision"},
		"an account without a login":   {minimal + "keyfactor: {accounts: [{name: a}]}\n", "5:24: keyfactor.accounts[0].auth: says no way to log in; set username and password_file, or client_id, client_secret_file and token_url, or access_token_file"},
		"an account without a secret":  {minimal + "keyfactor: {accounts: [{name: a, auth: {username: a}}]}\n", "5:40: keyfactor.accounts[0].auth.password: is not set; give it here or in password_file"},
		"an account twice":             {minimal + `keyfactor: {accounts: [{name: a, auth: {username: 'example\SVC-approvebot', password: b}}]}` + "\n", "5:40: keyfactor.accounts[0].auth: is the same login as an earlier one; Keyfactor counts it once"},
		"an account's name":            {minimal + "keyfactor: {accounts: [{name: a b, auth: {username: a, password: b}}]}\n", `5:31: keyfactor.accounts[0].name: "a b" is not a name; use up to 40 letters, digits, dots, dashes and underscores`},
		"a short key":                  {minimal + "slack: {button_keys: hunter2}\n", "5:22: slack.button_keys[0]: key 1 is shorter than 32 bytes; make one with: openssl rand -hex 32"},
		"no keys":                      {minimal + "slack: {button_keys: []}\n", "5:22: slack.button_keys: is an empty list; remove it, or give a key"},
		"keys in two places":           {minimal + "slack: {button_keys: 01234567890123456789012345678901, button_keys_file: b}\n", "5:74: slack.button_keys_file: is given together with button_keys; keep one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "approvebot.yaml:"+row.want, problems(t, row.text, environment())[0])
		})
	}
}

func TestAQuorumFromElsewhereIsDoubtful(t *testing.T) {
	_, warnings, err := config.Parse("approvebot.yaml", []byte(minimal+"    quorum: {from: [\"@net\"]}\n"), environment())
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Equal(t, "approvebot.yaml:5:21: routes[0].quorum.from[0]: @net is not among the approvers' groups, so only those of its members count who are approvers otherwise", warnings[0].String())
}

func TestFurtherAccounts(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "second"), []byte("hunter2-second\n"), 0o600))
	text := minimal + `keyfactor:
  accounts:
    - {name: second, auth: {username: svc2, domain: EXAMPLE, password_file: second}}
    - {name: third, auth: {token_url: "https://idp.example.com/token", client_id: approvebot3, client_secret: hunter2-third}}
`
	c := mustParseIn(t, dir, text, environment("KEYFACTOR_PASSWORD=first", "KEYFACTOR_AUTH_SCOPES=ignored"))
	require.Equal(t, "first", c.Keyfactor.Auth.Password.Reveal())
	require.Equal(t, config.AuthBasic, c.Keyfactor.Accounts[0].Auth.Type)
	require.Equal(t, `EXAMPLE\svc2`, c.Keyfactor.Accounts[0].Auth.Username)
	require.Equal(t, "hunter2-second", c.Keyfactor.Accounts[0].Auth.Password.Reveal())
	require.Equal(t, config.AuthOAuth, c.Keyfactor.Accounts[1].Auth.Type)
	require.Empty(t, c.Keyfactor.Accounts[1].Auth.Scopes, "the environment speaks of the first")
	require.NotContains(t, c.Redacted(), "hunter2")
}

func mustParseIn(t *testing.T, dir, text string, env func(string) string) *config.Config {
	t.Helper()
	c, _, err := config.Parse(filepath.Join(dir, "approvebot.yaml"), []byte(text), env)
	require.NoError(t, err)
	return c
}

func TestButtonKeys(t *testing.T) {
	one, two := strings.Repeat("1", 32), strings.Repeat("2", 64)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys"), []byte(one+"\n"+two+"\n"), 0o600))
	for name, c := range map[string]*config.Config{
		"list":        mustParse(t, minimal+"slack: {button_keys: ["+one+", "+two+"]}\n", environment()),
		"file":        mustParseIn(t, dir, minimal+"slack: {button_keys_file: keys}\n", environment()),
		"environment": mustParse(t, minimal, environment("APPROVEBOT_BUTTON_KEYS="+one+","+two)),
	} {
		t.Run(name, func(t *testing.T) {
			require.Len(t, c.Slack.ButtonKeys, 2)
			require.Equal(t, one, c.Slack.ButtonKeys[0].Reveal())
			require.Equal(t, two, c.Slack.ButtonKeys[1].Reveal())
			require.NotContains(t, c.Redacted(), one)
		})
	}
	require.Equal(t, []string{"environment: APPROVEBOT_BUTTON_KEYS: key 2 is shorter than 32 bytes; make one with: openssl rand -hex 32"},
		problems(t, minimal, environment("APPROVEBOT_BUTTON_KEYS="+one+",hunter2")))
}

func TestPortal(t *testing.T) {
	for url, want := range map[string][2]string{
		"https://kf.example.com/KeyfactorPortal":                                 {"https://kf.example.com/KeyfactorPortal", ""},
		"https://kf.example.com/KeyfactorPortal/Workflow?id={instance}":          {"https://kf.example.com/KeyfactorPortal", "https://kf.example.com/KeyfactorPortal/Workflow?id={instance}"},
		"https://kf.example.com/KeyfactorPortal/requests/{reference}/{instance}": {"https://kf.example.com/KeyfactorPortal/requests", "https://kf.example.com/KeyfactorPortal/requests/{reference}/{instance}"},
		"https://kf.example.com?id={instance}":                                   {"https://kf.example.com", "https://kf.example.com?id={instance}"},
		"https://kf.example.com/#{instance}":                                     {"https://kf.example.com", "https://kf.example.com/#{instance}"},
	} {
		c := mustParse(t, minimal+"keyfactor: {portal_url: '"+url+"'}\n", environment())
		base, template := c.Keyfactor.Portal()
		require.Equal(t, want, [2]string{base, template}, url)
	}
}

func TestDirectory(t *testing.T) {
	c := mustParse(t, minimal+`people:
  map: {'EXAMPLE\ada': U012ABCDEF, 'x': "@ben"}
  templates: 'EXAMPLE\{localpart}'
  not_in_slack: ['EXAMPLE\svc-*', Timer Service]
  email_domains: example.com
`, environment())
	require.Equal(t, approval.Directory{
		Map: map[string]string{`EXAMPLE\ada`: "U012ABCDEF", "x": "@ben"}, Templates: []string{`EXAMPLE\{localpart}`},
		NotInSlack: []string{`EXAMPLE\svc-*`, "Timer Service"}, Domains: []string{"example.com"},
	}, c.People.Names())
}

// A draft may lack what only running needs; everything else is still a mistake.
func TestDraft(t *testing.T) {
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "approvebot.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	c, _, err := config.Draft(write(minimal), only())
	require.NoError(t, err)
	require.Equal(t, "everything", c.Routes[0].Name)
	require.True(t, c.Slack.BotToken.IsZero())
	_, _, err = config.Load(write(minimal), only())
	require.Error(t, err)
	_, _, err = config.Draft(write("routes: []\nslack: {bot_token: wrong}\n"), only())
	require.ErrorContains(t, err, "there is no route")
	require.ErrorContains(t, err, "is not a bot token")
}

func withoutHints(r approval.Rule) approval.Rule {
	r.Hints = approval.HintRule{}
	return r
}

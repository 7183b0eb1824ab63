package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// Key is what there is to say about one key of the file. From the fields of
// [Config] and these words are made the tables of docs/configuration.md, the JSON
// Schema (deploy/approvebot.schema.json), and "approvebot config keys".
type Key struct {
	// Path is the key as people write about it: routes[].match.kind.
	Path string
	// Meaning is Markdown: what the key says, its unit, and its limits.
	Meaning string
	// Default is Markdown: what holds where nothing is said, as `10s`, or in words;
	// "required" where there is none. Empty means empty.
	Default string
	// Env is Markdown: the variables of the environment that fill the key in.
	Env string
	// Example is a value as it is written in YAML; not needed beside One or a
	// default that is a value.
	Example string
	// One of these texts is meant.
	One []string
	// Pattern is a regular expression that the text, or each text of a list, fits.
	Pattern string
	// Range is the least number, and the greatest where there is one.
	Range []int
	// Required keys stand in the file: neither the environment nor a default fills them in.
	Required bool
	// Restart means that a change counts only after a restart.
	Restart bool
	// Like means that the keys below this one are those below another, which the
	// environment does not fill in here.
	Like string

	kind reflect.Type
}

// Below reports whether the key is path itself or below it. Everything is below
// the empty path; the [] of lists may be left out.
func (k Key) Below(path string) bool {
	whole, path := strings.ReplaceAll(k.Path, "[]", ""), strings.ReplaceAll(path, "[]", "")
	return path == "" || whole == path || strings.HasPrefix(whole, path+".")
}

// String explains the key, for a terminal.
func (k Key) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n    %s\n", k.Path, plain(k.Meaning))
	for _, line := range [][2]string{{"Default:     ", k.Default}, {"Environment: ", k.Env}, {"Example:     ", k.Example}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "    %s%s\n", line[0], plain(line[1]))
		}
	}
	return b.String() + "\n"
}

var link = regexp.MustCompile(`\[([^\]]*)\]\(#?[^)]*\)`)

// plain is Markdown without its marks.
func plain(text string) string {
	return strings.NewReplacer("`", "", "**", "").Replace(link.ReplaceAllString(text, "$1"))
}

// Keys returns a word on every key that holds a value, in the order of the file.
func Keys() []Key {
	var all []Key
	walk(reflect.TypeFor[Config](), "", func(k Key, leaf bool) {
		if leaf {
			all = append(all, k)
		}
	})
	return all
}

// walk visits sections and keys in the order of the file, a section before its keys.
func walk(t reflect.Type, path string, visit func(k Key, leaf bool)) {
	for field := range t.Fields() {
		name := keyOf(field)
		if name == "" {
			continue
		}
		k := word(join(path, name))
		k.kind = field.Type
		section, below := sectionOf(field.Type, k.Path)
		leaf := section == nil || k.Like != ""
		visit(k, leaf)
		if !leaf {
			walk(section, below, visit)
		}
	}
}

// sectionOf returns the struct of which a key holds one or a list, and the path
// of what is in it.
func sectionOf(t reflect.Type, path string) (section reflect.Type, below string) {
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[secret.String]():
		return t.Elem(), path + "[]"
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[secret.String]():
		return t, path
	}
	return nil, ""
}

// word finds what there is to say about a key. Nothing at all is what a test tells of.
func word(path string) Key {
	for _, k := range reference {
		if k.Path == path {
			if k.Restart {
				k.Meaning += " A change needs a restart."
			}
			return k
		}
		if below, ok := strings.CutPrefix(path, k.Path+"."); ok && k.Like != "" {
			like := word(join(k.Like, below))
			like.Path, like.Env = path, ""
			return like
		}
	}
	return Key{Path: path}
}

// Secret reports whether the key holds a secret.
func (k Key) Secret() bool {
	return k.kind == reflect.TypeFor[secret.String]() || k.kind == reflect.TypeFor[[]secret.String]()
}

// person is a user by handle, ID or address.
var person = either(handlePattern.String(), userIDPattern.String(), emailPattern.String())

// group is a user group by handle or ID.
var group = either(handlePattern.String(), groupIDPattern.String())

func either(patterns ...string) string { return strings.Join(patterns, "|") }

// hintLevels are what a rule of hints may say, and levels names them.
var hintLevels = []string{HintOff, HintNote, HintWarn, HintStepUp}

const levels = " `off`, `note`, `warn` or `step-up`."

// reference has a word on every key, in any order; sections and mappings have
// theirs as well. A test tells of what is missing.
var reference = []Key{
	{
		Path:    "keyfactor",
		Meaning: "Where Keyfactor Command is, and who we are there.",
	},
	{
		Path: "keyfactor.url", Restart: true, Default: "required", Env: "`KEYFACTOR_URL`; or `KEYFACTOR_HOSTNAME`, `KEYFACTOR_PORT`, `KEYFACTOR_API_PATH`", Example: "https://command.example.com/KeyfactorAPI",
		Meaning: "The base of the API: `https://command.example.com/KeyfactorAPI`. The second way builds it from a host, a port (443) and a path (`KeyfactorAPI`), as Keyfactor's own tools do. http is possible, with a warning unless it stays on this machine.",
	},
	{
		Path: "keyfactor.portal_url", Default: "`/KeyfactorPortal` on the same host", Example: "https://command.example.com/KeyfactorPortal",
		Meaning: "Where the link on a card leads. `{instance}` (the workflow instance's GUID) and `{reference}` (the number people know a request by) are replaced, so that your portal's address of one request can be given: `https://command.example.com/KeyfactorPortal/Workflow?id={instance}`. Everything else that leads to the portal then uses the part before the first placeholder.",
	},
	{
		Path:    "keyfactor.auth",
		Meaning: "One of three ways to log in: a user name and password, an OAuth client, or a token.",
	},
	{
		Path: "keyfactor.auth.type", Default: "follows from the keys", One: []string{AuthBasic, AuthOAuth, AuthToken},
		Meaning: "`basic`, `oauth` or `token`. Only needed to choose when the environment holds several; then a token comes before an OAuth client, and that before a password.",
	},
	{
		Path: "keyfactor.auth.username", Env: "`KEYFACTOR_USERNAME`", Example: "'EXAMPLE\\svc-approvebot'",
		Meaning: "basic: `EXAMPLE\\svc-approvebot` or `svc@example.com`.",
	},
	{
		Path: "keyfactor.auth.domain", Env: "`KEYFACTOR_DOMAIN`", Example: "EXAMPLE",
		Meaning: "basic: put before a user name that has none.",
	},
	{
		Path: "keyfactor.auth.password", Env: "`KEYFACTOR_PASSWORD`", Example: "in plain text",
		Meaning: "basic. A secret.",
	},
	{
		Path: "keyfactor.auth.password_file", Example: "${CREDENTIALS_DIRECTORY}/keyfactor-password",
		Meaning: "The file that holds it.",
	},
	{
		Path: "keyfactor.auth.token_url", Env: "`KEYFACTOR_AUTH_TOKEN_URL`", Example: "https://idp.example.com/token",
		Meaning: "oauth: the identity provider's token endpoint.",
	},
	{
		Path: "keyfactor.auth.client_id", Env: "`KEYFACTOR_AUTH_CLIENT_ID`", Example: "approvebot",
		Meaning: "oauth.",
	},
	{
		Path: "keyfactor.auth.client_secret", Env: "`KEYFACTOR_AUTH_CLIENT_SECRET`", Example: "in plain text",
		Meaning: "oauth. A secret.",
	},
	{
		Path: "keyfactor.auth.client_secret_file", Example: "${CREDENTIALS_DIRECTORY}/client-secret",
		Meaning: "The file that holds it.",
	},
	{
		Path: "keyfactor.auth.scopes", Default: "none", Env: "`KEYFACTOR_AUTH_SCOPES`, with commas", Example: "[openid]",
		Meaning: "oauth: a list.",
	},
	{
		Path: "keyfactor.auth.audience", Default: "none", Env: "`KEYFACTOR_AUTH_AUDIENCE`", Example: "command",
		Meaning: "oauth.",
	},
	{
		Path: "keyfactor.auth.access_token", Env: "`KEYFACTOR_AUTH_ACCESS_TOKEN`", Example: "in plain text",
		Meaning: "token: a bearer token made elsewhere; approvebot cannot renew it. A secret.",
	},
	{
		Path: "keyfactor.auth.access_token_file", Example: "${CREDENTIALS_DIRECTORY}/access-token",
		Meaning: "The file that holds it.",
	},
	{
		Path:    "keyfactor.accounts",
		Meaning: "Further logins, for steps that Keyfactor itself wants approved by several people.",
	},
	{
		Path: "keyfactor.accounts[].name", Example: "second", Pattern: accountPattern.String(), Required: true,
		Meaning: "Further logins, see below: a short name for logs and audit. It should not change.",
	},
	{
		Path: "keyfactor.accounts[].auth", Example: "{username: 'EXAMPLE\\svc-approvebot2', password_file: second-password}", Required: true, Like: "keyfactor.auth",
		Meaning: "The same keys as `keyfactor.auth`. The environment is not asked; secrets stand here or in files.",
	},
	{
		Path: "keyfactor.metadata", Default: "none", Example: "[AppOwner, CostCentre]",
		Meaning: "Metadata fields by name that approvers see on cards, in this order. Fields that are not named here are never shown.",
	},
	{
		Path: "keyfactor.ca_file", Default: "the system's authorities", Env: "`KEYFACTOR_CA_CERT`: PEM text or a path", Example: "example-ca.pem",
		Meaning: "A PEM file of authorities to trust beside the system's.",
	},
	{
		Path: "keyfactor.skip_verify", Default: "`false`", Env: "`KEYFACTOR_SKIP_VERIFY`: `true` or `1`",
		Meaning: "Do not verify TLS certificates. For a laboratory; warned about.",
	},
	{
		Path: "keyfactor.timeout", Restart: true, Default: "`10s`", Env: "`KEYFACTOR_CLIENT_TIMEOUT`, seconds",
		Meaning: "How long one call may take; 1s to 5m.",
	},
	{
		Path: "keyfactor.approved_as", Default: "`string`", One: []string{"string", "boolean"},
		Meaning: "How a signal spells yes and no: `string` (`\"True\"`) or `boolean`.",
	},
	{
		Path:    "slack",
		Meaning: "Which Slack app we are, and how its clicks reach us.",
	},
	{
		Path: "slack.transport", Restart: true, Default: "`socket` with an app token, else `http` with a signing secret", One: []string{TransportSocket, TransportHTTP},
		Meaning: "How clicks arrive. `socket` opens a connection to Slack; `http` waits for signed requests at `http.listen`, below `/slack/`.",
	},
	{
		Path: "slack.bot_token", Restart: true, Default: "required", Env: "`SLACK_BOT_TOKEN`", Example: "xoxb-in-plain-text",
		Meaning: "`xoxb-…`, from OAuth & Permissions. A secret.",
	},
	{
		Path: "slack.bot_token_file", Restart: true, Example: "${CREDENTIALS_DIRECTORY}/slack-bot-token",
		Meaning: "The file that holds it.",
	},
	{
		Path: "slack.app_token", Restart: true, Default: "required for socket", Env: "`SLACK_APP_TOKEN`", Example: "xapp-in-plain-text",
		Meaning: "`xapp-…` with the scope `connections:write`, from Basic Information, App-Level Tokens. A secret.",
	},
	{
		Path: "slack.app_token_file", Restart: true, Example: "${CREDENTIALS_DIRECTORY}/slack-app-token",
		Meaning: "The file that holds it.",
	},
	{
		Path: "slack.signing_secret", Default: "required for http", Env: "`SLACK_SIGNING_SECRET`", Example: "in plain text",
		Meaning: "From Basic Information. Two with a comma between them while one is being replaced. A secret.",
	},
	{
		Path: "slack.signing_secret_file", Example: "${CREDENTIALS_DIRECTORY}/slack-signing-secret",
		Meaning: "The file that holds it.",
	},
	{
		Path: "slack.button_keys", Default: "made at the first start and kept in the store", Env: "`APPROVEBOT_BUTTON_KEYS`, with commas", Example: "[at-least-32-bytes-in-plain-text-0]",
		Meaning: "Secrets that sign the buttons on cards, each at least 32 bytes (`openssl rand -hex 32`). The first signs, all verify: to replace a key put the new one in front, and remove the old one when no card with its buttons is open any more.",
	},
	{
		Path: "slack.button_keys_file", Example: "${CREDENTIALS_DIRECTORY}/button-keys",
		Meaning: "The file that holds them, one a line.",
	},
	{
		Path: "slack.allow_shared_channels", Default: "`false`",
		Meaning: "Whether cards may be shown in channels that are shared with other organisations (Slack Connect). People of other organisations may not decide in any case, but they could read.",
	},
	{
		Path: "slack.channel_posts_per_minute", Default: "`60`", Range: []int{1},
		Meaning: "How many new messages, cards and replies, one channel gets at most. Slack allows about one a second.",
	},
	{
		Path: "slack.posts_per_minute", Default: "`600`", Range: []int{1},
		Meaning: "The same for all channels together. Slack says \"several hundred\"; lower it if the log tells that Slack asks to wait.",
	},
	{
		Path: "slack.api_url", Restart: true, Default: "`https://slack.com/api/`", Env: "`SLACK_API_URL`",
		Meaning: "For proxies and simulators. A slash at the end is added.",
	},
	{
		Path:    "poll",
		Meaning: "When Keyfactor is asked, and for what.",
	},
	{
		Path: "poll.schedule", Default: "`\"@every 30s\"`",
		Meaning: "When Keyfactor is asked: `@every 1m`, `@hourly`, five fields of cron (`*/5 * * * *`), or six with seconds first (`0 */5 8-18 * * MON-FRI`). `TZ=Europe/Berlin` in front sets the zone.",
	},
	{
		Path: "poll.sources", Default: "`[workflow, certificate]`", One: []string{string(approval.Workflow), string(approval.Certificate)},
		Meaning: "`workflow`: instances suspended at a step that waits for us. `certificate`: requests pending at the CA.",
	},
	{
		Path:    "store",
		Meaning: "Where we remember things.",
	},
	{ //nolint:gosec // an example of an address
		Path: "store.url", Restart: true, Default: "`approvebot.db` in systemd's `STATE_DIRECTORY`, else in `/var/lib/approvebot` if that can be written to, else in the working directory", Env: "`APPROVEBOT_STORE_URL`", Example: "sqlite:///var/lib/approvebot/approvebot.db",
		Meaning: "`sqlite:///var/lib/approvebot/approvebot.db`, `sqlite:approvebot.db` (relative to the working directory), or `postgres://user:password@db.example.com/approvebot`. A secret, because of the password.",
	},
	{
		Path: "store.url_file", Restart: true, Example: "${CREDENTIALS_DIRECTORY}/store-url",
		Meaning: "The file that holds it.",
	},
	{
		Path: "store.keep", Default: "`8760h`",
		Meaning: "How long requests are remembered after they were settled, with their votes, decisions, cards and replies; at least `24h`, or `0` for ever. The audit log is kept in any case; see [data.md](data.md).",
	},
	{
		Path:    "http",
		Meaning: "Our own listener.",
	},
	{
		Path: "http.listen", Restart: true, Default: "`127.0.0.1:8080`",
		Meaning: "Health, metrics, and Slack's requests when its transport is `http`. `:8080` is every interface.",
	},
	{
		Path:    "admins",
		Meaning: "People who are told when something needs an operator.",
	},
	{
		Path: "admins.users", Default: "nobody", Example: "[\"@ada\", ben@example.com]", Pattern: person,
		Meaning: "`\"@ada\"`, `U012ABCDEF` or `ada@example.com`.",
	},
	{
		Path: "admins.groups", Default: "none", Example: "[\"@pki-admins\"]", Pattern: group,
		Meaning: "Slack user groups: `\"@pki-admins\"` or `S012ABCDEF`.",
	},
	{
		Path:    "people",
		Meaning: "How the names by which Keyfactor knows requesters belong to people in Slack.",
	},
	{
		Path: "people.map", Default: "nobody", Example: "{'EXAMPLE\\adm-ada': U012ABCDEF}", Pattern: person,
		Meaning: "Single names: `'EXAMPLE\\adm-ada': ada@example.com`, to `\"@ada\"`, `U012ABCDEF` or an address. Case does not matter. What it says is final. An ID is best: handles and addresses can be changed by their owners.",
	},
	{
		Path: "people.templates", Default: "see below", Example: "['EXAMPLE\\{localpart}']",
		Meaning: "How Keyfactor's name of a person is made of `{localpart}` (their e-mail address before the @), `{email}` (the whole address) or `{handle}` (in Slack): `'EXAMPLE\\{localpart}'`.",
	},
	{
		Path: "people.not_in_slack", Default: "none", Example: "['EXAMPLE\\svc-*', Timer Service]",
		Meaning: "Patterns with `*` and `?` of names that belong to nobody in Slack: `'EXAMPLE\\svc-*'`, `Timer Service`. Their requests are nobody's own.",
	},
	{
		Path: "people.email_domains", Default: "that of whoever presses", Example: "[example.com]", Pattern: domainPattern.String(),
		Meaning: "Domains of our e-mail addresses. Slack is asked for the requester at each of them.",
	},
	{
		Path:    "hints",
		Meaning: "What is pointed out about a request, for all routes that do not say otherwise.",
	},
	{
		Path: "hints.ca-bit", Default: "`step-up`", One: hintLevels,
		Meaning: "The CSR asks for a certificate that can issue others." + levels,
	},
	{
		Path: "hints.csr-differs", Default: "`warn`", One: hintLevels,
		Meaning: "What Keyfactor says differs from what the CSR says: subject, names, or a signature that proves nothing." + levels,
	},
	{
		Path: "hints.lookalike", Default: "`step-up`", One: hintLevels,
		Meaning: "A domain that reads like one of `hints.domains`, or like one that was approved here before." + levels,
	},
	{
		Path: "hints.mixed-script", Default: "`step-up`", One: hintLevels,
		Meaning: "A name with letters of several scripts in one word, such as Latin and Cyrillic." + levels,
	},
	{
		Path: "hints.foreign-domain", Default: "`warn`", One: hintLevels,
		Meaning: "A name outside `hints.domains`. Silent where there are none." + levels,
	},
	{
		Path: "hints.internal-name", Default: "`warn`", One: hintLevels,
		Meaning: "A name that nobody outside can resolve, on one of `hints.public_cas`." + levels,
	},
	{
		Path: "hints.private-ip", Default: "`warn`", One: hintLevels,
		Meaning: "An address that is not public, on one of `hints.public_cas`." + levels,
	},
	{
		Path: "hints.revokes-used", Default: "`warn`", One: hintLevels,
		Meaning: "The certificate to be revoked is in use where Keyfactor looks." + levels,
	},
	{
		Path: "hints.not-owner", Default: "`note`", One: hintLevels,
		Meaning: "Whoever asks is not who got the certificate." + levels,
	},
	{
		Path: "hints.weak-key", Default: "`warn`", One: hintLevels,
		Meaning: "RSA below 2048 bits, an elliptic curve below 256, DSA." + levels,
	},
	{
		Path: "hints.key-reused", Default: "`warn`", One: hintLevels,
		Meaning: "The key of another request that was seen here." + levels,
	},
	{
		Path: "hints.wildcard", Default: "`warn`", One: hintLevels,
		Meaning: "A name with a `*`." + levels,
	},
	{
		Path: "hints.cn-not-in-sans", Default: "`warn`", One: hintLevels,
		Meaning: "The common name is a host and not among the alternative names, where clients look." + levels,
	},
	{
		Path: "hints.long-validity", Default: "`warn`", One: hintLevels,
		Meaning: "Valid for longer than `hints.longest_validity_days`, where Keyfactor tells." + levels,
	},
	{
		Path: "hints.many-names", Default: "`note`", One: hintLevels,
		Meaning: "More names than `hints.most_names`." + levels,
	},
	{
		Path: "hints.odd-key", Default: "`note`", One: hintLevels,
		Meaning: "A key of an unusual size, exponent, curve or kind." + levels,
	},
	{
		Path: "hints.weak-signature", Default: "`note`", One: hintLevels,
		Meaning: "The CSR is signed with MD5 or SHA-1." + levels,
	},
	{
		Path: "hints.punycode", Default: "`note`", One: hintLevels,
		Meaning: "A name that is written otherwise than it is read: `xn--…`." + levels,
	},
	{
		Path: "hints.new-domain", Default: "`note`", One: hintLevels,
		Meaning: "A domain that was never approved here before, outside `hints.domains`." + levels,
	},
	{
		Path: "hints.unusual-domain", Default: "`note`", One: hintLevels,
		Meaning: "A domain that was approved here, but never for this requester, who has others." + levels,
	},
	{
		Path: "hints.domains", Default: "none", Example: "[example.com, example.de]",
		Meaning: "Your domains. Each stands for itself and every name below it.",
	},
	{
		Path: "hints.public_cas", Default: "the usual ones by name, such as `*DigiCert*`", Example: "['*DigiCert*', 'ca-public\\\\*']",
		Meaning: "Patterns of the CAs whose certificates the world trusts. `[]` is none.",
	},
	{
		Path: "hints.most_names", Default: "`50`", Example: "50", Range: []int{1},
		Meaning: "How many alternative names are usual.",
	},
	{
		Path: "hints.longest_validity_days", Default: "`398`", Example: "398", Range: []int{1},
		Meaning: "How many days a certificate may be valid.",
	},
	{
		Path: "routes", Required: true,
		Meaning: "Which requests go to which channels, and who may decide them. The first route that matches takes a request.",
	},
	{
		Path: "routes[].name", Default: "required", Example: "production web servers", Required: true,
		Meaning: "For logs and cards. Each its own.",
	},
	{
		Path:    "routes[].match",
		Meaning: "Which requests the route takes: every key that is given must hold. Without it the route takes every request.",
	},
	{
		Path: "routes[].match.kind", Default: "any", Example: "workflow",
		Meaning: "`workflow` or `certificate`.",
	},
	{
		Path: "routes[].match.type", Default: "any", Example: "Enrollment",
		Meaning: "The workflow's type: `Enrollment`, `Renewal`, `Revocation`, …",
	},
	{
		Path: "routes[].match.definition", Default: "any", Example: "\"Web*\"",
		Meaning: "Name of the workflow definition.",
	},
	{
		Path: "routes[].match.step", Default: "any", Example: "\"!Security review\"",
		Meaning: "The waiting step, by its display name or its unique name.",
	},
	{
		Path: "routes[].match.template", Default: "any", Example: "[WebServer, WebServerEC]",
		Meaning: "Certificate template.",
	},
	{
		Path: "routes[].match.ca", Default: "any", Example: "\"Issuing CA 1\"",
		Meaning: "Certificate authority.",
	},
	{
		Path: "routes[].match.subject", Default: "any", Example: "\"*.prod.example.com\"",
		Meaning: "The common name; or, for a pattern with `=`, one part of the distinguished name: `\"OU=Web*\"`.",
	},
	{
		Path: "routes[].match.san", Default: "any", Example: "\"*.prod.example.com\"",
		Meaning: "Subject alternative names: **every** one must fit, so that no foreign name slips in beside a harmless one.",
	},
	{
		Path: "routes[].match.requester", Default: "any", Example: "'EXAMPLE\\svc-*'",
		Meaning: "Who asked: `'EXAMPLE\\svc-*'`.",
	},
	{
		Path: "routes[].match.key_type", Default: "any", Example: "RSA",
		Meaning: "The key's algorithm (`RSA`, `ECDSA`, `Ed25519`) or curve (`P-256`).",
	},
	{
		Path: "routes[].match.key_size", Default: "any", Example: "\">=4096\"",
		Meaning: "The key's size in bits: `2048`, `\"<3072\"`, `\"<=\"`, `\">\"`, `\">=4096\"`; `[\"!<2048\", \"!>4096\"]` is everything between. An elliptic curve's 256 bits are few: say `key_type` as well.",
	},
	{
		Path: "routes[].match.wildcard", Default: "any", Example: "true",
		Meaning: "`true`: the common name or an alternative name holds a `*`. `false`: none does, and there is a name.",
	},
	{
		Path: "routes[].match.fields", Default: "any", Example: "{AppOwner: \"team-*\"}",
		Meaning: "Values of the request by name, such as metadata: `{AppOwner: \"team-*\"}`. The case of names does not matter.",
	},
	{
		Path: "routes[].channels", Default: "required", Example: "[\"#pki-approvals\"]", Pattern: channelPattern.String(),
		Meaning: "`\"#pki-approvals\"` or `C012ABCDEF`. Invite the bot to each. IDs survive a renaming.",
	},
	{
		Path: "routes[].approvers", Required: true,
		Meaning: "Who may decide. Users or groups must name somebody.",
	},
	{
		Path: "routes[].approvers.users", Example: "[\"@ada\", ben@example.com]", Pattern: person,
		Meaning: "Who may decide: `\"@ada\"`, `U012ABCDEF` or `ada@example.com`.",
	},
	{
		Path: "routes[].approvers.groups", Example: "[\"@pki-approvers\"]", Pattern: group,
		Meaning: "Slack user groups: `\"@pki-approvers\"` or `S012ABCDEF`. Users or groups must name somebody.",
	},
	{
		Path: "routes[].direct_messages", Default: "`none`", One: []string{DirectMessagesNone, DirectMessagesAlso, DirectMessagesOnly},
		Meaning: "`also`: the approvers get cards of their own as well. `only`: instead of channels, which then must be left out.",
	},
	{
		Path:    "routes[].quorum",
		Meaning: "How many different people have to approve.",
	},
	{
		Path: "routes[].quorum.count", Default: "`1`, or one for each of `quorum.from`", Example: "2", Range: []int{1, maxQuorum},
		Meaning: "How many different people have to approve before Keyfactor hears of it, up to 10. `quorum: 2` is short for it.",
	},
	{
		Path: "routes[].quorum.from", Default: "none", Example: "[\"@network\", \"@pki-approvers\"]", Pattern: group,
		Meaning: "Groups of which each must be represented, by different people: `{count: 3, from: [\"@network\", \"@pki\"]}`. Name them under `approvers.groups` as well.",
	},
	{
		Path: "routes[].denial", Default: "`ends`", One: []string{DenialEnds, DenialCounts},
		Meaning: "`ends`: one denial ends it. `counts`: it takes as many denials as `quorum.count`.",
	},
	{
		Path: "routes[].self_approval", Default: "`deny`", One: []string{SelfApprovalDeny, SelfApprovalAllow},
		Meaning: "Whether the person who asked may decide: `deny` or `allow`. With `deny` they may not deny either.",
	},
	{
		Path: "routes[].unresolved_requester", Default: "`deny`", One: []string{UnresolvedDeny, UnresolvedSecond, UnresolvedAllow},
		Meaning: "When nobody can tell who asked, see [people](#people): `deny` lets nobody approve, `second_person` asks for one person more than the quorum, `allow` goes on as if it were somebody else. A denial is possible in any case.",
	},
	{
		Path:    "routes[].comment",
		Meaning: "Whether a verdict comes with a comment.",
	},
	{
		Path: "routes[].comment.approve", Default: "`optional`", One: []string{CommentRequired, CommentOptional, CommentOff},
		Meaning: "A comment with an approval: `required`, `optional` or `off`.",
	},
	{
		Path: "routes[].comment.deny", Default: "`required`", One: []string{CommentRequired, CommentOptional, CommentOff},
		Meaning: "A comment with a denial: `required`, `optional` or `off`.",
	},
	{
		Path: "routes[].comment.min_length", Default: "`0`", Example: "10", Range: []int{0, maxMinLength},
		Meaning: "The least number of characters of a comment, up to 200.",
	},
	{
		Path: "routes[].comment.deny_reasons", Default: "none", Example: "[Wrong template, Key too small]",
		Meaning: "Reasons offered for choice with a denial, up to 75 characters each.",
	},
	{
		Path: "routes[].confirm", Default: "`none`", One: []string{ConfirmNone, ConfirmCommonName},
		Meaning: "`type-common-name`: whoever approves has to type the common name.",
	},
	{
		Path: "routes[].chat", Default: "`decide`", One: []string{ChatDecide, ChatShowOnly},
		Meaning: "`show-only`: cards have no buttons and lead to Keyfactor, for what should never be decided in a chat.",
	},
	{
		Path: "routes[].expires_after", Default: "never", Example: "72h",
		Meaning: "How long after it was first seen a request can be decided from Slack: `72h`. It goes on waiting in Keyfactor. Every hour counts, by night as well.",
	},
	{
		Path: "routes[].claim_for", Default: "`30m0s`", Example: "1h",
		Meaning: "How long *I'm looking at it* in a card's menu holds, which tells the others who does. It keeps nobody from deciding. `0s` leaves it out.",
	},
	{
		Path:    "routes[].reminders",
		Meaning: "What happens while nobody decides, in the order of time. See [reminders](#reminders).",
	},
	{
		Path: "routes[].reminders[].after", Default: "required", Example: "4h",
		Meaning: "The approvers are reminded in the card's thread when the request has waited that long: `4h`. Only the hours of `hours` count. See [reminders](#reminders).",
	},
	{
		Path: "routes[].reminders[].channel", Example: "\"#pki-escalation\"", Pattern: channelPattern.String(),
		Meaning: "The request is shown in this channel as well from then on.",
	},
	{
		Path: "routes[].reminders[].user", Example: "\"@ada\"", Pattern: person,
		Meaning: "The request is shown to this person as well, as a direct message: `\"@ada\"`, `U012ABCDEF` or `ada@example.com`.",
	},
	{
		Path:    "routes[].hours",
		Meaning: "When reminders go out, and which hours count for them. See [reminders](#reminders).",
	},
	{
		Path: "routes[].hours.days", Default: "every day", Example: "[mon-fri]",
		Meaning: "Days of the week on which people look at requests: `[mon-fri]`, `[mon, wed]`.",
	},
	{
		Path: "routes[].hours.from", Default: "`\"00:00\"`", Example: "\"08:00\"",
		Meaning: "When the day begins.",
	},
	{
		Path: "routes[].hours.to", Default: "`\"24:00\"`", Example: "\"18:00\"",
		Meaning: "When it ends.",
	},
	{
		Path: "routes[].hours.time_zone", Default: "`UTC`", Example: "Europe/Berlin",
		Meaning: "Whose clock that is.",
	},
	{
		Path: "routes[].hours.holidays", Default: "none", Example: "[2026-12-25]",
		Meaning: "Days off.",
	},
	{
		Path: "routes[].hints", Default: "as under `hints`", Example: "{wildcard: off, new-domain: warn, domains: [example.com]}", Like: "hints",
		Meaning: "Where the route differs from what is said under [hints](#hints); the same keys.",
	},
	{
		Path: "routes[].delegation", Default: "`deny`", One: []string{DelegationDeny, DelegationAllow},
		Meaning: "Whether an approver who is away can be represented: `deny` or `allow`. See [away](#away).",
	},
	{
		Path: "routes[].notify_requester", Default: "`false`", Example: "true",
		Meaning: "Whoever asked gets a direct message when the request has arrived, and one with the end of it and the reason of a denial. Only where it is certain who that is in Slack, see [people](#people).",
	},
	{
		Path:    "log",
		Meaning: "How much is logged, and how.",
	},
	{
		Path: "log.level", Default: "`info`", One: []string{"debug", "info", "warn", "error"},
		Meaning: "`debug`, `info`, `warn` or `error`; `--log-level` overrides it.",
	},
	{
		Path: "log.format", Restart: true, Default: "`auto`", One: []string{"auto", "json", "console"},
		Meaning: "`console`, `json`, or `auto`: console on a terminal, JSON otherwise; `--log-format` overrides it.",
	},
}

package config

import (
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// The limits of one call to Keyfactor. Below, no answer would ever be in time;
// above, a person waits for a click that has long been forgotten.
const (
	minTimeout = time.Second
	maxTimeout = 5 * time.Minute
)

// minKeep lets people read in the morning what was decided yesterday.
const minKeep = 24 * time.Hour

// minButtonKey is what an HMAC with SHA-256 wants.
const minButtonKey = 32

// check looks at the completed configuration and records what is wrong or doubtful.
func (l *loader) check(c *Config) {
	l.checkKeyfactor(&c.Keyfactor)
	l.checkSlack(&c.Slack)
	l.checkPoll(&c.Poll)
	l.checkStore(&c.Store)
	l.checkListen(c.HTTP.Listen)
	l.checkPeople("admins", c.Admins)
	l.checkDirectory(c.People)
	l.checkHints("hints", c.Hints)
	l.checkFollowed(c)
	l.checkRoutes(c.Routes)
	l.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Log.Format, "auto", "json", "console")
}

func (l *loader) checkKeyfactor(k *Keyfactor) {
	if k.URL == "" {
		l.missing("keyfactor.url", "is not set; give the base of the API, such as https://command.example.com/KeyfactorAPI, here, in KEYFACTOR_URL or in KEYFACTOR_HOSTNAME")
	} else if u := l.checkURL("keyfactor.url", k.URL); u != nil && u.Path == "" {
		l.warn("keyfactor.url", "has no path; Keyfactor's API is usually found at %s/KeyfactorAPI", k.URL)
	}
	if k.PortalURL != "" && l.given("keyfactor.portal_url") {
		l.checkPortal(k.PortalURL)
	}
	l.checkAuth("keyfactor.auth", &k.Auth)
	l.checkAccounts(k)
	l.checkTexts("keyfactor.metadata", k.Metadata)
	if k.Timeout < minTimeout || k.Timeout > maxTimeout {
		l.fail("keyfactor.timeout", "must be between %v and %v", minTimeout, maxTimeout)
	}
	l.oneOf("keyfactor.approved_as", k.ApprovedAs, "string", "boolean")
	if k.SkipVerify {
		l.warn("keyfactor.skip_verify", "TLS certificates are not verified: anybody on the way can read the password and approve requests; trust the right authority with ca_file instead")
	}
}

func (l *loader) checkPortal(text string) {
	const path = "keyfactor.portal_url"
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(u.Host, "{}") {
		l.fail(path, "is not a web address; it looks like https://command.example.com/KeyfactorPortal")
		return
	}
	if rest := strings.NewReplacer("{instance}", "", "{reference}", "").Replace(text); strings.ContainsAny(rest, "{}") {
		l.fail(path, "holds a placeholder that is not known here; they are {instance} and {reference}")
	}
}

// checkAccounts wants every further account to be somebody else: Keyfactor
// counts one vote for each.
func (l *loader) checkAccounts(k *Keyfactor) {
	names, logins := []string{}, []string{k.Auth.login()}
	for i := range k.Accounts {
		a, at := &k.Accounts[i], item("keyfactor.accounts", i)
		switch {
		case a.Name == "":
			l.fail(at+".name", "is not set; the audit log names the account that carried a decision")
		case !accountPattern.MatchString(a.Name):
			l.fail(at+".name", "%q is not a name; use up to 40 letters, digits, dots, dashes and underscores", a.Name)
		case slices.Contains(names, a.Name):
			l.fail(at+".name", "%q is the name of an earlier account; give each its own", a.Name)
		}
		names = append(names, a.Name)
		l.checkAuth(at+".auth", &a.Auth)
		if login := a.Auth.login(); login != "" && slices.Contains(logins, login) {
			l.fail(at+".auth", "is the same login as an earlier one; Keyfactor counts it once")
		} else {
			logins = append(logins, login)
		}
	}
}

// login tells accounts apart, as far as that can be seen from here.
func (a *Auth) login() string {
	switch {
	case a.Type == AuthBasic && a.Username != "":
		return AuthBasic + " " + strings.ToLower(a.Username)
	case a.Type == AuthOAuth && a.ClientID != "":
		return AuthOAuth + " " + a.TokenURL + " " + a.ClientID
	case a.Type == AuthToken && !a.AccessToken.IsZero():
		return AuthToken + " " + a.AccessToken.Reveal()
	}
	return ""
}

func (l *loader) checkAuth(at string, a *Auth) {
	main := at == "keyfactor.auth"
	env := func(variable string) string {
		if main {
			return variable
		}
		return "" // it speaks of the first account
	}
	named := a.named()
	switch {
	case a.Type == "" && len(named) > 1:
		l.fail(at, "says more than one way to log in (%s); keep one", strings.Join(named, ", "))
		return
	case a.Type == "" && !main:
		l.fail(at, "says no way to log in; set username and password_file, or client_id, client_secret_file and token_url, or access_token_file")
		return
	case a.Type == "":
		l.missing(at, "says no way to log in; set username and password, or client_id, client_secret and token_url, or access_token, here or in the environment (KEYFACTOR_USERNAME and KEYFACTOR_PASSWORD, …)")
		return
	case a.Type == "kerberos":
		l.fail(at+".type", "approvebot does not speak Kerberos; use basic, oauth or token")
		return
	}
	if !l.oneOf(at+".type", a.Type, AuthBasic, AuthOAuth, AuthToken) {
		return
	}
	for _, other := range named {
		if other != a.Type {
			l.fail(at, "the type is %s, but there are keys of %s as well; remove them", a.Type, other)
		}
	}
	switch a.Type {
	case AuthBasic:
		l.required(at+".username", a.Username != "", env("KEYFACTOR_USERNAME"))
		l.requiredSecret(at+".password", a.Password, a.PasswordFile, env("KEYFACTOR_PASSWORD"))
		if user := a.Username[strings.IndexByte(a.Username, '\\')+1:]; strings.Contains(a.Username, ":") {
			l.fail(at+".username", "a user name cannot contain a colon")
		} else if a.Username != "" && user == "" {
			l.fail(at+".username", `has a domain but no name; it looks like 'EXAMPLE\svc-approvebot'`)
		}
	case AuthOAuth:
		l.required(at+".client_id", a.ClientID != "", env("KEYFACTOR_AUTH_CLIENT_ID"))
		l.requiredSecret(at+".client_secret", a.ClientSecret, a.ClientSecretFile, env("KEYFACTOR_AUTH_CLIENT_SECRET"))
		if l.required(at+".token_url", a.TokenURL != "", env("KEYFACTOR_AUTH_TOKEN_URL")) {
			l.checkURL(at+".token_url", a.TokenURL)
		}
	case AuthToken:
		l.requiredSecret(at+".access_token", a.AccessToken, a.AccessTokenFile, env("KEYFACTOR_AUTH_ACCESS_TOKEN"))
	}
}

func (l *loader) checkSlack(s *Slack) {
	l.requiredSecret("slack.bot_token", s.BotToken, s.BotTokenFile, "SLACK_BOT_TOKEN")
	l.prefix("slack.bot_token", s.BotToken, "xoxb-", "a bot token", "OAuth & Permissions")
	l.prefix("slack.app_token", s.AppToken, "xapp-", "an app-level token", "Basic Information, App-Level Tokens")
	switch s.Transport {
	case "":
		// A file that could not be read has been reported, and may be what is missing.
		if s.AppTokenFile == "" && s.SigningSecretFile == "" {
			l.missing("slack.transport", "cannot be told: set app_token (or SLACK_APP_TOKEN) for Socket Mode, or signing_secret (or SLACK_SIGNING_SECRET) for HTTP")
		}
	case TransportSocket:
		l.requiredSecret("slack.app_token", s.AppToken, s.AppTokenFile, "SLACK_APP_TOKEN")
	case TransportHTTP:
		l.requiredSecret("slack.signing_secret", s.SigningSecret, s.SigningSecretFile, "SLACK_SIGNING_SECRET")
	default:
		l.oneOf("slack.transport", s.Transport, TransportSocket, TransportHTTP)
	}
	if n := len(s.SigningSecrets()); n > 2 {
		l.fail("slack.signing_secret", "holds %d secrets; give one, or two with a comma between them while one is being replaced", n)
	} else if n == 0 && !s.SigningSecret.IsZero() {
		l.fail("slack.signing_secret", "holds nothing but commas")
	}
	for i, key := range s.ButtonKeys {
		at := "slack.button_keys"
		if l.given(item(at, i)) {
			at = item(at, i)
		}
		if len(key.Reveal()) < minButtonKey {
			l.fail(at, "key %d is shorter than %d bytes; make one with: openssl rand -hex 32", i+1, minButtonKey)
		} else if slices.ContainsFunc(s.ButtonKeys[:i], key.Equal) {
			l.fail(at, "key %d is listed twice", i+1)
		}
	}
	if len(s.ButtonKeys) == 0 && l.given("slack.button_keys") {
		l.fail("slack.button_keys", "is an empty list; remove it, or give a key")
	}
	for path, n := range map[string]int{"slack.channel_posts_per_minute": s.ChannelPostsPerMinute, "slack.posts_per_minute": s.PostsPerMinute} {
		if n < 1 {
			l.fail(path, "is %d; at least one message a minute must go out", n)
		}
	}
	l.checkURL("slack.api_url", s.APIURL)
}

func (l *loader) checkPoll(p *Poll) {
	if _, err := ParseSchedule(p.Schedule); err != nil {
		l.fail("poll.schedule", "is not a schedule: %v; write \"@every 30s\", or five fields of cron, or six with seconds first", err)
	}
	if len(p.Sources) == 0 {
		l.fail("poll.sources", "is empty; name %s, %s, or both", approval.Workflow, approval.Certificate)
	}
	for i, kind := range p.Sources {
		path := item("poll.sources", i)
		if l.oneOf(path, string(kind), string(approval.Workflow), string(approval.Certificate)) && slices.Contains(p.Sources[:i], kind) {
			l.fail(path, "is listed twice")
		}
	}
}

func (l *loader) checkStore(s *Store) {
	if s.Keep != 0 && s.Keep < minKeep {
		l.fail("store.keep", "must be at least %v, or 0 for ever", minKeep)
	}
	if s.URL.IsZero() {
		return // its file could not be read
	}
	if path, ok := s.SQLite(); ok {
		rest, slashes := strings.CutPrefix(s.URL.Reveal(), "sqlite://")
		switch {
		case path == "", strings.HasSuffix(path, "/"), strings.Contains(path, ":memory:"):
			l.fail("store.url", "names no file, and what was decided must outlive the process; it looks like sqlite:///var/lib/approvebot/approvebot.db")
		case slashes && !strings.HasPrefix(rest, "/"):
			l.fail("store.url", "names a host after the //; write sqlite:///absolute/path.db or sqlite:relative.db")
		}
		return
	}
	// Neither the value nor the parser's error is quoted: both may hold the password.
	u, err := url.Parse(s.URL.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		l.fail("store.url", "is not an address of a database; it looks like sqlite:///var/lib/approvebot/approvebot.db or postgres://user:password@db.example.com/approvebot")
	}
}

func (l *loader) checkListen(listen string) {
	_, port, err := net.SplitHostPort(listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.fail("http.listen", "is not an address to listen on; it looks like 127.0.0.1:8080, or :8080 for every interface")
	}
}

var (
	handlePattern  = shape{`^@[\p{L}\p{N}][\p{L}\p{N}._-]{0,79}$`, regexp.MustCompile(`^@[\p{L}\p{N}][\p{L}\p{N}._-]*$`)}
	userIDPattern  = regexp.MustCompile(`^[UW][A-Z0-9]{5,31}$`)
	groupIDPattern = regexp.MustCompile(`^S[A-Z0-9]{5,31}$`)
	emailPattern   = regexp.MustCompile(`^[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+$`)
	accountPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)
	channelPattern = shape{`^(#[\p{Ll}\p{Lo}\p{Lm}\p{N}_-]{1,80}|[CG][A-Z0-9]{5,31})$`, regexp.MustCompile(`^(#[\p{Ll}\p{Lo}\p{Lm}\p{N}_-]+|[CG][A-Z0-9]{5,31})$`)}
)

// shape is a pattern for a name with a sign before it and up to 80 letters of any
// script. Counted, such letters make a regexp of several megabytes, so they are
// counted apart; the text is for the schema.
type shape struct {
	text  string
	loose *regexp.Regexp
}

func (s shape) String() string { return s.text }

func (s shape) MatchString(name string) bool {
	return utf8.RuneCountInString(name) <= 1+80 && s.loose.MatchString(name)
}

// everybody is what Slack calls people whom nobody named one by one.
var everybody = []string{"@channel", "@everyone", "@here"}

func (l *loader) checkPeople(path string, p People) {
	for i, user := range p.Users {
		at := item(path+".users", i)
		switch {
		case !l.given(at): // the reader has said what is wrong
		case slices.Contains(everybody, user):
			l.fail(at, "%s names nobody in particular; name each person, or a user group under groups", user)
		case groupIDPattern.MatchString(user):
			l.fail(at, "%s is a user group; move it to groups", user)
		case !handlePattern.MatchString(user) && !userIDPattern.MatchString(user) && !emailPattern.MatchString(user):
			l.fail(at, `%q is not a person; write "@ada", U012ABCDEF or ada@example.com`, user)
		case slices.Contains(p.Users[:i], user):
			l.fail(at, "%s is listed twice", user)
		}
	}
	l.checkGroups(path+".groups", p.Groups)
}

func (l *loader) checkGroups(path string, groups []string) {
	for i, group := range groups {
		at := item(path, i)
		switch {
		case !l.given(at):
		case slices.Contains(everybody, group):
			l.fail(at, "%s is not a user group; it would mean everybody", group)
		case userIDPattern.MatchString(group):
			l.fail(at, "%s is a person; move it to users", group)
		case !handlePattern.MatchString(group) && !groupIDPattern.MatchString(group):
			l.fail(at, `%q is not a user group; write "@pki-admins" or S012ABCDEF`, group)
		case slices.Contains(groups[:i], group):
			l.fail(at, "%s is listed twice", group)
		}
	}
}

// checkURL wants an address of a web service, and warns where secrets would
// travel readable. It never quotes the address, which might hold a password.
func (l *loader) checkURL(path, text string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		l.fail(path, "is not a web address; it begins with https:// and names a host")
		return nil
	case u.User != nil:
		l.fail(path, "holds a user name or password; they have keys of their own")
		return nil
	case u.RawQuery != "" || u.Fragment != "":
		l.fail(path, "ends in a query (?…) or fragment (#…); leave it out")
		return nil
	case u.Scheme == "http" && !loopback(u.Hostname()):
		l.warn(path, "http sends credentials readable over the network; use https")
	}
	return u
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (l *loader) oneOf(path, value string, allowed ...string) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	l.fail(path, "%q is not known here; it is %s or %s", value, strings.Join(allowed[:len(allowed)-1], ", "), allowed[len(allowed)-1])
	return false
}

func (l *loader) required(path string, ok bool, variable string) bool {
	switch {
	case ok:
	case variable == "":
		l.missing(path, "is not set")
	default:
		l.missing(path, "is not set; give it here or in %s", variable)
	}
	return ok
}

// requiredSecret stays silent about a secret whose file was named: why that did
// not work has been reported already.
func (l *loader) requiredSecret(path string, s secret.String, file, variable string) {
	switch {
	case !s.IsZero() || file != "":
	case variable == "":
		l.missing(path, "is not set; give it here or in %s_file", last(path))
	default:
		l.missing(path, "is not set; give it here, in %s_file or in %s", last(path), variable)
	}
}

// missing records that something is needed for running; a draft can do without.
func (l *loader) missing(path, format string, args ...any) {
	if !l.draft {
		l.fail(path, format, args...)
	}
}

func (l *loader) prefix(path string, s secret.String, prefix, what, where string) {
	text := s.Reveal()
	switch {
	case text == "":
	case !strings.HasPrefix(text, prefix):
		l.fail(path, "is not %s: those begin with %s; find it in the app's settings under %s", what, prefix, where)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		l.fail(path, "contains spaces or line breaks; copy it again")
	}
}

func (l *loader) certificates(path, file string) []byte {
	text, err := l.files.read(file)
	if err != nil {
		l.fail(path, "%s", reason(err))
		return nil
	}
	return l.pem(path, text)
}

func (l *loader) pem(path string, text []byte) []byte {
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		l.fail(path, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
		return nil
	}
	return text
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

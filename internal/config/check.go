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

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// The limits of one call to Keyfactor. Below, no answer would ever be in time;
// above, a person waits for a click that has long been forgotten.
const (
	minTimeout = time.Second
	maxTimeout = 5 * time.Minute
)

// check looks at the completed configuration and records what is wrong or doubtful.
func (l *loader) check(c *Config) {
	l.checkKeyfactor(&c.Keyfactor)
	l.checkSlack(&c.Slack)
	l.checkPoll(&c.Poll)
	l.checkStore(&c.Store)
	l.checkListen(c.HTTP.Listen)
	l.checkPeople("admins", c.Admins)
	l.checkRoutes(c.Routes)
	l.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", c.Log.Format, "auto", "json", "console")
}

func (l *loader) checkKeyfactor(k *Keyfactor) {
	if k.URL == "" {
		l.fail("keyfactor.url", "is not set; give the base of the API, such as https://command.example.com/KeyfactorAPI, here, in KEYFACTOR_URL or in KEYFACTOR_HOSTNAME")
	} else if u := l.checkURL("keyfactor.url", k.URL); u != nil && u.Path == "" {
		l.warn("keyfactor.url", "has no path; Keyfactor's API is usually found at %s/KeyfactorAPI", k.URL)
	}
	if k.PortalURL != "" && l.given("keyfactor.portal_url") {
		if u, err := url.Parse(k.PortalURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			l.fail("keyfactor.portal_url", "is not a web address; it looks like https://command.example.com/KeyfactorPortal")
		}
	}
	l.checkAuth(&k.Auth)
	if k.Timeout < minTimeout || k.Timeout > maxTimeout {
		l.fail("keyfactor.timeout", "must be between %v and %v", minTimeout, maxTimeout)
	}
	l.oneOf("keyfactor.approved_as", k.ApprovedAs, "string", "boolean")
	if k.SkipVerify {
		l.warn("keyfactor.skip_verify", "TLS certificates are not verified: anybody on the way can read the password and approve requests; trust the right authority with ca_file instead")
	}
}

func (l *loader) checkAuth(a *Auth) {
	const at = "keyfactor.auth"
	named := a.named()
	switch {
	case a.Type == "" && len(named) > 1:
		l.fail(at, "says more than one way to log in (%s); keep one", strings.Join(named, ", "))
		return
	case a.Type == "":
		l.fail(at, "says no way to log in; set username and password, or client_id, client_secret and token_url, or access_token, here or in the environment (KEYFACTOR_USERNAME and KEYFACTOR_PASSWORD, …)")
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
		l.required(at+".username", a.Username != "", "KEYFACTOR_USERNAME")
		l.requiredSecret(at+".password", a.Password, a.PasswordFile, "KEYFACTOR_PASSWORD")
		if user := a.Username[strings.IndexByte(a.Username, '\\')+1:]; strings.Contains(a.Username, ":") {
			l.fail(at+".username", "a user name cannot contain a colon")
		} else if a.Username != "" && user == "" {
			l.fail(at+".username", `has a domain but no name; it looks like 'EXAMPLE\svc-approvebot'`)
		}
	case AuthOAuth:
		l.required(at+".client_id", a.ClientID != "", "KEYFACTOR_AUTH_CLIENT_ID")
		l.requiredSecret(at+".client_secret", a.ClientSecret, a.ClientSecretFile, "KEYFACTOR_AUTH_CLIENT_SECRET")
		if l.required(at+".token_url", a.TokenURL != "", "KEYFACTOR_AUTH_TOKEN_URL") {
			l.checkURL(at+".token_url", a.TokenURL)
		}
	case AuthToken:
		l.requiredSecret(at+".access_token", a.AccessToken, a.AccessTokenFile, "KEYFACTOR_AUTH_ACCESS_TOKEN")
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
			l.fail("slack.transport", "cannot be told: set app_token (or SLACK_APP_TOKEN) for Socket Mode, or signing_secret (or SLACK_SIGNING_SECRET) for HTTP")
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
	handlePattern  = regexp.MustCompile(`^@[\p{L}\p{N}][\p{L}\p{N}._-]{0,79}$`)
	userIDPattern  = regexp.MustCompile(`^[UW][A-Z0-9]{5,31}$`)
	groupIDPattern = regexp.MustCompile(`^S[A-Z0-9]{5,31}$`)
	emailPattern   = regexp.MustCompile(`^[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+$`)
	channelPattern = regexp.MustCompile(`^(#[\p{Ll}\p{Lo}\p{Lm}\p{N}_-]{1,80}|[CG][A-Z0-9]{5,31})$`)
)

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
	for i, group := range p.Groups {
		at := item(path+".groups", i)
		switch {
		case !l.given(at):
		case slices.Contains(everybody, group):
			l.fail(at, "%s is not a user group; it would mean everybody", group)
		case userIDPattern.MatchString(group):
			l.fail(at, "%s is a person; move it to users", group)
		case !handlePattern.MatchString(group) && !groupIDPattern.MatchString(group):
			l.fail(at, `%q is not a user group; write "@pki-admins" or S012ABCDEF`, group)
		case slices.Contains(p.Groups[:i], group):
			l.fail(at, "%s is listed twice", group)
		}
	}
}

func (l *loader) checkRoutes(routes []Route) {
	if len(routes) == 0 {
		l.fail("routes", "there is no route, so nothing would be shown to anybody; add one with name, channels and approvers")
		return
	}
	var names []string
	all := -1 // the first route that takes everything
	for i, r := range routes {
		at := item("routes", i)
		if r.Name == "" {
			l.fail(at+".name", "is not set; logs and cards name the route that took a request")
		} else if slices.Contains(names, r.Name) {
			l.fail(at+".name", "%q is the name of an earlier route; give each its own", r.Name)
		}
		names = append(names, r.Name)
		l.checkRoute(at, r)
		if all >= 0 {
			l.warn(at, "is never reached: %q before it takes every request", routes[all].Name)
		} else if r.Match.all() {
			all = i
		}
	}
	if all < 0 {
		l.warn("routes", "requests that none of the routes matches are shown to nobody; a last route without match catches them")
	}
}

func (l *loader) checkRoute(at string, r Route) {
	if len(r.Channels) == 0 {
		l.fail(at+".channels", `is empty; name at least one channel, in quotes because of the #: ["#pki-approvals"]`)
	}
	for i, channel := range r.Channels {
		path := item(at+".channels", i)
		switch {
		case !l.given(path):
		case !channelPattern.MatchString(channel):
			l.fail(path, `%q is not a channel; write "#pki-approvals" (lower case) or its ID, C012ABCDEF`, channel)
		case slices.Contains(r.Channels[:i], channel):
			l.fail(path, "%s is listed twice", channel)
		}
	}
	if r.Approvers.Empty() {
		l.fail(at+".approvers", `nobody may decide; name people under users or user groups under groups: {users: ["@ada", ben@example.com]}`)
	}
	l.checkPeople(at+".approvers", r.Approvers)
	l.oneOf(at+".self_approval", r.SelfApproval, SelfApprovalDeny, SelfApprovalAllow)
	l.oneOf(at+".comment.approve", r.Comment.Approve, CommentRequired, CommentOptional, CommentOff)
	l.oneOf(at+".comment.deny", r.Comment.Deny, CommentRequired, CommentOptional, CommentOff)
	l.checkMatch(at+".match", r.Match)
}

func (l *loader) checkMatch(at string, m Match) {
	for _, key := range m.keys() {
		path := join(at, key.name)
		if len(key.globs) == 0 && l.given(path) {
			l.fail(path, "is an empty list; remove it, or say what to match")
		}
		for i, pattern := range key.globs {
			place := path
			if l.given(item(path, i)) {
				place = item(path, i)
			}
			switch plain := strings.TrimPrefix(pattern, "!"); {
			case pattern == "!":
				l.fail(place, "says ! and then nothing; say what is not to match")
			case key.name == "kind":
				l.oneOf(place, plain, string(approval.Workflow), string(approval.Certificate))
			}
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
	if !ok {
		l.fail(path, "is not set; give it here or in %s", variable)
	}
	return ok
}

// requiredSecret stays silent about a secret whose file was named: why that did
// not work has been reported already.
func (l *loader) requiredSecret(path string, s secret.String, file, variable string) {
	if s.IsZero() && file == "" {
		l.fail(path, "is not set; give it here, in %s_file or in %s", last(path), variable)
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
	text, err := readFile(file)
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

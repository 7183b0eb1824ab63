package config

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// What holds where nothing is said.
const (
	defaultSlackURL = "https://slack.com/api/"
	defaultSchedule = "@every 30s"
	defaultListen   = "127.0.0.1:8080"
	defaultTimeout  = 10 * time.Second
	stateDirectory  = "/var/lib/approvebot"

	// What Slack allows: about one message a second in a channel, and "several
	// hundred" a minute in a workspace.
	defaultChannelPosts = 60
	defaultPosts        = 600
	databaseFile        = "approvebot.db"
	defaultKeep         = 8760 * time.Hour
)

// complete fills in what the file does not say.
func (l *loader) complete(c *Config) {
	l.completeKeyfactor(&c.Keyfactor)
	l.completeSlack(&c.Slack)
	l.completeStore(&c.Store)
	c.Poll.Schedule = cmp.Or(strings.TrimSpace(c.Poll.Schedule), defaultSchedule)
	if !l.given("poll.sources") {
		c.Poll.Sources = []approval.Kind{approval.Workflow, approval.Certificate}
	}
	c.HTTP.Listen = cmp.Or(c.HTTP.Listen, defaultListen)
	c.Log.Level = cmp.Or(c.Log.Level, "info")
	c.Log.Format = cmp.Or(c.Log.Format, "auto")
	c.Hints = c.Hints.over(defaultHints)
	for i := range c.Routes {
		r := &c.Routes[i]
		r.hints = r.Hints.over(c.Hints).rule()
		if r.Quorum.Count == 0 && !l.given(item("routes", i)+".quorum.count") {
			r.Quorum.Count = max(1, len(r.Quorum.From))
		}
		if !l.given(item("routes", i) + ".claim_for") {
			r.ClaimFor = defaultClaim
		}
		r.DirectMessages = cmp.Or(r.DirectMessages, DirectMessagesNone)
		r.Denial = cmp.Or(r.Denial, DenialEnds)
		r.Delegation = cmp.Or(r.Delegation, DelegationDeny)
		r.UnresolvedRequester = cmp.Or(r.UnresolvedRequester, UnresolvedDeny)
		r.Confirm = cmp.Or(r.Confirm, ConfirmNone)
		r.Chat = cmp.Or(r.Chat, ChatDecide)
		r.SelfApproval = cmp.Or(r.SelfApproval, SelfApprovalDeny)
		r.Comment.Approve = cmp.Or(r.Comment.Approve, CommentOptional)
		r.Comment.Deny = cmp.Or(r.Comment.Deny, CommentRequired)
	}
}

// completeKeyfactor asks the profile only where address or credentials are
// missing, or where somebody asked for it: a forgotten file in a home directory
// must not switch off TLS verification for a service that was told everything.
func (l *loader) completeKeyfactor(k *Keyfactor) {
	l.profile = &profile{}
	l.address(k)
	l.login(&k.Auth)
	if k.URL == "" || !k.Auth.complete() || l.env("KEYFACTOR_AUTH_CONFIG_FILE") != "" || l.env("KEYFACTOR_AUTH_CONFIG_PROFILE") != "" {
		l.profile = l.open()
		l.address(k)
		l.login(&k.Auth)
	}
	k.Auth.qualify()
	l.completeAccounts(k.Accounts)
	k.URL = strings.TrimRight(k.URL, "/")
	if u, err := url.Parse(k.URL); err == nil && k.PortalURL == "" && u.Host != "" {
		k.PortalURL = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/KeyfactorPortal"}).String()
	}
	l.trust(k)
	l.timeout(k)
	k.ApprovedAs = cmp.Or(k.ApprovedAs, "string")
}

func (l *loader) address(k *Keyfactor) {
	l.text("keyfactor.url", &k.URL, "", "KEYFACTOR_URL")
	if k.URL != "" {
		return
	}
	var host string
	l.text("keyfactor.url", &host, l.profile.Host, "KEYFACTOR_HOSTNAME")
	if host != "" {
		k.URL = baseURL(host, cmp.Or(l.env("KEYFACTOR_PORT"), l.profile.Port), cmp.Or(l.env("KEYFACTOR_API_PATH"), l.profile.APIPath))
	}
}

// login finds out how we log in, and fills in what belongs to that way only:
// credentials of two ways are never mixed.
func (l *loader) login(a *Auth) {
	if a.Type == "" {
		a.Type = l.way(a)
	}
	const at = "keyfactor.auth."
	p := l.profile
	switch a.Type {
	case AuthBasic:
		l.text(at+"username", &a.Username, p.Username, "KEYFACTOR_USERNAME")
		l.text(at+"domain", &a.Domain, p.Domain, "KEYFACTOR_DOMAIN")
		l.secret(at+"password", &a.Password, &a.PasswordFile, p.Password, "KEYFACTOR_PASSWORD")
	case AuthOAuth:
		l.text(at+"client_id", &a.ClientID, p.ClientID, "KEYFACTOR_AUTH_CLIENT_ID")
		l.text(at+"token_url", &a.TokenURL, p.TokenURL, "KEYFACTOR_AUTH_TOKEN_URL")
		l.text(at+"audience", &a.Audience, p.Audience, "KEYFACTOR_AUTH_AUDIENCE")
		l.secret(at+"client_secret", &a.ClientSecret, &a.ClientSecretFile, p.Secret, "KEYFACTOR_AUTH_CLIENT_SECRET")
		if !l.given(at+"scopes") && len(a.Scopes) == 0 {
			a.Scopes = splitList(cmp.Or(l.env("KEYFACTOR_AUTH_SCOPES"), strings.Join(p.Scopes, ",")))
		}
	case AuthToken:
		l.secret(at+"access_token", &a.AccessToken, &a.AccessTokenFile, p.AccessToken, "KEYFACTOR_AUTH_ACCESS_TOKEN")
	}
}

// completeAccounts reads the secrets of further logins. The environment and the
// profile speak of the first one only.
func (l *loader) completeAccounts(all []Account) {
	var none secret.String
	for i := range all {
		a, at := &all[i].Auth, item("keyfactor.accounts", i)+".auth."
		if named := a.named(); a.Type == "" && len(named) == 1 {
			a.Type = named[0]
		}
		l.secret(at+"password", &a.Password, &a.PasswordFile, none)
		l.secret(at+"client_secret", &a.ClientSecret, &a.ClientSecretFile, none)
		l.secret(at+"access_token", &a.AccessToken, &a.AccessTokenFile, none)
		a.qualify()
	}
}

// way returns the one way to log in that the file names by its keys, or else the
// first for which the environment, or else the profile, holds something. A
// ready-made token wins, as it does in Keyfactor's own tools.
func (l *loader) way(a *Auth) string {
	switch named := a.named(); {
	case len(named) == 1:
		return named[0]
	case len(named) > 1:
		return "" // check says so
	}
	p := l.profile
	switch {
	case l.env("KEYFACTOR_AUTH_ACCESS_TOKEN") != "":
		return AuthToken
	case l.env("KEYFACTOR_AUTH_CLIENT_ID") != "":
		return AuthOAuth
	case l.env("KEYFACTOR_USERNAME") != "":
		return AuthBasic
	case p.AuthType != "":
		l.origin["keyfactor.auth.type"] = Problem{File: p.file, Path: p.path("keyfactor.auth.type")}
		if p.AuthType == AuthOAuth && !p.AccessToken.IsZero() {
			return AuthToken
		}
		return p.AuthType
	case !p.AccessToken.IsZero():
		return AuthToken
	case p.ClientID != "":
		return AuthOAuth
	case p.Username != "":
		return AuthBasic
	}
	return ""
}

// named returns the ways to log in of which something is set.
func (a *Auth) named() []string {
	var ways []string
	if a.Username != "" || a.Domain != "" || !a.Password.IsZero() || a.PasswordFile != "" {
		ways = append(ways, AuthBasic)
	}
	if a.ClientID != "" || a.TokenURL != "" || !a.ClientSecret.IsZero() || a.ClientSecretFile != "" || len(a.Scopes) > 0 || a.Audience != "" {
		ways = append(ways, AuthOAuth)
	}
	if !a.AccessToken.IsZero() || a.AccessTokenFile != "" {
		ways = append(ways, AuthToken)
	}
	return ways
}

func (a *Auth) complete() bool {
	switch a.Type {
	case AuthBasic:
		return a.Username != "" && !a.Password.IsZero()
	case AuthOAuth:
		return a.ClientID != "" && a.TokenURL != "" && !a.ClientSecret.IsZero()
	case AuthToken:
		return !a.AccessToken.IsZero()
	}
	return false
}

// qualify moves the domain into the user name, unless that has one already.
func (a *Auth) qualify() {
	if a.Domain != "" && a.Username != "" && !strings.ContainsAny(a.Username, `\@`) {
		a.Username = a.Domain + `\` + a.Username
	}
	a.Domain = ""
}

// trust decides whose certificates are believed.
func (l *loader) trust(k *Keyfactor) {
	const path, skip = "keyfactor.ca_file", "keyfactor.skip_verify"
	if !l.given(skip) {
		var text string
		l.text(skip, &text, "", "KEYFACTOR_SKIP_VERIFY")
		k.SkipVerify = text == "1" || strings.EqualFold(text, "true")
		if text == "" && l.profile.SkipVerify {
			k.SkipVerify = true
			l.origin[skip] = Problem{File: l.profile.file, Path: l.profile.path(skip)}
		}
	}
	if k.CAFile != "" {
		k.CAFile = l.path(path, k.CAFile)
		k.CAPEM = l.certificates(path, k.CAFile)
		return
	}
	var ca string
	l.text(path, &ca, l.profile.CACert, "KEYFACTOR_CA_CERT")
	switch {
	case ca == "":
		return
	case strings.Contains(ca, "-----BEGIN"):
		k.CAPEM = l.pem(path, []byte(ca))
	case l.origin[path].File == l.profile.file && !filepath.IsAbs(ca):
		k.CAFile = filepath.Join(filepath.Dir(l.profile.file), ca)
		k.CAPEM = l.certificates(path, k.CAFile)
	default:
		k.CAFile = ca
		k.CAPEM = l.certificates(path, ca)
	}
	k.CAOnly = true
}

func (l *loader) timeout(k *Keyfactor) {
	const path = "keyfactor.timeout"
	if l.given(path) {
		return
	}
	k.Timeout = defaultTimeout
	var text string
	l.text(path, &text, l.profile.Timeout, "KEYFACTOR_CLIENT_TIMEOUT")
	if text == "" {
		return
	}
	seconds, err := strconv.Atoi(strings.TrimSuffix(text, "s"))
	if err != nil || seconds > int(time.Hour/time.Second) {
		l.fail(path, "is not a number of seconds, such as 60")
		return
	}
	k.Timeout = time.Duration(seconds) * time.Second
}

func (l *loader) completeSlack(s *Slack) {
	var none secret.String
	l.secret("slack.bot_token", &s.BotToken, &s.BotTokenFile, none, "SLACK_BOT_TOKEN")
	l.secret("slack.app_token", &s.AppToken, &s.AppTokenFile, none, "SLACK_APP_TOKEN")
	l.secret("slack.signing_secret", &s.SigningSecret, &s.SigningSecretFile, none, "SLACK_SIGNING_SECRET")
	l.completeButtonKeys(s)
	l.text("slack.api_url", &s.APIURL, "", "SLACK_API_URL")
	s.APIURL = strings.TrimRight(cmp.Or(s.APIURL, defaultSlackURL), "/") + "/"
	if !l.given("slack.channel_posts_per_minute") {
		s.ChannelPostsPerMinute = defaultChannelPosts
	}
	if !l.given("slack.posts_per_minute") {
		s.PostsPerMinute = defaultPosts
	}
	if s.Transport == "" {
		switch {
		case !s.AppToken.IsZero():
			s.Transport = TransportSocket
		case !s.SigningSecret.IsZero():
			s.Transport = TransportHTTP
		}
	}
}

// completeButtonKeys takes several keys out of one file or variable, where they
// stand line by line or with commas between them.
func (l *loader) completeButtonKeys(s *Slack) {
	const path = "slack.button_keys"
	if len(s.ButtonKeys) > 0 && s.ButtonKeysFile != "" {
		l.fail(path+"_file", "is given together with button_keys; keep one of them")
		return
	}
	if l.given(path) {
		return
	}
	var text, none secret.String
	l.secret(path, &text, &s.ButtonKeysFile, none, "APPROVEBOT_BUTTON_KEYS")
	for _, key := range strings.FieldsFunc(text.Reveal(), func(r rune) bool { return r == ',' || r <= ' ' }) {
		s.ButtonKeys = append(s.ButtonKeys, secret.New(key))
	}
}

func (l *loader) completeStore(s *Store) {
	if !l.given("store.keep") {
		s.Keep = defaultKeep
	}
	var none secret.String
	l.secret("store.url", &s.URL, &s.URLFile, none, "APPROVEBOT_STORE_URL")
	if !s.URL.IsZero() {
		return
	}
	dir, _, _ := strings.Cut(l.env("STATE_DIRECTORY"), ":") // systemd's
	if dir == "" && writable(stateDirectory) {
		dir = stateDirectory
	}
	s.URL = secret.New("sqlite:" + databaseFile)
	if filepath.IsAbs(dir) {
		path := url.URL{Path: filepath.ToSlash(filepath.Join(dir, databaseFile))}
		s.URL = secret.New("sqlite://" + path.EscapedPath())
	}
}

// writable tries, because permissions alone say nothing about a read-only file system.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, ".approvebot-*")
	if err != nil {
		return false
	}
	_ = f.Close()
	return os.Remove(f.Name()) == nil
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

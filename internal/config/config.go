// Package config turns a YAML file and the environment into a [Config] that is
// complete and checked, or into [Problems]: every mistake at once, each with its
// place and with what to do about it.
//
// The way is the same for every value: what the file says; what the environment
// says; what Keyfactor's own tools have been told (command_config.json); a
// default. Nothing else in the program reads the environment or looks for
// configuration, so what [Config.Redacted] prints is what is in force.
//
// An empty list never means "everybody": a route without channels or without
// approvers is a mistake in the file, not an open door.
package config

import (
	"net/url"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// Config is everything the service is told, complete with defaults.
type Config struct {
	Keyfactor Keyfactor `yaml:"keyfactor"`
	Slack     Slack     `yaml:"slack"`
	Poll      Poll      `yaml:"poll"`
	Store     Store     `yaml:"store"`
	HTTP      HTTP      `yaml:"http"`
	Admins    People    `yaml:"admins,omitempty"`
	People    Directory `yaml:"people,omitempty"`
	// Hints hold for every route that does not say otherwise.
	Hints  Hints   `yaml:"hints,omitempty"`
	Routes []Route `yaml:"routes"`
	Log    Log     `yaml:"log"`

	// Files are those that were read for it.
	Files Files `yaml:"-"`
}

// Keyfactor says where Keyfactor Command is and who we are there.
type Keyfactor struct {
	// URL is the base of the API, without a slash at its end: https://command.example.com/KeyfactorAPI
	URL string `yaml:"url"`
	// PortalURL is where people are sent: https://command.example.com/KeyfactorPortal.
	// It may hold {instance} and {reference}; see [Keyfactor.Portal].
	PortalURL string `yaml:"portal_url"`
	Auth      Auth   `yaml:"auth"`
	// Accounts are further logins. A step that Keyfactor itself wants approved by
	// several people takes one signal from each.
	Accounts []Account `yaml:"accounts,omitempty"`
	// Metadata names the metadata fields that approvers see, in this order.
	Metadata []string `yaml:"metadata,omitempty"`
	// CAFile is a PEM file of certificate authorities to trust beside the system's.
	CAFile string `yaml:"ca_file,omitempty"`
	// CAPEM is the content of CAFile, or what KEYFACTOR_CA_CERT means. Empty means the system's pool alone.
	CAPEM []byte `yaml:"-"`
	// CAOnly means that CAPEM replaces the system's pool, as KEYFACTOR_CA_CERT does in Keyfactor's own tools.
	CAOnly bool `yaml:"-"`
	// SkipVerify switches the verification of TLS certificates off.
	SkipVerify bool `yaml:"skip_verify,omitempty"`
	// Timeout is how long one call may take.
	Timeout time.Duration `yaml:"timeout"`
	// ApprovedAs is how the signal spells its verdict: "string" ("True", "False") or "boolean".
	ApprovedAs string `yaml:"approved_as"`
}

// Portal returns the address of the portal, and, where portal_url holds
// placeholders, the template of the address of one request.
func (k Keyfactor) Portal() (base, template string) {
	before, _, ok := strings.Cut(k.PortalURL, "{")
	if !ok {
		return k.PortalURL, ""
	}
	// What leads up to the placeholder is a part of a path, or a query.
	before, _, _ = strings.Cut(before, "?")
	before, _, _ = strings.Cut(before, "#")
	host := strings.Index(before, "://") + len("://")
	if slash := strings.LastIndexByte(before[host:], '/'); slash >= 0 {
		before = before[:host+slash]
	}
	return before, k.PortalURL
}

// Account is a further login to Keyfactor.
type Account struct {
	// Name stands in the audit log and in the store; it should not change.
	Name string `yaml:"name"`
	Auth Auth   `yaml:"auth"`
}

// The ways to log in to Keyfactor.
const (
	AuthBasic = "basic"
	AuthOAuth = "oauth"
	AuthToken = "token"
)

// Auth is one of three ways to log in: with a password, with OAuth client
// credentials, or with a bearer token made elsewhere. Only the members of Type are set.
type Auth struct {
	Type string `yaml:"type"`

	// Username already carries the domain, as DOMAIN\user, where one was given.
	Username     string        `yaml:"username,omitempty"`
	Domain       string        `yaml:"domain,omitempty"`
	Password     secret.String `yaml:"password,omitempty"`
	PasswordFile string        `yaml:"password_file,omitempty"`

	TokenURL         string        `yaml:"token_url,omitempty"`
	ClientID         string        `yaml:"client_id,omitempty"`
	ClientSecret     secret.String `yaml:"client_secret,omitempty"`
	ClientSecretFile string        `yaml:"client_secret_file,omitempty"`
	Scopes           []string      `yaml:"scopes,omitempty"`
	Audience         string        `yaml:"audience,omitempty"`

	AccessToken     secret.String `yaml:"access_token,omitempty"`
	AccessTokenFile string        `yaml:"access_token_file,omitempty"`
}

// The ways in which Slack's clicks reach us.
const (
	TransportSocket = "socket"
	TransportHTTP   = "http"
)

// Slack says which app we are.
type Slack struct {
	// Transport is [TransportSocket] or [TransportHTTP].
	Transport    string        `yaml:"transport"`
	BotToken     secret.String `yaml:"bot_token,omitempty"`
	BotTokenFile string        `yaml:"bot_token_file,omitempty"`
	// AppToken opens Socket Mode; set when Transport is socket.
	AppToken     secret.String `yaml:"app_token,omitempty"`
	AppTokenFile string        `yaml:"app_token_file,omitempty"`
	// SigningSecret proves that a request is Slack's; set when Transport is http.
	// It may hold two, separated by a comma; see [Slack.SigningSecrets].
	SigningSecret     secret.String `yaml:"signing_secret,omitempty"`
	SigningSecretFile string        `yaml:"signing_secret_file,omitempty"`
	// ButtonKeys sign the buttons on cards: the first signs, all verify. Empty
	// means one that is made at the first start and kept in the store.
	ButtonKeys     []secret.String `yaml:"button_keys,omitempty"`
	ButtonKeysFile string          `yaml:"button_keys_file,omitempty"`
	// AllowSharedChannels lets cards go to channels that are shared with other organisations.
	AllowSharedChannels bool `yaml:"allow_shared_channels"`
	// ChannelPostsPerMinute and PostsPerMinute are how many new messages one channel,
	// and all channels together, get at most.
	ChannelPostsPerMinute int `yaml:"channel_posts_per_minute"`
	PostsPerMinute        int `yaml:"posts_per_minute"`
	// APIURL is Slack's API with a slash at its end.
	APIURL string `yaml:"api_url"`
}

// SigningSecrets returns one secret, or two while one is being rotated.
func (s Slack) SigningSecrets() []secret.String {
	var all []secret.String
	for text := range strings.SplitSeq(s.SigningSecret.Reveal(), ",") {
		if text = strings.TrimSpace(text); text != "" {
			all = append(all, secret.New(text))
		}
	}
	return all
}

// Poll says when Keyfactor is asked, and for what.
type Poll struct {
	// Schedule is read by [ParseSchedule].
	Schedule string          `yaml:"schedule"`
	Sources  []approval.Kind `yaml:"sources"`
}

// Store says where we remember things.
type Store struct {
	// URL begins with sqlite: or postgres:. It is a secret because of the password
	// that it may hold; [Store.Redacted] is for printing.
	URL     secret.String `yaml:"url,omitempty"`
	URLFile string        `yaml:"url_file,omitempty"`
	// Keep is how long settled requests are remembered; 0 is for ever.
	Keep time.Duration `yaml:"keep"`
}

// SQLite returns the path of the database file, or false when the store is not SQLite.
func (s Store) SQLite() (path string, ok bool) {
	path, ok = strings.CutPrefix(s.URL.Reveal(), "sqlite:")
	path = strings.TrimPrefix(path, "//")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return path, ok
}

// Redacted returns the URL without its password.
func (s Store) Redacted() string {
	if _, ok := s.SQLite(); ok {
		return s.URL.Reveal()
	}
	u, err := url.Parse(s.URL.Reveal())
	if err != nil {
		return secret.Redacted
	}
	// A password may also come as a parameter; which ones are harmless is not ours to know.
	u.RawQuery = ""
	return u.Redacted()
}

// HTTP is our own listener: health, metrics, and Slack's requests when its transport is http.
type HTTP struct {
	Listen string `yaml:"listen"`
}

// People are named one by one or by Slack user group.
type People struct {
	// Users are @handles, Slack user IDs or e-mail addresses.
	Users []string `yaml:"users,omitempty"`
	// Groups are @handles or IDs of Slack user groups.
	Groups []string `yaml:"groups,omitempty"`
}

// Empty reports whether nobody is named. It never means everybody.
func (p People) Empty() bool { return len(p.Users) == 0 && len(p.Groups) == 0 }

// Log says how much is logged, and how.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is auto, json or console.
	Format string `yaml:"format"`
}

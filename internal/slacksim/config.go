package slacksim

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Config describes a workspace and the one app installed in it. The zero
// value of every field has a meaning; DefaultConfig is a workspace ready for a
// demonstration.
type Config struct {
	Team     Team
	App      App
	People   []Person
	Groups   []Group
	Channels []Channel

	// BotToken, AppToken and SigningSecret are what the app must show, or is
	// shown. Empty ones get fixed values, see DefaultConfig.
	BotToken      string
	AppToken      string
	SigningSecret string

	// Scopes of the bot token. Nil means DefaultScopes.
	Scopes []string
	// Events the app is subscribed to. Nil means app_home_opened only.
	Events []string

	// RequestURL, if set, switches to signed HTTP delivery to
	// RequestURL + "/slack/interactivity", "/slack/commands" and
	// "/slack/events". If empty, Socket Mode is used.
	RequestURL string
	// PublicURL is the base of response URLs that go out over HTTP before
	// anybody called the Web API. It is not needed once the app has called.
	PublicURL string

	// RateLimits switches Slack's rate limits on; Rates are their numbers, whose
	// zero value means Slack's.
	RateLimits bool
	Rates      Rates

	// AckTimeout is how long the app may take to answer. Zero means Slack's
	// three seconds.
	AckTimeout time.Duration
	// TriggerLifetime is how long a trigger id opens a view. Zero means three
	// seconds.
	TriggerLifetime time.Duration
	// PingInterval between the server's WebSocket pings. Zero means five seconds.
	PingInterval time.Duration
	// DisconnectGrace is how long a connection lives after the "warning" and
	// "refresh_requested" messages. Zero means ten seconds.
	DisconnectGrace time.Duration
	// EventRetries are the pauses before an event is delivered again. Nil
	// means Slack's: at once, a minute, five minutes.
	EventRetries []time.Duration

	// MaxMessages a channel keeps; the oldest go first. Zero means 50,000.
	MaxMessages int

	// Title and Intro stand above the page; Actions are its buttons.
	Title   string
	Intro   string
	Actions []Action

	Log *zap.Logger
	Now func() time.Time
}

// Team is a workspace.
type Team struct {
	ID, Name, Domain string
	Enterprise       string // the organisation it belongs to, if any
}

// App is the installed app and its bot user.
type App struct {
	ID        string
	Name      string // display name of the bot user
	UserName  string // its short name
	UserID    string
	BotID     string
	Commands  []Command
	Shortcuts []Shortcut
}

// Command is a slash command the app has registered.
type Command struct {
	Command     string `json:"command"`
	UsageHint   string `json:"usage_hint"`
	Description string `json:"description"`
}

// Shortcut is a global or a message shortcut of the app.
type Shortcut struct {
	Name       string `json:"name"`
	Type       string `json:"type"` // "global" or "message"
	CallbackID string `json:"callback_id"`
}

// Person is somebody in the workspace, or in another one that shares a channel.
type Person struct {
	ID          string // empty: made from Name
	Name        string // short name, as in @ada
	RealName    string
	Email       string
	Title       string
	TZ          string // IANA name
	Enterprise  string // of an organisation with several workspaces; empty: the workspace's own, if any
	TeamID      string // empty: the workspace's own; another one makes an outsider
	Admin       bool
	Guest       bool // is_restricted
	SingleGuest bool // is_ultra_restricted
	Deactivated bool
	Unconfirmed bool // the e-mail address was never confirmed
}

// Group is a user group.
type Group struct {
	ID       string // empty: made from Handle
	Handle   string
	Name     string
	Users    []string // names or ids
	Disabled bool
}

// Channel is a conversation that exists from the start.
type Channel struct {
	ID       string // empty: made from Name
	Name     string
	Topic    string
	Purpose  string
	Private  bool
	Archived bool
	Shared   bool // with another organisation
	ReadOnly bool
	General  bool
	Members  []string // names or ids; "@bot" is the app's bot user
}

// Action is a button of the page's demo bar.
type Action struct {
	ID, Label, Hint string
	// Run does it on behalf of the person as (a user id) and returns a
	// sentence for the page.
	Run func(ctx context.Context, as string) (string, error)
}

// BotMember stands for the app's bot user in Channel.Members.
const BotMember = "@bot"

// DefaultScopes are those of a bot that posts, reads back what it posted,
// resolves people and groups, and checks its channels.
func DefaultScopes() []string {
	return []string{
		"chat:write", "commands", "users:read", "users:read.email", "usergroups:read",
		"channels:read", "groups:read", "im:read",
		"channels:history", "groups:history", "im:history",
		"im:write", "reactions:write", "team:read",
	}
}

// DefaultConfig is a workspace with every sort of person and channel an
// approval bot meets: approvers, an admin, a guest, an outsider, somebody
// deactivated; public, private, shared, read-only and archived channels, and
// some the bot is not in.
func DefaultConfig() Config {
	return Config{
		Team: Team{ID: "T0EXAMPLE", Name: "Example", Domain: "example"},
		App: App{
			ID: "A0APPROVEBOT", Name: "approvebot", UserName: "approvebot", UserID: "U0APPROVEBOT", BotID: "B0APPROVEBOT",
			Commands:  []Command{{Command: "/approvebot", UsageHint: "[pending | find | explain | help]", Description: "Certificate requests that wait for you"}},
			Shortcuts: []Shortcut{{Name: "Explain this request", Type: "message", CallbackID: "explain_request"}},
		},
		People: []Person{
			{Name: "ada", RealName: "Ada", Email: "ada@example.com", Title: "PKI engineer", TZ: "Europe/Berlin"},
			{Name: "ben", RealName: "Ben", Email: "ben@example.com", Title: "Platform engineer", TZ: "America/New_York"},
			{Name: "carol", RealName: "Carol", Email: "carol@example.com", Title: "PKI lead", TZ: "Europe/London", Admin: true},
			{Name: "dan", RealName: "Dan", Email: "dan@example.com", Title: "Web developer", TZ: "Asia/Tokyo"},
			{Name: "alice", RealName: "Alice", Email: "alice@example.com", Title: "Web developer", TZ: "Europe/Berlin"},
			{Name: "bob", RealName: "Bob", Email: "bob@example.com", Title: "Web developer", TZ: "Europe/Berlin"},
			{Name: "dora", RealName: "Dora", Email: "dora@example.com", Title: "Release engineer", TZ: "Europe/Berlin"},
			{Name: "lars", RealName: "Lars", Email: "lars@example.com", Title: "Lab engineer", TZ: "Europe/Berlin"},
			{Name: "gina", RealName: "Gina", Email: "gina@example.com", Title: "Auditor, guest", TZ: "Europe/Paris", Guest: true},
			{Name: "otto", RealName: "Otto", Title: "Partner, another company", TZ: "America/Sao_Paulo", TeamID: "T0OUTSIDE"},
			{Name: "xena", RealName: "Xena", Email: "xena@example.com", Title: "Left the company", TZ: "Europe/Berlin", Deactivated: true},
		},
		Groups: []Group{
			{Handle: "pki-approvers", Name: "PKI approvers", Users: []string{"ada", "ben", "carol"}},
			{Handle: "pki-admins", Name: "PKI admins", Users: []string{"carol"}},
		},
		Channels: []Channel{
			{Name: "pki-approvals", Topic: "Certificate requests that wait for a yes or a no", Members: []string{"ada", "ben", "carol", "dan", "alice", "bob", "gina", BotMember}},
			{Name: "pki-revocations", Topic: "Revocations", Members: []string{"ada", "ben", "carol", BotMember}},
			{Name: "pki-escalation", Topic: "What waited too long", Members: []string{"ada", "ben", "carol", BotMember}},
			{Name: "general", General: true, Topic: "Everybody", Members: []string{"ada", "ben", "carol", "dan", "alice", "bob", "dora", "lars"}},
			{Name: "partners-shared", Shared: true, Topic: "With our partners", Members: []string{"ada", "ben", "otto", BotMember}},
			{Name: "not-invited", Topic: "The bot was never invited here", Members: []string{"ada", "dan"}},
			{Name: "archived-room", Archived: true, Members: []string{"ada", BotMember}},
			{Name: "announcements", ReadOnly: true, Topic: "Read only", Members: []string{"ada", "ben", "carol", "dan", BotMember}},
			{Name: "pki-private", Private: true, Topic: "Private, with the bot", Members: []string{"ada", "ben", "carol", BotMember}},
			{Name: "pki-board", Private: true, Topic: "Private, without the bot", Members: []string{"ada", "carol"}},
		},
	}
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Team.ID == "" {
		c.Team = d.Team
	}
	if c.App.ID == "" {
		c.App = d.App
	}
	if c.People == nil { // the default groups and channels are of the default people
		c.People, c.Groups = d.People, d.Groups
		if c.Channels == nil {
			c.Channels = d.Channels
		}
	}
	if c.Scopes == nil {
		c.Scopes = DefaultScopes()
	}
	if c.Events == nil {
		c.Events = []string{"app_home_opened"}
	}
	setDefault(&c.BotToken, "xoxb-simulated-bot")
	setDefault(&c.AppToken, "xapp-simulated-app")
	setDefault(&c.SigningSecret, "simulated-signing-secret")
	setDefault(&c.Title, c.Team.Name)
	setDefault(&c.AckTimeout, 3*time.Second)
	setDefault(&c.TriggerLifetime, 3*time.Second)
	setDefault(&c.PingInterval, 5*time.Second)
	setDefault(&c.DisconnectGrace, 10*time.Second)
	setDefault(&c.MaxMessages, 50_000)
	if c.EventRetries == nil {
		c.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	c.Rates = c.Rates.withDefaults()
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.RequestURL = strings.TrimSuffix(c.RequestURL, "/")
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return c
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// check reports everything that cannot work.
func (c Config) check() error {
	var errs []error
	if c.RequestURL != "" {
		if u, err := url.Parse(c.RequestURL); err != nil || u.Host == "" {
			errs = append(errs, errors.New("RequestURL is not an absolute URL"))
		}
	}
	if c.BotToken == c.AppToken {
		errs = append(errs, errors.New("BotToken and AppToken are the same"))
	}
	for _, a := range c.Actions {
		if a.ID == "" || a.Run == nil {
			errs = append(errs, fmt.Errorf("action %q needs an ID and a Run", a.Label))
		}
	}
	return errors.Join(errs...)
}

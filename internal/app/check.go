package app

import (
	"context"
	"time"

	"github.com/approvebot/approvebot/internal/config"
)

// Level is how much a finding matters.
type Level string

// The levels of a finding: only an error makes a check fail.
const (
	Fine    Level = "ok"
	Warning Level = "warning"
	Wrong   Level = "error"
)

// Finding is one line of what a live check learned.
type Finding struct {
	Level Level `json:"level"`
	// Check names what was looked at: "slack.token", "route web".
	Check string `json:"check"`
	// Message says what is the case and, unless all is well, what to do.
	Message string `json:"message"`
}

// CheckOptions are what Check needs. Config and Report are required.
type CheckOptions struct {
	Config *config.Config
	// Scopes are those that the bot token needs.
	Scopes []string
	// URL is the https address at which Slack reaches us, to be probed when the
	// transport is HTTP; empty means that it cannot be.
	URL string
	// Roles are the security roles, by name or number, that approval steps name for
	// our login. Keyfactor does not tell; without them the steps are only listed.
	Roles []string
	// Report is called with every finding, one after the other.
	Report func(Finding)
	// Now is the clock that Keyfactor's is compared with; nil is time.Now.
	Now func() time.Time
}

// Check proves against the world what the configuration claims: tokens, scopes,
// channels, people, logins, permissions, clocks and the database. It changes
// nothing that people see, and a service that runs meanwhile is not disturbed.
func Check(ctx context.Context, o CheckOptions) {
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &doctor{c: o.Config, o: o}
	d.database(ctx)
	d.slack(ctx)
	d.keyfactor(ctx)
}

// doctor is one check on its way.
type doctor struct {
	c *config.Config
	o CheckOptions
	// serving is how many processes serve with this database; -1 if it is not known.
	serving int
}

func (d *doctor) fine(check, message string) { d.o.Report(Finding{Fine, check, message}) }
func (d *doctor) warn(check, message string) { d.o.Report(Finding{Warning, check, message}) }
func (d *doctor) fail(check, message string) { d.o.Report(Finding{Wrong, check, message}) }

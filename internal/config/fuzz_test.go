package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/approvebot/approvebot/internal/config"
)

// Whatever the file says, the answer is either a configuration that fails closed
// or sentences with a place; never a panic, never a secret.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		minimal, "", "a: [", "- x", "a: !t\nb: *x\n", "routes: &a [*a]", "<<: {routes: }", "? ? ?", "keyfactor: &k {<<: *k}",
		"a: &a [x]\nb: &b [*a, *a]\nroutes: [*b, *b]", "poll: {schedule: 'TZ=x'}", "store: {url: 'postgres://a:b c@d'}", "{", "---\n---\n", "routes:\n  - match: {subject: \"!\"}",
		"slack: {bot_token: |\n  xoxb-1\n}", "log: {level: !!str info}", "keyfactor: {url: 'http://[::1'}",
	} {
		f.Add(seed)
	}
	env := environment("SLACK_SIGNING_SECRET=hunter2-hunter2")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "_file") {
			t.Skip("do not read what somebody invents")
		}
		c, warnings, err := config.Parse("approvebot.yaml", []byte(text), env)
		if err != nil {
			e, ok := errors.AsType[*config.Error](err)
			if !ok || len(e.Problems) == 0 || c != nil {
				t.Fatalf("%T %v", err, err)
			}
			for _, p := range e.Problems {
				if p.File == "" || p.Message == "" || strings.Contains(p.String(), "hunter2") {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		for _, r := range c.Routes {
			if len(r.Channels) == 0 || r.Approvers.Empty() {
				t.Fatalf("an open door: %+v", r)
			}
		}
		if len(c.Routes) == 0 || strings.Contains(c.Redacted(), "hunter2") {
			t.Fatal(c.Redacted(), warnings)
		}
	})
}

package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

// Whatever the file says, the answer is either a configuration that fails closed
// or sentences with a place; never a panic, never a secret.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		minimal, "", "a: [", "- x", "a: !t\nb: *x\n", "routes: &a [*a]", "<<: {routes: }", "? ? ?", "keyfactor: &k {<<: *k}",
		"a: &a [x]\nb: &b [*a, *a]\nroutes: [*b, *b]", "poll: {schedule: 'TZ=x'}", "store: {url: 'postgres://a:b c@d'}", "{", "---\n---\n", "routes:\n  - match: {subject: \"!\"}",
		"people: {map: {a: b, <<: {}}, templates: ['{email}']}", "routes: [{quorum: 1, match: {fields: {a: [~]}, wildcard: true, key_size: ['<1']}}]", "routes: [{quorum: {from: [@a]}, expires_after: 1h}]",
		"slack: {bot_token: |\n  xoxb-1\n}", "log: {level: !!str info}", "keyfactor: {url: 'http://[::1'}",
	} {
		f.Add(seed)
	}
	example, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add("log: {level: debug}\nadmins: {users: '@ada'}\nstore: {keep: 0}\n" + minimal)
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
		mustFitSchema(t, text)
		for _, r := range c.Routes {
			rule := r.Rule()
			if rule.Quorum.Count < max(1, len(rule.Quorum.From)) {
				t.Fatalf("a quorum of %+v", rule.Quorum)
			}
			if len(r.Channels) == 0 && r.DirectMessages != config.DirectMessagesOnly || r.Approvers.Empty() {
				t.Fatalf("an open door: %+v", r)
			}
		}
		if len(c.Routes) == 0 || strings.Contains(c.Redacted(), "hunter2") {
			t.Fatal(c.Redacted(), warnings)
		}
	})
}

// Whatever a pattern and a value look like: what was accepted has one meaning.
func FuzzPattern(f *testing.F) {
	f.Add("Web*", "WebServer", 2048)
	f.Add("~web[0-9]+", "WEB01", 0)
	f.Add("!~(a|b)", "a", 1)
	f.Add("~\\Qa", "a", 1)
	f.Add("~(?i)\\z|x", "\xff", -1)
	f.Add("!<3072", "", 256)
	f.Fuzz(func(t *testing.T, pattern, value string, bits int) {
		q := approval.Request{ID: "workflow:1/2", Template: value, Key: approval.Key{Bits: max(bits, 0)}, Fields: map[string]string{"f": value}, SANs: []approval.SAN{{Value: value}}}
		template := config.Route{Match: config.Match{Template: config.Globs{pattern}}}
		for _, route := range []config.Route{template, {Match: config.Match{Fields: map[string]config.Globs{"F": {pattern}}}}, {Match: config.Match{SAN: config.Globs{pattern}}}} {
			if route.Matches(q) != template.Matches(q) {
				t.Fatalf("%q and %q differ by the key", pattern, value)
			}
		}
		if config.CheckPattern("template", pattern) == "" && value != "" && pattern != "" && !strings.HasPrefix(pattern, "!") {
			not := config.Route{Match: config.Match{Template: config.Globs{"!" + pattern}}}
			if not.Matches(q) == template.Matches(q) {
				t.Fatalf("%q and its opposite agree about %q", pattern, value)
			}
		}
		size := config.Route{Match: config.Match{KeySize: config.Sizes{pattern}}}
		if config.CheckPattern("key_size", pattern) == "" && pattern != "" && !strings.HasPrefix(pattern, "!") && bits > 0 {
			not := config.Route{Match: config.Match{KeySize: config.Sizes{"!" + pattern}}}
			if not.Matches(q) == size.Matches(q) {
				t.Fatalf("%q and its opposite agree about %d", pattern, bits)
			}
		}
		if value == "" && pattern != "" && template.Matches(q) {
			t.Fatalf("%q fits what is missing", pattern)
		}
	})
}

// mustFitSchema fails when an editor would mark what the loader takes, but for
// numbers in quotes, and what plain YAML readers do not take.
func mustFitSchema(t *testing.T, text string) {
	var v any
	if yaml.Unmarshal([]byte(text), &v) != nil {
		return
	}
	j, err := json.Marshal(v)
	if err != nil {
		return
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		return
	}
	s, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil && !strings.Contains(err.Error(), "integer") {
		t.Fatalf("the loader takes it, the schema does not: %v\n%s", err, text)
	}
}

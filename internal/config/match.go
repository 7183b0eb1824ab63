package config

import (
	"slices"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// Match narrows a route down to certain requests. Every key that is given must
// hold; a Match without any takes every request.
type Match struct {
	Kind       Globs `yaml:"kind,omitempty"`
	Type       Globs `yaml:"type,omitempty"`
	Definition Globs `yaml:"definition,omitempty"`
	Step       Globs `yaml:"step,omitempty"`
	Template   Globs `yaml:"template,omitempty"`
	CA         Globs `yaml:"ca,omitempty"`
	// Subject is held against the common name, or, where a pattern contains =,
	// against each part of the distinguished name.
	Subject Globs `yaml:"subject,omitempty"`
	// SAN must hold for every subject alternative name, so that nobody slips a
	// foreign name in beside a harmless one.
	SAN       Globs `yaml:"san,omitempty"`
	Requester Globs `yaml:"requester,omitempty"`
}

// keys lists what there is to match on, in the order of the file's reference.
func (m Match) keys() []matchKey {
	return []matchKey{
		{"kind", m.Kind}, {"type", m.Type}, {"definition", m.Definition}, {"step", m.Step}, {"template", m.Template},
		{"ca", m.CA}, {"subject", m.Subject}, {"san", m.SAN}, {"requester", m.Requester},
	}
}

type matchKey struct {
	name  string
	globs Globs
}

// all reports whether every request matches.
func (m Match) all() bool {
	return !slices.ContainsFunc(m.keys(), func(k matchKey) bool { return len(k.globs) > 0 })
}

// Matches reports whether the route takes the request.
func (r Route) Matches(q approval.Request) bool {
	m := r.Match
	return m.Kind.match(string(q.ID.Kind())) &&
		m.Type.match(q.Type) &&
		m.Definition.match(q.Definition) &&
		m.Step.match(q.Step, q.StepName) &&
		m.Template.match(q.Template) &&
		m.CA.match(q.CA) &&
		m.Subject.subject(q.CommonName, q.Subject) &&
		m.SAN.every(q.SANs) &&
		m.Requester.match(q.Requester)
}

// RouteFor returns the first route that takes the request, or false when none does.
func (c *Config) RouteFor(q approval.Request) (Route, bool) {
	for _, r := range c.Routes {
		if r.Matches(q) {
			return r, true
		}
	}
	return Route{}, false
}

// Globs are patterns with * and ?, of which one must fit and none that begins
// with ! may. With only ! patterns, everything else fits. Case does not matter.
//
// A value that is missing fits only the empty pattern, also when there are
// nothing but ! patterns: what is not known is not known to be different.
type Globs []string

// match asks for one value that may go by several names: one name must fit, and
// none of them may be excluded.
func (g Globs) match(names ...string) bool {
	if len(g) == 0 {
		return true
	}
	fits, wanted, known := false, false, false
	for _, name := range names {
		known = known || name != ""
	}
	for _, pattern := range g {
		not, excluded := strings.CutPrefix(pattern, "!")
		if !excluded {
			wanted = true
		}
		for _, name := range names {
			switch {
			case name == "" && known:
			case excluded:
				if name != "" && glob(not, name) {
					return false
				}
			case name == "":
				fits = fits || pattern == ""
			default:
				fits = fits || glob(pattern, name)
			}
		}
	}
	return fits || known && !wanted
}

// subject gives each pattern what it is about: the common name, or one by one
// the parts of the distinguished name. A requester writes the whole name, so a
// pattern that ran across parts could be met by a harmless part of a bad name.
func (g Globs) subject(common, distinguished string) bool {
	if len(g) == 0 {
		return true
	}
	parts := splitDN(distinguished)
	if common == "" {
		for _, part := range parts {
			if key, value, _ := strings.Cut(part, "="); strings.EqualFold(strings.TrimSpace(key), "CN") {
				common = value
				break
			}
		}
	}
	fits, wanted := false, false
	for _, pattern := range g {
		not, excluded := strings.CutPrefix(pattern, "!")
		names := []string{common}
		if strings.Contains(not, "=") {
			names = parts
		}
		one := Globs{not}.match(names...)
		if excluded && one {
			return false
		}
		wanted = wanted || !excluded
		fits = fits || !excluded && one
	}
	return fits || !wanted && (common != "" || distinguished != "")
}

func (g Globs) every(sans []approval.SAN) bool {
	if len(sans) == 0 {
		return g.match("")
	}
	for _, san := range sans {
		if !g.match(san.Value) {
			return false
		}
	}
	return true
}

// splitDN cuts a distinguished name at its commas, except escaped and quoted ones.
func splitDN(dn string) []string {
	var parts []string
	var part strings.Builder
	quoted, escaped := false, false
	for _, r := range dn {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			parts = append(parts, strings.TrimSpace(part.String()))
			part.Reset()
			continue
		}
		part.WriteRune(r)
	}
	if last := strings.TrimSpace(part.String()); last != "" {
		parts = append(parts, last)
	}
	return parts
}

// glob reports whether text fits a pattern of * (any run, also of dots, slashes
// and backslashes: EXAMPLE\alice is a plain name here) and ? (any one rune).
func glob(pattern, text string) bool {
	p, t := []rune(strings.ToLower(pattern)), []rune(strings.ToLower(text))
	// star and mark are where to fall back to: after the last *, and how much it has taken.
	i, j, star, mark := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

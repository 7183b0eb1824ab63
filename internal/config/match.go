package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
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
	// KeyType is the algorithm, or the name of the curve.
	KeyType Globs `yaml:"key_type,omitempty"`
	KeySize Sizes `yaml:"key_size,omitempty"`
	// Wildcard wants a * in one of the names, or in none; nil does not care.
	Wildcard *bool `yaml:"wildcard,omitempty"`
	// Fields are further values of the request, such as metadata, by name.
	Fields map[string]Globs `yaml:"fields,omitempty"`
}

// criterion is one key of a match that is given.
type criterion struct {
	key      string
	patterns []string
	// holds returns what the request has to say, and whether it fits.
	holds func(q approval.Request) (value string, ok bool)
}

// criteria lists what the match asks for, in the order of the file's reference.
func (m Match) criteria() []criterion {
	var all []criterion
	add := func(key string, patterns []string, holds func(approval.Request) (string, bool)) {
		if len(patterns) > 0 {
			all = append(all, criterion{key, patterns, holds})
		}
	}
	names := func(key string, g Globs, of func(approval.Request) []string) {
		add(key, g, func(q approval.Request) (string, bool) { return together(of(q)), g.match(of(q)...) })
	}
	names("kind", m.Kind, func(q approval.Request) []string { return []string{string(q.ID.Kind())} })
	names("type", m.Type, func(q approval.Request) []string { return []string{q.Type} })
	names("definition", m.Definition, func(q approval.Request) []string { return []string{q.Definition} })
	names("step", m.Step, func(q approval.Request) []string { return []string{q.Step, q.StepName} })
	names("template", m.Template, func(q approval.Request) []string { return []string{q.Template} })
	names("ca", m.CA, func(q approval.Request) []string { return []string{q.CA} })
	add("subject", m.Subject, func(q approval.Request) (string, bool) {
		return together([]string{q.CommonName, q.Subject}), m.Subject.subject(q.CommonName, q.Subject)
	})
	add("san", m.SAN, func(q approval.Request) (string, bool) { return m.SAN.every(sans(q)) })
	names("requester", m.Requester, func(q approval.Request) []string { return []string{q.Requester} })
	names("key_type", m.KeyType, func(q approval.Request) []string { return []string{q.Key.Algorithm, q.Key.Curve} })
	add("key_size", m.KeySize, func(q approval.Request) (string, bool) {
		if q.Key.Bits == 0 {
			return "", m.KeySize.match(0)
		}
		return strconv.Itoa(q.Key.Bits), m.KeySize.match(q.Key.Bits)
	})
	if m.Wildcard != nil {
		add("wildcard", []string{strconv.FormatBool(*m.Wildcard)}, func(q approval.Request) (string, bool) {
			known, found := wildcard(q)
			if !known {
				return "", false
			}
			return strconv.FormatBool(found), found == *m.Wildcard
		})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		g := m.Fields[name]
		add("fields."+name, g, func(q approval.Request) (string, bool) { return g.every(field(q, name)) })
	}
	return all
}

// Reason says of one key of a match what it wants, what the request has, and
// whether that fits.
type Reason struct {
	Key     string `json:"key"`
	Pattern string `json:"pattern"`
	Value   string `json:"value,omitempty"`
	OK      bool   `json:"ok"`
	// Private means that the value is not for approvers' eyes: it may stem from
	// fields that are matched on but never shown.
	Private bool `json:"private,omitempty"`
}

// Explain says key by key why the route takes a request or not. A route without
// a match has nothing to say, and takes every request.
func (r Route) Explain(q approval.Request) []Reason {
	var reasons []Reason
	for _, c := range r.Match.criteria() {
		value, ok := c.holds(q)
		reasons = append(reasons, Reason{Key: c.key, Pattern: strings.Join(c.patterns, ", "), Value: value, OK: ok, Private: strings.HasPrefix(c.key, "fields.")})
	}
	return reasons
}

// Matches reports whether the route takes the request.
func (r Route) Matches(q approval.Request) bool {
	return !slices.ContainsFunc(r.Explain(q), func(r Reason) bool { return !r.OK })
}

// together names a thing that goes by several names.
func together(names []string) string {
	return strings.Join(slices.Compact(slices.DeleteFunc(names, func(s string) bool { return s == "" })), ", ")
}

func sans(q approval.Request) []string {
	names := make([]string, len(q.SANs))
	for i, san := range q.SANs {
		names[i] = san.Value
	}
	return names
}

// wildcard reports whether one of the names holds a *. Of a request that tells
// no names nothing is known.
func wildcard(q approval.Request) (known, found bool) {
	names := append(sans(q), commonName(q.CommonName, splitDN(q.Subject)))
	for _, name := range names {
		known = known || name != ""
		found = found || strings.Contains(name, "*")
	}
	return known, found
}

// field returns the values of a name, in which case does not matter.
func field(q approval.Request, name string) []string {
	var values []string
	for _, key := range slices.Sorted(maps.Keys(q.Fields)) {
		if strings.EqualFold(key, name) {
			values = append(values, q.Fields[key])
		}
	}
	return values
}

// Globs are patterns with * and ?, of which one must fit and none that begins
// with ! may. With only ! patterns, everything else fits. Case does not matter.
// A pattern that begins with ~ is a regular expression, which has to fit the
// whole value as well.
//
// A value that is missing fits only the empty pattern, also when there are
// nothing but ! patterns: what is not known is not known to be different.
type Globs []string

// fits holds a value against one pattern, without its !.
func fits(pattern, text string) bool {
	if expression, ok := strings.CutPrefix(pattern, "~"); ok {
		r, err := compile(expression)
		return err == nil && r.MatchString(text)
	}
	return approval.Glob(pattern, text)
}

// compile wants the whole value to fit, in whatever case, as globs do. The
// expression is compiled by itself first, so that a stray bracket in it cannot
// reach beyond it.
func compile(expression string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(expression); err != nil {
		return nil, err
	}
	return regexp.Compile(`(?is)\A(?:` + expression + `)\z`)
}

// match asks for one value that may go by several names: one name must fit, and
// none of them may be excluded.
func (g Globs) match(names ...string) bool {
	if len(g) == 0 {
		return true
	}
	fit, wanted, known := false, false, false
	for _, name := range names {
		known = known || name != ""
	}
	for _, pattern := range g {
		not, excluded := strings.CutPrefix(pattern, "!")
		if !excluded {
			wanted = true
		}
		if !known {
			fit = fit || pattern == ""
			continue
		}
		for _, name := range names {
			switch {
			case name == "":
			case excluded:
				if fits(not, name) {
					return false
				}
			default:
				fit = fit || fits(pattern, name)
			}
		}
	}
	return fit || known && !wanted
}

// subject gives each pattern what it is about: the common name, or one by one
// the parts of the distinguished name. A requester writes the whole name, so a
// pattern that ran across parts could be met by a harmless part of a bad name.
func (g Globs) subject(common, distinguished string) bool {
	if len(g) == 0 {
		return true
	}
	parts := splitDN(distinguished)
	common = commonName(common, parts)
	fit, wanted := false, false
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
		fit = fit || !excluded && one
	}
	return fit || !wanted && (common != "" || distinguished != "")
}

func commonName(common string, parts []string) string {
	if common != "" {
		return common
	}
	for _, part := range parts {
		if key, value, _ := strings.Cut(part, "="); strings.EqualFold(strings.TrimSpace(key), "CN") {
			return value
		}
	}
	return ""
}

// every wants all values to fit. It returns the one that does not, or all of them.
func (g Globs) every(values []string) (string, bool) {
	if len(values) == 0 {
		return "", g.match("")
	}
	for _, value := range values {
		if !g.match(value) {
			return value, false
		}
	}
	return together(slices.Clone(values)), true
}

// Sizes are numbers, or comparisons such as <3072 and >=4096, of which one must
// fit and none that begins with ! may; with only those, everything else fits. A size that is
// missing fits only the empty pattern.
type Sizes []string

var sizePattern = regexp.MustCompile(`^(<=|>=|<|>|=)?\s*([0-9]{1,6})$`)

func (s Sizes) match(bits int) bool {
	fit, wanted := false, false
	for _, pattern := range s {
		not, excluded := strings.CutPrefix(pattern, "!")
		switch {
		case excluded && bits > 0 && compares(not, bits):
			return false
		case !excluded:
			wanted = true
			fit = fit || bits == 0 && pattern == "" || bits > 0 && compares(pattern, bits)
		}
	}
	return fit || bits > 0 && !wanted
}

func compares(pattern string, bits int) bool {
	m := sizePattern.FindStringSubmatch(strings.TrimSpace(pattern))
	if m == nil {
		return false
	}
	n, _ := strconv.Atoi(m[2])
	switch m[1] {
	case "<":
		return bits < n
	case "<=":
		return bits <= n
	case ">":
		return bits > n
	case ">=":
		return bits >= n
	}
	return bits == n
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

package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var domainPattern = regexp.MustCompile(`^[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)+$`)

func (l *loader) checkDirectory(d Directory) {
	for _, name := range slices.Sorted(maps.Keys(d.Map)) {
		at, to := join("people.map", name), d.Map[name]
		switch {
		case strings.TrimSpace(name) == "":
			l.fail("people.map", "has an entry without a name")
		case slices.Contains(everybody, to), !handlePattern.MatchString(to) && !userIDPattern.MatchString(to) && !emailPattern.MatchString(to):
			l.fail(at, `%q is not a person; write "@ada", U012ABCDEF or ada@example.com`, to)
		}
	}
	l.checkTexts("people.templates", d.Templates)
	for i, t := range d.Templates {
		rest := strings.NewReplacer("{localpart}", "", "{email}", "", "{handle}", "").Replace(t)
		switch at := item("people.templates", i); {
		case strings.ContainsAny(rest, "{}"):
			l.fail(at, "holds a placeholder that is not known here; they are {localpart}, {email} and {handle}")
		case rest == t && t != "":
			l.fail(at, `makes the same name for everybody; it looks like 'EXAMPLE\{localpart}'`)
		}
	}
	l.checkTexts("people.not_in_slack", d.NotInSlack)
	for i, pattern := range d.NotInSlack {
		switch at := item("people.not_in_slack", i); {
		case pattern != "" && strings.Trim(pattern, "*?") == "":
			l.fail(at, "fits everybody, and then nobody would be kept from approving their own requests")
		case strings.HasPrefix(pattern, "!"), strings.HasPrefix(pattern, "~"):
			l.fail(at, "begins with %s, which has no meaning here; there are only * and ?", pattern[:1])
		}
	}
	l.checkTexts("people.email_domains", d.EmailDomains)
	for i, domain := range d.EmailDomains {
		if domain != "" && !domainPattern.MatchString(domain) {
			l.fail(item("people.email_domains", i), "%q is not a domain; it looks like example.com", domain)
		}
	}
}

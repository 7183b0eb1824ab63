package hint

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/approvebot/approvebot/internal/approval"
)

// domains is about whose names are asked for.
func (c *check) domains() {
	ours := make([]string, 0, len(c.rule.Domains))
	for _, d := range c.rule.Domains {
		if d = strings.TrimPrefix(strings.TrimPrefix(ascii(d), "*."), "."); d != "" {
			ours = append(ours, d)
		}
	}
	var foreign []string
	alike, like := []string{}, ""
	for _, n := range c.names {
		if n.host == "" || c.ours(n, ours) {
			continue
		}
		if target := c.lookalike(n, ours); target != "" {
			alike, like = append(alike, n.text), target
		}
		if len(ours) > 0 {
			foreign = append(foreign, n.text)
		}
	}
	if len(alike) > 0 {
		c.add(approval.Hint{Code: approval.HintLookalike, About: alike, Found: readable(like)})
	}
	c.about(approval.HintForeignDomain, foreign)
	c.known(ours)
}

// ours reports whether a name is expected: below one of our domains, or the first
// label of a name that is, as servers are often called for short.
func (c *check) ours(n name, ours []string) bool {
	if slices.ContainsFunc(ours, func(d string) bool { return below(n.base(), d) }) {
		return true
	}
	return !strings.Contains(n.host, ".") && slices.ContainsFunc(c.names, func(long name) bool {
		return strings.HasPrefix(long.host, n.host+".") && slices.ContainsFunc(ours, func(d string) bool { return below(long.host, d) })
	})
}

// known is about what was approved here before.
func (c *check) known(ours []string) {
	all := Domains(c.request)
	if len(all) == 0 {
		return
	}
	if !c.memory.Read {
		c.blind(approval.BlindMemory, "", approval.HintNewDomain, approval.HintUnusualDomain)
		return
	}
	var fresh, unusual []string
	for _, d := range all {
		seen, known := c.memory.Domains[d]
		switch {
		case !known && slices.ContainsFunc(ours, func(o string) bool { return below(d, o) || below(o, d) }):
		case !known:
			fresh = append(fresh, readable(d))
		case !seen.Requester && c.memory.Requester:
			unusual = append(unusual, readable(d))
		}
	}
	c.about(approval.HintNewDomain, fresh)
	c.about(approval.HintUnusualDomain, unusual)
}

// lookalike returns the domain that a foreign name reads like, or "".
func (c *check) lookalike(n name, ours []string) string {
	domain := Registrable(n.host)
	if domain == "" {
		return ""
	}
	for _, d := range ours {
		if readsLike(n.base(), domain, d) {
			return d
		}
	}
	if similar := c.memory.Similar[domain]; len(similar) > 0 {
		return similar[0]
	}
	return ""
}

// leastAlike is the length from which on one letter's difference is no accident.
const leastAlike = 5

// readsLike compares a foreign host, whose registrable domain is given, with a
// domain of ours:
//
//	examp1e.com, exаmple.com      the same to the eye
//	exmaple.com, examplle.com     one slip of the hand away
//	example.co                    the same word, registered elsewhere
//	example.com.login.net         ours in front of somebody else's
func readsLike(host, domain, ours string) bool {
	registered := Registrable(ours)
	if registered == "" || registered == domain {
		return false // the same owner, another branch
	}
	if Skeleton(domain) == Skeleton(registered) || strings.Contains("."+host+".", "."+ours+".") {
		return true
	}
	theirs, mine := word(domain), word(registered)
	if len([]rune(mine)) < leastAlike {
		return false
	}
	return theirs == mine || near(theirs, mine) || Skeleton(theirs) == Skeleton(mine)
}

// word is the label that somebody chose when registering a domain, as it is read.
func word(domain string) string {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return readable(strings.TrimSuffix(strings.TrimSuffix(domain, suffix), "."))
}

// near reports whether two words are one insertion, deletion, replacement or swap
// of neighbours apart.
func near(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	switch len(y) - len(x) {
	case 0:
		return i < len(x) && (slices.Equal(x[i+1:], y[i+1:]) || i+1 < len(x) && x[i] == y[i+1] && x[i+1] == y[i] && slices.Equal(x[i+2:], y[i+2:]))
	case 1:
		return slices.Equal(x[i:], y[i+1:])
	}
	return false
}

package approval

import (
	"slices"
	"strings"
)

// Directory says how the names that Keyfactor knows people by belong to people
// in Slack. It looks nothing up itself: [Directory.Lookups] says what to ask
// Slack, [Directory.Relate] judges what came of it.
type Directory struct {
	// Map gives single names a person: a Slack ID, an e-mail address or an @handle.
	// What it says is final.
	Map map[string]string
	// Templates make Keyfactor's names of a person out of {localpart} (of the e-mail
	// address, before the @), {email} and {handle}: EXAMPLE\{localpart}. Where there
	// are any, a name belongs to a person only if one of them makes exactly it. Without,
	// the part without the domain is compared, which is generous in
	// taking somebody for the requester.
	Templates []string
	// NotInSlack are patterns (see [Glob]) of names that belong to nobody in Slack:
	// EXAMPLE\svc-*, Timer Service.
	NotInSlack []string
	// Domains are those of our e-mail addresses, for trying who a name belongs to.
	// Where there are none, the domain of whoever wants to decide is tried.
	Domains []string
}

// Known is a person together with their handle in Slack, without the @.
type Known struct {
	Person
	Handle string
}

// Relate says how a person relates to the requester as Keyfactor names them.
// found is whom Slack knows by [Directory.Lookups].
//
// That somebody is the requester is said easily: by the map, by a template, or, in
// the absence of templates, by a mere likeness of names. That they are not is said only with
// proof: the map names somebody else by ID, the name belongs to nobody in Slack,
// or it belongs to exactly one other person of our workspace. Everything in
// between is [RelationUnknown], and for that there is [Unresolved].
func (d Directory) Relate(requester string, k Known, found []Known) Relation {
	requester = strings.TrimSpace(requester)
	if requester == "" || k.ID == "" {
		return RelationUnknown
	}
	is := func(o Known) bool { return d.alike(requester, o) }
	target, mapped := d.mapped(requester)
	if mapped {
		is = func(o Known) bool { return named(target, o) }
	}
	var others []Known
	itself := is(k)
	for _, o := range found {
		switch {
		case o.same(k.Person):
			itself = true // an address of theirs that is not their main one
		case slices.ContainsFunc(others, func(seen Known) bool { return seen.same(o.Person) }):
		default:
			others = append(others, o)
		}
	}
	switch {
	case itself:
		return Requester
	case mapped && slackID(target), !mapped && d.notInSlack(requester):
		return SomebodyElse
	case len(others) == 1 && is(others[0]) && ours(others[0]):
		return SomebodyElse
	}
	return RelationUnknown
}

// Lookups returns what to ask Slack in order to learn who the requester is: IDs,
// e-mail addresses, and @handles. k is the person who wants to decide.
func (d Directory) Lookups(requester string, k Known) []string {
	requester = strings.TrimSpace(requester)
	if target, ok := d.mapped(requester); ok {
		if strings.Trim(target, "@") == "" {
			return nil
		}
		return []string{target}
	}
	if requester == "" || d.notInSlack(requester) {
		return nil
	}
	domains := d.Domains
	if _, domain, ok := strings.Cut(k.Email, "@"); ok && len(domains) == 0 {
		domains = []string{domain}
	}
	var all []string
	add := func(name string) {
		if !slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, name) }) {
			all = append(all, name)
		}
	}
	if address(requester) {
		add(requester)
	}
	addresses := func(localpart string) {
		for _, domain := range domains {
			if name := localpart + "@" + strings.TrimPrefix(domain, "@"); address(name) {
				add(name)
			}
		}
	}
	if len(d.Templates) == 0 {
		addresses(bare(requester))
	}
	for _, t := range d.Templates {
		if part, ok := captured(t, "{localpart}", requester); ok {
			addresses(part)
		}
		if part, ok := captured(t, "{email}", requester); ok && address(part) {
			add(part)
		}
		if part, ok := captured(t, "{handle}", requester); ok {
			add("@" + part)
		}
	}
	return all
}

// Whose returns the person whom a requester's name belongs to, of those whom Slack
// knows by [Directory.Lookups]. It is for telling them something, so here it takes
// proof to say yes: the map, a template or the whole address makes exactly this
// name of them, and of nobody else. A likeness of names is none.
func (d Directory) Whose(requester string, found []Known) (Known, bool) {
	requester = strings.TrimSpace(requester)
	target, mapped := d.mapped(requester)
	if requester == "" || !mapped && d.notInSlack(requester) {
		return Known{}, false
	}
	is := func(o Known) bool { return address(requester) && equal(requester, o.Email) }
	switch {
	case mapped:
		is = func(o Known) bool { return named(target, o) }
	case len(d.Templates) > 0:
		is = func(o Known) bool { return d.alike(requester, o) }
	}
	var who Known
	for _, o := range found {
		if who.ID != "" && o.ID != who.ID || o.ID == "" || !ours(o) || !is(o) {
			return Known{}, false
		}
		who = o
	}
	return who, who.ID != ""
}

// alike reports whether the name may be that person's.
func (d Directory) alike(requester string, k Known) bool {
	if k.Email != "" && strings.EqualFold(requester, k.Email) {
		return true
	}
	localpart, _, _ := strings.Cut(k.Email, "@")
	if len(d.Templates) == 0 {
		name := bare(requester)
		return equal(name, localpart) || equal(name, k.Handle)
	}
	for _, t := range d.Templates {
		if equal(requester, fill(t, localpart, k.Email, k.Handle)) {
			return true
		}
	}
	return false
}

// mapped asks the map, in which case does not matter.
func (d Directory) mapped(requester string) (target string, ok bool) {
	for name, to := range d.Map {
		if equal(strings.TrimSpace(name), requester) {
			return strings.TrimSpace(to), true
		}
	}
	return "", false
}

func (d Directory) notInSlack(requester string) bool {
	return slices.ContainsFunc(d.NotInSlack, func(pattern string) bool { return Glob(pattern, requester) })
}

// ours reports whether it is worth anything that a name belongs to this account.
// Apps have no names in Keyfactor, strangers may call themselves anything, and
// who has left may have come back under another account.
func ours(k Known) bool { return k.Membership == Member || k.Membership == Guest }

// named reports whether a Slack ID, an e-mail address or an @handle is this person.
func named(target string, k Known) bool {
	if handle, ok := strings.CutPrefix(target, "@"); ok {
		return equal(handle, k.Handle)
	}
	if strings.Contains(target, "@") {
		return equal(target, k.Email)
	}
	return target == k.ID
}

func slackID(target string) bool { return target != "" && !strings.Contains(target, "@") }

// bare is a name without its domain: EXAMPLE\ada and ada@example.com are ada.
func bare(requester string) string {
	_, name, ok := strings.Cut(requester, `\`)
	if !ok {
		name = requester
	}
	local, _, _ := strings.Cut(name, "@")
	return local
}

// fill makes a name, or nothing where what the template asks for is not known.
func fill(template, localpart, email, handle string) string {
	for _, place := range []struct{ name, value string }{{"{localpart}", localpart}, {"{email}", email}, {"{handle}", handle}} {
		if strings.Contains(template, place.name) && place.value == "" {
			return ""
		}
	}
	return strings.NewReplacer("{localpart}", localpart, "{email}", email, "{handle}", handle).Replace(template)
}

// captured reads a template backwards: what must stand in the place for it to
// make this name.
func captured(template, place, name string) (string, bool) {
	before, after, ok := strings.Cut(template, place)
	if !ok || strings.ContainsAny(after, "{}") || len(name) <= len(before)+len(after) {
		return "", false
	}
	part := name[len(before) : len(name)-len(after)]
	if !strings.EqualFold(name[:len(before)], before) || !strings.EqualFold(name[len(name)-len(after):], after) {
		return "", false
	}
	return part, true
}

// address reports whether a name is worth asking for as an e-mail address.
func address(name string) bool {
	local, domain, ok := strings.Cut(name, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(name, "\\ \t\r\n<>,;") && !strings.Contains(domain, "@")
}

// equal compares names, of which an empty one is nobody's.
func equal(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// Glob reports whether a text fits a pattern of * (any run, also of dots, slashes
// and backslashes: EXAMPLE\alice is a plain name here) and ? (any one rune).
// The whole text must fit; case does not matter.
func Glob(pattern, text string) bool {
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

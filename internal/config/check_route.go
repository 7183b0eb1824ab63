package config

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/approvebot/approvebot/internal/approval"
)

// The limits of a route's settings.
const (
	// maxQuorum keeps the names of all who decided inside the one comment that
	// Keyfactor gets.
	maxQuorum    = 10
	maxMinLength = 200
	minExpiry    = time.Minute
	defaultClaim = 30 * time.Minute
	maxClaim     = 24 * time.Hour
	// Slack's limits on the options of a select.
	maxReasons     = 100
	maxReasonRunes = 75
)

func (l *loader) checkRoutes(routes []Route) {
	if len(routes) == 0 {
		l.fail("routes", "there is no route, so nothing would be shown to anybody; add one with name, channels and approvers")
		return
	}
	var names []string
	all := -1 // the first route that takes everything
	for i, r := range routes {
		at := item("routes", i)
		if r.Name == "" {
			l.fail(at+".name", "is not set; logs and cards name the route that took a request")
		} else if slices.Contains(names, r.Name) {
			l.fail(at+".name", "%q is the name of an earlier route; give each its own", r.Name)
		}
		names = append(names, r.Name)
		l.checkRoute(at, r)
		if all >= 0 {
			l.warn(at, "is never reached: %q before it takes every request", routes[all].Name)
		} else if len(r.Match.criteria()) == 0 {
			all = i
		}
	}
	if all < 0 {
		l.warn("routes", "requests that none of the routes matches are shown to nobody; a last route without match catches them")
	}
}

func (l *loader) checkRoute(at string, r Route) {
	if len(r.Channels) == 0 && r.DirectMessages != DirectMessagesOnly {
		l.fail(at+".channels", `is empty; name at least one channel, in quotes because of the #: ["#pki-approvals"]`)
	}
	if len(r.Channels) > 0 && r.DirectMessages == DirectMessagesOnly {
		l.fail(at+".direct_messages", "says only, but there are channels; remove them, or say also")
	}
	for i, channel := range r.Channels {
		path := item(at+".channels", i)
		switch {
		case !l.given(path):
		case !channelPattern.MatchString(channel):
			l.fail(path, `%q is not a channel; write "#pki-approvals" (lower case) or its ID, C012ABCDEF`, channel)
		case slices.Contains(r.Channels[:i], channel):
			l.fail(path, "%s is listed twice", channel)
		}
	}
	if r.Approvers.Empty() {
		l.fail(at+".approvers", `nobody may decide; name people under users or user groups under groups: {users: ["@ada", ben@example.com]}`)
	}
	l.checkPeople(at+".approvers", r.Approvers)
	l.oneOf(at+".direct_messages", r.DirectMessages, DirectMessagesNone, DirectMessagesAlso, DirectMessagesOnly)
	l.checkQuorum(at+".quorum", r)
	l.oneOf(at+".denial", r.Denial, DenialEnds, DenialCounts)
	l.oneOf(at+".self_approval", r.SelfApproval, SelfApprovalDeny, SelfApprovalAllow)
	l.oneOf(at+".unresolved_requester", r.UnresolvedRequester, UnresolvedDeny, UnresolvedSecond, UnresolvedAllow)
	l.oneOf(at+".confirm", r.Confirm, ConfirmNone, ConfirmCommonName)
	l.oneOf(at+".chat", r.Chat, ChatDecide, ChatShowOnly)
	if r.ExpiresAfter < minExpiry && l.given(at+".expires_after") {
		l.fail(at+".expires_after", "must be at least %v; leave it out where requests do not expire", minExpiry)
	}
	if r.ClaimFor < 0 || r.ClaimFor > maxClaim || 0 < r.ClaimFor && r.ClaimFor < time.Minute {
		l.fail(at+".claim_for", "must be between 1m and %v, or 0s to leave it out", maxClaim)
	}
	l.oneOf(at+".delegation", r.Delegation, DelegationDeny, DelegationAllow)
	l.checkReminders(at+".reminders", r)
	l.checkHours(at+".hours", r)
	l.checkComment(at+".comment", r.Comment)
	l.checkHints(at+".hints", r.Hints)
	l.checkMatch(at+".match", r.Match)
}

func (l *loader) checkQuorum(at string, r Route) {
	q := r.Quorum
	l.checkGroups(at+".from", q.From)
	switch count := at + ".count"; {
	case q.Count < 1 || q.Count > maxQuorum:
		l.fail(count, "must be between 1 and %d", maxQuorum)
	case q.Count < len(q.From):
		l.fail(count, "is %d, but one person from each of %d groups makes %d", q.Count, len(q.From), len(q.From))
	case len(r.Approvers.Groups) == 0 && len(r.Approvers.Users) > 0 && q.Count > len(r.Approvers.Users):
		l.fail(count, "can never be reached: only %d may decide", len(r.Approvers.Users))
	}
	for i, group := range q.From {
		if !slices.Contains(r.Approvers.Groups, group) {
			l.warn(item(at+".from", i), "%s is not among the approvers' groups, so only those of its members count who are approvers otherwise", group)
		}
	}
}

func (l *loader) checkComment(at string, c Comment) {
	l.oneOf(at+".approve", c.Approve, CommentRequired, CommentOptional, CommentOff)
	l.oneOf(at+".deny", c.Deny, CommentRequired, CommentOptional, CommentOff)
	if c.MinLength < 0 || c.MinLength > maxMinLength {
		l.fail(at+".min_length", "must be between 0 and %d", maxMinLength)
	}
	reasons := at + ".deny_reasons"
	l.checkTexts(reasons, c.DenyReasons)
	switch {
	case len(c.DenyReasons) > maxReasons:
		l.fail(reasons, "has more than %d entries, which is all that Slack shows", maxReasons)
	case len(c.DenyReasons) > 0 && c.Deny == CommentOff:
		l.fail(reasons, "are never offered, because comment.deny is off")
	}
	for i, reason := range c.DenyReasons {
		if utf8.RuneCountInString(reason) > maxReasonRunes {
			l.fail(item(reasons, i), "is longer than %d characters, which is all that Slack shows", maxReasonRunes)
		}
	}
}

// checkTexts wants a list of different texts.
func (l *loader) checkTexts(path string, texts []string) {
	for i, text := range texts {
		switch at := item(path, i); {
		case !l.given(at):
		case strings.TrimSpace(text) == "":
			l.fail(at, "is empty")
		case slices.ContainsFunc(texts[:i], func(t string) bool { return strings.EqualFold(t, text) }):
			l.fail(at, "%q is listed twice", text)
		}
	}
}

func (l *loader) checkMatch(at string, m Match) {
	for path, empty := range map[string]bool{
		"kind": len(m.Kind) == 0, "type": len(m.Type) == 0, "definition": len(m.Definition) == 0, "step": len(m.Step) == 0,
		"template": len(m.Template) == 0, "ca": len(m.CA) == 0, "subject": len(m.Subject) == 0, "san": len(m.SAN) == 0,
		"requester": len(m.Requester) == 0, "key_type": len(m.KeyType) == 0, "key_size": len(m.KeySize) == 0, "fields": len(m.Fields) == 0,
	} {
		if path = join(at, path); empty && l.given(path) {
			l.fail(path, "is an empty list; remove it, or say what to match")
		}
	}
	for name, patterns := range m.Fields {
		if strings.TrimSpace(name) == "" {
			l.fail(at+".fields", "has a field without a name")
		}
		if len(patterns) == 0 {
			l.fail(join(at+".fields", name), "is an empty list; remove it, or say what to match")
		}
	}
	for _, c := range m.criteria() {
		path := join(at, c.key)
		for i, pattern := range c.patterns {
			place := path
			if l.given(item(path, i)) {
				place = item(path, i)
			}
			if wrong := CheckPattern(c.key, pattern); wrong != "" {
				l.fail(place, "%s", wrong)
			}
		}
	}
}

// CheckPattern says in a sentence what is wrong with a pattern for a key of
// [Match], or "".
func CheckPattern(key, pattern string) string {
	plain, excluded := strings.CutPrefix(pattern, "!")
	expression, regular := strings.CutPrefix(plain, "~")
	switch {
	case excluded && plain == "":
		return "says ! and then nothing; say what is not to match"
	case strings.HasPrefix(plain, "!"):
		return "says ! twice; once is enough"
	case key == "key_size":
		if pattern != "" && !sizePattern.MatchString(strings.TrimSpace(plain)) {
			return `"` + pattern + `" is not a size in bits; write 2048, ">=3072" or "<3072"`
		}
	case regular && expression == "":
		return "says ~ and then nothing; a regular expression follows it"
	case regular:
		if _, err := compile(expression); err != nil {
			return "is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		}
	case key == "kind" && plain != string(approval.Workflow) && plain != string(approval.Certificate):
		return `"` + plain + `" is not known here; it is workflow or certificate`
	}
	return ""
}

package blocks

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// Needs is what is missing until enough people have approved.
type Needs struct {
	// People is how many more people must approve.
	People int
	// Groups are those of which somebody must still approve, as configuration names
	// them. One of the missing people can stand for one of them.
	Groups []string
}

// people is how many must come at least, whatever the numbers say.
func (n Needs) people() int { return max(n.People, len(n.Groups)) }

// words are "one more person", "2 more people, among them somebody of `@a`", or
// "" where nobody is missing.
func (n Needs) words() string {
	groups := make([]string, len(n.Groups))
	for i, g := range n.Groups {
		groups[i] = "somebody of " + group(g)
	}
	some := and(groups, maxNeeds)
	switch n.people() {
	case 0:
		return ""
	case len(groups):
		return some
	}
	out := plural(n.people(), "more person", "more people")
	if n.people() == 1 {
		out = "one more person"
	}
	if some != "" {
		out += ", among them " + some
	}
	return out
}

var groupID = regexp.MustCompile(`^S[A-Z0-9]{2,31}$`)

// group names a user group in mrkdwn.
func group(name string) string {
	if groupID.MatchString(name) {
		return "<!subteam^" + name + ">"
	}
	return code(name, maxLabel)
}

// and joins "a", "b" and "c" to "a, b and c". What does not fit is counted.
func and(items []string, limit int) string {
	all := strings.Join(items, ", ")
	switch {
	case len(items) < 2:
		return all
	case runes(all)+len(" and ") > limit:
		return joinSome(items, len(items), ", ", limit)
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " and " + items[last]
}

// voices are everybody who made a decision, in the order of their votes.
func voices(d approval.Decision) []approval.Voice {
	return append(append([]approval.Voice{}, d.With...), approval.Voice{By: d.By, Comment: d.Comment, For: d.For})
}

// everybody names all who made a decision: "<@U1>, <@U2> and <@U3>".
func everybody(d approval.Decision) string { return mentions(voices(d)) }

func mentions(all []approval.Voice) string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = voice(v)
	}
	return and(names, maxVoters)
}

func has(people int) string {
	if people == 1 {
		return " has"
	}
	return " have"
}

// cast are the votes for one verdict, or for any.
func cast(votes []approval.Vote, verdict approval.Verdict) []approval.Voice {
	var out []approval.Voice
	for _, v := range votes {
		if verdict == "" || v.Verdict == verdict {
			out = append(out, approval.Voice{By: v.By, Comment: v.Comment, For: v.For})
		}
	}
	return out
}

// tally says where the votes stand:
//
//	2 of 3 people have approved: <@U1> and <@U2>. Missing: somebody of `@pki-security`.
func tally(votes []approval.Vote, needs Needs) string {
	var out []string
	approved, denied := cast(votes, approval.Approve), cast(votes, approval.Deny)
	all, missing := len(approved)+needs.people(), needs.words()
	switch {
	case len(approved) > 0 && all == 1:
		out = append(out, mentions(approved)+" has approved.")
	case len(approved) > 0:
		out = append(out, fmt.Sprintf("%d of %d people", len(approved), all)+has(len(approved))+" approved: "+mentions(approved)+".")
	case all > 1:
		out = append(out, fmt.Sprintf("%d people must approve.", all))
	}
	if missing != "" && (len(approved) > 0 || len(needs.Groups) > 0) {
		out = append(out, "Missing: "+missing+".")
	}
	if len(denied) > 0 {
		out = append(out, mentions(denied)+has(len(denied))+" denied.")
	}
	return strings.Join(out, " ")
}

// comments quotes what people wrote. A single one needs no name: the status tells it.
func comments(all []approval.Voice, named bool) []slack.RichTextElement {
	var wrote []approval.Voice
	for _, v := range all {
		if v.Comment = prose(v.Comment, maxComment); v.Comment != "" {
			wrote = append(wrote, v)
		}
	}
	shown := wrote[:min(len(wrote), maxQuotes)]
	var parts []slack.RichTextElement
	for _, v := range shown {
		label := "Comment"
		if named {
			label = "Comment of " + or(visible(v.By.Name, maxLabel))
		}
		parts = append(parts, slack.NewRichTextSection(bold(label)), quote(prose(v.Comment, min(maxComment, maxQuoted/len(shown)))))
	}
	if n := len(wrote) - len(shown); n > 0 {
		parts = append(parts, slack.NewRichTextSection(text("and "+plural(n, "more comment", "more comments"))))
	}
	return parts
}

package blocks

import (
	"fmt"
	"strings"
)

// FoundView is the answer to a search.
type FoundView struct {
	Text  string
	Found []FoundItem
	// Looked is how many requests were looked at, All that there are no more.
	Looked int
	All    bool
}

// FoundItem is a request that was found.
type FoundItem struct {
	Card CardView
	Link string
}

// FoundText lists what was found, the latest first.
func FoundText(v FoundView) Message {
	if len(v.Found) == 0 {
		return Message{Text: "Nothing that you may see fits " + code(v.Text, maxFilter) + ". You see what is shown in this channel or to you, and what you may decide; admins of approvebot see all." + v.rest()}
	}
	lines := make([]string, len(v.Found))
	for i, f := range v.Found {
		r := f.Card.Request
		s := statusLine(f.Card)
		line := "• " + s.sign + " " + escape(matter(r), maxLabel) + " " + code(object(r), 90)
		if ref := visible(r.Reference, 40); ref != "" {
			line += ", request " + code(ref, 40)
		}
		if who := visible(r.Requester, 60); who != "" {
			line += " by " + code(who, 60)
		}
		line += ": " + strings.ToLower(s.head[:1]) + s.head[1:]
		if l := hyperlink(f.Link, "Show card"); l != "Show card" {
			line += " · " + l
		}
		lines[i] = line
	}
	return Message{Text: "*" + plural(len(v.Found), "request fits", "requests fit") + "* " + code(v.Text, maxFilter) + listed(lines, len(lines), maxListed) + v.rest()}
}

// rest says that there is more to look at.
func (v FoundView) rest() string {
	if v.All {
		return ""
	}
	return fmt.Sprintf("\nOnly the latest %d requests were looked at; another word narrows it down.", v.Looked)
}

package blocks

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// What requesters are told holds only what they have said themselves, and what
// became of it: neither the other facts nor what approvers see and write among
// themselves. Only the reason of a denial is for them.

// RequesterSeen tells a requester that their request waits for somebody.
func RequesterSeen(r approval.Request) Message {
	return reply("⏳ " + yours(r) + " has arrived and waits for approval. You will hear here what becomes of it.")
}

// RequesterSettled tells a requester how their request ended. d is the decision
// that was made in Slack, if any.
func RequesterSettled(r approval.Request, o approval.Outcome, d *approval.Decision) Message {
	if d != nil && (d.Verdict.State() != o.State || o.Reason == approval.DecidedElsewhere) {
		d = nil // it was overtaken, which is not theirs to sort out
	}
	s := settled(o, d)
	var reason []slack.RichTextElement
	if d != nil && d.Verdict == approval.Deny {
		reason = quotes(*d)
	}
	m := reply(s.sign+" "+yours(r)+": "+s.sentence(), reason...)
	if c := denial(d); c != "" {
		m.Text += " Reason: " + c
	}
	return m
}

// yours names a request to whoever made it.
func yours(r approval.Request) string {
	out := "Your " + escape(matter(r), 60) + " for "
	if m, known := matters[r.Type]; known {
		out = "Your " + strings.ToLower(m) + " for "
	}
	if r.Type == "Revocation" {
		out = "Your revocation of "
	}
	out += code(object(r), 100)
	if ref := visible(r.Reference, 60); ref != "" {
		out += " (number " + escape(ref, 60) + " in Keyfactor)"
	}
	return out
}

// denial is the reason for notifications and screen readers.
func denial(d *approval.Decision) string {
	if d == nil || d.Verdict != approval.Deny {
		return ""
	}
	return escape(prose(d.Comment, maxQuoted), maxQuoted)
}

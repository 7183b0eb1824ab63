package blocks

import (
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// status is where a request stands, as mrkdwn of ours. The sign repeats what
// the words say, never more.
type status struct {
	sign string // ✅
	head string // Approved
	rest string // by <@U1>, 3 May at 10:12
	tail string // further sentences, each on its line
}

// mrkdwn is the status with its head in bold and the tail on its own line.
func (s status) mrkdwn() string {
	out := s.sign + " *" + s.head + "*" + gap(s.rest) + s.rest
	if s.tail != "" {
		out += "\n" + s.tail
	}
	return out
}

// sentence is the status without formatting, for notifications and inside other sentences.
func (s status) sentence() string {
	return s.head + gap(s.rest) + s.rest + "." + gap(s.tail) + strings.ReplaceAll(s.tail, "\n", " ")
}

// gap is the space before a continuation, unless that begins with a comma or is missing.
func gap(s string) string {
	if s == "" || strings.HasPrefix(s, ",") {
		return ""
	}
	return " "
}

func statusLine(v CardView) status {
	switch {
	case v.State.Final():
		o := approval.Outcome{State: v.State}
		if v.Outcome != nil {
			o = *v.Outcome
		}
		return settled(o, v.Decision)
	case v.State == approval.Deciding:
		return deciding(v.Decision, v.Sent)
	}
	return pending(v)
}

func pending(v CardView) status {
	s := status{sign: "⏳", head: "Waiting for a decision", tail: v.missing()}
	switch {
	case v.sealed(approval.Approve) == "" && v.sealed(approval.Deny) == "":
		s.rest = "that cannot be made from here"
	case v.Approvers != "":
		s.rest = "by " + approvers(v.Approvers)
		s.tail = strings.TrimSpace(v.Deciders.sentence() + "\n" + s.tail)
	}
	return s
}

// missing says who must still approve here, and how many approvals Keyfactor
// still wants. Of the latter the one that everybody expects is told only beside
// others, lest they be taken for it.
func (v CardView) missing() string {
	out := tally(v.Votes, v.Needs)
	if n := v.Request.Missing; n > 1 || n == 1 && (out != "" || len(v.Counted) > 0) {
		out += "\nKeyfactor wants " + plural(n, "more approval", "more approvals") + " at this step."
	}
	return strings.TrimSpace(out)
}

// approvers cuts the list between two names, never inside a mention.
func approvers(list string) string {
	if runes(list) <= maxApprovers {
		return list
	}
	names := strings.Split(list, ", ")
	return joinSome(names, len(names), ", ", maxApprovers)
}

func deciding(d *approval.Decision, sent bool) status {
	if d == nil {
		return status{sign: "📨", head: "A decision is being sent to Keyfactor"}
	}
	head := noun(d.Verdict) + " is being sent to Keyfactor"
	if sent {
		head = "Keyfactor has the " + strings.ToLower(noun(d.Verdict))
	}
	return status{sign: "📨", head: head, rest: ", decided by " + everybody(*d) + at(d.At)}
}

func noun(v approval.Verdict) string {
	if v == approval.Approve {
		return "Approval"
	}
	return "Denial"
}

// ending is how a reason reads after the state, and what it means.
type ending struct{ closed, tail string }

var endings = map[approval.Reason]ending{
	approval.MovedOn:    {"moved on", "The workflow has left this step and goes on."},
	approval.Restarted:  {"restarted", "The workflow was restarted; the new run is a request of its own."},
	approval.Failed:     {"failed", "The workflow failed; Keyfactor knows why."},
	approval.Gone:       {"gone", "Keyfactor no longer knows this request."},
	approval.Hidden:     {"hidden", "Keyfactor no longer lets approvebot read this request, so its end is not known here."},
	approval.HandedOver: {"handed over", "The workflow is done. The CA now wants its own approval, which is a request of its own."},
	approval.Expired:    {"expired", "Nobody decided in time."},
	approval.Counted:    {"counted", "Keyfactor counted the decision and waits for further approvers."},
}

// settled is the end of a request, whoever brought it about.
func settled(o approval.Outcome, d *approval.Decision) status {
	s := status{tail: endings[o.Reason].tail}
	ours := d != nil && d.Verdict.State() == o.State && o.Reason != approval.DecidedElsewhere
	switch {
	case o.Reason == approval.Counted && d != nil:
		// Not "Approved": the request is not, it only comes closer to it.
		s.sign, s.head, ours = "☑️", noun(d.Verdict)+" counted", true
	case o.State == approval.Approved:
		s.sign, s.head = "✅", "Approved"
	case o.State == approval.Denied:
		s.sign, s.head = "⛔", "Denied"
	default:
		s.sign, s.head = "⚪", "Closed"
		if how := endings[o.Reason].closed; how != "" {
			s.head += ": " + how
		}
	}
	if o.Reason == approval.DecidedElsewhere {
		s.head += " in Keyfactor"
	}
	if ours {
		s.rest = "by " + everybody(*d) + at(d.At)
		return s
	}
	if o.By != "" {
		s.rest = "by " + code(o.By, 100)
	}
	s.rest += at(o.At)
	if d != nil {
		s.tail = strings.TrimSpace(s.tail + " " + overtaken(o, *d))
	}
	return s
}

// overtaken says what became of a decision that is not the outcome.
func overtaken(o approval.Outcome, d approval.Decision) string {
	had := everybody(d) + " had decided to " + string(d.Verdict) + at(d.At)
	switch o.Reason {
	case approval.DecidedElsewhere, approval.Restarted, approval.Expired:
		return had + "; that came too late."
	case approval.MovedOn, approval.HandedOver, approval.Failed:
		return had + "."
	}
	return had + "; whether that took effect is not known."
}

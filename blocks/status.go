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
	rest string // by <@U1> · 3 May at 10:12
	tail string // a further sentence
}

func (s status) mrkdwn() string {
	return join(s.sign, "*"+s.head+"*"+gap(s.rest)+s.rest, newline(s.tail))
}

// plain is the status as one sentence or two, for a notification.
func (s status) plain() string {
	return strings.ToLower(s.head[:1]) + s.head[1:] + gap(s.rest) + strings.TrimSuffix(s.rest, ".") + "." + gap(s.tail) + s.tail
}

func gap(s string) string {
	if s == "" || strings.HasPrefix(s, " ") || strings.HasPrefix(s, ",") {
		return ""
	}
	return " "
}

func newline(s string) string {
	if s == "" {
		return ""
	}
	return "\n" + s
}

func join(sign, line, more string) string { return sign + " " + line + more }

func statusLine(v CardView) status {
	switch {
	case v.State.Final():
		o := approval.Outcome{State: v.State}
		if v.Outcome != nil {
			o = *v.Outcome
		}
		return settled(o, v.Decision)
	case v.State == approval.Deciding:
		return deciding(v.Decision)
	}
	return pending(v)
}

func pending(v CardView) status {
	s := status{sign: "⏳", head: "Waiting for a decision", tail: missing(v.Request)}
	switch {
	case v.sealed(approval.Approve) == "" && v.sealed(approval.Deny) == "":
		s.head = "Waiting in Keyfactor"
		s.rest = "· it cannot be decided from here"
	case v.Approvers != "":
		s.rest = "by " + approvers(v.Approvers)
	}
	return s
}

// missing says how many approvals Keyfactor still wants, where it is more than the one everybody expects.
func missing(r approval.Request) string {
	if r.Missing < 2 {
		return ""
	}
	return "Keyfactor wants " + plural(r.Missing, "more approval", "more approvals") + " at this step, each by another account."
}

// approvers clips the list between two names, never inside a mention.
func approvers(list string) string {
	if runes(list) <= maxApprovers {
		return list
	}
	return joinSome(strings.Split(list, ", "), ", ", maxApprovers)
}

func deciding(d *approval.Decision) status {
	s := status{sign: "📨", head: "A decision is being sent to Keyfactor"}
	if d != nil {
		s.head = noun(d.Verdict) + " is being sent to Keyfactor"
		s.rest = "· decided by " + mention(d.By) + when(d.At)
	}
	return s
}

func noun(v approval.Verdict) string {
	if v == approval.Approve {
		return "Approval"
	}
	return "Denial"
}

// tails say what a reason means, after the head that says what the state is.
var tails = map[approval.Reason]string{
	approval.Counted:    "Keyfactor counted it and waits for further approvers.",
	approval.MovedOn:    "The workflow has left this step and goes on.",
	approval.Restarted:  "The workflow was restarted; the new run is a request of its own.",
	approval.Failed:     "The workflow failed. See Keyfactor for the reason.",
	approval.Gone:       "Keyfactor no longer knows this request.",
	approval.Hidden:     "Keyfactor no longer lets approvebot read this request, so how it ended is not known here.",
	approval.HandedOver: "The workflow is done; the CA now wants its own approval, which is a request of its own.",
	approval.Expired:    "Nobody decided in time.",
}

// settled is the end of a request, whoever brought it about.
func settled(o approval.Outcome, d *approval.Decision) status {
	s := status{tail: tails[o.Reason]}
	switch o.State {
	case approval.Approved:
		s.sign, s.head = "✅", "Approved"
	case approval.Denied:
		s.sign, s.head = "⛔", "Denied"
	default:
		s.sign, s.head = "⚪", "Closed"
	}
	ours := d != nil && d.Verdict.State() == o.State && o.Reason != approval.DecidedElsewhere
	switch {
	case ours:
		s.rest = "by " + mention(d.By) + when(d.At)
	case o.Reason == approval.DecidedElsewhere:
		s.head += " in Keyfactor"
		fallthrough
	default:
		if o.By != "" {
			s.rest = "by " + code(o.By, 100)
		}
		s.rest += when(o.At)
	}
	if o.Reason == approval.Failed {
		s.sign = "❌"
	}
	if d != nil && !ours {
		late := mention(d.By) + " had decided to " + string(d.Verdict) + when(d.At)
		s.tail = strings.TrimSpace(s.tail + " " + late + "; that took no effect.")
	}
	return s
}

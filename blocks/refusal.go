package blocks

import (
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// RefusalReason is why a click led to nothing. The values are stable: they
// stand in the audit log and in metrics.
type RefusalReason string

// The reasons.
const (
	NotApprover    RefusalReason = "not_approver"
	Guest          RefusalReason = "guest"
	Outsider       RefusalReason = "outsider"
	Deactivated    RefusalReason = "deactivated"
	UnknownPerson  RefusalReason = "unknown_person"
	Robot          RefusalReason = "robot"
	SelfApproval   RefusalReason = "self_approval"
	AlreadyDecided RefusalReason = "already_decided"
	AlreadySettled RefusalReason = "already_settled"
	Changed        RefusalReason = "changed"
	StaleButton    RefusalReason = "stale_button"
	UnknownRequest RefusalReason = "unknown_request"
	NoRoute        RefusalReason = "no_route"
	NotOffered     RefusalReason = "not_offered"
	StorageDown    RefusalReason = "storage_down"
	SlackDown      RefusalReason = "slack_down"
	KeyfactorDown  RefusalReason = "keyfactor_down"

	NotDecider       RefusalReason = "not_decider" // narrowed by a subscription
	AlreadyVoted     RefusalReason = "already_voted"
	NotVoted         RefusalReason = "no_vote" // nothing to withdraw
	Expired          RefusalReason = "expired"
	ShowOnly         RefusalReason = "show_only"
	RequesterUnknown RefusalReason = "requester_unknown"
	SharedChannel    RefusalReason = "shared_channel"
	StepUp           RefusalReason = "step_up"
	// Hinted: it cannot be approved among others, because something was found about it.
	Hinted RefusalReason = "hinted"
)

// RefusalReasons are all of them, in the order above.
var RefusalReasons = []RefusalReason{
	NotApprover, Guest, Outsider, Deactivated, UnknownPerson, Robot, SelfApproval, AlreadyDecided, AlreadySettled,
	Changed, StaleButton, UnknownRequest, NoRoute, NotOffered, StorageDown, SlackDown, KeyfactorDown,
	NotDecider, AlreadyVoted, NotVoted, Expired, ShowOnly, RequesterUnknown, SharedChannel, StepUp, Hinted,
}

// RefusalView is what is known when a click is refused; all of it is optional.
type RefusalView struct {
	Request   approval.Request
	Verdict   approval.Verdict   // what was pressed
	Decision  *approval.Decision // somebody's, for AlreadyDecided and AlreadySettled
	Outcome   *approval.Outcome  // for AlreadySettled
	Approvers string             // who may decide, mrkdwn as in [CardView]
	Admins    string             // whom to ask, mrkdwn
	Needs     Needs              // who is missing, for AlreadyVoted
	Deciders  Narrowing          // whom the channel's subscriptions leave, for NotDecider
	Elsewhere []string           // channels in which the person may decide it, for NotDecider
}

// Refusal answers a person whose click led to nothing: why, and what to do
// next. It is mrkdwn, for an ephemeral message or a [NoticeModal].
func Refusal(reason RefusalReason, v RefusalView) string {
	switch reason {
	case NotApprover:
		return "You are not among those who may decide this request. " + v.askApprovers()
	case NotDecider:
		return v.narrowed()
	case Guest:
		return "Guests of this workspace may not decide requests. " + v.askApprovers()
	case Outsider:
		return "Only members of our own workspace may decide requests. " + v.askApprovers()
	case Deactivated:
		return "Slack says that your account is deactivated. Nothing was decided."
	case Robot:
		return "Apps and bots may not decide requests. Nothing was decided."
	case UnknownPerson:
		return "Slack did not tell us who you are, so nothing was decided. Try again in a minute."
	case SelfApproval:
		return "You asked for this yourself, so somebody else has to decide. " + v.askApprovers()
	case AlreadyDecided:
		return v.already() + " There is nothing more to do; the card shows when Keyfactor has it."
	case AlreadySettled:
		return v.already() + " There is nothing more to do."
	case Changed:
		return "The request changed after this card was drawn, so nothing was decided. The card shows it as it is now: look at it again, then decide."
	case StaleButton:
		return "This button is too old or not from approvebot, so nothing was decided. Use the buttons of the request's newest card."
	case UnknownRequest:
		return "approvebot does not know this request any more, so nothing was decided. " + v.inKeyfactor("Look it up in Keyfactor")
	case NoRoute:
		return "No route of the configuration says who may decide this request, so nothing was decided. " + v.askAdmins()
	case NotOffered:
		return "This request cannot be " + v.past() + " from Slack. " + v.inKeyfactor("Decide it in Keyfactor")
	case AlreadyVoted:
		return v.voted()
	case NotVoted:
		return "There is no vote of yours to withdraw, so nothing changed."
	case Expired:
		return "This request waited longer than its route allows for decisions from Slack, so nothing was decided. " + v.inKeyfactor("Decide it in Keyfactor")
	case ShowOnly:
		return "Requests like this one are only shown in Slack, so nothing was decided. " + v.inKeyfactor("Decide it in Keyfactor")
	case RequesterUnknown:
		return "It is not known who in Slack asked for this, so it might be your own request and you cannot approve it from here. Nothing was decided. You can deny it. " + v.askAdmins()
	case SharedChannel:
		return "This channel is shared with another organisation, and requests are not decided in shared channels. Nothing was decided. " + v.inKeyfactor("Decide it in Keyfactor")
	case StepUp:
		return "What you typed is not what was to be confirmed, so nothing was decided. Press the button again and type it exactly."
	case Hinted:
		return "There is a warning about this request, so it is not approved among others. Look at its card."
	case StorageDown:
		return "approvebot cannot write down decisions at the moment. Nothing was decided. Try again in a minute."
	case SlackDown:
		return "Slack did not answer us in time. Nothing was decided. Try again in a minute."
	case KeyfactorDown:
		return "Keyfactor does not answer at the moment. Nothing was decided. Try again in a minute."
	}
	return "Nothing was decided. Try again in a minute, or decide in Keyfactor."
}

// voted says that a vote is counted, and what has to come yet.
func (v RefusalView) voted() string {
	out := "You have voted on this request already, and your vote counts."
	if v.Verdict != "" {
		out = "You have already " + v.Verdict.Past() + " this request, and your vote counts."
	}
	if missing := v.Needs.words(); missing != "" {
		return out + " Missing: " + missing + "."
	}
	return out + " There is nothing more to do."
}

// narrowed says whom a subscription leaves deciding here, and where else the
// person may.
func (v RefusalView) narrowed() string {
	out := v.Deciders.sentence()
	if out == "" {
		out = "A subscription keeps deciding this request here to others."
	}
	out += " Nothing was decided."
	if len(v.Elsewhere) == 0 {
		return out + " Ask one of them, or an admin of approvebot" + v.admins() + "."
	}
	rooms := make([]string, len(v.Elsewhere))
	for i, c := range v.Elsewhere {
		if rooms[i] = room(c); strings.HasPrefix(c, "U") || strings.HasPrefix(c, "W") {
			rooms[i] = "your direct messages"
		}
	}
	return out + " You can decide it on its card in " + and(rooms, maxShownIn) + "."
}

func (v RefusalView) admins() string {
	if v.Admins == "" {
		return ""
	}
	return ": " + approvers(v.Admins)
}

func (v RefusalView) askApprovers() string {
	if v.Approvers == "" {
		return "Nothing was decided. " + v.askAdmins()
	}
	return "Nothing was decided. It can be decided by " + approvers(v.Approvers) + "."
}

func (v RefusalView) askAdmins() string {
	return "Ask an admin of approvebot" + v.admins() + "."
}

func (v RefusalView) inKeyfactor(label string) string { return hyperlink(v.Request.Link, label) + "." }

func (v RefusalView) past() string {
	if v.Verdict == "" {
		return "decided"
	}
	return v.Verdict.Past()
}

// already names who was first, and when.
func (v RefusalView) already() string {
	switch {
	case v.Outcome != nil:
		return "This request is settled. " + settled(*v.Outcome, v.Decision).sentence()
	case v.Decision != nil:
		return everybody(*v.Decision) + has(len(v.Decision.With)+1) + " already " + v.Decision.Verdict.Past() + " this request" + at(v.Decision.At) + "."
	}
	return "This request is already decided."
}

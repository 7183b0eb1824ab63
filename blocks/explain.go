package blocks

import (
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// ExplainView is all that is known about why a request went where it went.
type ExplainView struct {
	Request approval.Request
	State   approval.State
	// Routes are those that were asked, in their order, up to the one that took it.
	Routes []ExplainRoute
	// Channels are where it is shown: ids, or names as configured.
	Channels []string
	// Narrowed are those channels in which subscriptions leave fewer people deciding.
	Narrowed []ExplainNarrowing
	// People are those whom the route names, and whoever else was asked about.
	People []ExplainPerson
	Votes  []approval.Vote
	Needs  Needs
}

// ExplainRoute is what one route said.
type ExplainRoute struct {
	Name  string
	Taken bool
	// Why is what fitted, or the first thing that did not: "template is WebServer, not VPN*".
	Why string
}

// ExplainNarrowing is whom subscriptions leave deciding in one channel.
type ExplainNarrowing struct {
	Channel  string
	Deciders Narrowing
}

// ExplainPerson is one person and why they may not approve or deny; nothing means that they may.
type ExplainPerson struct {
	Person        approval.Person
	Approve, Deny RefusalReason
}

// ExplainText tells which route took a request, and who may decide it and why,
// for the person who asked:
//
//	*Certificate request* `web01.example.com` is pending.
//	*Routes*
//	• `vpn` does not take it: `template is WebServer, not VPN*`
//	• `production` takes it: `template is WebServer`
//	Shown in <#C0PKI>.
//	*Who may decide*
//	• <@U1> may approve and deny
//	• <@U2> may not: guests of the workspace may not decide
func ExplainText(v ExplainView) Message {
	out := "*" + escape(matter(v.Request), 50) + "* " + code(object(v.Request), 90) + " is " + or(visible(string(v.State), 20)) + "."
	var routes []string
	taken := false
	for _, r := range v.Routes {
		taken = taken || r.Taken
		routes = append(routes, r.line())
	}
	if len(routes) > 0 {
		out += "\n*Routes*" + listed(routes, len(routes), maxRoutes)
	}
	if !taken {
		return Message{Text: out + "\nNo route of the configuration takes it, so nobody is asked about it. Add a route that matches it."}
	}
	rooms := make([]string, len(v.Channels))
	for i, c := range v.Channels {
		rooms[i] = room(c)
	}
	if len(rooms) > 0 {
		out += "\nShown in " + and(rooms, maxShownIn) + "."
	}
	people := make([]string, len(v.People))
	for i, p := range v.People {
		people[i] = "• " + mention(p.Person) + " " + p.words()
	}
	out += "\n*Who may decide*"
	if len(people) == 0 {
		out += "\nNobody whom Slack knows."
	}
	out += listed(people, len(people), maxPeople) + narrowed(v.Narrowed[:min(len(v.Narrowed), maxNarrowed)])
	if t := tally(v.Votes, v.Needs); t != "" && !v.State.Final() {
		out += "\n" + t
	}
	return Message{Text: out}
}

func (r ExplainRoute) line() string {
	out := "• " + code(r.Name, 60) + " does not take it"
	if r.Taken {
		out = "• " + code(r.Name, 60) + " takes it"
	}
	if r.Why != "" {
		out += ": " + code(r.Why, 200) // exactly, for it holds patterns
	}
	return out
}

// words say what a person may do, and why not.
func (p ExplainPerson) words() string {
	switch {
	case p.Approve == "" && p.Deny == "":
		return "may approve and deny"
	case p.Approve == "":
		return "may approve, but not deny: " + p.Deny.because()
	case p.Deny == "":
		return "may deny, but not approve: " + p.Approve.because()
	case p.Approve == p.Deny:
		return "may not: " + p.Approve.because()
	}
	return "may not approve: " + p.Approve.because() + "; nor deny: " + p.Deny.because()
}

var becauses = map[RefusalReason]string{
	NotApprover:      "the route names neither them nor a group of theirs",
	NotDecider:       "subscriptions keep it to others in every channel that shows it",
	Guest:            "guests of the workspace may not decide",
	Outsider:         "only members of our own workspace may decide",
	Deactivated:      "the account is deactivated",
	UnknownPerson:    "Slack does not know who that is",
	Robot:            "apps and bots may not decide",
	SelfApproval:     "it is their own request",
	AlreadyDecided:   "a decision is on its way to Keyfactor",
	AlreadySettled:   "the request is settled",
	Changed:          "the request has changed",
	StaleButton:      "the button is too old",
	UnknownRequest:   "the request is not known",
	NoRoute:          "no route takes the request",
	NotOffered:       "that cannot be sent from Slack",
	StorageDown:      "nothing can be written down at the moment",
	SlackDown:        "Slack does not answer",
	KeyfactorDown:    "Keyfactor does not answer",
	AlreadyVoted:     "their vote counts already",
	NotVoted:         "they have no vote to withdraw",
	Expired:          "it waited longer than the route allows",
	ShowOnly:         "the route only shows requests",
	RequesterUnknown: "nobody knows who in Slack asked for it, so it might be their own request",
	SharedChannel:    "the channel is shared with another organisation",
	StepUp:           "the name has to be typed first",
	Hinted:           "there is a warning about the request",
}

// because is the reason as it is told about somebody else.
func (r RefusalReason) because() string {
	if s := becauses[r]; s != "" {
		return s
	}
	return strings.ReplaceAll(escape(string(r), maxLabel), "_", " ")
}

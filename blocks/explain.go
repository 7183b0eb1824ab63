package blocks

import (
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

// ExplainPerson is one person and why they may not approve or deny; nothing means that they may.
type ExplainPerson struct {
	Person        approval.Person
	Approve, Deny RefusalReason
}

// ExplainText tells which route took a request, and who may decide it and why,
// for the person who asked.
func ExplainText(v ExplainView) Message {
	return Message{Text: escape(heading(v.Request), maxHeader)}
}

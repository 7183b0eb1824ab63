package approval

import "time"

// Rule is what a route says about deciding the requests it takes. It holds names
// as configuration writes them; who they are is found out elsewhere.
type Rule struct {
	Route string
	// Users and Groups may decide: Slack ids, @handles, for users e-mail addresses.
	Users, Groups []string
	// Quorum says how many must agree.
	Quorum Quorum
	// DenialCounts makes a denial one vote among others: it takes as many denials as
	// Quorum.Count to deny. By default one denial ends it.
	DenialCounts bool
	// AllowSelf lets the requester decide about their own request.
	AllowSelf bool
	// Unresolved says what happens when the requester cannot be matched to a person
	// in Slack or to a name known to have none. The zero value is the safe one.
	Unresolved Unresolved
	// Approve and Deny say whether a comment goes with the verdict.
	Approve, Deny CommentRule
	// TypeCommonName wants the common name typed before an approval.
	TypeCommonName bool
	// ShowOnly shows requests without buttons; they are decided in Keyfactor.
	ShowOnly bool
	// ExpiresAfter closes the card for deciding from Slack after that time; 0 is never.
	ExpiresAfter time.Duration
	// ClaimFor is how long "I'm looking at it" holds; 0 offers no such thing.
	ClaimFor time.Duration
	// Reminders are in the order of their time; Hours say when they go out, and which
	// hours count.
	Reminders []Reminder
	Hours     Hours
	// Hints says what is pointed out about a request, and what it is worth.
	Hints HintRule
	// Delegation lets whom Users and Groups name be represented while they are away.
	Delegation bool
	// NotifyRequester tells the requester, where it is certain who that is in Slack,
	// that the request has arrived and what became of it.
	NotifyRequester bool
}

// Comment returns what the rule wants of a comment with the verdict.
func (r Rule) Comment(v Verdict) CommentRule {
	if v == Approve {
		return r.Approve
	}
	return r.Deny
}

// Quorum is how many distinct people must approve, and from which groups.
type Quorum struct {
	// Count is the number of distinct people; 0 counts as 1.
	Count int
	// From demands at least one approver from each of these groups, all different people.
	From []string
}

// Unresolved is what to do when the requester is nobody we know.
type Unresolved string

// The choices.
const (
	// UnresolvedDeny lets nobody approve from Slack, because anybody could be the requester.
	UnresolvedDeny Unresolved = ""
	// UnresolvedSecond asks for one person more than the quorum, so that at least one
	// of them is not the requester.
	UnresolvedSecond Unresolved = "second_person"
	// UnresolvedAllow goes on as if the requester were somebody else.
	UnresolvedAllow Unresolved = "allow"
)

// CommentNeed says whether a comment goes with a verdict.
type CommentNeed string

// The needs; the zero value counts as CommentOptional.
const (
	CommentRequired CommentNeed = "required"
	CommentOptional CommentNeed = "optional"
	CommentOff      CommentNeed = "off"
)

// CommentRule is what a route wants of comments with one verdict.
type CommentRule struct {
	Need CommentNeed
	// Min is the least number of characters of a comment that is given.
	Min int
	// Reasons are offered for choice, for a comment that often is the same.
	Reasons []string
}

// Vote is one person's verdict about a request on its way to a quorum.
type Vote struct {
	Request ID        `json:"request"`
	Verdict Verdict   `json:"verdict"`
	By      Person    `json:"by"`
	Groups  []string  `json:"groups,omitempty"` // of Quorum.From that the person was in when voting
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
	Digest  string    `json:"digest"`
	Channel string    `json:"channel,omitempty"`
	// For is who is away and represented by By; zero where By votes for themselves.
	For Person `json:"for,omitzero"`
}

// Relation is how a person relates to the requester of a request.
type Relation string

// The relations; the zero value is the careful one.
const (
	RelationUnknown Relation = ""          // the requester could not be resolved
	Requester       Relation = "requester" // the same person, by whatever alias
	SomebodyElse    Relation = "somebody_else"
)

// Candidate is a person who wants to decide, with everything about them that
// policy asks for, already found out.
type Candidate struct {
	Person
	// Listed means that the rule names the person, or a group they are in.
	Listed bool
	// Barred means that a subscription of the channel in which the person wants to
	// decide keeps that to others. It takes away from Listed and never adds to it.
	Barred bool
	// Groups are those of Quorum.From that the person is in. Whom they stand in for
	// lends them no group: what a group has to look at, one of its members looks at.
	Groups   []string
	Relation Relation
	// For is whom they stand in for, see [Rule.StandIn]; Relation is then the closer
	// one of both.
	For Person
}

package approval

import (
	"slices"
	"strings"
	"time"
)

// Refusal is why a person may not do what they want to do. The values are
// stable: they stand in the audit log and in metrics. The zero value means that
// nothing speaks against it.
type Refusal string

// The refusals, in the order in which they are looked for.
const (
	RefuseUnknownPerson    Refusal = "unknown_person"    // Slack did not say who it is
	RefuseGuest            Refusal = "guest"             // of our workspace, not a full member
	RefuseOutsider         Refusal = "outsider"          // of another workspace or organisation
	RefuseDeactivated      Refusal = "deactivated"       // an account that is switched off
	RefuseRobot            Refusal = "robot"             // an app or a bot
	RefuseNotApprover      Refusal = "not_approver"      // the rule names neither them nor a group of theirs
	RefuseNotDecider       Refusal = "not_decider"       // a subscription of the channel keeps it to others
	RefuseUnknownRequest   Refusal = "unknown_request"   // its state makes no sense
	RefuseAlreadyDecided   Refusal = "already_decided"   // a decision is on its way to Keyfactor
	RefuseAlreadySettled   Refusal = "already_settled"   // there is nothing left to decide
	RefuseShowOnly         Refusal = "show_only"         // decided in Keyfactor, by rule
	RefuseExpired          Refusal = "expired"           // too old to be decided from Slack, by rule
	RefuseNotOffered       Refusal = "not_offered"       // this verdict cannot be sent
	RefuseSelfApproval     Refusal = "self_approval"     // it is their own request
	RefuseRequesterUnknown Refusal = "requester_unknown" // it might be their own request
	RefuseAlreadyVoted     Refusal = "already_voted"     // their vote for this is counted already
	RefuseStepUp           Refusal = "step_up"           // what had to be typed was not typed
	RefuseNoVote           Refusal = "no_vote"           // there is no vote of theirs to withdraw
)

// Refusals are all of them, in the order above.
var Refusals = []Refusal{
	RefuseUnknownPerson, RefuseGuest, RefuseOutsider, RefuseDeactivated, RefuseRobot, RefuseNotApprover, RefuseNotDecider,
	RefuseUnknownRequest, RefuseAlreadyDecided, RefuseAlreadySettled, RefuseShowOnly, RefuseExpired, RefuseNotOffered,
	RefuseSelfApproval, RefuseRequesterUnknown, RefuseAlreadyVoted, RefuseStepUp, RefuseNoVote,
}

// Case is a request on its way to a decision, with everything but the person
// that policy asks for.
type Case struct {
	Rule    Rule
	Request Request
	State   State
	// Since is when we first saw the request wait; Rule.ExpiresAfter counts from
	// there. When it is not known, a rule that knows an end takes it as reached.
	Since time.Time
	Votes []Vote
}

// Judge says whether a person may give a verdict now, and if not, why. It goes
// from what is fixed to what passes, and the first reason wins:
//
//  1. who they are: only full members of our workspace, of them only those listed
//     or standing in for somebody listed,
//     and of those only whom the channel's subscriptions leave
//  2. where the request stands: pending, decidable from Slack, not expired, the verdict offered
//  3. how they relate to it: not their own, and not voted for by them already
//
// Requesters decide nothing about their own requests, not even against them,
// unless the rule allows it: a denial has consequences as well, and whoever does
// not want the certificate any more withdraws it in Keyfactor. Whoever might be
// the requester may still deny: stopping what nobody vouches for is the safe side.
//
// To vote the other way is allowed; it takes the place of the earlier vote. To vote
// the same way again is pointless, unless the votes that stand are enough and
// nothing came of them, because Keyfactor refused the decision or because fewer
// people are asked for now: then it tries again.
func (c Case) Judge(v Verdict, by Candidate, now time.Time) Refusal {
	for _, reason := range []Refusal{c.standing(by), c.open(v, now), c.related(v, by)} {
		if reason != "" {
			return reason
		}
	}
	return ""
}

// Withdrawal says whether a person may take their vote back. Nothing speaks
// against it as long as the request is pending: neither a group that they have left
// nor a card that has expired. What has been decided with it stays decided.
func (c Case) Withdrawal(by Person) Refusal {
	switch {
	case c.State == Deciding:
		return RefuseAlreadyDecided
	case c.State.Final():
		return RefuseAlreadySettled
	case c.State != Pending:
		return RefuseUnknownRequest
	case !slices.ContainsFunc(c.Votes, func(v Vote) bool { return v.Request == c.Request.ID && v.By.same(by) }):
		return RefuseNoVote
	}
	return ""
}

// standing is about the person alone.
func (c Case) standing(by Candidate) Refusal {
	switch {
	case by.ID == "":
		return RefuseUnknownPerson
	case by.Membership == Guest:
		return RefuseGuest
	case by.Membership == Outsider:
		return RefuseOutsider
	case by.Membership == Deactivated:
		return RefuseDeactivated
	case by.Membership == Robot:
		return RefuseRobot
	case by.Membership != Member:
		return RefuseUnknownPerson
	case !c.Rule.may(by):
		return RefuseNotApprover
	case by.Barred:
		return RefuseNotDecider
	}
	return ""
}

// open is about the request alone.
func (c Case) open(v Verdict, now time.Time) Refusal {
	switch {
	case c.State == Deciding:
		return RefuseAlreadyDecided
	case c.State.Final():
		return RefuseAlreadySettled
	case c.State != Pending:
		return RefuseUnknownRequest
	case c.Rule.ShowOnly:
		return RefuseShowOnly
	case c.Rule.Expired(c.Since, now):
		return RefuseExpired
	case !c.Request.Offers(v):
		return RefuseNotOffered
	}
	return ""
}

// related is about both.
func (c Case) related(v Verdict, by Candidate) Refusal {
	if !c.Rule.AllowSelf {
		switch {
		case by.Relation == Requester:
			return RefuseSelfApproval
		case by.Relation != SomebodyElse && v == Approve && c.Rule.Unresolved != UnresolvedAllow && c.Rule.Unresolved != UnresolvedSecond:
			return RefuseRequesterUnknown
		}
	}
	rule := c.Rule
	if by.Relation != RelationUnknown {
		rule = rule.Resolved()
	}
	if Count(rule, c.Votes, c.Request).Verdict != "" {
		return "" // enough have voted, and no decision came of it
	}
	for _, vote := range counted(c.Votes, c.Request.ID, c.Request.Digest()) {
		again := vote.Verdict == v && vote.shares(Vote{By: by.Person, For: by.For})
		if again || vote.For.ID == "" && vote.By.same(by.For) { // what somebody said themselves nobody says for them
			return RefuseAlreadyVoted
		}
	}
	return ""
}

// Expired reports whether a request that was first seen at that time can no
// longer be decided from Slack.
func (r Rule) Expired(since, now time.Time) bool {
	return r.ExpiresAfter > 0 && (since.IsZero() || !now.Before(since.Add(r.ExpiresAfter)))
}

// MustType returns what a person has to type before this verdict counts: the
// common name, or where there is none what comes nearest to it. Empty means nothing.
func (r Rule) MustType(q Request, v Verdict) string {
	if !r.TypeCommonName || v != Approve {
		return ""
	}
	names := []string{q.CommonName}
	for _, san := range q.SANs {
		names = append(names, san.Value)
	}
	for _, name := range append(names, q.Reference, string(q.ID)) {
		if name = strings.TrimSpace(name); name != "" {
			return name
		}
	}
	return ""
}

// Typed says whether a person typed what they had to. White space around it and
// the case of A to Z do not matter, everything else does: a look-alike letter is
// what the typing is there to uncover.
func (r Rule) Typed(q Request, v Verdict, text string) Refusal {
	want := r.MustType(q, v)
	if want != "" && lower(strings.TrimSpace(text)) != lower(want) {
		return RefuseStepUp
	}
	return ""
}

// lower is for ASCII alone: Unicode's folding makes equals of different letters.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// same reports whether two accounts are one person's: the same account, or the
// same confirmed address. It errs on the side of yes, so that nobody is two.
func (p Person) same(o Person) bool {
	return p.ID != "" && p.ID == o.ID || p.Email != "" && strings.EqualFold(p.Email, o.Email)
}

package approval_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/internal/approval"
)

var (
	ada = approval.Person{Team: "T1", ID: "U0ADA", Name: "Ada", Email: "ada@example.com", Membership: approval.Member}
	ben = approval.Person{Team: "T1", ID: "U0BEN", Name: "Ben", Email: "ben@example.com", Membership: approval.Member}
	cem = approval.Person{Team: "T1", ID: "U0CEM", Name: "Cem", Email: "cem@example.com", Membership: approval.Member}
)

func TestStandIn(t *testing.T) {
	away := approval.Absence{Person: ada, Delegate: ben, From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}
	allowed := approval.Rule{Delegation: true}
	over, later, nobody, self, gone := away, away, away, away, away
	over.Until, later.From, nobody.Delegate, self.Delegate, gone.Person.Membership = noon, noon.Add(time.Minute), approval.Person{}, ada, approval.Deactivated
	for name, row := range map[string]struct {
		rule   approval.Rule
		by     approval.Candidate
		absent []approval.Absence
		want   string
	}{
		"for whom they were chosen by":    {allowed, approval.Candidate{Person: ben}, []approval.Absence{away}, "U0ADA"},
		"not where it is not allowed":     {approval.Rule{}, approval.Candidate{Person: ben}, []approval.Absence{away}, ""},
		"not if they may anyway":          {allowed, approval.Candidate{Person: ben, Listed: true}, []approval.Absence{away}, ""},
		"not somebody else":               {allowed, approval.Candidate{Person: cem}, []approval.Absence{away}, ""},
		"not when it is over":             {allowed, approval.Candidate{Person: ben}, []approval.Absence{over}, ""},
		"not before it begins":            {allowed, approval.Candidate{Person: ben}, []approval.Absence{later}, ""},
		"not where nobody was chosen":     {allowed, approval.Candidate{Person: approval.Person{}}, []approval.Absence{nobody}, ""},
		"not for themselves":              {allowed, approval.Candidate{Person: ada}, []approval.Absence{self}, ""},
		"not for somebody who has left":   {allowed, approval.Candidate{Person: ben}, []approval.Absence{gone}, ""},
		"of several for the first of all": {allowed, approval.Candidate{Person: ben}, []approval.Absence{over, away, {Person: cem, Delegate: ben, Until: noon.Add(time.Hour)}}, "U0ADA"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, row.want, row.rule.StandIn(row.by, row.absent, noon).ID) })
	}
}

func TestADelegateIsJudgedAsBoth(t *testing.T) {
	r := request()
	vote := func(by, instead approval.Person, v approval.Verdict) approval.Vote {
		return approval.Vote{Request: r.ID, Digest: r.Digest(), By: by, For: instead, Verdict: v, At: noon}
	}
	two := approval.Rule{Delegation: true, Quorum: approval.Quorum{Count: 3}, DenialCounts: true}
	standIn := approval.Candidate{Person: ben, For: ada, Relation: approval.SomebodyElse}
	own := func(p approval.Person) approval.Candidate {
		return approval.Candidate{Person: p, Listed: true, Relation: approval.SomebodyElse}
	}
	with := func(c approval.Candidate, rel approval.Relation) approval.Candidate { c.Relation = rel; return c }
	guest := standIn
	guest.Membership = approval.Guest
	for name, row := range map[string]struct {
		rule    approval.Rule
		by      approval.Candidate
		verdict approval.Verdict
		votes   []approval.Vote
		want    approval.Refusal
	}{
		"may":                                 {two, standIn, approval.Approve, nil, ""},
		"not without the rule's leave":        {approval.Rule{}, standIn, approval.Approve, nil, approval.RefuseNotApprover},
		"not as a guest":                      {two, guest, approval.Approve, nil, approval.RefuseGuest},
		"not if one of both asked for it":     {two, with(standIn, approval.Requester), approval.Approve, nil, approval.RefuseSelfApproval},
		"not if one of both might have":       {two, with(standIn, approval.RelationUnknown), approval.Approve, nil, approval.RefuseRequesterUnknown},
		"not after the other voted":           {two, standIn, approval.Approve, []approval.Vote{vote(ada, approval.Person{}, approval.Approve)}, approval.RefuseAlreadyVoted},
		"not against the other's vote":        {two, standIn, approval.Approve, []approval.Vote{vote(ada, approval.Person{}, approval.Deny)}, approval.RefuseAlreadyVoted},
		"not twice":                           {two, standIn, approval.Approve, []approval.Vote{vote(ben, ada, approval.Approve)}, approval.RefuseAlreadyVoted},
		"may change their mind":               {two, standIn, approval.Deny, []approval.Vote{vote(ben, ada, approval.Approve)}, ""},
		"not after another delegate of hers":  {two, standIn, approval.Approve, []approval.Vote{vote(cem, ada, approval.Approve)}, approval.RefuseAlreadyVoted},
		"the other may say it differently":    {two, own(ada), approval.Deny, []approval.Vote{vote(ben, ada, approval.Approve)}, ""},
		"the other's same vote is said":       {two, own(ada), approval.Approve, []approval.Vote{vote(ben, ada, approval.Approve)}, approval.RefuseAlreadyVoted},
		"a third is not concerned":            {two, own(cem), approval.Approve, []approval.Vote{vote(ben, ada, approval.Approve)}, ""},
		"whom a subscription bars stays out":  {two, approval.Candidate{Person: ben, For: ada, Barred: true, Relation: approval.SomebodyElse}, approval.Approve, nil, approval.RefuseNotDecider},
		"an app stands in for nobody, either": {two, approval.Candidate{Person: approval.Person{ID: "B", Membership: approval.Robot}, For: ada}, approval.Deny, nil, approval.RefuseRobot},
	} {
		t.Run(name, func(t *testing.T) {
			c := approval.Case{Rule: row.rule, Request: r, State: approval.Pending, Since: noon, Votes: row.votes}
			require.Equal(t, row.want, c.Judge(row.verdict, row.by, noon))
		})
	}
}

func TestRelationOfBoth(t *testing.T) {
	all := []approval.Relation{approval.RelationUnknown, approval.Requester, approval.SomebodyElse}
	for _, a := range all {
		for _, b := range all {
			require.Equal(t, a.Closer(b), b.Closer(a))
			require.Equal(t, a == approval.SomebodyElse && b == approval.SomebodyElse, a.Closer(b) == approval.SomebodyElse)
			require.Equal(t, a == approval.Requester || b == approval.Requester, a.Closer(b) == approval.Requester)
		}
	}
}

// Whoever votes for whom: no person ever has two votes, what somebody said
// themselves is what counts, and delegates never reach a quorum that their number
// together with those they stand in for does not.
func TestDelegationMakesNobodyTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		votes, r := anyVotes(t, 8), request()
		for i := range votes {
			if rapid.Bool().Draw(t, "stands in") {
				votes[i].For = cast(0, rapid.SampledFrom([]string{"U0", "U1", "U2", "U3", "U7"}).Draw(t, "for"), approval.Approve).By
			}
		}
		got := approval.Count(approval.Rule{DenialCounts: true, Quorum: approval.Quorum{Count: 100}}, votes, r)
		said := map[string]bool{}
		for _, v := range append(got.Have, got.Against...) {
			for _, id := range []string{v.By.ID, v.For.ID} {
				if id == "" || v.For.ID == v.By.ID && said[id] {
					continue
				}
				if said[id] {
					t.Fatalf("%s speaks twice: %+v %+v", id, got.Have, got.Against)
				}
				said[id] = true
			}
		}
	})
}

func TestSignalCommentNamesWhoIsRepresented(t *testing.T) {
	d := approval.Decision{By: ben, For: ada, Comment: "looks fine", With: []approval.Voice{{By: cem}}}
	require.Equal(t, "Slack: Cem (U0CEM, cem@example.com); Ben (U0BEN, ben@example.com) for Ada (U0ADA, away) - looks fine", d.SignalComment())
}

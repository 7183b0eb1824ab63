package approval_test

import (
	"testing"

	"github.com/approvebot/approvebot/internal/approval"
)

// What policy costs at every click: a quorum of two with one vote cast.
func BenchmarkPolicy(b *testing.B) {
	r := request()
	member := func(id string) approval.Person {
		return approval.Person{Team: "T1", ID: id, Name: id, Email: id + "@example.com", Membership: approval.Member}
	}
	rule := approval.Rule{Route: "web", Groups: []string{"@pki-approvers"}, Quorum: approval.Quorum{Count: 2, From: []string{"@network", "@pki-approvers"}}}
	cast := []approval.Vote{{Request: r.ID, Verdict: approval.Approve, By: member("U1"), Groups: []string{"@network"}, At: noon, Digest: r.Digest()}}
	c := approval.Case{Rule: rule, Request: r, State: approval.Pending, Since: noon, Votes: cast}
	by := approval.Candidate{Person: member("U2"), Listed: true, Groups: []string{"@pki-approvers"}, Relation: approval.SomebodyElse}
	b.ReportAllocs()
	for b.Loop() {
		if reason := c.Judge(approval.Approve, by, noon); reason != "" {
			b.Fatal(reason)
		}
		approval.Count(rule, cast, r)
	}
}

func BenchmarkDigest(b *testing.B) {
	r := request()
	b.ReportAllocs()
	for b.Loop() {
		if r.Digest() == "" {
			b.Fatal("no digest")
		}
	}
}

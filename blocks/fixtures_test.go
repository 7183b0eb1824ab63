package blocks_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

var (
	submitted = time.Date(2026, 5, 4, 8, 30, 0, 0, time.UTC)
	decided   = submitted.Add(42 * time.Minute)
	carol     = approval.Person{Team: "T01", ID: "U02CAROL", Name: "Carol", Email: "carol@example.com", Membership: approval.Member}
	ben       = approval.Person{Team: "T01", ID: "U02BEN", Name: "Ben", Email: "ben@example.com", Membership: approval.Member}
	dana      = approval.Person{Team: "T01", ID: "U02DANA", Name: "Dana", Email: "dana@example.com", Membership: approval.Member}
)

// enrollment is a workflow request as Keyfactor makes most of them.
func enrollment() approval.Request {
	return approval.Request{
		ID:        "workflow:8c1f0f0e-3f0d-4c89-9a51-0c4b7b8f4b11/2a44d8a0-5a5c-4d8e-b1de-6e0f4ec1a7b2",
		Reference: "1042",
		Title:     `EXAMPLE\alice is enrolling for a certificate with CN=web01.example.com.`,
		Type:      "Enrollment", Definition: "Web servers", Step: "Manager approval", StepName: "RequireApproval1",
		Status:    "Awaiting 1 more approval(s) from approval roles.",
		Missing:   1,
		Requester: `EXAMPLE\alice`, Subject: "CN=web01.example.com,O=Example", CommonName: "web01.example.com",
		SANs:     []approval.SAN{{Kind: "dns", Value: "web01.example.com"}, {Kind: "dns", Value: "www.example.com"}, {Kind: "ip4", Value: "192.0.2.10"}},
		Template: "WebServer", CA: `ca01.example.com\Example Issuing CA 1`, Key: approval.Key{Algorithm: "RSA", Bits: 2048}, Submitted: submitted,
		Facts: []approval.Fact{
			{Label: "Common name", Value: "web01.example.com"},
			{Label: "SANs", Value: "web01.example.com and 2 more"},
			{Label: "Requester", Value: `EXAMPLE\alice`},
			{Label: "Template", Value: "WebServer"},
			{Label: "CA", Value: `ca01.example.com\Example Issuing CA 1`},
			{Label: "Subject", Value: "CN=web01.example.com,O=Example"},
			{Label: "Key", Value: "RSA 2048"},
			{Label: "Owner", Value: ""},
			{Label: "Change number", Value: "CHG-1234"},
		},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
		Link:     "https://command.example.com/KeyfactorPortal/Workflow/Instances?id=8c1f0f0e&tab=1",
	}
}

// revocation asks to take a certificate back.
func revocation() approval.Request {
	r := enrollment()
	r.ID = "workflow:51f0c0de-0000-4000-8000-000000000001/51f0c0de-0000-4000-8000-000000000002"
	r.Reference, r.Type, r.Definition = "1043", "Revocation", "Revocations"
	r.Title = `EXAMPLE\bob is revoking the certificate CN=mail.example.com.`
	r.Requester, r.Subject, r.CommonName, r.SANs = `EXAMPLE\bob`, "CN=mail.example.com", "mail.example.com", nil
	r.Facts = []approval.Fact{
		{Label: "Reason", Value: "key compromised (1)"},
		{Label: "Comment", Value: "The key was found in a public repository."},
		{Label: "Requester", Value: `EXAMPLE\bob`},
		{Label: "Expires", Value: "2027-05-09 10:00 UTC", Aside: true},
		{Label: "In use at", Value: "lb01 · IIS Personal, mail.example.com:443", Aside: true},
		{Label: "Serial number", Value: "4F00000012A7"},
		{Label: "Subject", Value: "CN=mail.example.com"},
	}
	return r
}

// atTheCA waits for the manager of a CA.
func atTheCA() approval.Request {
	r := enrollment()
	r.ID, r.Reference, r.Type, r.Definition, r.Step, r.StepName, r.Status, r.Missing = "certificate:77", "77", "", "", "", "", "", 0
	r.Title = ""
	r.Notes = []string{"Keyfactor keeps no comment with this approval; it stays in the thread and in the audit log."}
	return r
}

// hostile has an attack in every field that a requester controls.
func hostile() approval.Request {
	r := enrollment()
	const evil = "<!channel> *pay* _now_ ~x~ `code` <https://evil.example|portal> <@U1> & :tada:\u202egpj.exe\u200b\x00 https://evil.example\n> quote"
	r.Title, r.Requester, r.Subject, r.CommonName = evil, evil, "CN="+evil, evil
	r.Reference, r.Definition, r.Step, r.Status, r.Type = evil, evil, evil, evil, evil
	r.SANs = []approval.SAN{{Kind: "dns", Value: evil}, {Kind: "<!here>", Value: "a\u0336\u0337\u0338\u0335\u0336\u0337b"}, {Kind: "dns", Value: ""}}
	r.Facts = []approval.Fact{{Label: "Subject", Value: evil}, {Label: "Owner", Value: "\u3164\u2800\u00ad"}, {Label: "", Value: strings.Repeat(evil, 50)}}
	r.Notes = []string{evil}
	r.Link = "javascript:alert(1)"
	return r
}

func manyNames(n int) approval.Request {
	r := enrollment()
	r.SANs = nil
	for i := range n {
		r.SANs = append(r.SANs, approval.SAN{Kind: "dns", Value: fmt.Sprintf("host-%04d.prod.example.com", i+1)})
	}
	return r
}

func by(p approval.Person, v approval.Verdict, comment string) *approval.Decision {
	return &approval.Decision{ID: "0196a0c0-0000-7000-8000-000000000001", Verdict: v, By: p, Comment: comment, At: decided}
}

// together is a decision of Carol's that others made with her.
func together(v approval.Verdict, comment string, with ...approval.Voice) *approval.Decision {
	d := by(carol, v, comment)
	d.With = with
	return d
}

func vote(p approval.Person, v approval.Verdict, comment string) approval.Vote {
	return approval.Vote{Verdict: v, By: p, Comment: comment, At: decided}
}

// voted waits for further votes.
func voted(needs blocks.Needs, votes ...approval.Vote) blocks.CardView {
	v := pending(enrollment())
	v.Votes, v.Needs, v.Withdraw = votes, needs, "v1.sealed-withdraw"
	return v
}

// crowd is n people who voted at length.
func crowd(n int, verdict approval.Verdict) []approval.Vote {
	var all []approval.Vote
	for i := range n {
		p := approval.Person{ID: fmt.Sprintf("U9%07d", i), Name: strings.Repeat("Ünïcode & more ", 30)}
		all = append(all, vote(p, verdict, strings.Repeat("<!here> *ok* ", 200)))
	}
	return all
}

func pending(r approval.Request) blocks.CardView {
	return blocks.CardView{
		Request: r, State: approval.Pending, Details: "v1.sealed-details", Approvers: "<@U02CAROL>, <!subteam^S01PKI>",
		Sealed: map[approval.Verdict]string{approval.Approve: "v1.sealed-approve", approval.Deny: "v1.sealed-deny"},
	}
}

func settled(r approval.Request, d *approval.Decision, o approval.Outcome) blocks.CardView {
	if o.At.IsZero() {
		o.At = decided.Add(3 * time.Second)
	}
	return blocks.CardView{Request: r, State: o.State, Decision: d, Outcome: &o, Details: "v1.sealed-details"}
}

package approval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func request() approval.Request {
	return approval.Request{
		ID: "workflow:1/2", Reference: "4711", Requester: `EXAMPLE\rita`, CommonName: "shop.example.com",
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
	}
}

func known(id, email, handle string, m approval.Membership) approval.Known {
	return approval.Known{Person: approval.Person{Team: "T1", ID: id, Name: id, Email: email, Membership: m}, Handle: handle}
}

// setting is a column of the matrix: what a rule says, and about which request.
type setting struct {
	rule      approval.Rule
	requester string
	state     approval.State
	verdicts  []approval.Verdict
}

// Everybody who may press a button, and every setting that has a say in it. The
// first word is about an approval, the second about a denial; yes is a yes.
func TestPolicyMatrix(t *testing.T) {
	rita := known("U0RITA", "rita@example.com", "rita", approval.Member)
	directory := approval.Directory{
		Map:       map[string]string{`OTHER\rita-admin`: "rita@example.com"},
		Templates: []string{`EXAMPLE\{localpart}`},
	}
	settings := map[string]setting{
		"usual":              {},
		"self allowed":       {rule: approval.Rule{AllowSelf: true}},
		"requester unknown":  {requester: `EXAMPLE\nobody`},
		"… second person":    {requester: `EXAMPLE\nobody`, rule: approval.Rule{Unresolved: approval.UnresolvedSecond}},
		"… allowed":          {requester: `EXAMPLE\nobody`, rule: approval.Rule{Unresolved: approval.UnresolvedAllow}},
		"… and self allowed": {requester: `EXAMPLE\nobody`, rule: approval.Rule{AllowSelf: true}},
		"… misspelt rule":    {requester: `EXAMPLE\nobody`, rule: approval.Rule{Unresolved: "alow"}},
		"show only":          {rule: approval.Rule{ShowOnly: true}},
		"expired":            {rule: approval.Rule{ExpiresAfter: time.Hour}},
		"not yet expired":    {rule: approval.Rule{ExpiresAfter: time.Hour + time.Second}},
		"decided":            {state: approval.Deciding},
		"settled":            {state: approval.Denied},
		"state unknown":      {state: "?"},
		"only approvals":     {verdicts: []approval.Verdict{approval.Approve}},
		"by another name":    {requester: `other\RITA-ADMIN`},
	}
	persons := map[string]struct {
		who    approval.Known
		listed bool
		barred bool
		want   map[string]string // where it differs from always
		always string
	}{
		"approver by name": {who: known("U0ADA", "ada@example.com", "ada", approval.Member), listed: true, always: "yes yes", want: map[string]string{
			"requester unknown": "requester_unknown yes", "… misspelt rule": "requester_unknown yes",
			"show only": "show_only show_only", "expired": "expired expired", "decided": "already_decided already_decided", "settled": "already_settled already_settled",
			"state unknown": "unknown_request unknown_request", "only approvals": "yes not_offered",
		}},
		"member of a group": {who: known("U0BEN", "ben@example.com", "ben", approval.Member), listed: true, always: "yes yes", want: map[string]string{
			"requester unknown": "requester_unknown yes", "… misspelt rule": "requester_unknown yes",
			"show only": "show_only show_only", "expired": "expired expired", "decided": "already_decided already_decided", "settled": "already_settled already_settled",
			"state unknown": "unknown_request unknown_request", "only approvals": "yes not_offered",
		}},
		"unknown e-mail": {who: known("U0EVE", "", "eve", approval.Member), listed: true, always: "yes yes", want: map[string]string{
			"requester unknown": "requester_unknown yes", "… misspelt rule": "requester_unknown yes",
			"show only": "show_only show_only", "expired": "expired expired", "decided": "already_decided already_decided", "settled": "already_settled already_settled",
			"state unknown": "unknown_request unknown_request", "only approvals": "yes not_offered",
		}},
		"requester": {who: rita, listed: true, always: "self_approval self_approval", want: map[string]string{
			"self allowed": "yes yes", "requester unknown": "requester_unknown yes", "… misspelt rule": "requester_unknown yes", "… second person": "yes yes", "… allowed": "yes yes", "… and self allowed": "yes yes",
			"show only": "show_only show_only", "expired": "expired expired", "decided": "already_decided already_decided", "settled": "already_settled already_settled",
			"state unknown": "unknown_request unknown_request", "only approvals": "self_approval not_offered",
		}},
		"requester by a second account": {who: known("W0RITA", "Rita@Example.com", "rita2", approval.Member), listed: true, always: "self_approval self_approval", want: map[string]string{
			"self allowed": "yes yes", "requester unknown": "requester_unknown yes", "… misspelt rule": "requester_unknown yes", "… second person": "yes yes", "… allowed": "yes yes", "… and self allowed": "yes yes",
			"show only": "show_only show_only", "expired": "expired expired", "decided": "already_decided already_decided", "settled": "already_settled already_settled",
			"state unknown": "unknown_request unknown_request", "only approvals": "self_approval not_offered",
		}},
		"not listed":             {who: known("U0NED", "ned@example.com", "ned", approval.Member), always: "not_approver not_approver"},
		"admin only":             {who: known("U0AMY", "amy@example.com", "amy", approval.Member), always: "not_approver not_approver"},
		"requester, not listed":  {who: rita, always: "not_approver not_approver"},
		"guest":                  {who: known("U0GUS", "gus@example.com", "gus", approval.Guest), listed: true, always: "guest guest"},
		"external":               {who: known("U0OLE", "ole@example.org", "ole", approval.Outsider), listed: true, always: "outsider outsider"},
		"deactivated":            {who: known("U0DAN", "dan@example.com", "dan", approval.Deactivated), listed: true, always: "deactivated deactivated"},
		"bot":                    {who: known("U0BOT", "", "bot", approval.Robot), listed: true, always: "robot robot"},
		"unknown":                {who: known("U0WHO", "", "", approval.Unknown), listed: true, always: "unknown_person unknown_person"},
		"of a kind yet to come":  {who: known("U0NEW", "", "", "alien"), listed: true, always: "unknown_person unknown_person"},
		"nobody":                 {who: known("", "", "", approval.Member), listed: true, always: "unknown_person unknown_person"},
		"approver kept out here": {who: known("U0ADA", "ada@example.com", "ada", approval.Member), listed: true, barred: true, always: "not_decider not_decider"},
		"let in, but not listed": {who: known("U0NED", "ned@example.com", "ned", approval.Member), barred: true, always: "not_approver not_approver"},
		"guest, and not listed":  {who: known("U0GUS", "", "", approval.Guest), always: "guest guest"},
		"requester and a guest":  {who: known("U0RITA", "rita@example.com", "rita", approval.Guest), listed: true, always: "guest guest"},
		"external and requester": {who: known("U0RITA", "rita@example.com", "rita", approval.Outsider), listed: true, always: "outsider outsider"},
	}
	for person, p := range persons {
		for name := range p.want {
			require.Contains(t, settings, name, person)
		}
		for name, s := range settings {
			want, special := p.want[name]
			if !special {
				want = p.always
			}
			t.Run(person+"/"+name, func(t *testing.T) {
				c := approval.Case{Rule: s.rule, Request: request(), State: approval.Pending, Since: noon.Add(-time.Hour)}
				if s.requester != "" {
					c.Request.Requester = s.requester
				}
				if s.state != "" {
					c.State = s.state
				}
				if s.verdicts != nil {
					c.Request.Verdicts = s.verdicts
				}
				var found []approval.Known
				if s.requester == "" || strings.Contains(strings.ToLower(s.requester), "rita") {
					found = append(found, rita) // what Slack says to the directory's lookups
				}
				by := approval.Candidate{Person: p.who.Person, Listed: p.listed, Barred: p.barred, Relation: directory.Relate(c.Request.Requester, p.who, found)}
				got := make([]string, 2)
				for i, v := range []approval.Verdict{approval.Approve, approval.Deny} {
					if got[i] = string(c.Judge(v, by, noon)); got[i] == "" {
						got[i] = "yes"
					}
				}
				require.Equal(t, want, strings.Join(got, " "))
			})
		}
	}
}

func TestNobodyVotesTwiceForTheSame(t *testing.T) {
	r := request()
	ada := known("U0ADA", "ada@example.com", "ada", approval.Member)
	by := approval.Candidate{Person: ada.Person, Listed: true, Relation: approval.SomebodyElse}
	vote := approval.Vote{Request: r.ID, Verdict: approval.Approve, By: ada.Person, Digest: r.Digest(), At: noon}
	c := approval.Case{Rule: approval.Rule{Quorum: approval.Quorum{Count: 2}}, Request: r, State: approval.Pending, Votes: []approval.Vote{vote}}
	require.Equal(t, approval.RefuseAlreadyVoted, c.Judge(approval.Approve, by, noon))
	require.Empty(t, c.Judge(approval.Deny, by, noon), "a change of mind")

	alias := by
	alias.ID = "W0ADA"
	require.Equal(t, approval.RefuseAlreadyVoted, c.Judge(approval.Approve, alias, noon), "the same address is the same person")

	enough := c
	enough.Rule.Quorum.Count = 1
	require.Empty(t, enough.Judge(approval.Approve, by, noon), "the vote is enough and nothing came of it, so it may try again")
	enough.Rule.Unresolved = approval.UnresolvedSecond
	require.Empty(t, enough.Judge(approval.Approve, by, noon), "nor does she need a second person, who is known not to be the requester")
	stranger := by
	stranger.Relation = approval.RelationUnknown
	require.Equal(t, approval.RefuseAlreadyVoted, enough.Judge(approval.Approve, stranger, noon))

	c.Request.CommonName, c.Request.Subject = "other.example.com", "CN=other.example.com"
	require.Empty(t, c.Judge(approval.Approve, by, noon), "the vote was about something else")
}

func TestWithdrawal(t *testing.T) {
	r := request()
	ada := approval.Person{ID: "U0ADA", Membership: approval.Guest}
	c := approval.Case{Rule: approval.Rule{ExpiresAfter: 1, ShowOnly: true}, Request: r, State: approval.Pending, Votes: []approval.Vote{{Request: r.ID, By: approval.Person{ID: "U0ADA"}}}}
	require.Empty(t, c.Withdrawal(ada), "whatever has become of the person or the rule")
	require.Equal(t, approval.RefuseNoVote, c.Withdrawal(approval.Person{ID: "U0BEN"}))
	require.Equal(t, approval.RefuseNoVote, c.Withdrawal(approval.Person{}))
	for state, want := range map[approval.State]approval.Refusal{
		approval.Deciding: approval.RefuseAlreadyDecided, approval.Approved: approval.RefuseAlreadySettled, approval.Closed: approval.RefuseAlreadySettled, "": approval.RefuseUnknownRequest,
	} {
		c.State = state
		require.Equal(t, want, c.Withdrawal(ada))
	}
}

func TestARequestNobodySawBeginHasExpired(t *testing.T) {
	require.True(t, approval.Rule{ExpiresAfter: time.Hour}.Expired(time.Time{}, noon))
	require.False(t, approval.Rule{}.Expired(time.Time{}, noon))
}

func TestTyping(t *testing.T) {
	rule := approval.Rule{TypeCommonName: true}
	require.Equal(t, "shop.example.com", rule.MustType(request(), approval.Approve))
	require.Empty(t, rule.MustType(request(), approval.Deny), "a denial is never made difficult")
	require.Empty(t, approval.Rule{}.MustType(request(), approval.Approve))
	require.Empty(t, approval.Rule{}.Typed(request(), approval.Approve, "anything"))

	nameless := request()
	nameless.CommonName = " "
	require.Equal(t, "4711", rule.MustType(nameless, approval.Approve))
	nameless.SANs = []approval.SAN{{Kind: "dns", Value: "www.example.com"}}
	require.Equal(t, "www.example.com", rule.MustType(nameless, approval.Approve))

	for text, want := range map[string]approval.Refusal{
		"shop.example.com": "", " SHOP.example.COM\n": "",
		"": approval.RefuseStepUp, "shop": approval.RefuseStepUp, "shop.example.com.": approval.RefuseStepUp,
		"\u017fhop.example.com": approval.RefuseStepUp, // a long s, which Unicode's folding takes for an s
	} {
		require.Equal(t, want, rule.Typed(request(), approval.Approve, text), "%q", text)
	}
}

func TestRefusalsAreDistinct(t *testing.T) {
	seen := map[approval.Refusal]bool{}
	for _, r := range approval.Refusals {
		require.False(t, seen[r], r)
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(r))
		seen[r] = true
	}
}

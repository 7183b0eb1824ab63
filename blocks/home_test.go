package blocks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

const cardLink = "https://example.slack.com/archives/C0PKI/p1700000000123456"

// waiting is a request on the Home tab that its reader may decide.
func waiting(r approval.Request) blocks.HomeItem {
	return blocks.HomeItem{
		Request: r, State: approval.Pending, Link: cardLink, Channel: "C0PKI", Details: "v1.sealed-details",
		Sealed: map[approval.Verdict]string{approval.Approve: "v1.sealed-approve", approval.Deny: "v1.sealed-deny"},
		Menu:   true, Claimable: true,
	}
}

func lately(v blocks.CardView, verdict approval.Verdict) blocks.HomeDecided {
	return blocks.HomeDecided{Verdict: verdict, At: decided, Card: v, Link: cardLink}
}

// homePage is the second of three pages of a person with much to do.
func homePage() blocks.HomeView {
	v := blocks.HomeView{
		Page: 1, Found: 23, All: 134, Unread: 12, Route: "production web servers", Bulk: true, Metadata: `{"r":"route-x","p":1}`,
		Routes: []blocks.HomeRoute{{Name: "code signing", Count: 111}, {Name: "production web servers", Count: 23}, {Name: strings.Repeat("a name beyond what an option holds ", 9), Count: 1}},
	}
	for i := range blocks.HomePage {
		r := enrollment()
		r.ID = approval.ID(fmt.Sprintf("certificate:%d", i))
		r.CommonName = fmt.Sprintf("web%02d.example.com", i)
		v.Waiting = append(v.Waiting, waiting(r))
	}
	v.Waiting[0].Claim = &blocks.Claim{By: dana, Since: decided}
	v.Waiting[1].Votes, v.Waiting[1].Needs = []approval.Vote{vote(ben, approval.Approve, "")}, blocks.Needs{People: 1}
	v.Waiting[2] = waiting(revocation())
	v.Waiting[2].Request.Submitted, v.Waiting[2].Since = time.Time{}, decided
	v.Waiting[4].Hints.Found = []approval.Hint{{Code: approval.HintWildcard, Level: approval.HintWarn, About: []string{"*.example.com"}}, {Code: approval.HintNewDomain, Level: approval.HintNote, About: []string{"example.net"}}}
	v.Waiting[4].Request.Old = approval.Old{Concern: approval.Replaces, End: decided.AddDate(0, 0, 3)}
	sent := settled(enrollment(), by(carol, approval.Approve, ""), approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere})
	half := voted(blocks.Needs{People: 1}, vote(carol, approval.Approve, ""))
	half.Request.ID = "certificate:90"
	under := blocks.CardView{Request: revocation(), State: approval.Deciding, Decision: by(carol, approval.Deny, "")}
	v.Lately = []blocks.HomeDecided{lately(under, approval.Deny), lately(half, approval.Approve), lately(sent, approval.Approve)}
	return v
}

func TestHome(t *testing.T) {
	bad := hostile()
	bad.ID = "certificate:666"
	evil := waiting(bad)
	evil.Link, evil.Channel = "javascript:alert(1)", "<!here>"
	evil.Claim = &blocks.Claim{By: approval.Person{Name: bad.Title}}
	unposted := blocks.HomeItem{Request: enrollment(), State: approval.Pending, Since: submitted}
	unposted.Request.Submitted = time.Time{}
	for name, v := range map[string]blocks.HomeView{
		"empty": {},
		"two": {
			All: 2, Found: 2, Bulk: true, Routes: []blocks.HomeRoute{{Name: "all", Count: 2}}, Waiting: []blocks.HomeItem{unposted, evil},
			Lately: []blocks.HomeDecided{{Verdict: approval.Deny, At: decided, Card: settled(bad, by(carol, approval.Deny, ""), approval.Outcome{State: approval.Denied}), Link: "javascript:alert(1)"}},
		},
		"page":     homePage(),
		"filtered": {All: 3, Route: "gone", Routes: []blocks.HomeRoute{{Name: "here", Count: 3}}},
		"trouble":  {Trouble: "The requests cannot be read at the moment. Press Refresh in a minute."},
	} {
		t.Run(name, func(t *testing.T) {
			home := blocks.Home(v)
			require.NoError(t, blocks.ValidateHome(home))
			golden(t, fileName(t), mustJSON(t, home))
		})
	}
}

// A page of the longest requests there are stays far below what Slack takes.
func TestHomeOfTheLargestRequestsFits(t *testing.T) {
	v := homePage()
	sealed := strings.Repeat("x", 700)
	for i := range v.Waiting {
		r := hostile()
		r.ID = approval.ID("workflow:" + strings.Repeat("9", 300) + fmt.Sprint(i))
		r.SANs = manyNames(1000).SANs
		item := waiting(r)
		item.Votes = crowd(30, approval.Approve)
		item.Details, item.Sealed = sealed, map[approval.Verdict]string{approval.Approve: sealed, approval.Deny: sealed}
		v.Waiting[i] = item
	}
	v.Routes = nil
	for i := range 300 {
		v.Routes = append(v.Routes, blocks.HomeRoute{Name: fmt.Sprint("route ", i), Count: i})
	}
	home := blocks.Home(v)
	require.NoError(t, blocks.ValidateHome(home))
	require.Less(t, len(mustJSON(t, home)), 200_000)
}

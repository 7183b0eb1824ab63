package blocks_test

import (
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

// cards are the states people will see, by the name of their golden file.
func cards() map[string]blocks.CardView {
	approve, deny := by(carol, approval.Approve, "Change 1234, checked with the owner."), by(carol, approval.Deny, "Wrong template.\nPlease use WebServerInternal.")
	elsewhere := approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere, By: "user with Id 12", Message: "Approved by user with Id 12"}

	twoMissing := pending(enrollment())
	twoMissing.Request.Missing, twoMissing.Request.Status = 2, "Awaiting 2 more approval(s) from approval roles."

	noDetails := pending(enrollment())
	noDetails.Details = ""

	noVerdict := pending(enrollment())
	noVerdict.Request.Verdicts, noVerdict.Sealed = nil, nil
	noVerdict.Request.Notes = []string{"This step takes other signals than approval. Answer it in Keyfactor."}

	failed := pending(enrollment())
	failed.Trouble = "Carol's approval was refused by Keyfactor: the account may not approve at this step."

	sending := blocks.CardView{Request: enrollment(), State: approval.Deciding, Decision: approve, Details: "v1.sealed-details"}
	counting := sending
	counting.Sent, counting.Trouble = true, "Keyfactor took this approval and says: Awaiting 1 more approval(s) from approval roles."
	stuck := sending
	stuck.Trouble = "Keyfactor gave no clear answer. We are asking it whether the decision arrived."

	same := pending(atTheCA())
	same.Earlier = []blocks.Earlier{{Reference: "1042", Link: "https://command.example.com/KeyfactorPortal/1042", Text: "approved by Carol"}, {Text: "closed"}}

	bare := pending(approval.Request{ID: "certificate:9", Verdicts: []approval.Verdict{approval.Approve}})
	bare.Details = ""

	evil := settled(hostile(), by(approval.Person{ID: "<!channel>", Name: "*<!here>*`"}, approval.Approve, "<!channel> *ok*\u202e"),
		approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere, By: "<!channel>`*", Message: "<!everyone> :tada:"})
	evil.Trouble = "<!channel>"
	evil.Earlier = []blocks.Earlier{{Reference: "<!channel>", Link: "https://evil.example/|<!here>", Text: "<!here>"}}

	end := func(d *approval.Decision, state approval.State, why approval.Reason) blocks.CardView {
		return settled(enrollment(), d, approval.Outcome{State: state, Reason: why})
	}
	long := end(by(carol, approval.Deny, strings.Repeat("Ünïcode & more. ", 700)), approval.Denied, approval.DecidedHere)

	japanese := enrollment()
	japanese.CommonName, japanese.Requester = "証明書.example.jp", "山田　太郎"
	japanese.Facts[0].Value, japanese.Facts[5].Value, japanese.Facts[2].Value = "証明書.example.jp", "CN=証明書.example.jp,O=株式会社例", "山田　太郎"

	two := []approval.Voice{{By: ben, Comment: "Checked the names with the owner."}, {By: dana}}
	apart := voted(blocks.Needs{People: 1, Groups: []string{"@pki-security"}}, vote(ben, approval.Approve, "Checked the names with the owner."), vote(dana, approval.Approve, ""))
	apart.Request.Missing, apart.Request.Status = 2, "Awaiting 2 more approval(s) from approval roles."
	showOnly := pending(enrollment())
	narrowed := pending(enrollment())
	narrowed.Deciders = blocks.Narrowing{{"@pki-security", "@ada"}}
	nobody := voted(blocks.Needs{People: 1}, vote(ben, approval.Approve, ""))
	nobody.Deciders = blocks.Narrowing{{"@pki-security"}, {}}
	showOnly.NoButtons = "Requests for code signing are only shown here. Decide them in Keyfactor."
	expired := voted(blocks.Needs{People: 1}, vote(ben, approval.Approve, ""))
	expired.NoButtons = "It waited longer than 3 days, so it can no longer be decided here. Decide it in Keyfactor."
	part := pending(enrollment())
	part.Counted = []approval.Decision{*by(ben, approval.Approve, "Fine."), *together(approval.Approve, "", two...)}
	parts := pending(enrollment())
	for range 7 {
		parts.Counted = append(parts.Counted, *by(ben, approval.Approve, ""))
	}
	mob := voted(blocks.Needs{People: 90, Groups: []string{"<!channel>`*", "@a_b_", "S01PKI", strings.Repeat("& ", 500)}}, append(crowd(60, approval.Approve), crowd(30, approval.Deny)...)...)
	mob.Request, mob.NoButtons = hostile(), "<!channel>"
	for range 7 {
		d := *by(carol, approval.Approve, "")
		for _, v := range crowd(40, approval.Approve) {
			d.With = append(d.With, approval.Voice{By: v.By, Comment: v.Comment})
		}
		mob.Counted = append(mob.Counted, d)
	}
	ended := end(&mob.Counted[0], approval.Approved, approval.DecidedHere)

	return map[string]blocks.CardView{
		"pending, two must approve":           voted(blocks.Needs{People: 2}),
		"pending, two of different groups":    voted(blocks.Needs{People: 2, Groups: []string{"@pki-ops", "S01PKI"}}),
		"pending, one of three has approved":  voted(blocks.Needs{People: 2, Groups: []string{"@pki-security"}}, vote(ben, approval.Approve, "Checked the names with the owner.")),
		"pending, two of three have approved": apart,
		"pending, denials counted":            voted(blocks.Needs{People: 1}, vote(ben, approval.Approve, ""), vote(dana, approval.Deny, "Not this year.")),
		"pending, only a denial":              voted(blocks.Needs{People: 2}, vote(dana, approval.Deny, "")),
		"pending, narrowed":                   narrowed,
		"pending, narrowed to nobody":         nobody,
		"pending, show only":                  showOnly,
		"pending, expired":                    expired,
		"pending, Keyfactor wants more":       part,
		"pending, Keyfactor wants many more":  parts,
		"pending, a hostile crowd":            mob,
		"deciding, three people":              {Request: enrollment(), State: approval.Deciding, Decision: together(approval.Approve, "Change 1234.", two...), Details: "v1.sealed-details"},
		"approved by three":                   end(together(approval.Approve, "Change 1234.", two...), approval.Approved, approval.DecidedHere),
		"approved by a crowd":                 ended,
		"denied by two":                       end(together(approval.Deny, "", two[0]), approval.Denied, approval.DecidedHere),
		"approved in the portal, race of two": settled(enrollment(), together(approval.Deny, "", two[1]), elsewhere),

		"pending":                      pending(enrollment()),
		"pending without details":      noDetails,
		"pending, two approvals":       twoMissing,
		"pending, nothing offered":     noVerdict,
		"pending, last attempt failed": failed,
		"pending, bare":                bare,
		"pending, revocation":          pending(revocation()),
		"pending at the CA":            pending(atTheCA()),
		"pending, same matter":         same,
		"pending, thousand names":      pending(manyNames(1000)),
		"pending, hostile":             pending(hostile()),
		"pending, non-Latin":           pending(japanese),
		"deciding":                     sending,
		"deciding, others missing":     counting,
		"deciding with trouble":        stuck,
		"approved":                     end(approve, approval.Approved, approval.DecidedHere),
		"approved in the portal":       settled(enrollment(), nil, elsewhere),
		"approved in the portal, race": settled(enrollment(), deny, elsewhere),
		"approved, handed over":        end(approve, approval.Approved, approval.HandedOver),
		"approved, moved on":           end(approve, approval.Approved, approval.MovedOn),
		"approved, hostile":            evil,
		"denied":                       end(deny, approval.Denied, approval.DecidedHere),
		"denied, long comment":         long,
		"closed, counted":              end(approve, approval.Closed, approval.Counted),
		"closed, moved on":             end(nil, approval.Closed, approval.MovedOn),
		"closed, restarted":            end(approve, approval.Closed, approval.Restarted),
		"closed, failed":               settled(enrollment(), approve, approval.Outcome{State: approval.Closed, Reason: approval.Failed, Message: "Step 'Keyfactor-Enroll' failed: the CA is not available."}),
		"closed, gone":                 end(nil, approval.Closed, approval.Gone),
		"closed, gone with a decision": end(approve, approval.Closed, approval.Gone),
		"closed, hidden":               end(nil, approval.Closed, approval.Hidden),
		"closed, handed over":          end(nil, approval.Closed, approval.HandedOver),
		"closed, expired":              end(nil, approval.Closed, approval.Expired),
		"closed for an unknown reason": end(nil, approval.Closed, "something_new"),
		"approved, nothing else known": {Request: enrollment(), State: approval.Approved},
		"deciding, decision not known": {Request: enrollment(), State: approval.Deciding},
	}
}

func TestCard(t *testing.T) {
	for name, v := range cards() {
		t.Run(name, func(t *testing.T) { goldenMessage(t, blocks.Card(v)) })
	}
}

// A card without blocks is still a whole sentence with a way on.
func TestPlainFallback(t *testing.T) {
	for _, name := range []string{"pending", "approved", "pending, hostile"} {
		t.Run(name, func(t *testing.T) {
			m := blocks.PlainFallback(cards()[name])
			require.Nil(t, m.Blocks)
			goldenMessage(t, m)
		})
	}
}

func TestOnlyAPendingCardCanBePressed(t *testing.T) {
	for name, v := range cards() {
		v.Sealed = map[approval.Verdict]string{approval.Approve: "a", approval.Deny: "b"}
		pressed := actions(blocks.Card(v))
		for _, action := range []string{blocks.ActionApprove, blocks.ActionDeny} {
			verdict := approval.Verdict(action)
			require.Equal(t, v.State == approval.Pending && v.NoButtons == "" && v.Request.Offers(verdict), pressed[action] != nil, "%s: %s", name, action)
		}
		require.Equal(t, strings.HasPrefix(v.Request.Link, "https:"), pressed[blocks.ActionOpen] != nil, "%s: a link in every state", name)
	}
}

// A vote can be taken back as long as nothing has been sent, also when it has
// become too late to give one.
func TestWithdrawNeedsAVoteAndTime(t *testing.T) {
	for name, want := range map[string]bool{"pending, expired": true, "pending, only a denial": true, "pending, two must approve": false, "pending": false} {
		require.Equal(t, want, actions(blocks.Card(cards()[name]))[blocks.ActionWithdraw] != nil, name)
	}
	for name, v := range cards() {
		v.Votes, v.Withdraw = []approval.Vote{vote(ben, approval.Approve, "")}, "w"
		button := actions(blocks.Card(v))[blocks.ActionWithdraw]
		require.Equal(t, v.State == approval.Pending, button != nil, name)
		if button != nil {
			require.Equal(t, "w", button.Value)
		}
	}
}

// Who approved and who is missing adds up, and nobody is left out of a decision.
func TestEverybodyIsNamed(t *testing.T) {
	text := func(name string) string { return blocks.Card(cards()[name]).Text }
	require.Contains(t, text("pending, two of three have approved"), "2 of 3 people have approved: <@U02BEN> and <@U02DANA>. Missing: somebody of `@pki-security`. Keyfactor wants 2 more approvals")
	require.Contains(t, text("pending, one of three has approved"), "1 of 3 people has approved: <@U02BEN>. Missing: 2 more people, among them somebody of `@pki-security`.")
	require.Contains(t, text("pending, two of different groups"), "2 people must approve. Missing: somebody of `@pki-ops` and somebody of <!subteam^S01PKI>.")
	require.Contains(t, text("pending, denials counted"), "1 of 2 people has approved: <@U02BEN>. Missing: one more person. <@U02DANA> has denied.")
	require.Contains(t, text("pending, Keyfactor wants more"), "Keyfactor wants 1 more approval at this step.")
	require.Contains(t, text("deciding, three people"), "decided by <@U02BEN>, <@U02DANA> and <@U02CAROL>,")
	require.Contains(t, text("approved by three"), "Approved by <@U02BEN>, <@U02DANA> and <@U02CAROL>,")
	require.Contains(t, text("approved by a crowd"), "and 14 more,")
}

func TestAVerdictWithoutASealHasNoButton(t *testing.T) {
	v := pending(enrollment())
	delete(v.Sealed, approval.Deny)
	pressed := actions(blocks.Card(v))
	require.Nil(t, pressed[blocks.ActionDeny])
	require.Equal(t, "v1.sealed-approve", pressed[blocks.ActionApprove].Value)
}

func actions(m blocks.Message) map[string]*slack.ButtonBlockElement {
	all := map[string]*slack.ButtonBlockElement{}
	for _, b := range m.Blocks {
		if a, ok := b.(*slack.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				button := e.(*slack.ButtonBlockElement)
				all[button.ActionID] = button
			}
		}
	}
	return all
}

// Slack advises new ids when a block means something else; and nothing is sent
// again when nothing changed.
func TestBlockIDsAreNewPerVersion(t *testing.T) {
	seen := map[string]string{}
	changed := enrollment()
	changed.Facts[1].Value = "CN=other.example.com"
	versions := cards()
	for _, name := range []string{"pending", "deciding", "deciding with trouble", "approved", "denied", "closed, gone", "closed, hidden"} {
		first := blocks.Card(versions[name]).Blocks[0].ID()
		require.Equal(t, first, blocks.Card(cards()[name]).Blocks[0].ID(), "same view, same ids")
		require.Empty(t, seen[first], "%s has the ids of another version", name)
		seen[first] = name
	}
	require.Empty(t, seen[blocks.Card(pending(changed)).Blocks[0].ID()])
}

func TestCardOfFindsTheRequest(t *testing.T) {
	for name, v := range cards() {
		id, ok := blocks.CardOf(blocks.Card(v).Blocks)
		require.True(t, ok, name)
		require.Equal(t, v.Request.ID, id, name)
	}
	_, ok := blocks.CardOf(blocks.DecidedReply(*by(carol, approval.Approve, "")).Blocks)
	require.False(t, ok, "a reply is no card")
}

func BenchmarkCard(b *testing.B) {
	v := pending(enrollment())
	b.ReportAllocs()
	for b.Loop() {
		blocks.Card(v)
	}
}

func BenchmarkCardWithAThousandNames(b *testing.B) {
	v := pending(manyNames(1000))
	b.ReportAllocs()
	for b.Loop() {
		blocks.Card(v)
	}
}

// The list of names is written from the names, whatever the source says about them.
func TestNamesAreListedOnceAndCounted(t *testing.T) {
	text := string(mustJSON(t, slack.Blocks{BlockSet: blocks.Card(pending(manyNames(1000))).Blocks}))
	require.Contains(t, text, `"SANs (1000)"`)
	require.Contains(t, text, "host-0001.prod.example.com, host-0002.prod.example.com")
	require.Contains(t, text, "and 987 more")
	require.NotContains(t, text, "and 2 more", "the source's own summary")
	require.Equal(t, 13, strings.Count(text, ".prod.example.com"))
}

// A single name that equals the common name is still shown: it is what the
// certificate will be valid for.
func TestAnOnlyNameIsShown(t *testing.T) {
	r := enrollment()
	r.SANs = r.SANs[:1]
	text := string(mustJSON(t, slack.Blocks{BlockSet: blocks.Card(pending(r)).Blocks}))
	require.Contains(t, text, `"SANs"`)
	require.Contains(t, text, `"  web01.example.com\n"`)
	require.NotContains(t, text, `"Common name"`, "told by the heading")
}

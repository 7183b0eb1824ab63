package blocks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestReply(t *testing.T) {
	approve, deny := by(carol, approval.Approve, "Change 1234."), by(carol, approval.Deny, "Wrong template.\nSee the wiki.")
	after := enrollment()
	after.Facts[3].Value, after.Facts[7] = "WebServerLong", approval.Fact{Label: "Validity", Value: "3 years"}
	after.SANs = append(after.SANs[1:], approval.SAN{Kind: "dns", Value: "*.example.com"})
	three := together(approval.Approve, "Change 1234.", approval.Voice{By: ben, Comment: "Checked."}, approval.Voice{By: dana})
	settled := approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere, Message: "Approved by user with Id 12", At: decided}

	for name, m := range map[string]blocks.Message{
		"decided":             blocks.DecidedReply(*deny),
		"decided in silence":  blocks.DecidedReply(*by(carol, approval.Approve, "")),
		"settled":             blocks.SettledReply(settled, approve),
		"settled elsewhere":   blocks.SettledReply(approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 12", At: decided}, approve),
		"failed":              blocks.FailedReply(*approve, "Keyfactor refused it: the account may not approve at this step."),
		"trouble":             blocks.TroubleReply("Keyfactor has not answered for 5 minutes. The decision is kept and will be sent."),
		"changed":             blocks.ChangedReply(enrollment(), after),
		"changed out of view": blocks.ChangedReply(enrollment(), enrollment()),
		"changed by a lot":    blocks.ChangedReply(manyNames(1000), hostile()),
		"decided by three":    blocks.DecidedReply(*three),
		"settled by three":    blocks.SettledReply(settled, three),
		"failed by three":     blocks.FailedReply(*three, "Keyfactor refused it."),
		"voted":               blocks.VotedReply(vote(ben, approval.Approve, "Checked."), blocks.Needs{People: 2, Groups: []string{"@pki-security"}}),
		"voted, the last":     blocks.VotedReply(vote(ben, approval.Approve, ""), blocks.Needs{}),
		"voted against":       blocks.VotedReply(vote(ben, approval.Deny, "Not this year."), blocks.Needs{People: 1}),
		"withdrawn":           blocks.WithdrawnReply(ben, approval.Approve),
		"counted":             blocks.CountedReply(*three, "Awaiting 1 more approval(s) from approval roles."),
		"counted in silence":  blocks.CountedReply(*approve, ""),
	} {
		t.Run(name, func(t *testing.T) { goldenMessage(t, m) })
	}
}

// Every reason has its sentence, and each says what to do or that nothing is left to do.
func TestRefusal(t *testing.T) {
	views := []struct {
		name string
		blocks.RefusalView
	}{
		{"nothing known", blocks.RefusalView{}},
		{"all known", blocks.RefusalView{Request: enrollment(), Verdict: approval.Deny, Decision: by(carol, approval.Approve, ""), Approvers: "<@U02CAROL>", Admins: "<@U03ADA>", Needs: blocks.Needs{People: 1, Groups: []string{"@pki-security"}}, Deciders: blocks.Narrowing{{"@pki-security"}}}},
		{"open elsewhere", blocks.RefusalView{Request: enrollment(), Deciders: blocks.Narrowing{{"@pki-security"}}, Elsewhere: []string{"C0PKI", "#pki-approvals"}}},
		{"settled", blocks.RefusalView{Request: enrollment(), Decision: by(carol, approval.Approve, ""), Outcome: &approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere, At: decided}}},
	}
	var all strings.Builder
	for _, v := range views {
		fmt.Fprintf(&all, "# %s\n", v.name)
		seen := map[string]bool{}
		for _, reason := range blocks.RefusalReasons {
			s := blocks.Refusal(reason, v.RefusalView)
			require.NoError(t, blocks.ValidateModal(blocks.NoticeModal("Nothing was decided", s)))
			require.True(t, strings.HasSuffix(s, "."), s)
			require.True(t, !seen[s] || v.name == "nothing known" || v.name == "open elsewhere", "said twice: %s", s)
			seen[s] = true
			fmt.Fprintf(&all, "%s: %s\n", reason, s)
		}
		all.WriteByte('\n')
	}
	golden(t, "refusals.txt", []byte(all.String()))
	for _, r := range approval.Refusals { // what policy says has its sentence
		require.Contains(t, blocks.RefusalReasons, blocks.RefusalReason(r))
	}
	require.NotEmpty(t, blocks.Refusal("one we have never heard of", blocks.RefusalView{}))
}

// After an update of ours more is read of a request than before: that is told as
// what it is, and not as a change of everything.
func TestReplyReadAnew(t *testing.T) {
	before, after := enrollment(), enrollment()
	after.CSR = &approval.CSR{KeyID: "aa", Usages: []string{"server authentication"}}
	after.Facts = append(after.Facts, approval.Fact{Label: "Usage asked for", Value: "server authentication"})
	m := blocks.ChangedReply(before, after)
	require.NoError(t, blocks.Validate(m))
	require.Contains(t, m.Text, "approvebot was updated")

	after.Template = "CodeSigning"
	require.Contains(t, blocks.ChangedReply(before, after).Text, "The request changed")
	before.CSR = &approval.CSR{KeyID: "bb"}
	require.Contains(t, blocks.ChangedReply(before, after).Text, "The request changed")
}

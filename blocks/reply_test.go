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
	after.Facts[4].Value, after.Facts[7] = "WebServerLong", approval.Fact{Label: "Validity", Value: "3 years"}
	after.SANs = append(after.SANs[1:], approval.SAN{Kind: "dns", Value: "*.example.com"})
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
		{"all known", blocks.RefusalView{Request: enrollment(), Verdict: approval.Deny, Decision: by(carol, approval.Approve, ""), Approvers: "<@U02CAROL>", Admins: "<@U03ADA>"}},
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
			require.True(t, !seen[s] || v.name == "nothing known", "said twice: %s", s)
			seen[s] = true
			fmt.Fprintf(&all, "%s: %s\n", reason, s)
		}
		all.WriteByte('\n')
	}
	golden(t, "refusals.txt", []byte(all.String()))
	require.NotEmpty(t, blocks.Refusal("one we have never heard of", blocks.RefusalView{}))
}

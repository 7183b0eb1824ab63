package blocks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestRequester(t *testing.T) {
	denied := approval.Outcome{State: approval.Denied, Reason: approval.DecidedHere, Message: "Rejected", At: decided}
	approved := approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere, At: decided}
	other := enrollment()
	other.Type = "<!here> *Rotation*"
	for name, m := range map[string]blocks.Message{
		"seen":                blocks.RequesterSeen(enrollment()),
		"seen, a revocation":  blocks.RequesterSeen(revocation()),
		"seen, hostile":       blocks.RequesterSeen(hostile()),
		"seen, another type":  blocks.RequesterSeen(other),
		"approved":            blocks.RequesterSettled(enrollment(), approved, by(carol, approval.Approve, "for approvers only")),
		"denied":              blocks.RequesterSettled(enrollment(), denied, by(carol, approval.Deny, "Wrong template.\nSee the *wiki*.")),
		"denied in keyfactor": blocks.RequesterSettled(enrollment(), approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 12", At: decided}, by(ben, approval.Deny, "too late")),
		"failed":              blocks.RequesterSettled(enrollment(), approval.Outcome{State: approval.Closed, Reason: approval.Failed, At: decided}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			goldenMessage(t, m)
			text := string(mustJSON(t, m))
			require.NotContains(t, text, "for approvers only")
			require.NotContains(t, text, "CHG-1234", "a fact that only approvers see")
			require.NotContains(t, strings.ReplaceAll(text, "<!date", ""), "<!")
		})
	}
}

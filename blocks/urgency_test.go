package blocks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestUrgencyCard(t *testing.T) {
	with := func(v blocks.CardView, concern approval.Concern) blocks.CardView {
		v.Request.Old = approval.Old{Concern: concern, End: submitted.Add(48 * time.Hour)}
		return v
	}
	for name, v := range map[string]blocks.CardView{
		"renewal":       with(pending(enrollment()), approval.Replaces),
		"about to end":  with(pending(enrollment()), approval.Expires),
		"being decided": with(blocks.CardView{Request: enrollment(), State: approval.Deciding, Decision: by(carol, approval.Approve, "")}, approval.Replaces),
	} {
		t.Run(name, func(t *testing.T) {
			m := blocks.Card(v)
			goldenMessage(t, m)
			require.Contains(t, m.Text, "2026-05-06 08:30 UTC")
		})
	}
	for name, v := range map[string]blocks.CardView{
		"a revocation is not hurried by it": with(pending(revocation()), approval.Revokes),
		"over":                              with(settled(enrollment(), by(carol, approval.Approve, ""), approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere}), approval.Replaces),
	} {
		require.NotContains(t, string(mustJSON(t, blocks.Card(v))), "valid until", name)
	}
}

package blocks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestClaim(t *testing.T) {
	free := pending(enrollment())
	free.Menu, free.Claimable = true, true
	claimed := free
	claimed.Claim = &blocks.Claim{By: ben, Since: decided}
	for name, v := range map[string]blocks.CardView{"free": free, "claimed": claimed} {
		t.Run(name, func(t *testing.T) { goldenMessage(t, blocks.Card(v)) })
	}
	claimed.State, claimed.Decision = approval.Deciding, by(carol, approval.Approve, "")
	text := string(mustJSON(t, blocks.Card(claimed).Blocks))
	require.NotContains(t, text, "looking at it", "it is over once somebody has decided")
	free.Claimable = false
	text = string(mustJSON(t, blocks.Card(free).Blocks))
	require.NotContains(t, text, "looking at it")
	require.Contains(t, text, blocks.MenuExplain)
}

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

// The answers around being away, together, as one reads them.
func TestAway(t *testing.T) {
	alone := approval.Absence{Person: carol, Until: submitted.Add(48 * time.Hour)}
	represented := alone
	represented.Delegate = ben
	evil := approval.Absence{Person: approval.Person{ID: "<!here>", Name: "<!channel>"}, Delegate: approval.Person{ID: "`", Name: "*x*`"}, Until: submitted}
	var b strings.Builder
	for _, line := range []struct {
		name string
		m    blocks.Message
	}{
		{"away", blocks.AwayText(alone, nil)},
		{"away, represented", blocks.AwayText(represented, []string{"web servers", "<!here> `x`"})},
		{"away, represented nowhere", blocks.AwayText(represented, nil)},
		{"to the delegate", blocks.DelegateText(represented, []string{"web servers"})},
		{"to a delegate of nothing", blocks.DelegateText(represented, nil)},
		{"back", blocks.BackText(carol, carol, true)},
		{"back, and was here", blocks.BackText(carol, carol, false)},
		{"back, by an admin", blocks.BackText(carol, dana, true)},
		{"back, by an admin, and was here", blocks.BackText(carol, dana, false)},
		{"here", blocks.AwayNowText(approval.Absence{}, nil)},
		{"here, for others", blocks.AwayNowText(approval.Absence{}, []approval.Absence{represented})},
		{"away now", blocks.AwayNowText(represented, nil)},
		{"away now, alone", blocks.AwayNowText(alone, nil)},
		{"list", blocks.AwayListText([]approval.Absence{alone, represented, evil})},
		{"empty list", blocks.AwayListText(nil)},
	} {
		require.NotContains(t, strings.ReplaceAll(line.m.Text, "<!date", ""), "<!", line.name)
		fmt.Fprintf(&b, "%s\n    %s\n\n", line.name, strings.ReplaceAll(line.m.Text, "\n", "\n    "))
	}
	golden(t, "away.txt", []byte(b.String()))
}

func TestADelegatesVote(t *testing.T) {
	v := vote(ben, approval.Approve, "as agreed")
	v.For = carol
	d := by(ben, approval.Approve, "as agreed")
	d.For = carol
	card := voted(blocks.Needs{People: 1}, v)
	for name, m := range map[string]blocks.Message{
		"card with votes": blocks.Card(card),
		"decided":         blocks.DecidedReply(*d),
		"voted":           blocks.VotedReply(v, blocks.Needs{People: 1}),
	} {
		require.Contains(t, string(mustJSON(t, m)), "<@U02BEN> for <@U02CAROL> (away)", name)
	}
}

package blocks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestRemindReply(t *testing.T) {
	renewal := enrollment()
	renewal.Old = approval.Old{Concern: approval.Replaces, End: submitted.Add(48 * time.Hour)}
	about := revocation()
	about.Old = approval.Old{Concern: approval.Expires, End: submitted.Add(48 * time.Hour)}
	revoked := revocation()
	revoked.Old = approval.Old{Concern: approval.Revokes, End: submitted.Add(48 * time.Hour)}
	for name, m := range map[string]blocks.Message{
		"first":        blocks.RemindedReply(blocks.RemindView{Request: enrollment(), Since: submitted, Needs: blocks.Needs{People: 1}, Groups: []string{"S012PKI"}, Ask: []approval.Person{ben}}),
		"escalated":    blocks.RemindedReply(blocks.RemindView{Request: renewal, Since: submitted, Needs: blocks.Needs{People: 2, Groups: []string{"@pki-security"}}, Groups: []string{"S012PKI"}, Channels: []string{"#pki-escalation", "C012ABC"}, People: []approval.Person{carol}}),
		"nobody left":  blocks.RemindedReply(blocks.RemindView{Request: about, Since: submitted}),
		"in keyfactor": blocks.RemindedReply(blocks.RemindView{Request: revoked, Since: submitted, Ask: []approval.Person{ben}, Portal: true}),
		"hostile":      blocks.RemindedReply(blocks.RemindView{Request: hostile(), Since: submitted, Ask: []approval.Person{{ID: "<!here>", Name: "<!channel> `x`"}}, Channels: []string{"<!here>"}}),
		"expired":      blocks.ExpiredReply(renewal),
	} {
		t.Run(name, func(t *testing.T) { goldenMessage(t, m) })
	}
	require.NotContains(t, blocks.LostReminderMessage("`<!here>`").Text, "<!")
}

package slacksim_test

import (
	"encoding/json"
	"testing"

	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestEventsComeOnlyToWhoSubscribed(t *testing.T) {
	h := open(t, func(c *slacksim.Config) {
		c.Events = []string{"message.channels", "channel_archive", "member_left_channel"}
	})
	got := make(chan map[string]any, 10)
	h.connect(t, func(evt socketmode.Event) any {
		var p struct{ Event map[string]any }
		if json.Unmarshal(evt.Request.Payload, &p) == nil {
			got <- p.Event
		}
		return nil
	})
	_, err := h.PostAs("ada", "not-invited", "", "the app is not here")
	require.NoError(t, err)
	_, err = h.PostAs("ada", "pki-private", "", "message.groups is not subscribed")
	require.NoError(t, err)
	_, err = h.PostAs("ada", "pki-approvals", "", "hello")
	require.NoError(t, err)
	e := <-got
	require.Equal(t, "hello", e["text"])
	require.Equal(t, h.ChannelID("pki-approvals"), e["channel"])
	require.NoError(t, h.ArchiveChannel("pki-approvals"))
	require.Equal(t, "channel_archive", (<-got)["type"])
	require.NoError(t, h.RemoveBot("pki-revocations"))
	e = <-got
	require.Equal(t, "member_left_channel", e["type"])
	require.Equal(t, h.AppInfo().UserID, e["user"])
	require.NoError(t, h.InviteBot("pki-revocations"))
	require.ErrorContains(t, h.ArchiveChannel("#none"), "there is no channel")
}

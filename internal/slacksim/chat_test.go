package slacksim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestPostingIsRefusedWhereItShouldBe(t *testing.T) {
	h := open(t)
	text := slack.MsgOptionText("hello", false)
	for channel, want := range map[string]string{
		"C0NONE":                   "channel_not_found",
		h.ChannelID("pki-board"):   "channel_not_found",
		h.ChannelID("not-invited"): "not_in_channel",
		h.UserID("xena"):           "channel_not_found",
	} {
		_, _, err := h.client.PostMessage(channel, text)
		require.EqualError(t, err, want, channel)
	}
	_, _, err := h.client.PostMessage(h.ChannelID("archived-room"), text)
	require.EqualError(t, err, "is_archived")
	_, _, err = h.client.PostMessage(h.ChannelID("announcements"), text)
	require.EqualError(t, err, "restricted_action_read_only_channel")
	_, _, err = h.client.PostMessage(h.ChannelID("general"), slack.MsgOptionBlocks())
	require.EqualError(t, err, "not_in_channel")
	_, _, err = h.client.PostMessage(h.ChannelID("pki-approvals"), slack.MsgOptionText("", false))
	require.EqualError(t, err, "no_text")
	_, _, err = h.client.PostMessage(h.ChannelID("pki-approvals"), text, slack.MsgOptionTS("1700000000.000001"))
	require.EqualError(t, err, "thread_not_found")

	h = open(t, func(c *slacksim.Config) { c.Scopes = append(slacksim.DefaultScopes(), "chat:write.public") })
	_, _, err = h.client.PostMessage(h.ChannelID("not-invited"), text)
	require.NoError(t, err, "chat:write.public opens public channels")
}

func TestAUserIDReachesThatPersonsConversation(t *testing.T) {
	h := open(t)
	channel, ts, err := h.client.PostMessage(h.UserID("ada"), slack.MsgOptionText("hello", false))
	require.NoError(t, err)
	require.Equal(t, h.DirectChannelID("ada"), channel)
	_, _, _, err = h.client.UpdateMessage(h.UserID("ada"), ts, slack.MsgOptionText("no", false))
	require.EqualError(t, err, "channel_not_found", "an update wants the channel id")
	_, _, _, err = h.client.UpdateMessage(channel, ts, slack.MsgOptionText("yes", false))
	require.NoError(t, err)
}

func TestTimestampsAreUniqueAndBlockIDsGenerated(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	h := open(t, func(c *slacksim.Config) { c.Now = func() time.Time { return at } })
	first, second := h.postCard(t), h.postCard(t)
	require.Equal(t, "1700000000.000000", first)
	require.Less(t, first, second)
	m, _ := h.Message("pki-approvals", first)
	require.Contains(t, string(m.Blocks), `"block_id":"act"`)
	require.Equal(t, 2, strings.Count(string(m.Blocks), `"block_id"`), "the section got one, too")
	b, ok := m.Button("deny")
	require.True(t, ok)
	require.Equal(t, "req-1", b.Value)
}

func TestHistoryGivesMetadataOnlyOnRequest(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	var all []string
	for i := range 5 {
		_, ts, err := h.client.PostMessage(ch, slack.MsgOptionText(fmt.Sprint(i), false),
			slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "approval_requested", EventPayload: map[string]any{"id": fmt.Sprint(i)}}))
		require.NoError(t, err)
		all = append(all, ts)
	}
	_, _, err := h.client.PostMessage(ch, slack.MsgOptionText("a reply", false), slack.MsgOptionTS(all[1]))
	require.NoError(t, err)

	page, err := h.client.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ch, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{all[4], all[3]}, stamps(page.Messages))
	require.True(t, page.HasMore)
	require.Empty(t, page.Messages[0].Metadata.EventPayload)
	page, err = h.client.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ch, Limit: 2, Cursor: page.ResponseMetaData.NextCursor, IncludeAllMetadata: true})
	require.NoError(t, err)
	require.Equal(t, []string{all[2], all[1]}, stamps(page.Messages))
	require.Equal(t, "2", page.Messages[0].Metadata.EventPayload["id"])
	require.Equal(t, 1, page.Messages[1].ReplyCount)
	page, err = h.client.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ch, Limit: 2, Cursor: page.ResponseMetaData.NextCursor})
	require.NoError(t, err)
	require.Equal(t, []string{all[0]}, stamps(page.Messages))
	require.False(t, page.HasMore)

	one, err := h.client.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ch, Oldest: all[2], Latest: all[2], Inclusive: true, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []string{all[2]}, stamps(one.Messages))
	between, err := h.client.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ch, Oldest: all[1], Latest: all[4]})
	require.NoError(t, err)
	require.Equal(t, []string{all[3], all[2]}, stamps(between.Messages), "the ends are exclusive")

	thread, _, _, err := h.client.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: ch, Timestamp: all[1]})
	require.NoError(t, err)
	require.Len(t, thread, 2)
	require.Equal(t, all[1], thread[0].Timestamp)
	_, _, _, err = h.client.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: ch, Timestamp: "1.000001"})
	require.EqualError(t, err, "thread_not_found")
	_, err = h.client.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: h.ChannelID("not-invited")})
	require.EqualError(t, err, "not_in_channel")
}

func stamps(list []slack.Message) []string {
	var all []string
	for _, m := range list {
		all = append(all, m.Timestamp)
	}
	return all
}

func TestUpdateReplacesWhatIsGiven(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	answer := h.call(t, "chat.postMessage", `{"channel":"`+ch+`","text":"request","metadata":{"event_type":"t","event_payload":{"k":"v"}},"blocks":`+card+`}`)
	ts := answer["ts"].(string)
	update := func(rest string) map[string]any {
		return h.call(t, "chat.update", `{"channel":"`+ch+`","ts":"`+ts+`"`+rest+`}`)
	}
	now := func() slacksim.Message {
		m, ok := h.Message(ch, ts)
		require.True(t, ok)
		return m
	}
	require.Equal(t, true, update(`,"blocks":[{"type":"divider"}]`)["ok"])
	require.Empty(t, now().Text, "blocks without text keep blocks only")
	require.Nil(t, now().Edited, "a change of blocks is no edit")
	require.JSONEq(t, `{"event_type":"t","event_payload":{"k":"v"}}`, string(now().Metadata), "metadata left out is kept")
	require.Equal(t, true, update(`,"text":"plain","metadata":{}`)["ok"])
	require.Empty(t, now().Blocks)
	require.Empty(t, now().Metadata)
	require.NotNil(t, now().Edited)

	require.Equal(t, "msg_too_long", update(`,"text":"` + strings.Repeat("é", 4001) + `"`)["error"])
	require.Equal(t, true, update(`,"text":"` + strings.Repeat("é", 4000) + `"`)["ok"])
	require.Equal(t, "no_text", update(``)["error"])
	require.Equal(t, "invalid_blocks_format", update(`,"blocks":"nonsense"`)["error"])

	theirs, err := h.PostAs("ada", ch, "", "hello")
	require.NoError(t, err)
	require.Equal(t, "cant_update_message", h.call(t, "chat.update", `{"channel":"`+ch+`","ts":"`+theirs.TS+`","text":"x"}`)["error"])
	require.Equal(t, "cant_delete_message", h.call(t, "chat.delete", `{"channel":"`+ch+`","ts":"`+theirs.TS+`"}`)["error"])
	require.Equal(t, "message_not_found", h.call(t, "chat.update", `{"channel":"`+ch+`","ts":"1.000001","text":"x"}`)["error"])
	require.Equal(t, true, h.call(t, "chat.delete", `{"channel":"`+ch+`","ts":"`+ts+`"}`)["ok"])
	require.Equal(t, "message_not_found", update(`,"text":"x"`)["error"])
}

func TestMetadataIsChecked(t *testing.T) {
	h := open(t)
	for metadata, want := range map[string]any{
		`{"event_type":"t","event_payload":{"ok_1":["a",1,true,{"k":"v"}]}}`: nil,
		`{}`:                 nil,
		`"nonsense"`:         "invalid_metadata_format",
		`[]`:                 "invalid_metadata_format",
		`{"event_type":"t"}`: "invalid_metadata_schema",
		`{"event_type":"t","event_payload":{"Upper":1}}`:                                 "invalid_metadata_schema",
		`{"event_type":"t","event_payload":{"a":null}}`:                                  "invalid_metadata_schema",
		`{"event_type":"t","event_payload":{"a":{"b":1}}}`:                               "invalid_metadata_schema",
		`{"event_type":"t","event_payload":{"a":"` + strings.Repeat("x", 20_000) + `"}}`: "metadata_too_large",
	} {
		answer := h.call(t, "chat.postMessage", `{"channel":"`+h.ChannelID("pki-approvals")+`","text":"x","metadata":`+metadata+`}`)
		require.Equal(t, want, answer["error"], "%.100s", metadata)
	}
}

func TestThreadsCountTheirReplies(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	parent := h.postCard(t)
	_, err := h.PostAs("ada", ch, parent, "why?")
	require.NoError(t, err)
	_, reply, err := h.client.PostMessage(ch, slack.MsgOptionText("because", false), slack.MsgOptionTS(parent))
	require.NoError(t, err)
	m, _ := h.Message(ch, parent)
	require.Equal(t, 2, m.ReplyCount)
	require.Equal(t, reply, m.LatestReply)
	require.Equal(t, []string{h.UserID("ada"), h.AppInfo().UserID}, m.ReplyUsers)
	link, err := h.client.GetPermalink(&slack.PermalinkParameters{Channel: ch, Ts: reply})
	require.NoError(t, err)
	require.Contains(t, link, "?thread_ts="+parent+"&cid="+ch)
	_, _, err = h.client.DeleteMessage(ch, reply)
	require.NoError(t, err)
	m, _ = h.Message(ch, parent)
	require.Equal(t, 1, m.ReplyCount)
	require.NoError(t, h.DeleteMessage(ch, parent))
	_, _, err = h.client.PostMessage(ch, slack.MsgOptionText("late", false), slack.MsgOptionTS(parent))
	require.EqualError(t, err, "thread_not_found")
}

func TestEphemeralIsSeenByOneAndStoredNowhere(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	ts, err := h.client.PostEphemeral(ch, h.UserID("ada"), slack.MsgOptionText("only you", false))
	require.NoError(t, err)
	seen := h.Ephemerals("ada")
	require.Len(t, seen, 1)
	require.Equal(t, ts, seen[0].TS)
	require.Empty(t, h.Ephemerals("ben"))
	require.Empty(t, h.Messages(ch))
	_, _, _, err = h.client.UpdateMessage(ch, ts, slack.MsgOptionText("x", false))
	require.EqualError(t, err, "message_not_found")
	for _, who := range []string{"otto", "xena"} {
		_, err = h.client.PostEphemeral(ch, h.UserID(who), slack.MsgOptionText("x", false))
		require.EqualError(t, err, "user_not_in_channel")
	}
}

func TestReactions(t *testing.T) {
	h := open(t)
	ref := slack.NewRefToMessage(h.ChannelID("pki-approvals"), h.postCard(t))
	require.NoError(t, h.client.AddReaction("white_check_mark", ref))
	require.EqualError(t, h.client.AddReaction("white_check_mark", ref), "already_reacted")
	require.EqualError(t, h.client.AddReaction(":colons:", ref), "invalid_name")
	m, _ := h.Message(ref.Channel, ref.Timestamp)
	require.Equal(t, "white_check_mark", m.Reactions[0].Name)
	require.NoError(t, h.client.RemoveReaction("white_check_mark", ref))
	require.EqualError(t, h.client.RemoveReaction("white_check_mark", ref), "no_reaction")
}

func TestScheduledMessages(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	at := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	_, _, err := h.client.ScheduleMessage(ch, at(-time.Minute), slack.MsgOptionText("x", false))
	require.EqualError(t, err, "time_in_past")
	_, _, err = h.client.ScheduleMessage(ch, at(200*24*time.Hour), slack.MsgOptionText("x", false))
	require.EqualError(t, err, "time_too_far")
	_, id, err := h.client.ScheduleMessage(ch, at(time.Hour), slack.MsgOptionText("x", false))
	require.NoError(t, err)
	list, _, err := h.client.GetScheduledMessages(&slack.GetScheduledMessagesParameters{Channel: ch})
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = h.client.DeleteScheduledMessage(&slack.DeleteScheduledMessageParameters{Channel: ch, ScheduledMessageID: id})
	require.NoError(t, err)
	// A time of whole seconds one second ahead is at most a second away.
	_, _, err = h.client.ScheduleMessage(ch, at(time.Second), slack.MsgOptionText("soon", false))
	require.NoError(t, err)
	require.NoError(t, h.WaitFor(short(t), func() bool { return len(h.Messages(ch)) == 1 }))
}

func TestAChannelForgetsItsOldestMessages(t *testing.T) {
	h := open(t, func(c *slacksim.Config) { c.MaxMessages = 3 })
	var all []string
	for range 5 {
		all = append(all, h.postCard(t))
	}
	kept := h.Messages("pki-approvals")
	require.Len(t, kept, 3)
	require.Equal(t, all[2], kept[0].TS)
}

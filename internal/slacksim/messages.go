package slacksim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// content is what chat.* methods and response URLs put into a message. A nil
// member was not given.
type content struct {
	text        *string
	blocks      []any
	hasBlocks   bool
	attachments json.RawMessage
	metadata    json.RawMessage // "{}" removes
}

func (c content) empty() bool {
	return (c.text == nil || *c.text == "") && len(c.blocks) == 0 && (len(c.attachments) == 0 || string(c.attachments) == "[]")
}

const (
	maxText       = 40_000 // cut on posting
	maxUpdateText = 4_000
	maxMetadata   = 16_000
)

// readContent takes the content from a call's arguments, checked and filled in.
func readContent(c *call) (content, error) {
	var got content
	if c.has("text") {
		s := c.str("text")
		got.text = &s
	}
	if c.has("markdown_text") {
		if got.text != nil || c.has("blocks") {
			return got, fail("markdown_text_conflict")
		}
		s := c.str("markdown_text")
		got.text = &s
	}
	blocks, given, err := c.value("blocks")
	if given && blocks != nil || err != nil {
		list, ok := blocks.([]any)
		if err != nil || !ok {
			return got, fail("invalid_blocks_format")
		}
		got.blocks, got.hasBlocks = list, true
		if err := checkBlocks(list); err != nil {
			return got, err
		}
	}
	attachments, given, err := c.value("attachments")
	if given && attachments != nil || err != nil {
		list, ok := attachments.([]any)
		if err != nil || !ok {
			return got, fail("invalid_attachments")
		}
		if len(list) > 100 {
			return got, fail("too_many_attachments")
		}
		got.attachments = encode(list)
	}
	got.metadata, err = readMetadata(c)
	return got, err
}

// checkBlocks validates a message's blocks and fills in ids.
func checkBlocks(list []any) error {
	v := newValidator(inMessage, shortID)
	v.blocks("/blocks", list)
	if len(v.problems) > 0 {
		lines := v.messages()
		marked := make([]string, len(lines))
		for i, l := range lines {
			marked[i] = "[ERROR] " + l
		}
		return &apiError{code: "invalid_blocks", extra: object{"errors": lines, "response_metadata": object{"messages": marked}}}
	}
	if v.text > maxBlockText {
		return fail("msg_blocks_too_long")
	}
	return nil
}

var metadataName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// readMetadata returns nil if none was given and "{}" if it is to be removed.
func readMetadata(c *call) (json.RawMessage, error) {
	v, given, err := c.value("metadata")
	if !given || v == nil && err == nil {
		return nil, nil
	}
	o, ok := v.(object)
	if err != nil || !ok {
		return nil, fail("invalid_metadata_format")
	}
	if len(o) == 0 {
		return json.RawMessage("{}"), nil
	}
	kind, _ := o["event_type"].(string)
	payload, ok := o["event_payload"].(object)
	if kind == "" && len(payload) == 0 { // as some clients send for "none"
		return json.RawMessage("{}"), nil
	}
	if kind == "" || !ok {
		return nil, fail("invalid_metadata_schema")
	}
	for name, value := range payload {
		if !metadataName.MatchString(name) || !flat(value, true) {
			return nil, fail("invalid_metadata_schema")
		}
	}
	raw := encode(object{"event_type": kind, "event_payload": payload})
	if len(raw) > maxMetadata {
		return nil, fail("metadata_too_large")
	}
	return raw, nil
}

// flat says whether a metadata value is text, number, boolean, or a list of
// these and of flat objects.
func flat(v any, lists bool) bool {
	switch v := v.(type) {
	case string, float64, bool:
		return true
	case []any:
		return lists && !slices.ContainsFunc(v, func(e any) bool {
			o, isObject := e.(object)
			if !isObject {
				return !flat(e, false)
			}
			for _, inner := range o {
				if !flat(inner, false) {
					return true
				}
			}
			return false
		})
	}
	return false
}

// put stores a new message of the app and tells everybody.
func (w *Workspace) put(c *channel, m Message) *Message {
	m.Channel, m.TS = c.ID, w.nextTS()
	parent := c.insert(&m)
	w.publishMessage(c, &m)
	if parent != nil {
		w.publishMessage(c, parent)
	}
	w.emitMessage(c, &m)
	return &m
}

// replace stores a changed message and tells everybody.
func (w *Workspace) replace(c *channel, m *Message) {
	c.messages[m.TS] = m
	w.publishMessage(c, m)
}

func (w *Workspace) removeMessage(c *channel, ts string) {
	parent := c.remove(ts)
	w.changes.publish(c.has, func() any { return object{"type": "message_deleted", "channel": c.ID, "ts": ts} })
	if parent != nil {
		w.publishMessage(c, parent)
	}
	w.changes.changed()
}

func (w *Workspace) publishMessage(c *channel, m *Message) {
	w.changes.publish(c.has, func() any { return object{"type": "message", "channel": c.ID, "message": w.pageMessage(m)} })
	w.changes.changed()
}

func (w *Workspace) publishChannel(c *channel) {
	w.changes.publish(c.has, func() any { return object{"type": "channel", "channel": w.pageChannel(c)} })
	w.changes.changed()
}

// fromApp is an empty message by the bot.
func (w *Workspace) fromApp() Message {
	return Message{User: w.app.UserID, BotID: w.app.BotID, AppID: w.app.ID, Team: w.cfg.Team.ID}
}

// fill puts new content into a message.
func (m *Message) fill(got content) {
	if got.text != nil {
		m.Text = cut(*got.text, maxText)
	}
	if len(got.blocks) > 0 {
		m.Blocks = encode(got.blocks)
	}
	if len(got.attachments) > 0 && string(got.attachments) != "[]" {
		m.Attachments = got.attachments
	}
	if got.metadata != nil {
		m.Metadata = got.metadata
		if string(got.metadata) == "{}" {
			m.Metadata = nil
		}
	}
}

func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}

// wire is a message as the Web API and payloads show it. Metadata is shown in
// full, by its type only, or not at all.
func (w *Workspace) wire(m *Message, metadata bool) object {
	o := object{"type": "message", "user": m.User, "team": m.Team, "ts": m.TS, "text": m.Text}
	if m.BotID != "" {
		o["bot_id"], o["app_id"] = m.BotID, m.AppID
		o["bot_profile"] = w.botProfile()
	}
	setText(o, "subtype", m.Subtype)
	setText(o, "thread_ts", m.ThreadTS)
	if len(m.Blocks) > 0 {
		o["blocks"] = m.Blocks
	}
	if len(m.Attachments) > 0 {
		o["attachments"] = m.Attachments
	}
	if len(m.Metadata) > 0 {
		o["metadata"] = m.Metadata
		if !metadata {
			o["metadata"] = typeOnly(m.Metadata)
		}
	}
	if m.Edited != nil {
		o["edited"] = object{"user": m.Edited.User, "ts": m.Edited.TS}
	}
	if m.ReplyCount > 0 {
		o["reply_count"], o["reply_users"], o["reply_users_count"], o["latest_reply"] = m.ReplyCount, m.ReplyUsers, len(m.ReplyUsers), m.LatestReply
	} else if m.ThreadTS != "" && m.ThreadTS != m.TS {
		o["parent_user_id"] = w.app.UserID
	}
	if len(m.Reactions) > 0 {
		o["reactions"] = m.Reactions
	}
	return o
}

func typeOnly(metadata json.RawMessage) object {
	var o struct {
		EventType string `json:"event_type"`
	}
	_ = json.Unmarshal(metadata, &o)
	return object{"event_type": o.EventType}
}

func setText(o object, name, value string) {
	if value != "" {
		o[name] = value
	}
}

// permalink names a message by URL.
func permalink(base, channel string, m *Message) string {
	link := fmt.Sprintf("%s/archives/%s/p%s", base, channel, strings.ReplaceAll(m.TS, ".", ""))
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		link += fmt.Sprintf("?thread_ts=%s&cid=%s", m.ThreadTS, channel)
	}
	return link
}

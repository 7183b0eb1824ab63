package slacksim

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// target finds the channel a post goes to. A user id means that person's
// conversation with the app.
func (w *Workspace) target(c *call) (*channel, error) {
	ref := c.str("channel")
	if p := w.people[ref]; p != nil {
		if p.Deactivated || ref == w.app.UserID || w.outsider(p) {
			return nil, fail("channel_not_found")
		}
		return w.openDM(ref), nil
	}
	ch := w.channel(ref)
	if ref == "" || ch == nil || ch.Private && !ch.isMember[w.app.UserID] {
		return nil, fail("channel_not_found")
	}
	return ch, nil
}

// mayPost says why the app cannot post there.
func (w *Workspace) mayPost(c *call, ch *channel) error {
	switch {
	case ch.Archived:
		return fail("is_archived")
	case !ch.isMember[w.app.UserID] && !c.hasScope("chat:write.public"):
		return fail("not_in_channel")
	case ch.ReadOnly:
		return fail("restricted_action_read_only_channel")
	}
	return nil
}

func postMessage(w *Workspace, c *call) (object, error) {
	got, err := readContent(c)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, m, err := w.draft(c, got)
	if err != nil {
		return nil, err
	}
	if len(got.blocks) > 0 && m.Text == "" {
		c.warnings = append(c.warnings, "missing_text_in_message")
	}
	stored := w.put(ch, m)
	return object{"channel": ch.ID, "ts": stored.TS, "message": w.wire(stored, true)}, nil
}

// draft checks a post and makes the message of it.
func (w *Workspace) draft(c *call, got content) (*channel, Message, error) {
	m := w.fromApp()
	ch, err := w.target(c)
	if err != nil {
		return nil, m, err
	}
	if err := w.mayPost(c, ch); err != nil {
		return nil, m, err
	}
	if got.empty() {
		return nil, m, fail("no_text")
	}
	m.fill(got)
	if m.ThreadTS = c.str("thread_ts"); m.ThreadTS != "" {
		parent := ch.messages[m.ThreadTS]
		if parent == nil {
			return nil, m, fail("thread_not_found")
		}
		if parent.ThreadTS != "" { // a reply to a reply goes to the thread
			m.ThreadTS = parent.ThreadTS
		}
		m.Broadcast = c.flag("reply_broadcast")
		if m.Broadcast {
			m.Subtype = "thread_broadcast"
		}
	}
	return ch, m, nil
}

// ownMessage finds a message that the app may change.
func (w *Workspace) ownMessage(c *call, notOwn string) (*channel, *Message, error) {
	ch := w.channels[c.str("channel")]
	if ch == nil || ch.Private && !ch.isMember[w.app.UserID] {
		return nil, nil, fail("channel_not_found")
	}
	m := ch.messages[c.str("ts")]
	switch {
	case m == nil:
		return nil, nil, fail("message_not_found")
	case m.BotID != w.app.BotID:
		return nil, nil, fail(notOwn)
	}
	return ch, m, nil
}

func updateMessage(w *Workspace, c *call) (object, error) {
	got, err := readContent(c)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, old, err := w.ownMessage(c, "cant_update_message")
	if err != nil {
		return nil, err
	}
	if ch.Archived {
		return nil, fail("is_inactive")
	}
	if got.text != nil && utf8.RuneCountInString(*got.text) > maxUpdateText {
		return nil, fail("msg_too_long")
	}
	if got.empty() {
		return nil, fail("no_text")
	}
	m := w.updated(old, got)
	w.replace(ch, m)
	return object{"channel": ch.ID, "ts": m.TS, "text": m.Text, "message": w.wire(m, true)}, nil
}

// updated is a message with new content. Text without blocks removes the
// blocks and marks the message as edited; blocks without text leave no text.
func (w *Workspace) updated(old *Message, got content) *Message {
	m := *old
	m.Text, m.Blocks, m.Attachments = "", nil, nil
	m.fill(got)
	if len(got.blocks) == 0 && m.Text != old.Text {
		m.Edited = &Edit{User: w.app.UserID, TS: w.nextTS()}
	}
	return &m
}

func deleteMessage(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, m, err := w.ownMessage(c, "cant_delete_message")
	if err != nil {
		return nil, err
	}
	w.removeMessage(ch, m.TS)
	return object{"channel": ch.ID, "ts": m.TS}, nil
}

// keepEphemerals is how many notices one person's client keeps.
const keepEphemerals = 500

func postEphemeral(w *Workspace, c *call) (object, error) {
	got, err := readContent(c)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.target(c)
	if err != nil {
		return nil, err
	}
	if err := w.mayPost(c, ch); err != nil && err.Error() != "restricted_action_read_only_channel" {
		return nil, err
	}
	user := c.str("user")
	p := w.people[user]
	if p == nil || p.Deactivated || !ch.isMember[user] {
		return nil, fail("user_not_in_channel")
	}
	if got.empty() {
		return nil, fail("no_text")
	}
	m := w.fromApp()
	m.fill(got)
	m.ThreadTS = c.str("thread_ts")
	return object{"message_ts": w.whisper(ch, user, m)}, nil
}

// whisper shows a message to one person only.
func (w *Workspace) whisper(ch *channel, user string, m Message) string {
	m.Channel, m.TS, m.Ephemeral, m.For = ch.ID, w.nextTS(), true, user
	kept := append(w.ephemerals[user], m)
	if len(kept) > keepEphemerals {
		kept = kept[1:]
	}
	w.ephemerals[user] = kept
	w.publishEphemeral(&m)
	return m.TS
}

func (w *Workspace) publishEphemeral(m *Message) {
	w.changes.publish(only(m.For), func() any {
		return object{"type": "ephemeral", "channel": m.Channel, "message": w.pageMessage(m)}
	})
	w.changes.changed()
}

func only(user string) func(string) bool { return func(u string) bool { return u == user } }

// ephemeral finds the place of a notice in a person's client, -1 if it is gone.
func (w *Workspace) ephemeral(user, ts string) int {
	return slices.IndexFunc(w.ephemerals[user], func(m Message) bool { return m.TS == ts })
}

func getPermalink(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.channels[c.str("channel")]
	if ch == nil || ch.Private && !ch.isMember[w.app.UserID] {
		return nil, fail("channel_not_found")
	}
	m := ch.messages[c.str("message_ts")]
	if m == nil {
		return nil, fail("message_not_found")
	}
	return object{"channel": ch.ID, "permalink": permalink(c.base, ch.ID, m)}, nil
}

// scheduledMessage waits for its time.
type scheduledMessage struct {
	id      string
	channel *channel
	at      time.Time
	created int64
	message Message
	timer   *time.Timer
}

func scheduleMessage(w *Workspace, c *call) (object, error) {
	got, err := readContent(c)
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseInt(c.str("post_at"), 10, 64)
	if err != nil {
		return nil, fail("invalid_time")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Unix(seconds, 0)
	switch {
	case !at.After(w.now()):
		return nil, fail("time_in_past")
	case at.After(w.now().AddDate(0, 0, 120)):
		return nil, fail("time_too_far")
	}
	ch, m, err := w.draft(c, got)
	if err != nil {
		return nil, err
	}
	near := 0
	for _, s := range w.scheduled {
		if s.channel == ch && s.at.Sub(at).Abs() < 5*time.Minute {
			near++
		}
	}
	if near >= 30 {
		return nil, fail("restricted_too_many")
	}
	s := &scheduledMessage{id: w.newID("Q"), channel: ch, at: at, created: w.now().Unix(), message: m}
	s.timer = time.AfterFunc(at.Sub(w.now()), func() { w.postScheduled(s.id) })
	w.scheduled[s.id] = s
	return object{"channel": ch.ID, "scheduled_message_id": s.id, "post_at": seconds, "message": w.wire(&m, true)}, nil
}

func (w *Workspace) postScheduled(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.scheduled[id]
	if s == nil {
		return
	}
	delete(w.scheduled, id)
	if s.message.Metadata != nil {
		return // Slack's own documentation warns that these are never posted
	}
	if !s.channel.Archived {
		w.put(s.channel, s.message)
	}
}

func deleteScheduled(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.scheduled[c.str("scheduled_message_id")]
	if s == nil || s.channel.ID != c.str("channel") || s.at.Sub(w.now()) < time.Minute {
		return nil, fail("invalid_scheduled_message_id")
	}
	s.timer.Stop()
	delete(w.scheduled, s.id)
	return nil, nil
}

func listScheduled(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []object{}
	for _, s := range w.scheduled {
		if ch := c.str("channel"); ch == "" || ch == s.channel.ID {
			all = append(all, object{"id": s.id, "channel_id": s.channel.ID, "post_at": s.at.Unix(), "date_created": s.created, "text": s.message.Text})
		}
	}
	slices.SortFunc(all, func(a, b object) int { return compareTS(fmt.Sprint(a["post_at"]), fmt.Sprint(b["post_at"])) })
	part, meta, err := paged(c, all, 100, 1000)
	return object{"scheduled_messages": part, "response_metadata": meta}, err
}

package slacksim

import (
	"slices"
	"strings"
)

// seen finds a channel that the app may know of.
func (w *Workspace) seen(c *call) (*channel, error) {
	ch := w.channels[c.str("channel")]
	if ch == nil || (ch.Private || ch.isDM()) && !ch.isMember[w.app.UserID] {
		return nil, fail("channel_not_found")
	}
	return ch, nil
}

func (w *Workspace) wireChannel(ch *channel) object {
	o := object{
		"id": ch.ID, "is_channel": !ch.isDM() && !ch.Private, "is_group": ch.Private, "is_im": ch.isDM(), "is_mpim": false,
		"is_private": ch.Private || ch.isDM(), "is_archived": ch.Archived, "created": ch.created, "updated": ch.created * 1000,
		"is_shared": ch.Shared, "is_ext_shared": ch.Shared, "is_org_shared": false, "is_pending_ext_shared": false, "pending_shared": []string{},
		"context_team_id": w.cfg.Team.ID, "shared_team_ids": w.teamsOf(ch), "is_frozen": false,
	}
	if ch.isDM() {
		o["user"] = ch.user
		return o
	}
	o["name"], o["name_normalized"], o["previous_names"] = ch.Name, ch.Name, []string{}
	o["is_general"], o["is_member"], o["is_read_only"], o["is_thread_only"] = ch.General, ch.isMember[w.app.UserID], ch.ReadOnly, false
	o["creator"], o["conversation_host_id"] = w.peopleIDs[0], w.cfg.Team.ID
	o["internal_team_ids"], o["connected_team_ids"] = []string{w.cfg.Team.ID}, w.teamsOf(ch)
	o["topic"] = object{"value": ch.Topic, "creator": w.peopleIDs[0], "last_set": ch.created}
	o["purpose"] = object{"value": ch.Purpose, "creator": w.peopleIDs[0], "last_set": ch.created}
	return o
}

// teamsOf are the workspaces whose people are in a channel, ours first.
func (w *Workspace) teamsOf(ch *channel) []string {
	teams := []string{w.cfg.Team.ID}
	if !ch.Shared {
		return teams
	}
	for _, m := range ch.members {
		if t := w.people[m].TeamID; !slices.Contains(teams, t) {
			teams = append(teams, t)
		}
	}
	return teams
}

func conversationInfo(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.seen(c)
	if err != nil {
		return nil, err
	}
	if err := c.need(ch.scope("read")); err != nil {
		return nil, err
	}
	o := w.wireChannel(ch)
	if c.flag("include_num_members") {
		o["num_members"] = len(ch.members)
	}
	return object{"channel": o}, nil
}

// listed are the channels that a listing with the call's arguments shows.
func (w *Workspace) listed(c *call, of func(*channel) bool) ([]object, error) {
	types := c.str("types")
	setDefault(&types, "public_channel")
	wanted := map[string]bool{}
	for t := range strings.SplitSeq(types, ",") {
		scope, ok := map[string]string{"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read"}[strings.TrimSpace(t)]
		if !ok {
			return nil, fail("invalid_types")
		}
		if err := c.need(scope); err != nil {
			return nil, err
		}
		wanted[strings.TrimSpace(t)] = true
	}
	all := []object{}
	for _, id := range w.allChannelIDs() {
		ch := w.channels[id]
		kind := "public_channel"
		if ch.Private {
			kind = "private_channel"
		} else if ch.isDM() {
			kind = "im"
		}
		hidden := kind != "public_channel" && !ch.isMember[w.app.UserID] || c.flag("exclude_archived") && ch.Archived
		if wanted[kind] && !hidden && of(ch) {
			all = append(all, w.wireChannel(ch))
		}
	}
	return all, nil
}

// allChannelIDs are the channels in their order, then direct messages.
func (w *Workspace) allChannelIDs() []string {
	ids := slices.Clone(w.channelIDs)
	for _, user := range w.peopleIDs {
		if dm := w.dms[user]; dm != nil {
			ids = append(ids, dm.ID)
		}
	}
	return ids
}

func conversationList(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, err := w.listed(c, func(*channel) bool { return true })
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		o["num_members"] = len(w.channels[o["id"].(string)].members)
	}
	part, meta, err := paged(c, all, 100, 1000)
	return object{"channels": part, "response_metadata": meta}, err
}

func userConversations(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	user := c.str("user")
	setDefault(&user, w.app.UserID)
	if w.people[user] == nil {
		return nil, fail("user_not_found")
	}
	all, err := w.listed(c, func(ch *channel) bool { return ch.isMember[user] })
	if err != nil {
		return nil, err
	}
	part, meta, err := paged(c, all, 100, 999)
	return object{"channels": part, "response_metadata": meta}, err
}

func conversationMembers(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.seen(c)
	if err != nil {
		return nil, err
	}
	if err := c.need(ch.scope("read")); err != nil {
		return nil, err
	}
	part, meta, err := paged(c, ch.members, 100, 1000)
	return object{"members": part, "response_metadata": meta}, err
}

func conversationJoin(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.seen(c)
	switch {
	case err != nil:
		return nil, err
	case ch.Private || ch.isDM():
		return nil, fail("method_not_supported_for_channel_type")
	case ch.Archived:
		return nil, fail("is_archived")
	}
	answer := object{}
	if ch.join(w.app.UserID) {
		w.publishChannel(ch)
	} else {
		c.warnings = append(c.warnings, "already_in_channel")
	}
	answer["channel"] = w.wireChannel(ch)
	return answer, nil
}

func conversationLeave(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.seen(c)
	switch {
	case err != nil:
		return nil, err
	case ch.isDM():
		return nil, fail("method_not_supported_for_channel_type")
	case ch.General:
		return nil, fail("cant_leave_general")
	}
	if !ch.leave(w.app.UserID) {
		return object{"not_in_channel": true}, nil
	}
	w.publishChannel(ch)
	return nil, nil
}

func conversationOpen(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id := c.str("channel"); id != "" {
		ch := w.channels[id]
		if ch == nil || !ch.isDM() {
			return nil, fail("channel_not_found")
		}
		return w.opened(c, ch, true), nil
	}
	users := strings.Split(c.str("users"), ",")
	if c.str("users") == "" {
		return nil, fail("users_list_not_supplied")
	}
	if len(users) > 1 { // group messages need mpim:write and are no business of this app
		return nil, c.missingScope("mpim:write")
	}
	p := w.people[strings.TrimSpace(users[0])]
	switch {
	case p == nil || p.ID == w.app.UserID:
		return nil, fail("user_not_found")
	case p.Deactivated:
		return nil, fail("user_disabled")
	case w.outsider(p):
		return nil, fail("user_not_visible")
	}
	already := w.dms[p.ID] != nil
	return w.opened(c, w.openDM(p.ID), already), nil
}

func (w *Workspace) opened(c *call, ch *channel, already bool) object {
	answer := object{"channel": object{"id": ch.ID}}
	if c.flag("return_im") {
		answer["channel"] = w.wireChannel(ch)
	}
	if already {
		answer["already_open"], answer["no_op"] = true, true
	}
	return answer
}

// readable finds a channel whose messages the app may read.
func (w *Workspace) readable(c *call) (*channel, error) {
	ch, err := w.seen(c)
	if err != nil {
		return nil, err
	}
	if err := c.need(ch.scope("history")); err != nil {
		return nil, err
	}
	if !ch.isMember[w.app.UserID] {
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

func conversationHistory(w *Workspace, c *call) (object, error) {
	limit, err := c.number("limit", 100, 1, 999)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.readable(c)
	if err != nil {
		return nil, err
	}
	// The cursor is the ts of the last message handed out, so that messages
	// that come or go meanwhile neither repeat nor hide others.
	before, err := readCursor(c)
	if err != nil {
		return nil, err
	}
	s := readSpan(c)
	found, more := ch.newest(s, before, limit)
	next := ""
	if more {
		next = cursorPrefix + found[len(found)-1].TS
	}
	return object{
		"messages": w.wireAll(found, c.flag("include_all_metadata")), "has_more": more, "pin_count": 0,
		"response_metadata": object{"next_cursor": next},
	}, nil
}

const cursorPrefix = "next_ts:"

func readCursor(c *call) (string, error) {
	cursor := c.str("cursor")
	if cursor == "" {
		return "", nil
	}
	ts, ok := strings.CutPrefix(cursor, cursorPrefix)
	if !ok {
		return "", fail("invalid_cursor")
	}
	return ts, nil
}

func readSpan(c *call) span {
	s := span{oldest: c.str("oldest"), latest: c.str("latest"), inclusive: c.flag("inclusive")}
	if s.oldest == "0" {
		s.oldest = ""
	}
	if s.latest == "0" || s.latest == "now" {
		s.latest = ""
	}
	return s
}

func (w *Workspace) wireAll(list []*Message, metadata bool) []object {
	all := make([]object, len(list))
	for i, m := range list {
		all[i] = w.wire(m, metadata)
	}
	return all
}

func conversationReplies(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, err := w.readable(c)
	if err != nil {
		return nil, err
	}
	m := ch.messages[c.str("ts")]
	if m == nil {
		return nil, fail("thread_not_found")
	}
	root := m
	if m.ThreadTS != "" && ch.messages[m.ThreadTS] != nil {
		root = ch.messages[m.ThreadTS]
	}
	s := readSpan(c)
	thread := []*Message{root} // the parent comes first whatever the span
	for _, ts := range ch.replies[root.TS] {
		if s.contains(ts) {
			thread = append(thread, ch.messages[ts])
		}
	}
	part, meta, err := paged(c, thread, 1000, 1000)
	if err != nil {
		return nil, err
	}
	return object{
		"messages": w.wireAll(part, c.flag("include_all_metadata")), "has_more": meta["next_cursor"] != "", "response_metadata": meta,
	}, nil
}

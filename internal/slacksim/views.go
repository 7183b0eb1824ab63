package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// stack is one modal with the views pushed onto it. A person has several when
// they clicked several times; the newest is in front.
type stack struct{ views []*View }

const (
	maxStack    = 3
	maxViewSize = 250_000
	// keepStacks is how many open modals one person's client keeps. Without an
	// end, a long run of clicks that nobody closes would fill the memory.
	keepStacks = 500
)

// trigger is the permission to open one view.
type trigger struct {
	user string
	view string // the modal it came from
	born time.Time
	used bool
}

func (w *Workspace) newTrigger(user, view string) string {
	id := fmt.Sprintf("%d.%d.%016x", w.now().UnixMilli(), w.seq.Add(1), w.seq.Load()*0x9E3779B97F4A7C15)
	w.triggers.put(id, trigger{user: user, view: view, born: w.now()})
	return id
}

// takeTrigger spends a trigger id.
func (w *Workspace) takeTrigger(c *call) (*trigger, error) {
	t := w.triggers.get(c.str("trigger_id"))
	switch {
	case t == nil:
		return nil, fail("invalid_trigger_id")
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case w.now().Sub(t.born) > w.cfg.TriggerLifetime:
		return nil, fail("expired_trigger_id")
	}
	t.used = true
	return t, nil
}

// readView takes a view from a call's arguments, checked and filled in.
func readView(c *call, s surface) (*View, error) {
	value, given, err := c.value("view")
	if err != nil {
		return nil, fail("invalid_json")
	}
	o, ok := value.(object)
	if !given || !ok {
		return nil, invalidArguments("[ERROR] missing required field: view [json-pointer:/view]")
	}
	return makeView(o, s)
}

func makeView(o object, s surface) (*View, error) {
	kind := map[surface]string{inModal: "modal", inHome: "home"}[s]
	if o["type"] != kind {
		return nil, invalidArguments("[ERROR] must be a valid view type: " + kind + " [json-pointer:/view/type]")
	}
	if len(encode(o)) > maxViewSize {
		return nil, fail("view_too_large")
	}
	v := newValidator(s, shortID)
	v.view(o)
	if len(v.problems) > 0 {
		lines := v.messages()
		for i := range lines {
			lines[i] = "[ERROR] " + lines[i]
		}
		return nil, invalidArguments(lines...)
	}
	str := func(name string) string { s, _ := o[name].(string); return s }
	flag := func(name string) bool { b, _ := o[name].(bool); return b }
	raw := func(name string) json.RawMessage {
		if o[name] == nil {
			return nil
		}
		return encode(o[name])
	}
	blocks := o["blocks"].([]any)
	return &View{
		Type: kind, CallbackID: str("callback_id"), ExternalID: str("external_id"), PrivateMetadata: str("private_metadata"),
		Title: raw("title"), SubmitLabel: raw("submit"), CloseLabel: raw("close"), Blocks: encode(blocks),
		ClearOnClose: flag("clear_on_close"), NotifyOnClose: flag("notify_on_close"), SubmitDisabled: flag("submit_disabled"),
		Values: initialValues(blocks),
	}, nil
}

// statefulElements hold a value; each names the member that holds it, and
// where the initial one is.
var statefulElements = map[string]struct{ member, initial string }{
	"plain_text_input": {"value", "initial_value"}, "email_text_input": {"value", "initial_value"}, "url_text_input": {"value", "initial_value"},
	"number_input": {"value", "initial_value"}, "rich_text_input": {"rich_text_value", "initial_value"},
	"static_select": {"selected_option", "initial_option"}, "external_select": {"selected_option", "initial_option"}, "radio_buttons": {"selected_option", "initial_option"},
	"users_select": {"selected_user", "initial_user"}, "channels_select": {"selected_channel", "initial_channel"},
	"conversations_select": {"selected_conversation", "initial_conversation"},
	"multi_static_select":  {"selected_options", "initial_options"}, "multi_external_select": {"selected_options", "initial_options"}, "checkboxes": {"selected_options", "initial_options"},
	"multi_users_select": {"selected_users", "initial_users"}, "multi_channels_select": {"selected_channels", "initial_channels"},
	"multi_conversations_select": {"selected_conversations", "initial_conversations"},
	"datepicker":                 {"selected_date", "initial_date"}, "timepicker": {"selected_time", "initial_time"}, "datetimepicker": {"selected_date_time", "initial_date_time"},
	"file_input": {"files", ""},
}

func initialValues(blocks []any) Values {
	values := Values{}
	for _, b := range interactive(blocks) {
		kind, _ := b.Element["type"].(string)
		s, ok := statefulElements[kind]
		if !ok {
			continue
		}
		initial := b.Element[s.initial]
		if initial == nil && (s.member == "selected_options" || s.member == "selected_users") {
			initial = []any{}
		}
		values.set(b.BlockID, b.ActionID, object{"type": kind, s.member: initial})
	}
	return values
}

// absorb takes over what was typed, where both ids are still there.
func (v *View) absorb(typed Values) {
	for block, actions := range typed {
		for action, state := range actions {
			if _, ok := v.Values[block][action]; ok {
				v.Values[block][action] = state
			}
		}
	}
}

func (w *Workspace) newHash() string {
	return fmt.Sprintf("%d.%s", w.now().Unix(), randomText(8))
}

// adopt gives a new view its identity and keeps it.
func (w *Workspace) adopt(v *View, user string) error {
	if v.ExternalID != "" && w.external[v.ExternalID] != "" {
		return fail("duplicate_external_id")
	}
	v.ID, v.User, v.Hash = w.newID("V"), user, w.newHash()
	v.Root = v.ID
	w.keep(v)
	return nil
}

func (w *Workspace) keep(v *View) {
	w.views[v.ID] = v
	if v.ExternalID != "" {
		w.external[v.ExternalID] = v.ID
	}
}

func (w *Workspace) forget(v *View) {
	delete(w.views, v.ID)
	if w.external[v.ExternalID] == v.ID {
		delete(w.external, v.ExternalID)
	}
}

func (w *Workspace) open(v *View, user string) {
	all := append(w.stacks[user], &stack{views: []*View{v}})
	if len(all) > keepStacks {
		for _, old := range all[0].views {
			w.forget(old)
		}
		all = all[1:]
	}
	w.stacks[user] = all
	w.publishViews(user)
}

func (w *Workspace) push(s *stack, v *View) {
	top := s.views[len(s.views)-1]
	v.Previous, v.Root = top.ID, top.Root
	s.views = append(s.views, v)
	w.publishViews(v.User)
}

// stackOf finds the modal a view belongs to and its place there.
func (w *Workspace) stackOf(v *View) (*stack, int) {
	for _, s := range slices.Backward(w.stacks[v.User]) {
		if i := slices.IndexFunc(s.views, func(o *View) bool { return o.ID == v.ID }); i >= 0 {
			return s, i
		}
	}
	return nil, -1
}

// renew replaces a view by one of new content.
func (w *Workspace) renew(old, v *View) error {
	if owner := w.external[v.ExternalID]; v.ExternalID != "" && owner != "" && owner != old.ID {
		return fail("duplicate_external_id")
	}
	v.ID, v.User, v.Root, v.Previous, v.Hash = old.ID, old.User, old.Root, old.Previous, w.newHash()
	v.absorb(old.Values)
	w.swap(old, v)
	return nil
}

// swap puts a changed view in the place of the old one. Views are replaced,
// never changed: others may hold the old one.
func (w *Workspace) swap(old, v *View) {
	w.forget(old)
	w.keep(v)
	if old.Type == "home" {
		w.homes[old.User] = v
		w.publishHome(v)
		return
	}
	if s, i := w.stackOf(old); s != nil {
		s.views[i] = v
	}
	w.publishViews(v.User)
}

// pop closes the top view of a stack, or all of it, and returns what closed.
func (w *Workspace) pop(user string, s *stack, all bool) []*View {
	from := len(s.views) - 1
	if all {
		from = 0
	}
	closed := slices.Clone(s.views[from:])
	s.views = s.views[:from]
	for _, v := range closed {
		w.forget(v)
	}
	if len(s.views) == 0 {
		w.stacks[user] = slices.DeleteFunc(w.stacks[user], func(o *stack) bool { return o == s })
		if len(w.stacks[user]) == 0 {
			delete(w.stacks, user)
		}
	}
	w.publishViews(user)
	return closed
}

// topStack are the views in front of a person, the top one last.
func (w *Workspace) topStack(user string) []View {
	all := w.stacks[user]
	if len(all) == 0 {
		return nil
	}
	var views []View
	for _, v := range all[len(all)-1].views {
		copied := *v
		copied.Values = v.Values.clone()
		views = append(views, copied)
	}
	return views
}

func (w *Workspace) publishViews(user string) {
	w.changes.publish(only(user), func() any { return object{"type": "views", "views": w.wireStack(user)} })
	w.changes.changed()
}

func (w *Workspace) publishHome(v *View) {
	w.changes.publish(only(v.User), func() any { return object{"type": "home", "view": w.wireView(v)} })
	w.changes.changed()
}

func (w *Workspace) wireStack(user string) []object {
	views := []object{}
	for _, v := range w.topStack(user) {
		views = append(views, w.wireView(&v))
	}
	return views
}

// wireView is a view as answers and payloads show it.
func (w *Workspace) wireView(v *View) object {
	o := object{
		"id": v.ID, "team_id": w.cfg.Team.ID, "type": v.Type, "blocks": v.Blocks, "private_metadata": v.PrivateMetadata,
		"callback_id": v.CallbackID, "external_id": v.ExternalID, "state": object{"values": v.Values.clone()}, "hash": v.Hash,
		"clear_on_close": v.ClearOnClose, "notify_on_close": v.NotifyOnClose, "submit_disabled": v.SubmitDisabled,
		"root_view_id": v.Root, "previous_view_id": nil, "app_id": w.app.ID, "app_installed_team_id": w.cfg.Team.ID, "bot_id": w.app.BotID,
		"title": orNull(v.Title), "submit": orNull(v.SubmitLabel), "close": orNull(v.CloseLabel),
	}
	if v.Previous != "" {
		o["previous_view_id"] = v.Previous
	}
	if v.Type == "home" {
		o["title"] = object{"type": "plain_text", "text": "View Title", "emoji": true}
	}
	return o
}

func orNull(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return raw
}

func viewOpen(w *Workspace, c *call) (object, error) {
	v, err := readView(c, inModal)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.takeTrigger(c)
	if err != nil {
		return nil, err
	}
	if err := w.adopt(v, t.user); err != nil {
		return nil, err
	}
	w.open(v, t.user)
	return object{"view": w.wireView(v)}, nil
}

func viewPush(w *Workspace, c *call) (object, error) {
	v, err := readView(c, inModal)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.takeTrigger(c)
	if err != nil {
		return nil, err
	}
	from := w.views[t.view]
	if from == nil || from.Type != "modal" {
		return nil, fail("invalid_trigger_id") // not from inside an open modal
	}
	s, _ := w.stackOf(from)
	if len(s.views) >= maxStack {
		return nil, fail("push_limit_reached")
	}
	if err := w.adopt(v, t.user); err != nil {
		return nil, err
	}
	w.push(s, v)
	return object{"view": w.wireView(v)}, nil
}

func viewUpdate(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := c.str("view_id")
	if id == "" {
		id = w.external[c.str("external_id")]
	}
	old := w.views[id]
	if old == nil {
		return nil, fail("not_found")
	}
	s := inModal
	if old.Type == "home" {
		s = inHome
	}
	v, err := readView(c, s)
	if err != nil {
		return nil, err
	}
	if h := c.str("hash"); h != "" && h != old.Hash {
		return nil, fail("hash_conflict")
	}
	if err := w.renew(old, v); err != nil {
		return nil, err
	}
	return object{"view": w.wireView(v)}, nil
}

func viewPublish(w *Workspace, c *call) (object, error) {
	v, err := readView(c, inHome)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.people[c.str("user_id")]
	if p == nil || p.Deactivated || w.outsider(p) {
		return nil, invalidArguments("[ERROR] user_not_found [json-pointer:/user_id]")
	}
	old := w.homes[p.ID]
	if h := c.str("hash"); h != "" && (old == nil || h != old.Hash) {
		return nil, fail("hash_conflict")
	}
	if old != nil {
		err = w.renew(old, v)
	} else if err = w.adopt(v, p.ID); err == nil {
		w.homes[p.ID] = v
		w.publishHome(v)
	}
	if err != nil {
		return nil, err
	}
	return object{"view": w.wireView(v)}, nil
}

package slacksim

import (
	"context"
	"slices"
)

// Click is a press of a button, or another use of an interactive element.
type Click struct {
	As      string // name or id
	Channel string // name, "#name" or id; not for views
	TS      string // of the message, or of an ephemeral one of As
	View    string // for ClickView: view id; empty means the Home tab

	BlockID  string // empty: the first element with that ActionID
	ActionID string
	// Value overrides the button's value. With it, even a button that is not
	// there can be pressed, as an old client or a forger would.
	Value string
	// SelectedOption is the value of the chosen option of a menu.
	SelectedOption string
	SelectedUser   string
	// State holds what was typed into the inputs around.
	State Values
	// Message is the message as the client saw it, when that was not its
	// latest version. The payload then carries this one.
	Message *Message
}

// refused is a Result for something that never went to the app.
func refused(words string) Result { return Result{Error: words} }

// actor finds a person who can act at all.
func (w *Workspace) actor(as string) (*Person, string) {
	p := w.person(as)
	switch {
	case p == nil:
		return nil, "nobody is called " + as
	case p.Deactivated:
		return nil, "this account is deactivated"
	case p.ID == w.app.UserID:
		return nil, "bots cannot press buttons"
	}
	return p, ""
}

// maySee says whether a person has the channel in front of them. Guests and
// outsiders see only channels they are members of.
func (w *Workspace) maySee(p *Person, ch *channel) bool {
	if p.Guest || p.SingleGuest || w.outsider(p) {
		return ch.isMember[p.ID]
	}
	return ch.visible(p.ID)
}

// Click presses a button of a message and waits for the app's acknowledgement.
func (w *Workspace) Click(ctx context.Context, c Click) Result {
	payload, words := w.clickPayload(c)
	if words != "" {
		return refused(words)
	}
	return w.interact(ctx, "block_actions", payload)
}

// interact delivers an interaction whose payload may hold a trigger and a
// response URL.
func (w *Workspace) interact(ctx context.Context, name string, payload object) Result {
	token, _ := payload["response_url"].(string)
	r := w.deliver(ctx, delivery{
		kind: kindInteractive, path: interactivePath, name: name, accepts: name == "view_submission",
		payload: func(base string) object {
			if token != "" {
				payload["response_url"] = base + "/actions/" + w.cfg.Team.ID + "/" + token
			}
			return payload
		},
	})
	r.Error = w.sentence(r.Fate)
	r.TriggerID, _ = payload["trigger_id"].(string)
	r.ResponseURL, _ = payload["response_url"].(string)
	return r
}

// clickPayload builds the payload of a click in a message. Its response_url is
// the bare token until it is known which way the payload takes.
func (w *Workspace) clickPayload(c Click) (object, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(c.As)
	if words != "" {
		return nil, words
	}
	ch := w.channel(c.Channel)
	if ch == nil || !w.maySee(p, ch) {
		return nil, "this channel is not there for you"
	}
	m := w.seenMessage(p, ch, c)
	if m == nil {
		return nil, "this message is gone"
	}
	blocks := decodeBlocks(m.Blocks)
	b, ok := findButton(interactive(blocks), c.BlockID, c.ActionID)
	if !ok && c.Value == "" {
		return nil, "this button is gone"
	}
	if !ok {
		b = Button{BlockID: c.BlockID, ActionID: c.ActionID, Element: object{"type": "button", "text": object{"type": "plain_text", "text": c.ActionID, "emoji": true}}}
	}
	payload := w.interaction("block_actions", p)
	container := object{"type": "message", "message_ts": m.TS, "channel_id": ch.ID, "is_ephemeral": m.Ephemeral}
	setText(container, "thread_ts", m.ThreadTS)
	payload["container"] = container
	payload["channel"] = object{"id": ch.ID, "name": ch.nameInPayload()}
	if !m.Ephemeral {
		payload["message"] = w.wire(m, true)
	}
	values := initialValues(blocks)
	mergeValues(values, c.State)
	payload["state"] = object{"values": values}
	payload["actions"] = []object{w.action(c, b)}
	payload["trigger_id"] = w.newTrigger(p.ID, "")
	payload["response_url"] = w.newResponseURL(responseURL{user: p.ID, channel: ch.ID, ts: m.TS, thread: m.ThreadTS, ephemeral: m.Ephemeral})
	return payload, ""
}

// seenMessage is the message a person clicks in, as their client shows it.
func (w *Workspace) seenMessage(p *Person, ch *channel, c Click) *Message {
	if c.Message != nil {
		return c.Message
	}
	if m := ch.messages[c.TS]; m != nil {
		return m
	}
	if i := w.ephemeral(p.ID, c.TS); i >= 0 && w.ephemerals[p.ID][i].Channel == ch.ID {
		return &w.ephemerals[p.ID][i]
	}
	return nil
}

func mergeValues(into, from Values) {
	for block, actions := range from {
		for action, state := range actions {
			into.set(block, action, state)
		}
	}
}

// interaction is what all interaction payloads have.
func (w *Workspace) interaction(kind string, p *Person) object {
	return object{
		"type": kind, "user": object{"id": p.ID, "username": p.Name, "name": p.Name, "team_id": p.TeamID},
		"team": object{"id": w.cfg.Team.ID, "domain": w.cfg.Team.Domain}, "enterprise": nil, "is_enterprise_install": false,
		"api_app_id": w.app.ID, "token": "deprecated",
	}
}

// action is the entry of a payload's actions.
func (w *Workspace) action(c Click, b Button) object {
	kind, _ := b.Element["type"].(string)
	a := object{"type": kind, "block_id": b.BlockID, "action_id": b.ActionID, "action_ts": w.nextTS()}
	for _, name := range []string{"text", "style", "confirm", "placeholder"} {
		if v := b.Element[name]; v != nil {
			a[name] = v
		}
	}
	for member, v := range c.State[b.BlockID][b.ActionID] {
		if member != "type" {
			a[member] = v
		}
	}
	switch {
	case kind == "button":
		setText(a, "value", b.Value)
		setText(a, "value", c.Value)
	case c.SelectedUser != "":
		a["selected_user"] = c.SelectedUser
	case c.SelectedOption != "":
		a["selected_option"] = optionOf(b.Element, c.SelectedOption)
	case c.Value != "":
		a["value"] = c.Value
	}
	return a
}

// optionOf finds an option by its value; a made-up one stands in for one that
// is not there (external menus, old clients).
func optionOf(element object, value string) any {
	lists := []any{element["options"]}
	groups, _ := element["option_groups"].([]any)
	for _, g := range groups {
		o, _ := g.(object)
		lists = append(lists, o["options"])
	}
	for _, l := range lists {
		options, _ := l.([]any)
		i := slices.IndexFunc(options, func(o any) bool { opt, _ := o.(object); return opt["value"] == value })
		if i >= 0 {
			return options[i]
		}
	}
	return object{"text": object{"type": "plain_text", "text": value, "emoji": true}, "value": value}
}

// ClickView presses a button in a modal or, with no view named, in the Home tab.
func (w *Workspace) ClickView(ctx context.Context, c Click) Result {
	payload, words := w.viewClickPayload(c)
	if words != "" {
		return refused(words)
	}
	return w.interact(ctx, "block_actions", payload)
}

func (w *Workspace) viewClickPayload(c Click) (object, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(c.As)
	if words != "" {
		return nil, words
	}
	v := w.views[c.View]
	if c.View == "" {
		v = w.homes[p.ID]
	}
	if v == nil || v.User != p.ID {
		return nil, "this view is closed"
	}
	v = w.typed(v, c.State)
	b, ok := findButton(interactive(decodeBlocks(v.Blocks)), c.BlockID, c.ActionID)
	if !ok {
		return nil, "this button is gone"
	}
	payload := w.interaction("block_actions", p)
	payload["container"] = object{"type": "view", "view_id": v.ID}
	payload["view"] = w.wireView(v)
	payload["state"] = object{"values": v.Values.clone()}
	payload["hash"] = v.Hash
	payload["actions"] = []object{w.action(c, b)}
	payload["trigger_id"] = w.newTrigger(p.ID, v.ID)
	return payload, ""
}

// typed keeps what a person typed into a view and returns the view with it.
// Nobody else sees that, so it is no event for the page.
func (w *Workspace) typed(old *View, values Values) *View {
	if len(values) == 0 {
		return old
	}
	v := *old
	v.Values = old.Values.clone()
	v.absorb(values)
	w.keep(&v)
	if s, i := w.stackOf(old); s != nil {
		s.views[i] = &v
	}
	if w.homes[v.User] == old {
		w.homes[v.User] = &v
	}
	return &v
}

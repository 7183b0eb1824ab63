package slacksim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// object is a JSON object as it travels.
type object = map[string]any

// Message is one message as the workspace keeps it. Stored messages never
// change: an edit replaces them whole, so what a caller got stays as it was.
type Message struct {
	Channel  string
	TS       string
	ThreadTS string // empty: not in a thread
	Subtype  string
	User     string
	BotID    string // set for the app's own messages
	AppID    string
	Team     string // of the author
	Text     string
	Blocks   json.RawMessage // an array, or nil
	// Attachments are kept as they came.
	Attachments json.RawMessage
	Metadata    json.RawMessage
	Edited      *Edit
	// Ephemeral messages are seen by For only and are stored nowhere but in
	// that person's client.
	Ephemeral bool
	For       string
	Broadcast bool // a reply that also shows in the channel

	ReplyCount  int
	ReplyUsers  []string
	LatestReply string
	Reactions   []Reaction
}

// Edit says who changed a message's text and when.
type Edit struct{ User, TS string }

// Reaction is one emoji under a message.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

// Button is an interactive element found in a message or view.
type Button struct {
	BlockID  string
	ActionID string
	Value    string
	Text     string
	Element  map[string]any
}

// Buttons lists the interactive elements of a message in their order.
func (m Message) Buttons() []Button { return interactive(decodeBlocks(m.Blocks)) }

// Button finds the first interactive element with that action id.
func (m Message) Button(actionID string) (Button, bool) {
	return findButton(m.Buttons(), "", actionID)
}

// String is the text and all texts of the blocks, a line each: what a person
// would read. It is meant for tests and logs.
func (m Message) String() string {
	var b strings.Builder
	b.WriteString(m.Text)
	collectText(decodeBlocks(m.Blocks), &b)
	return b.String()
}

// View is a modal or a Home tab as the workspace keeps it.
type View struct {
	ID              string
	User            string // whose it is
	Type            string // "modal" or "home"
	CallbackID      string
	ExternalID      string
	PrivateMetadata string
	Hash            string
	Title           json.RawMessage
	SubmitLabel     json.RawMessage // nil: the modal cannot be submitted
	CloseLabel      json.RawMessage
	Blocks          json.RawMessage
	ClearOnClose    bool
	NotifyOnClose   bool
	SubmitDisabled  bool
	Root            string
	Previous        string
	Values          Values // initial values and what was typed
}

// Values are what inputs hold: block id, action id, then
// {"type":…,"value":…} as Slack writes it.
type Values map[string]map[string]map[string]any

// Text puts one plain text into v and returns v; it makes v if it is nil.
func (v Values) Text(blockID, actionID, value string) Values {
	if v == nil {
		v = Values{}
	}
	return v.set(blockID, actionID, object{"type": "plain_text_input", "value": value})
}

// Choose puts chosen options into v, by their values, and returns v; it makes v if
// it is nil. kind is the element's type: checkboxes hold any number of options,
// radio buttons and menus one.
func (v Values) Choose(blockID, actionID, kind string, values ...string) Values {
	if v == nil {
		v = Values{}
	}
	options := []any{}
	for _, value := range values {
		options = append(options, object{"text": object{"type": "plain_text", "text": value, "emoji": true}, "value": value})
	}
	member := statefulElements[kind].member
	if member == "selected_option" {
		return v.set(blockID, actionID, object{"type": kind, member: options[0]})
	}
	return v.set(blockID, actionID, object{"type": kind, member: options})
}

func (v Values) set(blockID, actionID string, state object) Values {
	if v[blockID] == nil {
		v[blockID] = map[string]map[string]any{}
	}
	v[blockID][actionID] = state
	return v
}

func (v Values) clone() Values {
	c := make(Values, len(v))
	for block, actions := range v {
		for action, state := range actions {
			c.set(block, action, state)
		}
	}
	return c
}

// String is all texts of the view, a line each.
func (v View) String() string {
	var b strings.Builder
	for _, raw := range []json.RawMessage{v.Title, v.SubmitLabel, v.CloseLabel} {
		var t any
		if json.Unmarshal(raw, &t) == nil {
			collectText(t, &b)
		}
	}
	collectText(decodeBlocks(v.Blocks), &b)
	return b.String()
}

// Buttons are the interactive elements of the view, from top to bottom.
func (v View) Buttons() []Button { return interactive(decodeBlocks(v.Blocks)) }

// Button finds the first interactive element with that action id.
func (v View) Button(actionID string) (Button, bool) {
	return findButton(interactive(decodeBlocks(v.Blocks)), "", actionID)
}

func decodeBlocks(raw json.RawMessage) []any {
	if len(raw) == 0 {
		return nil
	}
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// encode writes JSON without HTML escapes. v is made of values that always
// have a JSON form, so there is no error to return.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("slacksim: encode " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// interactive walks blocks and returns the elements that have an action_id.
func interactive(blocks []any) []Button {
	var found []Button
	for _, b := range blocks {
		block, _ := b.(object)
		id, _ := block["block_id"].(string)
		add := func(e any) {
			el, _ := e.(object)
			action, ok := el["action_id"].(string)
			if !ok {
				return
			}
			value, _ := el["value"].(string)
			found = append(found, Button{BlockID: id, ActionID: action, Value: value, Text: textOf(el["text"]), Element: el})
		}
		add(block["accessory"])
		add(block["element"])
		elements, _ := block["elements"].([]any)
		for _, e := range elements {
			add(e)
		}
	}
	return found
}

func findButton(buttons []Button, blockID, actionID string) (Button, bool) {
	i := slices.IndexFunc(buttons, func(b Button) bool {
		return b.ActionID == actionID && (blockID == "" || b.BlockID == blockID)
	})
	if i < 0 {
		return Button{}, false
	}
	return buttons[i], true
}

func textOf(v any) string {
	t, _ := v.(object)
	s, _ := t["text"].(string)
	return s
}

// collectText appends every text a reader would see, in the order of a card.
func collectText(v any, b *strings.Builder) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			collectText(e, b)
		}
	case object:
		if s, ok := v["text"].(string); ok {
			b.WriteString("\n")
			b.WriteString(s)
		}
		for _, key := range []string{"title", "label", "text", "fields", "accessory", "element", "elements", "hint", "options", "description"} {
			if _, isText := v[key].(string); !isText {
				collectText(v[key], b)
			}
		}
	}
}

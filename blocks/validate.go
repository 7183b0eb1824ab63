package blocks

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Validate reports everything in a message that Slack would refuse. It judges
// the JSON that is sent, not our structs, and knows only what this package
// uses: an unknown block or element is an error.
func Validate(m Message) error {
	c := checker{most: maxBlocks, ids: map[string]bool{}}
	c.length("/text", m.Text, 1, slackText)
	c.blocks(decode(&c, slack.Blocks{BlockSet: m.Blocks}), len(m.Blocks) == 0)
	if c.total > maxAllText {
		c.fail("/blocks", "%d characters of text, at most %d", c.total, maxAllText)
	}
	return errors.Join(c.problems...)
}

// ValidateModal does the same for a modal.
func ValidateModal(v slack.ModalViewRequest) error {
	c := checker{most: maxViewBlocks, ids: map[string]bool{}}
	o, _ := decode(&c, v).(map[string]any)
	c.text("/title", o["title"], maxViewTitle, slack.PlainTextType)
	for _, name := range []string{"submit", "close"} {
		if o[name] != nil {
			c.text("/"+name, o[name], maxViewTitle, slack.PlainTextType)
		}
	}
	c.length("/private_metadata", v.PrivateMetadata, 0, maxMetadata)
	c.length("/callback_id", v.CallbackID, 0, maxBlockID)
	c.blocks(o["blocks"], false)
	if c.inputs > 0 && o["submit"] == nil {
		c.fail("/submit", "missing, but there is an input")
	}
	return errors.Join(c.problems...)
}

// ValidateHome does the same for a Home tab.
func ValidateHome(v slack.HomeTabViewRequest) error {
	c := checker{most: maxViewBlocks, ids: map[string]bool{}}
	o, _ := decode(&c, v).(map[string]any)
	c.blocks(o["blocks"], false)
	return errors.Join(c.problems...)
}

// decode returns the JSON of v as plain values.
func decode(c *checker, v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		c.fail("", "no JSON: %v", err)
		return nil
	}
	if len(raw) > maxViewBytes {
		c.fail("", "%d bytes, at most %d", len(raw), maxViewBytes)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		c.fail("", "no JSON: %v", err)
	}
	return out
}

type checker struct {
	problems []error
	most     int // blocks
	total    int // runes of all texts
	ids      map[string]bool
	actions  map[string]bool // of the block at hand
	inputs   int
	focus    int
}

func (c *checker) fail(at, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

func (c *checker) length(at, s string, least, most int) {
	if n := runes(s); n < least || n > most {
		c.fail(at, "%d characters, allowed are %d to %d", n, least, most)
	}
	if !utf8.ValidString(s) {
		c.fail(at, "not UTF-8")
	}
}

// string checks an optional member.
func (c *checker) string(at string, v any, most int) {
	if v == nil {
		return
	}
	s, ok := v.(string)
	if !ok {
		c.fail(at, "not a text")
		return
	}
	c.length(at, s, 1, most)
}

func (c *checker) text(at string, v any, most int, kinds ...string) {
	o, ok := v.(map[string]any)
	if !ok {
		c.fail(at, "no text object")
		return
	}
	kind, _ := o["type"].(string)
	s, _ := o["text"].(string)
	if !slices.Contains(kinds, kind) {
		c.fail(at, "type %q, allowed are %q", kind, kinds)
	}
	if _, set := o["emoji"]; set && kind != slack.PlainTextType {
		c.fail(at, "emoji only with plain_text")
	}
	if _, set := o["verbatim"]; set && kind != slack.MarkdownType {
		c.fail(at, "verbatim only with mrkdwn")
	}
	c.total += runes(s)
	c.length(at, s, 1, most)
}

func (c *checker) list(at string, v any, least, most int) []map[string]any {
	items, ok := v.([]any)
	if !ok || len(items) < least || len(items) > most {
		c.fail(at, "no list of %d to %d", least, most)
	}
	out := make([]map[string]any, len(items))
	for i, item := range items {
		out[i], _ = item.(map[string]any)
	}
	return out
}

func (c *checker) blocks(v any, none bool) {
	if none {
		return
	}
	for i, b := range c.list("/blocks", v, 1, c.most) {
		at := fmt.Sprintf("/blocks/%d", i)
		if id, given := b["block_id"].(string); given {
			c.length(at+"/block_id", id, 1, maxBlockID)
			if c.ids[id] {
				c.fail(at+"/block_id", "%q twice", id)
			}
			c.ids[id] = true
		}
		c.actions = map[string]bool{}
		c.block(at, b)
	}
}

var both = []string{slack.PlainTextType, slack.MarkdownType}

func (c *checker) block(at string, b map[string]any) {
	switch b["type"] {
	case "header":
		c.text(at+"/text", b["text"], maxHeader, slack.PlainTextType)
	case "section":
		if b["text"] != nil || b["fields"] == nil {
			c.text(at+"/text", b["text"], maxText, both...)
		}
		if b["fields"] != nil {
			for i, f := range c.list(at+"/fields", b["fields"], 1, 10) {
				c.text(fmt.Sprintf("%s/fields/%d", at, i), f, maxField, both...)
			}
		}
		if a, ok := b["accessory"].(map[string]any); ok {
			c.control(at+"/accessory", a)
		}
	case "context":
		for i, e := range c.list(at+"/elements", b["elements"], 1, 10) {
			c.text(fmt.Sprintf("%s/elements/%d", at, i), e, maxText, both...)
		}
	case "actions":
		for i, e := range c.list(at+"/elements", b["elements"], 1, 25) {
			c.control(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	case "divider":
	case "input":
		c.input(at, b)
	case "rich_text":
		for i, e := range c.list(at+"/elements", b["elements"], 1, 1000) {
			c.richText(fmt.Sprintf("%s/elements/%d", at, i), e)
		}
	default:
		c.fail(at, "unknown block %q", b["type"])
	}
}

func (c *checker) action(at string, e map[string]any) {
	id, _ := e["action_id"].(string)
	c.length(at+"/action_id", id, 1, maxActionID)
	if c.actions[id] {
		c.fail(at+"/action_id", "%q twice", id)
	}
	c.actions[id] = true
}

// control is what may stand in a section or among actions.
func (c *checker) control(at string, e map[string]any) {
	switch e["type"] {
	case "button":
		c.button(at, e)
	case "static_select":
		c.choice(at, e)
	case "overflow":
		c.action(at, e)
		c.options(at, e, 5)
	default:
		c.fail(at, "unknown element %q", e["type"])
	}
}

func (c *checker) button(at string, e map[string]any) {
	c.action(at, e)
	c.text(at+"/text", e["text"], maxButton, slack.PlainTextType)
	c.string(at+"/value", e["value"], maxValue)
	c.string(at+"/url", e["url"], maxURL)
	c.string(at+"/accessibility_label", e["accessibility_label"], maxAccessible)
	if s := e["style"]; s != nil && s != "primary" && s != "danger" {
		c.fail(at+"/style", "unknown style %q", s)
	}
}

func (c *checker) input(at string, b map[string]any) {
	c.inputs++
	c.text(at+"/label", b["label"], maxInputLabel, slack.PlainTextType)
	if b["hint"] != nil {
		c.text(at+"/hint", b["hint"], maxInputLabel, slack.PlainTextType)
	}
	e, _ := b["element"].(map[string]any)
	switch e["type"] {
	case "static_select":
		c.choice(at+"/element", e)
		return
	case "checkboxes", "radio_buttons":
		c.action(at+"/element", e)
		c.options(at+"/element", e, maxBoxes)
		return
	}
	if e["type"] != "plain_text_input" {
		c.fail(at+"/element", "unknown element %q", e["type"])
		return
	}
	c.action(at+"/element", e)
	if e["placeholder"] != nil {
		c.text(at+"/element/placeholder", e["placeholder"], maxHeader, slack.PlainTextType)
	}
	least, _ := e["min_length"].(float64)
	most, given := e["max_length"].(float64)
	if least < 0 || given && (most < 1 || most > maxText || least > most) {
		c.fail(at+"/element", "lengths %v to %v", least, most)
	}
	if s, ok := e["initial_value"].(string); ok {
		c.length(at+"/element/initial_value", s, 1, maxText)
	}
	if e["focus_on_load"] == true {
		if c.focus++; c.focus > 1 {
			c.fail(at+"/element", "a second focus_on_load")
		}
	}
}

func (c *checker) choice(at string, e map[string]any) {
	c.action(at, e)
	c.text(at+"/placeholder", e["placeholder"], maxHeader, slack.PlainTextType)
	c.options(at, e, maxOptions)
}

// options checks what can be chosen, and that what is chosen at first is among it.
func (c *checker) options(at string, e map[string]any, most int) {
	known := map[string]any{}
	for i, o := range c.list(at+"/options", e["options"], 1, most) {
		here := fmt.Sprintf("%s/options/%d", at, i)
		c.text(here+"/text", o["text"], maxOption, slack.PlainTextType)
		if o["description"] != nil {
			c.text(here+"/description", o["description"], maxOption, slack.PlainTextType)
		}
		value, _ := o["value"].(string)
		c.length(here+"/value", value, 1, maxOptionValue)
		if known[value] != nil {
			c.fail(here+"/value", "%q twice", value)
		}
		known[value] = o
	}
	initial, _ := e["initial_options"].([]any)
	if one := e["initial_option"]; one != nil {
		initial = append(initial, one)
	}
	for i, o := range initial {
		one, _ := o.(map[string]any)
		value, _ := one["value"].(string)
		if !reflect.DeepEqual(known[value], o) {
			c.fail(fmt.Sprintf("%s/initial/%d", at, i), "%q is none of the options", value)
		}
	}
}

func (c *checker) richText(at string, e map[string]any) {
	switch e["type"] {
	case "rich_text_section", "rich_text_quote", "rich_text_preformatted":
	default:
		c.fail(at, "unknown element %q", e["type"])
	}
	for i, part := range c.list(at+"/elements", e["elements"], 1, 1000) {
		here := fmt.Sprintf("%s/elements/%d", at, i)
		s, _ := part["text"].(string)
		c.total += runes(s)
		c.length(here+"/text", s, 1, maxText)
		switch part["type"] {
		case "text":
		case "link":
			url, _ := part["url"].(string)
			c.length(here+"/url", url, 1, maxURL)
		default:
			c.fail(here, "unknown part %q", part["type"])
		}
	}
}

package slacksim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Block Kit is checked by shapes: a shape names the members of an object, and
// a rule checks one member. Walking a block also gives it what Slack fills in
// (block_id, action_id, emoji, verbatim), so that one walk makes input storable.
//
// Lengths count code points.

// surface is where blocks stand; limits and allowed elements differ.
type surface int

const (
	inMessage surface = iota
	inModal
	inHome
)

// problem is one thing wrong with blocks, in the form of blocks.validate.
type problem struct {
	Pointer    string `json:"pointer"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Constraint string `json:"constraint,omitempty"`
}

func (p problem) String() string { return p.Message + " [json-pointer:" + p.Pointer + "]" }

type validator struct {
	surface  surface
	newID    func() string
	problems []problem

	blockIDs  map[string]bool
	actionIDs map[string]bool // of the block at hand
	text      int             // characters in all text objects
	markdown  int
	tables    int
	focus     int
	inputs    int
}

func newValidator(s surface, newID func() string) *validator {
	return &validator{surface: s, newID: newID, blockIDs: map[string]bool{}}
}

func (v *validator) add(ptr, code, constraint, format string, args ...any) {
	v.problems = append(v.problems, problem{Pointer: ptr, Code: code, Constraint: constraint, Message: fmt.Sprintf(format, args...)})
}

// rule checks the value of one member.
type rule func(v *validator, ptr string, value any)

// shape is an object's members. A member not named here is an error, as it is
// in Slack.
type shape struct {
	required []string
	members  map[string]rule
	// more checks what a single member cannot tell.
	more func(v *validator, ptr string, o object)
}

func (v *validator) object(ptr string, o object, s *shape) {
	for _, name := range s.required {
		if _, ok := o[name]; !ok {
			v.add(ptr, "missing_required_field", name, "missing required field: %s", name)
		}
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if r, ok := s.members[name]; ok {
			r(v, ptr+"/"+name, o[name])
		} else if name != "type" && name != "block_id" && name != "action_id" {
			v.add(ptr, "invalid_additional_property", name, "invalid additional property: %s", name)
		}
	}
	if s.more != nil {
		s.more(v, ptr, o)
	}
}

func chars(lo, hi int) rule {
	return func(v *validator, ptr string, value any) {
		s, ok := value.(string)
		if !ok {
			v.add(ptr, "invalid_type", "string", "must be a string")
			return
		}
		v.length(ptr, s, lo, hi)
	}
}

func (v *validator) length(ptr, s string, lo, hi int) {
	switch n := utf8.RuneCountInString(s); {
	case n > hi:
		v.add(ptr, "max_length_exceeded", fmt.Sprint(hi), "must be less than %d characters", hi+1)
	case n < lo:
		v.add(ptr, "min_length_not_met", fmt.Sprint(lo), "must be more than %d characters", lo-1)
	}
}

func boolean(v *validator, ptr string, value any) {
	if _, ok := value.(bool); !ok {
		v.add(ptr, "invalid_type", "boolean", "must be a boolean")
	}
}

func anything(*validator, string, any) {}

func number(lo, hi float64) rule {
	return func(v *validator, ptr string, value any) {
		n, ok := value.(float64)
		if !ok || n != float64(int64(n)) {
			v.add(ptr, "invalid_type", "integer", "must be an integer")
		} else if n < lo || n > hi {
			v.add(ptr, "out_of_range", fmt.Sprintf("%.0f..%.0f", lo, hi), "must be between %.0f and %.0f", lo, hi)
		}
	}
}

func oneOf(allowed ...string) rule {
	return func(v *validator, ptr string, value any) {
		s, _ := value.(string)
		if !slices.Contains(allowed, s) {
			v.add(ptr, "invalid_enum", strings.Join(allowed, ","), "must be a valid enum value")
		}
	}
}

func nested(s *shape) rule {
	return func(v *validator, ptr string, value any) {
		if o, ok := value.(object); ok {
			v.object(ptr, o, s)
		} else {
			v.add(ptr, "invalid_type", "object", "must provide an object")
		}
	}
}

func list(lo, hi int, each rule) rule {
	return func(v *validator, ptr string, value any) {
		items, ok := value.([]any)
		if !ok {
			v.add(ptr, "invalid_type", "array", "must provide an array")
			return
		}
		if len(items) > hi {
			v.add(ptr, "max_items_exceeded", fmt.Sprint(hi), "no more than %d items allowed", hi)
		}
		if len(items) < lo {
			v.add(ptr, "min_items_not_met", fmt.Sprint(lo), "no fewer than %d items allowed", lo)
		}
		for i, item := range items {
			each(v, fmt.Sprintf("%s/%d", ptr, i), item)
		}
	}
}

// text is a text object of one of the kinds, of 1 to hi characters.
func text(hi int, kinds ...string) rule {
	return func(v *validator, ptr string, value any) {
		o, ok := value.(object)
		if !ok {
			v.add(ptr, "invalid_type", "object", "must provide an object")
			return
		}
		kind, _ := o["type"].(string)
		if !slices.Contains(kinds, kind) {
			v.add(ptr+"/type", "unsupported_type", strings.Join(kinds, ","), "must be a valid text type: %s", strings.Join(kinds, ", "))
			return
		}
		v.object(ptr, o, textShapes[kind])
		s, isText := o["text"].(string)
		if !isText {
			return
		}
		v.length(ptr+"/text", s, 1, hi)
		v.text += utf8.RuneCountInString(s)
		// What Slack fills in when it hands the text back.
		if _, ok := o["emoji"]; !ok && kind == "plain_text" {
			o["emoji"] = true
		}
		if _, ok := o["verbatim"]; !ok && kind == "mrkdwn" {
			o["verbatim"] = false
		}
	}
}

func plain(hi int) rule  { return text(hi, "plain_text") }
func either(hi int) rule { return text(hi, "plain_text", "mrkdwn") }

func textString(v *validator, ptr string, value any) {
	if _, ok := value.(string); !ok {
		v.add(ptr, "invalid_type", "string", "must be a string")
	}
}

var textShapes = map[string]*shape{
	"plain_text": {required: []string{"text"}, members: map[string]rule{"text": textString, "emoji": boolean}},
	"mrkdwn":     {required: []string{"text"}, members: map[string]rule{"text": textString, "verbatim": boolean}},
}

var confirmShape = &shape{
	required: []string{"title", "text", "confirm", "deny"},
	members: map[string]rule{
		"title": plain(100), "text": either(300), "confirm": plain(30), "deny": plain(30), "style": oneOf("primary", "danger"),
	},
}

func option(withURL bool) rule {
	members := map[string]rule{"text": either(75), "value": chars(1, 150), "description": either(75)}
	if withURL {
		members["text"], members["description"], members["url"] = plain(75), plain(75), chars(1, 3000)
	}
	return nested(&shape{required: []string{"text", "value"}, members: members})
}

var optionGroup = nested(&shape{required: []string{"label", "options"}, members: map[string]rule{
	"label": plain(75), "options": list(1, 100, option(false)),
}})

// with makes a shape's members from those of its family and its own.
func with(family map[string]rule, own map[string]rule) map[string]rule {
	all := make(map[string]rule, len(family)+len(own))
	for _, m := range []map[string]rule{family, own} {
		maps.Copy(all, m)
	}
	return all
}

func focusRule(v *validator, ptr string, value any) {
	boolean(v, ptr, value)
	if on, _ := value.(bool); on {
		if v.focus++; v.focus > 1 {
			v.add(ptr, "duplicate_focus", "", "only one element can have focus_on_load")
		}
	}
}

func optionsOrGroups(v *validator, ptr string, o object) {
	_, options := o["options"]
	_, groups := o["option_groups"]
	if options == groups {
		v.add(ptr, "missing_required_field", "options", "must provide exactly one of options, option_groups")
	}
}

// element is a Block Kit element and the places where it may stand.
type element struct {
	shape
	input, action, accessory bool
	modalOnly                bool
}

var elements map[string]*element

func init() {
	focus := map[string]rule{"focus_on_load": focusRule}
	pick := with(focus, map[string]rule{"placeholder": plain(150), "confirm": nested(confirmShape)})
	typed := with(focus, map[string]rule{
		"placeholder": plain(150), "initial_value": chars(0, 3000),
		"dispatch_action_config": nested(&shape{members: map[string]rule{
			"trigger_actions_on": list(1, 2, oneOf("on_enter_pressed", "on_character_entered")),
		}}),
	})
	choice := with(focus, map[string]rule{"options": list(1, 10, option(false)), "confirm": nested(confirmShape)})
	static := with(pick, map[string]rule{"options": list(1, 100, option(false)), "option_groups": list(1, 100, optionGroup)})
	several := map[string]rule{"max_selected_items": number(1, 1000)}

	placed := func(s shape) *element { return &element{shape: s, input: true, action: true, accessory: true} }
	picker := func(own map[string]rule) *element { return placed(shape{members: with(pick, own)}) }

	elements = map[string]*element{
		"button": {action: true, accessory: true, shape: shape{required: []string{"text"}, members: map[string]rule{
			"text": plain(75), "value": chars(0, 2000), "url": chars(1, 3000), "style": oneOf("primary", "danger"),
			"confirm": nested(confirmShape), "accessibility_label": chars(1, 75),
		}}},
		"overflow": {action: true, accessory: true, shape: shape{required: []string{"options"}, members: map[string]rule{
			"options": list(1, 5, option(true)), "confirm": nested(confirmShape),
		}}},
		"image": {accessory: true, shape: imageShape(false)},

		"static_select":       placed(shape{members: with(static, map[string]rule{"initial_option": option(false)}), more: optionsOrGroups}),
		"multi_static_select": {input: true, accessory: true, shape: shape{members: with(static, with(several, map[string]rule{"initial_options": list(1, 100, option(false))})), more: optionsOrGroups}},
		"external_select":     picker(map[string]rule{"initial_option": option(false), "min_query_length": number(0, 1000)}),
		"users_select":        picker(map[string]rule{"initial_user": chars(1, 255)}),
		"channels_select":     picker(map[string]rule{"initial_channel": chars(1, 255), "response_url_enabled": boolean}),
		"conversations_select": picker(map[string]rule{"initial_conversation": chars(1, 255), "default_to_current_conversation": boolean,
			"response_url_enabled": boolean, "filter": anything}),
		"multi_users_select": {input: true, accessory: true, shape: shape{members: with(pick, with(several, map[string]rule{"initial_users": list(1, 1000, chars(1, 255))}))}},
		"multi_external_select": {input: true, accessory: true, shape: shape{members: with(pick, with(several, map[string]rule{
			"initial_options": list(1, 100, option(false)), "min_query_length": number(0, 1000)}))}},
		"multi_channels_select": {input: true, accessory: true, shape: shape{members: with(pick, with(several, map[string]rule{"initial_channels": list(1, 1000, chars(1, 255))}))}},
		"multi_conversations_select": {input: true, accessory: true, shape: shape{members: with(pick, with(several, map[string]rule{
			"initial_conversations": list(1, 1000, chars(1, 255)), "default_to_current_conversation": boolean, "filter": anything}))}},
		"datepicker":     picker(map[string]rule{"initial_date": chars(10, 10)}),
		"timepicker":     picker(map[string]rule{"initial_time": chars(5, 5), "timezone": chars(1, 255)}),
		"datetimepicker": placed(shape{members: with(focus, map[string]rule{"initial_date_time": number(1e9, 1e10), "confirm": nested(confirmShape)})}),
		"checkboxes":     placed(shape{required: []string{"options"}, members: with(choice, map[string]rule{"initial_options": list(1, 10, option(false))})}),
		"radio_buttons":  placed(shape{required: []string{"options"}, members: with(choice, map[string]rule{"initial_option": option(false)})}),

		"plain_text_input": {input: true, shape: shape{members: with(typed, map[string]rule{
			"multiline": boolean, "min_length": number(0, 3000), "max_length": number(1, 3000),
		}), more: func(v *validator, ptr string, o object) {
			lo, hasLo := o["min_length"].(float64)
			hi, hasHi := o["max_length"].(float64)
			if hasLo && hasHi && lo > hi {
				v.add(ptr+"/min_length", "out_of_range", "max_length", "must not be greater than max_length")
			}
		}}},
		"rich_text_input":  {input: true, shape: shape{members: with(typed, map[string]rule{"initial_value": anything})}},
		"email_text_input": {input: true, modalOnly: true, shape: shape{members: typed}},
		"url_text_input":   {input: true, modalOnly: true, shape: shape{members: typed}},
		"number_input": {input: true, modalOnly: true, shape: shape{required: []string{"is_decimal_allowed"}, members: with(typed, map[string]rule{
			"is_decimal_allowed": boolean, "min_value": chars(1, 50), "max_value": chars(1, 50),
		})}},
		"file_input": {input: true, modalOnly: true, shape: shape{members: map[string]rule{"filetypes": list(1, 100, chars(1, 50)), "max_files": number(1, 10)}}},
	}
}

func imageShape(block bool) shape {
	s := shape{
		required: []string{"alt_text"},
		members:  map[string]rule{"image_url": chars(1, 3000), "slack_file": anything, "alt_text": chars(1, 2000)},
		more: func(v *validator, ptr string, o object) {
			_, url := o["image_url"]
			_, file := o["slack_file"]
			if url == file {
				v.add(ptr, "missing_required_field", "image_url", "must provide exactly one of image_url, slack_file")
			}
		},
	}
	if block {
		s.members["title"] = plain(2000)
	}
	return s
}

// interactiveElement checks an element of a place and gives it an action_id.
func interactiveElement(place string) rule {
	return func(v *validator, ptr string, value any) {
		o, ok := value.(object)
		if !ok {
			v.add(ptr, "invalid_type", "object", "must provide an object")
			return
		}
		kind, _ := o["type"].(string)
		e := elements[kind]
		allowed := e != nil && map[string]bool{"input": e.input, "action": e.action, "accessory": e.accessory}[place]
		if !allowed || e.modalOnly && v.surface != inModal {
			v.add(ptr+"/type", "unsupported_type", "", "unsupported type: %s", kind)
			return
		}
		v.object(ptr, o, &e.shape)
		if kind == "image" {
			return
		}
		id, given := o["action_id"]
		if !given {
			o["action_id"] = v.newID()
			return
		}
		chars(1, 255)(v, ptr+"/action_id", id)
		s, _ := id.(string)
		if v.actionIDs[s] {
			v.add(ptr+"/action_id", "duplicate_action_id", s, "`action_id` \"%s\" already exists for another element in this block", s)
		}
		v.actionIDs[s] = true
	}
}

func contextElement(v *validator, ptr string, value any) {
	o, _ := value.(object)
	switch o["type"] {
	case "image":
		interactiveElement("accessory")(v, ptr, value)
	default:
		either(3000)(v, ptr, value)
	}
}

// blockShapes are the blocks the simulator knows in full.
var blockShapes map[string]*shape

func init() {
	image := imageShape(true)
	blockShapes = map[string]*shape{
		"section": {members: map[string]rule{
			"text": either(3000), "fields": list(1, 10, either(2000)), "accessory": interactiveElement("accessory"), "expand": boolean,
		}, more: func(v *validator, ptr string, o object) {
			if o["text"] == nil && o["fields"] == nil {
				v.add(ptr, "missing_required_field", "text", "missing required field: text")
			}
		}},
		"header":  {required: []string{"text"}, members: map[string]rule{"text": plain(150), "level": number(1, 4)}},
		"context": {required: []string{"elements"}, members: map[string]rule{"elements": list(1, 10, contextElement)}},
		"actions": {required: []string{"elements"}, members: map[string]rule{"elements": list(1, 25, interactiveElement("action"))}},
		"divider": {},
		"image":   &image,
		"input": {required: []string{"label", "element"}, members: map[string]rule{
			"label": plain(2000), "hint": plain(2000), "element": interactiveElement("input"), "optional": boolean, "dispatch_action": boolean,
		}, more: func(v *validator, _ string, _ object) { v.inputs++ }},
		"markdown": {required: []string{"text"}, members: map[string]rule{"text": func(v *validator, ptr string, value any) {
			s, ok := value.(string)
			if !ok || s == "" {
				v.add(ptr, "min_length_not_met", "1", "must be more than 0 characters")
			}
			if v.markdown += utf8.RuneCountInString(s); v.markdown > 12_000 {
				v.add(ptr, "max_length_exceeded", "12000", "must be less than 12001 characters")
			}
		}}},
		"rich_text": {required: []string{"elements"}, members: map[string]rule{"elements": list(0, 1000, richTextBlock)}},
		"table": {required: []string{"rows"}, members: map[string]rule{
			"rows": list(1, 100, list(1, 20, anything)), "column_settings": list(1, 20, anything),
		}, more: func(v *validator, ptr string, _ object) {
			if v.tables++; v.tables > 1 {
				v.add(ptr, "max_items_exceeded", "1", "only one table allowed")
			}
		}},
		"video": {required: []string{"title", "video_url", "thumbnail_url", "alt_text"}, members: map[string]rule{
			"title": plain(199), "description": plain(199), "author_name": chars(1, 49), "video_url": chars(1, 3000), "thumbnail_url": chars(1, 3000),
			"title_url": chars(1, 3000), "alt_text": chars(1, 2000), "provider_name": chars(1, 255), "provider_icon_url": chars(1, 3000),
		}},
		"context_actions": {required: []string{"elements"}, members: map[string]rule{"elements": list(1, 5, anything)}},
		"file":            {required: []string{"external_id", "source"}, members: map[string]rule{"external_id": chars(1, 255), "source": oneOf("remote")}},
	}
}

// Newer blocks are taken as they come; some are for agents' views only.
var (
	opaqueBlocks     = []string{"card", "carousel", "container"}
	notMessageBlocks = []string{"alert", "task_card", "plan"}
)

var richTextParts = []string{"text", "link", "user", "usergroup", "channel", "emoji", "date", "broadcast", "color", "team"}

func richTextBlock(v *validator, ptr string, value any) {
	o, _ := value.(object)
	kind, _ := o["type"].(string)
	members := map[string]rule{"elements": list(0, 1000, richTextPart), "border": number(0, 1)}
	switch kind {
	case "rich_text_section", "rich_text_quote":
	case "rich_text_preformatted":
		members["language"] = chars(1, 50)
	case "rich_text_list":
		members["elements"] = list(0, 1000, richTextBlock)
		members["style"], members["indent"], members["offset"] = oneOf("bullet", "ordered"), number(0, 8), number(0, 1e6)
	default:
		v.add(ptr+"/type", "unsupported_type", "", "unsupported type: %s", kind)
		return
	}
	v.object(ptr, o, &shape{required: []string{"elements"}, members: members})
}

func richTextPart(v *validator, ptr string, value any) {
	o, _ := value.(object)
	kind, _ := o["type"].(string)
	if !slices.Contains(richTextParts, kind) {
		v.add(ptr+"/type", "unsupported_type", "", "unsupported type: %s", kind)
		return
	}
	if kind == "text" {
		s, ok := o["text"].(string)
		if !ok || s == "" {
			v.add(ptr+"/text", "min_length_not_met", "1", "must be more than 0 characters")
		}
		v.text += utf8.RuneCountInString(s)
	}
}

// blocks checks a whole list and fills in what is missing.
func (v *validator) blocks(ptr string, blocks []any) {
	most := 50
	if v.surface != inMessage {
		most = 100
		if len(blocks) == 0 {
			v.add(ptr, "min_items_not_met", "1", "no fewer than 1 items allowed")
		}
	}
	if len(blocks) > most {
		v.add(ptr, "max_items_exceeded", fmt.Sprint(most), "no more than %d items allowed", most)
	}
	for i, b := range blocks {
		v.block(fmt.Sprintf("%s/%d", ptr, i), b)
	}
}

func (v *validator) block(ptr string, value any) {
	o, ok := value.(object)
	if !ok {
		v.add(ptr, "invalid_type", "object", "must provide an object")
		return
	}
	kind, _ := o["type"].(string)
	s := blockShapes[kind]
	switch {
	case s != nil:
		v.actionIDs = map[string]bool{}
		v.object(ptr, o, s)
	case slices.Contains(opaqueBlocks, kind), v.surface != inMessage && slices.Contains(notMessageBlocks, kind):
	case kind == "":
		v.add(ptr, "missing_required_field", "type", "missing required field: type")
		return
	default:
		v.add(ptr+"/type", "unsupported_type", "", "unsupported type: %s", kind)
		return
	}
	v.blockID(ptr, kind, o)
}

func (v *validator) blockID(ptr, kind string, o object) {
	if kind == "markdown" { // Slack keeps none there
		delete(o, "block_id")
		return
	}
	id, given := o["block_id"]
	if s, isText := id.(string); !given || isText && s == "" {
		o["block_id"] = v.newID()
		return
	}
	chars(1, 255)(v, ptr+"/block_id", id)
	s, _ := id.(string)
	if v.blockIDs[s] {
		v.add(ptr+"/block_id", "duplicate_block_id", s, "`block_id` \"%s\" already exists", s)
	}
	v.blockIDs[s] = true
}

// maxBlockText is where msg_blocks_too_long begins. The exact figure is not
// published; reports put it between 11,000 and 13,000.
const maxBlockText = 12_000

var modalMembers = &shape{
	required: []string{"title", "blocks"},
	members: map[string]rule{
		"title": plain(24), "submit": plain(24), "close": plain(24), "blocks": anything,
		"private_metadata": chars(0, 3000), "callback_id": chars(0, 255), "external_id": chars(0, 255),
		"clear_on_close": boolean, "notify_on_close": boolean, "submit_disabled": boolean,
	},
}

// A Home tab has no title or buttons; Slack's clients send empty ones.
var homeMembers = &shape{
	required: []string{"blocks"},
	members: map[string]rule{
		"blocks": anything, "private_metadata": chars(0, 3000), "callback_id": chars(0, 255), "external_id": chars(0, 255),
		"title": plain(24), "submit": plain(24), "close": plain(24), "clear_on_close": boolean, "notify_on_close": boolean,
	},
}

// view checks a whole view. Pointers are relative to "/view".
func (v *validator) view(o object) {
	const ptr = "/view"
	members := modalMembers
	if v.surface == inHome {
		members = homeMembers
	}
	v.object(ptr, o, members)
	blocks, ok := o["blocks"].([]any)
	if _, given := o["blocks"]; given && !ok {
		v.add(ptr+"/blocks", "invalid_type", "array", "must provide an array")
		return
	}
	v.blocks(ptr+"/blocks", blocks)
	if v.inputs > 0 && o["submit"] == nil && v.surface == inModal {
		v.add(ptr, "missing_required_field", "submit", "missing required field: submit")
	}
}

func (v *validator) messages() []string {
	lines := make([]string, len(v.problems))
	for i, p := range v.problems {
		lines[i] = p.String()
	}
	return lines
}

package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/secret"
)

// Value is one key of a configuration and what it holds. A secret is hidden, also
// where a Value is written down.
type Value struct {
	// Key names items of lists by their names: routes[web servers].channels.
	Key string `json:"key"`
	// Text is JSON, such as ["#pki-approvals"].
	Text string `json:"value"`

	path string // as the reference writes it
	raw  string // of what Text does not tell all
}

// Change is what became of one key; Was or Is is empty where it held nothing.
type Change struct {
	Key string `json:"key"`
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`

	path   string
	secret bool
}

// Secret reports whether nothing but a hidden part has changed.
func (c Change) Secret() bool { return c.secret }

// String draws the change on one line.
func (c Change) String() string {
	const nothing = "nothing"
	was, is := c.Was, c.Is
	if was == "" {
		was = nothing
	}
	if is == "" {
		is = nothing
	}
	return fmt.Sprintf("%s: %s -> %s", c.Key, was, is)
}

// NeedsRestart reports whether the change counts only after a restart.
func (c Change) NeedsRestart() bool { return word(c.path).Restart }

// Values lists what the configuration holds, in the order of the file.
func (c *Config) Values() []Value {
	var all []Value
	valuesOf(reflect.ValueOf(c).Elem(), "", "", &all)
	for i, v := range all {
		if v.path == "store.url" {
			all[i].Text = quoted(c.Store.Redacted()) // an address is worth seeing, its password is not
		}
	}
	if len(c.Keyfactor.CAPEM) > 0 {
		sum := sha256.Sum256(c.Keyfactor.CAPEM)
		all = append(all, Value{Key: "keyfactor.ca_file content", Text: quoted(fmt.Sprintf("SHA-256 %x", sum[:8])), path: "keyfactor.ca_file"})
	}
	return all
}

func valuesOf(v reflect.Value, key, path string, all *[]Value) {
	for i := range v.NumField() {
		name := keyOf(v.Type().Field(i))
		if name == "" {
			continue
		}
		if strings.Contains(v.Type().Field(i).Tag.Get("yaml"), ",omitempty") && v.Field(i).IsZero() {
			continue
		}
		valueOf(v.Field(i), join(key, name), join(path, name), all)
	}
}

func valueOf(v reflect.Value, key, path string, all *[]Value) {
	section, below := sectionOf(v.Type(), path)
	switch {
	case section == nil && v.IsZero() && v.Kind() != reflect.Bool && v.Kind() != reflect.Int && v.Kind() != reflect.Int64:
	case section != nil && v.Kind() == reflect.Struct:
		valuesOf(v, key, below, all)
	case section != nil:
		var names []string
		for i := range v.Len() {
			names = append(names, nameOf(v.Index(i), i))
		}
		// The order of the list is a value as well: the first route that matches wins.
		*all = append(*all, Value{Key: key, Text: inJSON(names), path: path})
		for i, name := range names {
			valuesOf(v.Index(i), key+"["+name+"]", below, all)
		}
	default:
		value := Value{Key: key, path: path}
		switch x := v.Interface().(type) {
		case secret.String:
			value.Text, value.raw = quoted(secret.Redacted), x.Reveal()
		case []secret.String:
			value.Text = inJSON(x)
			for _, s := range x {
				value.raw += s.Reveal() + "\x00"
			}
		case time.Duration:
			value.Text = quoted(x.String())
		default:
			value.Text = inJSON(x)
		}
		*all = append(*all, value)
	}
}

// nameOf names an item of a list: by its name, or else by its place.
func nameOf(v reflect.Value, i int) string {
	if name := v.FieldByName("Name"); name.IsValid() && name.Kind() == reflect.String && name.String() != "" {
		return name.String()
	}
	return fmt.Sprint(i)
}

func quoted(text string) string { return inJSON(text) }

func inJSON(v any) string {
	text, err := plainJSON(v)
	if err != nil {
		panic(fmt.Sprintf("config: a %T cannot be written as JSON: %v", v, err))
	}
	return string(text)
}

// Changes lists what is different in the newer of two configurations. Values
// that were written down and read again do not tell whether a secret changed.
func Changes(older, newer []Value) []Change {
	var all []Change
	for _, v := range newer {
		i := slices.IndexFunc(older, func(o Value) bool { return o.Key == v.Key })
		switch {
		case i < 0:
			all = append(all, Change{Key: v.Key, Is: v.Text, path: v.path})
		case older[i].Text != v.Text:
			all = append(all, Change{Key: v.Key, Was: older[i].Text, Is: v.Text, path: v.path})
		case older[i].raw != "" && v.raw != "" && older[i].raw != v.raw:
			all = append(all, Change{Key: v.Key, Was: v.Text, Is: strings.TrimSuffix(v.Text, `"`) + `, another one"`, path: v.path, secret: true})
		}
	}
	for _, o := range older {
		if !slices.ContainsFunc(newer, func(v Value) bool { return o.Key == v.Key }) {
			all = append(all, Change{Key: o.Key, Was: o.Text, path: o.path})
		}
	}
	return all
}

// MarshalValues writes values down, ParseValues reads them again.
func MarshalValues(all []Value) string { return inJSON(all) }

// ParseValues reads what MarshalValues wrote.
func ParseValues(text string) ([]Value, error) {
	var all []Value
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("read the values of a configuration: %w", err)
	}
	return all, nil
}

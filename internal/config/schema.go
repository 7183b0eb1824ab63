package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Schema returns the JSON Schema (2020-12) of the file, with which editors
// complete keys and mark mistakes. It knows each key's type, its values where they
// are few, and its meaning; what takes more than one key to see is left to [Load].
// It takes what Load takes, but for a number in quotes.
func Schema() []byte {
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "approvebot's configuration"},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(append(root, sectionSchema(reflect.TypeFor[Config](), "")...)); err != nil {
		panic(err) // there is nothing in it that JSON does not know
	}
	return b.Bytes()
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members one after the other.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := plainJSON(m.name)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// sectionSchema describes a mapping whose keys are ours.
func sectionSchema(t reflect.Type, path string) object {
	var properties object
	var required []string
	for field := range t.Fields() {
		name := keyOf(field)
		if name == "" {
			continue
		}
		k := word(join(path, name))
		k.kind = field.Type
		properties = append(properties, member{name, keySchema(k)})
		if k.Required {
			required = append(required, name)
		}
	}
	s := object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if required != nil {
		s = append(s, member{"required", required})
	}
	return s
}

// keySchema describes what may stand after a key. An empty value (null) counts
// as not there.
func keySchema(k Key) object {
	s := object{}
	if text := k.description(); text != "" {
		s = append(s, member{"description", text})
	}
	s = append(s, valueSchema(k)...)
	if value, ok := k.defaultValue(); ok {
		s = append(s, member{"default", value})
	}
	if k.Example != "" {
		s = append(s, member{"examples", []any{inYAML(k.Example)}})
	}
	if k.Secret() {
		s = append(s, member{"writeOnly", true})
	}
	return s
}

const duration = `^[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^0$`

func valueSchema(k Key) object {
	section, below := sectionOf(k.kind, k.Path)
	list := k.kind.Kind() == reflect.Slice
	switch {
	case section != nil && list:
		s := object{{"type", k.orNull("array")}, {"items", sectionSchema(section, below)}}
		if k.Required {
			s = append(s, member{"minItems", 1})
		}
		return s
	case section != nil:
		s := sectionSchema(section, below)
		s[0].value = k.orNull("object")
		if short, may := reflect.TypeAssert[interface{ shorthand() string }](reflect.Zero(section)); may {
			one := word(join(below, short.shorthand()))
			s[0].value = k.orNull("object", "integer")
			s = append(s, one.limits()...)
		}
		return s
	case k.kind.Kind() == reflect.Map:
		one := k
		one.kind = k.kind.Elem()
		one.Required = true
		return object{{"type", k.orNull("object")}, {"additionalProperties", valueSchema(one)}}
	case list && k.One != nil:
		one := object{{"enum", k.One}}
		return object{{"anyOf", []object{{{"type", k.orNull("array")}, {"items", one}}, one}}}
	case list:
		types, limits := k.text()
		one := k
		one.Required = true
		items := append(object{{"type", one.orNull(types...)}}, limits...)
		return append(object{{"type", k.orNull(append(types, "array")...)}, {"items", items}}, limits...)
	case k.kind == reflect.TypeFor[time.Duration]():
		return object{{"type", k.orNull("string", "integer")}, {"pattern", duration}, {"minimum", 0}, {"maximum", 0}}
	case k.kind.Kind() == reflect.Bool, k.kind.Kind() == reflect.Pointer:
		return object{{"type", k.orNull("boolean")}}
	case k.kind.Kind() == reflect.Int:
		return append(object{{"type", k.orNull("integer")}}, k.limits()...)
	case k.One != nil:
		values := []any{}
		for _, v := range k.One {
			values = append(values, v)
		}
		if !k.Required {
			values = append(values, nil)
		}
		return object{{"enum", values}}
	}
	types, limits := k.text()
	return append(object{{"type", k.orNull(types...)}}, limits...)
}

// text describes one text. A number is a fine text, unless it has to look like
// something that a number cannot.
func (k Key) text() (types []string, limits object) {
	if k.Pattern != "" {
		return []string{"string"}, object{{"pattern", k.Pattern}}
	}
	return []string{"string", "number", "boolean"}, nil
}

func (k Key) limits() object {
	var s object
	for i, n := range k.Range {
		s = append(s, member{[]string{"minimum", "maximum"}[i], n})
	}
	return s
}

// orNull lists types, with null where the key may be empty.
func (k Key) orNull(types ...string) any {
	if !k.Required {
		types = append(types, "null")
	}
	if len(types) == 1 {
		return types[0]
	}
	return types
}

// description is the meaning without Markdown, for editors, with default and environment.
func (k Key) description() string {
	text := k.Meaning
	if k.Default != "" && k.Default != "required" {
		text += " Default: " + k.Default + "."
	}
	if k.Env != "" {
		text += " Environment: " + k.Env + "."
	}
	return plain(text)
}

// defaultValue returns the default where it is one value and nothing but that.
func (k Key) defaultValue() (any, bool) {
	text, ok := strings.CutPrefix(k.Default, "`")
	text, end := strings.CutSuffix(text, "`")
	if !ok || !end || strings.Contains(text, "`") {
		return nil, false
	}
	return inYAML(text), true
}

// inYAML reads a value of the reference.
func inYAML(text string) any {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		panic("config: the reference holds " + text + ", which is not YAML")
	}
	return v
}

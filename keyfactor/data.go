package keyfactor

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Data is what an instance carries: values of any type by name, matched without
// regard to case. It may hold secrets that scripts put there, so it has no
// String method that shows values: ask for the names you know.
type Data struct {
	names  []string // as Keyfactor spells them, in its order
	values map[string]json.RawMessage
}

// UnmarshalJSON accepts an object, an array of key and value pairs, and either
// of them as text inside a string. Everything else is empty; it never fails.
func (d *Data) UnmarshalJSON(b []byte) error {
	*d = Data{}
	b = bytes.TrimSpace(unquote(b))
	if len(b) == 0 {
		return nil
	}
	switch b[0] {
	case '{':
		eachMember(b, d.add)
	case '[':
		for _, p := range pairs(b) {
			d.add(p.name, p.value)
		}
	}
	return nil
}

func (d *Data) add(name string, value json.RawMessage) {
	key := strings.ToLower(name)
	if _, taken := d.values[key]; taken || name == "" {
		return
	}
	if d.values == nil {
		d.values = map[string]json.RawMessage{}
	}
	d.names = append(d.names, name)
	d.values[key] = value
}

// Names returns the names in Keyfactor's order.
func (d Data) Names() []string { return d.names }

// Raw returns the value as it arrived, or nil.
func (d Data) Raw(name string) json.RawMessage { return d.values[strings.ToLower(name)] }

// Text returns a string, number or boolean as text, anything else as "".
func (d Data) Text(name string) string { return scalar(d.Raw(name)) }

// Int returns a number, or a string of digits.
func (d Data) Int(name string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(d.Text(name)), 10, 64)
	return n, err == nil
}

// Object returns a value that has members of its own, empty if it has none.
func (d Data) Object(name string) Data {
	var o Data
	_ = o.UnmarshalJSON(d.Raw(name))
	return o
}

// String tells how much there is, deliberately not what.
func (d Data) String() string { return strconv.Itoa(len(d.names)) + " values" }

// unquote returns the JSON that a JSON string contains, or b itself.
func unquote(b []byte) []byte {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '"' {
		return b
	}
	inner := bytes.TrimSpace([]byte(scalar(b)))
	if len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') && json.Valid(inner) {
		return inner
	}
	return b
}

// eachMember calls f for each member of an object, in the order of the text.
func eachMember(object []byte, f func(name string, value json.RawMessage)) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return
		}
		text, _ := name.(string)
		f(text, value)
	}
}

type pair struct {
	name  string
	value json.RawMessage
}

// pairs reads [{"Key": "dns", "Value": …}, …]; the names of the members vary
// between versions.
func pairs(array []byte) []pair {
	var items []map[string]json.RawMessage
	if json.Unmarshal(array, &items) != nil {
		return nil
	}
	var out []pair
	for _, item := range items {
		var p pair
		for name, value := range item {
			switch strings.ToLower(name) {
			case "key", "name", "type", "kind":
				p.name = scalar(value)
			case "value", "values":
				p.value = value
			}
		}
		if p.value != nil {
			out = append(out, p)
		}
	}
	return out
}

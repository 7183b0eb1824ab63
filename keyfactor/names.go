package keyfactor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// sanKinds is the order in which kinds are shown; unknown ones follow by name.
var sanKinds = []string{"dns", "ip", "ip4", "ip6", "rfc822", "uri", "ms_ntprincipalname", "directory", "registeredid", "ms_ntdsreplication", "x400", "ediparty", "other"}

// parseSANs reads every shape that is documented or met: an object of kind to
// values, an array of pairs, an array of texts, and any of them as text in a
// string. Values of other types are left out; it never fails.
//
//	{"dns": ["a.example.com"], "ip4": "192.0.2.1"}
//	[{"Key": "dns", "Value": "a.example.com"}, {"Value": "192.0.2.1", "Type": "ip4"}]
//	["a.example.com", "dns=b.example.com"]
func parseSANs(raw json.RawMessage) []approval.SAN {
	raw = unquote(raw)
	var sans []approval.SAN
	add := func(kind string, value json.RawMessage) {
		for _, v := range texts(value) {
			sans = append(sans, approval.SAN{Kind: strings.ToLower(strings.TrimSpace(kind)), Value: v})
		}
	}
	switch {
	case len(raw) == 0:
	case raw[0] == '{':
		eachMember(raw, add)
	case raw[0] == '[':
		if named := pairs(raw); named != nil {
			for _, p := range named {
				add(p.name, p.value)
			}
			break
		}
		for _, v := range texts(raw) {
			sans = append(sans, plainSAN(v))
		}
	default:
		for _, v := range strings.FieldsFunc(scalar(raw), func(r rune) bool { return r == ',' || r == ';' }) {
			if v = strings.TrimSpace(v); v != "" {
				sans = append(sans, plainSAN(v))
			}
		}
	}
	slices.SortStableFunc(sans, bySANKind)
	return slices.Compact(sans)
}

// texts returns a scalar as one text and an array as its scalars.
func texts(raw json.RawMessage) []string {
	raw = bytes.TrimSpace(raw)
	items := []json.RawMessage{raw}
	if len(raw) > 0 && raw[0] == '[' {
		items = nil
		_ = json.Unmarshal(raw, &items)
	}
	var out []string
	for _, item := range items {
		if text := strings.TrimSpace(scalar(item)); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// plainSAN reads "dns=a.example.com", "DNS:a.example.com" or a bare value.
func plainSAN(text string) approval.SAN {
	if at := strings.IndexAny(text, "=:"); at > 0 {
		kind := strings.ToLower(strings.TrimSpace(text[:at]))
		kind = strings.TrimSuffix(kind, " name")
		if slices.Contains(sanKinds, kind) && at+1 < len(text) {
			return approval.SAN{Kind: kind, Value: strings.TrimSpace(text[at+1:])}
		}
	}
	return approval.SAN{Value: text}
}

func bySANKind(a, b approval.SAN) int {
	rank := func(s approval.SAN) int {
		if at := slices.Index(sanKinds, s.Kind); at >= 0 {
			return at
		}
		return len(sanKinds)
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	return strings.Compare(a.Kind, b.Kind)
}

// shownSANs is how many names a fact spells out before it counts the rest.
const shownSANs = 5

// summary names the first few and counts the rest: "a.example.com, 192.0.2.1 and 998 more".
func summary(values []string, limit int) string {
	if len(values) <= limit {
		return strings.Join(values, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(values[:limit], ", "), len(values)-limit)
}

// label is a SAN for people; a DNS name or address needs no word for its kind.
func label(s approval.SAN) string {
	switch s.Kind {
	case "", "dns", "ip", "ip4", "ip6":
		return s.Value
	}
	return s.Kind + ": " + s.Value
}

func labels(sans []approval.SAN) []string {
	out := make([]string, len(sans))
	for i, s := range sans {
		out[i] = label(s)
	}
	return out
}

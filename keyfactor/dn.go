package keyfactor

import (
	"slices"
	"strings"
)

// dnAliases are other spellings of the same attribute type.
var dnAliases = map[string]string{
	"e": "emailaddress", "email": "emailaddress", "1.2.840.113549.1.9.1": "emailaddress",
	"s": "st", "stateorprovince": "st", "2.5.4.8": "st",
	"2.5.4.3": "cn", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.7": "l", "2.5.4.6": "c",
	"2.5.4.5": "serialnumber", "street": "streetaddress", "2.5.4.9": "streetaddress",
	"0.9.2342.19200300.100.1.25": "dc", "postalcode": "2.5.4.17",
}

// parseDN splits a distinguished name into "type=value" parts in a form that is
// equal for equal names: lower case, single spaces, sorted, because the two
// ends of Keyfactor write them in opposite order.
func parseDN(dn string) []string {
	var parts []string
	for _, part := range splitDN(dn) {
		kind, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		kind = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(kind), "OID."))
		if alias := dnAliases[kind]; alias != "" {
			kind = alias
		}
		value = strings.ToLower(strings.Join(strings.Fields(unescapeDN(value)), " "))
		if value != "" {
			parts = append(parts, kind+"="+value)
		}
	}
	slices.Sort(parts)
	return parts
}

// splitDN cuts at commas, plus signs and semicolons that are neither quoted nor escaped.
func splitDN(dn string) []string {
	var parts []string
	var quoted, escaped bool
	start := 0
	for i, r := range dn {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ',' || r == '+' || r == ';'):
			parts = append(parts, dn[start:i])
			start = i + 1
		}
	}
	return append(parts, dn[start:])
}

// escapeDN writes a value so that it reads as one.
func escapeDN(value string) string {
	var b strings.Builder
	for i, r := range value {
		last := i == len(value)-1
		if strings.ContainsRune(`,+"\\<>;`, r) || i == 0 && (r == '#' || r == ' ') || last && r == ' ' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unescapeDN removes quotes and backslashes; \2C is a byte in hex.
func unescapeDN(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
		case c == '\\' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			b.WriteByte(byte(unhex(s[i+1])<<4 | unhex(s[i+2]))) //nolint:gosec // two digits make a byte
			i += 2
		case c == '\\' && i+1 < len(s):
			b.WriteByte(s[i+1])
			i++
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unhex(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }

// commonName returns the CN of a distinguished name as it is spelled there.
func commonName(dn string) string {
	for _, part := range splitDN(dn) {
		kind, value, _ := strings.Cut(part, "=")
		if k := strings.TrimSpace(kind); strings.EqualFold(k, "CN") || k == "2.5.4.3" {
			return strings.TrimSpace(unescapeDN(strings.TrimSpace(value)))
		}
	}
	return ""
}

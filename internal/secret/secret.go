// Package secret keeps passwords and tokens from being printed by accident.
//
// A [String] can be read from YAML, JSON or text, and can be revealed on
// purpose. Everything that prints values for people or machines (fmt with any
// verb, encoding/json, YAML, zap, slog) gets "[redacted]" instead, also when
// the String sits deep inside a struct that is printed as a whole.
package secret

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Redacted is what is printed in place of a secret that is set.
const Redacted = "[redacted]"

// String is a text that only [String.Reveal] shows. The zero value is empty.
type String struct {
	// A pointer, deliberately: fmt cannot call methods on a value that it reached
	// through an unexported field and prints its insides instead. Behind a pointer
	// the insides are an address.
	text *string
}

// New wraps text.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{&text}
}

// Reveal returns the secret itself, for the one place that sends it.
func (s String) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s String) IsZero() bool { return s.text == nil }

// Equal reports whether both hold the same text; == would compare addresses.
func (s String) Equal(o String) bool { return s.Reveal() == o.Reveal() }

// String returns [Redacted], or nothing when there is no secret, so that a
// printed configuration tells whether one is set.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// GoString is like [String.String].
func (s String) GoString() string { return fmt.Sprintf("secret.String(%q)", s.String()) }

// Format answers every verb of fmt, %x and %d included, with the redacted form.
func (s String) Format(f fmt.State, verb rune) {
	text := s.String()
	switch {
	case verb == 'v' && f.Flag('#'):
		text = s.GoString()
	case verb == 'q':
		text = fmt.Sprintf("%q", text)
	}
	_, _ = f.Write([]byte(text))
}

// MarshalText returns the redacted form. JSON, YAML, zap and slog use it.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns the redacted form.
func (s String) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalYAML reads the secret as it is written: a password such as 0123 or 1e3
// is text, although YAML takes it for a number and would spell it differently.
func (s *String) UnmarshalYAML(node ast.Node) error {
	switch n := node.(type) {
	case *ast.StringNode:
		*s = New(n.Value)
	case *ast.LiteralNode:
		*s = New(n.Value.Value)
	case *ast.NullNode:
		*s = String{}
	case *ast.TagNode:
		return s.UnmarshalYAML(n.Value)
	case *ast.AnchorNode:
		return s.UnmarshalYAML(n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		*s = New(n.GetToken().Value)
	default:
		// Without the token, deliberately: errors of the YAML package quote the source.
		return fmt.Errorf("a secret is one text, not a %s", strings.ToLower(n.Type().String()))
	}
	return nil
}

// UnmarshalText reads the secret as it is.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

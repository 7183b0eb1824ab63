package keyfactor

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text is a string that may arrive as a number or a boolean; anything else
// reads as empty.
type Text string

// UnmarshalJSON never fails.
func (t *Text) UnmarshalJSON(b []byte) error {
	*t = Text(scalar(b))
	return nil
}

// scalar returns a JSON string, number or boolean as text, everything else as "".
func scalar(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return ""
	}
	switch b[0] {
	case '"':
		// Most texts hold no escapes, and lists hold thousands of them.
		if inner := bytes.Trim(b, `"`); len(inner) == len(b)-2 && bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			return string(inner)
		}
		var s string
		if json.Unmarshal(b, &s) != nil {
			return ""
		}
		return s
	case 'n', '{', '[':
		return ""
	}
	return string(b)
}

// Int is a whole number that may arrive as a string of digits; anything else
// reads as 0.
type Int int64

// UnmarshalJSON never fails.
func (i *Int) UnmarshalJSON(b []byte) error {
	n, _ := strconv.ParseInt(strings.TrimSpace(scalar(b)), 10, 64)
	*i = Int(n)
	return nil
}

// array is a list of which nothing depends: one that cannot be read is nil, one
// that is empty is not.
type array[T any] []T

// UnmarshalJSON never fails.
func (l *array[T]) UnmarshalJSON(b []byte) error {
	var all []T
	if json.Unmarshal(b, &all) != nil {
		all = nil
	}
	*l = all
	return nil
}

// Time is a point in time in UTC; zero when Keyfactor gave none that can be read.
type Time struct{ time.Time }

// timeLayouts accept fractions of any length, as Go does for every layout.
var timeLayouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05", // without zone: UTC
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
}

// UnmarshalJSON never fails.
func (t *Time) UnmarshalJSON(b []byte) error {
	*t = ParseTime(scalar(b))
	return nil
}

// ParseTime reads a date as Keyfactor writes it, with or without zone and with
// 0 to 9 digits of fraction. Text that is no date, and .NET's zero date, are the zero Time.
func ParseTime(s string) Time {
	s = strings.TrimSpace(s)
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, s); err == nil && at.Year() > 1 {
			return Time{at.UTC()}
		}
	}
	return Time{}
}

// stamp is the time as a change mark: the same instant is the same text,
// however it was spelled.
func (t Time) stamp() string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// words is the time as people read it in a fact.
func (t Time) words() string {
	switch {
	case t.IsZero():
		return ""
	case t.Truncate(24 * time.Hour).Equal(t.Time):
		return t.Format("2006-01-02")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

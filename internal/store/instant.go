package store

import (
	"fmt"
	"time"
)

// cut brings a time to what both databases can keep: UTC, microseconds.
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// nullable is the argument for a time that may be unset.
func nullable(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return cut(t)
}

// instant reads a TIMESTAMP column into the time that it points to; NULL is the
// zero time. SQLite hands out text where it does not know the column's type, as
// in RETURNING.
type instant struct{ to *time.Time }

func (i instant) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*i.to = time.Time{}
	case time.Time:
		*i.to = v.UTC()
	case string:
		t, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", v)
		if err != nil {
			t, err = time.Parse("2006-01-02 15:04:05.999999999", v) // River's own, UTC
		}
		if err != nil {
			return fmt.Errorf("read a time: %w", err)
		}
		*i.to = t.UTC()
	default:
		return fmt.Errorf("read a time: unexpected %T", value)
	}
	return nil
}

package store

import (
	"context"
	"database/sql"
	"strings"
)

// row is what one row is scanned from.
type row interface{ Scan(...any) error }

// each calls fn for every row, and reads them to the end.
func each(ctx context.Context, tx *sql.Tx, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec returns how many rows a statement changed: the answer of every compare-and-swap.
func (u *unit) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := u.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// clean drops what PostgreSQL refuses to keep in text: NUL and broken UTF-8.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "")
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Survey is what can be learned about a database without changing it.
type Survey struct {
	// Version is that of our tables, 0 where there are none yet; Latest is this release's.
	Version, Latest int64
	// Refused says why what the service writes could not be written; empty if it can.
	Refused string
	// Replicas is how many processes serve with it; one that only looks is not counted.
	Replicas int
}

// Survey looks at a PostgreSQL database that others may be working on. It tries a
// write and takes it back; nothing is migrated. The store may be ReadOnly.
func (s *Store) Survey(ctx context.Context) (v Survey, err error) {
	if !s.engine.shared {
		return v, errors.New("only a database that several processes share can be surveyed")
	}
	if v.Version, v.Latest, err = s.versions(ctx); err != nil {
		return v, err
	}
	if v.Replicas, err = s.sessions(ctx); err != nil {
		return v, err
	}
	v.Refused, err = s.refusal(ctx, v)
	return v, err
}

// refusal asks the database what the service may not do in it, in the order in
// which it would be noticed.
func (s *Store) refusal(ctx context.Context, v Survey) (string, error) {
	var standby, create bool
	var schema sql.NullString
	var user string
	err := s.db.QueryRowContext(ctx, `SELECT pg_is_in_recovery(), current_user, current_schema(),
		COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)`).Scan(&standby, &user, &schema, &create)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask for privileges: %w", err)
	case standby:
		return "the server is a standby, which takes no writes", nil
	case !create && v.Version < v.Latest:
		return fmt.Sprintf("the user %s may not create tables in its schema", user), nil
	case v.Version == 0:
		return "", nil
	}
	var table sql.NullString
	err = s.db.QueryRowContext(ctx, `SELECT MIN(tablename::text) FROM pg_tables WHERE schemaname = current_schema()
		AND tablename IN ('setting', 'request', 'decision', 'audit', 'card', 'river_job')
		AND NOT (has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), 'INSERT')
			AND has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), 'SELECT'))`).Scan(&table)
	if err != nil {
		return "", fmt.Errorf("ask for privileges: %w", err)
	}
	if table.Valid {
		return fmt.Sprintf("the user %s may not write the table %s", user, table.String), nil
	}
	return s.rehearse(ctx), nil
}

// rehearse writes as [Store.Ping] does, and takes it back. It returns why that is
// refused.
func (s *Store) rehearse(ctx context.Context) string {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err.Error()
	}
	defer tx.Rollback() //nolint:errcheck // that is the plan
	for _, text := range []string{`SET TRANSACTION READ WRITE`, `INSERT INTO setting (key, value, updated_at) VALUES ('rehearsal', '', now())`} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err.Error()
		}
	}
	return ""
}

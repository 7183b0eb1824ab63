package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Setting returns a remembered value, and whether there is one.
func (s *Store) Setting(ctx context.Context, key string) (value string, found bool, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		switch err := tx.QueryRowContext(ctx, `SELECT value FROM setting WHERE key = $1`, key).Scan(&value); {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		found = true
		return nil
	})
	if err != nil {
		return "", false, fmt.Errorf("read setting %s: %w", key, err)
	}
	return value, found, nil
}

// PutSetting remembers a value.
func (s *Store) PutSetting(ctx context.Context, key, value string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `INSERT INTO setting (key, value, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, key, value, u.now)
		return err
	})
	if err != nil {
		return fmt.Errorf("write setting %s: %w", key, err)
	}
	return nil
}

// SettingOnce returns the value, made by whoever comes first; several replicas
// that start at once agree on one.
func (s *Store) SettingOnce(ctx context.Context, key string, make func() (string, error)) (string, error) {
	if value, found, err := s.Setting(ctx, key); err != nil || found {
		return value, err
	}
	value, err := make()
	if err != nil {
		return "", fmt.Errorf("make setting %s: %w", key, err)
	}
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `INSERT INTO setting (key, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING`, key, value, u.now)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write setting %s: %w", key, err)
	}
	value, _, err = s.Setting(ctx, key)
	return value, err
}

// Once reports whether it is asked about this key for the first time, ever and
// anywhere: whoever hears true does what is to be done once. An error may hide a
// true, so the thing is then rather left undone than done twice; where it turns
// out not to have been done, [Store.ClearOnce] gives it to the next who asks.
func (s *Store) Once(ctx context.Context, key string) (first bool, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `INSERT INTO setting (key, value, updated_at) VALUES ($1, '', $2) ON CONFLICT (key) DO NOTHING`, oncePrefix+key, u.now)
		first = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("mark %s as done once: %w", key, err)
	}
	return first, nil
}

// ClearOnce takes the mark of [Store.Once] back.
func (s *Store) ClearOnce(ctx context.Context, key string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `DELETE FROM setting WHERE key = $1`, oncePrefix+key)
		return err
	})
	if err != nil {
		return fmt.Errorf("clear the mark of %s: %w", key, err)
	}
	return nil
}

const oncePrefix = "once:"

// Exchange writes a setting together with what the audit log has to say about it:
// entries are made of the value that it replaces, "" if there was none. When there
// are none, nothing is written.
func (s *Store) Exchange(ctx context.Context, key, value string, entries func(old string) []Entry) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		// The row is there, and ours, before it is read: of several replicas each sees what the one before wrote.
		if _, err := u.exec(ctx, `INSERT INTO setting (key, value, updated_at) VALUES ($1, '', $2)
			ON CONFLICT (key) DO UPDATE SET updated_at = setting.updated_at`, key, u.now); err != nil {
			return err
		}
		var old string
		if err := u.tx.QueryRowContext(ctx, `SELECT value FROM setting WHERE key = $1`, key).Scan(&old); err != nil {
			return err
		}
		all := entries(old)
		if len(all) == 0 {
			return nil
		}
		for _, e := range all {
			u.record(e)
		}
		_, err := u.exec(ctx, `UPDATE setting SET value = $1, updated_at = $2 WHERE key = $3`, value, u.now, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("exchange setting %s: %w", key, err)
	}
	return nil
}

// Settings returns what is remembered under keys that begin with prefix and was
// not written since a time, by key.
func (s *Store) Settings(ctx context.Context, prefix string, before time.Time) (map[string]string, error) {
	all := map[string]string{}
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var key, value string
			err := rows.Scan(&key, &value)
			all[key] = value
			return err
		}, `SELECT key, value FROM setting WHERE substr(key, 1, $1) = $2 AND updated_at < $3`, utf8.RuneCountInString(prefix), prefix, cut(before))
	})
	if err != nil {
		return nil, fmt.Errorf("read the settings %s…: %w", prefix, err)
	}
	return all, nil
}

// ClearSetting forgets a value.
func (s *Store) ClearSetting(ctx context.Context, key string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `DELETE FROM setting WHERE key = $1`, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("clear setting %s: %w", key, err)
	}
	return nil
}

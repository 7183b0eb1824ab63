package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/approvebot/approvebot/internal/approval"
)

// Leave remembers that a person is away. It takes the place of an absence of theirs
// that had not ended; of the moment of From there is at most one.
func (s *Store) Leave(ctx context.Context, a approval.Absence) error {
	person, err := json.Marshal(a.Person)
	if err != nil {
		return fmt.Errorf("write down who is away: %w", err)
	}
	delegate, err := json.Marshal(a.Delegate)
	if err != nil {
		return fmt.Errorf("write down who stands in: %w", err)
	}
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		if a.ID == "" || a.Person.ID == "" || !a.From.Before(a.Until) {
			return errors.New("an absence needs an ID, a person and an end after its beginning")
		}
		if _, err := u.exec(ctx, `UPDATE absence SET ended_at = $1 WHERE user_id = $2 AND ended_at IS NULL`, u.now, a.Person.ID); err != nil {
			return err
		}
		if _, err := u.exec(ctx, `INSERT INTO absence (id, user_id, person, delegate_id, delegate, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			a.ID, a.Person.ID, clean(string(person)), a.Delegate.ID, clean(string(delegate)), cut(a.From), cut(a.Until)); err != nil {
			return err
		}
		u.record(Entry{Event: "absence.begun", By: a.Person, Detail: map[string]any{"absence": a.ID, "until": stamp(a.Until), "delegate": a.Delegate.ID, "name": a.Delegate.Name}})
		return nil
	})
	if err != nil {
		return fmt.Errorf("note that %s is away: %w", a.Person.ID, err)
	}
	return nil
}

// Return ends a person's absence, whoever says so. It reports false when they are
// not away.
func (s *Store) Return(ctx context.Context, user string, by approval.Person) (bool, error) {
	ended := false
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		ended = false
		var id string
		err := u.tx.QueryRowContext(ctx, `UPDATE absence SET ended_at = $1 WHERE user_id = $2 AND ended_at IS NULL AND until_at > $1 RETURNING id`, u.now, user).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ended = true
		u.record(Entry{Event: "absence.ended", By: by, Detail: map[string]any{"absence": id, "person": user}})
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("note that %s is back: %w", user, err)
	}
	return ended, nil
}

// Absences lists who is away now, by the end of their absence.
func (s *Store) Absences(ctx context.Context) ([]approval.Absence, error) {
	var all []approval.Absence
	now := s.now()
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var a approval.Absence
			var person, delegate string
			if err := rows.Scan(&a.ID, &person, &delegate, instant{&a.From}, instant{&a.Until}); err != nil {
				return err
			}
			if err := errors.Join(json.Unmarshal([]byte(person), &a.Person), json.Unmarshal([]byte(delegate), &a.Delegate)); err != nil {
				return fmt.Errorf("read absence %s: %w", a.ID, err)
			}
			all = append(all, a)
			return nil
		}, `SELECT id, person, delegate, from_at, until_at FROM absence WHERE ended_at IS NULL AND until_at > $1 ORDER BY until_at, id`, now)
	})
	if err != nil {
		return nil, fmt.Errorf("list who is away: %w", err)
	}
	return all, nil
}

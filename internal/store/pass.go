package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Passes tells when Keyfactor was last looked at. It is remembered for all
// replicas, of which only one polls at a time.
type Passes struct {
	// Finished is when the last pass over all sources ended, well or not.
	Finished time.Time `json:"finished"`
	// Succeeded is when each source's list was last read to its end.
	Succeeded map[approval.Kind]time.Time `json:"succeeded,omitempty"`
}

const passesKey = "passes"

// Passed remembers that a pass has ended, and which sources' lists it read to their end.
func (s *Store) Passed(ctx context.Context, succeeded ...approval.Kind) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		p, err := passes(ctx, u.tx)
		if err != nil {
			return err
		}
		p.Finished = u.now
		if p.Succeeded == nil {
			p.Succeeded = map[approval.Kind]time.Time{}
		}
		for _, kind := range succeeded {
			p.Succeeded[kind] = u.now
		}
		text, err := json.Marshal(p)
		if err != nil {
			return err
		}
		_, err = u.exec(ctx, `INSERT INTO setting (key, value, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, passesKey, string(text), u.now)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember that a pass has ended: %w", err)
	}
	return nil
}

// Passes returns when Keyfactor was last looked at, by whichever replica.
func (s *Store) Passes(ctx context.Context) (p Passes, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		p, err = passes(ctx, tx)
		return err
	})
	if err != nil {
		return Passes{}, fmt.Errorf("read when the last pass ended: %w", err)
	}
	return p, nil
}

func passes(ctx context.Context, tx *sql.Tx) (p Passes, err error) {
	var text string
	err = tx.QueryRowContext(ctx, `SELECT value FROM setting WHERE key = $1`, passesKey).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return Passes{}, nil
	}
	if err != nil {
		return Passes{}, err
	}
	return p, json.Unmarshal([]byte(text), &p)
}

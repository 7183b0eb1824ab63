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

// Subscription has a channel show the requests that a filter takes. What the
// filter says is its maker's; here it is JSON.
type Subscription struct {
	ID        string // UUIDv7
	Channel   string
	Filter    json.RawMessage
	CreatedBy approval.Person
	Created   time.Time // now if zero
}

// Subscribe remembers a subscription. Telling it again changes nothing.
func (s *Store) Subscribe(ctx context.Context, sub Subscription) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if sub.ID == "" || sub.Channel == "" || !json.Valid(sub.Filter) {
			return errors.New("a subscription needs an ID, a channel and a filter in JSON")
		}
		person, err := json.Marshal(sub.CreatedBy)
		if err != nil {
			return err
		}
		created := sub.Created
		if created.IsZero() {
			created = u.now
		}
		n, err := u.exec(ctx, `INSERT INTO subscription (id, channel, filter, created_by, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
			sub.ID, sub.Channel, clean(string(sub.Filter)), clean(string(person)), cut(created))
		if err == nil && n == 1 {
			u.record(Entry{Event: "subscription.added", By: sub.CreatedBy, Detail: map[string]any{"subscription": sub.ID, "channel": sub.Channel, "filter": sub.Filter}})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", sub.Channel, err)
	}
	return nil
}

// Unsubscribe ends a subscription, and reports false if there is none that lives.
func (s *Store) Unsubscribe(ctx context.Context, id string, by approval.Person) (bool, error) {
	person, err := json.Marshal(by)
	if err != nil {
		return false, fmt.Errorf("end subscription %s: %w", id, err)
	}
	removed := false
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		removed = false
		var channel, filter string
		err := u.tx.QueryRowContext(ctx, `UPDATE subscription SET removed_at = $1, removed_by = $2 WHERE id = $3 AND removed_at IS NULL RETURNING channel, filter`,
			u.now, clean(string(person)), id).Scan(&channel, &filter)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		removed = true
		u.record(Entry{Event: "subscription.removed", By: by, Detail: map[string]any{"subscription": id, "channel": channel, "filter": json.RawMessage(filter)}})
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("end subscription %s: %w", id, err)
	}
	return removed, nil
}

// Subscriptions lists those that live, oldest first.
func (s *Store) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var all []Subscription
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var sub Subscription
			var filter, person string
			if err := rows.Scan(&sub.ID, &sub.Channel, &filter, &person, instant{&sub.Created}); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(person), &sub.CreatedBy); err != nil {
				return fmt.Errorf("read who made subscription %s: %w", sub.ID, err)
			}
			sub.Filter = json.RawMessage(filter)
			all = append(all, sub)
			return nil
		}, `SELECT id, channel, filter, created_by, created_at FROM subscription WHERE removed_at IS NULL ORDER BY created_at, id`)
	})
	if err != nil {
		return nil, fmt.Errorf("list the subscriptions: %w", err)
	}
	return all, nil
}

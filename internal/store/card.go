package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Card is the message that shows a request in one channel.
type Card struct {
	Request approval.ID
	// Channel is the channel as the route names it, SlackChannel as Slack answered.
	Channel, SlackChannel, TS string
	// PostStarted is the mark that is set before posting.
	PostStarted, Posted time.Time
	ShownVersion        int64
	Failed              time.Time
	Error               string
}

const cardColumns = `c.request_id, c.channel, c.slack_channel, COALESCE(c.ts, ''), c.post_started_at, c.posted_at, c.shown_version, c.failed_at, c.error`

func scanCard(r row) (c Card, err error) {
	err = r.Scan(&c.Request, &c.Channel, &c.SlackChannel, &c.TS, instant{&c.PostStarted}, instant{&c.Posted}, &c.ShownVersion, instant{&c.Failed}, &c.Error)
	return c, err
}

// place inserts the cards that do not exist yet, and returns their channels.
func (u *unit) place(ctx context.Context, id approval.ID, channels []string) ([]string, error) {
	var placed []string
	for _, channel := range channels {
		n, err := u.exec(ctx, `INSERT INTO card (request_id, channel) VALUES ($1, $2) ON CONFLICT (request_id, channel) DO NOTHING`, string(id), channel)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			placed = append(placed, channel)
			u.enqueue(PostJob{Channel: channel})
		}
	}
	return placed, nil
}

// lock takes the request's row for the rest of the transaction.
func (u *unit) lock(ctx context.Context, id approval.ID) (version int64, err error) {
	err = u.tx.QueryRowContext(ctx, `UPDATE request SET version = version WHERE id = $1 RETURNING version`, string(id)).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return version, err
}

// Place shows a request in further channels; where it has a card, also one that
// failed, nothing happens.
func (s *Store) Place(ctx context.Context, id approval.ID, channels ...string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		placed, err := u.place(ctx, id, channels)
		if err == nil && len(placed) > 0 {
			u.record(Entry{Event: "request.placed", Request: id, Detail: map[string]any{"channels": placed}})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("place %s: %w", id, err)
	}
	return nil
}

// settledUnseen is what a card says that was never worth posting.
const settledUnseen = "settled before it was shown"

// NextPost returns the card that a channel should get next: pending requests
// before those that only need their card found, the most urgent first. Requests that
// were settled before their card was ever started are skipped for good. It
// returns ErrNotFound when nothing is left.
func (s *Store) NextPost(ctx context.Context, channel string) (Card, Record, error) {
	c, r, err := s.nextPost(ctx, channel)
	if err == nil && r.State.Final() && c.PostStarted.IsZero() {
		// Nothing pending is left, so this happens once.
		if err = s.skipUnseen(ctx, channel); err == nil {
			c, r, err = s.nextPost(ctx, channel)
		}
	}
	if err != nil {
		return Card{}, Record{}, fmt.Errorf("next card for %s: %w", channel, err)
	}
	return c, r, nil
}

// nextPost only looks: thousands may wait, and a click must not wait for that.
func (s *Store) nextPost(ctx context.Context, channel string) (c Card, r Record, err error) {
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		// Goes through the requests by urgency, and ends at the first that fits: all that
		// wait for the channel would have to be sorted otherwise, for every card anew.
		// (SQLite keeps the order of a CROSS JOIN.)
		c, err = scanCard(tx.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM request r CROSS JOIN card c
			WHERE r.settled_at IS NULL AND c.request_id = r.id AND c.channel = $1 AND c.posted_at IS NULL AND c.failed_at IS NULL
			ORDER BY r.urgent_at, r.seen_at, r.id LIMIT 1`, channel))
		if errors.Is(err, sql.ErrNoRows) {
			c, err = scanCard(tx.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM card c JOIN request r ON r.id = c.request_id
				WHERE c.channel = $1 AND c.posted_at IS NULL AND c.failed_at IS NULL
				ORDER BY r.settled_at IS NOT NULL, r.urgent_at, r.seen_at, r.id LIMIT 1`, channel))
		}
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		r, err = load(ctx, tx, c.Request)
		return err
	})
	return c, r, err
}

func (s *Store) skipUnseen(ctx context.Context, channel string) error {
	return s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `UPDATE card SET failed_at = $1, error = $2
			WHERE channel = $3 AND posted_at IS NULL AND post_started_at IS NULL AND failed_at IS NULL
			  AND EXISTS (SELECT 1 FROM request r WHERE r.id = request_id AND r.settled_at IS NOT NULL)`,
			u.now, settledUnseen, channel)
		return err
	})
}

// StartPost commits the mark that a message is about to be posted. It reports
// false, and when, if the mark was set before: then the message may exist, and
// the channel must be searched for it before posting.
func (s *Store) StartPost(ctx context.Context, id approval.ID, channel string) (first bool, startedAt time.Time, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE card SET post_started_at = $1 WHERE request_id = $2 AND channel = $3 AND post_started_at IS NULL`, u.now, string(id), channel)
		if err != nil {
			return err
		}
		first = n == 1
		c, err := u.card(ctx, id, channel)
		startedAt = c.PostStarted
		return err
	})
	if err != nil {
		return false, time.Time{}, fmt.Errorf("start to post %s in %s: %w", id, channel, err)
	}
	return first, startedAt, nil
}

func (u *unit) card(ctx context.Context, id approval.ID, channel string) (Card, error) {
	c, err := scanCard(u.tx.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM card c WHERE c.request_id = $1 AND c.channel = $2`, string(id), channel))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return c, err
}

// ClearPost takes the mark back when it is certain that nothing was posted.
func (s *Store) ClearPost(ctx context.Context, id approval.ID, channel string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `UPDATE card SET post_started_at = NULL WHERE request_id = $1 AND channel = $2 AND posted_at IS NULL`, string(id), channel)
		return err
	})
	if err != nil {
		return fmt.Errorf("clear the mark of %s in %s: %w", id, channel, err)
	}
	return nil
}

// Posted records the message that shows the request, as of version. If the
// request has moved since, a job to redraw it follows. Telling the same again
// changes nothing; it returns ErrPosted if the card already is another message.
func (s *Store) Posted(ctx context.Context, id approval.ID, channel, slackChannel, ts string, version int64) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		current, err := u.lock(ctx, id)
		if err != nil {
			return err
		}
		n, err := u.exec(ctx, `UPDATE card SET slack_channel = $1, ts = $2, posted_at = $3, shown_version = $4, failed_at = NULL, error = ''
			WHERE request_id = $5 AND channel = $6 AND ts IS NULL`, slackChannel, ts, u.now, version, string(id), channel)
		if err != nil {
			return err
		}
		if n == 0 {
			c, err := u.card(ctx, id, channel)
			if err == nil && (c.TS != ts || c.SlackChannel != slackChannel) {
				err = ErrPosted
			}
			return err
		}
		if version < current {
			u.enqueue(RefreshJob{Request: id, Channel: channel})
		}
		return u.nextReply(ctx, id, channel)
	})
	if err != nil {
		return fmt.Errorf("record the card of %s in %s: %w", id, channel, err)
	}
	return nil
}

// CardFailed gives a card up: Slack will never take it, or it was deleted.
func (s *Store) CardFailed(ctx context.Context, id approval.ID, channel, reason string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE card SET failed_at = $1, error = $2 WHERE request_id = $3 AND channel = $4 AND failed_at IS NULL`,
			u.now, clean(reason), string(id), channel)
		if err == nil && n == 1 {
			u.record(Entry{Event: "card.failed", Request: id, Detail: map[string]any{"channel": channel, "error": clean(reason)}})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("give up the card of %s in %s: %w", id, channel, err)
	}
	return nil
}

// FindCard returns the card that a Slack message is, or ErrNotFound.
func (s *Store) FindCard(ctx context.Context, slackChannel, ts string) (Card, error) {
	var c Card
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		c, err = scanCard(tx.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM card c WHERE c.slack_channel = $1 AND c.ts = $2`, slackChannel, ts))
		if errors.Is(err, sql.ErrNoRows) {
			err = ErrNotFound
		}
		return err
	})
	if err != nil {
		return Card{}, fmt.Errorf("find the card at %s/%s: %w", slackChannel, ts, err)
	}
	return c, nil
}

// MarkDraw commits the mark that a card is about to be redrawn, and returns the
// one that was there: of an attempt whose end nobody knows, zero if there is
// none. Such a call may still be on its way and overwrite what is drawn now. A
// zero mark takes it away.
func (s *Store) MarkDraw(ctx context.Context, id approval.ID, channel string, mark time.Time) (earlier time.Time, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		err := u.tx.QueryRowContext(ctx, `SELECT draw_started_at FROM card WHERE request_id = $1 AND channel = $2`, string(id), channel).Scan(instant{&earlier})
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = u.exec(ctx, `UPDATE card SET draw_started_at = $1 WHERE request_id = $2 AND channel = $3`, nullable(mark), string(id), channel)
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("mark that the card of %s in %s is drawn: %w", id, channel, err)
	}
	return earlier, nil
}

// Shown records which version a card shows now, and returns the version that the
// request has meanwhile: if it is higher, draw again.
func (s *Store) Shown(ctx context.Context, id approval.ID, channel string, version int64) (current int64, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) (err error) {
		if current, err = u.lock(ctx, id); err != nil {
			return err
		}
		_, err = u.exec(ctx, `UPDATE card SET shown_version = $1, draw_started_at = NULL WHERE request_id = $2 AND channel = $3 AND shown_version < $1`, version, string(id), channel)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("record what the card of %s in %s shows: %w", id, channel, err)
	}
	return current, nil
}

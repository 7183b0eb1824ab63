package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Reply is a message in a card's thread, the trail. Key and Body are its maker's;
// the other fields are ours. A thread gets its replies in the order they were made.
type Reply struct {
	Key  string
	Body []byte

	Request approval.ID
	// Channel is that of the card, or the id of the person where it is a direct message.
	Channel, TS                          string
	Direct                               bool
	Created, PostStarted, Posted, Failed time.Time
	Error                                string
}

// AddReply puts a message into the thread of every card of the request, once for
// each key.
func (s *Store) AddReply(ctx context.Context, id approval.ID, key string, body []byte) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		return u.addReplies(ctx, id, []Reply{{Key: key, Body: body}})
	})
	if err != nil {
		return fmt.Errorf("add reply %s to %s: %w", key, id, err)
	}
	return nil
}

// addReplies needs the request's row locked, for the places to be distinct. The
// threads in the silent channels get nothing.
func (u *unit) addReplies(ctx context.Context, id approval.ID, replies []Reply, silent ...string) error {
	if len(replies) == 0 {
		return nil
	}
	var except strings.Builder
	for i := range silent {
		fmt.Fprintf(&except, " AND c.channel <> $%d", 5+i)
	}
	for _, r := range replies {
		args := []any{r.Key, clean(string(r.Body)), u.now, string(id)}
		for _, channel := range silent {
			args = append(args, channel)
		}
		if _, err := u.exec(ctx, `INSERT INTO reply (request_id, channel, key, place, body, created_at)
			SELECT c.request_id, c.channel, $1, 1 + COALESCE((SELECT MAX(p.place) FROM reply p WHERE p.request_id = c.request_id AND p.channel = c.channel), 0), $2, $3
			FROM card c WHERE c.request_id = $4 AND c.failed_at IS NULL`+except.String()+`
			ON CONFLICT (request_id, channel, key) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return each(ctx, u.tx, u.enqueueReply, openReplies+` AND p.request_id = $1`, string(id))
}

// addDirect has a message sent to a person, once for each key. It needs the
// request's row locked.
func (u *unit) addDirect(ctx context.Context, id approval.ID, person string, r Reply) error {
	if _, err := u.exec(ctx, `INSERT INTO reply (request_id, channel, key, place, body, created_at, direct)
		VALUES ($1, $2, $3, 1 + COALESCE((SELECT MAX(p.place) FROM reply p WHERE p.request_id = $1 AND p.channel = $2), 0), $4, $5, TRUE)
		ON CONFLICT (request_id, channel, key) DO NOTHING`, string(id), person, r.Key, clean(string(r.Body)), u.now); err != nil {
		return err
	}
	return u.nextReply(ctx, id, person)
}

// openReplies selects the first waiting reply of every thread that can take one,
// and of everybody who gets direct messages.
const openReplies = `SELECT p.request_id, p.channel, p.key FROM reply p
	LEFT JOIN card c ON c.request_id = p.request_id AND c.channel = p.channel
	WHERE p.posted_at IS NULL AND p.failed_at IS NULL AND (p.direct OR c.posted_at IS NOT NULL AND c.failed_at IS NULL)
	  AND NOT EXISTS (SELECT 1 FROM reply q WHERE q.request_id = p.request_id AND q.channel = p.channel AND q.direct = p.direct
	                  AND q.posted_at IS NULL AND q.failed_at IS NULL AND q.place < p.place)`

func (u *unit) enqueueReply(rows *sql.Rows) error {
	var j ReplyJob
	if err := rows.Scan(&j.Request, &j.Channel, &j.Key); err != nil {
		return err
	}
	u.enqueue(j)
	return nil
}

func (u *unit) nextReply(ctx context.Context, id approval.ID, channel string) error {
	return each(ctx, u.tx, u.enqueueReply, openReplies+` AND p.request_id = $1 AND p.channel = $2`, string(id), channel)
}

// Reply returns a message and the card in whose thread it belongs, or ErrNotFound.
// A direct message has no card.
func (s *Store) Reply(ctx context.Context, id approval.ID, channel, key string) (Reply, Card, error) {
	var r Reply
	var c Card
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		u := &unit{tx: tx}
		if r, err = u.reply(ctx, id, channel, key); err != nil {
			return err
		}
		if !r.Direct {
			c, err = u.card(ctx, id, channel)
		}
		return err
	})
	if err != nil {
		return Reply{}, Card{}, fmt.Errorf("read reply %s of %s in %s: %w", key, id, channel, err)
	}
	return r, c, nil
}

func (u *unit) reply(ctx context.Context, id approval.ID, channel, key string) (r Reply, err error) {
	err = u.tx.QueryRowContext(ctx, `SELECT request_id, channel, key, body, created_at, post_started_at, posted_at, ts, failed_at, error, direct
		FROM reply WHERE request_id = $1 AND channel = $2 AND key = $3`, string(id), channel, key).
		Scan(&r.Request, &r.Channel, &r.Key, &r.Body, instant{&r.Created}, instant{&r.PostStarted}, instant{&r.Posted}, &r.TS, instant{&r.Failed}, &r.Error, &r.Direct)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return r, err
}

// StartReply commits the mark that the message is about to be posted; see [Store.StartPost].
func (s *Store) StartReply(ctx context.Context, id approval.ID, channel, key string) (first bool, startedAt time.Time, err error) {
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE reply SET post_started_at = $1 WHERE request_id = $2 AND channel = $3 AND key = $4 AND post_started_at IS NULL`,
			u.now, string(id), channel, key)
		if err != nil {
			return err
		}
		first = n == 1
		r, err := u.reply(ctx, id, channel, key)
		startedAt = r.PostStarted
		return err
	})
	if err != nil {
		return false, time.Time{}, fmt.Errorf("start reply %s of %s in %s: %w", key, id, channel, err)
	}
	return first, startedAt, nil
}

// ClearReply takes the mark back when it is certain that nothing was posted.
func (s *Store) ClearReply(ctx context.Context, id approval.ID, channel, key string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		_, err := u.exec(ctx, `UPDATE reply SET post_started_at = NULL WHERE request_id = $1 AND channel = $2 AND key = $3 AND posted_at IS NULL`,
			string(id), channel, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("clear the mark of reply %s of %s in %s: %w", key, id, channel, err)
	}
	return nil
}

// Replied records the message; the next one of the thread may follow. It returns
// ErrPosted if the reply already is another message.
func (s *Store) Replied(ctx context.Context, id approval.ID, channel, key, ts string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		n, err := u.exec(ctx, `UPDATE reply SET ts = $1, posted_at = $2, failed_at = NULL, error = '' WHERE request_id = $3 AND channel = $4 AND key = $5 AND posted_at IS NULL`,
			ts, u.now, string(id), channel, key)
		if err != nil {
			return err
		}
		if n == 0 {
			r, err := u.reply(ctx, id, channel, key)
			if err == nil && r.TS != ts {
				err = ErrPosted
			}
			return err
		}
		return u.nextReply(ctx, id, channel)
	})
	if err != nil {
		return fmt.Errorf("record reply %s of %s in %s: %w", key, id, channel, err)
	}
	return nil
}

// ReplyFailed gives a message up; the next one of the thread may follow.
func (s *Store) ReplyFailed(ctx context.Context, id approval.ID, channel, key, reason string) error {
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		if _, err := u.lock(ctx, id); err != nil {
			return err
		}
		n, err := u.exec(ctx, `UPDATE reply SET failed_at = $1, error = $2 WHERE request_id = $3 AND channel = $4 AND key = $5 AND failed_at IS NULL AND posted_at IS NULL`,
			u.now, clean(reason), string(id), channel, key)
		if err != nil || n == 0 {
			return err
		}
		return u.nextReply(ctx, id, channel)
	})
	if err != nil {
		return fmt.Errorf("give up reply %s of %s in %s: %w", key, id, channel, err)
	}
	return nil
}

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/approvebot/approvebot/internal/approval"
)

// Reopen makes a closed request pending again, because its source says that it
// waits: the permission to read it was withdrawn for a while, or an answer was
// wrong. What was approved or denied stays so, and so does a request for which a
// signal of ours was taken, unless Keyfactor went on waiting after it. It reports
// whether anything changed.
func (s *Store) Reopen(ctx context.Context, r approval.Request, p Placement) (bool, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("write down %s: %w", r.ID, err)
	}
	reopened := false
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE request SET state = 'pending', outcome = NULL, outcome_matter = '', settled_at = NULL,
			matter = $1, body = $2, digest = $3, changed = $4, route = $5, version = version + 1, updated_at = $6
			WHERE id = $7 AND state = 'closed' AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.request_id = request.id AND d.sent_at IS NOT NULL AND d.counted_at IS NULL)`,
			clean(r.Matter), string(body), r.Digest(), clean(r.Changed), p.Route, u.now, string(r.ID))
		if reopened = n == 1; err != nil || !reopened {
			return err
		}
		if _, err := u.exec(ctx, `UPDATE decision SET failed_at = $1, finished_at = NULL, error = '' WHERE request_id = $2 AND failed_at IS NULL AND counted_at IS NULL`, u.now, string(r.ID)); err != nil {
			return err
		}
		if err := u.release(ctx, r.ID); err != nil {
			return err
		}
		void, err := u.void(ctx, r.ID, r.Digest())
		if err != nil {
			return err
		}
		u.record(Entry{Event: "request.reopened", Request: r.ID, Detail: map[string]any{"digest": r.Digest(), "route": p.Route, "votes void": void}})
		if _, err := u.exec(ctx, `UPDATE card SET failed_at = NULL, error = '' WHERE request_id = $1 AND posted_at IS NULL`, string(r.ID)); err != nil {
			return err
		}
		if err := errors.Join(u.meet(ctx, r), u.postAll(ctx, r.ID, p.Channels), u.follow(ctx, r.ID, p)); err != nil {
			return err
		}
		return u.redraw(ctx, r.ID)
	})
	if err != nil {
		return false, fmt.Errorf("reopen %s: %w", r.ID, err)
	}
	return reopened, nil
}

// Reroute gives a pending request to another route, because the configuration
// has changed, and shows it in that route's channels as well.
func (s *Store) Reroute(ctx context.Context, id approval.ID, p Placement) (bool, error) {
	moved := false
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE request SET route = $1, version = version + 1, updated_at = $2 WHERE id = $3 AND state = 'pending' AND route <> $1`,
			p.Route, u.now, string(id))
		if moved = n == 1; err != nil || !moved {
			return err
		}
		u.record(Entry{Event: "request.rerouted", Request: id, Detail: map[string]any{"route": p.Route, "channels": p.Channels}})
		if err := errors.Join(u.postAll(ctx, id, p.Channels), u.follow(ctx, id, p)); err != nil {
			return err
		}
		return u.redraw(ctx, id)
	})
	if err != nil {
		return false, fmt.Errorf("reroute %s: %w", id, err)
	}
	return moved, nil
}

// Repost forgets the message of a card of a pending request, because it was
// deleted in Slack, and has it posted anew. It reports false when the request is
// no longer pending, or the card has another message by now.
func (s *Store) Repost(ctx context.Context, id approval.ID, channel, ts string) (bool, error) {
	reposted := false
	err := s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `UPDATE card SET ts = NULL, slack_channel = '', posted_at = NULL, post_started_at = NULL, shown_version = 0, failed_at = NULL, error = ''
			WHERE request_id = $1 AND channel = $2 AND ts = $3 AND EXISTS (SELECT 1 FROM request r WHERE r.id = request_id AND r.settled_at IS NULL)`,
			string(id), channel, ts)
		if reposted = n == 1; err != nil || !reposted {
			return err
		}
		u.record(Entry{Event: "card.reposted", Request: id, Detail: map[string]any{"channel": channel}})
		u.enqueue(PostJob{Channel: channel})
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("post %s anew in %s: %w", id, channel, err)
	}
	return reposted, nil
}

// postAll makes cards in the channels and has every card that is not in Slack posted.
func (u *unit) postAll(ctx context.Context, id approval.ID, channels []string) error {
	if _, err := u.place(ctx, id, channels); err != nil {
		return err
	}
	for _, channel := range channels {
		u.enqueue(PostJob{Channel: channel})
	}
	return nil
}

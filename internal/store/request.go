package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Placement says where a request is shown and by which route.
type Placement struct {
	Route    string
	Channels []string
	// Follow has the requester told what becomes of it, once they are found.
	Follow bool
}

// Known is what a poll compares its list with.
type Known struct {
	ID              approval.ID
	State           approval.State
	Digest, Changed string
	Route           string
	Seen            time.Time
	// Told are the reminders that have gone out.
	Told []approval.Told
}

// Record is everything remembered about one request.
type Record struct {
	Request approval.Request
	State   approval.State
	Outcome *approval.Outcome // once settled
	Route   string
	// Version counts what a card should show.
	Version       int64
	Seen, Settled time.Time
	// Decision is the live one, else the latest that failed since the last that was
	// counted, else nil.
	Decision *Decision
	// Counted are the earlier ones that Keyfactor counted while it waited for more.
	Counted []Decision
	// Votes are those that stand, in the order they were cast: about what the request
	// asks now, not withdrawn, and not part of a live or counted decision.
	Votes []approval.Vote
	// Claim says who looks at it; nil when nobody said so, or it has lapsed.
	Claim *Claim
	Cards []Card
}

// Known lists the requests of a kind that are not settled, the most urgent first.
func (s *Store) Known(ctx context.Context, kind approval.Kind) ([]Known, error) {
	var known []Known
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		told, err := toldOf(ctx, tx, kind)
		if err != nil {
			return err
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var k Known
			if err := rows.Scan(&k.ID, &k.State, &k.Digest, &k.Changed, &k.Route, instant{&k.Seen}); err != nil {
				return err
			}
			k.Told = told[k.ID]
			known = append(known, k)
			return nil
		}, `SELECT id, state, digest, changed, route, seen_at FROM request WHERE kind = $1 AND settled_at IS NULL ORDER BY urgent_at, seen_at, id`, string(kind))
	})
	if err != nil {
		return nil, fmt.Errorf("list the known requests of kind %s: %w", kind, err)
	}
	return known, nil
}

// Request returns one request. It returns ErrNotFound if it was never seen.
func (s *Store) Request(ctx context.Context, id approval.ID) (Record, error) {
	var r Record
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		r, err = load(ctx, tx, id)
		return err
	})
	if err != nil {
		return Record{}, fmt.Errorf("read %s: %w", id, err)
	}
	return r, nil
}

// Matter returns the requests that ask for the same thing, or that handed it
// over, oldest first.
func (s *Store) Matter(ctx context.Context, matter string) ([]Record, error) {
	if matter == "" {
		return nil, nil
	}
	var all []Record
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		all, err = loadAll(ctx, tx, `SELECT id FROM request WHERE matter = $1 OR outcome_matter = $1 ORDER BY seen_at, id`, matter)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the requests of matter %q: %w", matter, err)
	}
	return all, nil
}

// Pending returns a page of the requests that are not settled, the most urgent
// first, and how many there are in all.
func (s *Store) Pending(ctx context.Context, limit, offset int) ([]Record, int, error) {
	var all []Record
	var total int
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM request WHERE settled_at IS NULL`).Scan(&total)
		if err != nil {
			return err
		}
		all, err = loadAll(ctx, tx, `SELECT id FROM request WHERE settled_at IS NULL ORDER BY urgent_at, seen_at, id LIMIT $1 OFFSET $2`, limit, offset)
		slices.SortStableFunc(all, func(a, b Record) int { // the records come in the order they were seen
			return approval.CompareUrgency(approval.Waiting{Request: a.Request, Seen: a.Seen}, approval.Waiting{Request: b.Request, Seen: b.Seen})
		})
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the open requests: %w", err)
	}
	return all, total, nil
}

// Appear remembers a request that was not known, with its cards and the jobs that
// post them. It reports false, and changes nothing, when it is known already.
func (s *Store) Appear(ctx context.Context, r approval.Request, p Placement) (bool, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("write down %s: %w", r.ID, err)
	}
	fresh := false
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		n, err := u.exec(ctx, `INSERT INTO request (id, kind, matter, body, digest, changed, state, route, version, seen_at, updated_at, urgent_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, 1, $8, $8, $9) ON CONFLICT (id) DO NOTHING`,
			string(r.ID), string(r.ID.Kind()), clean(r.Matter), string(body), r.Digest(), clean(r.Changed), p.Route, u.now, cut(r.Urgent(u.now)))
		if fresh = n == 1; err != nil || !fresh {
			return err
		}
		u.record(Entry{Event: "request.seen", Request: r.ID, Detail: map[string]any{
			"digest": r.Digest(), "title": r.Title, "reference": r.Reference, "route": p.Route, "channels": p.Channels,
		}})
		if err := u.meet(ctx, r); err != nil {
			return err
		}
		if _, err := u.place(ctx, r.ID, p.Channels); err != nil {
			return err
		}
		return u.follow(ctx, r.ID, p)
	})
	if err != nil {
		return false, fmt.Errorf("remember %s: %w", r.ID, err)
	}
	return fresh, nil
}

// Revise takes up what a pending request says now. Cards are drawn again only if
// the question, its status or the number of missing approvals changed. Votes
// about another question no longer stand, even if it is asked again later. It reports whether anything was written; a request that is not pending is left alone.
func (s *Store) Revise(ctx context.Context, r approval.Request) (bool, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("write down %s: %w", r.ID, err)
	}
	changed := false
	err = s.do(ctx, func(ctx context.Context, u *unit) error {
		changed = false
		// Locks the row, so that what is compared stays true.
		var oldBody, oldDigest string
		var seen time.Time
		err := u.tx.QueryRowContext(ctx, `UPDATE request SET version = version WHERE id = $1 AND state = 'pending' RETURNING body, digest, seen_at`,
			string(r.ID)).Scan(&oldBody, &oldDigest, instant{&seen})
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil || oldBody == string(body) {
			return err
		}
		var old approval.Request
		if err := json.Unmarshal([]byte(oldBody), &old); err != nil {
			return fmt.Errorf("read what was known: %w", err)
		}
		digest := r.Digest()
		visible := digest != oldDigest || old.Status != r.Status || old.Missing != r.Missing || old.Old != r.Old || !slices.Equal(old.Facts, r.Facts)
		step := 0
		if visible {
			step = 1
		}
		if _, err := u.exec(ctx, `UPDATE request SET matter = $1, body = $2, digest = $3, changed = $4, version = version + $5, updated_at = $6, urgent_at = $7 WHERE id = $8`,
			clean(r.Matter), string(body), digest, clean(r.Changed), step, u.now, cut(r.Urgent(seen)), string(r.ID)); err != nil {
			return err
		}
		changed = true
		if err := u.meet(ctx, r); err != nil {
			return err
		}
		if digest != oldDigest {
			void, err := u.void(ctx, r.ID, digest)
			if err != nil {
				return err
			}
			u.record(Entry{Event: "request.changed", Request: r.ID, Detail: map[string]any{"from": oldDigest, "to": digest, "votes void": void}})
		}
		if visible {
			return u.redraw(ctx, r.ID)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("revise %s: %w", r.ID, err)
	}
	return changed, nil
}

// Settle closes a pending request with what became of it. It reports false when
// the request is not pending: somebody's decision is under way, or it is settled.
func (s *Store) Settle(ctx context.Context, id approval.ID, o approval.Outcome, replies ...Reply) (bool, error) {
	settled := false
	err := s.do(ctx, func(ctx context.Context, u *unit) (err error) {
		settled, err = u.settle(ctx, id, approval.Pending, o, replies)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("settle %s: %w", id, err)
	}
	return settled, nil
}

// settle moves a request from one open state to its end.
func (u *unit) settle(ctx context.Context, id approval.ID, from approval.State, o approval.Outcome, replies []Reply) (bool, error) {
	if !o.State.Final() {
		return false, fmt.Errorf("%q is not a final state", o.State)
	}
	if o.At.IsZero() {
		o.At = u.now
	}
	text, err := json.Marshal(o)
	if err != nil {
		return false, err
	}
	n, err := u.exec(ctx, `UPDATE request SET state = $1, outcome = $2, outcome_matter = $3, version = version + 1, updated_at = $4, settled_at = $4 WHERE id = $5 AND state = $6`,
		string(o.State), string(text), clean(o.Matter), u.now, string(id), string(from))
	if err != nil || n == 0 {
		return false, err
	}
	u.record(Entry{Event: "request.settled", Request: id, Detail: map[string]any{
		"state": o.State, "reason": o.Reason, "by": o.By, "message": o.Message,
	}})
	if err := u.learn(ctx, id, o); err != nil {
		return false, err
	}
	if err := u.addReplies(ctx, id, replies); err != nil {
		return false, err
	}
	return true, u.redraw(ctx, id)
}

// redraw inserts a job for every card that is in Slack.
func (u *unit) redraw(ctx context.Context, id approval.ID) error {
	return each(ctx, u.tx, func(rows *sql.Rows) error {
		j := RefreshJob{Request: id}
		if err := rows.Scan(&j.Channel); err != nil {
			return err
		}
		u.enqueue(j)
		return nil
	}, `SELECT channel FROM card WHERE request_id = $1 AND posted_at IS NOT NULL AND failed_at IS NULL`, string(id))
}

const recordColumns = `body, state, outcome, route, version, seen_at, settled_at, claimed_by, claimed_at, claim_until`

func scanRecord(r row) (rec Record, err error) {
	var body string
	var outcome, claimed sql.NullString
	var c Claim
	if err := r.Scan(&body, &rec.State, &outcome, &rec.Route, &rec.Version, instant{&rec.Seen}, instant{&rec.Settled}, &claimed, instant{&c.Since}, instant{&c.Until}); err != nil {
		return Record{}, err
	}
	if err := json.Unmarshal([]byte(body), &rec.Request); err != nil {
		return Record{}, fmt.Errorf("read the body: %w", err)
	}
	if outcome.Valid {
		rec.Outcome = new(approval.Outcome)
		if err := json.Unmarshal([]byte(outcome.String), rec.Outcome); err != nil {
			return Record{}, fmt.Errorf("read the outcome: %w", err)
		}
	}
	if claimed.Valid {
		if err := json.Unmarshal([]byte(claimed.String), &c.By); err != nil {
			return Record{}, fmt.Errorf("read who claimed it: %w", err)
		}
		rec.Claim = &c
	}
	return rec, nil
}

func load(ctx context.Context, tx *sql.Tx, id approval.ID) (Record, error) {
	all, err := loadAll(ctx, tx, `$1`, string(id))
	if err != nil {
		return Record{}, err
	}
	if len(all) == 0 {
		return Record{}, ErrNotFound
	}
	return all[0], nil
}

// loadAll reads the requests whose IDs chosen yields, the oldest first. However
// many they are it asks four questions.
func loadAll(ctx context.Context, tx *sql.Tx, chosen string, args ...any) ([]Record, error) {
	var all []Record
	at := map[approval.ID]int{}
	err := each(ctx, tx, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Request.ID, err)
		}
		at[r.Request.ID] = len(all)
		all = append(all, r)
		return nil
	}, `SELECT `+recordColumns+` FROM request WHERE id IN (`+chosen+`) ORDER BY seen_at, id`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		d, err := scanDecision(rows)
		if i, ok := at[d.Request]; ok && err == nil {
			all[i].takeUp(d)
		}
		return err
	}, `SELECT `+decisionColumns+` FROM decision WHERE request_id IN (`+chosen+`)
		ORDER BY finished_at IS NULL AND failed_at IS NULL, COALESCE(finished_at, failed_at), decided_at, id`, args...)
	if err != nil {
		return nil, err
	}
	err = eachVote(ctx, tx, func(v approval.Vote) {
		if i, ok := at[v.Request]; ok {
			all[i].Votes = append(all[i].Votes, v)
		}
	}, chosen, args...)
	if err != nil {
		return nil, err
	}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		c, err := scanCard(rows)
		if i, ok := at[c.Request]; ok && err == nil {
			all[i].Cards = append(all[i].Cards, c)
		}
		return err
	}, `SELECT `+cardColumns+` FROM card c WHERE request_id IN (`+chosen+`) ORDER BY channel`, args...)
	return all, err
}

// takeUp is told every decision, in the order they ended, the open one last. When
// people pressed is no order: of two votes at once the later may come to lead.
func (r *Record) takeUp(d Decision) {
	failed := r.Decision != nil && !r.Decision.Failed.IsZero()
	switch {
	case !d.Counted.IsZero():
		r.Counted = append(r.Counted, d)
		if failed {
			r.Decision = nil
		}
	case r.Decision == nil || failed:
		r.Decision = &d
	}
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
)

// Limits on what is remembered and asked for about one request.
const (
	maxSameKey = 20  // other requests with one key
	askAtOnce  = 200 // domains in one question
	learnLimit = 200 // requests in one transaction
)

// Memory returns what was seen here in other requests, as far as it bears on this one.
func (s *Store) Memory(ctx context.Context, r approval.Request) (hint.Memory, error) {
	var m hint.Memory
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		m, err = memory(ctx, tx, r)
		return err
	})
	if err != nil {
		return hint.Memory{}, fmt.Errorf("recall what bears on %s: %w", r.ID, err)
	}
	return m, nil
}

// Recall returns a request and what bears on it, as of one moment and with one wait
// for the database: a click has three seconds. It returns ErrNotFound if the
// request was never seen.
func (s *Store) Recall(ctx context.Context, id approval.ID) (Record, hint.Memory, error) {
	var r Record
	var m hint.Memory
	err := s.view(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if r, err = load(ctx, tx, id); err != nil {
			return err
		}
		m, err = memory(ctx, tx, r.Request)
		return err
	})
	if err != nil {
		return Record{}, hint.Memory{}, fmt.Errorf("recall %s: %w", id, err)
	}
	return r, m, nil
}

func memory(ctx context.Context, tx *sql.Tx, r approval.Request) (hint.Memory, error) {
	m := hint.Memory{Read: true, Domains: map[string]hint.Acquaintance{}, Similar: map[string][]string{}}
	requester := requesterKey(r)
	var err error
	if m.Requester, err = exists(ctx, tx, `SELECT 1 FROM approved_domain WHERE requester = $1 AND request_id <> $2 AND requester <> '' LIMIT 1`, requester, string(r.ID)); err != nil {
		return m, err
	}
	for domains := range slices.Chunk(hint.Domains(r), askAtOnce) {
		if err := domainsOf(ctx, tx, r.ID, requester, domains, &m); err != nil {
			return m, err
		}
	}
	if r.CSR == nil || r.CSR.KeyID == "" {
		return m, nil
	}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var use hint.KeyUse
		var approved sql.NullTime
		if err := rows.Scan(&use.Request, &use.Name, &use.Matter, &approved); err != nil {
			return err
		}
		use.Approved = approved.Valid
		m.SameKey = append(m.SameKey, use)
		return nil
	}, `SELECT request_id, name, matter, approved_at FROM seen_key WHERE key_id = $1 AND request_id <> $2
		ORDER BY approved_at IS NULL, seen_at, request_id LIMIT $3`, r.CSR.KeyID, string(r.ID), maxSameKey)
	return m, err
}

// domainsOf asks which of the domains were approved, and which approved ones read like them.
func domainsOf(ctx context.Context, tx *sql.Tx, id approval.ID, requester string, domains []string, m *hint.Memory) error {
	skeletons := make([]string, len(domains))
	for i, d := range domains {
		skeletons[i] = hint.Skeleton(d)
	}
	args := []any{string(id)}
	list := func(values []string) string {
		places := make([]string, len(values))
		for i, v := range values {
			args = append(args, clean(v))
			places[i] = "$" + strconv.Itoa(len(args))
		}
		return strings.Join(places, ", ")
	}
	query := `SELECT domain, requester, skeleton FROM approved_domain WHERE request_id <> $1 AND (domain IN (` + list(domains) + `) OR skeleton IN (` + list(skeletons) + `)) ORDER BY domain, requester`
	return each(ctx, tx, func(rows *sql.Rows) error {
		var domain, who, skeleton string
		if err := rows.Scan(&domain, &who, &skeleton); err != nil {
			return err
		}
		if slices.Contains(domains, domain) {
			seen := m.Domains[domain]
			m.Domains[domain] = hint.Acquaintance{Requester: seen.Requester || who == requester && who != ""}
		}
		for i, d := range domains {
			if d != domain && skeletons[i] == skeleton && !slices.Contains(m.Similar[d], domain) {
				m.Similar[d] = append(m.Similar[d], domain)
			}
		}
		return nil
	}, query, args...)
}

func requesterKey(r approval.Request) string {
	return clean(strings.ToLower(strings.TrimSpace(r.Requester)))
}

// meet remembers the key of a request that was read.
func (u *unit) meet(ctx context.Context, r approval.Request) error {
	if r.CSR == nil || r.CSR.KeyID == "" {
		return nil
	}
	_, err := u.exec(ctx, `INSERT INTO seen_key (key_id, request_id, name, matter, seen_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		r.CSR.KeyID, string(r.ID), clean(approval.Clip(hint.Name(r), 200)), clean(r.Matter), u.now)
	return err
}

// learn remembers whose names a settled request got, and that its key is in use.
func (u *unit) learn(ctx context.Context, id approval.ID, o approval.Outcome) error {
	if o.Matter != "" {
		if _, err := u.exec(ctx, `UPDATE seen_key SET matter = $1 WHERE request_id = $2`, clean(o.Matter), string(id)); err != nil {
			return err
		}
	}
	if o.State != approval.Approved {
		return nil
	}
	var body string
	if err := u.tx.QueryRowContext(ctx, `SELECT body FROM request WHERE id = $1`, string(id)).Scan(&body); err != nil {
		return err
	}
	var r approval.Request
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		return fmt.Errorf("read what was approved: %w", err)
	}
	return u.approved(ctx, r)
}

func (u *unit) approved(ctx context.Context, r approval.Request) error {
	if r.Revocation {
		return nil
	}
	if _, err := u.exec(ctx, `UPDATE seen_key SET approved_at = $1 WHERE request_id = $2`, u.now, string(r.ID)); err != nil {
		return err
	}
	for _, domain := range hint.Domains(r) {
		if _, err := u.exec(ctx, `INSERT INTO approved_domain (domain, requester, skeleton, request_id, approved_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			clean(domain), requesterKey(r), clean(hint.Skeleton(domain)), string(r.ID), u.now); err != nil {
			return err
		}
	}
	return nil
}

// beginMemory fills the memory from what an earlier release has kept, once.
func (s *Store) beginMemory(ctx context.Context) error {
	const mark = "memory_begun"
	if _, begun, err := s.Setting(ctx, mark); err != nil || begun {
		return err
	}
	for after := ""; ; {
		n := 0
		err := s.do(ctx, func(ctx context.Context, u *unit) error {
			var bodies []string
			n = 0
			err := each(ctx, u.tx, func(rows *sql.Rows) error {
				var id, body string
				err := rows.Scan(&id, &body)
				bodies, after, n = append(bodies, body), id, n+1
				return err
			}, `SELECT id, body FROM request WHERE state = 'approved' AND id > $1 ORDER BY id LIMIT $2`, after, learnLimit)
			if err != nil {
				return err
			}
			for _, body := range bodies {
				var r approval.Request
				if json.Unmarshal([]byte(body), &r) != nil {
					continue // it cannot be shown either, and must not keep us from starting
				}
				if err := u.approved(ctx, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("learn from what was approved before: %w", err)
		}
		if n < learnLimit {
			return s.PutSetting(ctx, mark, s.now().Format("2006-01-02"))
		}
	}
}

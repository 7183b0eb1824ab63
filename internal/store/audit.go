package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Entry is one line of the audit log. The log is append-only, which triggers
// enforce, and a chain, which a reader can check: Hash covers every field and
// the Hash of the entry before.
type Entry struct {
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	Event   string          `json:"event"`
	Request approval.ID     `json:"request,omitempty"`
	By      approval.Person `json:"by,omitzero"`
	Detail  map[string]any  `json:"detail,omitempty"`
	Prev    string          `json:"prev"`
	Hash    string          `json:"hash"`
}

// Filter chooses entries; zero fields choose all.
type Filter struct {
	Request approval.ID
	Event   string
	User    string    // Slack user id or e-mail
	From    time.Time // inclusive
	To      time.Time // exclusive
	After   int64     // sequence number, exclusive
	Limit   int
	Newest  bool // newest first

	before int64 // sequence number, exclusive; where the next page of Newest begins
}

// Audit appends one entry; Seq, At (if zero), Prev and Hash are filled in.
func (s *Store) Audit(ctx context.Context, e Entry) error {
	err := s.do(ctx, func(_ context.Context, u *unit) error {
		u.record(e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %s to the audit log: %w", e.Event, err)
	}
	return nil
}

// link computes an entry's hash over its canonical text: a JSON array of all
// fields as they are stored.
func (e Entry) link(detail string) string {
	text, _ := json.Marshal([]string{ // strings always marshal
		strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), e.Event, string(e.Request),
		e.By.Team, e.By.ID, e.By.Name, e.By.Email, string(e.By.Membership), detail, e.Prev,
	})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// auditRows is how many entries are written by one statement.
const (
	auditRows    = 16
	auditColumns = 12
)

// placeholders writes ", ($1, $2)" for values after so many others.
func placeholders(after, n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(", $" + strconv.Itoa(after+i+1))
	}
	return ", (" + text.String()[2:] + ")"
}

// appendAudit is the last thing that a transaction does: from here to its commit
// it holds the one row that all who write to the log wait for.
func (s *Store) appendAudit(ctx context.Context, u *unit) error {
	if len(u.entries) == 0 {
		return nil
	}
	var head Entry
	if err := u.tx.QueryRowContext(ctx, `UPDATE audit_head SET seq = seq + $1 WHERE one = 1 RETURNING seq - $1, hash`, len(u.entries)).
		Scan(&head.Seq, &head.Hash); err != nil {
		return fmt.Errorf("lock the audit log: %w", err)
	}
	for entries := range slices.Chunk(u.entries, auditRows) {
		text, args := strings.Builder{}, make([]any, 0, len(entries)*auditColumns)
		for _, e := range entries {
			if e.At.IsZero() {
				e.At = u.now
			}
			if e.Detail == nil {
				e.Detail = map[string]any{}
			}
			written, err := canonical(e.Detail)
			if err != nil {
				return fmt.Errorf("write audit detail: %w", err)
			}
			detail := clean(string(written))
			e.Seq, e.At, e.Prev = head.Seq+1, cut(e.At), head.Hash
			e.Event, e.Request = clean(e.Event), approval.ID(clean(string(e.Request)))
			e.By.Team, e.By.ID, e.By.Name, e.By.Email = clean(e.By.Team), clean(e.By.ID), clean(e.By.Name), clean(e.By.Email)
			e.Hash = e.link(detail)
			text.WriteString(placeholders(len(args), auditColumns))
			args = append(args, e.Seq, e.At, e.Event, string(e.Request), e.By.Team, e.By.ID, e.By.Name, e.By.Email, string(e.By.Membership), detail, e.Prev, e.Hash)
			head = e
		}
		if _, err := u.exec(ctx, `INSERT INTO audit (seq, at, event, request_id, team, user_id, name, email, membership, detail, prev, hash)
			VALUES `+strings.TrimPrefix(text.String(), ", "), args...); err != nil {
			return fmt.Errorf("write to the audit log: %w", err)
		}
	}
	if _, err := u.exec(ctx, `UPDATE audit_head SET hash = $1 WHERE one = 1`, head.Hash); err != nil {
		return fmt.Errorf("close the audit log: %w", err)
	}
	return nil
}

// auditPage is how many entries are read at once: the log may be long, and
// nobody must hold the connection while a caller thinks.
const auditPage = 500

// Entries yields the chosen entries in order. An error ends the walk.
func (s *Store) Entries(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		left := f.Limit
		for {
			n := auditPage
			if f.Limit > 0 {
				n = min(n, left)
			}
			page, err := s.entries(ctx, f, n)
			if err != nil {
				yield(Entry{}, fmt.Errorf("read the audit log: %w", err))
				return
			}
			for _, e := range page {
				if !yield(e.Entry, nil) {
					return
				}
			}
			left -= len(page)
			if len(page) < n || f.Limit > 0 && left == 0 {
				return
			}
			f = f.behind(page[len(page)-1].Seq)
		}
	}
}

func (f Filter) behind(seq int64) Filter {
	if f.Newest {
		f.before = seq
	} else {
		f.After = seq
	}
	return f
}

type stored struct {
	Entry
	detail string
}

func (s *Store) entries(ctx context.Context, f Filter, n int) (page []stored, err error) {
	where, args := []string{"seq > $1"}, []any{f.After}
	and := func(condition string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.before > 0 {
		and("seq < ?", f.before)
	}
	if f.Request != "" {
		and("request_id = ?", string(f.Request))
	}
	if f.Event != "" {
		and("event = ?", f.Event)
	}
	if f.User != "" {
		and("(user_id = ? OR LOWER(email) = LOWER(?))", f.User)
	}
	if !f.From.IsZero() {
		and("at >= ?", cut(f.From))
	}
	if !f.To.IsZero() {
		and("at < ?", cut(f.To))
	}
	order := "ASC"
	if f.Newest {
		order = "DESC"
	}
	args = append(args, n)
	query := `SELECT seq, at, event, request_id, team, user_id, name, email, membership, detail, prev, hash FROM audit
		WHERE ` + strings.Join(where, " AND ") + ` ORDER BY seq ` + order + ` LIMIT $` + strconv.Itoa(len(args))
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return each(ctx, tx, func(rows *sql.Rows) error {
			var e stored
			if err := rows.Scan(&e.Seq, instant{&e.At}, &e.Event, &e.Request, &e.By.Team, &e.By.ID, &e.By.Name, &e.By.Email, &e.By.Membership,
				&e.detail, &e.Prev, &e.Hash); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(e.detail), &e.Detail); err != nil {
				return fmt.Errorf("entry %d: read its detail: %w", e.Seq, err)
			}
			page = append(page, e)
			return nil
		}, query, args...)
	})
	return page, err
}

// ErrBroken means that the audit log is not as it was written.
var ErrBroken = errors.New("the audit log has been tampered with")

// VerifyAudit walks the whole chain. It returns how many entries are proven and
// the hash of the last of them; an error that is ErrBroken says where it breaks.
// A head that was noted down elsewhere proves, when it is found again, that
// nothing before it was replaced.
func (s *Store) VerifyAudit(ctx context.Context) (n int64, head string, err error) {
	// The end first: entries that are added meanwhile lie behind it.
	var end Entry
	err = s.view(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE one = 1`).Scan(&end.Seq, &end.Hash)
	})
	if err != nil {
		return 0, "", fmt.Errorf("%w: where it ends is not recorded: %w", ErrBroken, err)
	}
	for {
		page, err := s.entries(ctx, Filter{After: n}, auditPage)
		if err != nil {
			return n, head, fmt.Errorf("read the audit log: %w", err)
		}
		for _, e := range page {
			switch {
			case e.Seq != n+1:
				return n, head, fmt.Errorf("%w: entry %d is missing", ErrBroken, n+1)
			case e.Prev != head:
				return n, head, fmt.Errorf("%w: entry %d does not follow entry %d", ErrBroken, e.Seq, n)
			case e.Hash != e.link(e.detail):
				return n, head, fmt.Errorf("%w: entry %d was changed", ErrBroken, e.Seq)
			case e.Seq == end.Seq && e.Hash != end.Hash:
				return n, head, fmt.Errorf("%w: entry %d is not the one that was written last", ErrBroken, e.Seq)
			}
			n, head = e.Seq, e.Hash
		}
		if len(page) < auditPage {
			break
		}
	}
	if n < end.Seq {
		return n, head, fmt.Errorf("%w: entries %d to %d are missing at the end", ErrBroken, n+1, end.Seq)
	}
	return n, head, nil
}

// canonical writes a detail with all its names in order, also those inside values
// that came as JSON, so that whoever reads and writes it again gets the same text.
func canonical(detail map[string]any) ([]byte, error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var sorted map[string]any
	if err := decoder.Decode(&sorted); err != nil {
		return nil, err
	}
	return json.Marshal(sorted)
}

package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

// written is what releases of some version of the tables wrote. $1 is a moment of
// long ago. A migration that makes a table adds a row for it here.
var written = []struct {
	since int64
	sql   string
}{
	{1, `INSERT INTO request (id, kind, matter, body, digest, changed, state, route, version, seen_at, updated_at)
		VALUES ('workflow:pending', 'workflow', 'm', '{"id":"workflow:pending","matter":"m","reference":"1","title":"Enroll","requester":"EXAMPLE\\alice","subject":"CN=a.example.com","facts":[{"label":"Subject","value":"CN=a.example.com"}],"verdicts":["approve","deny"],"changed":"1"}', 'd1', '1', 'pending', 'r', 1, $1, $1)`},
	{1, `INSERT INTO request (id, kind, matter, body, digest, changed, state, route, version, seen_at, updated_at)
		VALUES ('workflow:deciding', 'workflow', '', '{"id":"workflow:deciding","title":"Enroll","facts":null,"verdicts":["approve"]}', 'd2', '', 'deciding', 'r', 2, $1, $1)`},
	{1, `INSERT INTO request (id, kind, matter, body, digest, changed, state, outcome, route, version, seen_at, updated_at, settled_at)
		VALUES ('certificate:7', 'certificate', 'm', '{"id":"certificate:7","matter":"m","title":"Issue","facts":[],"verdicts":["approve","deny"]}', 'd3', '', 'approved', '{"state":"approved","reason":"signalled","by":"Bob","at":"2025-01-02T03:04:05Z"}', 'r', 3, $1, $1, $1)`},
	{1, `INSERT INTO request (id, kind, matter, body, digest, changed, state, outcome, outcome_matter, route, version, seen_at, updated_at, settled_at)
		VALUES ('workflow:moved', 'workflow', '', '{"id":"workflow:moved","title":"Enroll","facts":[],"verdicts":[]}', 'd4', '', 'closed', '{"state":"closed","reason":"moved_on","matter":"m"}', 'm', 'r', 3, $1, $1, $1)`},
	{1, `INSERT INTO card (request_id, channel, slack_channel, ts, post_started_at, posted_at, shown_version) VALUES ('workflow:pending', '#pki', 'C1', '1.000001', $1, $1, 1)`},
	{1, `INSERT INTO card (request_id, channel) VALUES ('workflow:deciding', '#pki')`},
	{1, `INSERT INTO card (request_id, channel, slack_channel, ts, post_started_at, posted_at, shown_version) VALUES ('certificate:7', '#pki', 'C1', '1.000002', $1, $1, 3)`},
	{1, `INSERT INTO reply (request_id, channel, key, place, body, created_at, posted_at, ts) VALUES ('certificate:7', '#pki', 'settled', 1, '{"text":"Approved"}', $1, $1, '1.000003')`},
	{1, `INSERT INTO decision (id, request_id, verdict, user_id, person, comment, digest, channel, decided_at, signal_started_at)
		VALUES ('open', 'workflow:deciding', 'approve', 'U1', '{"team":"T1","id":"U1","name":"Alice"}', 'why not', 'd2', '#pki', $1, $1)`},
	{1, `INSERT INTO decision (id, request_id, verdict, user_id, person, comment, digest, channel, decided_at, signal_started_at, sent_at, finished_at)
		VALUES ('done', 'certificate:7', 'approve', 'U2', '{"team":"T1","id":"U2","name":"Bob"}', '', 'd3', '#pki', $1, $1, $1, $1)`},
	{1, `INSERT INTO setting (key, value, updated_at) VALUES ('seal_key', 'abcd', $1)`},
	{1, `INSERT INTO setting (key, value, updated_at) VALUES ('once:unrouted:certificate:7', '', $1)`},
	{3, `INSERT INTO vote (request_id, user_id, verdict, person, groups, comment, digest, channel, voted_at) VALUES ('workflow:pending', 'U2', 'approve', '{"team":"T1","id":"U2","name":"Bob"}', '["@pki"]', 'fine', 'd1', '#pki', $1)`},
	{3, `INSERT INTO subscription (id, channel, filter, created_by, created_at) VALUES ('s', '#web', '{"template":"Web*"}', '{"id":"U1","name":"Alice"}', $1)`},
	{5, `INSERT INTO approved_domain (domain, requester, skeleton, request_id, approved_at) VALUES ('example.com', 'example\alice', 'example.com', 'certificate:7', $1)`},
	{5, `INSERT INTO seen_key (key_id, request_id, name, matter, seen_at, approved_at) VALUES ('k', 'certificate:7', 'Issue', 'm', $1, $1)`},
	{6, `UPDATE request SET claimed_by = '{"id":"U1","name":"Alice"}', claimed_at = $1, claim_until = $1 WHERE id = 'workflow:pending'`},
	{7, `INSERT INTO reminder (request_id, step, told_at) VALUES ('workflow:pending', 'after 4h', $1)`},
	{7, `INSERT INTO follower (request_id, told) VALUES ('workflow:pending', 'pending')`},
	{7, `INSERT INTO absence (id, user_id, person, delegate_id, delegate, from_at, until_at) VALUES ('a', 'U1', '{"id":"U1","name":"Alice"}', '', '{}', $1, $1)`},
}

// Whatever an earlier release wrote is there after an upgrade, means the same, and can be gone on with.
func TestEveryEarlierVersionsDataIsKept(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
		for version := int64(1); ; version++ {
			url := fmt.Sprintf("%s.%d", db.url, version)
			if db.several {
				url = pgtest.URL(t)
			}
			old, err := store.OpenUnmigrated(t.Context(), url)
			require.NoError(t, err)
			provider, err := old.Provider()
			require.NoError(t, err)
			_, err = provider.UpTo(t.Context(), version)
			require.NoError(t, err)
			for _, w := range written {
				if w.since <= version {
					var args []any
					if strings.Contains(w.sql, "$1") {
						args = []any{at}
					}
					_, err := old.DB().ExecContext(t.Context(), w.sql, args...)
					require.NoError(t, err, "version %d: %s", version, w.sql)
				}
			}
			writeAudit(t, old, at, "request.seen", "decision.made", "signal.sent")
			before := rows(t, old, db.several)
			for table, n := range before {
				require.Positive(t, n, "version %d: add a row of table %s to what was written, in upgrade_test.go", version, table)
			}
			require.NoError(t, old.Close())

			s := database{url: url, several: db.several}.open(t)
			after := rows(t, s, db.several)
			for table, n := range before {
				if table != "setting" { // where some marks have found a better place
					require.GreaterOrEqual(t, after[table], n, "version %d: rows of %s are lost", version, table)
				}
			}
			requireKept(t, s, version, at)

			sources := provider.ListSources()
			if version == sources[len(sources)-1].Version {
				return
			}
		}
	})
}

func requireKept(t *testing.T, s *store.Store, version int64, at time.Time) {
	t.Helper()
	ctx := t.Context()
	n, _, err := s.VerifyAudit(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	pending := mustRequest(t, s, "workflow:pending")
	require.Equal(t, approval.Pending, pending.State)
	require.Equal(t, "CN=a.example.com", pending.Request.Subject)
	require.Equal(t, at, pending.Seen)
	require.Equal(t, "1.000001", pending.Cards[0].TS)
	if version >= 3 {
		require.Len(t, pending.Votes, 1)
	}
	deciding := mustRequest(t, s, "workflow:deciding")
	require.Equal(t, "why not", deciding.Decision.Comment)
	approved := mustRequest(t, s, "certificate:7")
	require.Equal(t, approval.Approved, approved.State)
	require.Equal(t, "Bob", approved.Outcome.By)
	require.Equal(t, "Bob", approved.Decision.By.Name)
	key, found, err := s.Setting(ctx, "seal_key")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "abcd", key)

	// And it can be gone on with: a mark that was set before the upgrade is found, nothing is doubled.
	_, first, err := s.StartSignal(ctx, "open")
	require.NoError(t, err)
	require.False(t, first)
	require.NoError(t, s.Finish(ctx, "open", approval.Outcome{State: approval.Approved}))
	settled, err := s.Settle(ctx, "workflow:pending", approval.Outcome{State: approval.Denied})
	require.NoError(t, err)
	require.True(t, settled)
	swept, err := s.Sweep(ctx)
	require.NoError(t, err)
	require.Positive(t, swept.Posts+swept.Refreshes)
	_, _, err = s.VerifyAudit(ctx)
	require.NoError(t, err)
}

// tables lists ours.
func tables(t *testing.T, s *store.Store, postgres bool) (names []string) {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`
	if postgres {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	found, err := s.DB().QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer found.Close()
	for found.Next() {
		var name string
		require.NoError(t, found.Scan(&name))
		if len(name) < 6 || name[:6] != "river_" && name != "approvebot_migration" {
			names = append(names, name)
		}
	}
	require.NoError(t, found.Err())
	return names
}

// rows counts what is in each of them.
func rows(t *testing.T, s *store.Store, postgres bool) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, name := range tables(t, s, postgres) {
		var n int
		require.NoError(t, s.DB().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+name).Scan(&n))
		all[name] = n
	}
	return all
}

// writeAudit writes a chain of entries as every release so far did.
func writeAudit(t *testing.T, s *store.Store, at time.Time, events ...string) {
	t.Helper()
	prev := ""
	for i, event := range events {
		seq := i + 1
		text, err := json.Marshal([]string{strconv.Itoa(seq), at.Format(time.RFC3339Nano), event, "certificate:7", "T1", "U2", "Bob", "bob@example.com", "member", `{"verdict":"approve"}`, prev})
		require.NoError(t, err)
		sum := sha256.Sum256(text)
		hash := hex.EncodeToString(sum[:])
		_, err = s.DB().ExecContext(t.Context(), `INSERT INTO audit (seq, at, event, request_id, team, user_id, name, email, membership, detail, prev, hash)
			VALUES ($1, $2, $3, 'certificate:7', 'T1', 'U2', 'Bob', 'bob@example.com', 'member', '{"verdict":"approve"}', $4, $5)`, seq, at, event, prev, hash)
		require.NoError(t, err)
		_, err = s.DB().ExecContext(t.Context(), `UPDATE audit_head SET seq = $1, hash = $2 WHERE one = 1`, seq, hash)
		require.NoError(t, err)
		prev = hash
	}
}

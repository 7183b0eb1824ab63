package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // to tamper

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

var (
	personAda = approval.Person{Team: "T1", ID: "U0ADA", Name: "Ada", Email: "ada@example.com", Membership: approval.Member}
	personBen = approval.Person{Team: "T1", ID: "U0BEN", Name: "Ben\x1b[31m", Membership: approval.Guest}
)

// audited is a store with a running owner and five entries in its log, an hour apart.
func audited(t *testing.T) (url string, entries []store.Entry) {
	t.Helper()
	url = "sqlite://" + filepath.Join(t.TempDir(), "approvebot.db")
	now := time.Date(2026, 3, 1, 8, 0, 0, 123456000, time.UTC)
	s, err := store.Open(t.Context(), url, store.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, e := range []store.Entry{
		{Event: "request.seen", Request: "certificate:23", Detail: map[string]any{"title": "EXAMPLE\\alice asks <&>", "route": "web", "channels": []string{"#pki-approvals", "#b"}, "digest": "d"}},
		{Event: "click.refused", Request: "certificate:23", By: personBen, Detail: map[string]any{"reason": "not_an_approver", "verdict": "approve"}},
		{Event: "decision.made", Request: "certificate:23", By: personAda, Detail: map[string]any{"verdict": "approve", "comment": "fine\x1b[2J\n\u202egnp", "voters": []string{"U0ADA"}, "account": ""}},
		{Event: "some.new.event", Detail: map[string]any{"b": 7, "a": map[string]any{"y": 1, "x": "z"}}},
		{Event: "request.settled", Request: "certificate:23", Detail: map[string]any{"state": "approved", "reason": "decided_here", "by": "", "message": ""}},
	} {
		require.NoError(t, s.Audit(t.Context(), e))
		now = now.Add(time.Hour)
	}
	for e, err := range s.Entries(t.Context(), store.Filter{}) {
		require.NoError(t, err)
		entries = append(entries, e)
	}
	return url, entries
}

func TestAuditList(t *testing.T) {
	url, _ := audited(t)
	list := func(args ...string) string {
		t.Helper()
		got := approvebot(t, nil, append([]string{"audit", "list", "--store", url}, args...)...)
		require.Equal(t, exitFine, got.code, got.err)
		return got.out
	}
	require.Equal(t, `TIME                 EVENT            PERSON           REQUEST         DETAIL
2026-03-01 08:00:00  request.seen     -                certificate:23  EXAMPLE\alice asks <&>; route web in #pki-approvals, #b
2026-03-01 09:00:00  click.refused    Ben[31m (U0BEN)  certificate:23  not an approver; wanted to approve
2026-03-01 10:00:00  decision.made    Ada (U0ADA)      certificate:23  approve: fine[2J gnp; voters U0ADA
2026-03-01 11:00:00  some.new.event   -                -               a {"x":"z","y":1}, b 7
2026-03-01 12:00:00  request.settled  -                certificate:23  approved, decided here
`, list())

	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"of a person by e-mail": {[]string{"--person", "ADA@example.com"}, []string{"decision.made"}},
		"of a person by id":     {[]string{"--person", "U0BEN"}, []string{"click.refused"}},
		"of a request":          {[]string{"--request", "certificate:23", "--limit", "2"}, []string{"decision.made", "request.settled"}},
		"of an event":           {[]string{"--event", "request.seen"}, []string{"request.seen"}},
		"the newest":            {[]string{"--limit", "1"}, []string{"request.settled"}},
		"between two times":     {[]string{"--since", "2026-03-01 09:00", "--until", "2026-03-01T12:00:00+01:00"}, []string{"click.refused", "decision.made"}},
		"of one day":            {[]string{"--since", "2026-03-01", "--until", "2026-03-02", "--limit", "0"}, []string{"request.seen", "click.refused", "decision.made", "some.new.event", "request.settled"}},
		"of the future":         {[]string{"--since", "9999-01-01"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var entries []store.Entry
			require.NoError(t, json.Unmarshal([]byte(list(append(row.args, "--output", "json")...)), &entries))
			var events []string
			for _, e := range entries {
				events = append(events, e.Event)
			}
			require.Equal(t, row.want, events)
		})
	}
	require.Equal(t, "no entries\n", list("--event", "nothing"))
}

func TestAuditPointsInTime(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"36h": "2026-03-09T00:00:00Z", "7d": "2026-03-03T12:00:00Z", "2026-03-01T08:30:00+02:00": "2026-03-01T06:30:00Z", "2026-03-01 08:30:01": "2026-03-01T08:30:01Z",
	} {
		got, err := pointInTime("--since", text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got.Format(time.RFC3339), text)
	}
	for _, args := range [][]string{{"--since", "yesterday"}, {"--until", "-3h"}, {"--person", "@ada"}, {"--limit", "-1"}, {"--output", "xml"}} {
		got := approvebot(t, nil, append([]string{"audit", "list", "--store", "sqlite:unused.db"}, args...)...)
		require.Equal(t, exitWrong, got.code, "%s: %s", args, got.err)
	}
	require.Equal(t, exitWrong, approvebot(t, nil, "audit").code)
}

func exported(t *testing.T, url string) string {
	t.Helper()
	got := approvebot(t, nil, "audit", "export", "--store", url)
	require.Equal(t, exitFine, got.code, got.err)
	return got.out
}

func TestAuditVerifyProves(t *testing.T) {
	url, entries := audited(t)
	text := exported(t, url)
	require.Len(t, strings.Split(strings.TrimSpace(text), "\n"), 5)
	var third store.Entry
	require.NoError(t, json.Unmarshal([]byte(strings.Split(text, "\n")[2]), &third))
	require.Equal(t, entries[2], third, "every field is there, prev and hash included")
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	for name, from := range map[string][]string{"database": {"--store", url}, "file": {"--file", file}} {
		t.Run(name, func(t *testing.T) {
			verify := func(args ...string) result {
				return approvebot(t, nil, append(append([]string{"audit", "verify"}, from...), args...)...)
			}
			got := verify()
			require.Equal(t, exitFine, got.code, got.err)
			require.Equal(t, "5 entries proven\nhash of the last of them: "+entries[4].Hash+"\n", got.out)
			got = verify("--head", strings.ToUpper(entries[1].Hash))
			require.Equal(t, exitFine, got.code, got.err)
			require.Contains(t, got.out, "the hash of --head is that of entry 2\n")

			got = verify("--head", strings.Repeat("0", 64), "--output", "json")
			require.Equal(t, exitFailed, got.code)
			var r proof
			require.NoError(t, json.Unmarshal([]byte(got.out), &r))
			require.False(t, r.OK)
			require.EqualValues(t, 5, r.Entries)
			require.Equal(t, entries[4].Hash, r.Head)
			require.Contains(t, r.Broken, "cut off before that entry or replaced")
		})
	}
	got := approvebot(t, nil, "audit", "verify", "--file", file, "--store", url)
	require.Equal(t, exitWrong, got.code)
	got = approvebot(t, nil, "audit", "verify", "--file", file+".missing")
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "read the exported audit log")
	got = approvebot(t, nil, "audit", "verify", "--store", "sqlite:///nonexistent/a.db")
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "open the store of --store")
}

// The end of the log cut off together with the record of where it ends: only a hash noted elsewhere tells.
func TestAuditTruncationShowsAgainstAnAnchor(t *testing.T) {
	url, entries := audited(t)
	text := exported(t, url)
	lines := strings.SplitAfter(text, "\n")
	short := filepath.Join(t.TempDir(), "short.jsonl")
	require.NoError(t, os.WriteFile(short, []byte(strings.Join(lines[:3], "")), 0o600))
	require.Equal(t, exitFine, approvebot(t, nil, "audit", "verify", "--file", short).code, "the rest is a whole chain")
	got := approvebot(t, nil, "audit", "verify", "--file", short, "--head", entries[3].Hash)
	require.Equal(t, exitFailed, got.code)
	require.True(t, strings.HasPrefix(got.out, "BROKEN: "), got.out)
}

func TestAuditVerifySaysWhereItIsBroken(t *testing.T) {
	url, _ := audited(t)
	lines := strings.Split(strings.TrimSpace(exported(t, url)), "\n")
	for name, row := range map[string]struct {
		change func(l []string) []string
		says   string
		proven int64
	}{
		"a changed word":        {func(l []string) []string { l[2] = strings.Replace(l[2], "fine", "poor", 1); return l }, "entry 3 was changed (line 3)", 2},
		"a changed nested word": {func(l []string) []string { l[3] = strings.Replace(l[3], `"z"`, `"q"`, 1); return l }, "entry 4 was changed (line 4)", 3},
		"a changed person":      {func(l []string) []string { l[1] = strings.Replace(l[1], "U0BEN", "U0ADA", 1); return l }, "entry 2 was changed (line 2)", 1},
		"a changed time":        {func(l []string) []string { l[1] = strings.Replace(l[1], "09:00", "07:00", 1); return l }, "entry 2 was changed (line 2)", 1},
		"a removed line":        {func(l []string) []string { return append(l[:1], l[2:]...) }, "entry 2 is missing; line 2 holds entry 3", 1},
		"a removed start":       {func(l []string) []string { return l[1:] }, "entry 1 is missing", 0},
		"exchanged lines":       {func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }, "entry 2 is missing", 1},
		"a line twice":          {func(l []string) []string { return append(l[:2], l[1:]...) }, "entry 3 is missing; line 3 holds entry 2", 2},
		"a line that is none":   {func(l []string) []string { l[4] = "{"; return l }, "line 5 is not an exported entry", 4},
		"a second member": {func(l []string) []string {
			l[1] = strings.Replace(l[1], `{"seq"`, `{"event":"decision.made","seq"`, 1)
			return l
		}, "line 2 is not an exported entry", 1},
		"a foreign member": {func(l []string) []string { l[1] = strings.Replace(l[1], `{"seq"`, `{"note":"ok","seq"`, 1); return l }, "line 2 is not an exported entry", 1},
		"a forged successor": {func(l []string) []string {
			return append(l, strings.Replace(l[4], `"seq":5`, `"seq":6`, 1))
		}, "entry 6 does not follow entry 5 (line 6)", 5},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "audit.jsonl")
			require.NoError(t, os.WriteFile(file, []byte(strings.Join(row.change(append([]string{}, lines...)), "\n")), 0o600))
			got := approvebot(t, nil, "audit", "verify", "--file", file)
			require.Equal(t, exitFailed, got.code)
			require.Contains(t, got.out, row.says)
			require.Contains(t, got.out, fmt.Sprintf("%s proven\n", count(int(row.proven), "entry", "entries")))
		})
	}
}

func TestAuditVerifyFindsTamperingInTheDatabase(t *testing.T) {
	url, entries := audited(t)
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, q := range []string{`DROP TRIGGER audit_no_update`, `UPDATE audit SET user_id = 'U9' WHERE seq = 4`} {
		_, err := db.ExecContext(t.Context(), q)
		require.NoError(t, err)
	}
	got := approvebot(t, nil, "audit", "verify", "--store", url)
	require.Equal(t, exitFailed, got.code)
	require.Equal(t, "BROKEN: the audit log has been tampered with: entry 4 was changed\n3 entries proven\nhash of the last of them: "+entries[2].Hash+"\n", got.out)
	require.Empty(t, got.err)
}

// Every command finds the store in the configuration as well.
func TestAuditReadsTheConfiguredStore(t *testing.T) {
	url, _ := audited(t)
	file := mustWrite(t, minimal+"store: {url: '"+url+"'}\n")
	got := approvebot(t, variables, "audit", "verify", "--config", file)
	require.Equal(t, exitFine, got.code, got.err)
	require.Contains(t, got.out, "5 entries proven")
}

package main

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// surroundings are a workspace, a Keyfactor and a configuration in which all is well.
type surroundings struct {
	slack     slacksim.Config
	seed      keyfactorsim.Seed
	yaml      string
	env       map[string]string
	workspace *slacksim.Workspace
	command   *keyfactorsim.Server
	dir       string
	args      []string
	date      time.Duration // by how much Keyfactor's clock is wrong
	slackDate time.Duration // and Slack's
}

const liveConfig = `admins: {users: ["@carol"]}
routes:
  - name: everything
    channels: ["#pki-approvals", "#pki-private"]
    approvers: {users: ["@ada", ben@example.com, U0CAROL], groups: ["@pki-approvers"]}
`

func newSurroundings(t *testing.T) *surroundings {
	t.Helper()
	s := &surroundings{slack: slacksim.DefaultConfig(), seed: keyfactorsim.BuiltinSeed(), yaml: liveConfig, dir: t.TempDir(), env: map[string]string{}}
	m, err := newManifest("socket", "", true, false)
	require.NoError(t, err)
	s.slack.Scopes = m.OAuth.Scopes.Bot
	s.seed.Roles = slices.Clone(s.seed.Roles) // the built-in seed is everybody's
	for i := range s.seed.Roles {
		if s.seed.Roles[i].Name == "PKI Approvers" {
			s.seed.Roles[i].Permissions = nil // a role of steps, so that tests can take permissions away
		}
	}
	s.seed.Accounts = append(slices.Clone(s.seed.Accounts), keyfactorsim.Account{Username: `EXAMPLE\svc-2`, Password: "hunter3", Roles: []string{"Service Accounts", "PKI Approvers"}})
	return s
}

// start brings it to life after a test has broken something before.
func (s *surroundings) start(t *testing.T) {
	t.Helper()
	var err error
	s.workspace, err = slacksim.New(s.slack)
	require.NoError(t, err)
	t.Cleanup(s.workspace.Close)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(s.slackDate).UTC().Format(http.TimeFormat))
		s.workspace.ServeHTTP(w, r)
	}))
	t.Cleanup(slack.CloseClientConnections)
	s.command, err = keyfactorsim.New(keyfactorsim.Config{Seed: s.seed})
	require.NoError(t, err)
	t.Cleanup(s.command.Close)
	command := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(s.date).UTC().Format(http.TimeFormat))
		s.command.ServeHTTP(w, r)
	}))
	t.Cleanup(command.Close)
	for name, value := range map[string]string{
		"STATE_DIRECTORY": s.dir, "APPROVEBOT_CONFIG": filepath.Join(s.dir, "approvebot.yaml"),
		"SLACK_API_URL": slack.URL + "/api", "SLACK_BOT_TOKEN": s.workspace.BotToken(), "SLACK_APP_TOKEN": s.workspace.AppToken(),
		"KEYFACTOR_URL": s.command.URLs(command.URL).API, "KEYFACTOR_USERNAME": `EXAMPLE\svc-approvebot`, "KEYFACTOR_PASSWORD": password(t),
	} {
		if _, ok := s.env[name]; !ok {
			s.env[name] = value
		}
	}
	require.NoError(t, os.WriteFile(s.env["APPROVEBOT_CONFIG"], []byte(s.yaml), 0o600))
}

// check runs approvebot check --live and returns what it found.
func (s *surroundings) check(t *testing.T) (code int, found []app.Finding) {
	t.Helper()
	got := approvebot(t, s.env, append([]string{"check", "--live", "--output", "json"}, s.args...)...)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(got.out), &report), "%s%s", got.out, got.err)
	require.Equal(t, got.code == exitFine, report.OK)
	for _, secret := range []string{s.env["SLACK_BOT_TOKEN"], s.env["SLACK_APP_TOKEN"], s.env["KEYFACTOR_PASSWORD"], "hunter3"} {
		if secret != "" && secret != "nobody" { // that one is also a name
			require.NotContains(t, got.out+got.err, secret)
		}
	}
	return got.code, report.Live
}

// not returns the findings that are not fine.
func not(found []app.Finding) (bad []app.Finding) {
	for _, f := range found {
		if f.Level != app.Fine {
			bad = append(bad, f)
		}
	}
	return bad
}

func TestCheckLiveWhereAllIsWell(t *testing.T) {
	s := newSurroundings(t)
	s.yaml += "keyfactor: {accounts: [{name: second, auth: {type: basic, username: 'EXAMPLE\\svc-2', password: hunter3}}]}\n"
	s.start(t)
	code, found := s.check(t)
	require.Empty(t, not(found))
	require.Equal(t, exitFine, code)
	var checks []string
	for _, f := range found {
		checks = append(checks, f.Check)
	}
	require.Equal(t, []string{
		"database", "slack.token", "slack.scopes", "route everything", "admins", "slack.socket",
		"keyfactor", "keyfactor definitions", "keyfactor workflow", "keyfactor certificate",
		"keyfactor account second", "keyfactor account second definitions", "keyfactor account second workflow",
	}, checks)
	require.Empty(t, s.workspace.Connections(), "the link was closed again")
	files, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "no database was made, and no probe left behind")
	require.Empty(t, s.command.Signals())

	text := approvebot(t, s.env, "check", "--live")
	require.Equal(t, exitFine, text.code, text.err)
	require.Contains(t, text.out, "no mistakes, 0 warnings\nok       database: ")
	require.True(t, strings.HasSuffix(text.out, "\nlive: 13 fine, 0 warnings, 0 errors\n"), text.out)
}

// Every row breaks one thing. The check finds exactly that, and names the cure.
func TestCheckLiveFindsWhatIsBroken(t *testing.T) {
	slackFault := func(f slacksim.Faults) func(*testing.T, *surroundings) {
		return func(t *testing.T, s *surroundings) { require.NoError(t, s.workspace.SetFaults(f)) }
	}
	keyfactorFault := func(f keyfactorsim.Fault) func(*testing.T, *surroundings) {
		return func(t *testing.T, s *surroundings) { require.NoError(t, s.command.SetFaults(f)) }
	}
	may := func(permissions ...string) func(*testing.T, *surroundings) {
		return func(t *testing.T, s *surroundings) {
			require.NoError(t, s.command.SetPermissions(`EXAMPLE\svc-approvebot`, []string{"PKI Approvers"}, permissions))
		}
	}
	roles := func(names ...string) func(*testing.T, *surroundings) {
		return func(_ *testing.T, s *surroundings) {
			for _, name := range names {
				s.args = append(s.args, "--role", name)
			}
		}
	}
	replace := func(old, with string) func(*testing.T, *surroundings) {
		return func(t *testing.T, s *surroundings) {
			require.Contains(t, s.yaml, old)
			s.yaml = strings.Replace(s.yaml, old, with, 1)
		}
	}
	read, alerts, manage, definitions := "/workflows/instances/read/", "/monitoring/alerts/read/", "/certificates/requests/manage/", "/workflows/definitions/read/"
	type row struct {
		before, after func(t *testing.T, s *surroundings)
		check         string
		level         app.Level
		says          []string
	}
	rows := map[string]row{
		"bot token wrong":      {before: func(_ *testing.T, s *surroundings) { s.env["SLACK_BOT_TOKEN"] = "xoxb-wrong" }, check: "slack.token", says: []string{"check slack.bot_token"}},
		"bot token revoked":    {after: slackFault(slacksim.Faults{Token: "revoked"}), check: "slack.token", says: []string{"reinstall the app"}},
		"bot token expired":    {after: slackFault(slacksim.Faults{Token: "expired"}), check: "slack.token", says: []string{"token rotation"}},
		"Slack is away":        {after: slackFault(slacksim.Faults{Rules: []slacksim.Fault{{Method: "auth.test", Kind: slacksim.CutBefore}}}), check: "slack.token", says: []string{"firewall and proxy"}},
		"scope missing":        {before: func(_ *testing.T, s *surroundings) { s.slack.Scopes = without(s.slack.Scopes, "channels:history") }, check: "slack.scopes", says: []string{"lacks channels:history", "reinstall"}},
		"scope in excess":      {before: func(_ *testing.T, s *surroundings) { s.slack.Scopes = append(s.slack.Scopes, "team:read") }, check: "slack.scopes", level: app.Warning, says: []string{"remove team:read"}},
		"app token wrong":      {before: func(_ *testing.T, s *surroundings) { s.env["SLACK_APP_TOKEN"] = "xapp-wrong" }, check: "slack.socket", says: []string{"check slack.app_token"}},
		"app token revoked":    {after: slackFault(slacksim.Faults{AppToken: "revoked"}), check: "slack.socket", says: []string{"renew slack.app_token"}},
		"app token too weak":   {after: slackFault(slacksim.Faults{AppScopes: []string{"authorizations:read"}}), check: "slack.socket", says: []string{"needs the scope connections:write", "make a new one"}},
		"app token too strong": {after: slackFault(slacksim.Faults{AppScopes: []string{"connections:write", "app_configurations:write"}}), check: "slack.app_token", level: app.Warning, says: []string{"without app_configurations:write"}},
		"tokens of two apps":   {after: slackFault(slacksim.Faults{AppTokenApp: "A0OTHER"}), check: "slack.socket", says: []string{"belongs to the app A0OTHER and the bot token to A0APPROVEBOT", "from the same app's settings"}},
		"our clock wrong":      {before: func(_ *testing.T, s *surroundings) { s.slackDate = 4 * time.Minute }, check: "slack.clock", level: app.Warning, says: []string{"set ours by NTP"}},
		"somebody else's link": {after: openLink, check: "slack.socket", says: []string{"1 links of this app beside this check's", "revoke the token"}},
		"channel unknown":      {before: replace("#pki-private", "#pki-typo"), check: "route everything", says: []string{"#pki-typo was not found", "invite the bot if the channel is private"}},
		"channel archived":     {before: replace("#pki-private", "C0ARCHIVEDROOM"), check: "route everything", says: []string{"C0ARCHIVEDROOM is archived; unarchive it or change the route"}},
		"channel without bot":  {before: replace("#pki-private", "#not-invited"), check: "route everything", says: []string{"not in channel #not-invited; invite it with /invite"}},
		"handle unknown":       {before: replace("@ada", "@adda"), check: "route everything", says: []string{"approver @adda was not found", "user ID"}},
		"e-mail unknown":       {before: replace("ben@", "bent@"), check: "route everything", says: []string{"approver bent@example.com was not found"}},
		"id unknown":           {before: replace("U0CAROL", "U0NOBODY"), check: "route everything", says: []string{"approver U0NOBODY was not found"}},
		"approver is a guest":  {before: replace("@ada", "@gina"), check: "route everything", says: []string{"@gina is a guest", "full member"}},
		"approver has left":    {before: replace("U0CAROL", "U0XENA"), check: "route everything", says: []string{"U0XENA is deactivated; name somebody else"}},
		"approver is an alien": {before: replace("U0CAROL", "U0OTTO"), check: "route everything", says: []string{"U0OTTO belongs to another organisation"}},
		"approver is a bot":    {before: replace("U0CAROL", "U0APPROVEBOT"), check: "route everything", says: []string{"U0APPROVEBOT is a bot"}},
		"group unknown":        {before: replace("@pki-approvers", "@pki-aprovers"), check: "route everything", says: []string{"@pki-aprovers was not found among Slack's user groups"}},
		"group empty":          {after: func(t *testing.T, s *surroundings) { require.NoError(t, s.workspace.SetGroup("pki-approvers")) }, check: "route everything", says: []string{"group without members"}},
		"group of guests":      {after: func(t *testing.T, s *surroundings) { require.NoError(t, s.workspace.SetGroup("pki-approvers", "gina")) }, check: "route everything", says: []string{"nobody is a full member"}},
		"requester unknown": {before: func(_ *testing.T, s *surroundings) {
			s.yaml += "people: {map: {'EXAMPLE\\adm-ada': '@adda', 'EXAMPLE\\ben': '@ben'}}\n"
		}, check: "people.map", level: app.Warning, says: []string{`@adda, who is said to be EXAMPLE\adm-ada, was not found in Slack; correct it`}},
		"reminder's channel unknown": {before: replace("U0CAROL", "U0CAROL], groups: [\"@pki-approvers\"]}\n    reminders: [{after: 4h, channel: \"#pki-eskalation\"}]\n#"), check: "route everything", says: []string{"#pki-eskalation was not found"}},
		"admin unknown":              {before: replace("@carol", "@karol"), check: "admins", says: []string{"admin @karol was not found"}},
		"password wrong":             {before: func(_ *testing.T, s *surroundings) { s.env["KEYFACTOR_PASSWORD"] = "wrong-one" }, check: "keyfactor", says: []string{"does not accept our credentials", "user name (DOMAIN\\user) and password"}},
		"no role": {before: func(t *testing.T, s *surroundings) {
			s.env["KEYFACTOR_USERNAME"], s.env["KEYFACTOR_PASSWORD"] = `EXAMPLE\nobody`, "nobody"
		}, check: "keyfactor", says: []string{"attach it to a security role"}},
		"path wrong":            {after: func(_ *testing.T, s *surroundings) { s.env["KEYFACTOR_URL"] += "X" }, check: "keyfactor", says: []string{"check keyfactor.url", "/KeyfactorAPI"}},
		"Keyfactor unreachable": {before: func(_ *testing.T, s *surroundings) { s.env["KEYFACTOR_URL"] = "http://127.0.0.1:1/KeyfactorAPI" }, check: "keyfactor", says: []string{"DNS, firewall and proxy"}},
		"a proxy's login page":  {after: keyfactorFault(keyfactorsim.Fault{Kind: keyfactorsim.HTMLAnswer}), check: "keyfactor", says: []string{"a web page instead of JSON"}},
		"clock wrong":           {before: func(_ *testing.T, s *surroundings) { s.date = -210 * time.Second }, check: "keyfactor clock", level: app.Warning, says: []string{"differs from ours by 3m", "NTP"}},
		"may not list":          {after: may(alerts, manage, definitions), check: "keyfactor workflow", says: []string{"may not list workflow instances", "give its role /workflows/instances/read/pending/"}},
		"nothing waits":         {before: func(_ *testing.T, s *surroundings) { s.seed.Requests = nil }, check: "keyfactor workflow", level: app.Warning, says: []string{"a role that the approval step names"}},
		"no definitions":        {after: may(read, alerts, manage), check: "keyfactor definitions", level: app.Warning, says: []string{"/workflows/definitions/read/"}},
		"role nowhere":          {before: roles("Requesters"), check: "keyfactor definitions", says: []string{"no approval step names the role Requesters", "add the role to the signal of the steps", "PKI Approvers (8)"}},
		"role misspelt":         {before: roles("PKI Aprovers"), check: "keyfactor definitions", says: []string{"Keyfactor has no security role PKI Aprovers", "check the spelling"}},
		"roles unreadable":      {before: roles("PKI Approvers"), after: may(read, alerts, manage, definitions), check: "keyfactor definitions", level: app.Warning, says: []string{"give --role the number"}},
		"no step to approve": {before: func(_ *testing.T, s *surroundings) {
			s.seed.Definitions, s.seed.Requests, s.seed.Arrivals = s.seed.Definitions[8:9], nil, nil // only one in which nobody need look
		}, check: "keyfactor definitions", level: app.Warning, says: []string{"add a Require Approval step"}},
		"no CA queue":        {after: may(read, definitions), check: "keyfactor certificate", says: []string{"give its role /monitoring/alerts/read/", "poll.sources"}},
		"CA queue read only": {after: may(read, definitions, alerts), check: "keyfactor certificate", says: []string{"give the login's role /certificates/requests/manage/"}},
		"list fails":         {after: keyfactorFault(keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: "Certificates/Pending", Status: 500}), check: "keyfactor certificate", says: []string{"try again"}},
		"second login wrong": {before: func(_ *testing.T, s *surroundings) {
			s.yaml += "keyfactor: {accounts: [{name: second, auth: {type: basic, username: 'EXAMPLE\\svc-2', password: wrong-too}}]}\n"
		}, check: "keyfactor account second", says: []string{"user name"}},
		"no folder":                   {before: func(_ *testing.T, s *surroundings) { s.env["APPROVEBOT_STORE_URL"] = "sqlite:///nonexistent/deep/a.db" }, check: "database", says: []string{"/nonexistent/deep/a.db does not exist and cannot be made", "give it to the service's user"}},
		"no database at all":          {before: func(_ *testing.T, s *surroundings) { mustGarble(t, filepath.Join(s.dir, "approvebot.db")) }, check: "database", says: []string{"cannot be read", "restore a backup"}},
		"database of a later release": {before: func(t *testing.T, s *surroundings) { mustAge(t, filepath.Join(s.dir, "approvebot.db")) }, check: "database", says: []string{"run that release, or restore a backup"}},
		"database away": {before: func(_ *testing.T, s *surroundings) {
			s.env["APPROVEBOT_STORE_URL"] = "postgres://approvebot:hunter3@127.0.0.1:1/a?connect_timeout=1"
		}, check: "database", says: []string{"check store.url"}},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			s := newSurroundings(t)
			if r.before != nil {
				r.before(t, s)
			}
			s.start(t)
			if r.after != nil {
				r.after(t, s)
			}
			code, found := s.check(t)
			bad := not(found)
			require.Len(t, bad, 1, "%+v", bad)
			if r.level == "" {
				r.level = app.Wrong
			}
			require.Equal(t, r.check, bad[0].Check)
			require.Equal(t, r.level, bad[0].Level, bad[0].Message)
			for _, text := range r.says {
				require.Contains(t, bad[0].Message, text)
			}
			require.Equal(t, r.level == app.Wrong, code == exitFailed)
		})
	}
}

func without(all []string, one string) (rest []string) {
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

func mustGarble(t *testing.T, file string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("this is no database ", 500)), 0o600))
}

// mustAge leaves a database of a release to come.
func mustAge(t *testing.T, file string) {
	t.Helper()
	owner, err := store.Open(t.Context(), "sqlite://"+file, store.Options{})
	require.NoError(t, err)
	require.NoError(t, owner.Close())
	db, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `INSERT INTO approvebot_migration (version_id, is_applied) VALUES (99999, true)`)
	require.NoError(t, err)
}

// openLink is somebody else with our app-level token.
func openLink(t *testing.T, s *surroundings) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.env["SLACK_API_URL"]+"/apps.connections.open", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.env["SLACK_APP_TOKEN"])
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct{ URL string }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	conn, handshake, err := websocket.DefaultDialer.DialContext(t.Context(), answer.URL, nil)
	require.NoError(t, err)
	require.NoError(t, handshake.Body.Close())
	_, _, err = conn.ReadMessage() // hello: Slack counts it from now on
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
}

// Beside a running service its database is left alone, and its link is not somebody else's.
func TestCheckLiveBesideARunningService(t *testing.T) {
	s := newSurroundings(t)
	s.start(t)
	owner, err := store.Open(t.Context(), "sqlite://"+filepath.Join(s.dir, "approvebot.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, owner.Close()) })
	openLink(t, s)
	code, found := s.check(t)
	require.Empty(t, not(found))
	require.Equal(t, exitFine, code)
	require.Contains(t, found[0].Message, "in use by a running service")
}

func TestCheckLiveProvesADatabaseThatIsFree(t *testing.T) {
	s := newSurroundings(t)
	s.start(t)
	owner, err := store.Open(t.Context(), "sqlite://"+filepath.Join(s.dir, "approvebot.db"), store.Options{})
	require.NoError(t, err)
	require.NoError(t, owner.Close())
	_, found := s.check(t)
	require.Empty(t, not(found))
	require.Contains(t, found[0].Message, "migrated and can be written")
}

// The role of the bot is looked for in the approval steps, by name or by number.
func TestCheckLiveFindsTheRoleInSteps(t *testing.T) {
	s := newSurroundings(t)
	s.seed.Requests = nil // an empty list is no riddle then
	s.start(t)
	for role, says := range map[string]string{"Security Office": "2 of 10 approval steps name the role Security Office; requests at these never reach the bot: Code signing enrolment/PKI team approval, ", "3": "8 of 10 approval steps name the role 3; "} {
		s.args = []string{"--role", role}
		code, found := s.check(t)
		require.Empty(t, not(found))
		require.Equal(t, exitFine, code)
		require.Contains(t, found[7].Message, says)
		require.Contains(t, found[8].Message, "none waits for this login at the moment")
	}
	s.args = []string{"--role", "3", "--role", "security office"}
	_, found := s.check(t)
	require.Equal(t, "all 10 approval steps name the role 3, security office", found[7].Message)
}

// On PostgreSQL the tables are looked at and not touched, and every link of
// Slack's must be that of a replica.
func TestCheckLiveOnPostgreSQL(t *testing.T) {
	s := newSurroundings(t)
	address := pgtest.URL(t)
	s.env["APPROVEBOT_STORE_URL"] = address
	s.start(t)
	database := func(says string) {
		t.Helper()
		_, found := s.check(t)
		require.Empty(t, not(found))
		require.Contains(t, found[0].Message, says)
	}
	link := func(level app.Level, says string) {
		t.Helper()
		_, found := s.check(t)
		bad := not(found)
		require.Len(t, bad, 1)
		require.Equal(t, "slack.socket", bad[0].Check)
		require.Equal(t, level, bad[0].Level)
		require.Contains(t, bad[0].Message, says)
	}
	database("has no tables yet")

	admin, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer admin.Close()
	_, err = admin.ExecContext(t.Context(), `CREATE ROLE check_guest LOGIN`)
	require.NoError(t, err)
	s.env["APPROVEBOT_STORE_URL"] = strings.Replace(address, "approvebot@", "check_guest@", 1)
	code, found := s.check(t)
	require.Equal(t, exitFailed, code)
	require.Contains(t, not(found)[0].Message, "cannot be written: the user check_guest may not create tables in its schema; store.url must name")
	s.env["APPROVEBOT_STORE_URL"] = address

	replica, err := store.Open(t.Context(), address, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, replica.Close()) })
	link(app.Warning, "counts 0 links and one service runs with this database")
	openLink(t, s)
	database("migrated and can be written; one service runs with it")
	openLink(t, s)
	link(app.Wrong, "2 links of this app beside this check's, and only 1 can be ours")
}

// With the transport http a clock that is wrong loses every click.
func TestCheckLiveWithAWrongClockOverHTTP(t *testing.T) {
	s := newSurroundings(t)
	s.env["SLACK_APP_TOKEN"], s.env["SLACK_SIGNING_SECRET"] = "", "hunter4"
	s.slackDate = -6 * time.Minute
	s.start(t)
	code, found := s.check(t)
	require.Equal(t, exitFailed, code)
	require.Equal(t, "slack.clock", not(found)[0].Check)
	require.Contains(t, not(found)[0].Message, "set ours by NTP, or every click is refused")
}

// With the transport http it is our own door that is tried, as Slack would and as Slack would not.
func TestCheckLiveKnocksAtOurOwnDoor(t *testing.T) {
	s := newSurroundings(t)
	s.env["SLACK_APP_TOKEN"], s.env["SLACK_SIGNING_SECRET"] = "", "hunter4"
	s.start(t)
	code, found := s.check(t)
	require.Equal(t, exitFine, code)
	require.Equal(t, "slack.http", not(found)[0].Check)
	require.Contains(t, not(found)[0].Message, "give --url")

	status := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized} // by whether it is signed
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/slack/commands", r.URL.Path)
		w.WriteHeader(status[r.Header.Get("X-Slack-Signature") != ""])
	}))
	defer door.Close()
	s.args = []string{"--url", door.URL + "/"}
	code, found = s.check(t)
	require.Equal(t, exitFine, code)
	require.Empty(t, not(found))

	for _, row := range []struct {
		signed, unsigned int
		says             string
	}{
		{401, 401, "another slack.signing_secret"},
		{404, 404, "must pass /slack/ on to http.listen"},
		{200, 200, "that is not approvebot"},
	} {
		status[true], status[false] = row.signed, row.unsigned
		code, found = s.check(t)
		require.Equal(t, exitFailed, code)
		require.Contains(t, not(found)[0].Message, row.says)
	}
	door.Close()
	_, found = s.check(t)
	require.Contains(t, not(found)[0].Message, "start the service")
}

func TestCheckLiveNeedsAConfigurationWithoutMistakes(t *testing.T) {
	got := approvebot(t, variables, "check", "--live", "--config", mustWrite(t, "routes: []\n"))
	require.Equal(t, exitWrong, got.code)
	require.NotContains(t, got.out, "live:")
	require.Equal(t, exitWrong, approvebot(t, variables, "check", "--url", "https://approvebot.example.com").code)
}

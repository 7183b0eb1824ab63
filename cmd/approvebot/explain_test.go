package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

const explained = `people:
  templates: ['EXAMPLE\{localpart}']
routes:
  - name: big keys
    match: {kind: certificate, key_size: ">=3072", fields: {appowner: "team-*"}}
    channels: ["#pki-approvals"]
    approvers: {users: ["@ada"]}
  - name: small keys
    match: {kind: certificate, san: '~web[0-9]+\.example\.com'}
    channels: ["#pki-approvals"]
    approvers: {users: [alice@example.com, gina@example.com, "@otto"], groups: ["@pki-approvers"]}
    quorum: {count: 2, from: ["@pki-approvers"]}
    confirm: type-common-name
    expires_after: 72h
`

// world is a simulated Keyfactor and a simulated Slack in which Alice, who asks
// for certificates, is a person as well.
func world(t *testing.T) (file string, env map[string]string) {
	t.Helper()
	workspace, err := slacksim.New(slacksim.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(workspace.Close)
	slack := httptest.NewServer(workspace)
	t.Cleanup(slack.Close)
	kf, err := keyfactorsim.New(keyfactorsim.Config{Seed: keyfactorsim.BuiltinSeed()})
	require.NoError(t, err)
	t.Cleanup(kf.Close)
	command := httptest.NewServer(kf)
	t.Cleanup(command.Close)
	return mustWrite(t, explained), map[string]string{
		"SLACK_API_URL": slack.URL + "/api", "SLACK_BOT_TOKEN": workspace.BotToken(), "SLACK_APP_TOKEN": workspace.AppToken(),
		"KEYFACTOR_URL": kf.URLs(command.URL).API, "KEYFACTOR_USERNAME": `EXAMPLE\svc-approvebot`, "KEYFACTOR_PASSWORD": password(t),
	}
}

func TestExplainAPendingRequest(t *testing.T) {
	file, env := world(t)
	args := []string{"explain", "certificate:23", "--config", file}
	for _, who := range []string{"ada@example.com", "alice@example.com", "gina@example.com", "U0OTTO", "@dan", "nobody@example.com"} {
		args = append(args, "--person", who)
	}
	got := approvebot(t, env, args...)
	require.Equal(t, exitFine, got.code, got.err)
	require.Empty(t, got.err)
	require.Regexp(t, `^Request:      certificate:23
Standing:     waiting in Keyfactor now
Title:        .*
Common name:  web02\.example\.com
Requester:    EXAMPLE\\alice
Route:        small keys
Channels:     #pki-approvals
May decide:   alice@example\.com, gina@example\.com, @otto, @pki-approvers

Routes, in order
  big keys: does not take it
    yes  kind: certificate, wanted certificate
    no   key_size: 2048, wanted >=3072
    yes  fields\.appowner: team-web, wanted team-\*
  small keys: takes it
    yes  kind: certificate, wanted certificate
    yes  san: web02\.example\.com, wanted ~web\[0-9\]\+\\\.example\\\.com

Conditions
  2 people must approve, among them one from @pki-approvers\.
  One denial ends it\.
  Whoever is EXAMPLE\\alice in Slack may not decide\. If nobody can tell who that is: nobody may approve it from Slack\.
  Whoever approves has to type web02\.example\.com\.
  Comment with an approval: optional; with a denial: required\.
  It can be decided from Slack for 72h0m0s after it was first seen there\.

Hints
  Not checked: Keyfactor shows no CSR\. \(csr-differs, ca-bit, weak-signature, key-reused\)
  Not checked: what was seen here before is known to the running service alone\. \(new-domain, unusual-domain\)
  Not checked: Keyfactor does not tell how long it will be valid\. \(long-validity\)

People
  ada@example\.com \(Ada, U\w+\): may approve and deny, as @pki-approvers
  alice@example\.com \(Alice, U\w+\): may not decide: asked for it themselves
  gina@example\.com \(Gina, U\w+\): may not decide: guests may not decide
  U0OTTO \(Otto, U\w+\): may not decide: not a member of our workspace
  @dan \(Dan, U\w+\): may not decide: named neither as a user nor by a group of the route
  nobody@example\.com: nobody@example\.com was not found in Slack
$`, got.out)
}

// What it prints for scripts can be kept and explained again, without Keyfactor.
// Channels that subscribed are told as well, from the store beside the service.
func TestExplainTellsSubscriptions(t *testing.T) {
	file, env := world(t)
	env["APPROVEBOT_STORE_URL"] = "sqlite:" + filepath.Join(t.TempDir(), "approvebot.db")
	got := approvebot(t, env, "explain", "certificate:23", "--config", file)
	require.Equal(t, exitFine, got.code, got.err)
	require.NotContains(t, got.out, "subscription", "there is no store yet")

	s, err := store.Open(t.Context(), env["APPROVEBOT_STORE_URL"], store.Options{})
	require.NoError(t, err)
	carol := approval.Person{ID: "U0CAROL", Name: "Carol"}
	for i, filter := range []string{`{"kind": "certificate", "deciders": "@pki-security,@ada"}`, `{"san": "web02.*"}`, `{"kind": "workflow"}`, `[]`, `{"colour": "red", "deciders": "@ben"}`} {
		require.NoError(t, s.Subscribe(t.Context(), store.Subscription{ID: fmt.Sprint(i), Channel: fmt.Sprintf("C0%d", i), Filter: json.RawMessage(filter), CreatedBy: carol}))
	}
	require.NoError(t, s.Close())
	got = approvebot(t, env, "explain", "certificate:23", "--config", file)
	require.Equal(t, exitFine, got.code, got.err)
	for _, note := range []string{
		"Channel C00 shows it by a subscription by Carol, and of those who may decide it only @pki-security, @ada may do so there.",
		"Channel C01 shows it by a subscription by Carol.",
		"Channel C03 has a subscription by Carol that cannot be read, so nobody may decide there.",
		"Channel C04 has a subscription by Carol that cannot be understood, and of those who may decide it only @ben may do so there.",
	} {
		require.Contains(t, strings.Join(strings.Fields(got.out), " "), note)
	}
	require.NotContains(t, got.out, "C02")
}

func TestExplainAFile(t *testing.T) {
	file, env := world(t)
	live := approvebot(t, env, "explain", "certificate:23", "--config", file, "--output", "json")
	require.Equal(t, exitFine, live.code, live.err)
	kept := filepath.Join(t.TempDir(), "request.json")
	require.NoError(t, os.WriteFile(kept, []byte(live.out), 0o600))

	got := approvebot(t, nil, "explain", kept, "--config", file, "--person", "@ada", "--output", "json")
	require.Equal(t, exitFine, got.code, got.err)
	var first, again explanation
	require.NoError(t, json.Unmarshal([]byte(live.out), &first))
	require.NoError(t, json.Unmarshal([]byte(got.out), &again))
	require.Equal(t, "small keys", again.Route)
	require.Equal(t, first.Request, again.Request)
	require.Equal(t, first.Routes, again.Routes)
	require.Equal(t, []string{"Slack was not asked about anybody: there is no bot token; set slack.bot_token or SLACK_BOT_TOKEN."}, again.Notes)
	require.Empty(t, again.People)
}

func TestExplainRefuses(t *testing.T) {
	file, env := world(t)
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "request.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for name, row := range map[string]struct {
		args []string
		code int
		out  string
		err  string
	}{
		"neither an ID nor a file":   {[]string{"4711"}, exitWrong, "", `"4711" is neither a request's ID`},
		"not JSON":                   {[]string{write("yes")}, exitWrong, "", "does not hold a request: "},
		"a key that does not exist":  {[]string{write(`{"id":"certificate:1","requestor":"x"}`)}, exitWrong, "", `unknown field "requestor"`},
		"no ID":                      {[]string{write(`{"title":"x"}`)}, exitWrong, "", "its id is missing or wrong"},
		"an output nobody knows":     {[]string{"certificate:23", "-o", "xml"}, exitWrong, "", "--output is text or json"},
		"a configuration with holes": {[]string{"certificate:23", "--config", mustWrite(t, "routes: []")}, exitWrong, "", "there is no route"},
		"no route":                   {[]string{write(`{"id":"workflow:1/2","title":"a\u001b[2Jb"}`)}, exitFailed, "Title:     a\uFFFD[2Jb\nRoute:     none; the request is shown to nobody\n", ""},
		"a kind that does not exist": {[]string{"mail:1"}, exitFailed, "", "there are no mail requests in Keyfactor"},
		"gone":                       {[]string{"certificate:99999"}, exitFailed, "", "certificate:99999 does not wait any more: closed (gone)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := approvebot(t, env, append([]string{"explain", "--config", file}, row.args...)...)
			require.Equal(t, row.code, got.code, got.err)
			require.Contains(t, got.out, row.out)
			require.Contains(t, got.err, row.err)
		})
	}
}

// What an approver would be pointed to, and what it takes then.
func TestExplainTellsHints(t *testing.T) {
	file := mustWrite(t, `hints: {domains: [example.com], wildcard: step-up}
routes:
  - {name: all, channels: ["#pki"], approvers: {users: ["@ada"]}, hints: {weak-key: off}}
`)
	request := filepath.Join(t.TempDir(), "request.json")
	require.NoError(t, os.WriteFile(request, []byte(`{"id":"workflow:a/b","title":"t","type":"Enrollment","requester":"alice","common_name":"*.apps.example.com",
		"sans":[{"kind":"dns","value":"*.apps.example.com"},{"kind":"dns","value":"www.examp1e.com"}],"key":{"algorithm":"RSA","bits":1024},"csr":{"trouble":"it is cut"}}`), 0o600))
	got := approvebot(t, nil, "explain", request, "--config", file)
	require.Equal(t, exitFine, got.code, got.err)
	require.Contains(t, got.out, "  Whoever approves has to type *.apps.example.com.\n")
	require.Contains(t, got.out, `
Hints
  Stop: www.examp1e.com reads like example.com, which is another domain. (lookalike)
  Stop: *.apps.example.com stands for any number of hosts. (wildcard)
  Warning: www.examp1e.com is outside the domains that are expected here. (foreign-domain)
  Not checked: the CSR cannot be read (it is cut). (csr-differs, ca-bit, weak-signature, key-reused)
`)
	require.NotContains(t, got.out, "weak-key")

	var told explanation
	got = approvebot(t, nil, "explain", request, "--config", file, "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(got.out), &told))
	require.Equal(t, "lookalike", string(told.Hints[0].Codes[0]))
	require.Equal(t, "step-up", string(told.Hints[0].Level))
}

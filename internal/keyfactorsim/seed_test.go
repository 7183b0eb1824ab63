package keyfactorsim_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

func TestSeedMistakesHaveLines(t *testing.T) {
	for name, test := range map[string]struct{ change, to, says string }{
		"unknown key":         {"    requester: EXAMPLE\\alice\n    age: 1h", "    requestor: EXAMPLE\\alice\n    age: 1h", `unknown field "requestor"`},
		"not a duration":      {"age: 1h", "age: long ago", `line 21: age: "long ago" is not a duration`},
		"unknown role":        {"roles: [Approvers, Managers]", "roles: [Approvers, Boss]", `line 16: definitions[0].steps[0].roles[1]: there is no role named "Boss"`},
		"unknown workflow":    {"definition: Web server enrolment", "definition: Nothing", `line 19: requests[0].definition: there is no definition named "Nothing"`},
		"unknown template":    {"    template: ExampleWebServer\n    csr", "    template: Nope\n    csr", `there is no template named "Nope"`},
		"unknown kind of key": {"key: ec-p256", "key: dsa", `pending[0].csr.key: must be one of`},
		"broken name":         {"subject: 'CN=web02.example.com,O=Example Ltd,C=DE'", "subject: web02", `"web02" is not part of a distinguished name`},
		"no requester":        {"    requester: EXAMPLE\\alice\n    age: 20m", "    age: 20m", "pending[0].requester: must not be empty"},
		"not YAML":            {"roles:", "roles: [", "read seed"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(small, test.change, test.to, 1)
			require.NotEqual(t, small, text)
			_, err := keyfactorsim.ParseSeed([]byte(text))
			require.ErrorContains(t, err, test.says)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		_, err := keyfactorsim.ParseSeed([]byte("roles: [{id: 0, name: ''}, {id: 1, name: A}, {id: 1, name: A}]\naccounts: [{password: x}, {client_id: c}]\ndefinitions: [{name: D, type: Enrollment, steps: [{name: s, approvals: 2}, {name: s}]}]\nrequests: [{name: r, definition: D, version: 9, requester: x}]\narrivals: [{kind: k}]\nwords: {w: []}\ncertificates: [{id: 0}]\n"))
		for _, want := range []string{"roles[0].id: must be a positive number", "roles[0].name: must not be empty", `roles[2]: name "A" is taken`, `roles[2]: id "1" is taken`,
			"accounts[0]: username, client_id or identity", "accounts[0].password", "client_id and client_secret belong together", "a step that waits for approvals needs roles",
			`steps[1]: name "s" is taken`, `definition "D" has no version 9`, "exactly one of request and pending", "words.w", "line 7: certificates[0].id"} {
			require.ErrorContains(t, err, want)
		}
	})
	t.Run("a seed made in Go is checked, too", func(t *testing.T) {
		_, err := keyfactorsim.New(keyfactorsim.Config{Seed: keyfactorsim.Seed{Accounts: []keyfactorsim.Account{{Username: "a", Roles: []string{"none"}}}}})
		require.ErrorContains(t, err, `accounts[0].roles[0]: there is no role named "none"`)
	})
}

func TestSeedInJSON(t *testing.T) {
	seed, err := keyfactorsim.ParseSeed([]byte("{\n\t\"accounts\": [\n\t\t{\"username\": \"EXAMPLE\\\\a\", \"password\": \"p\"}\n\t]\n}"))
	require.NoError(t, err)
	require.Equal(t, `EXAMPLE\a`, seed.Accounts[0].Username)
}

func TestBuiltinSeed(t *testing.T) {
	seed, err := keyfactorsim.ParseSeed(keyfactorsim.BuiltinYAML())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(seed.Requests), 14)
	require.GreaterOrEqual(t, len(seed.Pending), 2)
	s := start(t, keyfactorsim.Config{Seed: seed})
	waiting := map[string]bool{}
	for _, row := range s.rows("/Workflow/Instances/AssignedToMe?ReturnLimit=1000", bot) {
		waiting[row["Id"].(string)] = true
	}
	for _, name := range []string{"web01", "api-gateway", "pinned", "wildcard", "revoke-compromised", "revoke-superseded", "renewal", "expiration", "two-step", "two-approvals",
		"under-submission", "self", "hostile", "thousand-names", "mismatch", "weak-key", "other-signal", "fails-later", "pfx"} {
		require.True(t, waiting[keyfactorsim.InstanceID(name)], name)
	}
}

// The page that explains the simulator must not promise a seed that does not work, nor leave out a fault.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/simulators-keyfactor.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	example, _, _ := strings.Cut(rest, "```")
	seed, err := keyfactorsim.ParseSeed([]byte(example))
	require.NoError(t, err)
	s := start(t, keyfactorsim.Config{Seed: seed})
	require.True(t, s.assigned(bot, "web01"))

	_, rest, found = strings.Cut(string(text), "faults -d '")
	require.True(t, found)
	example, _, _ = strings.Cut(rest, "'")
	var faults []keyfactorsim.Fault
	require.NoError(t, json.Unmarshal([]byte(example), &faults))
	require.NoError(t, s.SetFaults(faults...))
	for _, kind := range []keyfactorsim.FaultKind{keyfactorsim.Latency, keyfactorsim.StatusAnswer, keyfactorsim.CutBefore, keyfactorsim.CutAfter, keyfactorsim.Truncate, keyfactorsim.HTMLAnswer,
		keyfactorsim.LockConflict, keyfactorsim.StayRunning, keyfactorsim.ExpireTokens, keyfactorsim.BadRow, keyfactorsim.CAFailure, keyfactorsim.CADenial, keyfactorsim.LostRow} {
		require.Contains(t, string(text), "`"+string(kind)+"`")
	}
}

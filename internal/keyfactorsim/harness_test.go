package keyfactorsim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

const bot = `EXAMPLE\svc-approvebot`

// clock is a time that only moves when told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2025, 3, 3, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// sim is a simulator that listens, and the person who calls it.
type sim struct {
	*keyfactorsim.Server
	t     *testing.T
	url   string
	clock *clock
}

func start(t *testing.T, c keyfactorsim.Config) *sim {
	t.Helper()
	k := newClock()
	if c.Now == nil {
		c.Now = k.now
	}
	if c.RandomSeed == 0 {
		c.RandomSeed = 1
	}
	s, err := keyfactorsim.New(c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return &sim{s, t, web.URL, k}
}

// passwords of the built-in seed.
var passwords = map[string]string{bot: "approve-me", `EXAMPLE\admin`: "admin", `EXAMPLE\carol`: "carol", `EXAMPLE\dave`: "dave",
	`EXAMPLE\erin`: "erin", `EXAMPLE\alice`: "alice", `EXAMPLE\auditor`: "auditor", `EXAMPLE\nobody`: "nobody", `EXAMPLE\ada`: "ada"}

type reply struct {
	status int
	header http.Header
	body   string
}

// request builds a call as a well-behaved client would.
func (s *sim) request(method, path, who, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/KeyfactorAPI"+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.SetBasicAuth(who, passwords[who])
	r.Header.Set("x-keyfactor-requested-with", "APIClient")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (s *sim) send(r *http.Request) (reply, error) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(body)}, err
}

func (s *sim) call(method, path, who, body string) reply {
	s.t.Helper()
	got, err := s.send(s.request(method, path, who, body))
	require.NoError(s.t, err)
	return got
}

func (s *sim) get(path string) reply {
	s.t.Helper()
	return s.call(http.MethodGet, path, bot, "")
}

// rows reads a list.
func (s *sim) rows(path, who string) []map[string]any {
	s.t.Helper()
	got := s.call(http.MethodGet, path, who, "")
	require.Equal(s.t, 200, got.status, got.body)
	var rows []map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(got.body), &rows))
	return rows
}

func (s *sim) assigned(who, name string) bool {
	s.t.Helper()
	for _, row := range s.rows("/Workflow/Instances/AssignedToMe?ReturnLimit=1000", who) {
		if row["Id"] == keyfactorsim.InstanceID(name) {
			return true
		}
	}
	return false
}

func (s *sim) object(path string) map[string]any {
	s.t.Helper()
	got := s.get(path)
	require.Equal(s.t, 200, got.status, got.body)
	var out map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(got.body), &out))
	return out
}

func (s *sim) signal(name, who, body string) reply {
	s.t.Helper()
	return s.call(http.MethodPost, "/Workflow/Instances/"+keyfactorsim.InstanceID(name)+"/Signals", who, body)
}

func (s *sim) instance(name string) keyfactorsim.InstanceState {
	s.t.Helper()
	i, err := s.Instance(keyfactorsim.InstanceID(name))
	require.NoError(s.t, err)
	return i
}

const (
	approve = `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":"True","Comment":"Slack: Carol (U02ABCD) - change 1234"}}`
	deny    = `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":"False","Comment":"wrong team"}}`
)

// small is a seed with one of each, for exact answers.
const small = `
roles:
  - {id: 3, name: Approvers, permissions: [/workflows/instances/read/, /workflows/definitions/read/, /monitoring/alerts/read/, /certificates/requests/manage/, /certificates/collections/read/]}
  - {id: 9, name: Managers}
accounts:
  - {username: 'EXAMPLE\svc-approvebot', password: approve-me, roles: [Approvers]}
templates:
  - {id: 12, name: ExampleWebServer}
definitions:
  - name: Web server enrolment
    description: Two eyes for public names
    type: Enrollment
    version: 4
    template: ExampleWebServer
    steps:
      - {name: RequireApproval1, display_name: PKI team approval, roles: [Approvers, Managers]}
requests:
  - name: web01
    definition: Web server enrolment
    requester: EXAMPLE\alice
    age: 1h
    subject: CN=web01.example.com,O=Example Ltd,C=DE
    sans: {dns: [web01.example.com, www.example.com], ip4: [192.0.2.10]}
    metadata: {AppOwner: team-web}
pending:
  - id: 23
    ca_request_id: "1187"
    requester: EXAMPLE\alice
    age: 20m
    template: ExampleWebServer
    csr: {key: ec-p256, subject: 'CN=web02.example.com,O=Example Ltd,C=DE', dns: [web02.example.com]}
    metadata: {AppOwner: team-web}
`

func startSmall(t *testing.T, w keyfactorsim.Switches) *sim {
	t.Helper()
	seed, err := keyfactorsim.ParseSeed([]byte(small))
	require.NoError(t, err)
	return start(t, keyfactorsim.Config{Seed: seed, Switches: w})
}

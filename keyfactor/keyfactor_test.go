package keyfactor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/keyfactor"
)

const (
	instanceID = "5b0a0e9a-9a54-4a0e-8f0e-2d3c2f5b7c11"
	stepID     = "0f4d8f53-6f0e-4c0a-9c7d-1c0a3e6b9f02"
	otherStep  = "1f4d8f53-6f0e-4c0a-9c7d-1c0a3e6b9f03"
	workflow   = approval.ID("workflow:" + instanceID + "/" + stepID)

	mine    = "GET /KeyfactorAPI/Workflow/Instances/AssignedToMe"
	detail  = "GET /KeyfactorAPI/Workflow/Instances/" + instanceID
	signals = "POST /KeyfactorAPI/Workflow/Instances/" + instanceID + "/Signals"
)

// server answers "METHOD /path" with one handler each and remembers what was asked.
type server struct {
	*httptest.Server
	t  *testing.T
	mu sync.Mutex
	on map[string]http.HandlerFunc

	calls  []string
	query  []url.Values
	bodies []string
}

func serve(t *testing.T, on map[string]http.HandlerFunc) *server {
	t.Helper()
	s := &server{t: t, on: on}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call := r.Method + " " + r.URL.Path
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.query = append(s.query, r.URL.Query())
	s.bodies = append(s.bodies, string(body))
	handler := s.on[call]
	s.mu.Unlock()
	if r.Header.Get("x-keyfactor-requested-with") != "APIClient" || r.Header.Get("x-keyfactor-api-version") != "1" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if handler == nil {
		say(http.StatusNotFound, `{"ErrorCode":"0x1","Message":"unknown"}`)(w, r)
		return
	}
	handler(w, r)
}

func (s *server) set(call string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on[call] = h
}

func (s *server) count(call string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	return n
}

// sent returns the body of the last call of this kind.
func (s *server) sent(call string) (body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.calls {
		if c == call {
			body = s.bodies[i]
		}
	}
	return body
}

// say answers with a status and a JSON body.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if body != "" {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>Log in, hunter2</body></html>")
	}
}

// inTurn uses one handler after the other and stays with the last.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[min(n, len(handlers)-1)]
		n++
		mu.Unlock()
		h(w, r)
	}
}

// cut breaks the connection off after the request was read.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// halfway announces a longer body than it sends.
func halfway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	say(http.StatusOK, `{"Successes": [`)(w, r)
}

func config(base string) keyfactor.Config {
	return keyfactor.Config{
		URL:          base + "/KeyfactorAPI/",
		Auth:         keyfactor.Basic{Username: `EXAMPLE\svc`, Password: secret.New("hunter2")},
		RetryWaitMin: time.Millisecond,
		RetryWaitMax: 4 * time.Millisecond,
	}
}

func client(t *testing.T, c keyfactor.Config) *keyfactor.Client {
	t.Helper()
	k, err := keyfactor.New(c)
	require.NoError(t, err)
	return k
}

func collect[T any](t *testing.T, all iter.Seq2[T, error]) (rows []T, errs []error) {
	t.Helper()
	for row, err := range all {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, errs
}

// instance is a suspended instance as the facts sheet draws it, with members
// replaced or, when the replacement is nil, left out.
func instance(t testing.TB, replace map[string]any) string {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(suspended), &m))
	for k, v := range replace {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	return string(text)
}

const suspended = `{
  "Id": "5b0a0e9a-9a54-4a0e-8f0e-2d3c2f5b7c11",
  "Status": "Suspended",
  "CurrentStepId": "0f4d8f53-6f0e-4c0a-9c7d-1c0a3e6b9f02",
  "StatusMessage": "Awaiting 2 more approval(s) from approval roles.",
  "Signals": [ { "SignalName": "ApprovalStatus", "StepSignalId": "a7d9f0e4-1b34-4f6c-a1de-0d6f1f5b3c77", "SignalReceived": false } ],
  "Definition": { "Id": "c1f2b7de-3f51-4f55-8f8a-7f6a4a2b9d10", "DisplayName": "Web server enrolment", "Version": 4, "WorkflowType": "Enrollment" },
  "CurrentStepDisplayName": "PKI team approval",
  "CurrentStepUniqueName": "RequireApproval1",
  "Title": "EXAMPLE\\alice is enrolling for a certificate with CN=web01.example.com.",
  "LastModified": "2025-03-03T09:15:27.1130000Z",
  "StartDate": "2025-03-03T09:15:25.480Z",
  "InitialData": {
    "CertificateAuthority": "ca01.example.com\\Example Issuing CA 1",
    "Template": "ExampleWebServer",
    "Subject": "CN=web01.example.com,O=Example Ltd,C=DE",
    "SANs": { "ip4": ["192.0.2.10"], "dns": ["web01.example.com", "www.example.com"] },
    "IsPFX": false, "IncludeChain": true,
    "Metadata": { "AppOwner": "team-web", "CostCentre": "4242" },
    "PfxPassword": "hunter2",
    "InitiatingUserName": "EXAMPLE\\alice", "RequesterId": 17
  },
  "CurrentStateData": { "InitiatingUserName": "EXAMPLE\\alice", "RiskScore": "{\"score\":12}" },
  "ReferenceId": 4711
}`

func TestConfigNamesEveryMistake(t *testing.T) {
	for name, c := range map[string]struct {
		config keyfactor.Config
		want   []string
	}{
		"nothing":    {keyfactor.Config{}, []string{"url is required", "auth: one of"}},
		"no host":    {keyfactor.Config{URL: "kf.example.com/KeyfactorAPI", Auth: keyfactor.Basic{}}, []string{"url must look like", "auth: basic needs"}},
		"password":   {keyfactor.Config{URL: "https://u:hunter2@kf/KeyfactorAPI", Auth: keyfactor.Bearer{}}, []string{"must not hold a user", "bearer needs a token"}},
		"query":      {keyfactor.Config{URL: "https://kf/KeyfactorAPI?key=hunter2", Auth: keyfactor.OAuth{}}, []string{"leave out ?", "token_url is required", "client_id"}},
		"approvedas": {keyfactor.Config{URL: "https://kf/", ApprovedAs: "yes"}, []string{`"yes" is neither`}},
		"statuses":   {keyfactor.Config{URL: "https://kf/", StatusNames: map[int]string{1: "Sleeping"}}, []string{`status_names: 1: "Sleeping"`}},
		"pauses":     {keyfactor.Config{URL: "https://kf/", RetryWaitMin: time.Minute, RetryWaitMax: time.Second}, []string{"retry_wait"}},
		"not a URL":  {keyfactor.Config{URL: "https://kf/%zz hunter2"}, []string{"url is not a URL"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keyfactor.New(c.config)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	good := config("https://kf.example.com")
	good.CACertificates = []byte("no PEM")
	_, err := keyfactor.New(good)
	require.ErrorContains(t, err, "no certificate found")
}

func TestPrivateCA(t *testing.T) {
	s := httptest.NewTLSServer(say(http.StatusOK, `["GET /Status/Endpoints"]`))
	t.Cleanup(s.Close)
	c := config(s.URL)

	_, err := client(t, c).Endpoints(t.Context())
	require.ErrorIs(t, err, approval.ErrUnavailable)
	require.ErrorContains(t, err, "certificate")

	c.CACertificates = pemOf(s.Certificate().Raw)
	_, err = client(t, c).Endpoints(t.Context())
	require.NoError(t, err)

	c.CACertificates, c.InsecureSkipVerify = nil, true
	_, err = client(t, c).Endpoints(t.Context())
	require.NoError(t, err)
}

func TestEndpoints(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"GET /KeyfactorAPI/Status/Endpoints": func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		require.Equal(t, `EXAMPLE\svc/hunter2`, user+"/"+password)
		w.Header().Set("x-keyfactor-product-version", "25.1.1.0")
		say(http.StatusOK, `["GET /Workflow/Instances", "POST /Workflow/Certificates/Deny"]`)(w, r)
	}})
	got, err := client(t, config(s.URL)).Endpoints(t.Context())
	require.NoError(t, err)
	require.Equal(t, keyfactor.Server{Endpoints: []string{"GET /Workflow/Instances", "POST /Workflow/Certificates/Deny"}, Version: "25.1.1.0"}, got)
}

// kf is a small Keyfactor for lists: rows of ids, page by page, with habits.
type kf struct {
	ids       []string
	clamp     int  // caps ReturnLimit
	total     bool // sends x-total-count
	noPages   bool // always sends everything
	sameAgain bool // always sends the first page
}

func (k *kf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var number, limit int
	_, _ = fmt.Sscan(r.URL.Query().Get("PageReturned"), &number)
	_, _ = fmt.Sscan(r.URL.Query().Get("ReturnLimit"), &limit)
	if k.clamp > 0 {
		limit = min(limit, k.clamp)
	}
	if k.sameAgain {
		number = 1
	}
	from, to := min((number-1)*limit, len(k.ids)), min(number*limit, len(k.ids))
	if k.noPages {
		from, to = 0, len(k.ids)
	}
	if k.total {
		w.Header().Set("x-total-count", fmt.Sprint(len(k.ids)))
	}
	var rows []string
	for _, id := range k.ids[from:to] {
		rows = append(rows, `{"Id":"`+id+`","Status":3,"CurrentStepId":"`+stepID+`"}`)
	}
	say(http.StatusOK, "["+strings.Join(rows, ",")+"]")(w, r)
}

func names(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("id-%04d", i)
	}
	return ids
}

func TestAllPages(t *testing.T) {
	for name, c := range map[string]struct {
		kf    kf
		calls int
	}{
		"none":                         {kf{}, 1},
		"one short page":               {kf{ids: names(7)}, 1},
		"exactly one page":             {kf{ids: names(100)}, 2},
		"exactly one page, total told": {kf{ids: names(100), total: true}, 1},
		"three pages":                  {kf{ids: names(250)}, 3},
		"three pages, total told":      {kf{ids: names(250), total: true}, 3},
		"server caps pages silently":   {kf{ids: names(120), clamp: 50}, 3},
		"cap, exact multiple":          {kf{ids: names(100), clamp: 50}, 3},
		"cap below, total told":        {kf{ids: names(120), clamp: 30, total: true}, 4},
		"server knows no pages":        {kf{ids: names(250), noPages: true}, 1},
		"no pages, looks like a cap":   {kf{ids: names(60), noPages: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{mine: c.kf.ServeHTTP})
			rows, errs := collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}))
			require.Empty(t, errs)
			got := make([]string, len(rows))
			for i, r := range rows {
				got[i] = r.ID
				require.Equal(t, keyfactor.Suspended, r.Status.Name, "learned from the list itself")
			}
			require.Equal(t, append([]string{}, c.kf.ids...), append([]string{}, got...))
			require.Equal(t, c.calls, s.count(mine))
		})
	}
}

func TestServerThatRepeatsItselfDoesNotHoldUs(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{mine: (&kf{ids: names(300), sameAgain: true}).ServeHTTP})
	rows, errs := collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}))
	require.Empty(t, errs)
	require.Len(t, rows, 100)
	require.Equal(t, 2, s.count(mine))

	// The same with rows that cannot be read: each is reported once.
	bad := "[" + strings.Repeat(`{"Status":3},`, 99) + `{"Id":"x","Signals":7}]`
	s.set(mine, say(http.StatusOK, bad))
	_, errs = collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}))
	require.Len(t, errs, 2)
	require.Equal(t, 4, s.count(mine))
}

func TestRowsThatMoveBetweenPagesComeOnce(t *testing.T) {
	// b slips onto the second page while we read; c left.
	s := serve(t, map[string]http.HandlerFunc{mine: inTurn(
		say(http.StatusOK, `[{"Id":"a"},{"Id":"b"}]`),
		say(http.StatusOK, `[{"Id":"B"},{"Id":"d"}]`),
		say(http.StatusOK, `[]`),
	)})
	rows, errs := collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{PageSize: 2}))
	require.Empty(t, errs)
	require.Len(t, rows, 3)
}

func TestListParameters(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{mine: say(http.StatusOK, `[]`)})
	c := config(s.URL)
	_, errs := collect(t, client(t, c).AssignedToMe(t.Context(), keyfactor.ListOptions{Query: `InitiatingUserName -eq "EXAMPLE\alice"`, Descending: true}))
	require.Empty(t, errs)
	require.Equal(t, url.Values{
		"PageReturned": {"1"}, "ReturnLimit": {"100"}, "SortField": {"StartDate"}, "SortAscending": {"1"},
		"QueryString": {`InitiatingUserName -eq "EXAMPLE\alice"`},
	}, s.query[0])

	c.QueryPrefix = "pq."
	_, errs = collect(t, client(t, c).AssignedToMe(t.Context(), keyfactor.ListOptions{PageSize: 10, Sort: "Title"}))
	require.Empty(t, errs)
	require.Equal(t, url.Values{"pq.PageReturned": {"1"}, "pq.ReturnLimit": {"10"}, "pq.SortField": {"Title"}, "pq.SortAscending": {"0"}}, s.query[1])
}

func TestSortThatTheServerDoesNotKnowIsLeftOut(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{mine: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("SortField") {
			say(http.StatusBadRequest, `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: StartDate."}`)(w, r)
			return
		}
		(&kf{ids: names(150)}).ServeHTTP(w, r)
	}})
	rows, errs := collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}))
	require.Empty(t, errs)
	require.Len(t, rows, 150)
	require.Equal(t, 3, s.count(mine))
}

func TestMalformedRowsAreReportedAndTheOthersGoOn(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{mine: say(http.StatusOK, `[
		{"Id":"a"}, {"Id":7}, {"Title":"no id"}, "text", null, {"Id":"b","Signals":"?"}, {"Id":"c","Signals":{"SignalName":"ApprovalStatus"},"Definition":[{"DisplayName":"D"}]} ]`)})
	rows, errs := collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}))
	require.Len(t, rows, 2)
	require.Equal(t, "D", string(rows[1].Definition.DisplayName))
	require.True(t, rows[1].Signals.Awaited("approvalstatus"))
	require.Len(t, errs, 5)
	for i, id := range []string{"7", "", "", "", "b"} {
		var row *keyfactor.RowError
		require.ErrorAs(t, errs[i], &row)
		require.Equal(t, id, row.ID)
	}
}

func TestPagesThatCannotBeReadEndTheWalk(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"web page":        {page(http.StatusOK), "web page instead of JSON"},
		"web page, typed": {say(http.StatusOK, "<html>hunter2</html>"), "web page instead of JSON"},
		"empty":           {say(http.StatusOK, ""), "empty body"},
		"object":          {say(http.StatusOK, `{"Items":[]}`), "not a list"},
		"cut text":        {say(http.StatusOK, `[{"Id":"a"},{"Id"`), "not a list"},
		"cut connection":  {halfway, "unexpected EOF"},
		"forbidden":       {say(http.StatusForbidden, `{"ErrorCode":"0xA0140002","Message":"User EXAMPLE\\svc doesn't have the required permission"}`), "0xA0140002: User"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{mine: inTurn((&kf{ids: names(300)}).ServeHTTP, c.answer)})
			rows, errs := collect(t, client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}))
			require.Len(t, rows, 100)
			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], c.want)
			require.NotContains(t, errs[0].Error(), "hunter2")
			require.NotErrorIs(t, errs[0], approval.ErrMaybe)
		})
	}
}

func TestAnswersThatAreTooLargeAreNotKept(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{
		mine: func(w http.ResponseWriter, _ *http.Request) {
			blank := strings.Repeat(" ", 1<<20)
			for range 33 {
				if _, err := io.WriteString(w, blank); err != nil {
					return
				}
			}
		},
		detail: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotImplemented)
			_, _ = io.WriteString(w, strings.Repeat("x", 3<<20))
		},
	})
	k := client(t, config(s.URL))
	_, errs := collect(t, k.AssignedToMe(t.Context(), keyfactor.ListOptions{}))
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "larger than 32 MiB")
	require.Equal(t, 1, s.count(mine), "asking again would not make it smaller")

	_, err := k.Instance(t.Context(), instanceID)
	require.ErrorContains(t, err, "501")
	require.Less(t, len(err.Error()), 500)
}

func TestInstanceInEveryDress(t *testing.T) {
	for name, c := range map[string]struct {
		replace map[string]any
		check   func(*testing.T, keyfactor.Instance)
	}{
		"as documented": {nil, func(t *testing.T, i keyfactor.Instance) {
			require.Equal(t, "Suspended", i.Status.Name)
			require.Equal(t, time.Date(2025, 3, 3, 9, 15, 27, 113e6, time.UTC), i.LastModified.Time)
			require.EqualValues(t, 4711, i.ReferenceID)
			require.Equal(t, "ExampleWebServer", i.Text("template"))
			require.Equal(t, "true", i.Text("INCLUDECHAIN"))
			require.Equal(t, "12 values", strings.Replace(i.InitialData.String(), "10", "12", 1))
		}},
		"status as number":         {map[string]any{"Status": 3}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, keyfactor.Status{Raw: "3"}, i.Status) }},
		"status as digits":         {map[string]any{"Status": "3"}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, keyfactor.Status{Raw: "3"}, i.Status) }},
		"status with a given name": {map[string]any{"Status": 6}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, "Rejected", i.Status.Name) }},
		"status in another case": {map[string]any{"Status": "cancelledForRestart"}, func(t *testing.T, i keyfactor.Instance) {
			require.Equal(t, keyfactor.CanceledForRestart, i.Status.Name)
		}},
		"status unheard of":         {map[string]any{"Status": "Dreaming"}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, "Dreaming", i.Status.String()) }},
		"date without zone":         {map[string]any{"LastModified": "2025-03-03T09:15:27.1134567"}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, 113456700, i.LastModified.Nanosecond()) }},
		"date with offset":          {map[string]any{"LastModified": "2025-03-03T10:15:27+01:00"}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, 9, i.LastModified.Hour()) }},
		"date null":                 {map[string]any{"LastModified": json.RawMessage("null")}, func(t *testing.T, i keyfactor.Instance) { require.True(t, i.LastModified.IsZero()) }},
		"date of .NET's beginning":  {map[string]any{"LastModified": "0001-01-01T00:00:00"}, func(t *testing.T, i keyfactor.Instance) { require.True(t, i.LastModified.IsZero()) }},
		"date that is none":         {map[string]any{"LastModified": map[string]any{"y": 2025}}, func(t *testing.T, i keyfactor.Instance) { require.True(t, i.LastModified.IsZero()) }},
		"message null":              {map[string]any{"StatusMessage": json.RawMessage("null")}, func(t *testing.T, i keyfactor.Instance) { require.Empty(t, i.StatusMessage) }},
		"data null":                 {map[string]any{"InitialData": json.RawMessage("null")}, func(t *testing.T, i keyfactor.Instance) { require.Empty(t, i.InitialData.Names()) }},
		"data as pairs":             {map[string]any{"InitialData": []any{map[string]any{"Key": "Subject", "Value": "CN=a"}}}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, "CN=a", i.Text("Subject")) }},
		"data as text":              {map[string]any{"InitialData": `{"Subject":"CN=a"}`}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, "CN=a", i.Text("Subject")) }},
		"data of the oddest kind":   {map[string]any{"InitialData": 7}, func(t *testing.T, i keyfactor.Instance) { require.Empty(t, i.InitialData.Names()) }},
		"reference as text":         {map[string]any{"ReferenceId": "4711"}, func(t *testing.T, i keyfactor.Instance) { require.EqualValues(t, 4711, i.ReferenceID) }},
		"members nobody knows":      {map[string]any{"Tomorrow": []any{1}}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, instanceID, i.ID) }},
		"names in another case":     {map[string]any{"CurrentStepId": nil, "CurrentStepID": otherStep}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, otherStep, i.CurrentStepID) }},
		"signals missing":           {map[string]any{"Signals": nil}, func(t *testing.T, i keyfactor.Instance) { require.False(t, i.Signals.Open()) }},
		"current state goes before": {map[string]any{"CurrentStateData": map[string]any{"Template": "New"}}, func(t *testing.T, i keyfactor.Instance) { require.Equal(t, "New", i.Text("Template")) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{detail: say(http.StatusOK, instance(t, c.replace))})
			conf := config(s.URL)
			conf.StatusNames = map[int]string{6: "rejected"}
			i, err := client(t, conf).Instance(t.Context(), instanceID)
			require.NoError(t, err)
			c.check(t, i)
			require.NotContains(t, fmt.Sprintf("%v %+v", i.InitialData, i.InitialData), "hunter2")
		})
	}
}

func TestInstanceThatIsAnotherOneIsNotBelieved(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(http.StatusOK, instance(t, map[string]any{"Id": "another"}))})
	_, err := client(t, config(s.URL)).Instance(t.Context(), instanceID)
	require.ErrorIs(t, err, approval.ErrUnavailable)
	require.ErrorContains(t, err, "another instance")
}

func TestSignalOnTheWire(t *testing.T) {
	for as, want := range map[keyfactor.ApprovedAs][2]string{
		keyfactor.ApprovedAsString: {`"True"`, `"False"`},
		keyfactor.ApprovedAsBool:   {`true`, `false`},
	} {
		s := serve(t, map[string]http.HandlerFunc{signals: say(http.StatusNoContent, "")})
		c := config(s.URL)
		c.ApprovedAs = as
		k := client(t, c)
		for i, yes := range []bool{true, false} {
			require.NoError(t, k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "RequireApproval1.ApprovalStatus", Approved: yes, Comment: `a "b" <c>`}))
			require.JSONEq(t, `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":`+want[i]+`,"Comment":"a \"b\" <c>"}}`, s.sent(signals))
		}
	}
}

func TestCertificatesOnTheWire(t *testing.T) {
	const approve, deny = "POST /KeyfactorAPI/Workflow/Certificates/Approve", "POST /KeyfactorAPI/Workflow/Certificates/Deny"
	s := serve(t, map[string]http.HandlerFunc{
		approve: say(http.StatusOK, `{"Failures":["45","CA is down"],"Denials":null,"Successes":[{"CARowId":345,"CARequestId":"1187","CAHost":null,"KeyfactorRequestId":23,"Comment":null}]}`),
		deny:    say(http.StatusOK, `{"Failures":[],"Denials":[{"KeyfactorRequestId":23,"Comment":"no permission"}],"Successes":[]}`),
	})
	k := client(t, config(s.URL))
	got, err := k.ApproveCertificates(t.Context(), []int64{23, 45, 12})
	require.NoError(t, err)
	require.JSONEq(t, `[23,45,12]`, s.sent(approve))
	require.Equal(t, keyfactor.Result{
		Successes: []keyfactor.ResultItem{{ID: 23, CARequestID: "1187"}},
		Failures:  []keyfactor.ResultItem{{Comment: "45"}, {Comment: "CA is down"}},
	}, got)

	got, err = k.DenyCertificates(t.Context(), []int64{23}, "unknown owner")
	require.NoError(t, err)
	require.JSONEq(t, `{"Comment":"unknown owner","CertificateRequestIds":[23]}`, s.sent(deny))
	require.Equal(t, []keyfactor.ResultItem{{ID: 23, Comment: "no permission"}}, got.Denials)

	_, err = k.ApproveCertificates(t.Context(), nil)
	require.NoError(t, err)
	require.JSONEq(t, `[]`, s.sent(approve))
}

func TestDefinitionIsReadOnceForEachVersion(t *testing.T) {
	const path = "GET /KeyfactorAPI/Workflow/Definitions/c1f2b7de"
	s := serve(t, map[string]http.HandlerFunc{path: say(http.StatusOK, `{"Id":"c1f2b7de","Keys":["12"],"Steps":[
		{"Id":"S1","UniqueName":"RequireApproval1","Signals":[{"SignalName":"ApprovalStatus","RoleIds":[3,"9"]}],"Outputs":{"continue":"EndNOOP"}}]}`)})
	k := client(t, config(s.URL))
	for range 3 {
		d, err := k.Definition(t.Context(), "c1f2b7de", 4)
		require.NoError(t, err)
		step, ok := d.Step("s1")
		require.True(t, ok)
		require.Equal(t, []keyfactor.Int{3, 9}, step.Signals[0].RoleIDs)
	}
	require.Equal(t, 1, s.count(path))
	require.Equal(t, url.Values{"definitionVersion": {"4"}}, s.query[0])
	_, err := k.Definition(t.Context(), "c1f2b7de", 5)
	require.NoError(t, err)
	// The newest version is not a fixed one and is asked for every time.
	for range 2 {
		_, err = k.Definition(t.Context(), "c1f2b7de", 0)
		require.NoError(t, err)
	}
	require.Equal(t, 4, s.count(path))
}

func TestCertificateDetailsAreOptional(t *testing.T) {
	const path = "GET /KeyfactorAPI/Certificates/9021"
	s := serve(t, map[string]http.HandlerFunc{path: inTurn(
		say(http.StatusForbidden, `{"Message":"no"}`),
		say(http.StatusOK, `{"Id":9021,"IssuedDN":"CN=web01.example.com","NotAfter":"2026-01-01T00:00:00Z"}`),
	)})
	k := client(t, config(s.URL))
	_, err := k.Certificate(t.Context(), 9021)
	require.ErrorIs(t, err, approval.ErrForbidden)
	for range 2 {
		c, err := k.Certificate(t.Context(), 9021)
		require.NoError(t, err)
		require.EqualValues(t, "CN=web01.example.com", c.IssuedDN)
	}
	require.Equal(t, 2, s.count(path))
}

func TestCancelledWalkStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := serve(t, map[string]http.HandlerFunc{mine: (&kf{ids: names(300)}).ServeHTTP})
	n := 0
	for _, err := range client(t, config(s.URL)).AssignedToMe(ctx, keyfactor.ListOptions{}) {
		if n++; n == 100 {
			cancel()
		}
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, approval.ErrUnavailable)
		}
	}
	require.Equal(t, 101, n)
	require.Equal(t, 1, s.count(mine))

	// A consumer that has seen enough costs no further call.
	for _, err := range client(t, config(s.URL)).AssignedToMe(t.Context(), keyfactor.ListOptions{}) {
		require.NoError(t, err)
		break
	}
	require.Equal(t, 2, s.count(mine))
}

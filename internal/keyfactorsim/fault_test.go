package keyfactorsim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

const signalsPath = "/Workflow/Instances/" + web01ID + "/Signals"

func faulty(t *testing.T, faults ...keyfactorsim.Fault) *sim {
	t.Helper()
	s := start(t, keyfactorsim.Config{})
	require.NoError(t, s.SetFaults(faults...))
	return s
}

func TestStatusFaults(t *testing.T) {
	s := faulty(t,
		keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: "/signals$", Status: 429, RetryAfter: 7, Times: 1},
		keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: "/AssignedToMe$", Page: 2, Status: 502, Message: "database is away"},
		keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: "/Definitions", Skip: 1, Times: 1},
	)
	got := s.signal("web01", bot, approve)
	require.Equal(t, 429, got.status)
	require.Equal(t, "7", got.header.Get("Retry-After"))
	require.Equal(t, "Suspended", s.instance("web01").Status)
	require.Equal(t, 204, s.signal("web01", bot, approve).status, "once only")
	require.Equal(t, 429, s.Signals()[0].Status)
	require.Equal(t, "status", s.Signals()[0].Fault)
	require.False(t, s.Signals()[0].Accepted)

	require.Equal(t, 200, s.get("/Workflow/Instances/AssignedToMe?ReturnLimit=5").status)
	got = s.get("/Workflow/Instances/AssignedToMe?ReturnLimit=5&PageReturned=2")
	require.Equal(t, 502, got.status)
	require.Contains(t, got.body, "database is away")

	require.Equal(t, 200, s.get("/Workflow/Definitions").status)
	got = s.get("/Workflow/Definitions")
	require.Equal(t, 503, got.status)
	require.Contains(t, got.header.Get("Content-Type"), "text/html")
	require.Equal(t, 200, s.get("/Workflow/Definitions").status)
}

func TestCuts(t *testing.T) {
	t.Run("before: nothing has happened", func(t *testing.T) {
		s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.CutBefore, Method: "POST", Path: "/Signals$"})
		_, err := s.send(s.request(http.MethodPost, signalsPath, bot, approve))
		require.Error(t, err)
		require.Equal(t, "Suspended", s.instance("web01").Status)
		log := s.Signals()
		require.Len(t, log, 1)
		require.Equal(t, "cut-before", log[0].Fault)
		require.False(t, log[0].Accepted)
	})
	t.Run("after: it has", func(t *testing.T) {
		s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.CutAfter, Method: "POST", Path: "/Signals$"})
		_, err := s.send(s.request(http.MethodPost, signalsPath, bot, approve))
		require.Error(t, err)
		require.Equal(t, "Complete", s.instance("web01").Status)
		log := s.Signals()
		require.True(t, log[0].Accepted)
		require.Equal(t, "cut-after", log[0].Fault)
		require.Zero(t, log[0].Status)
	})
	t.Run("a 500 after it has", func(t *testing.T) {
		s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: "/Signals$", Status: 500, After: true})
		require.Equal(t, 500, s.signal("web01", bot, approve).status)
		require.Equal(t, "Complete", s.instance("web01").Status)
		require.Equal(t, 500, s.Signals()[0].Status)
	})
	t.Run("in the middle of the body", func(t *testing.T) {
		s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.Truncate, Path: "Certificates/(Approve|Deny)"})
		got, err := s.send(s.request(http.MethodPost, "/Workflow/Certificates/Approve", bot, `[23]`))
		require.Error(t, err)
		require.Equal(t, 200, got.status)
		require.False(t, json.Valid([]byte(got.body)))
		require.True(t, s.CertificateDecisions()[0].Accepted)
	})
	t.Run("of an approval at the CA", func(t *testing.T) {
		s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.CutBefore, Path: "/Approve$"})
		_, err := s.send(s.request(http.MethodPost, "/Workflow/Certificates/Approve", bot, `[23]`))
		require.Error(t, err)
		require.Equal(t, "Pending", s.Requests()[0].State)
		require.Equal(t, "cut-before", s.CertificateDecisions()[0].Fault)
	})
}

func TestHTMLAnswer(t *testing.T) {
	s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.HTMLAnswer})
	got := s.get("/Workflow/Instances/AssignedToMe")
	require.Equal(t, 200, got.status)
	require.Contains(t, got.header.Get("Content-Type"), "text/html")
	require.Contains(t, got.body, "<h1>Sign in</h1>")
	require.Equal(t, 200, s.signal("web01", bot, approve).status)
	require.Equal(t, "Suspended", s.instance("web01").Status)
}

func TestLockConflict(t *testing.T) {
	once := keyfactorsim.Fault{Kind: keyfactorsim.LockConflict, Path: "/Signals$", Times: 1}
	t.Run("the instance stays until it is poked", func(t *testing.T) {
		s := faulty(t, once)
		before := s.get("/Workflow/Instances/" + web01ID).body
		require.Equal(t, 204, s.signal("web01", bot, approve).status)
		require.Equal(t, before, s.get("/Workflow/Instances/"+web01ID).body)
		require.True(t, s.assigned(bot, "web01"))
		require.Equal(t, 400, s.signal("web01", bot, approve).status, "it has been taken, so a second one is refused")
		require.NoError(t, s.Poke(""))
		require.Equal(t, "Complete", s.instance("web01").Status)
		require.Equal(t, "parked", s.Signals()[0].Effect)
	})
	t.Run("another's signal brings it along", func(t *testing.T) {
		s := faulty(t, once)
		require.Equal(t, 204, s.signal("two-approvals", bot, approve).status)
		require.Equal(t, 204, s.signal("two-approvals", `EXAMPLE\carol`, approve).status)
		require.Equal(t, "Complete", s.instance("two-approvals").Status)
	})
}

func TestTwoDecisionsOfOneConflict(t *testing.T) {
	s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.LockConflict, Path: "/Signals$", Times: 1})
	require.Equal(t, 204, s.signal("web01", bot, approve).status)
	got := s.signal("web01", `EXAMPLE\carol`, deny)
	require.Equal(t, 204, got.status, "both inputs are accepted")
	require.Equal(t, "Complete", s.instance("web01").Status, "and only the first one shows")
	require.Equal(t, "lost", s.Signals()[1].Effect)
}

func TestStayRunning(t *testing.T) {
	s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.StayRunning, Path: "/Signals$"})
	require.Equal(t, 204, s.signal("web01", bot, approve).status)
	require.Equal(t, "Running", s.instance("web01").Status)
	require.False(t, s.assigned(bot, "web01"))
	require.Equal(t, 400, s.signal("web01", `EXAMPLE\carol`, deny).status)
	require.NoError(t, s.Poke(web01ID))
	require.Equal(t, "Issued", s.instance("web01").Message)
}

func TestExpiredTokensFault(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	got, err := http.PostForm(s.URLs(s.url).Token, map[string][]string{"grant_type": {"client_credentials"}, "client_id": {"approvebot"}, "client_secret": {"approve-me"}})
	require.NoError(t, err)
	defer func() { _ = got.Body.Close() }()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(got.Body).Decode(&token))
	call := func() int {
		r := s.request(http.MethodGet, "/Workflow/Instances/AssignedToMe", bot, "")
		r.Header.Set("Authorization", "Bearer "+token.AccessToken)
		a, err := s.send(r)
		require.NoError(t, err)
		return a.status
	}
	require.Equal(t, 200, call())
	require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: keyfactorsim.ExpireTokens, Path: "/AssignedToMe", Times: 1}))
	require.Equal(t, 401, call())
}

func TestOneBadRow(t *testing.T) {
	s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.BadRow, Path: "/AssignedToMe"})
	rows := s.rows("/Workflow/Instances/AssignedToMe?ReturnLimit=1000", bot)
	require.Len(t, rows, 21)
	bad := 0
	for _, r := range rows {
		if _, isText := r["Title"].(string); !isText {
			bad++
			require.Regexp(t, `^[0-9a-f-]{36}$`, r["Id"])
		}
	}
	require.Equal(t, 1, bad)
	var typed []struct{ Title string }
	require.Error(t, json.Unmarshal([]byte(s.get("/Workflow/Instances/AssignedToMe?ReturnLimit=1000").body), &typed))
}

func TestFaultsOfTheCA(t *testing.T) {
	for kind, want := range map[keyfactorsim.FaultKind]string{
		keyfactorsim.CAFailure: `{"Failures":[{"CARowId":345,"CARequestId":"1187","CAHost":"ca01.example.com","CALogicalName":"Example Issuing CA 1","KeyfactorRequestId":23,"Comment":"no"}],"Denials":[],"Successes":[]}`,
		keyfactorsim.CADenial:  `{"Failures":[],"Denials":[{"CARowId":345,"CARequestId":"1187","CAHost":"ca01.example.com","CALogicalName":"Example Issuing CA 1","KeyfactorRequestId":23,"Comment":"no"}],"Successes":[]}`,
		keyfactorsim.LostRow:   `{"Failures":[],"Denials":[],"Successes":[]}`,
	} {
		s := startSmall(t, keyfactorsim.Switches{})
		require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: kind, Path: "/Approve$", Message: "no"}))
		got := s.call(http.MethodPost, "/Workflow/Certificates/Approve", bot, `[23]`)
		require.JSONEq(t, want, got.body)
		require.Equal(t, kind == keyfactorsim.LostRow, s.CertificateDecisions()[0].Accepted)
		require.Equal(t, string(kind), s.CertificateDecisions()[0].Fault)
	}
}

func TestProbabilityIsRepeatable(t *testing.T) {
	course := func() string {
		s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: "Endpoints", Probability: 0.5})
		var b strings.Builder
		for range 40 {
			if s.get("/Status/Endpoints").status == 200 {
				b.WriteByte('.')
			} else {
				b.WriteByte('x')
			}
		}
		return b.String()
	}
	first := course()
	require.Equal(t, first, course())
	require.Contains(t, first, ".")
	require.Contains(t, first, "x")
}

func TestLatencyEndsWithTheServer(t *testing.T) {
	s := faulty(t, keyfactorsim.Fault{Kind: keyfactorsim.Latency, LatencyMS: int(time.Hour / time.Millisecond)})
	done := make(chan int)
	go func() { done <- s.get("/Status/Endpoints").status }()
	s.Close()
	require.Equal(t, 200, <-done)
}

func TestBadFaultsAreRefusedTogether(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	err := s.SetFaults(keyfactorsim.Fault{Kind: "flood"}, keyfactorsim.Fault{Kind: keyfactorsim.Latency, Path: "("}, keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Probability: 2, Status: 99})
	for _, want := range []string{`fault 0: there is no kind "flood"`, "fault 1: path", "fault 2: probability", "fault 2: status"} {
		require.ErrorContains(t, err, want)
	}
}

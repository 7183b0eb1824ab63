package keyfactorsim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

func (s *sim) control(method, path, body string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/_sim"+path, strings.NewReader(body))
	require.NoError(s.t, err)
	got, err := s.send(r)
	require.NoError(s.t, err)
	return got
}

func TestControlAPI(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	instance := func(name string) string { return fmt.Sprintf(`"instance":%q`, keyfactorsim.InstanceID(name)) }
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/", "", 200, `"Suspended":21`},
		{"POST", "/arrive", `{"kind":"web","count":2}`, 200, `{"ids":["`},
		{"POST", "/arrive", ``, 200, `{"ids":["`},
		{"POST", "/arrive", `{"kind":"nope"}`, 404, "not found"},
		{"POST", "/arrive", `{`, 400, "error"},
		{"POST", "/decide", `{` + instance("web01") + `,"identity":"EXAMPLE\\carol","approve":true,"comment":"fine"}`, 204, ""},
		{"POST", "/decide", `{` + instance("web01") + `,"identity":"EXAMPLE\\dave","approve":true}`, 409, "it is Complete"},
		{"POST", "/decide", `{` + instance("web01") + `,"identity":"EXAMPLE\\ghost","approve":true}`, 404, "no account"},
		{"POST", "/decide", `{"approve":true}`, 400, "either instance or request"},
		{"POST", "/decide", `{"request":23,"identity":"EXAMPLE\\carol","approve":false,"comment":"no"}`, 204, ""},
		{"GET", "/decisions", "", 200, `"comment":"no"`},
		{"GET", "/signals", "", 200, `"comment":"fine"`},
		{"GET", "/requests", "", 200, `"state":"Denied"`},
		{"POST", "/stop", `{` + instance("pinned") + `}`, 204, ""},
		{"POST", "/restart", `{` + instance("pfx") + `}`, 200, `{"id":"`},
		{"POST", "/delete", `{` + instance("weak-key") + `}`, 204, ""},
		{"POST", "/delete", `{` + instance("weak-key") + `}`, 404, "not found"},
		{"POST", "/fail-later", `{` + instance("mismatch") + `,"message":"boom"}`, 204, ""},
		{"POST", "/change", `{` + instance("self") + `,"title":"new title","current":{"Subject":"CN=x"}}`, 204, ""},
		{"GET", "/instances/" + keyfactorsim.InstanceID("self"), "", 200, `"title":"new title"`},
		{"GET", "/instances", "", 200, `"status":"CanceledForRestart"`},
		{"POST", "/permissions", `{"identity":"EXAMPLE\\erin","roles":["Auditors"]}`, 204, ""},
		{"PUT", "/faults", `[{"kind":"latency","latency_ms":1}]`, 204, ""},
		{"GET", "/faults", "", 200, `"kind":"latency"`},
		{"PUT", "/faults", `[{"kind":"nope"}]`, 400, "no kind"},
		{"DELETE", "/faults", "", 204, ""},
		{"PUT", "/switches", `{"status_as":"int"}`, 204, ""},
		{"GET", "/switches", "", 200, `"status_as":"int"`},
		{"PUT", "/switches", `{"status_as":"roman"}`, 400, "status_as"},
		{"POST", "/poke", ``, 204, ""},
		{"POST", "/expire-tokens", ``, 204, ""},
		{"POST", "/reset", ``, 204, ""},
		{"GET", "/", "", 200, `"Suspended":21`},
	} {
		got := s.control(test.method, test.path, test.body)
		require.Equal(t, test.status, got.status, "%s %s: %s", test.method, test.path, got.body)
		require.Contains(t, got.body, test.says, "%s %s", test.method, test.path)
	}
}

// A web page that a person happens to have open must not be able to drive the simulator.
func TestControlAndPortalRefuseOtherSites(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	for _, path := range []string{"/_sim/reset", "/KeyfactorPortal/Workflow/Instances/" + web01ID} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, nil)
		require.NoError(t, err)
		r.Header.Set("Origin", "https://evil.example.net")
		got, err := s.send(r)
		require.NoError(t, err)
		require.Equal(t, 403, got.status)
	}
}

func TestPortal(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	page := func(path string) string {
		t.Helper()
		got, err := s.send(mustRequest(t, http.MethodGet, s.url+path, ""))
		require.NoError(t, err)
		require.Equal(t, 200, got.status)
		return got.body
	}
	require.Contains(t, page("/"), "CN=web01.example.com")
	list := page("/KeyfactorPortal")
	require.Contains(t, list, "&lt;!channel&gt;")
	require.NotContains(t, list, "<!channel>")
	one := page("/keyfactorportal/Workflow/Instances/" + keyfactorsim.InstanceID("hostile"))
	require.NotContains(t, one, "<script>")
	require.Contains(t, one, "&lt;script&gt;")
	require.Contains(t, page("/KeyfactorPortal/anything/else"), "Waiting")

	form := url.Values{"identity": {`EXAMPLE\carol`}, "verdict": {"approve"}, "comment": {"seen"}}
	r := mustRequest(t, http.MethodPost, s.url+"/KeyfactorPortal/Workflow/Instances/"+web01ID, form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got, err := s.send(r)
	require.NoError(t, err)
	require.Contains(t, got.body, "Recorded.")
	require.Equal(t, "Complete", s.instance("web01").Status)
	require.Equal(t, "seen", s.Signals()[0].Comment)
}

func mustRequest(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	return r
}

package keyfactorsim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

func TestPathsAndHeaders(t *testing.T) {
	s := start(t, keyfactorsim.Config{BasePath: "/pki/api/"})
	call := func(path string, change func(*http.Request)) reply {
		t.Helper()
		r := s.request(http.MethodGet, "", bot, "")
		u, err := url.Parse(s.url + path)
		require.NoError(t, err)
		r.URL = u
		if change != nil {
			change(r)
		}
		got, err := s.send(r)
		require.NoError(t, err)
		return got
	}
	for _, path := range []string{"/pki/api/Status/Endpoints", "/PKI/API/status/endpoints", "/Keyfactor/API/Status/Endpoints", "/keyfactor/api/STATUS/Endpoints/"} {
		got := call(path, nil)
		require.Equal(t, 200, got.status, path)
		require.Equal(t, "25.1.1.0", got.header.Get("x-keyfactor-product-version"))
		require.Contains(t, got.body, `"GET /Workflow/Instances/AssignedToMe"`)
		require.NotContains(t, got.body, "/Stop")
	}
	require.Equal(t, 404, call("/KeyfactorAPI/Status/Endpoints", nil).status)
	require.Equal(t, 404, call("/pki/apix/Status/Endpoints", nil).status)
	unknown := call("/pki/api/Nothing", nil)
	require.Equal(t, 404, unknown.status)
	require.Contains(t, unknown.body, `"Message"`)

	for name, test := range map[string]struct {
		header, value string
		status        int
	}{
		"no requested-with":      {"x-keyfactor-requested-with", "", 400},
		"unknown requested-with": {"x-keyfactor-requested-with", "curl", 400},
		"XMLHttpRequest":         {"x-keyfactor-requested-with", "XMLHttpRequest", 200},
		"version 1":              {"x-keyfactor-api-version", "1", 200},
		"version 1.0":            {"x-keyfactor-api-version", "1.0", 200},
		"version 2":              {"x-keyfactor-api-version", "2", 400},
		"version 9":              {"x-keyfactor-api-version", "9", 400},
	} {
		got := call("/pki/api/Workflow/Instances/AssignedToMe", func(r *http.Request) { r.Header.Set(test.header, test.value) })
		require.Equal(t, test.status, got.status, name)
	}
	got := call("/pki/api/Workflow/Instances", func(r *http.Request) { r.Method = http.MethodPut })
	require.Equal(t, 405, got.status)
	require.Equal(t, "GET", got.header.Get("Allow"))
	got = call("/pki/api/Status/HealthCheck", func(r *http.Request) { r.Header = http.Header{} })
	require.Equal(t, 204, got.status, "anonymous")
	require.Equal(t, keyfactorsim.Addresses{API: "https://h/pki/api", Portal: "https://h/KeyfactorPortal", Token: "https://h/realms/Keyfactor/protocol/openid-connect/token", Control: "https://h/_sim/"}, s.URLs("https://h/"))
}

func TestCredentials(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	with := func(change func(*http.Request)) reply {
		t.Helper()
		r := s.request(http.MethodGet, "/Workflow/Instances/AssignedToMe", bot, "")
		r.Header.Del("Authorization")
		change(r)
		got, err := s.send(r)
		require.NoError(t, err)
		return got
	}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	require.Equal(t, 200, with(func(r *http.Request) { r.SetBasicAuth(`example\SVC-approvebot`, "approve-me") }).status)
	require.Equal(t, 200, with(func(r *http.Request) { r.SetBasicAuth(`svc-approvebot@example.com`, "approve-me") }).status)
	require.Equal(t, 200, with(bearer("approve-me-token")).status)
	wrong := with(func(r *http.Request) { r.SetBasicAuth(bot, "wrong") })
	require.Equal(t, 401, wrong.status)
	require.Contains(t, wrong.header.Get("Content-Type"), "text/html")
	require.Equal(t, 401, with(func(*http.Request) {}).status)
	require.Equal(t, 401, with(func(r *http.Request) { r.SetBasicAuth(`EXAMPLE\svc-web`, "") }).status)
	stale := with(bearer("stale"))
	require.Equal(t, 401, stale.status)
	require.Empty(t, stale.body)

	grant := func(form url.Values, basic bool) reply {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URLs(s.url).Token, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if basic {
			r.SetBasicAuth("approvebot", "approve%2Dme")
		}
		got, err := s.send(r)
		require.NoError(t, err)
		return got
	}
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {"approvebot"}, "client_secret": {"approve-me"}, "scope": {"openid"}}
	for name, basic := range map[string]bool{"form": false, "header": true} {
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}
		if !basic {
			form = good
		}
		got := grant(form, basic)
		require.Equal(t, 200, got.status, "%s: %s", name, got.body)
		var token struct {
			AccessToken string `json:"access_token"`
			TokenType   string `json:"token_type"`
			ExpiresIn   int    `json:"expires_in"`
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &token))
		require.Equal(t, "Bearer", token.TokenType)
		require.Equal(t, 300, token.ExpiresIn)
		require.Equal(t, 200, with(bearer(token.AccessToken)).status)
		s.clock.advance(5 * time.Minute)
		require.Equal(t, 401, with(bearer(token.AccessToken)).status, "it has expired")
	}
	bad := grant(url.Values{"grant_type": {"client_credentials"}, "client_id": {"approvebot"}, "client_secret": {"no"}}, false)
	require.Equal(t, 401, bad.status)
	require.Contains(t, bad.body, `"error":"invalid_client"`)
	bad = grant(url.Values{"grant_type": {"password"}}, false)
	require.Equal(t, 400, bad.status)
	require.Contains(t, bad.body, "unsupported_grant_type")
}

package keyfactor_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/keyfactor"
)

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func header(name, value string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(name, value)
		h(w, r)
	}
}

// sentinels are all that a caller tells apart; every error answers to one of them only.
var sentinels = []error{
	approval.ErrUnauthorized, approval.ErrForbidden, approval.ErrNotFound, approval.ErrSettled,
	approval.ErrRefused, approval.ErrMaybe, approval.ErrUnavailable,
}

func requireOnly(t *testing.T, err, want error) {
	t.Helper()
	require.Error(t, err)
	for _, s := range sentinels {
		require.Equal(t, s == want, errors.Is(err, s), "%v is %v", err, s)
	}
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "<html")
}

// TestWhatIsCertain is the table in the package comment.
func TestWhatIsCertain(t *testing.T) {
	const refusal = `{"ErrorCode":"0xA0110031","Message":"The step has been\ndecided <b>already"}`
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		get, post error
	}{
		"cut after sending":         {cut, approval.ErrUnavailable, approval.ErrMaybe},
		"answer cut":                {halfway, approval.ErrUnavailable, approval.ErrMaybe},
		"200 with a web page":       {page(200), approval.ErrUnavailable, approval.ErrMaybe},
		"redirect to a login":       {header("Location", "https://login.example.com/?s=hunter2", say(302, "")), approval.ErrUnavailable, approval.ErrMaybe},
		"400":                       {say(400, strings.ReplaceAll(refusal, "<b>", "")), approval.ErrRefused, approval.ErrRefused},
		"400 empty":                 {say(400, ""), approval.ErrRefused, approval.ErrRefused},
		"400 web page":              {page(400), approval.ErrRefused, approval.ErrRefused},
		"401":                       {page(401), approval.ErrUnauthorized, approval.ErrUnauthorized},
		"403":                       {say(403, `{"Message":"no"}`), approval.ErrForbidden, approval.ErrForbidden},
		"403 empty":                 {say(403, ``), approval.ErrForbidden, approval.ErrForbidden},
		"403 by a proxy":            {page(403), approval.ErrUnavailable, approval.ErrUnavailable},
		"404":                       {say(404, `{"Message":"no"}`), approval.ErrNotFound, approval.ErrNotFound},
		"404 by a proxy":            {say(404, `404 page not found`), approval.ErrUnavailable, approval.ErrUnavailable},
		"404 by IIS":                {page(404), approval.ErrUnavailable, approval.ErrUnavailable},
		"408":                       {say(408, ``), approval.ErrUnavailable, approval.ErrMaybe},
		"409":                       {say(409, `{}`), approval.ErrRefused, approval.ErrRefused},
		"429":                       {header("Retry-After", "7", say(429, ``)), approval.ErrUnavailable, approval.ErrUnavailable},
		"500":                       {page(500), approval.ErrUnavailable, approval.ErrMaybe},
		"502":                       {page(502), approval.ErrUnavailable, approval.ErrMaybe},
		"503":                       {say(503, ``), approval.ErrUnavailable, approval.ErrMaybe},
		"503 with Retry-After":      {header("Retry-After", "7", say(503, ``)), approval.ErrUnavailable, approval.ErrMaybe},
		"504":                       {page(504), approval.ErrUnavailable, approval.ErrMaybe},
		"a status nobody ever sees": {say(599, ``), approval.ErrUnavailable, approval.ErrMaybe},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{detail: c.answer, signals: c.answer})
			k := client(t, config(s.URL))

			_, err := k.Instance(t.Context(), instanceID)
			requireOnly(t, err, c.get)

			err = k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
			if name == "answer cut" || err != nil {
				requireOnly(t, err, c.post)
			}
			require.Equal(t, 1, s.count(signals), "a POST goes out once")

			var e *keyfactor.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "POST", e.Method)
			require.Equal(t, "/Workflow/Instances/"+instanceID+"/Signals", e.Path)
			switch name {
			case "400":
				require.Equal(t, "0xA0110031", e.Code)
				require.Equal(t, "The step has been decided already", e.Message)
			case "429", "503 with Retry-After":
				var wait approval.RetryAfter
				require.ErrorAs(t, err, &wait)
				require.Equal(t, 7*time.Second, wait.RetryAfter())
			}
		})
	}
}

func TestTextOfOthersIsNotRepeatedWholesale(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(400, `{"ErrorCode":7,"Message":"`+strings.Repeat("long ", 1000)+`","FailedOperations":[{"Reason":"r"}]}`)})
	_, err := client(t, config(s.URL)).Instance(t.Context(), instanceID)
	require.ErrorContains(t, err, "400 7: long long")
	require.Less(t, len(err.Error()), 500)

	s.set(detail, say(400, `"just a text"`))
	_, err = client(t, config(s.URL)).Instance(t.Context(), instanceID)
	require.ErrorContains(t, err, "400: just a text")
}

// Calls that fail before their body is read have certainly not arrived.
func TestNothingWasSent(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	plain := httptest.NewServer(http.NotFoundHandler()) // speaks no TLS
	t.Cleanup(plain.Close)

	for name, base := range map[string]string{
		"refused":       refusing.URL,
		"untrusted":     untrusted.URL,
		"TLS to no TLS": strings.Replace(plain.URL, "http:", "https:", 1),
		"no such host":  "http://keyfactor.invalid",
		"no such port":  "http://127.0.0.1:0",
	} {
		t.Run(name, func(t *testing.T) {
			k := client(t, config(base))
			err := k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
			requireOnly(t, err, approval.ErrUnavailable)
			_, err = k.Instance(t.Context(), instanceID)
			requireOnly(t, err, approval.ErrUnavailable)
		})
	}

	t.Run("cancelled before", func(t *testing.T) {
		s := serve(t, map[string]http.HandlerFunc{signals: say(http.StatusNoContent, "")})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := client(t, config(s.URL)).Signal(ctx, instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
		requireOnly(t, err, approval.ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, s.calls)
	})

	t.Run("timed out while connecting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := config("http://kf.example.com")
			over := make(chan struct{})
			defer close(over)
			c.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				<-over
				return nil, net.ErrClosed
			}}
			started := time.Now()
			err := client(t, c).Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
			requireOnly(t, err, approval.ErrUnavailable)
			require.Equal(t, keyfactor.DefaultTimeout, time.Since(started))
		})
	})
}

// Calls that end after their body is read may have arrived, whatever ends them.
func TestSentWithoutAnAnswer(t *testing.T) {
	swallow := roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for name, limit := range map[string]time.Duration{"the caller's deadline": time.Second, "the time for one attempt": time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := config("http://kf.example.com")
			c.Transport = swallow
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			err := client(t, c).Signal(ctx, instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
			requireOnly(t, err, approval.ErrMaybe)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, limit == time.Hour, strings.Contains(err.Error(), "time for one attempt"), "%s: %v", name, err)
		})
	}
}

// A transport that is still busy when the caller has given up must not send
// the body afterwards, because the caller has been told that nothing was sent.
func TestGivenUpMeansNothingGoesOutLater(t *testing.T) {
	late := make(chan *http.Request, 1)
	c := config("http://kf.example.com")
	c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		late <- r
		return nil, errors.New("given up")
	})
	err := client(t, c).Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
	requireOnly(t, err, approval.ErrUnavailable)
	n, err := (<-late).Body.Read(make([]byte, 10))
	require.Zero(t, n)
	require.Error(t, err)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// pauses runs a GET against answers given in turn and returns when each was asked for.
func pauses(t *testing.T, change func(*keyfactor.Config), answers ...*http.Response) (at []time.Duration, err error) {
	t.Helper()
	started := time.Now()
	c := config("http://kf.example.com")
	c.RetryWaitMin, c.RetryWaitMax = time.Second, 10*time.Second
	c.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		at = append(at, time.Since(started))
		if a := answers[min(len(at), len(answers))-1]; a != nil {
			return a, nil
		}
		return nil, errors.New("connection reset")
	})
	if change != nil {
		change(&c)
	}
	_, err = client(t, c).Endpoints(t.Context())
	return at, err
}

func TestGETIsRepeatedWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, err := pauses(t, nil, nil, response(500, "", nil), response(502, "<html>", nil), response(200, `[]`, nil))
		require.NoError(t, err)
		require.Len(t, at, 4)
		for i, full := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			pause := at[i+1] - at[i]
			require.GreaterOrEqual(t, pause, full/2)
			require.LessOrEqual(t, pause, full)
		}
	})
}

func TestGETPatienceEndsWithTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, err := pauses(t, nil, response(503, "", nil), response(503, "", nil), response(503, "", nil),
			response(500, `{"ErrorCode":"0xA","Message":"the database is away"}`, nil))
		require.Len(t, at, 4)
		require.ErrorContains(t, err, "500 0xA: the database is away")

		at, err = pauses(t, func(c *keyfactor.Config) { c.RetryMax = -1 }, response(503, "", nil))
		require.Len(t, at, 1)
		require.ErrorIs(t, err, approval.ErrUnavailable)
	})
}

func TestGETHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, err := pauses(t, nil, response(429, "", http.Header{"Retry-After": {"7"}}), response(200, `[]`, nil))
		require.NoError(t, err)
		require.Equal(t, 7*time.Second, at[1])

		date := time.Now().Add(5 * time.Second).UTC().Format(http.TimeFormat)
		at, err = pauses(t, nil, response(503, "", http.Header{"Retry-After": {date}}), response(200, `[]`, nil))
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, at[1])

		// Longer than we sit and wait: the caller plans for it.
		at, err = pauses(t, nil, response(429, "", http.Header{"Retry-After": {"3600"}}))
		require.Len(t, at, 1)
		var wait approval.RetryAfter
		require.ErrorAs(t, err, &wait)
		require.Equal(t, time.Hour, wait.RetryAfter())
	})
}

func TestGETDeadlineWhileWaitingTellsTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		c := config("http://kf.example.com")
		c.RetryWaitMin, c.RetryWaitMax = time.Second, 10*time.Second
		c.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return response(503, "", http.Header{"Retry-After": {"9"}}), nil
		})
		_, err := client(t, c).Endpoints(ctx)
		requireOnly(t, err, approval.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "503")
		var wait approval.RetryAfter
		require.ErrorAs(t, err, &wait)
		require.Equal(t, 9*time.Second, wait.RetryAfter())
	})
}

func TestGETIsNotRepeatedWhereThatCannotHelp(t *testing.T) {
	for _, status := range []int{302, 400, 401, 403, 404, 501} {
		at, err := pauses(t, nil, response(status, "{}", nil))
		require.Error(t, err)
		require.Len(t, at, 1, "%d", status)
	}
}

// identity is a provider of access tokens whose tokens the API may stop accepting.
type identity struct {
	*server
	token    string // accepted by the API
	handedTo int
}

func newIdentity(t *testing.T) (*identity, keyfactor.Config) {
	i := &identity{token: "t1"}
	i.server = serve(t, map[string]http.HandlerFunc{})
	guard := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+i.token {
				page(http.StatusUnauthorized)(w, r)
				return
			}
			h(w, r)
		}
	}
	i.set(signals, guard(say(http.StatusNoContent, "")))
	i.set("GET /KeyfactorAPI/Status/Endpoints", guard(say(http.StatusOK, "[]")))
	// The identity provider is another server and wants none of our headers.
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		require.Equal(t, "approvebot/hunter2", id+"/"+password)
		require.Equal(t, "client_credentials openid kf https://kf", strings.Join([]string{r.FormValue("grant_type"), r.FormValue("scope"), r.FormValue("audience")}, " "))
		i.mu.Lock()
		i.handedTo++
		i.mu.Unlock()
		say(200, `{"access_token":"`+i.token+`","token_type":"Bearer","expires_in":300}`)(w, r)
	}))
	t.Cleanup(idp.Close)
	c := config(i.URL)
	c.Auth = keyfactor.OAuth{TokenURL: idp.URL + "/token", ClientID: "approvebot", ClientSecret: secret.New("hunter2"), Scopes: []string{"openid", "kf"}, Audience: "https://kf"}
	return i, c
}

func TestOAuthTokenIsKeptAndRenewed(t *testing.T) {
	i, c := newIdentity(t)
	now := time.Now()
	c.Now = func() time.Time { return now }
	k := client(t, c)
	for range 3 {
		_, err := k.Endpoints(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, 1, i.handedTo)

	now = now.Add(5*time.Minute - 29*time.Second) // shortly before it expires
	_, err := k.Endpoints(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, i.handedTo)
}

func TestOAuthOneMoreTryAfter401(t *testing.T) {
	i, c := newIdentity(t)
	k := client(t, c)
	_, err := k.Endpoints(t.Context())
	require.NoError(t, err)

	// The token is revoked: a POST goes again with a new one, because a 401 did nothing.
	i.token = "t2"
	require.NoError(t, k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus", Comment: "whole"}))
	require.Equal(t, 2, i.count(signals))
	require.Contains(t, i.sent(signals), "whole")
	require.Equal(t, 2, i.handedTo)

	i.token = "t3"
	_, err = k.Endpoints(t.Context())
	require.NoError(t, err)

	// A fresh token that is not accepted either ends it.
	i.set(signals, page(http.StatusUnauthorized))
	err = k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
	requireOnly(t, err, approval.ErrUnauthorized)
	require.Equal(t, 4, i.count(signals))
}

func TestOAuthProviderTroubleSendsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   error
		says   string
	}{
		"wrong secret":   {say(401, `{"error":"invalid_client","error_description":"Invalid client credentials"}`), approval.ErrUnauthorized, "invalid_client Invalid client credentials"},
		"wrong scope":    {say(400, `{"error":"invalid_scope"}`), approval.ErrUnauthorized, "invalid_scope"},
		"provider down":  {page(503), approval.ErrUnavailable, "status 503"},
		"provider cut":   {cut, approval.ErrUnavailable, "access token"},
		"not a token":    {say(200, `{"hunter2":1}`), approval.ErrUnavailable, "access token"},
		"page for token": {page(200), approval.ErrUnavailable, "access token"},
	} {
		t.Run(name, func(t *testing.T) {
			i, conf := newIdentity(t)
			idp := httptest.NewServer(c.answer)
			t.Cleanup(idp.Close)
			auth := conf.Auth.(keyfactor.OAuth)
			auth.TokenURL = idp.URL
			conf.Auth = auth
			err := client(t, conf).Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
			requireOnly(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			require.Zero(t, i.count(signals))
		})
	}
}

func TestBearerToken(t *testing.T) {
	i, c := newIdentity(t)
	c.Auth = keyfactor.Bearer{Token: secret.New("t1")}
	k := client(t, c)
	_, err := k.Endpoints(t.Context())
	require.NoError(t, err)
	i.token = "t2"
	err = k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "A.ApprovalStatus"})
	requireOnly(t, err, approval.ErrUnauthorized)
	require.Equal(t, 1, i.count(signals), "no other token can be had")
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Authorization")) }))
	t.Cleanup(other.Close)
	s := serve(t, map[string]http.HandlerFunc{detail: header("Location", other.URL+"/?q=hunter2", say(307, ""))})
	_, err := client(t, config(s.URL)).Instance(t.Context(), instanceID)
	requireOnly(t, err, approval.ErrUnavailable)
	require.ErrorContains(t, err, "redirected to http://127.0.0.1")
	require.Empty(t, got)
}

func TestLogTellsCallsAndNoSecrets(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	s := serve(t, map[string]http.HandlerFunc{mine: say(200, "[]"), detail: cut})
	c := config(s.URL)
	c.Log, c.InsecureSkipVerify = zap.New(core), true
	k := client(t, c)
	collect(t, k.AssignedToMe(t.Context(), keyfactor.ListOptions{Query: `Title -contains "private"`}))
	_, _ = k.Instance(t.Context(), instanceID)
	require.Equal(t, 1, logs.FilterMessageSnippet("not verified").Len())
	require.Equal(t, 2, logs.FilterMessage("called").Len())
	for _, e := range logs.All() {
		for _, f := range e.Context {
			require.NotContains(t, f.String+errorText(f.Interface), "hunter2")
			require.NotContains(t, f.String+errorText(f.Interface), "private")
		}
	}
}

func errorText(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return ""
}

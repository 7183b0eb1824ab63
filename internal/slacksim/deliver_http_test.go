package slacksim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestTheSignatureOfTheVector(t *testing.T) {
	require.Equal(t, "v0=8ff64a276b74f3bfc205d8b1fdf8b29d2be346bc136af509b33bab6d090ef061",
		slacksim.Sign("test-signing-secret", 1700000000, []byte("payload=%7B%22type%22%3A%22block_actions%22%7D")))
}

// app is an app that takes HTTP deliveries and remembers them.
type app struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
	answer   func(n int, r *http.Request, rw http.ResponseWriter) // n counts from 0
}

type received struct {
	path   string
	header http.Header
	body   string
	form   map[string][]string
	verify error
}

func newApp(t *testing.T, secret string, answer func(int, *http.Request, http.ResponseWriter)) *app {
	t.Helper()
	a := &app{answer: answer}
	a.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		verifier, err := slack.NewSecretsVerifier(r.Header, secret)
		if err == nil {
			_, _ = verifier.Write(body)
			err = verifier.Ensure()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_ = r.ParseForm()
		a.mu.Lock()
		n := len(a.requests)
		a.requests = append(a.requests, received{r.URL.Path, r.Header.Clone(), string(body), r.PostForm, err})
		a.mu.Unlock()
		if a.answer != nil {
			a.answer(n, r, rw)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *app) got() []received {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]received{}, a.requests...)
}

const secret = "a-secret"

func overHTTP(t *testing.T, answer func(int, *http.Request, http.ResponseWriter), change ...func(*slacksim.Config)) (*house, *app) {
	t.Helper()
	a := newApp(t, secret, answer)
	h := open(t, append(change, func(c *slacksim.Config) {
		c.SigningSecret, c.RequestURL = secret, a.URL+"/"
	})...)
	return h, a
}

func TestInteractionsAreSignedForms(t *testing.T) {
	h, a := overHTTP(t, nil)
	ts := h.postCard(t)
	res := h.approve(t, "ada", ts)
	require.True(t, res.Acknowledged, "%+v", res)
	require.Equal(t, http.StatusOK, res.Status)
	got := a.got()[0]
	require.Equal(t, "/slack/interactivity", got.path)
	require.NoError(t, got.verify)
	var cb slack.InteractionCallback
	require.NoError(t, json.Unmarshal([]byte(got.form["payload"][0]), &cb))
	require.Equal(t, "req-1", cb.ActionCallback.BlockActions[0].Value)
	status, _ := post(t, cb.ResponseURL, `{"text":"thanks"}`)
	require.Equal(t, http.StatusOK, status)

	require.Equal(t, true, h.openModal(t, res.TriggerID)["ok"])
	require.True(t, h.Submit(t.Context(), "ada", h.Views("ada")[0].ID, slacksim.Values{}.Text("why", "text", "fine")).Closed)
	require.Contains(t, a.got()[1].body, "view_submission")
}

func TestCommandsOverHTTP(t *testing.T) {
	h, a := overHTTP(t, func(_ int, _ *http.Request, rw http.ResponseWriter) { _, _ = rw.Write([]byte("plain words")) })
	res := h.Command(t.Context(), "ada", "general", "/approvebot list")
	require.Empty(t, res.Error)
	require.Equal(t, "plain words", h.Ephemerals("ada")[0].Text)
	form := a.got()[0].form
	require.Equal(t, "list", form["text"][0])
	require.Equal(t, "general", form["channel_name"][0])
	require.NoError(t, a.got()[0].verify)
	_, err := h.CheckSSL(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1", a.got()[1].form["ssl_check"][0])
}

func TestErrorsAndSlownessAreSeen(t *testing.T) {
	release := make(chan struct{})
	h, _ := overHTTP(t, func(n int, r *http.Request, rw http.ResponseWriter) {
		if n < 2 {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, quick)
	defer close(release)
	ts := h.postCard(t)
	res := h.approve(t, "ada", ts)
	require.Equal(t, slacksim.Refused, res.Fate)
	require.Equal(t, http.StatusUnauthorized, res.Status)
	require.NotEmpty(t, res.Error)
	require.Contains(t, h.Command(t.Context(), "ada", "general", "/approvebot").Error, "http_service_error")
	require.Equal(t, slacksim.TimedOut, h.approve(t, "ada", ts).Fate)
	require.Contains(t, h.Command(t.Context(), "ada", "general", "/approvebot").Error, "operation_timeout")
	h.SetRequestURL("http://127.0.0.1:1")
	require.Equal(t, slacksim.Failed, h.approve(t, "ada", ts).Fate)
}

func TestEventsAreRepeatedWithHeaders(t *testing.T) {
	h, a := overHTTP(t, func(n int, _ *http.Request, rw http.ResponseWriter) {
		if n < 3 {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}, quick)
	require.Equal(t, slacksim.Refused, h.OpenHome(t.Context(), "ada").Fate)
	require.NoError(t, h.WaitFor(short(t), func() bool { return len(h.Deliveries()) == 4 }))
	got := a.got()
	require.Len(t, got, 4)
	require.Empty(t, got[0].header.Get("X-Slack-Retry-Num"))
	for n, r := range got {
		require.Equal(t, "/slack/events", r.path)
		require.Equal(t, got[0].body, r.body, "the same event_id")
		require.NoError(t, r.verify)
		if n > 0 {
			require.Equal(t, strconv.Itoa(n), r.header.Get("X-Slack-Retry-Num"))
			require.Equal(t, "http_error", r.header.Get("X-Slack-Retry-Reason"))
		}
	}
}

func TestNoRetryIsHeeded(t *testing.T) {
	h, a := overHTTP(t, func(_ int, _ *http.Request, rw http.ResponseWriter) {
		rw.Header().Set("X-Slack-No-Retry", "1")
		rw.WriteHeader(http.StatusInternalServerError)
	}, quick)
	h.OpenHome(t.Context(), "ada")
	h.Close()
	require.Len(t, a.got(), 1)
}

func TestURLVerification(t *testing.T) {
	h, _ := overHTTP(t, func(_ int, r *http.Request, rw http.ResponseWriter) {
		var p struct{ Challenge string }
		_ = json.NewDecoder(r.Body).Decode(&p)
		_, _ = rw.Write([]byte(p.Challenge))
	})
	_, err := h.VerifyURL(t.Context())
	require.NoError(t, err)
	h, _ = overHTTP(t, nil)
	_, err = h.VerifyURL(t.Context())
	require.ErrorContains(t, err, "not the challenge")
}

func TestBadSignaturesOnDemand(t *testing.T) {
	h, a := overHTTP(t, nil)
	ts := h.postCard(t)
	for _, kind := range []slacksim.Kind{slacksim.WrongSignature, slacksim.OldTimestamp, slacksim.Replay} {
		require.NoError(t, h.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "deliver.interactive", Kind: kind, Count: 1}}}))
		require.True(t, h.approve(t, "ada", ts).Acknowledged)
	}
	got := a.got()
	require.Len(t, got, 4)
	require.ErrorIs(t, got[0].verify, slack.ErrInvalidSignature)
	require.ErrorIs(t, got[1].verify, slack.ErrExpiredTimestamp)
	require.NoError(t, got[2].verify)
	require.Equal(t, got[2].body, got[3].body)
	require.Equal(t, got[2].header.Get("X-Slack-Signature"), got[3].header.Get("X-Slack-Signature"))
	stamp, err := strconv.ParseInt(got[2].header.Get("X-Slack-Request-Timestamp"), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(stamp, 0), time.Minute)
}

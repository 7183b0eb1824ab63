package slacksim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

func TestFaultsOfCalls(t *testing.T) {
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	for name, row := range map[string]struct {
		fault slacksim.Fault
		want  string // in the error
		acted bool
	}{
		"429":               {slacksim.Fault{Kind: slacksim.RateLimited, RetryAfter: 7}, "retry after 7s", false},
		"503":               {slacksim.Fault{Kind: slacksim.Status}, "503", false},
		"502 after acting":  {slacksim.Fault{Kind: slacksim.Status, Status: 502, After: true}, "502", true},
		"HTML":              {slacksim.Fault{Kind: slacksim.HTML}, "invalid character '<'", false},
		"HTML after acting": {slacksim.Fault{Kind: slacksim.HTML, After: true}, "invalid character '<'", true},
		"cut before":        {slacksim.Fault{Kind: slacksim.CutBefore}, "EOF", false},
		"cut after":         {slacksim.Fault{Kind: slacksim.CutAfter}, "EOF", true},
		"not ok":            {slacksim.Fault{Kind: slacksim.NotOK}, "", false},
		"fatal_error":       {slacksim.Fault{Kind: slacksim.FatalError}, "fatal_error", true},
		"any error":         {slacksim.Fault{Kind: slacksim.Error, Error: "ekm_access_denied"}, "ekm_access_denied", false},
		"error after":       {slacksim.Fault{Kind: slacksim.Error, Error: "internal_error", After: true}, "internal_error", true},
	} {
		t.Run(name, func(t *testing.T) {
			row.fault.Method, row.fault.Count = "chat.*", 1
			require.NoError(t, h.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{row.fault}}))
			before := len(h.Messages(ch))
			_, ts, err := h.client.PostMessage(ch, slack.MsgOptionText("x", false))
			if row.want == "" {
				require.Empty(t, ts)
			} else {
				require.ErrorContains(t, err, row.want)
			}
			acted := len(h.Messages(ch)) > before
			require.Equal(t, row.acted, acted)
			_, _, err = h.client.PostMessage(ch, slack.MsgOptionText("x", false))
			require.NoError(t, err, "once only")
		})
	}
}

func TestLatency(t *testing.T) {
	h := open(t)
	require.NoError(t, h.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "auth.test", Kind: slacksim.Latency, LatencyMS: 30, Count: 1}}}))
	began := time.Now()
	_, err := h.client.AuthTest()
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
}

func TestASeedMakesChanceRepeatable(t *testing.T) {
	h := open(t)
	run := func() (pattern string) {
		require.NoError(t, h.SetFaults(slacksim.Faults{Seed: 7, Rules: []slacksim.Fault{{Method: "auth.test", Kind: slacksim.Error, Error: "x", Probability: 0.5}}}))
		for range 40 {
			_, err := h.client.AuthTest()
			pattern += fmt.Sprint(err == nil)
		}
		return pattern
	}
	first := run()
	require.Equal(t, first, run())
	require.Contains(t, first, "true")
	require.Contains(t, first, "false")
}

func TestTokenStatesAndMissingScopes(t *testing.T) {
	h := open(t)
	for state, want := range map[string]string{"revoked": "token_revoked", "expired": "token_expired", "inactive": "account_inactive"} {
		require.NoError(t, h.SetFaults(slacksim.Faults{Token: state}))
		_, err := h.client.AuthTest()
		require.EqualError(t, err, want)
	}
	require.NoError(t, h.SetFaults(slacksim.Faults{MissingScopes: []string{"chat:write"}}))
	_, _, err := h.client.PostMessage(h.ChannelID("general"), slack.MsgOptionText("x", false))
	require.ErrorContains(t, err, "missing_scope")
	require.NoError(t, h.SetFaults(slacksim.Faults{AppToken: "revoked"}))
	_, err = h.client.AuthTest()
	require.NoError(t, err)
	require.NoError(t, h.SetFaults(slacksim.Faults{AppScopes: []string{"authorizations:read"}}))
	_, _, err = h.client.StartSocketModeContext(t.Context())
	require.ErrorContains(t, err, "missing_scope")
	require.NoError(t, h.SetFaults(slacksim.Faults{AppTokenApp: "A0OTHER"}))
	_, address, err := h.client.StartSocketModeContext(t.Context())
	require.NoError(t, err)
	require.Contains(t, address, "app_id=A0OTHER")
}

func TestFaultsByJSON(t *testing.T) {
	h := open(t)
	ts := h.postCard(t)
	status, body := post(t, h.url+"/_sim/faults", `{"rules":[{"method":"auth.test","kind":"status","status":500,"count":2}],
	 "do":[{"act":"archive","channel":"#pki-approvals"},{"act":"remove_bot","channel":"pki-private"},{"act":"delete_message","channel":"pki-approvals","ts":"`+ts+`"}]}`)
	require.Equal(t, http.StatusOK, status, body)
	_, err := h.client.AuthTest()
	require.ErrorContains(t, err, "500")
	_, _, err = h.client.PostMessage(h.ChannelID("pki-approvals"), slack.MsgOptionText("x", false))
	require.EqualError(t, err, "is_archived")
	_, _, err = h.client.PostMessage(h.ChannelID("pki-private"), slack.MsgOptionText("x", false))
	require.EqualError(t, err, "channel_not_found")
	require.Empty(t, h.Messages("pki-approvals"))

	resp, err := http.Get(h.url + "/_sim/faults")
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"rules":[{"method":"auth.test","kind":"status","status":500,"count":1}]}`, string(raw))

	for _, wrong := range []string{`{"rules":[{"method":"x","kind":"gremlin"}]}`, `{"rulez":[]}`, `{"token":"lost"}`, `{"do":[{"act":"dance"}]}`, `{"rules":[{"method":"[","kind":"status"}]}`, `{`} {
		status, _ = post(t, h.url+"/_sim/faults", wrong)
		require.Equal(t, http.StatusBadRequest, status, wrong)
	}
}

func TestRateLimits(t *testing.T) {
	at := newClock()
	h := open(t, func(c *slacksim.Config) {
		c.Now, c.RateLimits = at.Now, true
	})
	say := func(channel string) error {
		_, _, err := h.client.PostMessage(h.ChannelID(channel), slack.MsgOptionText("x", false))
		return err
	}
	for range 5 {
		require.NoError(t, say("pki-approvals"), "a burst passes")
	}
	var limited *slack.RateLimitedError
	require.ErrorAs(t, say("pki-approvals"), &limited)
	require.Equal(t, time.Second, limited.RetryAfter)
	require.ErrorAs(t, say("pki-revocations"), &limited, "other channels wait, too")
	_, err := h.client.AuthTest()
	require.NoError(t, err, "other methods go on")
	at.add(time.Second)
	require.NoError(t, say("pki-revocations"))
	require.NoError(t, say("pki-approvals"))
	require.ErrorAs(t, say("pki-approvals"), &limited)

	for range 20 { // tier 2
		_, err = h.client.GetUserGroups()
		require.NoError(t, err)
	}
	_, err = h.client.GetUserGroups()
	require.ErrorAs(t, err, &limited)
	require.Equal(t, 3*time.Second, limited.RetryAfter)
	h.SetRateLimits(false)
	require.NoError(t, say("pki-approvals"))
	require.Equal(t, 11, h.CallCount("chat.postMessage"), "refused calls are counted")
}

func TestTheLogOfCallsHoldsNoTokens(t *testing.T) {
	h := open(t)
	h.postCard(t)
	_, err := h.client.AuthTest()
	require.NoError(t, err)
	calls := h.Calls("")
	require.Len(t, calls, 2)
	require.Equal(t, "request", calls[0].Args["text"])
	raw, err := json.Marshal(calls)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "xoxb")
	resp, err := http.Get(h.url + "/_sim/calls?method=auth.test")
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(raw), "auth.test"))
}

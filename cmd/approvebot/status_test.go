package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatusTellsWhatTheServiceSays(t *testing.T) {
	status, body := http.StatusOK, `{"ready":true,"parts":{"database":{"ok":true},"keyfactor workflow":{"ok":false,"informs":true,"detail":"the last poll failed; see the log"}}}`
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/readyz", r.URL.Path)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer service.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(service.URL, "http://"), ":")
	file := mustWrite(t, minimal+"http: {listen: ':"+port+"'}\n")
	ask := func(args ...string) result {
		return approvebot(t, map[string]string{}, append([]string{"status", "--config", file}, args...)...)
	}

	got := ask()
	require.Equal(t, result{exitFine, "ok       database\nwarning  keyfactor workflow: the last poll failed; see the log\nready\n", ""}, got)
	require.JSONEq(t, body, ask("--output", "json").out)

	status, body = http.StatusServiceUnavailable, `{"ready":false,"parts":{"slack":{"ok":false,"detail":"Slack refuses the app-level token"}}}`
	got = ask()
	require.Equal(t, result{exitFailed, "error    slack: Slack refuses the app-level token\nnot ready\n", ""}, got)

	for _, other := range []string{"<html>", `{"hello":"world"}`} {
		body = other
		got = ask()
		require.Equal(t, exitFailed, got.code)
		require.Contains(t, got.err, "is not approvebot")
	}
	service.Close()
	got = ask()
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "approvebot: no service answers at 127.0.0.1:"+port+": ")
}

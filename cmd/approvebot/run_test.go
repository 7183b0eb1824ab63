package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// Five lines of configuration and the usual variables: cards come, people are
// answered, SIGTERM (the context's end) is a fine end. In both transports.
func TestRunWithFiveLines(t *testing.T) {
	for _, transport := range []string{"socket", "http"} {
		t.Run(transport, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			listen := freeAddress(t)
			sc := slacksim.DefaultConfig()
			if transport == "http" {
				sc.RequestURL = "http://" + listen
			}
			workspace, err := slacksim.New(sc)
			require.NoError(t, err)
			t.Cleanup(workspace.Close)
			slack := httptest.NewServer(workspace)
			t.Cleanup(slack.CloseClientConnections)
			// Two requests only: cards are posted one a second, and stopping waits for those under way.
			seed := keyfactorsim.BuiltinSeed()
			seed.Requests, seed.Pending = seed.Requests[:1], seed.Pending[:1]
			kf, err := keyfactorsim.New(keyfactorsim.Config{Seed: seed})
			require.NoError(t, err)
			t.Cleanup(kf.Close)
			command := httptest.NewServer(kf)
			t.Cleanup(command.Close)

			dir := t.TempDir()
			env := map[string]string{
				"APPROVEBOT_CONFIG": filepath.Join(dir, "approvebot.yaml"), "STATE_DIRECTORY": dir,
				"SLACK_API_URL": slack.URL + "/api", "SLACK_BOT_TOKEN": workspace.BotToken(),
				"KEYFACTOR_URL": kf.URLs(command.URL).API, "KEYFACTOR_USERNAME": `EXAMPLE\svc-approvebot`, "KEYFACTOR_PASSWORD": password(t),
			}
			if transport == "http" {
				env["SLACK_SIGNING_SECRET"] = workspace.SigningSecret()
			} else {
				env["SLACK_APP_TOKEN"] = workspace.AppToken()
			}
			require.NoError(t, os.WriteFile(env["APPROVEBOT_CONFIG"], []byte(minimal+"http: {listen: "+listen+"}\n"), 0o600))

			var log syncBuffer
			p := &program{env: func(name string) string { return env[name] }, out: io.Discard, err: &log}
			ended := make(chan int, 1)
			go func() { ended <- p.run(ctx, []string{"run"}) }()

			require.NoError(t, workspace.WaitFor(ctx, func() bool { return len(workspace.Messages("pki-approvals")) > 0 }), "no card came; the log says:\n%s", &log)
			answer := workspace.Command(ctx, "ada", "pki-approvals", "/approvebot help")
			require.Empty(t, answer.Error, "%s", &log)
			require.Contains(t, string(answer.Body), "/approvebot pending")
			health, err := http.Get("http://" + listen + "/healthz")
			require.NoError(t, err)
			require.NoError(t, health.Body.Close())
			require.Equal(t, http.StatusOK, health.StatusCode)

			cancel()
			require.Equal(t, exitFine, <-ended, "%s", &log)
			require.Contains(t, log.String(), `"msg":"starting"`)
			require.Contains(t, log.String(), `"msg":"stopped"`)
			for _, name := range []string{"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "KEYFACTOR_PASSWORD"} {
				if env[name] != "" {
					require.NotContains(t, log.String(), env[name], name)
				}
			}
		})
	}
}

func password(t *testing.T) string {
	t.Helper()
	for _, account := range keyfactorsim.BuiltinSeed().Accounts {
		if account.Username == `EXAMPLE\svc-approvebot` {
			return account.Password
		}
	}
	t.Fatal("the built-in seed has no account for the bot")
	return ""
}

func TestRunRefuses(t *testing.T) {
	with := func(more ...string) map[string]string {
		env := map[string]string{"STATE_DIRECTORY": t.TempDir()}
		maps.Copy(env, variables)
		for _, pair := range more {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		return env
	}
	got := approvebot(t, with(), "run", "--config", mustWrite(t, "routes: []\n"))
	require.Equal(t, exitWrong, got.code)
	require.Contains(t, got.err, ":1:9: routes: there is no route")

	got = approvebot(t, with(), "run", "--config", mustWrite(t, minimal), "--log-level", "loud")
	require.Equal(t, exitWrong, got.code)

	got = approvebot(t, with("STATE_DIRECTORY=/nonexistent"), "run", "--config", mustWrite(t, minimal))
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "approvebot: open the store sqlite:///nonexistent/approvebot.db: ")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	got = approvebot(t, with(), "run", "--config", mustWrite(t, minimal+"http: {listen: "+taken.Addr().String()+"}\n"))
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "approvebot: listen on http.listen "+taken.Addr().String())
}

func TestDemoPrintsOneAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	var log syncBuffer
	p := &program{env: func(string) string { return "" }, out: writer, err: &log}
	ended := make(chan int, 1)
	go func() {
		ended <- p.run(ctx, []string{"demo", "--arrivals", "0"})
		_ = writer.Close()
	}()
	line := make([]byte, 200)
	n, err := reader.Read(line)
	require.NoError(t, err, "%s", &log)
	require.Regexp(t, `^approvebot demo: open http://127\.0\.0\.1:\d+ `, string(line[:n]))
	cancel()
	require.Equal(t, exitFine, <-ended, "%s", &log)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// syncBuffer may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// systemd hears when the service has started, and when it begins to stop.
func TestRunTellsTheServiceManager(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	env := map[string]string{"STATE_DIRECTORY": t.TempDir(), "SLACK_API_URL": "http://127.0.0.1:1/api"}
	for name, value := range variables {
		env[name] = cmp.Or(env[name], value)
	}
	env["KEYFACTOR_URL"] = "http://127.0.0.1:1/KeyfactorAPI" // both are away, and it starts nevertheless
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log syncBuffer
	p := &program{env: func(name string) string { return env[name] }, out: io.Discard, err: &log}
	ended := make(chan int, 1)
	file := mustWrite(t, minimal+"http: {listen: '127.0.0.1:0'}\n")
	go func() { ended <- p.run(ctx, []string{"run", "--config", file}) }()
	hears := func(state string) {
		t.Helper()
		require.NoError(t, manager.SetReadDeadline(time.Now().Add(time.Minute)))
		buffer := make([]byte, 100)
		n, err := manager.Read(buffer)
		require.NoError(t, err, "%s", &log)
		require.Equal(t, state, string(buffer[:n]))
	}
	hears("READY=1")
	cancel()
	hears("STOPPING=1")
	require.Equal(t, exitFine, <-ended, "%s", &log)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/config"
)

const minimal = `routes:
  - name: everything
    channels: ["#pki-approvals"]
    approvers: {users: ["@ada", ben@example.com]}
`

var variables = map[string]string{
	"SLACK_BOT_TOKEN": "xoxb-hunter2", "SLACK_APP_TOKEN": "xapp-hunter2",
	"KEYFACTOR_URL": "https://command.example.com/KeyfactorAPI", "KEYFACTOR_USERNAME": `EXAMPLE\svc-approvebot`, "KEYFACTOR_PASSWORD": "hunter2",
}

// result is what somebody at a shell would see.
type result struct {
	code     int
	out, err string
}

func approvebot(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	p := &program{env: func(name string) string { return env[name] }, out: &out, err: &err}
	code := p.run(t.Context(), args)
	return result{code, out.String(), err.String()}
}

func mustWrite(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "approvebot.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestUsage(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"an unknown command":           {[]string{"aprove"}, `approvebot: unknown command "aprove" for "approvebot"` + "\nRun 'approvebot --help' to see how it is used.\n"},
		"an unknown flag":              {[]string{"check", "--all"}, "approvebot: unknown flag: --all\nRun 'approvebot check --help' to see how it is used.\n"},
		"an argument too many":         {[]string{"version", "now"}, "approvebot: unknown command \"now\" for \"approvebot version\"\nRun 'approvebot version --help' to see how it is used.\n"},
		"an output nobody knows":       {[]string{"version", "-o", "xml"}, "approvebot: --output is text or json, not \"xml\"\nRun 'approvebot version --help' to see how it is used.\n"},
		"simulate what?":               {[]string{"simulate"}, "approvebot: say which: simulate keyfactor or simulate slack\nRun 'approvebot simulate --help' to see how it is used.\n"},
		"a manifest without its URL":   {[]string{"manifest", "--transport", "http"}, "approvebot: --transport http needs --url, the https address at which Slack reaches approvebot\nRun 'approvebot manifest --help' to see how it is used.\n"},
		"a manifest with plain http":   {[]string{"manifest", "--transport", "http", "--url", "http://bot.example.com"}, "approvebot: --url \"http://bot.example.com\" is not an https address such as https://approvebot.example.com\nRun 'approvebot manifest --help' to see how it is used.\n"},
		"a manifest with a stray URL":  {[]string{"manifest", "--url", "https://bot.example.com"}, "approvebot: --url is for --transport http; in Socket Mode Slack calls no address\nRun 'approvebot manifest --help' to see how it is used.\n"},
		"a transport nobody knows":     {[]string{"manifest", "--transport", "mail"}, "approvebot: --transport is socket or http, not \"mail\"\nRun 'approvebot manifest --help' to see how it is used.\n"},
		"a switch nobody knows":        {[]string{"simulate", "keyfactor", "--status-as", "mood"}, "must be one of string, int"},
		"a log level nobody knows":     {[]string{"simulate", "slack", "--log-level", "loud"}, "--log-level is debug, info, warn or error, not \"loud\""},
		"a log format nobody knows":    {[]string{"simulate", "slack", "--log-format", "xml"}, "--log-format is auto, json or console, not \"xml\""},
		"a workspace that cannot be":   {[]string{"simulate", "slack", "--request-url", "::"}, "approvebot: slack workspace: "},
		"a configuration that is gone": {[]string{"check", "--config", "/nonexistent.yaml", "--extra"}, "unknown flag: --extra"},
	} {
		t.Run(name, func(t *testing.T) {
			got := approvebot(t, nil, row.args...)
			require.Equal(t, exitWrong, got.code)
			require.Contains(t, got.err, row.want)
			require.Empty(t, got.out)
		})
	}
}

func TestHelpIsFine(t *testing.T) {
	got := approvebot(t, nil)
	require.Equal(t, exitFine, got.code)
	for _, word := range []string{"check", "manifest", "simulate", "version", "completion", "APPROVEBOT_CONFIG", "Exit codes"} {
		require.Contains(t, got.out, word)
	}
	require.Contains(t, approvebot(t, nil, "completion", "bash").out, "bash completion V2 for approvebot")
	require.Contains(t, approvebot(t, nil, "__complete", "check", "--output", "").out, "json")
}

func TestCheckFindsEveryMistake(t *testing.T) {
	file := mustWrite(t, "slack: {transprot: socket}\nroutes:\n  - name: web\n    channels: []\n    approvers: {}\n")
	got := approvebot(t, variables, "check", "--config", file)
	require.Equal(t, exitWrong, got.code)
	require.Empty(t, got.err)
	got.out = regexp.MustCompile(`(here may stand: transport, ).*`).ReplaceAllString(got.out, "$1…")
	require.Equal(t, file+`:1:9: slack.transprot: there is no such key; here may stand: transport, …
`+file+`:4:15: routes[0].channels: is empty; name at least one channel, in quotes because of the #: ["#pki-approvals"]
`+file+`:5:16: routes[0].approvers: nobody may decide; name people under users or user groups under groups: {users: ["@ada", ben@example.com]}

3 mistakes
`, got.out)

	got = approvebot(t, variables, "check", "--config", file, "--output", "json", "--show")
	require.Equal(t, exitWrong, got.code)
	var report struct {
		OK       bool
		Problems []config.Problem
		Config   any
	}
	require.NoError(t, json.Unmarshal([]byte(got.out), &report))
	require.False(t, report.OK)
	require.Len(t, report.Problems, 3)
	require.Equal(t, 4, report.Problems[1].Line)
	require.Equal(t, 15, report.Problems[1].Column)
	require.Equal(t, "routes[0].channels", report.Problems[1].Path)
	require.Nil(t, report.Config, "a configuration with mistakes is not in force")
}

func TestCheckIsContent(t *testing.T) {
	file := mustWrite(t, minimal+"keyfactor: {skip_verify: true}\n")
	got := approvebot(t, variables, "check", "--config", file)
	require.Equal(t, exitFine, got.code, got.err)
	require.True(t, strings.HasPrefix(got.out, "warning: "+file+":5:26: keyfactor.skip_verify: TLS certificates are not verified"), got.out)
	require.True(t, strings.HasSuffix(got.out, file+": no mistakes, 1 warning\n"), got.out)
}

func TestCheckShowsWhatIsInForceWithoutSecrets(t *testing.T) {
	file := mustWrite(t, minimal)
	env := map[string]string{"APPROVEBOT_CONFIG": file}
	maps.Copy(env, variables)
	text := approvebot(t, env, "check", "--show", "--log-level", "debug")
	require.Equal(t, exitFine, text.code, text.err)
	require.Contains(t, text.out, "bot_token: \"[redacted]\"\n")
	require.Contains(t, text.out, "level: debug\n", "flags count")
	require.NotContains(t, text.out, "hunter2")

	asJSON := approvebot(t, env, "check", "--show", "-o", "json")
	require.NotContains(t, asJSON.out, "hunter2")
	var report struct {
		File   string
		OK     bool
		Config struct {
			Slack  struct{ Transport string }
			Routes []struct{ Channels []string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(asJSON.out), &report))
	require.Equal(t, file, report.File)
	require.True(t, report.OK)
	require.Equal(t, "socket", report.Config.Slack.Transport)
	require.Equal(t, []string{"#pki-approvals"}, report.Config.Routes[0].Channels)

	require.Equal(t, exitWrong, approvebot(t, env, "check", "--log-level", "loud").code)
}

func TestVersion(t *testing.T) {
	require.Regexp(t, `^approvebot \S+\n(commit .*\n)?go1\.\S+ \w+/\w+\n$`, approvebot(t, nil, "version").out)
	var b build
	require.NoError(t, json.Unmarshal([]byte(approvebot(t, nil, "version", "--output", "json").out), &b))
	require.Equal(t, runtime.Version(), b.Go)
	require.NotEmpty(t, b.Version)
}

// The simulators answer where they say they are, and end when they are told to.
func TestSimulators(t *testing.T) {
	for name, row := range map[string]struct {
		args    []string
		call    func(t *testing.T, at, env map[string]string) *http.Response
		expects string
	}{
		"keyfactor": {[]string{"simulate", "keyfactor", "--status-as", "int", "-o", "json"}, func(t *testing.T, at, env map[string]string) *http.Response {
			require.Equal(t, env["KEYFACTOR_URL"], at["api"])
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["KEYFACTOR_URL"]+"/Workflow/Instances/AssignedToMe", nil)
			require.NoError(t, err)
			r.SetBasicAuth(env["KEYFACTOR_USERNAME"], env["KEYFACTOR_PASSWORD"])
			r.Header.Set("x-keyfactor-requested-with", "APIClient")
			r.Header.Set("x-keyfactor-api-version", "1")
			return must(http.DefaultClient.Do(r))
		}, `"Status":2`},
		"slack": {[]string{"simulate", "slack", "-o", "json"}, func(t *testing.T, _, env map[string]string) *http.Response {
			require.NotEmpty(t, env["SLACK_APP_TOKEN"])
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, env["SLACK_API_URL"]+"auth.test", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+env["SLACK_BOT_TOKEN"])
			return must(http.DefaultClient.Do(r))
		}, `"ok":true`},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reader, writer := io.Pipe()
			var log bytes.Buffer
			p := &program{env: func(string) string { return "" }, out: writer, err: &log}
			ended := make(chan int)
			go func() { defer close(ended); ended <- p.run(ctx, row.args) }()

			var said struct{ Addresses, Environment map[string]string }
			require.NoError(t, json.NewDecoder(reader).Decode(&said))
			response := row.call(t, said.Addresses, said.Environment)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
			require.Contains(t, string(body), row.expects)

			cancel()
			require.Equal(t, exitFine, <-ended)
		})
	}
}

func must(r *http.Response, err error) *http.Response {
	if err != nil {
		panic(err)
	}
	return r
}

func TestTheSimulatorsSeed(t *testing.T) {
	printed := approvebot(t, nil, "simulate", "keyfactor", "--print-seed")
	require.Equal(t, exitFine, printed.code)
	require.Contains(t, printed.out, "accounts:")

	got := approvebot(t, nil, "simulate", "keyfactor", "--seed", mustWrite(t, "acounts: []"))
	require.Equal(t, exitWrong, got.code)
	require.Contains(t, got.err, "acounts")

	got = approvebot(t, nil, "simulate", "keyfactor", "--seed", "/nonexistent.yaml")
	require.Equal(t, exitFailed, got.code)
	require.Equal(t, "approvebot: read the seed: open /nonexistent.yaml: no such file or directory\n", got.err)
}

func TestSecretsThatWereGivenAreNotPrinted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	p := &program{env: func(name string) string { return map[string]string{"SLACK_BOT_TOKEN": "xoxb-hunter2"}[name] }, out: writer, err: io.Discard}
	ended := make(chan int)
	go func() {
		code := p.run(ctx, []string{"simulate", "slack", "--app-token", "xapp-hunter2"})
		_ = writer.Close()
		ended <- code
	}()
	first := make([]byte, 1)
	_, err := io.ReadFull(reader, first)
	require.NoError(t, err)
	cancel()
	rest, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Contains(t, string(rest), "export SLACK_API_URL='http://127.0.0.1:")
	require.NotContains(t, string(rest), "hunter2")
	require.Equal(t, exitFine, <-ended)
}

func TestAPortThatIsTaken(t *testing.T) {
	got := approvebot(t, nil, "simulate", "slack", "--listen", "192.0.2.1:1")
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.err, "approvebot: listen on 192.0.2.1:1: ")
}

func TestLogFormats(t *testing.T) {
	for name, row := range map[string]struct {
		format   string
		terminal bool
		env      map[string]string
		want     string
	}{
		"auto at a terminal":   {"auto", true, nil, `^\d\d:\d\d:\d\d\.\d{3}\t\x1b\[34mINFO\x1b\[0m\thello\t\{"id": "x"\}\n$`},
		"without colours":      {"auto", true, map[string]string{"NO_COLOR": "1"}, `^\d\d:\d\d:\d\d\.\d{3}\tINFO\thello\t\{"id": "x"\}\n$`},
		"auto elsewhere":       {"auto", false, nil, `^\{"level":"info","time":"[^"]+","msg":"hello","id":"x"\}\n$`},
		"JSON at a terminal":   {"json", true, nil, `^\{"level":"info"`},
		"lines without colour": {"console", false, nil, `\tINFO\thello`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := &program{env: func(n string) string { return row.env[n] }, err: &out, terminal: row.terminal}
			log, err := p.logger(config.Log{Level: "info", Format: row.format})
			require.NoError(t, err)
			log.Debug("quiet")
			log.Info("hello", zap.String("id", "x"))
			require.Regexp(t, row.want, out.String())
		})
	}
}

// The real binary, its exit codes, and a signal.
func TestTheBinary(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "approvebot")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	code := func(args ...string) (int, string) {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=/nonexistent", "HOME=/nonexistent"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	got, said := code("version")
	require.Equal(t, exitFine, got, said)
	got, said = code("simulate", "slack", "--listen", "nowhere")
	require.Equal(t, exitFailed, got, said)
	got, said = code("check")
	require.Equal(t, exitWrong, got)
	require.Equal(t, "approvebot.yaml: there is no such file; name another with --config or APPROVEBOT_CONFIG\n\n1 mistake\n", said)
	got, said = code("--nonsense")
	require.Equal(t, exitWrong, got, said)

	cmd := exec.CommandContext(t.Context(), binary, "simulate", "keyfactor", "-o", "json")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var introduction map[string]any
	require.NoError(t, json.NewDecoder(stdout).Decode(&introduction))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "SIGTERM is a fine end")
}

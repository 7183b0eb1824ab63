package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/pgtest"
)

// A console block in the documentation is run, line by line, against the two
// simulators, unless the line in front of it says why it is not:
//
//	<!-- not run: needs a cluster -->
//
// A YAML block that begins with the name of a file ("# approvebot.yaml") is what
// the reader is told to write into it.

// block is one fenced block of a page.
type block struct {
	place    string // file:line
	language string
	notRun   string // the reason
	text     string
}

var (
	fence  = regexp.MustCompile("^( *)```([a-z]*)$")
	marker = regexp.MustCompile(`^ *<!-- not run: (.+) -->$`)
)

// blocks reads the fenced blocks of a page.
func blocksOf(t *testing.T, file string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var open *block
	indent, reason := "", ""
	for i, line := range strings.Split(string(text), "\n") {
		f := fence.FindStringSubmatch(line)
		switch {
		case open == nil && f != nil:
			indent = f[1]
			open = &block{place: fmt.Sprintf("%s:%d", file, i+1), language: f[2], notRun: reason}
		case open != nil && f != nil:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
		reason = ""
		if m := marker.FindStringSubmatch(line); m != nil && open == nil {
			reason = m[1]
		}
	}
	require.Nil(t, open, "%s: a block has no end", file)
	return blocks
}

// commands are the lines behind a "$ ", with those that continue them; what else
// stands in a console block is what the terminal says.
func (b block) commands() (commands []string) {
	continued := false
	for line := range strings.Lines(b.text) {
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case ok:
			commands = append(commands, command)
			continued = true
		case continued && strings.HasPrefix(line, "  "):
			commands[len(commands)-1] += line
		default:
			continued = false
		}
	}
	return commands
}

// pages are the documents that readers follow.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	recipes, err := filepath.Glob("../../deploy/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, docs)
	return slices.Concat([]string{"../../README.md"}, docs, recipes)
}

func TestBlocksInTheDocsAreKnown(t *testing.T) {
	known := []string{"console", "yaml", "json", "go", "ini", "sql", "promql", ""}
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			require.Contains(t, known, b.language, "%s: commands stand in a console block, so that they are run", b.place)
			if b.language == "" {
				require.NotRegexp(t, `(?m)^(\$|approvebot|docker|kubectl|curl|sudo|systemctl) `, b.text, "%s: commands stand in a console block, so that they are run", b.place)
			}
			if b.language == "console" {
				require.NotEmpty(t, b.commands(), "%s: a command begins with \"$ \"", b.place)
			} else {
				require.Empty(t, b.notRun, "%s: only console blocks are run", b.place)
			}
		}
	}
}

// A command may also stand in a sentence, in back quotes. It is not run, but it
// and its flags exist.
func TestCommandsNamedInTheDocsExist(t *testing.T) {
	quoted := regexp.MustCompile("`approvebot ([a-z][^`]*)`")
	indented := regexp.MustCompile(`(?m)^    (\$|approvebot|docker|kubectl|curl|sudo|systemctl|pg_\w+) `)
	for _, page := range append(pages(t), "../../CHANGELOG.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, b := range blocksOf(t, page) {
			text = bytes.Replace(text, []byte(b.text), nil, 1)
		}
		require.NotRegexp(t, indented, string(text), "%s: commands stand in a console block, so that they are run", page)
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			p := &program{env: func(string) string { return "" }}
			cmd, rest, err := p.root().Find(strings.Fields(m[1]))
			require.NoError(t, err, "%s: %s", page, m[0])
			require.True(t, cmd.HasParent(), "%s: there is no %s", page, m[0])
			if cmd.HasSubCommands() && len(rest) > 0 {
				require.True(t, strings.HasPrefix(rest[0], "-"), "%s: there is no %s", page, m[0])
			}
			for _, word := range rest {
				if name, ok := strings.CutPrefix(word, "--"); ok {
					name, _, _ = strings.Cut(name, "=")
					known := cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil
					require.True(t, known, "%s: %s has no flag --%s", page, m[0], name)
				}
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)# ]*)(#[^) ]*)?\)`)

// Every link to a file of ours leads somewhere, and so does the heading behind it.
func TestLinksInTheDocsLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
				require.FileExists(t, target, "%s: %s", page, m[0])
			}
			if m[2] != "" && strings.HasSuffix(target, ".md") {
				require.Contains(t, anchors(t, target), m[2], "%s: %s", page, m[0])
			}
		}
	}
}

// anchors are the headings of a page as a browser finds them.
func anchors(t *testing.T, page string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if title := strings.TrimLeft(line, "#"); title != line {
			title = strings.ToLower(strings.TrimSpace(title))
			title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(title, "")
			all = append(all, "#"+strings.ReplaceAll(title, " ", "-"))
		}
	}
	return all
}

// compiled is the program as a file, built once for all tests that need one.
var compiled = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "approvebot-docs-*")
	if err != nil {
		return "", err
	}
	cleanups = append(cleanups, func() { _ = os.RemoveAll(dir) })
	binary := filepath.Join(dir, "approvebot")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

func binary(t *testing.T) string {
	t.Helper()
	path, err := compiled()
	require.NoError(t, err)
	return path
}

// simulator is one that runs as a process of its own, as the documentation has it.
type simulator struct {
	Addresses   map[string]string
	Environment map[string]string
}

func startSimulator(t *testing.T, args ...string) (s simulator) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), slices.Concat([]string{"simulate"}, args, []string{"-o", "json"})...)
	cmd.Env = []string{"HOME=/nonexistent"}
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var log syncBuffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	require.NoError(t, json.NewDecoder(stdout).Decode(&s), "%s", &log)
	return s
}

// reader is somebody who follows a page: with a folder of their own, and both
// simulators where the page speaks of Keyfactor and Slack.
type reader struct {
	t                *testing.T
	dir, listen      string
	slack, keyfactor simulator
}

func newReader(t *testing.T, transport string) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir(), listen: freeAddress(t)}
	args := []string{"slack"}
	if transport == "http" {
		args = append(args, "--request-url", "http://"+r.listen)
	}
	r.slack, r.keyfactor = startSimulator(t, args...), startSimulator(t, "keyfactor")
	for _, dir := range []string{"etc/approvebot/credentials", "state", "home", "backups"} {
		require.NoError(t, os.MkdirAll(filepath.Join(r.dir, dir), 0o700))
	}
	for name, value := range map[string]string{
		"keyfactor-password": r.keyfactor.Environment["KEYFACTOR_PASSWORD"], "slack-bot-token": r.slack.Environment["SLACK_BOT_TOKEN"],
		"slack-app-token": r.slack.Environment["SLACK_APP_TOKEN"], "slack-signing-secret": r.slack.Environment["SLACK_SIGNING_SECRET"],
	} {
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, "etc/approvebot/credentials", name), []byte(value+"\n"), 0o600))
	}
	return r
}

// env is the reader's environment.
func (r *reader) env() []string {
	return []string{
		"PATH=" + filepath.Dir(binary(r.t)) + ":" + os.Getenv("PATH"), "HOME=" + filepath.Join(r.dir, "home"),
		"STATE_DIRECTORY=" + filepath.Join(r.dir, "state"), "SLACK_API_URL=" + r.slack.Environment["SLACK_API_URL"], "NO_PROXY=*",
	}
}

// own puts the reader's addresses, secrets and folders where the page has examples.
func (r *reader) own(text string) string {
	return strings.NewReplacer(
		"go run ./cmd/approvebot", "approvebot",
		"https://command.example.com/KeyfactorAPI", r.keyfactor.Addresses["api"],
		"http://127.0.0.1:8081", strings.TrimSuffix(r.keyfactor.Addresses["control"], "/_sim/"),
		"KEYFACTOR_PASSWORD=…", "KEYFACTOR_PASSWORD="+r.keyfactor.Environment["KEYFACTOR_PASSWORD"],
		"xoxb-…", r.slack.Environment["SLACK_BOT_TOKEN"], "xapp-…", r.slack.Environment["SLACK_APP_TOKEN"],
		"--listen 127.0.0.1:9001", "--listen 127.0.0.1:0", "--listen 127.0.0.1:9002", "--listen 127.0.0.1:0",
		"/etc/approvebot", filepath.Join(r.dir, "etc/approvebot"), "/var/backups", filepath.Join(r.dir, "backups"),
		"--role Approvebot", "--role 'PKI Approvers'",
	).Replace(text)
}

// configuration finds the YAML block for a file, and joins to it those for its
// variants: "# FILE: postgres". A key of a variant replaces that of the file.
func configuration(t *testing.T, page, file string, variants ...string) string {
	t.Helper()
	whole := map[string]any{}
	for _, name := range append([]string{file}, suffixed(file, variants)...) {
		found := false
		for _, b := range blocksOf(t, page) {
			if b.language == "yaml" && strings.HasPrefix(b.text, "# "+name+"\n") {
				var part map[string]any
				require.NoError(t, yaml.Unmarshal([]byte(b.text), &part), b.place)
				maps.Copy(whole, part)
				found = true
			}
		}
		require.True(t, found, "%s has no block for %s", page, name)
	}
	text, err := yaml.Marshal(whole)
	require.NoError(t, err)
	return string(text)
}

func suffixed(file string, variants []string) (names []string) {
	for _, v := range variants {
		names = append(names, file+": "+v)
	}
	return names
}

// write puts a configuration into a file, with a port that is free.
func (r *reader) write(file, text string) {
	r.t.Helper()
	text = r.own(text) + "http: {listen: '" + r.listen + "'}\n"
	require.NoError(r.t, os.WriteFile(filepath.Join(r.dir, file), []byte(text), 0o600))
}

// lasting are the commands that go on until they are ended, and what they say once
// they are there.
var lasting = []struct{ command, says *regexp.Regexp }{
	{regexp.MustCompile(`^approvebot run\b`), regexp.MustCompile(`"msg":"listening"`)},
	{regexp.MustCompile(`^approvebot demo\b`), regexp.MustCompile(`open http://`)},
	{regexp.MustCompile(`^approvebot simulate \w+ .*--listen`), regexp.MustCompile(`is running`)},
}

// script makes one shell script of all commands, so that what one of them sets is there for the next.
func (r *reader) script(commands []string) string {
	var s strings.Builder
	s.WriteString(`set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
await() { # a log, a pattern
	for _ in $(seq 600); do
		if grep -qE -- "$2" "$1"; then return; fi
		sleep 0.1
	done
	cat "$1"; echo "this does not begin" >&2; exit 1
}
`)
next:
	for i, command := range commands {
		command = strings.TrimRight(r.own(command), "\n")
		fmt.Fprintf(&s, "echo %s\n", quote("$ "+command))
		for _, l := range lasting {
			if l.command.MatchString(command) {
				bare, _, _ := strings.Cut(command, " #")
				fmt.Fprintf(&s, "%s >log%d 2>&1 &\nawait log%d %s\n", strings.TrimSpace(bare), i, i, quote(l.says.String()))
				continue next
			}
		}
		s.WriteString(command + "\n")
	}
	return s.String()
}

// Every command in the documentation does what the page says it does: it works.
func TestCommandsInTheDocs(t *testing.T) {
	for _, page := range pages(t) {
		var commands []string
		for _, b := range blocksOf(t, page) {
			if b.language == "console" && b.notRun == "" {
				commands = append(commands, b.commands()...)
			}
		}
		if len(commands) == 0 {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			r := newReader(t, "socket")
			r.write("approvebot.yaml", configuration(t, "../../README.md", "approvebot.yaml"))
			r.write("etc/approvebot/approvebot.yaml", configuration(t, "../../docs/setup.md", "/etc/approvebot/approvebot.yaml"))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if !slices.ContainsFunc(commands, lasting[0].command.MatchString) {
				commands = append([]string{"approvebot run"}, commands...) // the page is about one that runs
			}
			cmd := exec.CommandContext(ctx, "bash", "-c", r.script(commands))
			cmd.Dir, cmd.Env = r.dir, append(r.env(), r.usual()...)
			cmd.WaitDelay = 10 * time.Second
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

// usual are the variables that a page may take for granted, because the README
// has them set.
func (r *reader) usual() (env []string) {
	for name, value := range r.keyfactor.Environment {
		env = append(env, name+"="+value)
	}
	for _, name := range []string{"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"} {
		env = append(env, name+"="+r.slack.Environment[name])
	}
	return env
}

// A newcomer who has nothing but docs/setup.md gets cards: in both transports, on
// both databases, against simulators that are processes of their own.
func TestNewcomersPath(t *testing.T) {
	for _, transport := range []string{"socket", "http"} {
		for _, database := range []string{"sqlite", "postgres"} {
			t.Run(transport+" "+database, func(t *testing.T) {
				t.Parallel()
				r := newReader(t, transport)
				var variants []string
				if transport == "http" {
					variants = append(variants, "http")
				}
				if database == "postgres" {
					variants = append(variants, "postgres")
					require.NoError(t, os.WriteFile(filepath.Join(r.dir, "etc/approvebot/credentials/store-url"), []byte(pgtest.URL(t)), 0o600))
				}
				r.write("etc/approvebot/approvebot.yaml", configuration(t, "../../docs/setup.md", "/etc/approvebot/approvebot.yaml", variants...))
				command := func(args ...string) *exec.Cmd {
					cmd := exec.CommandContext(t.Context(), binary(t), args...)
					cmd.Dir = r.dir
					cmd.Env = append(r.env(), "APPROVEBOT_CONFIG="+filepath.Join(r.dir, "etc/approvebot/approvebot.yaml"), "CREDENTIALS_DIRECTORY="+filepath.Join(r.dir, "etc/approvebot/credentials"))
					return cmd
				}
				out, err := command("check", "--live").CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.Contains(t, string(out), ", 0 errors\n")

				var log syncBuffer
				service := command("run")
				service.Stderr = &log
				require.NoError(t, service.Start())
				defer func() {
					_ = service.Process.Kill()
					_ = service.Wait()
				}()
				r.denies("carol", "Not this one", &log)
				out, err = command("audit", "list").CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.Contains(t, string(out), "Not this one")
				out, err = command("status").CombinedOutput()
				require.NoError(t, err, "%s", out)
				if transport == "http" {
					out, err = command("check", "--live", "--url", "http://"+r.listen).CombinedOutput()
					require.NoError(t, err, "%s", out)
					require.Contains(t, string(out), "answers signed requests and refuses others")
				}
				require.NoError(t, service.Process.Signal(syscall.SIGTERM))
				require.NoError(t, service.Wait(), "%s", &log)
			})
		}
	}
}

// denies does what a person does who sees the first card: press Deny, write why,
// and see that Keyfactor got it.
func (r *reader) denies(who, why string, log *syncBuffer) {
	r.t.Helper()
	button := r.await(who, "deny", log)
	r.act("click", map[string]any{
		"as": who, "container": map[string]any{"type": "message", "channel": button.channel, "ts": button.ts},
		"block_id": button.block, "action_id": "deny", "value": button.value,
	})
	comment := r.await(who, "comment", log)
	r.act("submit", map[string]any{
		"as": who, "view_id": comment.view,
		"values": map[string]any{comment.block: map[string]any{"comment": map[string]any{"type": "plain_text_input", "value": why}}},
	})
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.read(r.keyfactor.Addresses["control"]+"/signals"), why)
	}, time.Minute, 100*time.Millisecond, "no signal came; the log says:\n%s", log)
}

// element is a button or an input that somebody sees, and where.
type element struct{ channel, ts, view, block, value string }

// await waits until the person's page shows an element with that action.
func (r *reader) await(who, action string, log *syncBuffer) (e element) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		var page struct {
			Messages map[string][]map[string]any
			Views    []map[string]any
		}
		require.NoError(r.t, json.Unmarshal([]byte(r.read(r.slack.Addresses["page"]+"_sim/page/snapshot?as="+who)), &page))
		for channel, messages := range page.Messages {
			for _, m := range messages {
				if find(m["blocks"], "", action, &e) {
					e.channel, e.ts = channel, fmt.Sprint(m["ts"])
					return true
				}
			}
		}
		for _, v := range page.Views {
			if find(v["blocks"], "", action, &e) {
				e.view = fmt.Sprint(v["id"])
				return true
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond, "%s sees no %s; the log says:\n%s", who, action, log)
	return e
}

// find looks for an element by its action, and remembers the block around it.
func find(at any, block, action string, e *element) bool {
	switch at := at.(type) {
	case []any:
		return slices.ContainsFunc(at, func(v any) bool { return find(v, block, action, e) })
	case map[string]any:
		if id, ok := at["block_id"].(string); ok {
			block = id
		}
		if at["action_id"] == action {
			e.block, e.value = block, fmt.Sprint(at["value"])
			return true
		}
		return slices.ContainsFunc(slices.Collect(maps.Values(at)), func(v any) bool { return find(v, block, action, e) })
	}
	return false
}

func (r *reader) read(url string) string {
	r.t.Helper()
	body, err := ask(r.t.Context(), url)
	require.NoError(r.t, err)
	return string(body)
}

// act does on the simulated Slack's page what a person does there.
func (r *reader) act(act string, body any) {
	r.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(r.t, err)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.slack.Addresses["page"]+"_sim/page/"+act, bytes.NewReader(text))
	require.NoError(r.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.Contains(r.t, string(answer), `"ok":true`, "%s", answer)
}

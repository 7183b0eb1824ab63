//go:build linux

package deploy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// boot starts systemd in namespaces of its own. It sees the machine's files with
// those of $1 laid over /etc and /usr/bin, and starts one unit.
const boot = `
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1/etc:/etc" /etc
mount -t overlay overlay -o "lowerdir=$1/bin:/usr/bin" /usr/bin
mount -t tmpfs tmpfs /run && mkdir -p /run/lock /run/systemd
mount -t tmpfs tmpfs /var/lib
mount --make-rshared / # systemd does so itself where it believes to be alone; credentials need it
exec env -i PATH="$PATH" container=test /lib/systemd/systemd --system --unit="$2" --log-target=console --show-status=no
`

// machine is a systemd with one unit to start.
type machine struct{ dir string }

// log is what systemd itself has said so far.
func (m *machine) log() string {
	text, _ := os.ReadFile(filepath.Join(m.dir, "systemd.log"))
	return string(text)
}

// start boots; at the end of the test everything that began with it ends.
func (m *machine) start(t *testing.T, unit string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "unshare"), "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup", "--mount-proc",
		"sh", "-ec", boot, "boot", m.dir, unit)
	log, err := os.Create(filepath.Join(m.dir, "systemd.log"))
	require.NoError(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// newMachine makes what is laid over the machine's files.
func newMachine(t *testing.T, files map[string]string) *machine {
	t.Helper()
	m := &machine{dir: t.TempDir()}
	for name, text := range files {
		file := filepath.Join(m.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		if !strings.Contains(name, "/credentials/") {
			require.NoError(t, os.Chmod(file, 0o644))
		}
	}
	require.NoError(t, os.MkdirAll(filepath.Join(m.dir, "bin"), 0o755))
	return m
}

// canBoot tells whether systemd can be started here at all.
func canBoot(t *testing.T) {
	t.Helper()
	needsRoot(t)
	program(t, "systemd-analyze")
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	m := newMachine(t, map[string]string{"etc/systemd/system/trial.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo up >" + pipe + "'\n"})
	m.start(t, "trial.service")
	up := make(chan struct{})
	go func() {
		_, _ = os.ReadFile(pipe) // waits for who writes
		close(up)
	}()
	select {
	case <-up:
		return
	case <-time.After(20 * time.Second):
	}
	t.Skipf("systemd cannot be started here: %s", m.log())
}

// The unit as it is, under a real systemd, with all of its restrictions: the
// service gets its secrets, keeps its state and does its work.
func TestSystemdRunsTheService(t *testing.T) {
	canBoot(t)
	workspace, err := slacksim.New(slacksim.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(workspace.Close)
	slack := httptest.NewServer(workspace)
	t.Cleanup(slack.CloseClientConnections)
	seed := keyfactorsim.BuiltinSeed()
	seed.Requests, seed.Pending = seed.Requests[:1], seed.Pending[:1]
	command, err := keyfactorsim.New(keyfactorsim.Config{Seed: seed})
	require.NoError(t, err)
	t.Cleanup(command.Close)
	keyfactor := httptest.NewServer(command)
	t.Cleanup(keyfactor.Close)

	unit, err := os.ReadFile("systemd/approvebot.service")
	require.NoError(t, err)
	listen := freeAddress(t)
	const user = "991"
	m := newMachine(t, map[string]string{
		"etc/passwd":                            "root:x:0:0:root:/:/bin/sh\napprovebot:x:" + user + ":" + user + "::/var/lib/approvebot:/usr/sbin/nologin\n",
		"etc/group":                             "root:x:0:\napprovebot:x:" + user + ":\n",
		"etc/systemd/system/approvebot.service": string(unit),
		// The machine that the test runs on is not to be brought up.
		"etc/systemd/system/approvebot.service.d/test.conf": "[Unit]\nDefaultDependencies=no\n",
		"etc/systemd/system/network-online.target":          "[Unit]\nDefaultDependencies=no\n",
		"etc/approvebot/credentials/slack-bot-token":        workspace.BotToken() + "\n",
		"etc/approvebot/credentials/slack-app-token":        workspace.AppToken() + "\n",
		"etc/approvebot/credentials/keyfactor-password":     "approve-me\n",
		"etc/approvebot/approvebot.yaml": fmt.Sprintf(`keyfactor:
  url: %s
  auth: {username: 'EXAMPLE\svc-approvebot', password_file: "${CREDENTIALS_DIRECTORY}/keyfactor-password"}
slack:
  api_url: %s/api/
  bot_token_file: ${CREDENTIALS_DIRECTORY}/slack-bot-token
  app_token_file: ${CREDENTIALS_DIRECTORY}/slack-app-token
http: {listen: "%s"}
routes:
  - name: everything
    channels: ["#pki-approvals"]
    approvers: {users: ["@ada"]}
`, command.URLs(keyfactor.URL).API, slack.URL, listen),
	})
	root := filepath.Join(t.TempDir(), "root")
	rootfs(t, "..", root)
	require.NoError(t, os.Rename(filepath.Join(root, "usr/bin/approvebot"), filepath.Join(m.dir, "bin/approvebot")))
	log := filepath.Join(m.dir, "log")
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "etc/systemd/system/approvebot.service.d/log.conf"), []byte("[Service]\nStandardOutput=append:"+log+"\nStandardError=append:"+log+"\n"), 0o600))

	m.start(t, "approvebot.service")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	came := workspace.WaitFor(ctx, func() bool { return len(workspace.Messages("pki-approvals")) > 0 })
	said, _ := os.ReadFile(log)
	require.NoError(t, came, "no card came; systemd says:\n%s\nand the service:\n%s", m.log(), said)

	status := processStatus(t, "approvebot", user)
	for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} {
		require.Contains(t, status, "\n"+line+"\n")
	}
	ready, err := http.Get("http://" + listen + "/readyz")
	require.NoError(t, err)
	defer ready.Body.Close()
	answer, err := io.ReadAll(ready.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, ready.StatusCode, "%s", answer)
	require.NotContains(t, m.log(), "Failed", "systemd found nothing to say about it")
}

// processStatus finds a process by its name and user, wherever it runs.
func processStatus(t *testing.T, name, user string) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/status")
	require.NoError(t, err)
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err == nil && strings.HasPrefix(string(text), "Name:\t"+name+"\n") && strings.Contains(string(text), "\nUid:\t"+user+"\t") {
			return string(text)
		}
	}
	t.Fatalf("no process %s of the user %s", name, user)
	return ""
}

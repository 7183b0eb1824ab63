//go:build linux

// Package deploy_test tries what is in this folder: the container's root file
// system and the systemd unit. What needs many modules of others, the Helm chart,
// the packages, the container file and the compose file, is tried in the module
// deploytest.
package deploy_test

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// container is the id of the user in the container.
const container = 65532

// needsRoot skips a test where mounting and changing the root is not allowed; in CI
// it is.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	require.NotEqual(t, "true", os.Getenv("CI"), "in CI this test must run, as root")
	t.Skip("needs root")
}

// rootfs assembles the root file system as the container file does.
func rootfs(t *testing.T, source, dir string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(source, "deploy/container/rootfs"), dir)
	cmd.Env = append(os.Environ(), append([]string{"VERSION=v9.8.7", "SOURCE_DATE_EPOCH=1700000000"}, env...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// listing describes every file of a tree, down to the contents.
func listing(t *testing.T, root string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		name, _ := filepath.Rel(root, path)
		line := fmt.Sprintf("%s %v %d:%d %d", name, info.Mode(), owner.Uid, owner.Gid, info.ModTime().Unix())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(text))
		}
		files = append(files, line)
		return nil
	}))
	return files
}

// The container holds what it must and nothing else, and built twice it is the same.
func TestContainerIsBuiltReproducibly(t *testing.T) {
	needsRoot(t)
	first, second := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "root")
	rootfs(t, "..", first)
	elsewhere := filepath.Join(t.TempDir(), "source")
	copied, err := exec.CommandContext(t.Context(), "sh", "-c", `cd .. && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0"`, mustMkdir(t, elsewhere)).CombinedOutput()
	require.NoError(t, err, "%s", copied)
	rootfs(t, elsewhere, second)
	got := listing(t, first)
	require.Equal(t, got, listing(t, second))

	var names []string
	for _, line := range got {
		mode := strings.Join(strings.Fields(line)[:3], " ")
		names = append(names, mode)
		require.Equal(t, "1700000000", strings.Fields(line)[3], line)
	}
	require.Equal(t, []string{
		". drwxr-xr-x 0:0", "etc drwxr-xr-x 0:0", "etc/approvebot drwxr-xr-x 0:0", "etc/group -rw-r--r-- 0:0", "etc/passwd -rw-r--r-- 0:0",
		"etc/ssl drwxr-xr-x 0:0", "etc/ssl/certs drwxr-xr-x 0:0", "etc/ssl/certs/ca-certificates.crt -rw-r--r-- 0:0",
		"run drwxr-xr-x 0:0", "run/secrets drwxr-xr-x 0:0", "tmp dtrwxrwxrwx 0:0", "usr drwxr-xr-x 0:0", "usr/bin drwxr-xr-x 0:0", "usr/bin/approvebot -rwxr-xr-x 0:0",
		"var drwxr-xr-x 0:0", "var/lib drwxr-xr-x 0:0", "var/lib/approvebot drwx------ 65532:65532",
	}, names)
	program, err := elf.Open(filepath.Join(first, "usr/bin/approvebot"))
	require.NoError(t, err)
	defer program.Close()
	require.False(t, slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), "the program is static")
}

func mustMkdir(t *testing.T, dir string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return dir
}

// The root file system works as a container runtime would use it: read-only, with
// the configuration, the secrets and the state mounted, and nobody's root.
func TestContainerRunsReadOnlyAndWithoutRoot(t *testing.T) {
	needsRoot(t)
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
	server := httptest.NewTLSServer(command)
	t.Cleanup(server.Close)

	// The only authority that the container trusts is the one of this server.
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	b := newBox(t, "CA_BUNDLE="+authority)
	listen := freeAddress(t)
	b.write("etc/approvebot/approvebot.yaml", fmt.Sprintf(`keyfactor:
  url: %s
  auth: {username: 'EXAMPLE\svc-approvebot', password_file: "${CREDENTIALS_DIRECTORY}/keyfactor-password"}
slack:
  api_url: %s/api/
  bot_token_file: ${CREDENTIALS_DIRECTORY}/slack-bot-token
  app_token_file: ${CREDENTIALS_DIRECTORY}/slack-app-token
poll: {schedule: "TZ=Europe/Berlin * * * * * *"}
http: {listen: "%s"}
routes:
  - name: everything
    channels: ["#pki-approvals"]
    approvers: {users: ["@ada"]}
`, command.URLs(server.URL).API, slack.URL, listen))
	for name, value := range map[string]string{"keyfactor-password": "approve-me", "slack-bot-token": workspace.BotToken(), "slack-app-token": workspace.AppToken()} {
		b.write("run/secrets/"+name, value+"\n")
	}
	b.lock()

	out, err := b.command(t, "version").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.True(t, strings.HasPrefix(string(out), "approvebot v9.8.7\n"), "%s", out)
	out, err = b.command(t, "check", "--live").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "ok       keyfactor:", "%s", out)
	require.Contains(t, string(out), "approvebot.db does not exist yet", "%s", out)

	name := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	log := func() string {
		text, _ := os.ReadFile(name)
		return string(text)
	}
	service := b.command(t, "run")
	service.Stderr = file
	require.NoError(t, service.Start())
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	came := workspace.WaitFor(ctx, func() bool { return len(workspace.Messages("pki-approvals")) > 0 })
	require.NoError(t, came, "no card came; the log says:\n%s", log())
	who, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", service.Process.Pid))
	require.NoError(t, err)
	require.Contains(t, string(who), "\nUid:\t65532\t65532\t65532\t65532\n")
	require.Contains(t, string(who), "\nCapEff:\t0000000000000000\n")
	out, err = b.command(t, "status").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.True(t, strings.HasSuffix(string(out), "\nready\n"), "%s", out)
	require.NoError(t, service.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-ended, "%s", log())
	require.FileExists(t, filepath.Join(b.state, "approvebot.db"))

	// Nothing but the state can be written.
	cmd := b.command(t, "run")
	cmd.Env = append(cmd.Env, "APPROVEBOT_STORE_URL=sqlite:///tmp/a.db")
	out, err = cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "/tmp/a.db")
}

// box is a root file system with what a runtime mounts into it.
type box struct {
	t           *testing.T
	root, state string
}

func newBox(t *testing.T, env ...string) *box {
	t.Helper()
	dir := t.TempDir()
	b := &box{t: t, root: filepath.Join(dir, "root"), state: filepath.Join(dir, "root/var/lib/approvebot")}
	rootfs(t, "..", b.root, env...)
	for _, above := range []string{dir, filepath.Dir(dir)} { // another user has to come this far
		info, err := os.Stat(above)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(above, info.Mode()|0o055))
	}
	return b
}

func (b *box) write(name, text string) {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(filepath.Join(b.root, name), []byte(text), 0o600))
	require.NoError(b.t, os.Chown(filepath.Join(b.root, name), container, container))
}

// lock makes everything read-only but the state.
func (b *box) lock() {
	b.t.Helper()
	mount := func(dir string, flags uintptr) {
		require.NoError(b.t, syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
		b.t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		if flags != 0 {
			require.NoError(b.t, syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|flags, ""))
		}
	}
	mount(b.root, syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV)
	mount(b.state, 0)
	require.NoError(b.t, syscall.Mount("", b.state, "", syscall.MS_BIND|syscall.MS_REMOUNT, ""))
	require.ErrorIs(b.t, os.WriteFile(filepath.Join(b.root, "tmp/x"), nil, 0o600), syscall.EROFS)
}

// command is one that the container's user runs in it, with its environment.
func (b *box) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "/usr/bin/approvebot", args...)
	cmd.Dir = "/var/lib/approvebot"
	cmd.Env = []string{"APPROVEBOT_CONFIG=/etc/approvebot/approvebot.yaml", "CREDENTIALS_DIRECTORY=/run/secrets", "STATE_DIRECTORY=/var/lib/approvebot"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: b.root, Credential: &syscall.Credential{Uid: container, Gid: container}}
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

//go:build linux

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// program finds a program, or skips the test; CI has it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "in CI there must be %s", name)
		t.Skip("needs " + name)
	}
	return path
}

func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, name), args...).CombinedOutput()
	return string(out), err
}

// systemd finds no fault with the unit, and little that it could still do.
func TestSystemdUnit(t *testing.T) {
	text, err := os.ReadFile("systemd/approvebot.service")
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	// The programs need not be installed on the machine that verifies.
	installed := regexp.MustCompile(`(?m)^(Exec\w+=)\S+`)
	require.Len(t, installed.FindAll(text, -1), 2)
	unit := filepath.Join(t.TempDir(), "approvebot.service")
	require.NoError(t, os.WriteFile(unit, installed.ReplaceAll(text, []byte("${1}"+self)), 0o600))

	out, err := run(t, "systemd-analyze", "verify", "--man=no", unit)
	require.NoError(t, err, out)
	require.Empty(t, out)
	// In tenths: 0 is safe, 100 is what a unit without any limits has, 12 is ours.
	out, err = run(t, "systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", unit)
	require.NoError(t, err, out)

	// A unit that it does find fault with, so that we know that it looks.
	require.NoError(t, os.WriteFile(unit, append(installed.ReplaceAll(text, []byte("${1}"+self)), "\n[Service]\nProtectHome=perhaps\nPrivateDevices=no\n"...), 0o600))
	out, _ = run(t, "systemd-analyze", "verify", "--man=no", unit)
	require.Contains(t, out, "perhaps")
	_, err = run(t, "systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", unit)
	require.Error(t, err)
}

func TestSystemdMakesTheUser(t *testing.T) {
	needsRoot(t)
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	text, err := os.ReadFile("systemd/approvebot.sysusers")
	require.NoError(t, err)
	folder := mustMkdir(t, filepath.Join(root, "usr/lib/sysusers.d"))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "approvebot.conf"), text, 0o600))
	out, err := run(t, "systemd-sysusers", "--root="+root)
	require.NoError(t, err, out)
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^approvebot:x:\d+:\d+:approvebot service:/var/lib/approvebot:/\S*nologin$`, string(passwd))
}

package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goreleaser "github.com/goreleaser/goreleaser/v2/pkg/config"
	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/stretchr/testify/require"
)

// release reads the configuration as GoReleaser does, which refuses unknown keys.
func release(t *testing.T) goreleaser.Project {
	t.Helper()
	p, err := goreleaser.Load("../goreleaser.yaml")
	require.NoError(t, err)
	return p
}

func TestReleaseConfiguration(t *testing.T) {
	p := release(t)
	require.Len(t, p.Builds, 1)
	require.Equal(t, "./cmd/approvebot", p.Builds[0].Main)
	require.Contains(t, p.Builds[0].Flags, "-trimpath")
	require.Equal(t, []string{"deb", "rpm"}, p.NFPMs[0].Formats)
	require.Equal(t, "sha256", p.Checksum.Algorithm)
	require.Equal(t, "cyclonedx-gomod", p.SBOMs[0].Cmd)
	for _, f := range p.Archives[0].Files { // each pattern takes something
		_ = approvebot(t)
		found, err := filepath.Glob(filepath.Join("../..", f.Source))
		require.NoError(t, err)
		require.NotEmpty(t, found, f.Source)
	}
	_, err := goreleaser.LoadReader(strings.NewReader("version: 2\nbuildz: []\n"))
	require.Error(t, err, "it looks")
}

// built is the Debian package, kept because packing takes its time.
var built []byte

// deb returns the path of the Debian package.
func deb(t *testing.T) string {
	t.Helper()
	if built == nil {
		built = buildDeb(t)
	}
	file := filepath.Join(t.TempDir(), "approvebot_9.8.7_amd64.deb")
	require.NoError(t, os.WriteFile(file, built, 0o600))
	return file
}

// buildDeb builds the Debian package from what goreleaser.yaml says about it.
func buildDeb(t *testing.T) []byte {
	t.Helper()
	p := release(t).NFPMs[0]
	binary := approvebot(t)
	here, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir("../..")) // paths in the file are relative to the repository
	defer func() { require.NoError(t, os.Chdir(here)) }()
	at := time.Unix(1700000000, 0).UTC()
	info := &nfpm.Info{
		Name: p.PackageName, Arch: "amd64", Platform: "linux", Version: "9.8.7", Section: p.Section, Priority: p.Priority,
		Maintainer: p.Maintainer, Description: p.Description, Homepage: p.Homepage, License: p.License, MTime: at,
		Overridables: nfpm.Overridables{
			Recommends: p.Recommends,
			Scripts:    nfpm.Scripts{PostInstall: p.Scripts.PostInstall, PreRemove: p.Scripts.PreRemove, PostRemove: p.Scripts.PostRemove},
			Contents:   files.Contents{{Source: binary, Destination: filepath.Join(p.Bindir, "approvebot"), FileInfo: &files.ContentFileInfo{Mode: 0o755, MTime: at}}},
		},
	}
	for _, c := range p.Contents {
		info.Contents = append(info.Contents, &files.Content{Source: c.Source, Destination: c.Destination, Type: c.Type, FileInfo: &files.ContentFileInfo{Mode: c.FileInfo.Mode, MTime: at}})
	}
	info = nfpm.WithDefaults(info)
	require.NoError(t, nfpm.PrepareForPackager(info, "deb"))
	packager, err := nfpm.Get("deb")
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, packager.Package(info, &text))
	require.Equal(t, "approvebot_9.8.7_amd64.deb", packager.ConventionalFileName(info))
	return text.Bytes()
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s %q: %s", name, args, out)
	return string(out)
}

func TestDebianPackage(t *testing.T) {
	file := deb(t)
	about := output(t, "dpkg-deb", "--info", file)
	require.Contains(t, about, "\n Package: approvebot\n Version: 9.8.7\n Section: net\n Priority: optional\n Architecture: amd64\n")
	require.Contains(t, about, "\n Recommends: ca-certificates, systemd\n")
	require.Contains(t, about, "\n Description: Approve Keyfactor Command's requests from Slack\n")

	modes := map[string]string{}
	for line := range strings.Lines(output(t, "dpkg-deb", "--contents", file)) {
		f := strings.Fields(line)
		require.Equal(t, "root/root", f[1], line)
		modes[f[5]] = f[0]
	}
	for name, mode := range map[string]string{
		"./usr/bin/approvebot":                                  "-rwxr-xr-x",
		"./usr/lib/systemd/system/approvebot.service":           "-rw-r--r--",
		"./usr/lib/sysusers.d/approvebot.conf":                  "-rw-r--r--",
		"./usr/share/bash-completion/completions/approvebot":    "-rw-r--r--",
		"./usr/share/zsh/vendor-completions/_approvebot":        "-rw-r--r--",
		"./usr/share/fish/vendor_completions.d/approvebot.fish": "-rw-r--r--",
		"./usr/share/doc/approvebot/copyright":                  "-rw-r--r--",
		"./usr/share/doc/approvebot/docs/guarantees.md":         "-rw-r--r--",
		"./usr/share/approvebot/approvebot.schema.json":         "-rw-r--r--",
		"./etc/approvebot/":                                     "drwxr-xr-x",
		"./etc/approvebot/credentials/":                         "drwx------",
	} {
		require.Equal(t, mode, modes[name], name)
	}
}

// The package is installed below a folder, removed, and purged; its scripts run.
func TestDebianPackageIsInstalled(t *testing.T) {
	if os.Geteuid() != 0 {
		require.NotEqual(t, "true", os.Getenv("CI"), "in CI this test must run, as root")
		t.Skip("needs root")
	}
	program(t, "systemd-sysusers")
	file, root := deb(t), t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/approvebot", "etc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o600))
	dpkg := func(args ...string) string {
		return output(t, "dpkg", append([]string{"--root=" + root, "--log=" + filepath.Join(root, "log"), "--force-script-chrootless,not-root"}, args...)...)
	}
	said := dpkg("--install", file)
	require.Contains(t, said, "systemctl enable --now approvebot")
	require.Contains(t, output(t, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "--show", "--showformat=${Status}", "approvebot"), "install ok installed")
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	require.NoError(t, err)
	require.Contains(t, string(passwd), "approvebot:x:")
	require.True(t, strings.HasPrefix(output(t, filepath.Join(root, "usr/bin/approvebot"), "version"), "approvebot "))
	// The shells find the completions where they look for them.
	completion, err := os.ReadFile(filepath.Join(root, "usr/share/bash-completion/completions/approvebot"))
	require.NoError(t, err)
	script := string(completion) + "\n" + `COMP_WORDS=(approvebot che); COMP_CWORD=1; COMP_LINE="approvebot che"; COMP_POINT=14; COMP_TYPE=9
_get_comp_words_by_ref() { cur=che; prev=approvebot; words=(approvebot che); cword=1; }
__start_approvebot; printf '%s\n' "${COMPREPLY[@]}"`
	complete := exec.CommandContext(t.Context(), "bash", "-c", script)
	complete.Env = []string{"PATH=" + filepath.Join(root, "usr/bin") + ":" + os.Getenv("PATH")}
	offered, err := complete.CombinedOutput()
	require.NoError(t, err, "%s", offered)
	require.Contains(t, string(offered), "check")

	// Whoever has configured it is not told again how to.
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/approvebot/approvebot.yaml"), []byte("routes: []\n"), 0o600))
	require.NotContains(t, dpkg("--install", file), "systemctl enable")
	dpkg("--remove", "approvebot")
	require.NoFileExists(t, filepath.Join(root, "usr/bin/approvebot"))
	require.FileExists(t, filepath.Join(root, "etc/approvebot/approvebot.yaml"))
	dpkg("--install", file)
	require.Contains(t, dpkg("--purge", "approvebot"), "audit log, is still in /var/lib/approvebot")
	require.DirExists(t, filepath.Join(root, "var/lib/approvebot"))
}

// Built twice, the package is the same.
func TestDebianPackageIsReproducible(t *testing.T) {
	_ = deb(t)
	require.True(t, bytes.Equal(built, buildDeb(t)))
}

package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
)

const containerfile = "../container/Containerfile"

// BuildKit reads the container file, and what comes out of it is nobody's root,
// with nothing in it but what one script lays out.
func TestContainerfile(t *testing.T) {
	parsed, err := parser.Parse(strings.NewReader(mustRead(t, containerfile)))
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	stages, _, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	require.Len(t, stages, 2)
	require.Regexp(t, `^golang:[0-9.]+-`, stages[0].BaseName)
	last := stages[1]
	require.Equal(t, "scratch", last.BaseName)
	var user, entry, health string
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			require.Equal(t, "build", c.From)
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
		case *instructions.HealthCheckCommand:
			health = strings.Join(c.Health.Test, " ")
		case *instructions.RunCommand, *instructions.AddCommand:
			t.Fatalf("there is nothing to run it with: %v", c)
		}
	}
	require.Equal(t, "65532:65532", user)
	require.Equal(t, "/usr/bin/approvebot", entry)
	require.Equal(t, "CMD /usr/bin/approvebot status", health)
}

// What the builder is sent is enough to build from.
func TestContainerContext(t *testing.T) {
	patterns, err := ignorefile.ReadAll(strings.NewReader(mustRead(t, containerfile+".dockerignore")))
	require.NoError(t, err)
	ignored, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	list, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	require.NoError(t, err)
	context, sent := t.TempDir(), 0
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		skip, err := ignored.MatchesOrParentMatches(name)
		require.NoError(t, err)
		if skip {
			continue
		}
		require.NotContains(t, name, "_test.go")
		sent++
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		to := filepath.Join(context, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		info, err := os.Stat(filepath.Join("../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, text, info.Mode()))
	}
	require.Greater(t, sent, 100)
	root := filepath.Join(t.TempDir(), "root")
	cmd := exec.CommandContext(t.Context(), filepath.Join(context, "deploy/container/rootfs"), root)
	cmd.Env = append(os.Environ(), "VERSION=v9.8.7")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var said bytes.Buffer
	version := exec.CommandContext(t.Context(), filepath.Join(root, "usr/bin/approvebot"), "version")
	version.Stdout = &said
	require.NoError(t, version.Run())
	require.True(t, strings.HasPrefix(said.String(), "approvebot v9.8.7\n"), said.String())
}

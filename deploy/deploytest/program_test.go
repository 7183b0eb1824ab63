package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// prepare makes what the packages hold, as GoReleaser has it made; once.
var prepare = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("../package/prepare")
	out, err := cmd.CombinedOutput()
	return string(out), err
})

// approvebot is the path of the program.
func approvebot(t *testing.T) string {
	t.Helper()
	out, err := prepare()
	require.NoError(t, err, out)
	path, err := filepath.Abs("../../bin/package/approvebot")
	require.NoError(t, err)
	return path
}

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

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

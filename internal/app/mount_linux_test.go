package app_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// mustMount makes the folder a small file system of its own, or mounts it anew.
// Where that is not allowed the test is skipped.
func mustMount(t *testing.T, dir, how string) {
	t.Helper()
	var flags uintptr
	if rest, again := strings.CutPrefix(how, "remount,"); again {
		require.Equal(t, "ro", rest)
		flags, how = syscall.MS_REMOUNT|syscall.MS_RDONLY, ""
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", flags, how)
	if err == syscall.EPERM {
		t.Skip("mounting a file system is not allowed here")
	}
	require.NoError(t, err)
	if flags == 0 {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
}

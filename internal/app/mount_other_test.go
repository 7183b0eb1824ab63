//go:build !linux

package app_test

import "testing"

func mustMount(t *testing.T, _, _ string) {
	t.Helper()
	t.Skip("needs Linux")
}

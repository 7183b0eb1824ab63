package torture_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A promise is worth as much as the test that keeps it: every test that
// docs/guarantees.md names must exist.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "guarantees.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`([a-z/_]+_test\\.go)::(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 40, "hardly any test is named")
	for _, n := range named {
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(n[1])))
		require.NoError(t, err)
		require.Regexp(t, `(?m)^func `+n[2]+`\(`, string(source), "%s has no %s", n[1], n[2])
	}
	require.Len(t, regexp.MustCompile("`[^`]*::[^`]*`").FindAllString(string(text), -1), len(named)+1, "a name that is not file::Test, besides the one that explains it")
}

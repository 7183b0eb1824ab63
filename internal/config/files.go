package config

import (
	"crypto/sha256"
	"maps"
	"path/filepath"
	"strings"
)

// Files are the files that a configuration was read from, the secrets' own
// included, with digests of what they held: all zero for one that could not be read.
type Files map[string][sha256.Size]byte

// read is readFile, remembered.
func (f Files) read(path string) ([]byte, error) {
	text, err := readFile(path)
	sum := [sha256.Size]byte{}
	if err == nil {
		sum = sha256.Sum256(text)
	}
	if f != nil {
		f[path] = sum
	}
	return text, err
}

// Changed reports whether one of the files holds something else by now.
func (f Files) Changed() bool {
	now := Files{}
	for path := range f {
		_, _ = now.read(path) // one that cannot be read is different from one that could
	}
	return !maps.Equal(f, now)
}

// concerns reports whether what happened to a path may have changed one of the files.
func (f Files) concerns(path string) bool {
	path = filepath.Clean(path)
	if strings.HasPrefix(filepath.Base(path), "..") {
		return true // where Kubernetes keeps what its links lead to
	}
	for file := range f {
		if target, err := filepath.EvalSymlinks(file); path == filepath.Clean(file) || err == nil && path == target {
			return true
		}
	}
	return false
}

// folders lists where the files are, and where they really are, if they are links.
func (f Files) folders() map[string]bool {
	all := map[string]bool{}
	for path := range f {
		all[filepath.Dir(path)] = true
		if target, err := filepath.EvalSymlinks(path); err == nil {
			all[filepath.Dir(target)] = true
		}
	}
	return all
}

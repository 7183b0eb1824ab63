package config_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

// watched is a configuration that is loaded again whenever it is said to have changed.
type watched struct {
	*testing.T
	path string
	env  func(string) string

	mu      sync.Mutex
	files   config.Files
	loads   chan error
	current *config.Config
}

func watching(t *testing.T, path string, env func(string) string) *watched {
	w := &watched{T: t, path: path, env: env, loads: make(chan error, 100)}
	w.load()
	require.NoError(t, <-w.loads)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		config.Watch(ctx, func() config.Files { w.mu.Lock(); defer w.mu.Unlock(); return w.files }, w.load, func(err error) { t.Error(err) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *watched) load() {
	c, _, err := config.Load(w.path, w.env)
	w.mu.Lock()
	defer w.mu.Unlock()
	if wrong, ok := err.(*config.Error); ok {
		w.files = wrong.Files
	} else {
		w.current, w.files = c, c.Files
	}
	w.loads <- err
}

// hears waits until the change was heard of and returns what loading said.
func (w *watched) hears() error {
	w.Helper()
	select {
	case err := <-w.loads:
		return err
	case <-time.After(20 * time.Second): // before the files are looked at without being told
		w.Fatal("nobody heard of the change")
		return nil
	}
}

func (w *watched) level() string { w.mu.Lock(); defer w.mu.Unlock(); return w.current.Log.Level }

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// replace is how editors save: a new file is renamed over the old one.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+"~", text)
	require.NoError(t, os.Rename(path+"~", path))
}

func TestWatch(t *testing.T) {
	t.Parallel()
	dir, secrets := t.TempDir(), t.TempDir()
	path, key := filepath.Join(dir, "approvebot.yaml"), filepath.Join(secrets, "signing")
	write(t, path, minimal)
	w := watching(t, path, environment())

	replace(t, path, minimal+"log: {level: warn}")
	require.NoError(t, w.hears())
	require.Equal(t, "warn", w.level())
	write(t, path, minimal+"log: {level: debug}")
	require.NoError(t, w.hears())
	require.Equal(t, "debug", w.level())

	// A file of a secret that is not there yet, then is, then changes.
	write(t, path, minimal+"slack: {signing_secret_file: "+key+"}")
	require.ErrorContains(t, w.hears(), "there is no file "+key)
	write(t, key, "one")
	require.NoError(t, w.hears())
	replace(t, key, "two")
	require.NoError(t, w.hears())
	w.mu.Lock()
	require.Equal(t, "two", w.current.Slack.SigningSecret.Reveal())
	w.mu.Unlock()

	// What does not concern it is not read, and neither is what says the same again.
	write(t, filepath.Join(dir, "other.yaml"), "x")
	replace(t, key, "two")
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now()))
	require.NoError(t, os.Remove(path))
	require.ErrorContains(t, w.hears(), "there is no such file")
	write(t, path, minimal)
	require.NoError(t, w.hears())
	require.Empty(t, w.loads)
}

// Kubernetes writes a new folder and swaps one link to it, by which all files change at once.
func TestWatchFollowsKubernetes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	generation := func(name, level string) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "approvebot.yaml"), minimal+"log: {level: "+level+"}")
		require.NoError(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	generation("..2026_1", "info")
	path := filepath.Join(dir, "approvebot.yaml")
	require.NoError(t, os.Symlink("..data/approvebot.yaml", path))
	w := watching(t, path, environment())
	for _, level := range []string{"warn", "debug", "error"} {
		generation("..2026_"+level, level)
		require.NoError(t, w.hears())
		require.Equal(t, level, w.level())
	}
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..2026_warn")))
	generation("..2026_last", "info")
	require.NoError(t, w.hears())
	require.Equal(t, "info", w.level())
}

// A change between reading and watching is not missed, and a relative path is one, too.
func TestWatchBeginsWithALook(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "approvebot.yaml", minimal)
	c, _, err := config.Load("approvebot.yaml", environment())
	require.NoError(t, err)
	write(t, "approvebot.yaml", minimal+"# another\n")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	calls := 0
	files := c.Files
	config.Watch(ctx, func() config.Files { return files }, func() {
		calls++
		c, _, err := config.Load("approvebot.yaml", environment())
		if err == nil {
			files = c.Files
		}
		if calls == 2 {
			cancel()
			return
		}
		err = os.WriteFile("approvebot.yaml", []byte(minimal), 0o600)
		if err != nil {
			t.Error(err)
		}
	}, func(err error) { t.Error(err) })
	require.Equal(t, 2, calls)
}

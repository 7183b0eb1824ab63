package app_test

import (
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// While the database cannot be written, nothing is decided, and everybody
// concerned is told; when the cause is gone, it goes on by itself.
func TestADatabaseThatCannotBeWritten(t *testing.T) {
	for name, cause := range map[string]func(t *testing.T, dir string) (begin, end func()){
		"the disk is full":               full,
		"another program locks the file": locked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			begin, end := cause(t, dir)
			p := newPlace(t, sqliteIn(dir))
			r := p.start()
			id, card := p.arrive("web")
			_, other := p.arrive("web")
			modal := p.press("ada", card, "approve")
			p.await("rest", func() bool { status, _ := readyz(t, r.app.Addr()); return status == http.StatusOK })

			begin()
			s := p.submit("ada", modal, "typed once")
			require.True(t, s.Acknowledged, "%s %s", s.Fate, s.Error)
			require.Contains(t, s.Errors["comment"], "Nothing was decided. Try again")
			require.False(t, s.Closed, "what was typed stays")
			status, ready := readyz(t, r.app.Addr())
			require.Equal(t, http.StatusServiceUnavailable, status)
			require.False(t, ready.Parts["database"].OK)
			require.True(t, r.says(zap.ErrorLevel, "could not be recorded, so nothing happens") || r.says(zap.ErrorLevel, "a click could not be looked up"))
			click := p.slack.Click(t.Context(), slacksim.Click{As: "ben", Channel: room, TS: other.TS, ActionID: "deny"})
			require.True(t, click.Acknowledged, "%s %s", click.Fate, click.Error)
			require.Zero(t, p.signals(id), "no signal without a record")

			end()
			p.await("readiness", func() bool { status, _ := readyz(t, r.app.Addr()); return status == http.StatusOK })
			p.decide("ada", modal, "typed once")
			p.becomes(card, "Approved", "typed once")
			late, lateCard := p.arrive("web")
			p.approve("carol", lateCard)
			p.becomes(lateCard, "Approved")
			require.Equal(t, 1, p.signals(id))
			require.Equal(t, 1, p.signals(late))
		})
	}
}

// full is a small file system of its own, and a file that fills it.
func full(t *testing.T, dir string) (begin, end func()) {
	mustMount(t, dir, "size=16m")
	filler := filepath.Join(dir, "filler")
	begin = func() {
		f, err := os.Create(filler)
		require.NoError(t, err)
		defer f.Close()
		for block := make([]byte, 4096); err == nil; {
			_, err = f.Write(block)
		}
	}
	return begin, func() { require.NoError(t, os.Remove(filler)) }
}

// locked is somebody with a tool for SQLite who begins to write and goes for lunch.
func locked(t *testing.T, dir string) (begin, end func()) {
	var conn *sql.Conn
	begin = func() {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "approvebot.db")+"?_pragma=busy_timeout(5000)")
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		conn, err = db.Conn(t.Context())
		require.NoError(t, err)
		_, err = conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
		require.NoError(t, err)
	}
	return begin, func() {
		_, err := conn.ExecContext(t.Context(), `ROLLBACK`)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

// A file that cannot be written is refused at the start, in words.
func TestAReadOnlyDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if os.Getuid() == 0 { // root may write whatever the mode says
		mustMount(t, dir, "size=16m")
	}
	p := newPlace(t, sqliteIn(dir))
	p.start().stop()
	if os.Getuid() == 0 {
		mustMount(t, dir, "remount,ro")
	} else {
		require.NoError(t, os.Chmod(filepath.Join(dir, "approvebot.db"), 0o400))
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "approvebot.db"), 0o600) })
	}
	env := p.env(newDoor(t, p.keyfactor))
	c, _, err := config.Parse("approvebot.yaml", []byte(placeConfig), func(name string) string { return env[name] })
	require.NoError(t, err)
	_, err = app.New(t.Context(), app.Options{Config: c, Log: zap.NewNop()})
	require.ErrorContains(t, err, "the database must be writable: open "+filepath.Join(dir, "approvebot.db"))
}

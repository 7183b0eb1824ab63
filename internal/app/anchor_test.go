package app

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/internal/store"
)

// The log hears where the audit log stands at the start, with every tick, and at
// the end, and each time it is the hash that the chain proves.
func TestAnchors(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "approvebot.db"), store.Options{})
	require.NoError(t, err)
	a := &App{log: zap.New(core), store: s}
	a.onStop("store", func(context.Context) error { return s.Close() })
	write := func() (head string) {
		require.NoError(t, s.Audit(t.Context(), store.Entry{Event: "config.changed"}))
		_, head, err := s.VerifyAudit(t.Context())
		require.NoError(t, err)
		return head
	}
	first := write()
	tick := make(chan time.Time)
	a.anchorAt(t.Context(), tick)
	for range 3 {
		tick <- time.Now() // taken only when the anchor before has been written
	}
	last := write()
	require.NoError(t, a.Stop(t.Context()))

	var got []string
	for _, line := range logged.FilterMessage("audit log anchor").All() {
		got = append(got, line.ContextMap()["hash"].(string))
	}
	require.GreaterOrEqual(t, len(got), 4)
	require.Equal(t, []string{first, first, first}, got[:3])
	require.Equal(t, last, got[len(got)-1])
}

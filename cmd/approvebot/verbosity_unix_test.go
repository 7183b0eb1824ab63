//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

func TestSIGUSR1MakesTheLogTellEverythingForAWhile(t *testing.T) {
	var out syncBuffer
	p := &program{env: func(string) string { return "" }, err: &out}
	log, level, err := p.leveled(config.Log{Level: "warn", Format: "json"})
	require.NoError(t, err)
	end := watchVerbosity(level, log)
	toggle := func(until string) {
		t.Helper()
		require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGUSR1))
		require.Eventually(t, func() bool { return level.String() == until }, 30*time.Second, time.Millisecond)
	}
	log.Debug("one")
	toggle("debug")
	log.Debug("two")
	toggle("warn")
	log.Debug("three")
	log.Warn("four")
	end()
	var said []string
	for _, word := range []string{"one", "two", "three", "four"} {
		if strings.Contains(out.String(), `"msg":"`+word+`"`) {
			said = append(said, word)
		}
	}
	require.Equal(t, []string{"two", "four"}, said)
}

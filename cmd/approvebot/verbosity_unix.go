//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
)

// watchVerbosity has SIGUSR1 switch between everything and what was logged before.
// A signal needs the right to end the process anyway, so it opens no door; an
// address would, where a proxy on the same machine makes everybody look local.
// The function that it returns ends it.
func watchVerbosity(level zap.AtomicLevel, log *zap.Logger) func() {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		defer close(done)
		before := level.Level()
		for range signals {
			if now := level.Level(); now != zap.DebugLevel {
				before = now
				level.SetLevel(zap.DebugLevel)
				log.Info("the log tells everything from now on; SIGUSR1 again ends that")
				continue
			}
			log.Info("the log tells as much as before", zap.Stringer("level", before))
			level.SetLevel(before)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

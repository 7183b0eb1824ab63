//go:build !unix

package main

import "go.uber.org/zap"

// watchVerbosity does nothing where there is no SIGUSR1; log.level can be changed there.
func watchVerbosity(zap.AtomicLevel, *zap.Logger) func() { return func() {} }

//go:build !linux

package pgtest

import "syscall"

// dieWithUs needs Linux; elsewhere a killed test process leaves its server behind.
func dieWithUs(*syscall.SysProcAttr) {}

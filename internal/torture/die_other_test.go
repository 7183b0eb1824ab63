//go:build !linux

package torture_test

import "syscall"

// dieWithUs needs Linux; elsewhere a killed test leaves its processes behind.
func dieWithUs(*syscall.SysProcAttr) {}

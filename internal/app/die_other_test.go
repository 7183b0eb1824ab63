//go:build !linux

package app_test

import "syscall"

// dieWithUs needs Linux; elsewhere a killed test leaves its processes behind.
func dieWithUs(*syscall.SysProcAttr) {}

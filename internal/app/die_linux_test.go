package app_test

import "syscall"

// dieWithUs ends a process with the test, however that ends.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

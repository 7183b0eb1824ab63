package pgtest

import "syscall"

// dieWithUs ends the server with the test process, however that ends.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }

package app_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is the real program, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	built.Store(true)
	dir, err := os.MkdirTemp("", "approvebot-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "approvebot")
	out, err := exec.Command("go", "build", "-o", path, "github.com/approvebot/approvebot/cmd/approvebot").CombinedOutput()
	if err != nil {
		return "", &buildError{string(out), err}
	}
	return path, nil
})

type buildError struct {
	out string
	err error
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.out }

// removeBinary is for TestMain.
func removeBinary() {
	if !built.Load() {
		return
	}
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
}

var built atomic.Bool

// process is approvebot as its operators run it.
type process struct {
	*testing.T
	cmd *exec.Cmd
	// keyfactor is its own way to Keyfactor.
	keyfactor *door
	address   string // of its HTTP listener
	file      string // of its configuration
	out       syncBuffer
	done      chan struct{}
	code      int // after done
}

// limits are commands of the shell that starts the process, such as "ulimit -f 100".
func (p *place) spawn(limits ...string) *process {
	p.Helper()
	path, err := binary()
	require.NoError(p, err)
	dir := p.TempDir()
	r := &process{T: p.T, keyfactor: newDoor(p.T, p.keyfactor), address: freeAddress(p.T), done: make(chan struct{})}
	file := filepath.Join(dir, "approvebot.yaml")
	r.file = file
	text := strings.Replace(placeConfig, "127.0.0.1:0", r.address, 1)
	require.NoError(p, os.WriteFile(file, []byte(text), 0o600))
	script := strings.Join(append(limits, `exec "$0" "$@"`), "\n")
	r.cmd = exec.Command("sh", "-c", script, path, "run", "--config", file, "--log-format", "json")
	r.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	for name, value := range p.env(r.keyfactor) {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{}
	dieWithUs(r.cmd.SysProcAttr)
	// The parent's death is told by thread, so the thread that starts must stay.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := r.cmd.Start()
		started <- err
		if err == nil {
			_ = r.cmd.Wait()
			r.code = r.cmd.ProcessState.ExitCode()
		}
		close(r.done)
	}()
	require.NoError(p, <-started)
	p.Cleanup(func() {
		r.kill()
		if p.Failed() {
			text := r.out.String()
			p.Logf("the process said:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return r
}

// kill ends it without a word.
func (r *process) kill() {
	_ = r.cmd.Process.Kill() // it may have ended already
	<-r.done
}

func (r *process) signal(s syscall.Signal) { require.NoError(r, r.cmd.Process.Signal(s)) }

// ends waits for the end and returns the exit code.
func (r *process) ends() int {
	r.Helper()
	select {
	case <-r.done:
		return r.code
	case <-time.After(patience):
		r.Fatal("the process does not end")
		return -1
	}
}

func (r *process) says(text string) bool { return strings.Contains(r.out.String(), text) }

// syncBuffer may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*syncBuffer)(nil)

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

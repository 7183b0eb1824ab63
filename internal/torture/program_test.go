package torture_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is one replica of approvebot: a process that comes and goes.
type program struct {
	name   string
	binary string
	config string
	env    []string
	log    string // the file that all its lives write to

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan exit
}

// exit is how a process ended.
type exit struct{ err error }

// build makes the real program, as "make build" does but for speed.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "approvebot")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/approvebot/approvebot/cmd/approvebot").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// start brings the process up; it does not wait until it is ready for anything.
func (p *program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, "run", "--config", p.config, "--log-format", "json")
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = p.env, log, log, filepath.Dir(p.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	dieWithUs(cmd.SysProcAttr)
	// The parent's death is told by thread, so the thread that starts must stay.
	started, done := make(chan error), make(chan exit, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- exit{cmd.Wait()}
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.done = cmd, done
	return nil
}

// kill ends the process without a word. It reports an error if the process had
// ended by itself, which it never should.
func (p *program) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case e := <-p.done:
		p.done <- e
		return fmt.Errorf("%s ended by itself: %w", p.name, e.err)
	default:
	}
	err := p.cmd.Process.Kill()
	p.done <- <-p.done // for stop
	return err
}

// stop asks the process to finish and waits for it.
func (p *program) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case e := <-p.done:
		p.done <- e
		if e.err != nil {
			return fmt.Errorf("%s was asked to stop: %w", p.name, e.err)
		}
		return nil
	case <-time.After(40 * time.Second):
		_ = p.cmd.Process.Kill()
		p.done <- <-p.done
		return errors.New(p.name + " did not stop within 40 s")
	}
}

// freeze stops the process's clock, and thaw starts it again.
func (p *program) freeze() { p.signal(syscall.SIGSTOP) }
func (p *program) thaw()   { p.signal(syscall.SIGCONT) }

func (p *program) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// lines are those lines of the log that match.
func (p *program) lines(t *testing.T, match func(line string) bool) (found []string) {
	t.Helper()
	f, err := os.Open(p.log)
	require.NoError(t, err)
	defer f.Close()
	for s := bufio.NewReader(f); ; {
		line, err := s.ReadString('\n')
		if line != "" && match(line) {
			found = append(found, p.name+": "+strings.TrimSpace(line))
		}
		if err != nil {
			return found
		}
	}
}

// crash is what no life of the program may ever say.
var crash = regexp.MustCompile(`"job panicked|^panic: |^fatal error: |^goroutine \d|DATA RACE|second card was posted`)

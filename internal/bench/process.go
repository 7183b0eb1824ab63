package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// build makes the program as "make build" does.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "approvebot")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/approvebot/approvebot/cmd/approvebot") //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, out)
	}
	return binary, nil
}

// process is a child of ours: the program, or what it is compared with.
type process struct {
	cmd  *exec.Cmd
	log  string // the file that it writes to
	done chan error
}

// spawn starts a child, which ends with ctx at the latest.
func spawn(ctx context.Context, log string, env []string, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // our own programs
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = env, out, out, filepath.Dir(log)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

func (p *process) used() usage { return used(p.cmd.Process.Pid) }

// stop asks the process to end, and waits until it has.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case err := <-p.done:
		p.done <- nil
		if err != nil {
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended with %w:\n%s", p.cmd.Path, err, tail(text, 2000))
		}
		return nil
	case <-time.After(40 * time.Second):
		return errors.Join(p.kill(), fmt.Errorf("%s did not end within 40 s", p.cmd.Path))
	}
}

// kill ends the process at once.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	p.done <- <-p.done // for whoever waits after us
	return err
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// answers waits until a URL answers with 200, and says how long that took.
func answers(ctx context.Context, url string) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%s does not answer: %w", url, errors.Join(ctx.Err(), err))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Package pgtest gives tests a real PostgreSQL: one private server for each test
// process, and a fresh database for each test. It uses the server programs of
// the machine, in a directory of its own, and needs no rights and no network.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// errMissing means that the machine has no PostgreSQL server programs.
var errMissing = errors.New("no PostgreSQL server programs found (looked in PATH, pg_config --bindir, /usr/lib/postgresql); Debian: apt-get install postgresql")

// Server is a private PostgreSQL that a test may stop and start again.
type Server struct {
	bin, dir string
	port     int
	account  *syscall.Credential // PostgreSQL refuses to run as root

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	made atomic.Int64
}

var (
	shared = sync.OnceValues(func() (*Server, error) { began.Store(true); return start() })
	began  atomic.Bool
)

// URL returns the address of a fresh, empty database on the server that all
// tests of the process share. Without PostgreSQL the test is skipped, but in CI
// (the environment has CI=true) it fails.
func URL(t testing.TB) string {
	t.Helper()
	s, err := shared()
	check(t, err)
	return s.Database(t)
}

// New starts a server for this test alone, one that may be stopped.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	check(t, err)
	t.Cleanup(func() {
		s.Stop(t)
		_ = os.RemoveAll(s.dir)
	})
	return s
}

// Start starts a server for what is no test; Close ends it.
func Start() (*Server, error) { return start() }

// Close ends the server and removes all that it kept.
func (s *Server) Close() error {
	s.kill(syscall.SIGQUIT)
	return os.RemoveAll(s.dir)
}

// Main is what a TestMain calls instead of m.Run: it ends the shared server.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// Without it the server ends too, when the test process does. What is called
// at the end is for other things that the tests of a package share.
func Main(m *testing.M, ends ...func()) {
	code := m.Run()
	for _, end := range ends {
		end()
	}
	if began.Load() {
		if s, err := shared(); err == nil {
			s.kill(syscall.SIGQUIT)
			_ = os.RemoveAll(s.dir)
		}
	}
	os.Exit(code)
}

func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// bindir finds initdb and postgres.
func bindir() (string, error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	slices.Reverse(found)
	for _, dir := range append(dirs, found...) {
		_, err1 := os.Stat(filepath.Join(dir, "initdb"))
		_, err2 := os.Stat(filepath.Join(dir, "postgres"))
		if err1 == nil && err2 == nil {
			return dir, nil
		}
	}
	return "", errMissing
}

// account returns whom to run as: ourselves, or the user postgres if we are root.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("run PostgreSQL as root: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

func start() (*Server, error) {
	s := new(Server)
	var err error
	if s.bin, err = bindir(); err != nil {
		return nil, err
	}
	if s.account, err = account(); err != nil {
		return nil, err
	}
	// Not t.TempDir: the server outlives tests, and a socket's path must be short.
	if s.dir, err = os.MkdirTemp("/tmp", "pgtest"); err != nil {
		return nil, err
	}
	if s.account != nil {
		if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return nil, err
		}
	}
	out, err := s.command("initdb", "-D", s.data(), "-U", "approvebot", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	return s, s.run()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	dieWithUs(cmd.SysProcAttr)
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) run() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", s.data(), "-k", s.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-N", "200", "-c", "fsync=on")
	cmd.Stdout, cmd.Stderr = log, log
	// Pdeathsig follows the thread that started the child, so that thread must stay.
	started := make(chan error)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		_ = cmd.Wait()
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	return s.ready()
}

// ready waits until the server takes connections.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if err = db.PingContext(ctx); err == nil {
			tick.Stop()
			return nil
		}
		select {
		case <-s.done:
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("postgres ended: %s", text)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://approvebot@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Database makes a fresh database and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	url, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Create does the same for what is no test.
func (s *Server) Create(ctx context.Context) (url string, err error) {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("create a database: %w", err)
	}
	return s.url(name), nil
}

// Stop ends the server as a crash would: no connection is asked to finish.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.kill(syscall.SIGQUIT)
}

// Start brings a stopped server back, at the same address and with its data.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) kill(how syscall.Signal) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	_ = cmd.Process.Signal(how) // it may have ended already
	<-done
}

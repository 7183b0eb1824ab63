// Command approvebot brings requests that wait for approval in Keyfactor Command
// to Slack. It translates arguments, environment and signals into calls of the
// rooms under internal, and what comes of them into words and an exit code:
//
//	0  fine
//	1  something failed
//	2  the command line or the configuration is wrong
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/approvebot/approvebot/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever signals twice does not want to wait: the second one kills.
	context.AfterFunc(ctx, stop)
	p := &program{env: os.Getenv, out: os.Stdout, err: os.Stderr, terminal: isTerminal(os.Stderr)}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// The exit codes.
const (
	exitFine   = 0
	exitFailed = 1
	exitWrong  = 2
)

// program is one invocation and the world it sees.
type program struct {
	env      func(string) string
	out, err io.Writer
	terminal bool // err is one

	flags globalFlags
	began bool // the arguments were understood
}

// errReported means that everything has been said already.
var errReported = errors.New("reported")

// run executes the arguments and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	_, mistaken := errors.AsType[*config.Error](err)
	_, misused := errors.AsType[usageError](err)
	switch {
	case errors.Is(err, errReported):
	case mistaken:
		fmt.Fprintln(p.err, err)
	default:
		fmt.Fprintf(p.err, "approvebot: %v\n", err)
	}
	if misused || !p.began {
		fmt.Fprintf(p.err, "Run '%s --help' to see how it is used.\n", cmd.CommandPath())
	}
	if mistaken || misused || !p.began {
		return exitWrong
	}
	return exitFailed
}

// usageError is a mistake on the command line that only the command itself can see.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func wrongUsage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// Command bench measures the program from outside and prints one report.
//
// The program runs as a process of its own against both simulators, which live in
// this one. Next to it, in the same run and under the same load, runs the floor: a
// bare slack-go handler, also a process of its own, that acknowledges a click,
// POSTs the signal and updates the message, with nothing stored and nothing
// checked. What the program takes is told as a multiple of the floor, because
// absolute times tell as much about the machine as about the program.
//
//	clicks     a click until it is acknowledged, until its signal comes in, until its card is settled
//	poll       first and steady poll of a queue, next to a client that reads the same pages
//	catch-up   new cards while Slack's limits are on, and clicks meanwhile
//
// "make bench" is the full form, "make bench BENCH=-short" one of a minute or two.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// bench is one run.
type bench struct {
	short      bool
	databases  string
	transports string
	binary     string
	profiles   string
	load       string
	dir        string
	out        io.Writer
}

func run(ctx context.Context, args []string) error {
	// The processes that the program is compared with are this one, called again.
	if len(args) > 0 {
		switch args[0] {
		case "floor":
			return floor(ctx)
		case "bare":
			return bare(ctx, args[1:])
		}
	}
	b := &bench{out: os.Stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&b.short, "short", false, "measure less of everything")
	only := flags.String("only", "alone,clicks,poll,catch-up", "what to measure, with commas")
	flags.StringVar(&b.databases, "databases", "sqlite,postgres", "the program's databases, with commas")
	flags.StringVar(&b.transports, "transports", socketMode+","+signedHTTP, "the ways of a click, with commas")
	flags.StringVar(&b.load, "load", "", "only loads whose names begin so: 1/s, 50/s, 200/s, burst")
	flags.StringVar(&b.profiles, "pprof", "", "let the program serve its profiles at a loopback address")
	flags.StringVar(&b.binary, "binary", "", "an approvebot to measure; built from here by default")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "approvebot-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if b.binary == "" {
		if b.binary, err = build(ctx, b.dir); err != nil {
			return err
		}
	}
	fmt.Fprintf(b.out, "%s\n\n", machine())
	for part := range strings.SplitSeq(*only, ",") {
		measure, ok := map[string]func(context.Context) error{"alone": b.alone, "clicks": b.clicks, "poll": b.poll, "catch-up": b.catchUp}[part]
		if !ok {
			return fmt.Errorf("nothing is called %q; there are alone, clicks, poll and catch-up", part)
		}
		if err := measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// say tells whoever waits what is being done.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/approvebot/approvebot/internal/config"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// logger writes to the program's error output: lines for a person at a terminal,
// JSON for everybody else.
func (p *program) logger(l config.Log) (*zap.Logger, error) {
	log, _, err := p.leveled(l)
	return log, err
}

// leveled returns such a logger and what changes its level while it is in use.
func (p *program) leveled(l config.Log) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(l.Level)
	if err != nil {
		return nil, level, wrongUsage("--log-level is debug, info, warn or error, not %q", l.Level)
	}
	console := l.Format == "console"
	switch l.Format {
	case "auto":
		console = p.terminal
	case "json", "console":
	default:
		return nil, level, wrongUsage("--log-format is auto, json or console, not %q", l.Format)
	}
	e := zap.NewProductionEncoderConfig()
	e.TimeKey = "time"
	e.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoder := zapcore.NewJSONEncoder(e)
	if console {
		e.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		e.EncodeLevel = zapcore.CapitalLevelEncoder
		if p.terminal && p.env("NO_COLOR") == "" {
			e.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
		encoder = zapcore.NewConsoleEncoder(e)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(p.err)), level)), level, nil
}

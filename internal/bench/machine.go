package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine says in one line what all figures carry.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Join(strings.Fields(string(text))[:1], "")
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s%s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), load)
}

// usage is what a process has used, as /proc tells. Elsewhere it is all zero.
type usage struct {
	at       time.Time
	cpu      time.Duration
	resident int64 // bytes
	peak     int64
}

// clockTick is what /proc counts CPU time in, on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func used(pid int) usage {
	u := usage{at: time.Now()}
	dir := "/proc/" + strconv.Itoa(pid)
	if text, err := os.ReadFile(dir + "/stat"); err == nil {
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 12 {
			user, _ := strconv.ParseInt(fields[11], 10, 64)
			system, _ := strconv.ParseInt(fields[12], 10, 64)
			u.cpu = time.Duration(user+system) * clockTick
		}
	}
	if text, err := os.ReadFile(dir + "/status"); err == nil {
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			switch name {
			case "VmRSS":
				u.resident = kilobytes << 10
			case "VmHWM":
				u.peak = kilobytes << 10
			}
		}
	}
	return u
}

// since returns the share of one core that was used since an earlier look, and the CPU time.
func (u usage) since(before usage) (share float64, cpu time.Duration) {
	cpu = u.cpu - before.cpu
	return cpu.Seconds() / max(u.at.Sub(before.at).Seconds(), 0.001), cpu
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/(1<<20)) }

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// times are measurements of one thing.
type times []time.Duration

// at returns the time within which a share of all was done.
func (t times) at(share float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func milliseconds(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 10:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.0f", ms)
	}
}

// against writes p50, p99 and the maximum in milliseconds, each with its multiple of the floor's.
func (t times) against(floor times) string {
	var parts []string
	for _, share := range []float64{0.5, 0.99, 1} {
		text := milliseconds(t.at(share))
		if base := floor.at(share); base > 0 {
			text += fmt.Sprintf(" (%.1f×)", float64(t.at(share))/float64(base))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " / ")
}

// table is what is printed, in Markdown, so that it can be pasted into a page.
type table struct {
	head []string
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(out io.Writer) {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	line := func(cells []string) {
		for i, cell := range cells {
			fmt.Fprintf(out, "| %s%s ", cell, strings.Repeat(" ", width[i]-len([]rune(cell))))
		}
		fmt.Fprintln(out, "|")
	}
	line(t.head)
	for i := range t.head {
		fmt.Fprintf(out, "|%s", strings.Repeat("-", width[i]+2))
	}
	fmt.Fprintln(out, "|")
	for _, row := range t.rows {
		line(row)
	}
	fmt.Fprintln(out)
}

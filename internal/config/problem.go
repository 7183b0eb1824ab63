package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake, or one warning, with its place.
type Problem struct {
	// File is the file as it was named, or "environment".
	File string `json:"file"`
	// Line and Column begin at 1; 0 where there is no line to point to.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path is the key, routes[0].channels, or the name of the variable.
	Path string `json:"path,omitempty"`
	// Message says what is wrong and what to do. It never holds a secret.
	Message string `json:"message"`
}

// Warning is something that works but probably should not be left so.
type Warning = Problem

// String returns file:line:column: path: message, as far as these are known.
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Path != "" {
		where += ": " + p.Path
	}
	return where + ": " + p.Message
}

// Error is what [Load] and [Parse] return: every mistake at once, in the order
// in which a reader of the file meets them.
type Error struct {
	Problems []Problem
	// Files are those that were read, or looked for, before the mistakes were told.
	Files Files
}

// Error returns one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// arrange sorts problems by place, those with a line first, and drops repetitions.
func arrange(all []Problem) []Problem {
	slices.SortStableFunc(all, func(a, b Problem) int {
		switch {
		case a.Line == 0 && b.Line > 0:
			return 1
		case a.Line > 0 && b.Line == 0:
			return -1
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(all)
}

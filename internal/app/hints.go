package app

import (
	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
)

// Hint is a hint for an operator, or what could not be looked for, together with its words.
type Hint struct {
	Codes []approval.HintCode `json:"codes"`
	// Level is empty for what could not be looked for, and Unchecked then says why.
	Level     approval.HintLevel `json:"level,omitempty"`
	Unchecked approval.Blind     `json:"unchecked,omitempty"`
	Words     string             `json:"words"`
}

// Hints says what a route's rules find about a request, the worst first. What was
// seen before is known to the running service alone.
func Hints(rule approval.Rule, q approval.Request) (approval.Rule, []Hint) {
	hints := hint.Check(rule.Hints, q, hint.Memory{})
	all := make([]Hint, 0, len(hints.Found)+len(hints.Unchecked))
	for _, h := range hints.Found {
		all = append(all, Hint{Codes: []approval.HintCode{h.Code}, Level: h.Level, Words: blocks.HintWords(h)})
	}
	for _, u := range hints.Unchecked {
		f := Hint{Codes: u.Codes, Unchecked: u.Why, Words: blocks.UncheckedWords(u)}
		if u.Why == approval.BlindMemory {
			f.Words = "Not checked: what was seen here before is known to the running service alone."
		}
		all = append(all, f)
	}
	return rule.Heed(hints), all
}

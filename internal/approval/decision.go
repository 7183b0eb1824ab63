package approval

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Verdict is yes or no.
type Verdict string

// The two verdicts.
const (
	Approve Verdict = "approve"
	Deny    Verdict = "deny"
)

// ParseVerdict reads a verdict that came from outside.
func ParseVerdict(s string) (Verdict, error) {
	switch v := Verdict(s); v {
	case Approve, Deny:
		return v, nil
	}
	return "", fmt.Errorf("%.20q is neither approve nor deny", s)
}

// Past returns the verdict as something that has been done.
func (v Verdict) Past() string {
	if v == Approve {
		return "approved"
	}
	return "denied"
}

// State returns the state that a request reaches when this verdict takes effect.
func (v Verdict) State() State {
	if v == Approve {
		return Approved
	}
	return Denied
}

// Decision is a verdict by a person, at a time, with a comment.
type Decision struct {
	ID      string    `json:"id"` // UUIDv7
	Request ID        `json:"request"`
	Verdict Verdict   `json:"verdict"`
	By      Person    `json:"by"`
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
	// Digest fingerprints what the person was shown; see [Request.Digest].
	Digest string `json:"digest"`
	// Channel is the Slack channel in which the person pressed.
	Channel string `json:"channel,omitempty"`
}

// SignalCommentLimit is the longest comment that is sent to Keyfactor, in runes.
// Keyfactor documents no limit; the facts sheet advises to stay at or below it.
const SignalCommentLimit = 1000

// SignalComment is the one line that reaches Keyfactor with the decision. It is
// the only place where Keyfactor learns which person decided, so the person
// comes first and only the comment is ever cut:
//
//	Slack: Carol (U02ABCD, carol@example.com) - change 1234
func (d Decision) SignalComment() string {
	who := oneLine(d.By.Name) + " (" + d.By.ID
	if d.By.Email != "" {
		who += ", " + oneLine(d.By.Email)
	}
	text := "Slack: " + Clip(who, SignalCommentLimit/2) + ")"
	if c := oneLine(d.Comment); c != "" {
		text += " - " + c
	}
	return Clip(text, SignalCommentLimit)
}

// oneLine folds white space and drops control and format characters, which
// could otherwise reorder or hide text in Keyfactor's audit view.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// Clip returns s cut to at most n runes, with an ellipsis in place of what is missing.
func Clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

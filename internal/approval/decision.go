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
	// With are the others whose votes made the quorum, in the order of their votes;
	// By is the one whose vote completed it.
	With []Voice `json:"with,omitempty"`
	// Account is the Keyfactor login that carries it; empty is the first.
	Account string `json:"account,omitempty"`
	// For is who is away and represented by By; zero where By decided for themselves.
	For Person `json:"for,omitzero"`
}

// Voice is a person and what they said.
type Voice struct {
	By      Person `json:"by"`
	Comment string `json:"comment,omitempty"`
	For     Person `json:"for,omitzero"` // who is away and represented by By
}

// Voices are all whose votes made the decision, in the order of their votes.
func (d Decision) Voices() []Voice {
	return append(append([]Voice{}, d.With...), Voice{By: d.By, Comment: d.Comment, For: d.For})
}

// SignalCommentLimit is the longest comment that is sent to Keyfactor, in runes.
// Keyfactor documents no limit; the facts sheet advises to stay at or below it.
const SignalCommentLimit = 1000

// SignalComment is the one line that reaches Keyfactor with the decision. It is
// the only place where Keyfactor learns which people decided, so every person is
// named before any comment is cut:
//
//	Slack: Carol (U02ABCD, carol@example.com) - change 1234
//	Slack: Ben (U02BBBB, ben@example.com) - looks fine; Carol (U02ABCD, carol@example.com) - change 1234
//	Slack: Ben (U02BBBB, ben@example.com) for Ada (U02AAAA, away) - looks fine
func (d Decision) SignalComment() string {
	voices := d.Voices()
	names := make([]string, len(voices))
	room := SignalCommentLimit - len("Slack: ")
	for i, v := range voices {
		names[i] = v.signature(SignalCommentLimit / (2 * len(voices)))
		room -= len([]rune(names[i])) + len("; ")
	}
	var text strings.Builder
	text.WriteString("Slack: ")
	for i, v := range voices {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(names[i])
		if c := oneLine(v.Comment); c != "" {
			if share := room / len(voices); share > len(" - …") {
				text.WriteString(Clip(" - "+c, share))
			}
		}
	}
	return Clip(text.String(), SignalCommentLimit)
}

// signature names a voice in at most n runes: "Ben (U02BBBB) for Ada (U02AAAA, away)".
func (v Voice) signature(n int) string {
	if v.For.ID == "" {
		return v.By.signature(n)
	}
	half := (n - len(" for ") - len(", away")) / 2
	absent := v.For
	absent.Email = ""
	return v.By.signature(half) + " for " + strings.TrimSuffix(absent.signature(half), ")") + ", away)"
}

// signature names a person in at most n runes.
func (p Person) signature(n int) string {
	who := oneLine(p.Name) + " (" + p.ID
	if p.Email != "" {
		who += ", " + oneLine(p.Email)
	}
	return Clip(who, n-1) + ")"
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

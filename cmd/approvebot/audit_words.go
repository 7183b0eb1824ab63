package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// detail reads the members of an entry's detail as texts.
type detail map[string]any

func (d detail) text(key string) string {
	switch v := d[key].(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var all []string
		for _, each := range v {
			all = append(all, detail{"": each}.text(""))
		}
		return strings.Join(all, ", ")
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(b)
	}
}

// with returns the member's text behind a word, or nothing.
func (d detail) with(word, key string) string {
	if v := d.text(key); v != "" {
		return word + v
	}
	return ""
}

// sayings are the events whose detail has a sentence of its own.
var sayings = map[string]func(d detail) string{
	"request.seen": func(d detail) string {
		if d.text("route") == "" {
			return d.text("title") + "; no route takes it"
		}
		return d.text("title") + d.with("; route ", "route") + d.with(" in ", "channels")
	},
	"request.placed":   func(d detail) string { return "also shown in " + d.text("channels") },
	"request.rerouted": func(d detail) string { return "now route " + d.text("route") + d.with(" in ", "channels") },
	"request.reopened": func(d detail) string { return "it waits again" + d.with("; route ", "route") + votesVoid(d) },
	"request.changed":  func(d detail) string { return "what is asked has changed" + votesVoid(d) },
	"request.settled": func(d detail) string {
		return d.text("state") + ", " + strings.ReplaceAll(d.text("reason"), "_", " ") + d.with(", by ", "by") + d.with(": ", "message")
	},
	"request.claimed": func(d detail) string { return "is looking at it" + d.with(" until ", "until") },
	"claim.released":  func(detail) string { return "is no longer looking at it" },
	"claim.lapsed":    func(detail) string { return "said to be looking at it, and did not decide in time" },
	"vote.cast": func(d detail) string {
		return d.text("verdict") + d.with(" for ", "stands_for") + d.with(": ", "comment") + d.with("; for ", "groups")
	},
	"request.reminded": func(d detail) string { return "told: " + d.text("steps") + d.with("; also shown in ", "channels") },
	"request.expired":  func(detail) string { return "can no longer be decided from Slack" },
	"requester.told":   func(d detail) string { return d.text("person") + " was told: " + d.text("state") },
	"absence.begun": func(d detail) string {
		return "away until " + d.text("until") + d.with(", represented by ", "name")
	},
	"absence.ended":  func(d detail) string { return d.text("person") + " is back" },
	"vote.lapsed":    func(d detail) string { return "could no longer be cast: " + d.text("verdict") },
	"vote.withdrawn": func(d detail) string { return "takes back: " + d.text("verdict") },
	"decision.made": func(d detail) string {
		return d.text("verdict") + d.with(" for ", "stands_for") + d.with(": ", "comment") + d.with("; voters ", "voters") + d.with("; Keyfactor account ", "account")
	},
	"signal.sent": func(d detail) string { return d.text("verdict") + " was taken by Keyfactor" },
	"signal.counted": func(d detail) string {
		return d.text("verdict") + " was counted by Keyfactor, which waits for more" + d.with(": ", "message")
	},
	"signal.failed": func(d detail) string { return d.text("verdict") + " was not sent: " + d.text("error") },
	"click.refused": func(d detail) string {
		return strings.ReplaceAll(d.text("reason"), "_", " ") + d.with(": ", "why") + d.with("; wanted to ", "verdict")
	},
	"config.changed": func(d detail) string {
		all, _ := d["changes"].([]any)
		var changes []string
		for _, c := range all {
			m, _ := c.(map[string]any)
			one := detail(m)
			is := one.with(" is ", "is")
			if is == "" {
				is = " and is gone"
			}
			changes = append(changes, one.text("key")+one.with(" was ", "was")+is)
		}
		return strings.Join(changes, "; ")
	},
	"requests.forgotten": func(d detail) string {
		return d.text("requests") + " that were settled before " + d.text("settled_before")
	},
	"card.failed":   func(d detail) string { return d.text("channel") + ": " + d.text("error") },
	"card.reposted": func(d detail) string { return "again in " + d.text("channel") },
}

func votesVoid(d detail) string {
	if n, _ := d["votes void"].(float64); n > 0 {
		return fmt.Sprintf("; %s void", count(int(n), "vote", "votes"))
	}
	return ""
}

// wordsLimit is the longest detail in a table, in runes; JSON has it all.
const wordsLimit = 240

// auditWords says in one line what an entry's detail holds.
func auditWords(e store.Entry) string {
	d := detail(e.Detail)
	if say, ok := sayings[e.Event]; ok {
		return approval.Clip(plain(say(d)), wordsLimit)
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(e.Detail)) {
		if v := d.text(key); v != "" {
			all = append(all, key+" "+v)
		}
	}
	return approval.Clip(plain(strings.Join(all, ", ")), wordsLimit)
}

// who names a person in a table.
func who(p approval.Person) string {
	if p.ID == "" {
		return "-"
	}
	return plain(strings.TrimSpace(p.Name + " (" + p.ID + ")"))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// plain makes text that others chose fit for one line of a terminal: what could
// move the cursor, change colours or reorder text is dropped.
func plain(s string) string {
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

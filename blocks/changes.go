package blocks

import (
	"slices"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// ChangedReply says that the question changed while it waited, and how: every
// fact that differs, old → new, and names that came or went.
func ChangedReply(before, after approval.Request) Message {
	const sentence = "✏️ The request changed while it waited. What was shown before no longer counts: look again before deciding."
	if readAnew(before, after) {
		return reply("🔎 approvebot was updated and reads more of this request than it did when it was shown. Look again before deciding; votes count anew.")
	}
	rows := changes(before, after)
	if len(rows) == 0 {
		return reply(sentence)
	}
	parts := make([]slack.RichTextSectionElement, 0, 2*len(rows)+1)
	for i, row := range rows {
		if i == maxChanges {
			parts = append(parts, text("\n"+plural(len(rows)-i, "more change", "more changes")))
			break
		}
		value := "  " + row.Value
		if i > 0 {
			parts = append(parts, text("\n"))
		}
		parts = append(parts, bold(row.Label), text(value))
	}
	return reply(sentence, slack.NewRichTextSection(parts...))
}

// readAnew reports whether the difference is only that more was read: what an
// earlier version stored knows neither CSR nor certificate.
func readAnew(before, after approval.Request) bool {
	if before.CSR != nil || before.KeyByCA || before.Certificate != nil || before.Revocation {
		return false
	}
	return (after.CSR != nil || after.KeyByCA || after.Certificate != nil || after.Revocation) &&
		before.Type == after.Type && before.Step == after.Step && before.Requester == after.Requester && before.Subject == after.Subject &&
		before.Template == after.Template && before.CA == after.CA && slices.Equal(before.SANs, after.SANs)
}

// changes are the differences as facts whose value is "old → new".
func changes(before, after approval.Request) []approval.Fact {
	var rows []approval.Fact
	add := func(label, was, is string) {
		if was != is {
			rows = append(rows, approval.Fact{
				Label: or(visible(label, maxLabel)),
				Value: or(visible(was, maxValueLine)) + " → " + or(visible(is, maxValueLine)),
			})
		}
	}
	was, is := values(before), values(after)
	for _, f := range before.Facts {
		if !f.Aside && !shownAsNames(f, before, after) {
			add(f.Label, f.Value, is[f.Label])
		}
	}
	for _, f := range after.Facts {
		if _, known := was[f.Label]; !known && !f.Aside && !shownAsNames(f, before, after) {
			add(f.Label, "", f.Value)
		}
	}
	return append(rows, nameChanges(sanNames(before.SANs), sanNames(after.SANs))...)
}

func values(r approval.Request) map[string]string {
	m := make(map[string]string, len(r.Facts))
	for _, f := range r.Facts {
		m[f.Label] = f.Value
	}
	return m
}

// shownAsNames keeps the names from being told twice.
func shownAsNames(f approval.Fact, before, after approval.Request) bool {
	return isSANLabel(f.Label) && len(before.SANs)+len(after.SANs) > 0
}

func nameChanges(was, is []string) []approval.Fact {
	var rows []approval.Fact
	for _, c := range []struct {
		label string
		names []string
	}{
		{"SANs added", without(is, was)},
		{"SANs removed", without(was, is)},
	} {
		if len(c.names) > 0 {
			rows = append(rows, approval.Fact{Label: c.label, Value: joinSome(c.names, len(c.names), ", ", maxNamesLine)})
		}
	}
	return rows
}

// without returns what of a is not in b.
func without(a, b []string) []string {
	known := make(map[string]bool, len(b))
	for _, s := range b {
		known[s] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return known[s] })
}

package blocks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// kinds of matter, by Keyfactor's workflow type, as people call them. The set
// is open: an unknown type is shown as it is.
var matters = map[string]string{
	"":                             "Certificate request",
	"Enrollment":                   "Certificate request",
	"Revocation":                   "Revocation",
	"Expiration":                   "Expiring certificate",
	"CertificateEnteredCollection": "Certificate in a collection",
	"CertificateLeftCollection":    "Certificate out of a collection",
}

// matter says what kind of thing a request is.
func matter(r approval.Request) string {
	if m, ok := matters[r.Type]; ok {
		return m
	}
	return visible(r.Type, 50) + " request"
}

// object names the thing that a request is about, as short as it is known.
func object(r approval.Request) string {
	for _, s := range []string{r.CommonName, firstSAN(r), r.Subject} {
		if s = visible(s, 90); s != "" {
			return s
		}
	}
	if ref := visible(r.Reference, 60); ref != "" {
		return "number " + ref
	}
	return visible(string(r.ID), 90)
}

func firstSAN(r approval.Request) string {
	if len(r.SANs) > 0 {
		return r.SANs[0].Value
	}
	return ""
}

// heading says what a card is about: "Certificate request · web01.example.com".
func heading(r approval.Request) string {
	return clip(matter(r)+" · "+object(r), maxHeader)
}

// sanLabel is how the list of names is called on a card.
const sanLabel = "SANs"

func isSANLabel(s string) bool {
	switch strings.ToLower(s) {
	case "san", "sans", "subject alternative names", "subject alternative name":
		return true
	}
	return false
}

// lines are the facts in order and fit to be shown, but for what the heading
// has already told, such as the common name. The names are written here, from
// the list and not from a fact, because how many of them fit is a question of
// Slack's limits. They stand where the source put them, else second, so that
// they are never out of sight.
func lines(r approval.Request) []approval.Fact {
	told := object(r)
	out := make([]approval.Fact, 0, len(r.Facts)+1)
	placed := len(r.SANs) == 0
	for _, f := range r.Facts {
		if isSANLabel(f.Label) && len(r.SANs) > 0 {
			if !placed {
				out, placed = append(out, sanFact(r.SANs)), true
			}
			continue
		}
		if f.Value != told || isSANLabel(f.Label) {
			out = append(out, approval.Fact{Label: or(visible(f.Label, maxLabel)), Value: or(visible(f.Value, maxValueLine))})
		}
	}
	if !placed {
		out = slices.Insert(out, min(1, len(out)), sanFact(r.SANs))
	}
	return out
}

func sanFact(sans []approval.SAN) approval.Fact {
	label := sanLabel
	if len(sans) > 1 {
		label = fmt.Sprintf("%s (%d)", sanLabel, len(sans))
	}
	fit := sans[:min(len(sans), maxNamesLine)] // no more than that can be shown
	return approval.Fact{Label: label, Value: joinSome(sanNames(fit), len(sans), ", ", maxNamesLine)}
}

// sanNames writes each name once; only names that are no DNS names carry their kind.
func sanNames(sans []approval.SAN) []string {
	names := make([]string, len(sans))
	for i, s := range sans {
		names[i] = or(visible(s.Value, maxName))
		if k := visible(s.Kind, 20); k != "" && !strings.EqualFold(k, "dns") {
			names[i] = k + ":" + names[i]
		}
	}
	return names
}

// joinSome joins as many whole items as fit into limit runes and says how many
// of the total are left out.
func joinSome(items []string, total int, sep string, limit int) string {
	const reserve = 20 // for "… and 123456 more"
	var b strings.Builder
	used := 0
	for i, item := range items {
		n := runes(item) + len(sep)
		last := i == total-1
		if i > 0 && used+n > limit-reserve && !(last && used+n <= limit) {
			fmt.Fprintf(&b, "%sand %d more", sep, total-i)
			break
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(clip(item, limit-reserve))
		used += n
	}
	return b.String()
}

// factLines are facts as rich text, a line each: "Requester  EXAMPLE\alice".
func factLines(facts []approval.Fact) slack.RichTextElement {
	var parts []slack.RichTextSectionElement
	for i, f := range facts {
		end := "\n"
		if i == len(facts)-1 {
			end = ""
		}
		parts = append(parts, bold(f.Label), text("  "+f.Value+end))
	}
	return slack.NewRichTextSection(parts...)
}

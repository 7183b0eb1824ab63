package blocks

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// hintWords are how a level is told: a sign, and the word for whoever does not see it.
var hintWords = map[approval.HintLevel]struct{ sign, word string }{
	approval.HintNote:   {"ℹ️", "Note"},
	approval.HintWarn:   {"⚠️", "Warning"},
	approval.HintStepUp: {"🛑", "Stop"},
}

// notChecked is the sign of what is not known.
const notChecked = "❔"

// HintWords are a hint for people who read plain text: "Warning: RSA 1024 is too weak a key today."
func HintWords(h approval.Hint) string { return hintWords[h.Level].word + ": " + hintSentence(h) }

// UncheckedWords say what could not be looked at: "Not checked: Keyfactor shows no CSR."
func UncheckedWords(u approval.Unchecked) string { return "Not checked: " + blindSentence(u) + "." }

// hintSentence says why, in one sentence. Foreign parts are visible but not escaped:
// it is for rich and for plain text.
func hintSentence(h approval.Hint) string {
	names, found, wanted := someNames(h.About, h.Count), visible(h.Found, maxHintPart), visible(h.Wanted, maxHintPart)
	is, stands, reads := "is", "stands", "reads"
	if h.Count > 1 {
		is, stands, reads = "are", "stand", "read"
	}
	switch h.Code {
	case approval.HintCABit:
		return "The CSR asks for a certificate that can issue other certificates."
	case approval.HintCSRDiffers:
		return differs(h.Differs)
	case approval.HintLookalike:
		return names + " " + reads + " like " + found + ", which is another domain."
	case approval.HintMixedScript:
		return names + " " + is + " written with letters of several scripts in one word, which can pass for another name."
	case approval.HintForeignDomain:
		return names + " " + is + " outside the domains that are expected here."
	case approval.HintInternalName:
		return names + " " + is + " unknown on the internet, and the CA is a public one."
	case approval.HintPrivateIP:
		return names + " " + is + " no public address, and the CA is a public one."
	case approval.HintRevokesUsed:
		return "The certificate is still in use: " + names + "."
	case approval.HintNotOwner:
		out := "The certificate was issued for " + found
		if wanted != "" {
			out += " and belongs to " + wanted
		}
		return out + "; somebody else asks."
	case approval.HintWeakKey:
		return "The key, " + found + ", is too weak today."
	case approval.HintKeyReused:
		return "The same key was seen here before, with " + names + "."
	case approval.HintWildcard:
		if h.Found != "" {
			return names + " " + stands + " for everybody's names below a public suffix."
		}
		return names + " " + stands + " for any number of hosts."
	case approval.HintCNNotInSANs:
		if h.Count == 0 {
			return "There are no alternative names, and clients no longer look at the common name, " + names + "."
		}
		return "The common name, " + someNames(h.About, 1) + ", is not among the alternative names."
	case approval.HintLongValidity:
		return "It will be valid for " + found + " days; " + wanted + " are the most that is expected."
	case approval.HintManyNames:
		return fmt.Sprintf("It has %d names; up to %s are usual.", h.Count, wanted)
	case approval.HintOddKey:
		return "The key, " + found + ", is an unusual one."
	case approval.HintWeakSignature:
		return "The CSR is signed with " + found + ", which is broken."
	case approval.HintPunycode:
		if found == "" {
			return names + " " + is + " no valid international name."
		}
		return someNames(h.About[:min(1, len(h.About))], h.Count) + " " + is + " written otherwise than read: " + found + "."
	case approval.HintNewDomain:
		return "Nothing was approved here before for " + names + "."
	case approval.HintUnusualDomain:
		return "Nothing was approved here before for " + names + " when this requester asked."
	}
	return visible(string(h.Code), maxLabel) + " " + names + " " + found // of a later release
}

// differs says how Keyfactor and the CSR part ways.
func differs(d approval.Difference) string {
	var parts []string
	if d.BadSignature {
		parts = append(parts, "its signature is not valid, so that nobody has proved to hold the key")
	}
	switch d.Subject {
	case "":
	case "-":
		parts = append(parts, "it has no subject")
	default:
		parts = append(parts, "its subject is "+visible(d.Subject, maxHintPart))
	}
	if len(d.Extra) > 0 {
		parts = append(parts, "it also asks for "+someNames(sanNames(d.Extra), len(d.Extra)))
	}
	if len(d.Missing) > 0 {
		parts = append(parts, "it does not ask for "+someNames(sanNames(d.Missing), len(d.Missing)))
	}
	return "The CSR says something else than Keyfactor: " + strings.Join(parts, "; ") + "."
}

// someNames are "a, b and 3 more" of count in all.
func someNames(names []string, count int) string {
	shown := make([]string, 0, maxHintNames)
	used := 0
	for _, n := range names {
		n = or(visible(n, maxHintPart))
		if len(shown) == maxHintNames || used+runes(n) > maxHintList && len(shown) > 0 {
			break
		}
		used += runes(n)
		shown = append(shown, n)
	}
	count = max(count, len(names))
	if more := count - len(shown); more > 0 {
		return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", more)
	}
	return and(shown, maxHintList*2)
}

func blindSentence(u approval.Unchecked) string {
	because := ""
	if found := visible(u.Found, maxHintPart); found != "" {
		because = " (" + found + ")"
	}
	switch u.Why {
	case approval.BlindCSR:
		return "the CSR cannot be read" + because
	case approval.BlindNoCSR:
		return "Keyfactor shows no CSR"
	case approval.BlindCertificate:
		return "the certificate could not be read" + because
	case approval.BlindLocations:
		return "Keyfactor does not tell where the certificate is in use"
	case approval.BlindRequester:
		return "it is not known who asks, or whom the certificate was issued for"
	case approval.BlindCA:
		return "it is not known which CA will issue it"
	case approval.BlindMemory:
		return "what was seen here before could not be read"
	case approval.BlindValidity:
		return "Keyfactor does not tell how long it will be valid"
	}
	return visible(string(u.Why), maxLabel) + because
}

// minor is what everybody lacks nearly always; it is told in the Details alone.
func minor(u approval.Unchecked) bool { return u.Why == approval.BlindValidity }

// hintLines are the worst hints, a line each, and what could not be checked.
// With codes every line tells by which name the configuration knows the rule.
func hintLines(h approval.Hints, most int, codes bool) []slack.RichTextSectionElement {
	var parts []slack.RichTextSectionElement
	line := func(sign, word, sentence, code string) {
		if len(parts) > 0 {
			parts = append(parts, text("\n"))
		}
		parts = append(parts, text(sign+" "), bold(word), text("  "+sentence))
		if codes && code != "" {
			parts = append(parts, text(" ("+code+")"))
		}
	}
	for _, one := range h.Found[:min(most, len(h.Found))] {
		w := hintWords[one.Level]
		line(or(w.sign), or(w.word), hintSentence(one), string(one.Code))
	}
	told := map[string]bool{}
	for _, u := range h.Unchecked {
		sentence := blindSentence(u)
		if told[sentence] && !codes || minor(u) && !codes {
			continue
		}
		told[sentence] = true
		line(notChecked, "Not checked", sentence+".", joinCodes(u.Codes))
	}
	return parts
}

func joinCodes(codes []approval.HintCode) string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = string(c)
	}
	return strings.Join(out, ", ")
}

// cardHints are what an approver should look at, under the status: the worst few.
func cardHints(ids *blockIDs, v CardView) []slack.Block {
	if v.State.Final() {
		return nil // there is nothing left to look out for
	}
	most := len(v.Hints.Found)
	if v.Details != "" && most > maxHints {
		most = maxHints
	}
	most = min(most, maxHintsAll)
	parts := hintLines(v.Hints, most, false)
	if n := len(v.Hints.Found) - most; n > 0 {
		where := "."
		if v.Details != "" {
			where = " under Details."
		}
		parts = append(parts, text("\n"+plural(n, "more hint", "more hints")+where))
	}
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{slack.NewRichTextBlock(ids.id(), slack.NewRichTextSection(parts...))}
}

// allHints are every one of them, with their codes.
func allHints(id string, h approval.Hints, codes bool) []slack.Block {
	parts := hintLines(h, maxHintsAll, codes)
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{slack.NewRichTextBlock(id, slack.NewRichTextSection(parts...))}
}

// hintVersion is what about hints makes a card mean something else.
func hintVersion(h approval.Hints) []string {
	var out []string
	for _, one := range h.Found {
		out = append(out, string(one.Code), string(one.Level))
	}
	return out
}

// worst is the worst hint in one sentence of mrkdwn for a notification, but for mere notes.
func worst(h approval.Hints) string {
	if len(h.Found) == 0 || h.Found[0].Level.Weight() < approval.HintWarn.Weight() {
		return ""
	}
	w := hintWords[h.Found[0].Level]
	out := " " + w.sign + " " + w.word + ": " + escape(hintSentence(h.Found[0]), maxHintLine)
	if n := len(h.Found) - 1; n > 0 {
		out += " And " + plural(n, "more hint", "more hints") + "."
	}
	return out
}

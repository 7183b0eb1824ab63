package blocks

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// absent stands for a value that is not there: Slack refuses empty texts.
const absent = "–"

// visible returns one line in which nothing is hidden: white space is a space,
// and what the eye cannot see or what reorders its neighbours is spelled out.
// It looks at no more than about limit runes and returns at most limit.
func visible(s string, limit int) string { return show(s, limit, false) }

// visibleLines is visible, but keeps line breaks.
func visibleLines(s string, limit int) string { return show(s, limit, true) }

func show(s string, limit int, lines bool) string {
	var b strings.Builder
	n, marks := 0, 0
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		if n > limit { // one more than is kept, so that clip sees that something is missing
			break
		}
		n++
		if ' ' <= r && r <= '~' { // nearly always
			b.WriteByte(byte(r))
			marks = 0
			continue
		}
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == '\n' && lines:
			b.WriteByte('\n')
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError) // also for bytes that are no UTF-8
		case hidden(r) || marks > maxMarks:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return clip(strings.TrimSpace(b.String()), limit)
}

// maxMarks is how many combining marks may sit on one letter before they are
// spelled out; no living script needs more, towers of them cover other lines.
const maxMarks = 4

// hidden reports whether a rune has no shape of its own.
func hidden(r rune) bool {
	return !unicode.IsPrint(r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || // Hangul fillers
		unicode.Is(unicode.Variation_Selector, r) ||
		r == '\u2800' // the Braille cell without dots
}

// prose returns what a person wrote to people: line breaks stay, and hidden
// characters are dropped rather than spelled out, except those that hold
// emoji and some scripts together.
func prose(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\u200d', r == '\u200c', r == '\ufe0f':
			return r
		case unicode.IsSpace(r):
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(clip(strings.ReplaceAll(s, "\r\n", "\n"), 4*limit), string(utf8.RuneError)))
	return clip(strings.TrimSpace(s), limit)
}

// clip cuts to at most n runes; the last one kept is then an ellipsis.
func clip(s string, n int) string {
	if len(s) <= n { // bytes are never fewer than runes
		return s
	}
	kept := 0
	cut := 0
	for i := range s {
		if kept == n-1 {
			cut = i
		}
		if kept == n {
			return s[:cut] + "…"
		}
		kept++
	}
	return s
}

// or returns s, or the sign for "not there".
func or(s string) string {
	if s == "" {
		return absent
	}
	return s
}

var lookAlikes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;",
	"*", "∗", "~", "∼", "`", "ˋ",
	"://", "[:]//",
)

// emojiCode is what Slack would replace by a picture; times such as 10:20:30
// look like one, too.
var emojiCode = regexp.MustCompile(`:([^\s:]+):`)

// EscapeText makes foreign text safe inside mrkdwn: nothing in it is a mention,
// a link, an emoji or formatting any more. Slack has no escape for * _ ~ and `,
// so these become characters that look alike; use a code span or rich text
// where the exact value matters.
func EscapeText(s string) string { return escape(s, slackText) }

// escape is EscapeText of at most limit runes, counted before escaping, so that
// no entity is ever cut.
func escape(s string, limit int) string {
	s = lookAlikes.Replace(visible(s, limit))
	s = underscores(s)
	for emojiCode.MatchString(s) { // once is not enough: a:b:c: holds two
		s = emojiCode.ReplaceAllString(s, "∶$1∶")
	}
	return s
}

// underscores replaces those that could begin or end italics. Between two
// letters or digits Slack ignores them, and names have many.
func underscores(s string) string {
	if !strings.Contains(s, "_") {
		return s
	}
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	all := []rune(s)
	for i, r := range all {
		if r == '_' && (i == 0 || i == len(all)-1 || all[i-1] == 'ˍ' || !inWord(all[i-1]) || !inWord(all[i+1])) {
			all[i] = 'ˍ'
		}
	}
	// A run that ends outside a word was judged by its last member only.
	for i := len(all) - 2; i >= 0; i-- {
		if all[i] == '_' && all[i+1] == 'ˍ' {
			all[i] = 'ˍ'
		}
	}
	return string(all)
}

var spanEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "ˋ")

// code shows a foreign value exactly, in a code span inside our own mrkdwn.
func code(s string, limit int) string {
	return "`" + spanEscapes.Replace(or(visible(s, limit))) + "`"
}

var userID = regexp.MustCompile(`^[UW][A-Z0-9]{2,31}$`)

// mention names a person in mrkdwn.
func mention(p approval.Person) string {
	switch {
	case userID.MatchString(p.ID):
		return "<@" + p.ID + ">"
	case p.Name != "":
		return code(p.Name, 80)
	}
	return "somebody"
}

// date shows a time in the reader's own zone; with no time it returns "".
func date(t time.Time) string {
	if t.IsZero() || t.Unix() <= 0 {
		return ""
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} at {time}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04 UTC"))
}

// at is date at the end of a phrase: ", 3 May at 10:12". A comma, because the
// date may also read "today" or "yesterday".
func at(t time.Time) string {
	if d := date(t); d != "" {
		return ", " + d
	}
	return ""
}

// link returns s if it is an address that Slack takes and people can be sent
// to, without credentials in it; otherwise "".
func link(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	s = u.String()
	if len(s) > maxURL || strings.ContainsAny(s, "<>|` \"") {
		return ""
	}
	return s
}

// hyperlink is a link in mrkdwn with a label of ours, or just the label.
func hyperlink(address, label string) string {
	if address = link(address); address == "" || len(address) > maxInlineURL {
		return label
	}
	return "<" + strings.ReplaceAll(address, "&", "&amp;") + "|" + label + ">"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// The four ways in which text enters a block.

func plainText(s string) *slack.TextBlockObject {
	off := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: or(s), Emoji: &off}
}

// markdown is for sentences of ours. verbatim keeps Slack from linking bare
// host names and addresses in them.
func markdown(s string) *slack.TextBlockObject {
	return &slack.TextBlockObject{Type: slack.MarkdownType, Text: or(s), Verbatim: true}
}

func text(s string) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(or(s), nil)
}

func bold(s string) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(or(s), &slack.RichTextSectionTextStyle{Bold: true})
}

func section(id string, t *slack.TextBlockObject) slack.Block {
	return slack.NewSectionBlock(t, nil, nil, slack.SectionBlockOptionBlockID(id))
}

func quote(s string) slack.RichTextElement {
	return &slack.RichTextQuote{Type: slack.RTEQuote, Elements: []slack.RichTextSectionElement{text(s)}}
}

func preformatted(s string) slack.RichTextElement {
	return &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: []slack.RichTextSectionElement{text(s)}}
}

package hint

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/approvebot/approvebot/internal/approval"
)

// spelling is about names that do not show what they are.
func (c *check) spelling() {
	var mixed, coded []string
	decoded := ""
	for _, n := range c.names {
		if slices.ContainsFunc(strings.Split(n.unicode, "."), mixedScript) {
			mixed = append(mixed, n.spelled())
		}
		if !strings.Contains(n.text, "xn--") {
			continue
		}
		coded = append(coded, n.text)
		if decoded == "" && valid(n.host) {
			decoded = n.unicode
		}
	}
	c.about(approval.HintMixedScript, mixed)
	if len(coded) > 0 {
		c.add(approval.Hint{Code: approval.HintPunycode, About: coded, Found: decoded})
	}
}

// spelled is a name as it is written, and as it is read where that is not the same.
func (n name) spelled() string {
	if strings.Contains(n.text, "xn--") && n.unicode != n.host {
		return n.text + " (" + n.unicode + ")"
	}
	return n.text
}

// valid reports whether browsers would take a host for what it decodes to.
func valid(host string) bool {
	made, err := idna.Lookup.ToUnicode(strings.TrimPrefix(host, "*."))
	return err == nil && made != ""
}

// together are scripts that one word may be written in, by the name of the whole.
// It is the "highly restrictive" profile of Unicode's security mechanisms (UTS 39).
var together = [][]*unicode.RangeTable{
	{unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana},
	{unicode.Latin, unicode.Han, unicode.Bopomofo},
	{unicode.Latin, unicode.Han, unicode.Hangul},
}

// mixedScript reports whether a word has letters of scripts that do not belong together.
func mixedScript(label string) bool {
	var first *unicode.RangeTable
	alone := true
	for _, r := range label {
		if !unicode.IsLetter(r) || unicode.In(r, unicode.Common, unicode.Inherited) {
			continue
		}
		if first == nil {
			first = scriptOf(r)
		}
		alone = alone && first != nil && unicode.Is(first, r)
	}
	if alone {
		return false
	}
	return !slices.ContainsFunc(together, func(scripts []*unicode.RangeTable) bool {
		for _, r := range label {
			if unicode.IsLetter(r) && !unicode.In(r, unicode.Common, unicode.Inherited) && !unicode.In(r, scripts...) {
				return false
			}
		}
		return true
	})
}

func scriptOf(r rune) *unicode.RangeTable {
	if unicode.Is(unicode.Latin, r) { // nearly always
		return unicode.Latin
	}
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return table
		}
	}
	return nil
}

// Skeleton is a domain as the eye takes it in: domains with the same skeleton can
// be taken for one another. It is our own short table of letters that are alike in
// the fonts of browsers and chats; the libraries that carry Unicode's whole table
// are not maintained.
func Skeleton(domain string) string {
	s := norm.NFD.String(strings.ToLower(readable(ascii(domain))))
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) { // accents are overlooked
			return -1
		}
		if same, ok := alike[r]; ok {
			return same
		}
		return r
	}, s)
	return groups.Replace(s)
}

// groups are letters that run into one another.
var groups = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d")

// alike maps what reads like a small Latin letter to it.
var alike = map[rune]rune{
	'0': 'o', '1': 'l', '3': 'e', '5': 's', '|': 'l', 'i': 'l', 'ı': 'l', 'ł': 'l', 'ø': 'o', 'đ': 'd', 'ħ': 'h', 'ɑ': 'a', 'ɡ': 'g', 'ʏ': 'y', 'ᴠ': 'v', 'ᴡ': 'w', 'ᴢ': 'z', 'ß': 'b', 'ſ': 'f', 'ƅ': 'b', 'ȷ': 'j',
	// Cyrillic
	'а': 'a', 'в': 'b', 'е': 'e', 'з': 'e', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o', 'п': 'n', 'р': 'p', 'с': 'c', 'т': 't', 'у': 'y', 'х': 'x', 'ѕ': 's', 'і': 'l', 'ј': 'j', 'ӏ': 'l', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'һ': 'h', 'ь': 'b', 'г': 'r', 'ү': 'y', 'ғ': 'f',
	// Greek
	'α': 'a', 'β': 'b', 'γ': 'y', 'ε': 'e', 'η': 'n', 'ι': 'l', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'σ': 'o', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ω': 'w', 'ϲ': 'c', 'ϳ': 'j',
	// Armenian, Hebrew, Arabic, and digits of other scripts
	'ա': 'w', 'հ': 'h', 'ո': 'n', 'ս': 'u', 'օ': 'o', 'ց': 'g', 'զ': 'q', 'ס': 'o', 'ه': 'o', '٥': 'o', '۰': 'o', '०': 'o', '๐': 'o', '໐': 'o', '০': 'o',
	// Cherokee small letters
	'ꭰ': 'd', 'ꭱ': 'r', 'ꭲ': 't', 'ꭵ': 'l', 'ꮃ': 'w', 'ꮇ': 'm', 'ꮋ': 'h', 'ꮐ': 'g', 'ꮓ': 'z', 'ꮯ': 'c', 'ꮲ': 'p', 'ꮶ': 'k', 'ᏼ': 'b',
}

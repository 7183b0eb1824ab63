package blocks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

// finds are what each rule says, at the level that it usually has.
var finds = map[approval.HintCode]approval.Hint{
	approval.HintCABit:      {Level: approval.HintStepUp},
	approval.HintCSRDiffers: {Level: approval.HintWarn, Differs: approval.Difference{Subject: "CN=payroll.example.com", Extra: dns("payroll.example.com"), Missing: dns("a.example.com", "b.example.com", "c.example.com", "d.example.com")}},
	approval.HintLookalike:  {Level: approval.HintStepUp, About: []string{"login.examp1e.com"}, Count: 1, Found: "example.com"},
	approval.HintMixedScript: {
		Level: approval.HintStepUp, About: []string{"pаypal.example.com"}, Count: 1,
	},
	approval.HintForeignDomain: {Level: approval.HintWarn, About: []string{"a.example.net", "b.example.net", "c.example.net", "d.example.net", "e.example.net"}, Count: 12},
	approval.HintInternalName:  {Level: approval.HintWarn, About: []string{"intranet", "dc01.corp.local"}, Count: 2},
	approval.HintPrivateIP:     {Level: approval.HintWarn, About: []string{"10.1.2.3"}, Count: 1},
	approval.HintRevokesUsed:   {Level: approval.HintWarn, About: []string{"lb01 · IIS Personal", "mail.example.com:443"}, Count: 2},
	approval.HintNotOwner:      {Level: approval.HintNote, Found: `EXAMPLE\bob`, Wanted: "PKI Approvers"},
	approval.HintWeakKey:       {Level: approval.HintWarn, Found: "RSA 1024"},
	approval.HintKeyReused:     {Level: approval.HintWarn, About: []string{"portal.example.com"}, Count: 1},
	approval.HintWildcard:      {Level: approval.HintWarn, About: []string{"*.apps.example.com"}, Count: 1},
	approval.HintCNNotInSANs:   {Level: approval.HintWarn, About: []string{"web01.example.com"}, Count: 2},
	approval.HintLongValidity:  {Level: approval.HintWarn, Found: "825", Wanted: "398"},
	approval.HintManyNames:     {Level: approval.HintNote, Count: 1000, Wanted: "50"},
	approval.HintOddKey:        {Level: approval.HintNote, Found: "RSA 2560, exponent 3"},
	approval.HintWeakSignature: {Level: approval.HintNote, Found: "SHA1-RSA"},
	approval.HintPunycode:      {Level: approval.HintNote, About: []string{"xn--mller-kva.example.com"}, Count: 1, Found: "müller.example.com"},
	approval.HintNewDomain:     {Level: approval.HintNote, About: []string{"example.net"}, Count: 1},
	approval.HintUnusualDomain: {Level: approval.HintNote, About: []string{"example.net", "example.org"}, Count: 2},
}

func dns(names ...string) []approval.SAN {
	out := make([]approval.SAN, len(names))
	for i, n := range names {
		out[i] = approval.SAN{Kind: "dns", Value: n}
	}
	return out
}

// everything is every hint at once, the worst first, and all that could not be checked.
func everything() approval.Hints {
	var h approval.Hints
	for _, level := range []approval.HintLevel{approval.HintStepUp, approval.HintWarn, approval.HintNote} {
		for _, code := range approval.HintCodes {
			if one := finds[code]; one.Level == level {
				one.Code = code
				h.Found = append(h.Found, one)
			}
		}
	}
	for _, why := range []approval.Blind{
		approval.BlindCSR, approval.BlindNoCSR, approval.BlindCertificate, approval.BlindLocations, approval.BlindRequester, approval.BlindCA, approval.BlindMemory, approval.BlindValidity,
	} {
		h.Unchecked = append(h.Unchecked, approval.Unchecked{Why: why, Codes: []approval.HintCode{approval.HintWeakKey, approval.HintOddKey}})
	}
	h.Unchecked[0].Found = "it is neither PEM nor base64"
	return h
}

// Each hint on a card of its own: a sign, a word and a sentence.
func TestHintCard(t *testing.T) {
	for _, code := range approval.HintCodes {
		t.Run(string(code), func(t *testing.T) {
			one, known := finds[code]
			require.True(t, known, "draw a card for it")
			one.Code = code
			v := pending(enrollment())
			if code == approval.HintRevokesUsed || code == approval.HintNotOwner {
				v = pending(revocation())
			}
			v.Hints.Found = []approval.Hint{one}
			goldenMessage(t, blocks.Card(v))
		})
	}
}

func TestHints(t *testing.T) {
	all := pending(enrollment())
	all.Hints = everything()
	none := all
	none.Details = ""
	blind := pending(enrollment())
	blind.Hints.Unchecked = all.Hints.Unchecked
	evil := pending(hostile())
	const attack = "<!channel> *x* `y` <https://evil.example|ok>\u202e\x00 :tada:"
	for code := range finds {
		evil.Hints.Found = append(evil.Hints.Found, approval.Hint{
			Code: code, Level: approval.HintWarn, About: []string{attack, strings.Repeat(attack, 30), attack}, Count: 99, Found: strings.Repeat(attack, 20), Wanted: attack,
			Differs: approval.Difference{BadSignature: true, Subject: attack, Extra: dns(attack, attack, attack, attack), Missing: dns(strings.Repeat(attack, 50))},
		})
	}
	// A map has no order, a golden file has.
	sortHints(evil.Hints.Found)
	evil.Hints.Unchecked = []approval.Unchecked{{Why: approval.BlindCSR, Found: strings.Repeat(attack, 20)}, {Why: "<!here>", Found: attack}}
	ended := settled(enrollment(), by(carol, approval.Approve, ""), approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere})
	ended.Hints = all.Hints
	for name, v := range map[string]blocks.CardView{"all": all, "all without details": none, "not checked": blind, "hostile": evil, "settled": ended} {
		t.Run(name, func(t *testing.T) { goldenMessage(t, blocks.Card(v)) })
	}
	t.Run("details", func(t *testing.T) { goldenModal(t, blocks.DetailsModal(all)) })
	t.Run("details, hostile", func(t *testing.T) { goldenModal(t, blocks.DetailsModal(evil)) })
	t.Run("plain", func(t *testing.T) { goldenMessage(t, blocks.PlainFallback(all)) })
	t.Run("modal", func(t *testing.T) {
		goldenModal(t, blocks.DecideModal(blocks.DecideView{
			Verdict: approval.Approve, Request: all.Request, Hints: all.Hints, TypeCommonName: true, Comment: approval.CommentRule{Need: approval.CommentOptional}, Warning: blocks.NowTyped,
		}))
	})
	t.Run("modal, hostile", func(t *testing.T) {
		goldenModal(t, blocks.DecideModal(blocks.DecideView{Verdict: approval.Deny, Request: evil.Request, Hints: evil.Hints, Comment: approval.CommentRule{Need: approval.CommentRequired}}))
	})
}

func sortHints(all []approval.Hint) {
	for i := range all {
		for j := i; j > 0 && all[j].Code < all[j-1].Code; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
}

// No hint is a sign alone, and the worst comes first: also in what a phone shows.
func TestAHintIsASignAWordAndASentence(t *testing.T) {
	all := pending(enrollment())
	all.Hints = everything()
	m := blocks.Card(all)
	text := string(mustJSON(t, slack.Blocks{BlockSet: m.Blocks}))
	require.Contains(t, m.Text, "🛑 Stop: The CSR asks for a certificate that can issue other certificates. And 19 more hints.")
	require.Equal(t, 3, strings.Count(text, `"🛑 "`))
	require.NotContains(t, text, `"⚠️ "`, "there is room for three")
	require.Contains(t, text, "17 more hints under Details.")

	details := string(mustJSON(t, blocks.DetailsModal(all)))
	for _, code := range approval.HintCodes {
		require.Contains(t, details, fmt.Sprintf("(%s)", code), "an admin finds the rule by it")
	}
	for word, count := range map[string]int{"Stop": 3, "Warning": 10, "Note": 7, "Not checked": 8} {
		require.Equal(t, count, strings.Count(details, `"text": "`+word+`"`), word)
	}
}

// Hints that come and go make another version of a card.
func TestHintsMakeAnotherVersion(t *testing.T) {
	plain, hinted := pending(enrollment()), pending(enrollment())
	hinted.Hints.Found = []approval.Hint{{Code: approval.HintNewDomain, Level: approval.HintNote, About: []string{"example.net"}}}
	require.NotEqual(t, blocks.Card(plain).Blocks[0].ID(), blocks.Card(hinted).Blocks[0].ID())
}

package hint_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
)

const ca, day = "Issuing CA 1", 24 * time.Hour

// all has every rule on.
func all(change ...func(*approval.HintRule)) approval.HintRule {
	rule := approval.HintRule{Levels: map[approval.HintCode]approval.HintLevel{}, Domains: []string{"example.com", "Example.DE.", "*.müller.example"}, PublicCAs: []string{"*digicert*"}, MostNames: 50, LongestValidity: 398 * day}
	for _, code := range approval.HintCodes {
		rule.Levels[code] = approval.HintWarn
	}
	for _, f := range change {
		f(&rule)
	}
	return rule
}

// request asks for names, the first of which is the common name.
func request(change func(*approval.Request), names ...string) approval.Request {
	r := approval.Request{
		ID: "workflow:a/b", Type: "Enrollment", Requester: `EXAMPLE\alice`, CA: ca, Key: approval.Key{Algorithm: "ECDSA", Bits: 256, Curve: "P-256"},
		CSR: &approval.CSR{KeyID: "k", Signature: "ECDSA-SHA256"}, Validity: 90 * day,
	}
	for i, n := range names {
		if i == 0 {
			r.CommonName = n
		}
		r.SANs = append(r.SANs, approval.SAN{Kind: "dns", Value: n})
	}
	if change != nil {
		change(&r)
	}
	return r
}

func nothing(*approval.Request) {}

// memory knows the domains, each approved for this requester as well.
func memory(domains ...string) hint.Memory {
	m := hint.Memory{Read: true, Requester: true, Domains: map[string]hint.Acquaintance{}, Similar: map[string][]string{}}
	for _, d := range domains {
		m.Domains[d] = hint.Acquaintance{Requester: true}
	}
	return m
}

func codes(h approval.Hints) []approval.HintCode {
	found := []approval.HintCode{}
	for _, one := range h.Found {
		found = append(found, one.Code)
	}
	return found
}

// Names, as they are typed in good and in bad faith. Each row says all that is
// found beside what every row has.
func TestNames(t *testing.T) {
	is := func(codes ...approval.HintCode) []approval.HintCode { return codes }
	for name, row := range map[string]struct {
		names []string
		want  []approval.HintCode
	}{
		"ours":                             {[]string{"www.example.com", "example.com", "a.b.c.EXAMPLE.com."}, nil},
		"another domain of ours":           {[]string{"shop.example.de"}, nil},
		"a domain with umlauts":            {[]string{"www.xn--mller-kva.example"}, is(approval.HintPunycode)},
		"the same as it is read":           {[]string{"www.müller.example"}, nil},
		"a short name beside the long one": {[]string{"web01.example.com", "web01"}, nil},
		"a short name of something else":   {[]string{"web01.example.com", "db07"}, is(approval.HintForeignDomain)},
		"a wildcard":                       {[]string{"*.apps.example.com"}, is(approval.HintWildcard)},
		"a star inside":                    {[]string{"web*.example.com"}, is(approval.HintWildcard)},
		"everything below co.uk":           {[]string{"*.co.uk"}, is(approval.HintWildcard, approval.HintForeignDomain)},
		"somebody else's":                  {[]string{"www.iana.org"}, is(approval.HintForeignDomain, approval.HintNewDomain)},
		"ends alike, and is not ours":      {[]string{"notexample.com"}, is(approval.HintForeignDomain, approval.HintNewDomain)},
		"ours in front of theirs":          {[]string{"www.example.com.evil.org"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"one for l":                        {[]string{"examp1e.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"rn for m":                         {[]string{"exarnple.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"a Cyrillic a":                     {[]string{"ex\u0430mple.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike, approval.HintMixedScript)},
		"the same as it is written":        {[]string{"xn--exmple-4nf.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike, approval.HintMixedScript, approval.HintPunycode)},
		"two letters swapped":              {[]string{"exmaple.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"a letter doubled":                 {[]string{"exammple.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"a letter missing":                 {[]string{"exmple.com"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"another end":                      {[]string{"example.co"}, is(approval.HintForeignDomain, approval.HintNewDomain, approval.HintLookalike)},
		"two slips are another word":       {[]string{"examples1.com"}, is(approval.HintForeignDomain, approval.HintNewDomain)},
		"Greek alone":                      {[]string{"παράδειγμα.example.com"}, nil},
		"Japanese in three scripts":        {[]string{"ラーメン食べたいabc.example.com"}, nil},
		"Korean with Han":                  {[]string{"한국漢字.example.com"}, nil},
		"Latin and Greek":                  {[]string{"pαypal.example.com"}, is(approval.HintMixedScript)},
		"Cyrillic and Greek":               {[]string{"раυраl.example.com"}, is(approval.HintMixedScript)},
		"digits belong everywhere":         {[]string{"москва2026.example.com"}, nil},
		"punycode that is none":            {[]string{"xn--a-\u00e4.example.com"}, is(approval.HintPunycode)},
		"nonsense":                         {[]string{"<!here>.example.com", "a b.example.com", "..", "\x00.example.com"}, is(approval.HintForeignDomain)},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(nothing, row.names...)
			require.ElementsMatch(t, row.want, codes(hint.Check(all(), r, memory())))
		})
	}
}

// Mailboxes, principals and addresses of pages have domains as well.
func TestNamesOfOtherKinds(t *testing.T) {
	r := request(func(r *approval.Request) {
		r.CommonName = "Alice Example"
		r.SANs = []approval.SAN{
			{Kind: "rfc822", Value: "alice@example.com"}, {Kind: "ms_ntprincipalname", Value: "alice@exarnple.com"}, {Kind: "uri", Value: "https://evil.org/x"},
			{Kind: "directory", Value: "CN=x"}, {Kind: "other", Value: "1.2.3 x"}, {Kind: "ip4", Value: "10.0.0.1"}, {Kind: "ip", Value: "nonsense"},
		}
	})
	h := hint.Check(all(), r, memory())
	require.Equal(t, []approval.HintCode{approval.HintLookalike, approval.HintForeignDomain, approval.HintNewDomain}, codes(h))
	require.Equal(t, []string{"alice@exarnple.com"}, h.Found[0].About)
	require.Equal(t, []string{"alice@exarnple.com", "https://evil.org/x"}, h.Found[1].About)
}

func TestCommonName(t *testing.T) {
	for name, row := range map[string]struct {
		cn    string
		names []string
		want  bool
	}{
		"among the names":       {"web01.example.com", []string{"web01.example.com"}, false},
		"spelled otherwise":     {"WEB01.example.com.", []string{"web01.example.com"}, false},
		"not among them":        {"web01.example.com", []string{"www.example.com"}, true},
		"no names":              {"web01.example.com", nil, true},
		"an address":            {"192.0.2.1", []string{"192.0.2.1"}, false},
		"an address, no name":   {"192.0.2.1", []string{"www.example.com"}, true},
		"inside the house":      {"dc01.corp.local", []string{"www.example.com"}, true},
		"a person":              {"Smith, John", []string{"www.example.com"}, false},
		"initials":              {"J.R. Smith", nil, false},
		"a user":                {"john.smith", nil, false},
		"an authority":          {"Example Issuing CA 1", nil, false},
		"a mailbox":             {"alice@example.com", nil, false},
		"a version":             {"Signing Key v1.2", nil, false},
		"nothing":               {"", []string{"www.example.com"}, false},
		"a wildcard, in itself": {"*.example.com", []string{"*.example.com"}, false},
		"not what it covers":    {"www.example.com", []string{"*.example.com"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(func(r *approval.Request) { r.CommonName = row.cn }, row.names...)
			r.CommonName = row.cn
			require.Equal(t, row.want, slices.Contains(codes(hint.Check(all(), r, memory())), approval.HintCNNotInSANs))
		})
	}
}

func TestKeys(t *testing.T) {
	for key, want := range map[approval.Key]approval.HintCode{
		{Algorithm: "RSA", Bits: 2048}:                  "",
		{Algorithm: "RSA", Bits: 2047}:                  approval.HintWeakKey,
		{Algorithm: "RSA", Bits: 3072}:                  "",
		{Algorithm: "RSA", Bits: 4096}:                  "",
		{Algorithm: "RSA", Bits: 8192}:                  "",
		{Algorithm: "RSA", Bits: 2049}:                  approval.HintOddKey,
		{Algorithm: "RSA", Bits: 2048, Exponent: 3}:     approval.HintOddKey,
		{Algorithm: "RSA", Bits: 2048, Exponent: 1}:     approval.HintWeakKey,
		{Algorithm: "RSA", Bits: 2048, Exponent: 65539}: "",
		{Algorithm: "RSA", Bits: 2048, Exponent: 65538}: approval.HintOddKey,
		{Algorithm: "ECDSA", Bits: 256, Curve: "P-256"}: "",
		{Algorithm: "ECDSA", Bits: 224, Curve: "P-224"}: approval.HintWeakKey,
		{Algorithm: "ECDSA", Bits: 256, Curve: "SM2"}:   approval.HintOddKey,
		{Algorithm: "ECDSA", Curve: "1.2.3"}:            approval.HintOddKey,
		{Algorithm: "Ed25519", Bits: 256}:               "",
		{Algorithm: "DSA"}:                              approval.HintWeakKey,
		{Algorithm: "ML-DSA-65"}:                        approval.HintOddKey,
		{Algorithm: "1.2.3.4"}:                          approval.HintOddKey,
		{Bits: 1024}:                                    approval.HintWeakKey, // Keyfactor tells no algorithm
		{Bits: 2048}:                                    "",
		{Bits: 256}:                                     "",
		{Bits: 521}:                                     "",
		{Bits: 512}:                                     approval.HintWeakKey,
		{Bits: 384, Curve: "P-384"}:                     "",
	} {
		want := []approval.HintCode{want}
		if want[0] == "" {
			want = []approval.HintCode{}
		}
		require.Equal(t, want, codes(hint.Check(all(), request(func(r *approval.Request) { r.Key = key }, "www.example.com"), memory())), key.String())
	}
}

func TestPublicCA(t *testing.T) {
	names := []string{"www.example.com", "intranet", "x.corp", "printer.lan", "a.example.internal", "box.home.arpa", "10.0.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "fe80::1", "2001:db8::1", "8.8.8.8", "2606:4700::1111", "web.github.io"}
	public := hint.Check(all(func(r *approval.HintRule) { r.Domains = nil }), request(func(r *approval.Request) { r.CA = `ca\DigiCert TLS 2026` }, names...), memory("example.com", "github.io"))
	by := map[approval.HintCode]approval.Hint{}
	for _, h := range public.Found {
		by[h.Code] = h
	}
	require.Equal(t, []string{"intranet", "x.corp", "printer.lan", "a.example.internal", "box.home.arpa"}, by[approval.HintInternalName].About)
	require.Equal(t, 6, by[approval.HintPrivateIP].Count)
	require.NotContains(t, by[approval.HintPrivateIP].About, "8.8.8.8")

	inside := codes(hint.Check(all(), request(nothing, names...), memory()))
	require.NotContains(t, inside, approval.HintInternalName)
	unknown := hint.Check(all(), request(func(r *approval.Request) { r.CA = "" }, "intranet"), memory())
	require.Contains(t, unknown.Unchecked, approval.Unchecked{Why: approval.BlindCA, Codes: []approval.HintCode{approval.HintInternalName, approval.HintPrivateIP}})
}

// The memory makes a domain known, unusual, or a look-alike.
func TestMemory(t *testing.T) {
	some := all(func(r *approval.HintRule) { r.Domains = nil })
	check := func(m hint.Memory, r approval.Request) []approval.HintCode { return codes(hint.Check(some, r, m)) }
	r := request(nothing, "www.example.org")
	require.Equal(t, []approval.HintCode{approval.HintNewDomain}, check(memory(), r))
	require.Empty(t, check(memory("example.org"), r))
	others := memory()
	others.Domains["example.org"] = hint.Acquaintance{}
	require.Equal(t, []approval.HintCode{approval.HintUnusualDomain}, check(others, r))
	others.Requester = false
	require.Empty(t, check(others, r), "of somebody new nothing is unusual")
	similar := memory()
	similar.Similar["examp1e.org"] = []string{"example.org"}
	require.Equal(t, []approval.HintCode{approval.HintLookalike, approval.HintNewDomain}, check(similar, request(nothing, "examp1e.org")))

	unread := hint.Check(some, r, hint.Memory{})
	require.Empty(t, unread.Found)
	require.Equal(t, []approval.Unchecked{
		{Why: approval.BlindMemory, Codes: []approval.HintCode{approval.HintKeyReused}},
		{Why: approval.BlindMemory, Codes: []approval.HintCode{approval.HintNewDomain, approval.HintUnusualDomain}},
	}, unread.Unchecked)
}

// The same key is only worth a word when it is another certificate's.
func TestKeyReused(t *testing.T) {
	for name, row := range map[string]struct {
		use  hint.KeyUse
		want bool
	}{
		"of another name":                  {hint.KeyUse{Request: "workflow:c/d", Name: "mail.example.com"}, true},
		"of the same name, issued":         {hint.KeyUse{Request: "workflow:c/d", Name: "www.example.com", Approved: true}, true},
		"asked for again after a denial":   {hint.KeyUse{Request: "workflow:c/d", Name: "www.example.com"}, false},
		"handed over to the CA":            {hint.KeyUse{Request: "certificate:7", Name: "www.example.com", Matter: "ca:1", Approved: true}, false},
		"the request itself":               {hint.KeyUse{Request: "workflow:a/b", Name: "other", Approved: true}, false},
		"of another matter at the same CA": {hint.KeyUse{Request: "certificate:8", Name: "mail.example.com", Matter: "ca:2", Approved: true}, true},
	} {
		m := memory()
		m.SameKey = []hint.KeyUse{row.use}
		r := request(func(r *approval.Request) { r.Matter = "ca:1" }, "www.example.com")
		require.Equal(t, row.want, slices.Contains(codes(hint.Check(all(), r, m)), approval.HintKeyReused), name)
	}
}

// A route that does not want to know is not told, not even of what is not known.
func TestLevels(t *testing.T) {
	r := request(func(r *approval.Request) { r.Key.Curve, r.CSR = "SM2", &approval.CSR{Trouble: "cut"} }, "*.example.com")
	require.Equal(t, approval.Hints{}, hint.Check(approval.HintRule{}, r, hint.Memory{}))
	rule := approval.HintRule{Levels: map[approval.HintCode]approval.HintLevel{approval.HintOddKey: approval.HintNote, approval.HintWildcard: approval.HintStepUp, approval.HintCABit: approval.HintOff}}
	h := hint.Check(rule, r, hint.Memory{})
	require.Equal(t, []approval.HintCode{approval.HintWildcard, approval.HintOddKey}, codes(h), "the worst first")
	require.Empty(t, h.Unchecked)
	require.True(t, h.StepUp())
	require.Equal(t, "*.example.com", approval.Rule{}.Heed(h).MustType(r, approval.Approve))
	require.Empty(t, approval.Rule{}.Heed(approval.Hints{}).MustType(r, approval.Approve))
}

// The same input gives the same hints, and none of them is endless.
func TestHintsAreDeterministicAndShort(t *testing.T) {
	r := request(func(r *approval.Request) { r.Validity = 900 * day })
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		r.SANs = append(r.SANs, approval.SAN{Kind: "dns", Value: fmt.Sprintf("h%d.d%d.example.net", i, random.IntN(300))})
	}
	first := hint.Check(all(), r, memory())
	for range 5 {
		require.Equal(t, first, hint.Check(all(), r, memory()))
	}
	for _, h := range first.Found {
		require.LessOrEqual(t, len(h.About), 5)
	}
	require.Equal(t, []approval.HintCode{approval.HintLookalike, approval.HintForeignDomain, approval.HintLongValidity, approval.HintManyNames, approval.HintNewDomain}, codes(first))
}

func BenchmarkCheck(b *testing.B) {
	rule, few, m := all(), request(nothing, "web01.example.com", "www.example.com"), memory("example.com")
	many := request(nothing, "web01.example.com")
	for i := range 1000 {
		many.SANs = append(many.SANs, approval.SAN{Kind: "dns", Value: fmt.Sprintf("h%d.example.com", i)})
	}
	for name, r := range map[string]approval.Request{"2 names": few, "1000 names": many} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hint.Check(rule, r, m)
			}
		})
	}
}

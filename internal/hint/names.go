package hint

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/approvebot/approvebot/internal/approval"
)

func (c *check) wildcards() {
	var stars, whole []string
	for _, n := range c.names {
		if !strings.Contains(n.host, "*") {
			continue
		}
		stars = append(stars, n.text)
		if suffix, _ := publicsuffix.PublicSuffix(n.base()); suffix == n.base() {
			whole = append(whole, n.text)
		}
	}
	if len(whole) > 0 { // everything that anybody registers
		c.add(approval.Hint{Code: approval.HintWildcard, About: whole, Found: "public-suffix"})
		return
	}
	c.about(approval.HintWildcard, stars)
}

// commonName wants a common name that is a host or an address to be among the
// names: clients have long stopped to read it.
func (c *check) commonName() {
	cn := strings.TrimSpace(c.request.CommonName)
	if !looksLikeHost(cn) {
		return
	}
	want, ok := parseSAN(approval.SAN{Kind: "dns", Value: cn})
	if !ok {
		return
	}
	for _, san := range c.request.SANs {
		if have, ok := parseSAN(san); ok && have.served && have.host == want.host && have.ip == want.ip {
			return
		}
	}
	c.add(approval.Hint{Code: approval.HintCNNotInSANs, About: []string{cn}, Count: len(c.request.SANs)})
}

// publicCA is about names that nobody outside can reach, on a CA that the world trusts.
func (c *check) publicCA() {
	ca := c.request.CA
	switch {
	case len(c.rule.PublicCAs) == 0:
		return
	case ca == "":
		c.blind(approval.BlindCA, "", approval.HintInternalName, approval.HintPrivateIP)
		return
	case !slices.ContainsFunc(c.rule.PublicCAs, func(pattern string) bool { return approval.Glob(pattern, ca) }):
		return
	}
	var inside, private []string
	for _, n := range c.names {
		switch {
		case n.ip.IsValid() && nonPublic(n.ip):
			private = append(private, n.text)
		case n.served && n.host != "" && (!strings.Contains(n.base(), ".") || unmanaged(n.base())):
			inside = append(inside, n.text)
		}
	}
	c.about(approval.HintInternalName, inside)
	c.about(approval.HintPrivateIP, private)
}

// reserved are the networks that are neither private in the library's sense nor public.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("fec0::/10"),
}

func nonPublic(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() ||
		slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) })
}

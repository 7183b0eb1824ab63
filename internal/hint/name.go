package hint

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/approvebot/approvebot/internal/approval"
)

// name is one of the names that a certificate is asked for, taken apart.
type name struct {
	// text is what it was written like, host what it is compared by: lower case,
	// punycode, without the dot at its end. Empty when there is no host in it.
	text, host string
	// unicode is host as people read it.
	unicode string
	ip      netip.Addr
	// served means that a server can be reached by it: a DNS name or an address, not
	// the domain of a mailbox.
	served bool
}

// namesOf are the names of a request, each once: those that Keyfactor tells, those
// that only the CSR has, and the common name where it is one.
func namesOf(r approval.Request) []name {
	var all []name
	seen := map[string]bool{}
	add := func(n name, ok bool) {
		if key := n.host + "|" + n.ip.String(); ok && !seen[key] {
			seen[key] = true
			all = append(all, n)
		}
	}
	for _, san := range r.SANs {
		add(parseSAN(san))
	}
	if r.CSR != nil {
		for _, san := range r.CSR.Differs.Extra {
			add(parseSAN(san))
		}
	}
	if cn := strings.TrimSpace(r.CommonName); looksLikeHost(cn) {
		add(parseSAN(approval.SAN{Kind: "dns", Value: cn}))
	}
	return all
}

// parseSAN takes a name apart; ok is false for kinds that hold neither host nor address.
func parseSAN(san approval.SAN) (n name, ok bool) {
	text := strings.TrimSpace(san.Value)
	switch strings.ToLower(san.Kind) {
	case "", "dns":
		if ip, err := netip.ParseAddr(text); err == nil {
			return name{text: text, ip: ip.Unmap(), served: true}, true
		}
		return hostName(text, text, true)
	case "ip", "ip4", "ip6":
		ip, err := netip.ParseAddr(text)
		return name{text: text, ip: ip.Unmap(), served: true}, err == nil
	case "rfc822", "ms_ntprincipalname":
		at := strings.LastIndexByte(text, '@')
		return hostName(text, text[at+1:], false)
	case "uri":
		u, err := url.Parse(text)
		if err != nil {
			return name{}, false
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			return name{text: text, ip: ip.Unmap()}, true
		}
		return hostName(text, u.Hostname(), false)
	}
	return name{}, false
}

func hostName(text, host string, served bool) (name, bool) {
	host = ascii(host)
	if host == "" {
		return name{}, false
	}
	return name{text: text, host: host, unicode: readable(host), served: served}, true
}

// ascii is a host in the form that it has on the wire, as far as it can be made.
func ascii(host string) string {
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(host), "."))
	if made, err := idna.Punycode.ToASCII(host); err == nil {
		return made
	}
	return host
}

// readable is a host as people read it; labels that are no valid punycode stay.
func readable(host string) string {
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if made, err := idna.Punycode.ToUnicode(label); err == nil {
			labels[i] = made
		}
	}
	return strings.Join(labels, ".")
}

// looksLikeHost reports whether a common name is the name of a host rather than
// of a person, a product or an authority. Hosts that end in nothing that is known
// are taken for hosts only where they could not be anything else.
func looksLikeHost(cn string) bool {
	if _, err := netip.ParseAddr(cn); err == nil {
		return true
	}
	if !strings.Contains(cn, ".") || strings.ContainsAny(cn, " \t\r\n@/\\:,<>\"'()") {
		return false
	}
	host := ascii(cn)
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return false
	}
	return !unmanaged(host) || slices.Contains(insideSuffixes, last)
}

// insideSuffixes are the ends that people give to the names of their own networks.
var insideSuffixes = []string{"local", "localdomain", "lan", "corp", "internal", "intern", "intranet", "home", "private", "priv", "test", "lab", "dmz", "invalid", "localhost", "example"}

// base is a host without the star in front of it.
func (n name) base() string { return strings.TrimPrefix(n.host, "*.") }

// Registrable is the domain that somebody registered in order to have a host:
// example.co.uk for www.example.co.uk. Below an end that nobody manages it is the
// last two labels. It is empty for a single label and for a public suffix.
func Registrable(host string) string {
	host = strings.TrimPrefix(ascii(host), "*.")
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return domain
}

// Domains are the registrable domains of a request's names, sorted, each once.
func Domains(r approval.Request) []string {
	var all []string
	for _, n := range namesOf(r) {
		if d := Registrable(n.host); d != "" {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// unmanaged reports whether a host ends in something that no registry hands out.
func unmanaged(host string) bool {
	suffix, icann := publicsuffix.PublicSuffix(host)
	return !icann && !strings.Contains(suffix, ".") || below(host, "home.arpa")
}

// below reports whether a host is a domain or below it. Both are in wire form.
func below(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// Name is what people call a request.
func Name(r approval.Request) string {
	for _, s := range []string{r.CommonName, first(r.SANs), r.Subject, r.Reference, string(r.ID)} {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

func first(sans []approval.SAN) string {
	if len(sans) == 0 {
		return ""
	}
	return sans[0].Value
}

package keyfactor

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// csrLimit bounds what is parsed and verified; a CSR with a 16,384 bit key and
// a hundred names stays far below.
const csrLimit = 64 << 10

// parseCSR reads PEM with or without its armour.
func parseCSR(text string) (*x509.CertificateRequest, error) {
	if len(text) > csrLimit {
		return nil, fmt.Errorf("longer than %d kB", csrLimit>>10)
	}
	var der []byte
	if block, _ := pem.Decode([]byte(strings.TrimSpace(text))); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, errors.New("neither PEM nor base64")
		}
	}
	return x509.ParseCertificateRequest(der)
}

// keyOf describes a public key; zero if its kind is unknown.
func keyOf(csr *x509.CertificateRequest) approval.Key {
	switch k := csr.PublicKey.(type) {
	case *rsa.PublicKey:
		return approval.Key{Algorithm: "RSA", Bits: k.N.BitLen()}
	case *ecdsa.PublicKey:
		return approval.Key{Algorithm: "ECDSA", Bits: k.Curve.Params().BitSize, Curve: k.Curve.Params().Name}
	case ed25519.PublicKey:
		return approval.Key{Algorithm: "Ed25519", Bits: 256}
	}
	return approval.Key{}
}

// keyWords is a key for people: "RSA 2048", "ECDSA P-256".
func keyWords(k approval.Key) string {
	switch {
	case k.Curve != "":
		return strings.TrimSpace(k.Algorithm + " " + k.Curve)
	case k.Algorithm == "Ed25519":
		return k.Algorithm
	case k.Bits > 0:
		return strings.TrimSpace(fmt.Sprintf("%s %d", k.Algorithm, k.Bits))
	}
	return k.Algorithm
}

// csrNames are the names that a CSR asks for, with Keyfactor's kinds.
func csrNames(csr *x509.CertificateRequest) []approval.SAN {
	var sans []approval.SAN
	for _, n := range csr.DNSNames {
		sans = append(sans, approval.SAN{Kind: "dns", Value: n})
	}
	for _, ip := range csr.IPAddresses {
		sans = append(sans, approval.SAN{Kind: "ip", Value: ip.String()})
	}
	for _, m := range csr.EmailAddresses {
		sans = append(sans, approval.SAN{Kind: "rfc822", Value: m})
	}
	for _, u := range csr.URIs {
		sans = append(sans, approval.SAN{Kind: "uri", Value: u.String()})
	}
	return sans
}

// shownDifferences is how many names of each side a difference spells out.
const shownDifferences = 3

// csrDiffers says where the signed request and what Keyfactor tells part ways,
// one sentence each. What will be issued depends on template and CA; an
// approver should know that the two do not ask for the same.
func csrDiffers(r approval.Request, csr *x509.CertificateRequest) []string {
	var out []string
	if csr.CheckSignature() != nil {
		out = append(out, "its signature is not valid")
	}
	if r.Subject != "" && !slices.Equal(parseDN(r.Subject), parseDN(csr.Subject.String())) {
		subject := csr.Subject.String()
		if subject == "" {
			subject = "nothing"
		}
		out = append(out, "its subject is "+subject)
	}
	theirs := csrNames(csr)
	if extra := without(theirs, r.SANs, ""); len(extra) > 0 {
		out = append(out, "it also asks for "+summary(labels(extra), shownDifferences))
	}
	// The common name is often repeated as a DNS name by Keyfactor's own policy.
	if missing := without(r.SANs, theirs, r.CommonName); len(missing) > 0 {
		out = append(out, "it does not ask for "+summary(labels(missing), shownDifferences))
	}
	return out
}

// without returns the comparable names in a that are neither in b nor equal to except.
func without(a, b []approval.SAN, except string) []approval.SAN {
	known := map[string]bool{nameKey(approval.SAN{Kind: "dns", Value: except}): true}
	for _, s := range b {
		known[nameKey(s)] = true
	}
	var out []approval.SAN
	for _, s := range a {
		if key := nameKey(s); key != "" && !known[key] {
			out = append(out, s)
		}
	}
	return out
}

// nameKey is a name in a form that is equal for equal names; "" for kinds that
// a CSR's parser does not know and that cannot be compared.
func nameKey(s approval.SAN) string {
	value := strings.ToLower(strings.TrimSpace(s.Value))
	if ip, err := netip.ParseAddr(value); err == nil {
		return "ip:" + ip.Unmap().String()
	}
	switch s.Kind {
	case "", "dns", "ip", "ip4", "ip6":
		return "dns:" + strings.TrimSuffix(value, ".")
	case "rfc822", "uri":
		return s.Kind + ":" + value
	}
	return ""
}

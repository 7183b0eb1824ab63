package keyfactorsim

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
)

// keyKinds are the kinds of key that a CSR can be made with.
var keyKinds = []string{"ec-p224", "ec-p256", "ec-p384", "ec-p521", "ed25519", "rsa-1024", "rsa-2048", "rsa-3072", "rsa-4096"}

// primes make the RSA keys, because finding those for one of 4096 bits can take seconds. The keys protect nothing:
// everybody has them.
//
//go:embed testkeys/primes.txt
var primesFile string

var rsaPrimes = sync.OnceValue(func() map[string][]*big.Int {
	primes := map[string][]*big.Int{}
	for line := range strings.Lines(primesFile) {
		if kind, digits, ok := strings.Cut(strings.TrimSpace(line), " "); ok && kind != "#" {
			p, _ := new(big.Int).SetString(digits, 16)
			primes[kind] = append(primes[kind], p)
		}
	}
	return primes
})

// signer makes the key for a CSR. It follows from kind and name, so that the same seed makes the same CSR in every run,
// and different requests have different keys.
func signer(kind, name string) (crypto.Signer, error) {
	switch kind {
	case "ec-p224":
		return ecKey(elliptic.P224(), name)
	case "", "ec-p256":
		return ecKey(elliptic.P256(), name)
	case "ec-p384":
		return ecKey(elliptic.P384(), name)
	case "ec-p521":
		return ecKey(elliptic.P521(), name)
	case "ed25519":
		seed := sha512.Sum512([]byte("keyfactorsim key " + name))
		return ed25519.NewKeyFromSeed(seed[:ed25519.SeedSize]), nil
	}
	return rsaKey(kind, name)
}

// rsaKey takes two of the primes: of forty there are 780 pairs.
func rsaKey(kind, name string) (crypto.Signer, error) {
	primes := rsaPrimes()[kind]
	if len(primes) < 2 {
		return nil, fmt.Errorf("unknown kind of key %q", kind)
	}
	digest := sha512.Sum512([]byte("keyfactorsim key " + name))
	pair := int(binary.BigEndian.Uint32(digest[:])) % (len(primes) * (len(primes) - 1) / 2)
	a, b := 0, 1
	for range pair {
		if b++; b == len(primes) {
			a++
			b = a + 1
		}
	}
	p, q := primes[a], primes[b]
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, Primes: []*big.Int{p, q}}
	key.D = new(big.Int).ModInverse(big.NewInt(int64(key.E)), phi)
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("make %s key: %w", kind, err)
	}
	return key, nil
}

func ecKey(curve elliptic.Curve, name string) (crypto.Signer, error) {
	digest := sha512.Sum512([]byte("keyfactorsim key " + name))
	order := curve.Params().N
	d := new(big.Int).SetBytes(digest[:])
	d.Mod(d, new(big.Int).Sub(order, big.NewInt(1))).Add(d, big.NewInt(1))
	key, err := ecdsa.ParseRawPrivateKey(curve, d.FillBytes(make([]byte, (order.BitLen()+7)/8)))
	if err != nil {
		return nil, fmt.Errorf("make %s key: %w", curve.Params().Name, err)
	}
	return key, nil
}

// names are all DNS names of the request, the numbered ones included.
func (c *CSR) names() []string {
	all := append([]string(nil), c.DNS...)
	if c.ManyDNS != nil {
		for i := range c.ManyDNS.Count {
			all = append(all, fmt.Sprintf(c.ManyDNS.Pattern, i+1))
		}
	}
	return all
}

// sans are the alternative names as Keyfactor keeps them: by kind.
func (c *CSR) sans() map[string][]string {
	all := map[string][]string{}
	put := func(kind string, values []string) {
		if len(values) > 0 {
			all[kind] = append(all[kind], values...)
		}
	}
	put("dns", c.names())
	put("ms_ntprincipalname", c.UPN)
	put("rfc822", c.Email)
	put("uri", c.URI)
	for _, text := range c.IP {
		if ip := net.ParseIP(text); ip != nil && ip.To4() == nil {
			put("ip6", []string{text})
		} else {
			put("ip4", []string{text})
		}
	}
	return all
}

// encode makes the CSR, with the same bytes for the same name in every run: neither RSA PKCS #1 v1.5 nor deterministic
// ECDSA needs randomness.
func (c *CSR) encode(name string) (string, error) {
	if c.PEM != "" {
		return c.PEM, nil
	}
	key, err := signer(c.Key, cmp.Or(c.KeyOf, name))
	if err != nil {
		return "", err
	}
	subject, err := parseDN(c.Subject)
	if err != nil {
		return "", err
	}
	template := &x509.CertificateRequest{Subject: subject, DNSNames: c.names(), EmailAddresses: c.Email}
	for _, text := range c.IP {
		ip := net.ParseIP(text)
		if ip == nil {
			return "", fmt.Errorf("%q is not an IP address", text)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	for _, text := range c.URI {
		u, err := url.Parse(text)
		if err != nil {
			return "", fmt.Errorf("read URI name: %w", err)
		}
		template.URIs = append(template.URIs, u)
	}
	if err := c.extend(template); err != nil {
		return "", err
	}
	der, err := x509.CreateCertificateRequest(nil, template, key)
	if err != nil {
		return "", fmt.Errorf("make certificate request for %s: %w", c.Subject, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// usages are the extended key usages that a CSR can ask for.
var usages = map[string]asn1.ObjectIdentifier{
	"any": {2, 5, 29, 37, 0}, "server-auth": {1, 3, 6, 1, 5, 5, 7, 3, 1}, "client-auth": {1, 3, 6, 1, 5, 5, 7, 3, 2}, "code-signing": {1, 3, 6, 1, 5, 5, 7, 3, 3},
	"email": {1, 3, 6, 1, 5, 5, 7, 3, 4}, "smart-card": {1, 3, 6, 1, 4, 1, 311, 20, 2, 2},
}

// extend adds the extensions that crypto/x509 has no member for in a request.
func (c *CSR) extend(template *x509.CertificateRequest) error {
	add := func(id asn1.ObjectIdentifier, critical bool, value any) error {
		der, err := asn1.Marshal(value)
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: der})
		return err
	}
	var errs []error
	if c.CA {
		errs = append(errs, add(asn1.ObjectIdentifier{2, 5, 29, 19}, true, struct{ CA bool }{true}),
			add(asn1.ObjectIdentifier{2, 5, 29, 15}, true, asn1.BitString{Bytes: []byte{0x06}, BitLength: 7})) // certificate and CRL signing
	}
	var asked []asn1.ObjectIdentifier
	for _, u := range c.Usages {
		oid, ok := usages[u]
		if !ok {
			return fmt.Errorf("%q is not a usage", u)
		}
		asked = append(asked, oid)
	}
	if asked != nil {
		errs = append(errs, add(asn1.ObjectIdentifier{2, 5, 29, 37}, false, asked))
	}
	if len(c.UPN) > 0 {
		errs = append(errs, c.principals(template))
	}
	return errors.Join(errs...)
}

// principals writes the extension with all alternative names by hand: crypto/x509 knows no other names, and two
// extensions of one kind are not allowed.
func (c *CSR) principals(template *x509.CertificateRequest) error {
	var names []asn1.RawValue
	plain := func(tag int, value []byte) {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value})
	}
	for _, upn := range c.UPN {
		value, err := asn1.MarshalWithParams(upn, "utf8")
		if err != nil {
			return fmt.Errorf("write principal name: %w", err)
		}
		oid, _ := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3})
		outer, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: value})
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: append(oid, outer...)})
	}
	for _, n := range template.DNSNames {
		plain(2, []byte(n))
	}
	for _, m := range template.EmailAddresses {
		plain(1, []byte(m))
	}
	for _, u := range template.URIs {
		plain(6, []byte(u.String()))
	}
	for _, ip := range template.IPAddresses {
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		plain(7, ip)
	}
	der, err := asn1.Marshal(names)
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der})
	return err
}

var dnAttributes = map[string]asn1.ObjectIdentifier{
	"CN": {2, 5, 4, 3}, "SERIALNUMBER": {2, 5, 4, 5}, "C": {2, 5, 4, 6}, "L": {2, 5, 4, 7}, "ST": {2, 5, 4, 8}, "S": {2, 5, 4, 8},
	"STREET": {2, 5, 4, 9}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "T": {2, 5, 4, 12}, "GN": {2, 5, 4, 42}, "SN": {2, 5, 4, 4},
	"E": {1, 2, 840, 113549, 1, 9, 1}, "DC": {0, 9, 2342, 19200300, 100, 1, 25},
}

// parseDN reads a distinguished name in the order it is written. A backslash takes the next character as it is.
func parseDN(text string) (pkix.Name, error) {
	var name pkix.Name
	for _, part := range splitDN(text) {
		kind, v, ok := strings.Cut(part, "=")
		oid, known := dnAttributes[strings.ToUpper(strings.TrimSpace(kind))]
		if !ok || !known {
			return pkix.Name{}, fmt.Errorf("%q is not part of a distinguished name", part)
		}
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: oid, Value: unescapeDN(strings.TrimSpace(v))})
	}
	return name, nil
}

func splitDN(text string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ',':
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	if strings.TrimSpace(text[start:]) != "" {
		parts = append(parts, text[start:])
	}
	return parts
}

func unescapeDN(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// commonName is the first CN of a distinguished name; the whole name when it has none.
func commonName(dn string) string {
	for _, part := range splitDN(dn) {
		if kind, v, ok := strings.Cut(part, "="); ok && strings.EqualFold(strings.TrimSpace(kind), "CN") {
			return unescapeDN(strings.TrimSpace(v))
		}
	}
	return dn
}

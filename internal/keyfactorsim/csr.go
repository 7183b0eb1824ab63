package keyfactorsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
)

// keyKinds are the kinds of key that a CSR can be made with.
var keyKinds = []string{"ec-p256", "ec-p384", "rsa-1024", "rsa-2048", "rsa-3072", "rsa-4096"}

// The RSA keys are made beforehand, because making one of 4096 bits can take seconds. They protect nothing: everybody has
// them, which is why their PEM type says TESTING KEY.
//
//go:embed testkeys/*.pem
var testKeys embed.FS

var (
	rsaMu   sync.Mutex
	rsaKeys = map[string]crypto.Signer{}
)

// signer makes the key for a CSR. An EC key follows from name, so that the same seed makes the same CSR in every run.
func signer(kind, name string) (crypto.Signer, error) {
	switch kind {
	case "", "ec-p256":
		return ecKey(elliptic.P256(), name)
	case "ec-p384":
		return ecKey(elliptic.P384(), name)
	}
	rsaMu.Lock()
	defer rsaMu.Unlock()
	if key, ok := rsaKeys[kind]; ok {
		return key, nil
	}
	text, err := testKeys.ReadFile("testkeys/" + kind + ".pem")
	if err != nil {
		return nil, fmt.Errorf("unknown kind of key %q", kind)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s key: %w", kind, err)
	}
	rsaKeys[kind] = key
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
	key, err := signer(c.Key, name)
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
	der, err := x509.CreateCertificateRequest(nil, template, key)
	if err != nil {
		return "", fmt.Errorf("make certificate request for %s: %w", c.Subject, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
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

package keyfactor

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/approvebot/approvebot/internal/approval"
)

// csrLimit bounds what is parsed and verified; a CSR with a 16,384 bit key and
// some thousand names stays below.
const csrLimit = 256 << 10

// csr is a PKCS #10 request taken apart. crypto/x509 refuses what it has no key
// type for and leaves out what it has no field for, so the outside is read here;
// x509 has the last word about keys and signatures that it knows.
type csr struct {
	subject    string
	names      []approval.SAN
	key        approval.Key
	keyID      string
	signature  string
	usages     []string
	ca         bool
	attributes map[string]string // of Microsoft's name and value pairs
	// proved is nil when the signature is valid, errUnproved when it cannot be checked.
	proved error
}

// errUnproved: the signature is of a kind that cannot be checked here.
var errUnproved = errors.New("the signature cannot be checked")

// The outside of a request, RFC 2986.
type (
	certificationRequest struct {
		Info      certificationRequestInfo
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	certificationRequestInfo struct {
		Version    int
		Subject    asn1.RawValue
		PublicKey  subjectPublicKeyInfo
		Attributes []asn1.RawValue `asn1:"tag:0"`
	}
	subjectPublicKeyInfo struct {
		Raw       asn1.RawContent
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
)

// parseCSR reads PEM with or without its armour.
func parseCSR(text string) (*csr, error) {
	der, err := decodeCSR(text)
	if err != nil {
		return nil, err
	}
	var outside certificationRequest
	switch rest, err := asn1.Unmarshal(der, &outside); {
	case err != nil:
		return nil, errors.New("it is not a PKCS #10 request")
	case len(rest) > 0:
		return nil, errors.New("something follows its end")
	}
	info := outside.Info
	sum := sha256.Sum256(info.PublicKey.Raw)
	c := &csr{keyID: hex.EncodeToString(sum[:]), key: describeKey(info.PublicKey), signature: nameOf(signatureNames, outside.Algorithm.Algorithm), attributes: map[string]string{}}
	if c.subject, err = subjectOf(info.Subject.FullBytes); err != nil {
		return nil, err
	}
	for _, raw := range info.Attributes {
		if err := c.attribute(raw.FullBytes); err != nil {
			return nil, err
		}
	}
	c.proved = prove(der, c.key)
	return c, nil
}

func decodeCSR(text string) ([]byte, error) {
	if len(text) > csrLimit {
		return nil, fmt.Errorf("it is longer than %d kB", csrLimit>>10)
	}
	if block, _ := pem.Decode([]byte(strings.TrimSpace(text))); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errors.New("it is neither PEM nor base64")
	}
	return der, nil
}

// rsaLimit is the longest RSA key whose signature is verified, in bits. Twice the
// length takes four times as long, and a hostile requester may send half a million.
const rsaLimit = 16384

// prove checks that whoever made the request holds its key.
func prove(der []byte, key approval.Key) error {
	if key.Algorithm == "RSA" && key.Bits > rsaLimit {
		return errUnproved
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return errUnproved
	}
	err = request.CheckSignature()
	var insecure x509.InsecureAlgorithmError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &insecure), errors.Is(err, x509.ErrUnsupportedAlgorithm), key.Algorithm == "RSA" && key.Bits < 1024:
		return errUnproved // the library takes no part in what is broken
	}
	return err
}

func subjectOf(der []byte) (string, error) {
	var sequence pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &sequence); err != nil || len(rest) > 0 {
		return "", errors.New("its subject is malformed")
	}
	var name pkix.Name
	name.FillFromRDNSequence(&sequence)
	return spellOut(name.String()), nil
}

// dnNames are the attributes of a subject that the library knows by number only.
var dnNames = map[string]string{"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "E"}

// spellOut writes the attributes whose values the library leaves in hex as text, so
// that DC=example is the same as what Keyfactor says.
func spellOut(dn string) string {
	var b strings.Builder
	rest := dn
	for _, part := range splitDN(dn) {
		rest = rest[len(part):]
		kind, value, _ := strings.Cut(part, "=")
		digits, isHex := strings.CutPrefix(value, "#")
		der, err := hex.DecodeString(digits)
		var raw asn1.RawValue
		if isHex && err == nil {
			_, err = asn1.Unmarshal(der, &raw)
		}
		switch raw.Tag {
		case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagT61String, asn1.TagIA5String, asn1.TagBMPString:
			if isHex && err == nil {
				part = cmp.Or(dnNames[kind], kind) + "=" + escapeDN(text(raw))
			}
		}
		b.WriteString(part)
		if rest != "" {
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return b.String()
}

// Object identifiers of attributes and extensions.
const (
	oidExtensionRequest    = "1.2.840.113549.1.9.14"
	oidExtensionsMicrosoft = "1.3.6.1.4.1.311.2.1.14"
	oidNameValueMicrosoft  = "1.3.6.1.4.1.311.13.2.1"
	oidKeyUsage            = "2.5.29.15"
	oidSAN                 = "2.5.29.17"
	oidBasicConstraints    = "2.5.29.19"
	oidExtendedKeyUsage    = "2.5.29.37"
	oidUPN                 = "1.3.6.1.4.1.311.20.2.3"
	oidReplication         = "1.3.6.1.4.1.311.25.1"
)

// attribute reads what an attribute asks for, and passes over what it does not know.
func (c *csr) attribute(der []byte) error {
	var a attribute
	if _, err := asn1.Unmarshal(der, &a); err != nil {
		return errors.New("an attribute of it is malformed")
	}
	for _, value := range a.Values {
		switch a.Type.String() {
		case oidExtensionRequest, oidExtensionsMicrosoft:
			var all []pkix.Extension
			if _, err := asn1.Unmarshal(value.FullBytes, &all); err != nil {
				return errors.New("the extensions that it asks for are malformed")
			}
			for _, e := range all {
				if err := c.extension(e); err != nil {
					return fmt.Errorf("the extension %s that it asks for is malformed", e.Id)
				}
			}
		case oidNameValueMicrosoft:
			c.pair(value.FullBytes)
		}
	}
	return nil
}

// pair reads one of the names and values that Microsoft's tools put beside a request.
func (c *csr) pair(der []byte) {
	var p struct{ Name, Value asn1.RawValue }
	if _, err := asn1.Unmarshal(der, &p); err == nil {
		c.attributes[strings.ToLower(text(p.Name))] = text(p.Value)
	}
}

// text reads a string of any kind; of two-byte ones only what a Latin letter needs.
func text(raw asn1.RawValue) string {
	if raw.Tag != asn1.TagBMPString {
		return strings.ToValidUTF8(string(raw.Bytes), "\uFFFD")
	}
	var b strings.Builder
	for i := 0; i+1 < len(raw.Bytes); i += 2 {
		b.WriteRune(rune(raw.Bytes[i])<<8 | rune(raw.Bytes[i+1]))
	}
	return b.String()
}

func (c *csr) extension(e pkix.Extension) error {
	switch e.Id.String() {
	case oidSAN:
		return c.generalNames(e.Value)
	case oidBasicConstraints:
		var b struct {
			CA      bool `asn1:"optional"`
			PathLen int  `asn1:"optional,default:-1"`
		}
		_, err := asn1.Unmarshal(e.Value, &b)
		c.ca = c.ca || b.CA
		return err
	case oidKeyUsage:
		var bits asn1.BitString
		if _, err := asn1.Unmarshal(e.Value, &bits); err != nil {
			return err
		}
		for i, use := range keyUsages {
			if bits.At(i) == 1 {
				c.usages = append(c.usages, use)
				c.ca = c.ca || use == certificateSigning
			}
		}
	case oidExtendedKeyUsage:
		var all []asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(e.Value, &all); err != nil {
			return err
		}
		for _, oid := range all {
			c.usages = append(c.usages, nameOf(extendedUsages, oid))
		}
	}
	return nil
}

// generalNames reads every kind of alternative name, RFC 5280 section 4.2.1.6.
func (c *csr) generalNames(der []byte) error {
	var all asn1.RawValue
	if _, err := asn1.Unmarshal(der, &all); err != nil {
		return err
	}
	for rest := all.Bytes; len(rest) > 0; {
		var raw asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &raw); err != nil {
			return err
		}
		if raw.Class != asn1.ClassContextSpecific {
			return errors.New("not a name")
		}
		if san := generalName(raw); san.Value != "" {
			c.names = append(c.names, san)
		}
	}
	return nil
}

func generalName(raw asn1.RawValue) approval.SAN {
	switch value := strings.ToValidUTF8(string(raw.Bytes), "\uFFFD"); raw.Tag {
	case 0:
		return otherName(raw.Bytes)
	case 1:
		return approval.SAN{Kind: "rfc822", Value: value}
	case 2:
		return approval.SAN{Kind: "dns", Value: value}
	case 4:
		name, err := subjectOf(raw.Bytes)
		if err != nil {
			name = hex.EncodeToString(raw.Bytes)
		}
		return approval.SAN{Kind: "directory", Value: name}
	case 6:
		return approval.SAN{Kind: "uri", Value: value}
	case 7:
		if len(raw.Bytes) != net.IPv4len && len(raw.Bytes) != net.IPv6len {
			return approval.SAN{Kind: "ip", Value: hex.EncodeToString(raw.Bytes)}
		}
		return approval.SAN{Kind: "ip", Value: net.IP(raw.Bytes).String()}
	case 8:
		var oid asn1.ObjectIdentifier
		plain, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagOID, Bytes: raw.Bytes})
		if err == nil {
			_, err = asn1.Unmarshal(plain, &oid)
		}
		if err == nil {
			return approval.SAN{Kind: "registeredid", Value: oid.String()}
		}
	}
	return approval.SAN{Kind: "other", Value: hex.EncodeToString(raw.Bytes)}
}

// otherName reads a user principal name, and of others the kind and the value.
func otherName(der []byte) approval.SAN {
	var oid asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(der, &oid)
	var outer, value asn1.RawValue
	if err == nil {
		_, err = asn1.Unmarshal(rest, &outer)
	}
	if err == nil {
		_, err = asn1.Unmarshal(outer.Bytes, &value)
	}
	switch {
	case err != nil:
		return approval.SAN{Kind: "other", Value: hex.EncodeToString(der)}
	case oid.String() == oidUPN:
		return approval.SAN{Kind: "ms_ntprincipalname", Value: text(value)}
	case oid.String() == oidReplication:
		return approval.SAN{Kind: "ms_ntdsreplication", Value: hex.EncodeToString(value.Bytes)}
	}
	return approval.SAN{Kind: "other", Value: oid.String() + " " + text(value)}
}

// describeKey says what kind of key it is, also of kinds that crypto/x509 does not know.
func describeKey(info subjectPublicKeyInfo) approval.Key {
	if key, err := x509.ParsePKIXPublicKey(info.Raw); err == nil {
		switch k := key.(type) {
		case *rsa.PublicKey:
			return rsaKey(k.N, big.NewInt(int64(k.E)))
		case *ecdsa.PublicKey:
			return approval.Key{Algorithm: "ECDSA", Bits: k.Curve.Params().BitSize, Curve: k.Curve.Params().Name}
		case ed25519.PublicKey:
			return approval.Key{Algorithm: "Ed25519", Bits: 256}
		}
	}
	switch algorithm := info.Algorithm.Algorithm.String(); algorithm {
	case "1.2.840.113549.1.1.1":
		var k struct{ N, E *big.Int }
		if _, err := asn1.Unmarshal(info.PublicKey.Bytes, &k); err == nil {
			return rsaKey(k.N, k.E)
		}
		return approval.Key{Algorithm: "RSA"}
	case "1.2.840.10045.2.1":
		var oid asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &oid); err != nil {
			return approval.Key{Algorithm: "ECDSA", Curve: "of its own"}
		}
		curve, known := curves[oid.String()]
		if !known {
			curve.name = oid.String()
		}
		return approval.Key{Algorithm: "ECDSA", Bits: curve.bits, Curve: curve.name}
	default:
		return approval.Key{Algorithm: nameOf(keyNames, info.Algorithm.Algorithm)}
	}
}

func rsaKey(n, e *big.Int) approval.Key {
	k := approval.Key{Algorithm: "RSA", Bits: n.BitLen()}
	switch usual := big.NewInt(65537); {
	case e.Cmp(usual) == 0:
	case e.Sign() > 0 && e.BitLen() < 31:
		k.Exponent = int(e.Int64())
	default:
		k.Exponent = -1 // too large to be one
	}
	return k
}

func nameOf(names map[string]string, oid asn1.ObjectIdentifier) string {
	if name := names[oid.String()]; name != "" {
		return name
	}
	return oid.String()
}

var keyNames = map[string]string{
	"1.2.840.10040.4.1": "DSA", "1.2.840.113549.1.1.10": "RSA-PSS", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448", "1.3.101.110": "X25519", "1.3.101.111": "X448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}

var curves = map[string]struct {
	name string
	bits int
}{
	"1.2.840.10045.3.1.1": {"P-192", 192}, "1.3.132.0.33": {"P-224", 224}, "1.2.840.10045.3.1.7": {"P-256", 256}, "1.3.132.0.34": {"P-384", 384}, "1.3.132.0.35": {"P-521", 521},
	"1.3.132.0.10": {"secp256k1", 256}, "1.3.36.3.3.2.8.1.1.7": {"brainpoolP256r1", 256}, "1.3.36.3.3.2.8.1.1.11": {"brainpoolP384r1", 384}, "1.3.36.3.3.2.8.1.1.13": {"brainpoolP512r1", 512},
	"1.2.156.10197.1.301": {"SM2", 256},
}

// signatureNames are the names that crypto/x509 has, and those of what it does not do.
var signatureNames = map[string]string{
	"1.2.840.113549.1.1.2": "MD2-RSA", "1.2.840.113549.1.1.3": "MD4-RSA", "1.2.840.113549.1.1.4": "MD5-RSA", "1.2.840.113549.1.1.5": "SHA1-RSA", "1.3.14.3.2.29": "SHA1-RSA",
	"1.2.840.113549.1.1.11": "SHA256-RSA", "1.2.840.113549.1.1.12": "SHA384-RSA", "1.2.840.113549.1.1.13": "SHA512-RSA", "1.2.840.113549.1.1.10": "RSA-PSS",
	"1.2.840.10040.4.3": "DSA-SHA1", "2.16.840.1.101.3.4.3.2": "DSA-SHA256",
	"1.2.840.10045.4.1": "ECDSA-SHA1", "1.2.840.10045.4.3.2": "ECDSA-SHA256", "1.2.840.10045.4.3.3": "ECDSA-SHA384", "1.2.840.10045.4.3.4": "ECDSA-SHA512",
	"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}

const certificateSigning = "certificate signing"

// keyUsages are the bits of the extension in their order.
var keyUsages = []string{
	"digital signature", "content commitment", "key encipherment", "data encipherment", "key agreement", certificateSigning, "CRL signing", "encipher only", "decipher only",
}

var extendedUsages = map[string]string{
	"2.5.29.37.0": "any purpose", "1.3.6.1.5.5.7.3.1": "server authentication", "1.3.6.1.5.5.7.3.2": "client authentication", "1.3.6.1.5.5.7.3.3": "code signing",
	"1.3.6.1.5.5.7.3.4": "e-mail protection", "1.3.6.1.5.5.7.3.8": "time stamping", "1.3.6.1.5.5.7.3.9": "OCSP signing", "1.3.6.1.5.5.7.3.17": "IPsec IKE",
	"1.3.6.1.4.1.311.20.2.2": "smart card logon", "1.3.6.1.4.1.311.10.3.4": "encrypting file system", "1.3.6.1.4.1.311.10.3.12": "document signing",
	"1.3.6.1.5.2.3.5": "Kerberos KDC", "1.3.6.1.5.2.3.4": "Kerberos client", "1.3.6.1.4.1.311.20.2.1": "certificate request agent", "1.3.6.1.4.1.311.10.3.11": "key recovery",
	"1.3.6.1.4.1.311.54.1.2": "remote desktop", "1.3.6.1.5.5.7.3.36": "document signing",
}

// differences says where the signed request and what Keyfactor tells part ways.
// What will be issued depends on template and CA; an approver should know that the
// two do not ask for the same.
func (c *csr) differences(r approval.Request) approval.Difference {
	d := approval.Difference{BadSignature: c.proved != nil && !errors.Is(c.proved, errUnproved), Unproved: errors.Is(c.proved, errUnproved)}
	if r.Subject != "" && !slices.Equal(parseDN(r.Subject), parseDN(c.subject)) {
		if d.Subject = c.subject; d.Subject == "" {
			d.Subject = "-"
		}
	}
	d.Extra = without(c.names, r.SANs, "")
	// The common name is often repeated as a DNS name by Keyfactor's own policy.
	d.Missing = without(r.SANs, c.names, r.CommonName)
	return d
}

// without returns the names in a that are neither in b nor equal to except. Kinds
// that are written in many ways are only told of where b has none of them.
func without(a, b []approval.SAN, except string) []approval.SAN {
	known := map[string]bool{nameKey(approval.SAN{Kind: "dns", Value: except}): true}
	kinds := map[string]bool{}
	for _, s := range b {
		known[nameKey(s)] = true
		kinds[s.Kind] = true
	}
	var out []approval.SAN
	for _, s := range a {
		switch key := nameKey(s); {
		case known[key] && key != "":
		case key == "" && kinds[s.Kind]:
		default:
			out = append(out, s)
		}
	}
	return out
}

// nameKey is a name in a form that is equal for equal names; "" for kinds that
// cannot be compared.
func nameKey(s approval.SAN) string {
	value := strings.ToLower(strings.TrimSpace(s.Value))
	if ip, err := netip.ParseAddr(value); err == nil {
		return "ip:" + ip.Unmap().String()
	}
	switch s.Kind {
	case "", "dns", "ip", "ip4", "ip6":
		value = strings.TrimSuffix(value, ".")
		if wire, err := idna.Punycode.ToASCII(value); err == nil {
			value = wire // Keyfactor may show a name as it is read
		}
		return "dns:" + value
	case "rfc822", "uri", "ms_ntprincipalname", "registeredid":
		return s.Kind + ":" + value
	}
	return ""
}

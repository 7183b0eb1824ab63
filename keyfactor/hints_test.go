package keyfactor_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
)

// strict has every rule on, and something to measure by.
func strict() approval.HintRule {
	rule := approval.HintRule{
		Levels: map[approval.HintCode]approval.HintLevel{}, Domains: []string{"example.com", "example.de"}, PublicCAs: []string{"*Public*"}, MostNames: 5, LongestValidity: 398 * 24 * 3600e9,
	}
	for _, code := range approval.HintCodes {
		rule.Levels[code] = approval.HintWarn
	}
	return rule
}

// asked is what Keyfactor says; the CSR may say otherwise.
type asked struct {
	subject string
	sans    map[string][]string
	ca      string
	data    map[string]any
}

// looked reads an enrolment as the poller would.
func looked(t *testing.T, a asked, csr string) approval.Request {
	t.Helper()
	data := map[string]any{
		"CertificateAuthority": a.ca, "Template": "ExampleWebServer", "Subject": a.subject, "SANs": a.sans, "CSR": csr, "IsPFX": false, "InitiatingUserName": `EXAMPLE\alice`,
	}
	maps.Copy(data, a.data)
	text := instance(t, map[string]any{"InitialData": data, "CurrentStateData": nil})
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, text)})
	got, err := workflows(t, s).Look(t.Context(), workflow)
	require.NoError(t, err)
	return got.Request
}

func codes(h approval.Hints) []approval.HintCode {
	found := []approval.HintCode{}
	for _, one := range h.Found {
		found = append(found, one.Code)
	}
	return found
}

// web is the usual thing: nothing to point out.
var web = asked{subject: "CN=web01.example.com,O=Example Ltd,C=DE", sans: map[string][]string{"dns": {"web01.example.com", "www.example.com"}}, ca: "Issuing CA 1"}

// known is a memory in which nothing is new.
var known = hint.Memory{Read: true, Domains: map[string]hint.Acquaintance{"example.com": {Requester: true}}, Requester: true}

func mustKey(key crypto.Signer, err error) crypto.Signer {
	if err != nil {
		panic(err)
	}
	return key
}

func ec(curve elliptic.Curve) crypto.Signer { return mustKey(ecdsa.GenerateKey(curve, rand.Reader)) }

// signed makes a CSR with crypto/x509.
func signed(t *testing.T, key crypto.Signer, template x509.CertificateRequest) string {
	t.Helper()
	if template.Subject.String() == "" {
		template.Subject = subjectOfWeb01
	}
	if template.DNSNames == nil {
		template.DNSNames = []string{"web01.example.com", "www.example.com"}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// extension is one that crypto/x509 has no field for in a request.
func extension(t *testing.T, oid asn1.ObjectIdentifier, value any) []pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(value)
	require.NoError(t, err)
	return []pkix.Extension{{Id: oid, Critical: true, Value: der}}
}

func TestHintsOfCSRsMadeByGo(t *testing.T) {
	t.Parallel()
	key := ec(elliptic.P256())
	rsa2048 := mustKey(rsa.GenerateKey(rand.Reader, 2048))
	type basic struct{ CA bool }
	for name, row := range map[string]struct {
		asked asked
		csr   string
		want  []approval.HintCode
	}{
		"nothing to say":                 {web, signed(t, key, x509.CertificateRequest{}), nil},
		"RSA 2048 is fine":               {web, signed(t, rsa2048, x509.CertificateRequest{}), nil},
		"Ed25519 is fine":                {web, signed(t, ed25519.NewKeyFromSeed(make([]byte, 32)), x509.CertificateRequest{}), nil},
		"P-521 is fine":                  {web, signed(t, ec(elliptic.P521()), x509.CertificateRequest{}), nil},
		"names in another order":         {web, signed(t, key, x509.CertificateRequest{DNSNames: []string{"WWW.example.com.", "web01.example.com"}}), nil},
		"the CN only in Keyfactor":       {web, signed(t, key, x509.CertificateRequest{DNSNames: []string{"www.example.com"}}), nil},
		"basic constraints, not a CA":    {web, signed(t, key, x509.CertificateRequest{ExtraExtensions: extension(t, asn1.ObjectIdentifier{2, 5, 29, 19}, basic{})}), nil},
		"usages of a server":             {web, signed(t, key, x509.CertificateRequest{ExtraExtensions: extension(t, asn1.ObjectIdentifier{2, 5, 29, 37}, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}})}), nil},
		"an international name in both":  {asked{subject: "CN=müller.example.com", sans: map[string][]string{"dns": {"müller.example.com"}}, ca: "CA"}, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "müller.example.com"}, DNSNames: []string{"xn--mller-kva.example.com"}}), nil},
		"a person":                       {asked{subject: "CN=Alice J. Smith,O=Example Ltd", sans: map[string][]string{"rfc822": {"alice@example.com"}}, ca: "CA"}, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "Alice J. Smith", Organization: []string{"Example Ltd"}}, DNSNames: []string{}, EmailAddresses: []string{"alice@example.com"}}), nil},
		"a product":                      {asked{subject: "CN=Example Release Signing", ca: "Public CA"}, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "Example Release Signing"}, DNSNames: []string{}}), nil},
		"a private address inside":       {asked{subject: web.subject, sans: map[string][]string{"dns": web.sans["dns"], "ip4": {"10.0.0.7"}}, ca: "Issuing CA 1"}, signed(t, key, x509.CertificateRequest{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 7)}}), nil},
		"a public address, public CA":    {asked{subject: web.subject, sans: map[string][]string{"dns": web.sans["dns"], "ip": {"93.184.216.34"}}, ca: "Public CA"}, signed(t, key, x509.CertificateRequest{IPAddresses: []net.IP{net.IPv4(93, 184, 216, 34)}}), nil},
		"another subject":                {web, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "payroll.example.com"}}), []approval.HintCode{approval.HintCSRDiffers}},
		"a name more":                    {web, signed(t, key, x509.CertificateRequest{DNSNames: []string{"web01.example.com", "www.example.com", "vpn.example.com"}}), []approval.HintCode{approval.HintCSRDiffers}},
		"a name of somebody else more":   {web, signed(t, key, x509.CertificateRequest{DNSNames: []string{"web01.example.com", "www.example.com", "www.example.net"}}), []approval.HintCode{approval.HintCSRDiffers, approval.HintLookalike, approval.HintForeignDomain, approval.HintNewDomain}},
		"a CA":                           {web, signed(t, key, x509.CertificateRequest{ExtraExtensions: extension(t, asn1.ObjectIdentifier{2, 5, 29, 19}, basic{true})}), []approval.HintCode{approval.HintCABit}},
		"may sign certificates":          {web, signed(t, key, x509.CertificateRequest{ExtraExtensions: extension(t, asn1.ObjectIdentifier{2, 5, 29, 15}, asn1.BitString{Bytes: []byte{0x04}, BitLength: 6})}), []approval.HintCode{approval.HintCABit}},
		"P-224":                          {web, signed(t, ec(elliptic.P224()), x509.CertificateRequest{}), []approval.HintCode{approval.HintWeakKey}},
		"RSA 1024":                       {web, signed(t, mustKey(rsa.GenerateKey(rand.Reader, 1024)), x509.CertificateRequest{}), []approval.HintCode{approval.HintWeakKey}},
		"RSA 2176":                       {web, signed(t, mustKey(rsa.GenerateKey(rand.Reader, 2176)), x509.CertificateRequest{}), []approval.HintCode{approval.HintOddKey}},
		"a wildcard":                     {asked{subject: "CN=*.apps.example.com", sans: map[string][]string{"dns": {"*.apps.example.com"}}, ca: "CA"}, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "*.apps.example.com"}, DNSNames: []string{"*.apps.example.com"}}), []approval.HintCode{approval.HintWildcard}},
		"the common name is no name":     {asked{subject: "CN=web01.example.com", sans: map[string][]string{"dns": {"www.example.com"}}, ca: "CA"}, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "web01.example.com"}, DNSNames: []string{"www.example.com"}}), []approval.HintCode{approval.HintCNNotInSANs}},
		"no names":                       {asked{subject: "CN=web01.example.com", ca: "CA"}, signed(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "web01.example.com"}, DNSNames: []string{}}), []approval.HintCode{approval.HintCNNotInSANs}},
		"inside names on a public CA":    {asked{subject: web.subject, sans: map[string][]string{"dns": {"web01.example.com", "web01", "web01.corp.local"}, "ip4": {"10.0.0.7"}}, ca: "Great Public CA"}, signed(t, key, x509.CertificateRequest{DNSNames: []string{"web01.example.com", "web01", "web01.corp.local"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 7)}}), []approval.HintCode{approval.HintForeignDomain, approval.HintInternalName, approval.HintPrivateIP, approval.HintNewDomain}},
		"six names":                      {asked{subject: web.subject, sans: map[string][]string{"dns": {"web01.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com", "f.example.com"}}, ca: "CA"}, signed(t, key, x509.CertificateRequest{DNSNames: []string{"web01.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com", "f.example.com"}}), []approval.HintCode{approval.HintManyNames}},
		"three years":                    {asked{subject: web.subject, sans: web.sans, ca: "CA", data: map[string]any{"AdditionalAttributes": map[string]string{"ValidityPeriod": "Years", "ValidityPeriodUnits": "3"}}}, signed(t, key, x509.CertificateRequest{}), []approval.HintCode{approval.HintLongValidity}},
		"a year":                         {asked{subject: web.subject, sans: web.sans, ca: "CA", data: map[string]any{"AdditionalAttributes": map[string]any{"validityperiod": "Years", "ValidityPeriodUnits": 1}}}, signed(t, key, x509.CertificateRequest{}), nil},
		"no CSR, and Keyfactor's key":    {asked{subject: web.subject, sans: web.sans, ca: "CA", data: map[string]any{"IsPFX": true}}, "", nil},
		"not a CSR: nothing is invented": {web, "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ElementsMatch(t, row.want, codes(hint.Check(strict(), looked(t, row.asked, row.csr), known)))
		})
	}
}

// openssl makes a CSR, or ends the test where there is none of that program.
func openssl(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("openssl is missing; the container of the CI has it")
	}
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "request.pem")
	cmd := exec.CommandContext(t.Context(), program, append([]string{"req", "-new", "-nodes", "-batch", "-out", out, "-keyout", filepath.Join(dir, "key.pem")}, args...)...)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	made, err := os.ReadFile(out)
	require.NoError(t, err)
	return string(made)
}

func TestHintsOfCSRsMadeByOpenSSL(t *testing.T) {
	t.Parallel()
	const subject = "/C=DE/O=Example Ltd/CN=web01.example.com"
	const names = "subjectAltName=DNS:web01.example.com,DNS:www.example.com"
	ecKey := []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"}
	with := func(key []string, more ...string) []string {
		return append(append(slices.Clone(key), "-subj", subject, "-addext", names), more...)
	}
	rsaKey := func(bits string, more ...string) []string {
		return append([]string{"-newkey", "rsa:" + bits}, more...)
	}
	for name, row := range map[string]struct {
		args  []string
		want  []approval.HintCode
		key   string
		check func(*testing.T, approval.Request)
	}{
		"nothing to say":       {args: with(ecKey), key: "ECDSA P-256"},
		"a subject in UTF-8":   {args: with(ecKey, "-utf8"), key: "ECDSA P-256"},
		"RSA 512":              {args: with(rsaKey("512")), key: "RSA 512", want: []approval.HintCode{approval.HintWeakKey}},
		"an exponent of three": {args: with(rsaKey("2048", "-pkeyopt", "rsa_keygen_pubexp:3")), key: "RSA 2048, exponent 3", want: []approval.HintCode{approval.HintOddKey}},
		"Ed25519":              {args: with([]string{"-newkey", "ed25519"}), key: "Ed25519"},
		"Ed448":                {args: with([]string{"-newkey", "ed448"}), key: "Ed448", check: func(t *testing.T, r approval.Request) { require.True(t, r.CSR.Differs.Unproved) }},
		"Brainpool":            {args: with([]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"}), key: "ECDSA brainpoolP256r1", want: []approval.HintCode{approval.HintOddKey}},
		"secp256k1":            {args: with([]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"}), key: "ECDSA secp256k1", want: []approval.HintCode{approval.HintOddKey}},
		"P-192":                {args: with([]string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"}), key: "ECDSA P-192", want: []approval.HintCode{approval.HintWeakKey}},
		"MD5":                  {args: with(rsaKey("2048"), "-md5"), key: "RSA 2048", want: []approval.HintCode{approval.HintWeakSignature}},
		"SHA-1":                {args: with(ecKey, "-sha1"), key: "ECDSA P-256", want: []approval.HintCode{approval.HintWeakSignature}},
		"PSS": {args: with(rsaKey("2048"), "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"), key: "RSA 2048", check: func(t *testing.T, r approval.Request) {
			require.Equal(t, approval.Difference{}, r.CSR.Differs)
			require.Equal(t, "RSA-PSS", r.CSR.Signature)
		}},
		"a CA": {args: with(ecKey, "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=keyCertSign,cRLSign"), key: "ECDSA P-256", want: []approval.HintCode{approval.HintCABit}, check: func(t *testing.T, r approval.Request) {
			require.Equal(t, []string{"certificate signing", "CRL signing"}, r.CSR.Usages)
		}},
		"usages": {args: with(ecKey, "-addext", "keyUsage=digitalSignature,keyEncipherment", "-addext", "extendedKeyUsage=serverAuth,clientAuth,1.2.3.4"), key: "ECDSA P-256", check: func(t *testing.T, r approval.Request) {
			require.Equal(t, []string{"digital signature", "key encipherment", "server authentication", "client authentication", "1.2.3.4"}, r.CSR.Usages)
		}},
		"every kind of name": {
			args: append(slices.Clone(ecKey), "-subj", subject, "-addext", names+",otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@example.com,otherName:1.2.3.4;UTF8:hello,email:a@example.com,URI:https://www.example.com/x,IP:192.0.2.1,IP:2001:db8::1,RID:1.2.3"),
			key:  "ECDSA P-256", want: []approval.HintCode{approval.HintCSRDiffers},
			check: func(t *testing.T, r approval.Request) {
				require.Equal(t, []approval.SAN{
					{Kind: "ms_ntprincipalname", Value: "alice@example.com"}, {Kind: "other", Value: "1.2.3.4 hello"}, {Kind: "rfc822", Value: "a@example.com"},
					{Kind: "uri", Value: "https://www.example.com/x"}, {Kind: "ip", Value: "192.0.2.1"}, {Kind: "ip", Value: "2001:db8::1"}, {Kind: "registeredid", Value: "1.2.3"},
				}, r.CSR.Differs.Extra)
			},
		},
		"no extensions": {args: append(slices.Clone(ecKey), "-subj", subject), key: "ECDSA P-256", want: []approval.HintCode{approval.HintCSRDiffers}, check: func(t *testing.T, r approval.Request) {
			require.Equal(t, []approval.SAN{{Kind: "dns", Value: "www.example.com"}}, r.CSR.Differs.Missing)
		}},
		"somebody else's name": {args: append(slices.Clone(ecKey), "-subj", "/CN=web01.example.net", "-addext", "subjectAltName=DNS:web01.example.net"), key: "ECDSA P-256",
			want: []approval.HintCode{approval.HintCSRDiffers, approval.HintForeignDomain, approval.HintLookalike, approval.HintNewDomain}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := looked(t, web, openssl(t, row.args...))
			require.Empty(t, r.CSR.Trouble)
			require.ElementsMatch(t, row.want, codes(hint.Check(strict(), r, known)))
			require.Equal(t, row.key, r.Key.String())
			if row.check != nil {
				row.check(t, r)
			}
		})
	}
}

// What cannot be read is said, and then nothing is concluded from it.
func TestWhatCannotBeReadIsNotChecked(t *testing.T) {
	t.Parallel()
	good := signed(t, ec(elliptic.P256()), x509.CertificateRequest{})
	block, _ := pem.Decode([]byte(good))
	for name, row := range map[string]struct{ csr, why string }{
		"cut":               {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: block.Bytes[:len(block.Bytes)-5]})), "it is not a PKCS #10 request"},
		"with a tail":       {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: append(slices.Clone(block.Bytes), 5, 0)})), "something follows its end"},
		"a certificate's":   {"MIIB", "it is not a PKCS #10 request"},
		"not even a base64": {"***", "it is neither PEM nor base64"},
	} {
		r := looked(t, web, row.csr)
		require.Equal(t, row.why, r.CSR.Trouble, name)
		h := hint.Check(strict(), r, known)
		require.Empty(t, h.Found, name)
		require.Contains(t, h.Unchecked, approval.Unchecked{Why: approval.BlindCSR, Found: row.why, Codes: []approval.HintCode{approval.HintWeakKey, approval.HintOddKey}}, name)
	}
}

// Of an existing certificate everything is told that Keyfactor tells.
func TestTheCertificateConcerned(t *testing.T) {
	const certificate = `{"Id": 9021, "SerialNumber": "4A01", "IssuedDN": "CN=shop.example.com,O=Example", "NotBefore": "2025-01-01T00:00:00Z", "NotAfter": "2026-01-01T00:00:00Z",
		"TemplateName": "Web", "CertState": 1, "CertStateString": "Active", "CertificateAuthorityName": "CA 1", "RequesterName": "EXAMPLE\\bob", "OwnerRoleName": "Shop team",
		"KeySizeInBits": 2048, "KeyTypeString": "RSA", "SubjectAltNameElements": [{"Value": "shop.example.com", "Type": 2}, {"Value": "10.0.0.1", "Type": 7}],
		"Locations": [{"StoreMachine": "lb01", "StorePath": "IIS Personal", "StoreType": 6, "Alias": "AA"}], "SSLLocations": [{"NetworkName": "shop.example.com", "Port": 443}], "LocationsCount": [{"Type": "IIS", "Count": 1}]}`
	about := func(data map[string]any, answer http.HandlerFunc) (approval.Request, *server) {
		text := map[string]any{"CertificateAuthority": "CA 1", "CertificateId": 9021, "InitiatingUserName": `EXAMPLE\alice`}
		maps.Copy(text, data)
		s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, map[string]any{"InitialData": text, "CurrentStateData": nil})), "GET /KeyfactorAPI/Certificates/9021": answer})
		got, err := workflows(t, s).Look(t.Context(), workflow)
		require.NoError(t, err)
		return got.Request, s
	}
	revocation, s := about(map[string]any{"RevokeCode": 1, "Comment": "lost"}, say(200, certificate))
	require.Equal(t, "true", s.query[1].Get("includeLocations"))
	require.Equal(t, []string{"lb01 · IIS Personal · AA", "shop.example.com:443"}, revocation.Certificate.Locations)
	require.Equal(t, approval.Revokes, revocation.Old.Concern)
	require.Equal(t, []approval.HintCode{approval.HintRevokesUsed, approval.HintNotOwner}, codes(hint.Check(strict(), revocation, known)))
	for label, want := range map[string]string{
		"Reason": "key compromised (1)", "Comment": "lost", "Expires": "2026-01-01", "In use at": "lb01 · IIS Personal · AA, shop.example.com:443", "Owner": "Shop team", "Issued for": `EXAMPLE\bob`, "Its key": "RSA 2048", "Names": "shop.example.com, 10.0.0.1",
	} {
		require.Equal(t, want, fact(revocation, label), label)
	}

	renewal, _ := about(map[string]any{
		"Subject": "CN=shop.example.com,O=Example", "SANs": map[string][]string{"dns": {"shop.example.com", "www.example.com"}}, "Template": "WebEC",
		"CSR": signed(t, ec(elliptic.P384()), x509.CertificateRequest{Subject: pkix.Name{CommonName: "shop.example.com", Organization: []string{"Example"}}, DNSNames: []string{"shop.example.com", "www.example.com"}}),
	}, say(200, certificate))
	require.Equal(t, "shop.example.com, serial number 4A01, expires 2026-01-01", fact(renewal, "Renews"))
	require.Equal(t, "adds www.example.com; drops 10.0.0.1; key RSA 2048 → ECDSA P-384; template Web → WebEC", fact(renewal, "What changes"))
	require.Equal(t, approval.Replaces, renewal.Old.Concern)

	// The same question, whatever is known about the certificate.
	hidden, _ := about(map[string]any{"RevokeCode": 1, "Comment": "lost", "Subject": "CN=shop.example.com,O=Example", "Template": "Web"}, say(403, "{}"))
	shown, _ := about(map[string]any{"RevokeCode": 1, "Comment": "lost", "Subject": "CN=shop.example.com,O=Example", "Template": "Web"}, say(200, certificate))
	require.Equal(t, hidden.Digest(), shown.Digest())
	blind := hint.Check(strict(), hidden, known)
	require.Empty(t, blind.Found)
	require.Contains(t, blind.Unchecked, approval.Unchecked{Why: approval.BlindCertificate, Found: "approvebot has no permission to read certificates in Keyfactor", Codes: []approval.HintCode{approval.HintRevokesUsed}})

	// Nobody told of places, or of none at all, and a hold that ends.
	var without map[string]any
	require.NoError(t, json.Unmarshal([]byte(certificate), &without))
	delete(without, "Locations")
	delete(without, "SSLLocations")
	delete(without, "LocationsCount")
	bare, err := json.Marshal(without)
	require.NoError(t, err)
	untold, _ := about(map[string]any{"RevokeCode": 1, "InitiatingUserName": "bob@example.com"}, say(200, string(bare)))
	require.Equal(t, []approval.Unchecked{{Why: approval.BlindLocations, Codes: []approval.HintCode{approval.HintRevokesUsed}}}, hint.Check(strict(), untold, known).Unchecked)
	without["Locations"] = []any{}
	bare, err = json.Marshal(without)
	require.NoError(t, err)
	unused, _ := about(map[string]any{"RevokeCode": 1, "InitiatingUserName": "bob@example.com"}, say(200, string(bare)))
	require.Equal(t, approval.Hints{}, hint.Check(strict(), unused, known))
	release, _ := about(map[string]any{"RevokeCode": -1, "InitiatingUserName": "bob@example.com"}, say(200, certificate))
	require.Equal(t, approval.Hints{}, hint.Check(strict(), release, known))
}

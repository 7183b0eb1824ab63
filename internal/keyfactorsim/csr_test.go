package keyfactorsim_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

// Every kind of key makes a request whose signature is good, and another name
// another key; key_of shares one.
func TestKeysOfRequests(t *testing.T) {
	for _, kind := range []string{"ec-p224", "ec-p256", "ec-p384", "ec-p521", "ed25519", "rsa-1024", "rsa-2048", "rsa-3072", "rsa-4096"} {
		first, again, other, shared := parsed(t, kind, "a", ""), parsed(t, kind, "a", ""), parsed(t, kind, "b", ""), parsed(t, kind, "b", "a")
		require.Equal(t, first.Raw, again.Raw, "%s: the same in every run", kind)
		require.NotEqual(t, first.RawSubjectPublicKeyInfo, other.RawSubjectPublicKeyInfo, kind)
		require.Equal(t, first.RawSubjectPublicKeyInfo, shared.RawSubjectPublicKeyInfo, kind)
	}
}

func parsed(t *testing.T, kind, name, keyOf string) *x509.CertificateRequest {
	t.Helper()
	text, err := keyfactorsim.EncodeCSR(&keyfactorsim.CSR{
		Key: kind, KeyOf: keyOf, Subject: "CN=web01.example.com", DNS: []string{"web01.example.com"}, UPN: []string{"alice@example.com"}, IP: []string{"192.0.2.1"}, CA: true, Usages: []string{"server-auth"},
	}, name)
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(text))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	require.NoError(t, err)
	require.NoError(t, csr.CheckSignature())
	require.Equal(t, []string{"web01.example.com"}, csr.DNSNames)
	require.Len(t, csr.IPAddresses, 1)
	require.Len(t, csr.Extensions, 4)
	return csr
}

package keyfactor_test

import (
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/keyfactor"
)

// answering is a client whose every call gets this body with status 200.
func answering(t testing.TB, body string) *keyfactor.Client {
	t.Helper()
	c := config("http://kf.example.com")
	c.RetryMax = -1
	c.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return response(200, body, nil), nil })
	k, err := keyfactor.New(c)
	require.NoError(t, err)
	return k
}

func FuzzInstance(f *testing.F) {
	f.Add(suspended)
	f.Add(`{"Id":"` + instanceID + `","Signals":{"SignalName":7},"InitialData":[{"Key":"CSR","Value":"MIIB"}],"Definition":[]}`)
	f.Add(strings.ReplaceAll(suspended, `"RequesterId": 17`, `"RevokeCode": 4, "EffectiveDate": "2025-03-03T10:00:00.1234567"`))
	f.Fuzz(func(t *testing.T, body string) {
		got, err := keyfactor.NewWorkflows(answering(t, body), keyfactor.SourceConfig{MetadataFields: []string{"a"}}).Look(t.Context(), workflow)
		if err != nil {
			require.ErrorIs(t, err, approval.ErrUnavailable)
			return
		}
		require.Equal(t, got.Waiting, got.Outcome.State == "")
		for _, fact := range got.Request.Facts {
			require.NotEmpty(t, fact.Value)
			require.LessOrEqual(t, utf8.RuneCountInString(fact.Value), 1000)
		}
		if got.Waiting {
			require.Equal(t, workflow, got.Request.ID)
			require.Len(t, got.Request.Digest(), 32)
		}
	})
}

func FuzzLists(f *testing.F) {
	f.Add(`[` + suspended + `,{"Id":1},7]`)
	f.Add(`[{` + pendingRow + `}]`)
	f.Add(`[[[`)
	f.Fuzz(func(t *testing.T, body string) {
		k := answering(t, body)
		for _, source := range []approval.Source{keyfactor.NewWorkflows(k, keyfactor.SourceConfig{}), keyfactor.NewCertificates(k, keyfactor.SourceConfig{})} {
			ended := false
			for item, err := range source.List(t.Context()) {
				require.False(t, ended, "an error that is not about a row ends the walk")
				if skipped := (*approval.SkippedError)(nil); err != nil && !errors.As(err, &skipped) {
					ended = true
				}
				if err == nil {
					_, err = approval.ParseID(string(item.ID))
					require.NoError(t, err)
				}
			}
		}
	})
}

func FuzzCertificateRequest(f *testing.F) {
	f.Add(pendingDetail)
	f.Add(`{"Id":"23","StateString":"Pending","SANs":"dns=a;ip=b","Metadata":[{"Name":"x","Value":1}],"KeyLength":-1}`)
	f.Fuzz(func(t *testing.T, body string) {
		q := keyfactor.NewCertificates(answering(t, body), keyfactor.SourceConfig{MetadataFields: []string{"a"}})
		got, err := q.Look(t.Context(), certificate)
		if err == nil {
			require.Equal(t, got.Waiting, got.Outcome.State == "")
		}
		// The same bytes as the answer to a decision never panic and are never taken for a yes by accident.
		if err := q.Send(t.Context(), yes(certificate)); err == nil {
			require.Contains(t, strings.ToLower(body), "success")
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2025-03-03T09:15:27.1134567", "2025-03-03T09:15:27Z", "2025-03-03 09:15:27+02:00", "2025-03-03", "0001-01-01T00:00:00", "yesterday"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at := keyfactor.ParseTime(s)
		require.True(t, at.IsZero() || at.Location() == time.UTC)
		if !at.IsZero() && at.Year() < 9999 {
			again := keyfactor.ParseTime(at.Format(time.RFC3339Nano))
			require.True(t, again.Equal(at.Time), "%s: %s is not %s", s, again, at)
		}
	})
}

func BenchmarkPageOf100Instances(b *testing.B) {
	rows := make([]string, 100)
	for i := range rows {
		rows[i] = instance(b, map[string]any{"Id": fmt.Sprintf("5b0a0e9a-9a54-4a0e-8f0e-%012d", i), "InitialData": nil, "CurrentStateData": nil, "Signals": nil})
	}
	body := "[" + strings.Join(rows, ",") + "]"
	k := answering(b, body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range k.AssignedToMe(b.Context(), keyfactor.ListOptions{PageSize: 101}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100 {
			b.Fatal(n)
		}
	}
}

func BenchmarkLookWithCSR(b *testing.B) {
	body := instance(b, map[string]any{"CurrentStateData": map[string]any{"CSR": csr(b, subjectOfWeb01, []string{"www.example.com"})}})
	w := keyfactor.NewWorkflows(answering(b, body), keyfactor.SourceConfig{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Look(b.Context(), workflow); err != nil {
			b.Fatal(err)
		}
	}
}

// A request's CSR is whatever its requester uploaded. It is read or it is not;
// what is shown of it stays within bounds, and the question has a digest.
func FuzzCSR(f *testing.F) {
	for _, text := range []string{csr(f, subjectOfWeb01, []string{"www.example.com", "*.example.com"}), csr(f, pkix.Name{}, nil)} {
		block, _ := pem.Decode([]byte(text))
		f.Add(block.Bytes)
	}
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"))
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, text := range []string{string(der), base64.StdEncoding.EncodeToString(der)} {
			body := instance(t, map[string]any{"CurrentStateData": map[string]any{"CSR": text}})
			got, err := keyfactor.NewWorkflows(answering(t, body), keyfactor.SourceConfig{}).Look(t.Context(), workflow)
			require.NoError(t, err)
			require.True(t, got.Waiting)
			require.Len(t, got.Request.Digest(), 32)
			for _, fact := range got.Request.Facts {
				require.NotEmpty(t, fact.Value)
				require.True(t, utf8.ValidString(fact.Value), "%q", fact.Value)
				require.LessOrEqual(t, utf8.RuneCountInString(fact.Value), 1000)
			}
		}
	})
}

// What the library knows by number only is spelled out, so that the subject of every
// domain controller does not seem to be another one; values cannot break out of theirs.
func TestASubjectIsSpelledOut(t *testing.T) {
	dc, email := asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	for said, extra := range map[string][]pkix.AttributeTypeAndValue{
		"CN=dc03,DC=corp,DC=example,DC=com": {{Type: dc, Value: "com"}, {Type: dc, Value: "example"}, {Type: dc, Value: "corp"}},
		"CN=dc03,E=ada@example.com":         {{Type: email, Value: "ada@example.com"}},
		`CN=dc03,DC=a\,DC\=b`:               {{Type: dc, Value: "a,DC=b"}},
		"CN=dc03,1.2.3.4=x":                 {{Type: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: "x"}},
	} {
		body := instance(t, map[string]any{"InitialData": map[string]any{"Subject": said, "CSR": csr(t, pkix.Name{CommonName: "dc03", ExtraNames: extra}, nil)}, "CurrentStateData": nil})
		got, err := keyfactor.NewWorkflows(answering(t, body), keyfactor.SourceConfig{}).Look(t.Context(), workflow)
		require.NoError(t, err)
		require.Empty(t, got.Request.CSR.Differs.Subject, said)
	}
	body := instance(t, map[string]any{"InitialData": map[string]any{"Subject": "CN=dc03,DC=a,DC=b", "CSR": csr(t, pkix.Name{CommonName: "dc03", ExtraNames: []pkix.AttributeTypeAndValue{{Type: dc, Value: "a,DC=b"}}}, nil)}, "CurrentStateData": nil})
	got, err := keyfactor.NewWorkflows(answering(t, body), keyfactor.SourceConfig{}).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.NotEmpty(t, got.Request.CSR.Differs.Subject, "one value with a comma is not two")
}

// An RSA key of half a million bits fits into a CSR, and verifying its signature
// takes a quarter of a minute; whoever uploads it would hold up every poll.
func TestAHugeKeyIsNotVerified(t *testing.T) {
	const bits = 1 << 19
	n := new(big.Int).Lsh(big.NewInt(3), bits-2)
	n.SetBit(n, 0, 1)
	key, err := asn1.Marshal(rsa.PublicKey{N: n, E: 65537})
	require.NoError(t, err)
	subject, err := asn1.Marshal(subjectOfWeb01.ToRDNSequence())
	require.NoError(t, err)
	algorithm := func(last int) pkix.AlgorithmIdentifier {
		return pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, last}, Parameters: asn1.NullRawValue}
	}
	type publicKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	type info struct {
		Version    int
		Subject    asn1.RawValue
		Key        publicKey
		Attributes []asn1.RawValue `asn1:"tag:0"`
	}
	der, err := asn1.Marshal(struct {
		Info      info
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		info{Subject: asn1.RawValue{FullBytes: subject}, Key: publicKey{algorithm(1), asn1.BitString{Bytes: key, BitLength: 8 * len(key)}}},
		algorithm(11), asn1.BitString{Bytes: make([]byte, bits/8), BitLength: bits},
	})
	require.NoError(t, err)
	body := instance(t, map[string]any{"CurrentStateData": map[string]any{"CSR": base64.StdEncoding.EncodeToString(der)}})
	got, err := keyfactor.NewWorkflows(answering(t, body), keyfactor.SourceConfig{}).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.Equal(t, bits, got.Request.Key.Bits)
	require.NotNil(t, got.Request.CSR)
	require.True(t, got.Request.CSR.Differs.Unproved)
	require.False(t, got.Request.CSR.Differs.BadSignature)
}

// Whatever is answered, with whatever status: a failure is one of the things that
// callers tell apart, and after a POST it never claims more than is certain.
func FuzzErrors(f *testing.F) {
	for _, status := range []int{200, 204, 302, 400, 401, 403, 404, 408, 409, 429, 500, 503} {
		f.Add(status, "application/json", `{"ErrorCode":"0xA0110031","Message":"already\ndecided"}`)
		f.Add(status, "text/html", "<!doctype html><html>no")
		f.Add(status, "", "")
	}
	f.Add(400, "application/json", `{"Message":{"a":1},"ErrorCode":7,"errors":{"x":["y"]}}`)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		if status < 200 || status > 599 {
			return
		}
		c := config("http://kf.example.com")
		c.RetryMax = -1
		c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Body != nil {
				_, _ = io.Copy(io.Discard, r.Body) // it arrived
			}
			return response(status, body, http.Header{"Content-Type": {kind}}), nil
		})
		k, err := keyfactor.New(c)
		require.NoError(t, err)
		_, get := k.Instance(t.Context(), instanceID)
		_, certificate := k.Certificate(t.Context(), 7)
		_, definition := k.Definition(t.Context(), instanceID, 1)
		post := k.Signal(t.Context(), instanceID, keyfactor.SignalRequest{Key: "a.ApprovalStatus", Approved: true})
		for _, err := range []error{get, certificate, definition, post} {
			if err == nil {
				continue
			}
			n := 0
			for _, s := range sentinels {
				if errors.Is(err, s) {
					n++
				}
			}
			require.Equal(t, 1, n, "%v", err)
			require.True(t, utf8.ValidString(err.Error()))
			require.NotContains(t, err.Error(), "\n")
		}
		require.NotErrorIs(t, get, approval.ErrMaybe, "a GET has no effect")
		if status >= 500 {
			require.ErrorIs(t, post, approval.ErrMaybe)
		}
		if status >= 300 {
			require.Error(t, post)
		}
	})
}

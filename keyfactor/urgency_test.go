package keyfactor_test

import (
	"crypto/x509/pkix"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
)

// What ends without an answer makes a request urgent; what is to end anyway does not.
func TestWhatARequestDoesToTheOldCertificate(t *testing.T) {
	end := time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC)
	renewal := map[string]any{"CertificateId": 9021, "Template": "WebServer", "CSR": csr(t, pkix.Name{CommonName: "web09.example.com"}, nil)}
	for name, row := range map[string]struct {
		kind string
		data map[string]any
		want approval.Old
	}{
		"a renewal replaces it":           {"Enrollment", renewal, approval.Old{Concern: approval.Replaces, End: end}},
		"a revocation ends it":            {"Revocation", map[string]any{"CertificateId": 9021, "RevokeCode": 1}, approval.Old{Concern: approval.Revokes, End: end}},
		"an expiration is about it":       {"Expiration", map[string]any{"CertificateId": 9021}, approval.Old{Concern: approval.Expires, End: end}},
		"a collection takes it in":        {"CertificateEnteredCollection", map[string]any{"CertificateId": 9021}, approval.Old{}},
		"a new one has none before it":    {"Enrollment", map[string]any{"Template": "WebServer"}, approval.Old{}},
		"of this one nothing is known":    {"Enrollment", map[string]any{"CertificateId": 9022, "CSR": renewal["CSR"]}, approval.Old{}},
		"what Keyfactor makes the key of": {"Enrollment", map[string]any{"CertificateId": 9021, "IsPFX": true}, approval.Old{Concern: approval.Replaces, End: end}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, map[string]http.HandlerFunc{
				detail:                                say(200, instance(t, map[string]any{"Definition": map[string]any{"DisplayName": "D", "WorkflowType": row.kind, "Version": 1}, "CurrentStateData": nil, "InitialData": row.data})),
				"GET /KeyfactorAPI/Certificates/9021": say(200, `{"Id":9021,"NotAfter":"2025-12-31T22:00:00Z"}`),
				"GET /KeyfactorAPI/Certificates/9022": say(403, `{"Message":"no"}`),
			})
			got, err := workflows(t, s).Look(t.Context(), workflow)
			require.NoError(t, err)
			require.Equal(t, row.want, got.Request.Old)
		})
	}
}

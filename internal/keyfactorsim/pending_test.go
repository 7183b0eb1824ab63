package keyfactorsim_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

const pendingItem = `{"Id":23,"CARequestId":"1187","CommonName":"web02.example.com","DistinguishedName":"CN=web02.example.com,O=Example Ltd,C=DE",
	"SubmissionDate":"2025-03-03T09:40:00.000Z","CertificateAuthority":"ca01.example.com\\Example Issuing CA 1","Template":"ExampleWebServer",
	"Requester":"EXAMPLE\\alice","State":5,"StateString":"Pending","Metadata":{"AppOwner":"team-web"}`

func TestPendingAsTheSheetShowsIt(t *testing.T) {
	s := startSmall(t, keyfactorsim.Switches{})
	require.JSONEq(t, "["+pendingItem+"}]", s.get("/Workflow/Certificates/Pending").body)
	require.JSONEq(t, pendingItem+`,"DenialComment":null,"KeyLength":"256","SANs":["web02.example.com"],"CertStores":[],"Curve":"P-256",
		"SubjectAltNames":[{"Value":"web02.example.com","Type":"dns"}]}`, s.get("/Workflow/Certificates/23").body)
	require.Equal(t, 404, s.get("/Workflow/Certificates/24").status)
	require.Equal(t, 400, s.get("/Workflow/Certificates/x").status)
	require.JSONEq(t, `[]`, s.get("/Workflow/Certificates/ExternalValidation").body)

	got := s.call(http.MethodPost, "/Workflow/Certificates/Approve", bot, `[23]`)
	require.Equal(t, 200, got.status)
	require.JSONEq(t, `{"Failures":[],"Denials":[],"Successes":[{"CARowId":345,"CARequestId":"1187","CAHost":"ca01.example.com",
		"CALogicalName":"Example Issuing CA 1","KeyfactorRequestId":23,"Comment":null}]}`, got.body)
	require.JSONEq(t, `[]`, s.get("/Workflow/Certificates/Pending").body)
	require.Contains(t, s.get("/Workflow/Certificates/23").body, `"StateString":"Active"`)
}

func TestDenial(t *testing.T) {
	s := startSmall(t, keyfactorsim.Switches{AnswerItems: "string"})
	got := s.call(http.MethodPost, "/Workflow/Certificates/Deny", bot, `{"Comment":"unknown owner","CertificateRequestIds":[23]}`)
	require.JSONEq(t, `{"Failures":[],"Denials":[],"Successes":["1187"]}`, got.body)
	require.Len(t, s.rows("/Workflow/Certificates/Denied", bot), 1)
	require.Equal(t, "unknown owner", s.object("/Workflow/Certificates/23")["DenialComment"])

	require.Equal(t, 400, s.call(http.MethodPost, "/Workflow/Certificates/Deny", bot, `[23]`).status)
	require.Equal(t, 400, s.call(http.MethodPost, "/Workflow/Certificates/Approve", bot, `{"CertificateRequestIds":[23]}`).status)
	require.Equal(t, 400, s.call(http.MethodPost, "/Workflow/Certificates/Approve", bot, `[]`).status)
}

// 200 says nothing: each id comes back in one of three lists.
func TestMixedAnswer(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	require.NoError(t, s.DecideCertificate(24, `EXAMPLE\dave`, true, ""))
	got := s.call(http.MethodPost, "/Workflow/Certificates/Approve", bot, `[23,24,26,27,999]`)
	require.Equal(t, 200, got.status)
	log := s.CertificateDecisions()
	require.Len(t, log, 6)
	var results []string
	for _, rec := range log[1:] {
		results = append(results, rec.Result)
	}
	require.Equal(t, []string{"success", "failure", "denial", "failure", "failure"}, results)
	require.Contains(t, log[2].Reason, "its state is Active")
	require.Contains(t, log[3].Reason, "is not a certificate manager")
	require.Contains(t, log[4].Reason, "the CA on [ca02.example.com] is not running")
	require.Contains(t, got.body, `"KeyfactorRequestId":999`)
	require.Equal(t, "portal", log[0].Via)
	require.Equal(t, 403, s.call(http.MethodPost, "/Workflow/Certificates/Approve", `EXAMPLE\auditor`, `[25]`).status)
	require.ErrorIs(t, s.DecideCertificate(26, `EXAMPLE\carol`, true, ""), keyfactorsim.ErrRefused)
	require.ErrorIs(t, s.DecideCertificate(26, `EXAMPLE\ghost`, true, ""), keyfactorsim.ErrNotFound)
}

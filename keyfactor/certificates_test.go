package keyfactor_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/keyfactor"
)

const (
	certificate = approval.ID("certificate:23")

	pendingList = "GET /KeyfactorAPI/Workflow/Certificates/Pending"
	certDetail  = "GET /KeyfactorAPI/Workflow/Certificates/23"
	approveCall = "POST /KeyfactorAPI/Workflow/Certificates/Approve"
	denyCall    = "POST /KeyfactorAPI/Workflow/Certificates/Deny"

	pendingRow = `"Id": 23, "CARequestId": "1187", "CommonName": "web02.example.com",
		"DistinguishedName": "CN=web02.example.com,O=Example Ltd,C=DE", "SubmissionDate": "2025-03-03T09:40:00Z",
		"CertificateAuthority": "CA01.example.com\\Example Issuing CA 1", "Template": "ExampleWebServer",
		"Requester": "EXAMPLE\\alice", "State": 5, "StateString": "Pending", "Metadata": { "AppOwner": "team-web", "Password": "hunter2" }`
	pendingDetail = `{` + pendingRow + `, "DenialComment": null, "KeyLength": "2048", "SANs": ["ignored.example.com"], "CertStores": [],
		"Curve": null, "SubjectAltNames": [{"Value":"web02.example.com","Type":"dns"},{"Value":"192.0.2.2","Type":"ip4"}]}`
)

func pending(t *testing.T, s *server) *keyfactor.Certificates {
	t.Helper()
	return keyfactor.NewCertificates(client(t, config(s.URL)), keyfactor.SourceConfig{
		LinkTemplate: "https://kf/portal?id={instance}", MetadataFields: []string{"AppOwner"},
	})
}

func TestCertificatesList(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{pendingList: say(200, `[{`+pendingRow+`},{"Id":"24","CARequestId":1188,"State":5},{"Id":"x"},{"Id":25,"CARequestId":[]},7]`)})
	items, errs := collect(t, pending(t, s).List(t.Context()))
	require.Equal(t, []approval.Item{
		{ID: "certificate:23", Changed: "pending@2025-03-03T09:40:00Z#2"},
		{ID: "certificate:24", Changed: "@#2"},
		{ID: "certificate:25", Changed: "@#2"},
	}, items)
	require.Len(t, errs, 2)
	var skipped *approval.SkippedError
	require.ErrorAs(t, errs[0], &skipped)
	require.Equal(t, approval.ID("certificate:x"), skipped.ID)
	require.Equal(t, "SubmissionDate", s.query[0].Get("SortField"))
}

func TestCertificatesLook(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{certDetail: say(200, pendingDetail)})
	got, err := pending(t, s).Look(t.Context(), certificate)
	require.NoError(t, err)
	require.Equal(t, approval.Standing{Waiting: true, Request: approval.Request{
		ID: certificate, Matter: `ca:ca01.example.com\example issuing ca 1/1187`, Reference: "1187",
		Title: `EXAMPLE\alice asks the CA for a certificate with CN=web02.example.com,O=Example Ltd,C=DE.`,
		Type:  "Enrollment", Status: "Pending", Requester: `EXAMPLE\alice`,
		Subject: "CN=web02.example.com,O=Example Ltd,C=DE", CommonName: "web02.example.com",
		SANs:     []approval.SAN{{Kind: "dns", Value: "web02.example.com"}, {Kind: "ip4", Value: "192.0.2.2"}},
		Template: "ExampleWebServer", CA: `CA01.example.com\Example Issuing CA 1`,
		Key: approval.Key{Bits: 2048}, Submitted: time.Date(2025, 3, 3, 9, 40, 0, 0, time.UTC),
		Facts: []approval.Fact{
			{Label: "Common name", Value: "web02.example.com"},
			{Label: "SANs", Value: "web02.example.com, 192.0.2.2"},
			{Label: "Requester", Value: `EXAMPLE\alice`},
			{Label: "Template", Value: "ExampleWebServer"},
			{Label: "CA", Value: `CA01.example.com\Example Issuing CA 1`},
			{Label: "Subject", Value: "CN=web02.example.com,O=Example Ltd,C=DE"},
			{Label: "Key", Value: "2048 bits"},
			{Label: "CA request", Value: "1187"},
			{Label: "AppOwner", Value: "team-web"},
			{Label: "Submitted", Value: "2025-03-03 09:40 UTC"},
		},
		Fields:   map[string]string{"AppOwner": "team-web"},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
		Notes:    []string{"Keyfactor keeps no comment with an approval of this kind."},
		Link:     "https://kf/portal?id=23",
		Changed:  "pending@2025-03-03T09:40:00Z#2",
	}}, got)
}

func TestCertificatesLookAtTheSettled(t *testing.T) {
	state := func(text, number string) http.HandlerFunc {
		body := strings.Replace(strings.Replace(pendingDetail, `"Pending"`, text, 1), `"State": 5`, `"State": `+number, 1)
		return say(200, strings.Replace(body, `"DenialComment": null`, `"DenialComment": "wrong team"`, 1))
	}
	for name, c := range map[string]struct {
		now  http.HandlerFunc
		want approval.Outcome
	}{
		"active":              {state(`"Active"`, "1"), approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere, Message: "Active"}},
		"issued":              {state(`"ISSUED"`, "1"), approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere, Message: "ISSUED"}},
		"revoked since":       {state(`"Revoked"`, "2"), approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere, Message: "Revoked"}},
		"denied":              {state(`"Denied"`, "3"), approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, Message: "wrong team"}},
		"denied, number only": {state(`null`, "3"), approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, Message: "wrong team"}},
		"failed":              {state(`"Failed"`, "4"), approval.Outcome{State: approval.Closed, Reason: approval.Failed, Message: "Failed"}},
		"elsewhere":           {state(`"External Validation"`, "8"), approval.Outcome{State: approval.Closed, Reason: approval.MovedOn, Message: "External Validation"}},
		"gone":                {say(404, `{"Message":"gone"}`), approval.Outcome{State: approval.Closed, Reason: approval.Gone, Message: "gone"}},
		"hidden":              {say(403, `{"Message":"no"}`), approval.Outcome{State: approval.Closed, Reason: approval.Hidden, Message: "no"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{certDetail: c.now})
			got, err := pending(t, s).Look(t.Context(), certificate)
			require.NoError(t, err)
			require.Equal(t, approval.Standing{Outcome: c.want}, got)

			_, err = pending(t, s).Counted(t.Context(), certificate)
			requireOnly(t, err, approval.ErrSettled)
		})
	}
	for _, now := range []http.HandlerFunc{state(`"Unknown"`, "0"), state(`null`, "0"), state(`null`, `"?"`), page(200), say(200, strings.Replace(pendingDetail, "23", "24", 1))} {
		s := serve(t, map[string]http.HandlerFunc{certDetail: now})
		_, err := pending(t, s).Look(t.Context(), certificate)
		requireOnly(t, err, approval.ErrUnavailable)
	}
	s := serve(t, map[string]http.HandlerFunc{certDetail: state(`null`, "5")})
	got, err := pending(t, s).Look(t.Context(), certificate)
	require.NoError(t, err)
	require.True(t, got.Waiting)
	counted, err := pending(t, s).Counted(t.Context(), certificate)
	require.NoError(t, err)
	require.False(t, counted)
}

func TestCertificatesSend(t *testing.T) {
	ok := say(200, `{"Failures":[],"Denials":[],"Successes":[{"CARowId":345,"KeyfactorRequestId":23}]}`)
	s := serve(t, map[string]http.HandlerFunc{approveCall: ok, denyCall: ok})
	q := pending(t, s)
	require.NoError(t, q.Send(t.Context(), yes(certificate)))
	require.JSONEq(t, `[23]`, s.sent(approveCall))

	d := yes(certificate)
	d.Verdict = approval.Deny
	require.NoError(t, q.Send(t.Context(), d))
	require.JSONEq(t, `{"Comment":"Slack: Carol (U02ABCD, carol@example.com) - change 1234","CertificateRequestIds":[23]}`, s.sent(denyCall))
	require.Len(t, s.calls, 2)
}

// A 200 says nothing; the three lists do.
func TestCertificatesSendReadsTheThreeLists(t *testing.T) {
	waits := say(200, pendingDetail)
	denied := say(200, strings.Replace(pendingDetail, `"Pending"`, `"Denied"`, 1))
	for name, c := range map[string]struct {
		answer, now http.HandlerFunc
		want        error
		says        string
	}{
		"success as text":         {say(200, `{"Successes":["23"]}`), waits, nil, ""},
		"success as another text": {say(200, `{"Successes":["CA01\\Example: 1187"]}`), waits, nil, ""},
		"success in other casing": {say(200, `{"successes":[{"keyfactorRequestId":"23"}]}`), waits, nil, ""},
		"failure":                 {say(200, `{"Failures":[{"KeyfactorRequestId":23,"Comment":"the RPC server is unavailable"}]}`), waits, approval.ErrRefused, "RPC server"},
		"failure as text":         {say(200, `{"Failures":["the CA says no"]}`), waits, approval.ErrRefused, "the CA says no"},
		"failure, handled before": {say(200, `{"Failures":[{"KeyfactorRequestId":23,"Comment":"not pending"}]}`), denied, approval.ErrSettled, "not pending"},
		"failure, cannot be told": {say(200, `{"Failures":[{"KeyfactorRequestId":23}]}`), page(200), approval.ErrRefused, "no reason given"},
		"denial":                  {say(200, `{"Denials":[{"KeyfactorRequestId":23,"Comment":"lacks permission"}]}`), waits, approval.ErrForbidden, "lacks permission"},
		"another id":              {say(200, `{"Successes":[{"KeyfactorRequestId":24}]}`), waits, approval.ErrMaybe, "does not tell"},
		"no lists":                {say(200, `{}`), waits, approval.ErrMaybe, "does not tell"},
		"two lists":               {say(200, `{"Successes":["23"],"Failures":["23"]}`), waits, approval.ErrMaybe, "does not tell"},
		"no body":                 {say(200, ``), waits, approval.ErrMaybe, "tells nothing"},
		"web page":                {page(200), waits, approval.ErrMaybe, "web page"},
		"cut":                     {halfway, waits, approval.ErrMaybe, "EOF"},
		"500":                     {say(500, ``), denied, approval.ErrMaybe, "500"},
		"400":                     {say(400, `{"Message":"bad"}`), waits, approval.ErrRefused, "bad"},
		"400, handled before":     {say(400, `{"Message":"bad"}`), denied, approval.ErrSettled, "bad"},
		"403":                     {say(403, `{"Message":"no"}`), waits, approval.ErrForbidden, "no"},
		"429":                     {say(429, ``), waits, approval.ErrUnavailable, "429"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{approveCall: c.answer, certDetail: c.now})
			err := pending(t, s).Send(t.Context(), yes(certificate))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			requireOnly(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, 1, s.count(approveCall))
		})
	}
}

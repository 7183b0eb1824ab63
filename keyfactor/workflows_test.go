package keyfactor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/keyfactor"
)

func workflows(t *testing.T, s *server, change ...func(*keyfactor.Config)) *keyfactor.Workflows {
	t.Helper()
	c := config(s.URL)
	for _, f := range change {
		f(&c)
	}
	return keyfactor.NewWorkflows(client(t, c), keyfactor.SourceConfig{
		PortalURL:      "https://kf.example.com/KeyfactorPortal",
		MetadataFields: []string{"CostCentre", "appowner", "Absent"},
	})
}

func yes(request approval.ID) approval.Decision {
	return approval.Decision{
		ID: "d1", Request: request, Verdict: approval.Approve, Comment: "change 1234",
		By: approval.Person{Team: "T1", ID: "U02ABCD", Name: "Carol", Email: "carol@example.com"},
	}
}

func TestWorkflowsList(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{mine: say(200, `[`+instance(t, map[string]any{"Id": strings.ToUpper(instanceID), "InitialData": nil})+`,
		{"Id":"A1","Status":"Suspended"}, {"Id":"B2","Signals":"?"}, {"Id":"b c","CurrentStepId":"s"}, {"Id":"C3","CurrentStepId":"S9","LastModified":null,"StatusMessage":"Awaiting"}]`)})
	items, errs := collect(t, workflows(t, s).List(t.Context()))
	require.Equal(t, []approval.Item{
		{ID: workflow, Changed: "2025-03-03T09:15:27.113Z#2"},
		{ID: "workflow:c3/s9", Changed: "Awaiting#2"},
	}, items)
	require.Len(t, errs, 3)
	for i, id := range []approval.ID{"workflow:a1", "workflow:b2", ""} {
		var skipped *approval.SkippedError
		require.ErrorAs(t, errs[i], &skipped)
		require.Equal(t, id, skipped.ID)
	}
}

func TestWorkflowsListEndsOnTrouble(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{mine: page(200)})
	items, errs := collect(t, workflows(t, s).List(t.Context()))
	require.Empty(t, items)
	require.Len(t, errs, 1)
	var skipped *approval.SkippedError
	require.NotErrorAs(t, errs[0], &skipped)
	require.ErrorIs(t, errs[0], approval.ErrUnavailable)
}

func TestWorkflowsLookAtAnEnrolment(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, nil))})
	got, err := workflows(t, s).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.True(t, got.Waiting)
	want := approval.Request{
		ID: workflow, Reference: "4711", Title: `EXAMPLE\alice is enrolling for a certificate with CN=web01.example.com.`,
		Type: "Enrollment", Definition: "Web server enrolment", DefinitionVersion: 4,
		Step: "PKI team approval", StepName: "RequireApproval1",
		Status: "Awaiting 2 more approval(s) from approval roles.", Missing: 2,
		Requester: `EXAMPLE\alice`, Subject: "CN=web01.example.com,O=Example Ltd,C=DE", CommonName: "web01.example.com",
		SANs:     []approval.SAN{{Kind: "dns", Value: "web01.example.com"}, {Kind: "dns", Value: "www.example.com"}, {Kind: "ip4", Value: "192.0.2.10"}},
		Template: "ExampleWebServer", CA: `ca01.example.com\Example Issuing CA 1`,
		Submitted: time.Date(2025, 3, 3, 9, 15, 25, 480e6, time.UTC),
		Facts: []approval.Fact{
			{Label: "Common name", Value: "web01.example.com"},
			{Label: "SANs", Value: "web01.example.com, www.example.com, 192.0.2.10"},
			{Label: "Requester", Value: `EXAMPLE\alice`},
			{Label: "Template", Value: "ExampleWebServer"},
			{Label: "CA", Value: `ca01.example.com\Example Issuing CA 1`},
			{Label: "Subject", Value: "CN=web01.example.com,O=Example Ltd,C=DE"},
			{Label: "Workflow", Value: "Web server enrolment, PKI team approval"},
			{Label: "CostCentre", Value: "4242"},
			{Label: "appowner", Value: "team-web"},
			{Label: "Submitted", Value: "2025-03-03 09:15 UTC"},
		},
		Fields: map[string]string{
			"CertificateAuthority": `ca01.example.com\Example Issuing CA 1`, "Template": "ExampleWebServer",
			"Subject": "CN=web01.example.com,O=Example Ltd,C=DE", "IsPFX": "false", "IncludeChain": "true",
			"InitiatingUserName": `EXAMPLE\alice`, "RequesterId": "17",
		},
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
		Link:     "https://kf.example.com/KeyfactorPortal",
		Changed:  "2025-03-03T09:15:27.113Z#2",
	}
	require.Equal(t, want, got.Request)
}

func TestWorkflowsLookAtARevocation(t *testing.T) {
	revocation := instance(t, map[string]any{
		"Definition":       map[string]any{"DisplayName": "Revoke", "WorkflowType": "Revocation", "Version": 1},
		"CurrentStateData": nil,
		"InitialData": map[string]any{
			"CertificateAuthority": "CA 1", "CertificateId": 9021, "SerialNumberString": "4A00000F1B2C", "RevokeCode": 4,
			"EffectiveDate": "2025-03-03T10:00:00", "Comment": "replaced", "InitiatingUserName": `EXAMPLE\bob`,
		},
	})
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, revocation)})
	want := []approval.Fact{
		{Label: "Reason", Value: "superseded (4)"},
		{Label: "Comment", Value: "replaced"},
		{Label: "Requester", Value: `EXAMPLE\bob`},
		{Label: "Serial number", Value: "4A00000F1B2C"},
		{Label: "Effective", Value: "2025-03-03 10:00 UTC"},
		{Label: "CA", Value: "CA 1"},
		{Label: "Certificate", Value: "number 9021, and nothing more: approvebot has no permission to read certificates in Keyfactor", Aside: true},
		{Label: "Workflow", Value: "Revoke, PKI team approval"},
		{Label: "Submitted", Value: "2025-03-03 09:15 UTC"},
	}
	s.set("GET /KeyfactorAPI/Certificates/9021", say(403, `{"Message":"no"}`))
	got, err := workflows(t, s).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.Equal(t, want, got.Request.Facts)

	s.set("GET /KeyfactorAPI/Certificates/9021", say(200, `{"Id":9021,"IssuedDN":"CN=web09.example.com, O=Example","NotAfter":"2025-12-31T00:00:00Z"}`))
	got, err = workflows(t, s).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.Equal(t, "web09.example.com", got.Request.CommonName)
	require.Contains(t, got.Request.Facts, approval.Fact{Label: "Subject", Value: "CN=web09.example.com, O=Example"})
	require.Contains(t, got.Request.Facts, approval.Fact{Label: "Expires", Value: "2025-12-31", Aside: true})
}

// csr makes a signed request for the names.
func csr(t testing.TB, subject pkix.Name, dns []string, ips ...net.IP) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject, DNSNames: dns, IPAddresses: ips}, key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "NEW CERTIFICATE REQUEST", Bytes: der}))
}

var subjectOfWeb01 = pkix.Name{CommonName: "web01.example.com", Organization: []string{"Example Ltd"}, Country: []string{"DE"}}

func TestWhatTheCSRSays(t *testing.T) {
	subject := subjectOfWeb01
	honest := csr(t, subject, []string{"WWW.example.com"}, net.IPv4(192, 0, 2, 10))
	bare := strings.ReplaceAll(strings.ReplaceAll(honest, "-----BEGIN NEW CERTIFICATE REQUEST-----", ""), "-----END NEW CERTIFICATE REQUEST-----", "")
	block, _ := pem.Decode([]byte(honest))
	block.Bytes[len(block.Bytes)-1] ^= 1
	for name, c := range map[string]struct {
		csr  string
		want string // the difference in short; empty for none
		key  string
	}{
		"the same":            {honest, "", "ECDSA P-256"},
		"without armour":      {bare, "", "ECDSA P-256"},
		"another subject":     {csr(t, pkix.Name{CommonName: "evil.example.com"}, []string{"web01.example.com", "www.example.com"}, net.IPv4(192, 0, 2, 10)), "subject CN=evil.example.com", "ECDSA P-256"},
		"no subject":          {csr(t, pkix.Name{}, []string{"www.example.com"}, net.IPv4(192, 0, 2, 10)), "subject -", "ECDSA P-256"},
		"more names":          {csr(t, subject, []string{"www.example.com", "a.evil.example", "b.evil.example", "c.evil.example", "d.evil.example"}, net.IPv4(192, 0, 2, 10)), "extra a.evil.example b.evil.example c.evil.example d.evil.example", "ECDSA P-256"},
		"fewer names":         {csr(t, subject, nil, net.IPv4(192, 0, 2, 10)), "missing www.example.com", "ECDSA P-256"},
		"not one":             {"hello", "it is neither PEM nor base64", ""},
		"cut":                 {honest[:len(honest)/2], "it is neither PEM nor base64", ""},
		"huge":                {strings.Repeat("A", 1<<20), "it is longer than 256 kB", ""},
		"signature tampered":  {string(pem.EncodeToMemory(block)), "bad signature", "ECDSA P-256"},
		"empty, as for a PFX": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var m map[string]any
			require.NoError(t, json.Unmarshal([]byte(suspended), &m))
			m["InitialData"].(map[string]any)["CSR"] = c.csr
			s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, m))})
			got, err := workflows(t, s).Look(t.Context(), workflow)
			require.NoError(t, err)
			require.Equal(t, c.want, difference(got.Request))
			require.Equal(t, c.key, fact(got.Request, "Key"))
			require.NotContains(t, got.Request.Fields, "CSR")
		})
	}
}

// difference is what a CSR says otherwise than Keyfactor, in short.
func difference(r approval.Request) string {
	if r.CSR == nil || r.CSR.Trouble != "" {
		if r.CSR == nil {
			return ""
		}
		return r.CSR.Trouble
	}
	var parts []string
	d := r.CSR.Differs
	if d.BadSignature {
		parts = append(parts, "bad signature")
	}
	if d.Subject != "" {
		parts = append(parts, "subject "+d.Subject)
	}
	for _, names := range []struct {
		what string
		sans []approval.SAN
	}{{"extra", d.Extra}, {"missing", d.Missing}} {
		for i, san := range names.sans {
			if i == 0 {
				parts = append(parts, names.what)
			}
			parts = append(parts, san.Value)
		}
	}
	return strings.Join(parts, " ")
}

func fact(r approval.Request, label string) string {
	for _, f := range r.Facts {
		if f.Label == label {
			return f.Value
		}
	}
	return ""
}

func TestSANsInEveryShape(t *testing.T) {
	dns := func(all ...string) (out []approval.SAN) {
		for _, v := range all {
			out = append(out, approval.SAN{Kind: "dns", Value: v})
		}
		return out
	}
	for raw, want := range map[string][]approval.SAN{
		`{"DNS":["a.example.com","b.example.com"]}`:                                 dns("a.example.com", "b.example.com"),
		`{"uri":["https://x"],"dns":"a.example.com","zzz":[1,null,{}]}`:             {{Kind: "dns", Value: "a.example.com"}, {Kind: "uri", Value: "https://x"}, {Kind: "zzz", Value: "1"}},
		`[{"Key":"dns","Value":"a.example.com"},{"Key":"dns","Value":["b","c"]}]`:   dns("a.example.com", "b", "c"),
		`[{"Value":"a.example.com","Type":"dns"}]`:                                  dns("a.example.com"),
		`["a.example.com","dns=b.example.com","DNS Name: c.example.com","fe80::1"]`: {{Kind: "dns", Value: "b.example.com"}, {Kind: "dns", Value: "c.example.com"}, {Value: "a.example.com"}, {Value: "fe80::1"}},
		`"{\"dns\":[\"a.example.com\"]}"`:                                           dns("a.example.com"),
		`"dns=a.example.com, dns=b.example.com"`:                                    dns("a.example.com", "b.example.com"),
		`null`:                                                                      nil, `7`: {{Value: "7"}}, `{}`: nil, `[]`: nil, `[{}]`: nil, `""`: nil,
	} {
		s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, map[string]any{"InitialData": map[string]any{"sans": json.RawMessage(raw)}}))})
		got, err := workflows(t, s).Look(t.Context(), workflow)
		require.NoError(t, err)
		require.Equal(t, want, got.Request.SANs, raw)
	}
}

func TestAThousandNamesAreSummarised(t *testing.T) {
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprintf("web%04d.example.com", i))
	}
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, map[string]any{"InitialData": map[string]any{"SANs": map[string]any{"dns": all}}}))})
	got, err := workflows(t, s).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.Len(t, got.Request.SANs, 1000)
	require.Equal(t, "web0000.example.com, web0001.example.com, web0002.example.com, web0003.example.com, web0004.example.com and 995 more", fact(got.Request, "SANs"))
}

func TestDigestIsTheSameForTheSameQuestion(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: inTurn(
		say(200, instance(t, nil)),
		say(200, instance(t, map[string]any{"Status": 2, "StatusMessage": "Awaiting 1 more approval(s) from approval roles.", "LastModified": "2025-03-04T09:15:27"})),
		say(200, instance(t, map[string]any{"CurrentStateData": map[string]any{"Subject": "CN=evil.example.com"}})),
	)})
	w := workflows(t, s)
	var digests []string
	for range 3 {
		got, err := w.Look(t.Context(), workflow)
		require.NoError(t, err)
		digests = append(digests, got.Request.Digest())
	}
	require.Equal(t, digests[0], digests[1])
	require.NotEqual(t, digests[0], digests[2])
}

// TestWhereAnInstanceStands walks through what Keyfactor may say of an instance
// whose step we asked about, with names and with unpublished numbers.
func TestWhereAnInstanceStands(t *testing.T) {
	none := []any{}
	received := []any{map[string]any{"SignalName": "ApprovalStatus", "SignalReceived": true}}
	other := []any{map[string]any{"SignalName": "PickATemplate", "SignalReceived": false}}
	handed := map[string]any{
		"CertificateAuthority": `CA01.example.com\Example Issuing CA 1`,
		"CACertificateRequest": `{"RequestId": 1187, "Status": 5}`,
	}
	at := time.Date(2025, 3, 3, 9, 15, 27, 113e6, time.UTC)
	both := []approval.Verdict{approval.Approve, approval.Deny}
	waits := func(v []approval.Verdict, note string) func(*testing.T, approval.Standing) {
		return func(t *testing.T, s approval.Standing) {
			require.True(t, s.Waiting)
			require.Equal(t, v, s.Request.Verdicts)
			require.Contains(t, strings.Join(s.Request.Notes, " "), note)
		}
	}
	became := func(state approval.State, reason approval.Reason, by, message, matter string) func(*testing.T, approval.Standing) {
		return func(t *testing.T, s approval.Standing) {
			require.Equal(t, approval.Standing{Outcome: approval.Outcome{State: state, Reason: reason, By: by, Message: message, Matter: matter, At: at}}, s)
		}
	}
	for name, c := range map[string]struct {
		replace map[string]any
		want    func(*testing.T, approval.Standing)
	}{
		"waiting":                       {nil, waits(both, "")},
		"waiting, number":               {map[string]any{"Status": 2}, waits(both, "")},
		"waiting, unheard name":         {map[string]any{"Status": "Dozing"}, waits(both, "")},
		"waiting, signals not listed":   {map[string]any{"Signals": nil}, waits(nil, "portal")},
		"waiting, number, none listed":  {map[string]any{"Status": 2, "Signals": none}, waits(nil, "portal")},
		"waiting for something else":    {map[string]any{"Signals": other}, waits(nil, "portal")},
		"waiting, step without a name":  {map[string]any{"CurrentStepUniqueName": ""}, waits(nil, "portal")},
		"lock conflict":                 {map[string]any{"Signals": received}, waits(nil, "has not gone on")},
		"running":                       {map[string]any{"Status": "Running", "Signals": none}, waits(nil, "has not gone on")},
		"running, number, just now":     {map[string]any{"Status": 4, "Signals": none, "StatusMessage": "", "LastModified": time.Now().UTC().Format(time.RFC3339)}, waits(nil, "has not gone on")},
		"silent for long, number":       {map[string]any{"Status": 5, "Signals": none, "StatusMessage": "Something else"}, became(approval.Closed, approval.MovedOn, "", "Something else", "")},
		"cancelled for restart, number": {map[string]any{"Status": 5, "Signals": none}, became(approval.Closed, approval.MovedOn, "", "Awaiting 2 more approval(s) from approval roles.", "")},

		"issued":          {map[string]any{"Status": "Complete", "Signals": none, "StatusMessage": "Issued. The private key was successfully retained.", "CurrentStepId": otherStep}, became(approval.Approved, approval.DecidedElsewhere, "", "Issued. The private key was successfully retained.", "")},
		"issued, number":  {map[string]any{"Status": 1, "Signals": none, "StatusMessage": "Issued", "CurrentStepId": otherStep}, became(approval.Approved, approval.DecidedElsewhere, "", "Issued", "")},
		"revoked, number": {map[string]any{"Status": 1, "Signals": none, "StatusMessage": "Revoked"}, became(approval.Approved, approval.DecidedElsewhere, "", "Revoked", "")},
		"complete":        {map[string]any{"Status": "Complete", "Signals": none, "StatusMessage": nil}, became(approval.Approved, approval.DecidedElsewhere, "", "", "")},

		"rejected":             {map[string]any{"Status": "Rejected", "Signals": none, "StatusMessage": "Workflow rejected by user with Id 12."}, became(approval.Denied, approval.DecidedElsewhere, "user with Id 12", "Workflow rejected by user with Id 12.", "")},
		"rejected, number":     {map[string]any{"Status": 3, "Signals": none, "StatusMessage": "Workflow rejected by user with Id 12."}, became(approval.Denied, approval.DecidedElsewhere, "user with Id 12", "Workflow rejected by user with Id 12.", "")},
		"stopped":              {map[string]any{"Status": "Rejected", "Signals": none, "StatusMessage": "Stopped"}, became(approval.Denied, approval.DecidedElsewhere, "", "Stopped", "")},
		"rejected at the end":  {map[string]any{"Status": "Rejected", "Signals": none, "StatusMessage": "Workflow rejected by user with Id 12.", "CurrentStepId": "end"}, became(approval.Denied, approval.DecidedElsewhere, "user with Id 12", "Workflow rejected by user with Id 12.", "")},
		"rejected one later":   {map[string]any{"Status": "Rejected", "Signals": none, "StatusMessage": "Workflow rejected by user with Id 12.", "CurrentStepId": otherStep, "CurrentStepDisplayName": "Security"}, became(approval.Approved, approval.MovedOn, "", "now at Security: Workflow rejected by user with Id 12.", "")},
		"moved on":             {map[string]any{"CurrentStepId": otherStep, "CurrentStepDisplayName": "Security"}, became(approval.Approved, approval.MovedOn, "", "now at Security: Awaiting 2 more approval(s) from approval roles.", "")},
		"moved on, running":    {map[string]any{"Status": "Running", "Signals": none, "CurrentStepId": otherStep, "CurrentStepDisplayName": "", "StatusMessage": ""}, became(approval.Approved, approval.MovedOn, "", "now at RequireApproval1", "")},
		"restarted":            {map[string]any{"Status": "CanceledForRestart", "StatusMessage": "x"}, became(approval.Closed, approval.Restarted, "", "x", "")},
		"failed here":          {map[string]any{"Status": "Failed", "Signals": none, "StatusMessage": "Step 'RequireApproval1' failed: mail"}, became(approval.Closed, approval.Failed, "", "Step 'RequireApproval1' failed: mail", "")},
		"failed later":         {map[string]any{"Status": "Failed", "Signals": none, "StatusMessage": "Step 'Keyfactor-Enroll' failed: RPC", "CurrentStepId": otherStep}, became(approval.Approved, approval.Failed, "", "Step 'Keyfactor-Enroll' failed: RPC", "")},
		"failed later, number": {map[string]any{"Status": 6, "Signals": none, "StatusMessage": "Step ‘Keyfactor-Enroll’ failed: RPC", "CurrentStepId": otherStep}, became(approval.Approved, approval.Failed, "", "Step ‘Keyfactor-Enroll’ failed: RPC", "")},
		"handed over": {map[string]any{"Status": "Complete", "Signals": none, "StatusMessage": "Taken Under Submission. The certificate template requires manager approval, and is marked as pending.", "CurrentStateData": handed},
			became(approval.Approved, approval.HandedOver, "", "Taken Under Submission. The certificate template requires manager approval, and is marked as pending.", `ca:ca01.example.com\example issuing ca 1/1187`)},
		"handed over, number": {map[string]any{"Status": 1, "Signals": none, "StatusMessage": "Taken Under Submission.", "CurrentStateData": handed},
			became(approval.Approved, approval.HandedOver, "", "Taken Under Submission.", `ca:ca01.example.com\example issuing ca 1/1187`)},
		"handed over, CA's number unknown": {map[string]any{"Status": "Complete", "Signals": none, "StatusMessage": "Taken Under Submission."},
			became(approval.Approved, approval.HandedOver, "", "Taken Under Submission.", "")},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{
				mine:   say(200, `[{"Id":"x","CurrentStepId":"y","Status":2}]`), // teaches that 2 is Suspended
				detail: say(200, instance(t, c.replace)),
				"GET /KeyfactorAPI/Workflow/Definitions/c1f2b7de-3f51-4f55-8f8a-7f6a4a2b9d10": say(200, `{"Steps":[
					{"Id":"`+stepID+`","ExtensionName":"RequireApproval"},{"Id":"`+otherStep+`","Signals":[{"SignalName":"ApprovalStatus"}]},{"Id":"end","ExtensionName":"NOOPStep"}]}`),
			})
			w := workflows(t, s)
			collect(t, w.List(t.Context()))
			got, err := w.Look(t.Context(), workflow)
			require.NoError(t, err)
			c.want(t, got)
		})
	}
}

func TestConfiguredStatusNamesTellRestart(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, map[string]any{"Status": 5}))})
	got, err := workflows(t, s, func(c *keyfactor.Config) { c.StatusNames = map[int]string{5: keyfactor.CanceledForRestart} }).Look(t.Context(), workflow)
	require.NoError(t, err)
	require.Equal(t, approval.Restarted, got.Outcome.Reason)
}

func TestGoneAndHiddenAreStandings(t *testing.T) {
	for reason, answer := range map[approval.Reason]http.HandlerFunc{
		approval.Gone:   say(404, `{"Message":"Workflow instance not found."}`),
		approval.Hidden: say(403, `{"Message":"User EXAMPLE\\svc doesn't have the required permission"}`),
	} {
		s := serve(t, map[string]http.HandlerFunc{detail: answer})
		got, err := workflows(t, s).Look(t.Context(), workflow)
		require.NoError(t, err)
		require.False(t, got.Waiting)
		require.Equal(t, approval.Closed, got.Outcome.State)
		require.Equal(t, reason, got.Outcome.Reason)
		require.NotEmpty(t, got.Outcome.Message)
	}
	// What a proxy says proves nothing.
	for _, answer := range []http.HandlerFunc{page(404), page(403), page(200), cut, say(200, ""), say(200, "{}"), say(200, "null")} {
		s := serve(t, map[string]http.HandlerFunc{detail: answer})
		_, err := workflows(t, s).Look(t.Context(), workflow)
		requireOnly(t, err, approval.ErrUnavailable)
	}
}

func TestIDsOfOthersAreRefused(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{})
	w := workflows(t, s)
	c := keyfactor.NewCertificates(client(t, config(s.URL)), keyfactor.SourceConfig{})
	for _, id := range []approval.ID{"workflow:x", "workflow:x/", "workflow:/y", "workflow:x/y/../z", "certificate:1/2", "certificate:-1", "certificate:x", ""} {
		for _, source := range []approval.Source{w, c} {
			_, err := source.Look(t.Context(), id)
			requireOnly(t, err, approval.ErrNotFound)
			_, err = source.Counted(t.Context(), id)
			requireOnly(t, err, approval.ErrNotFound)
			requireOnly(t, source.Send(t.Context(), yes(id)), approval.ErrNotFound)
		}
	}
	require.Empty(t, s.calls)
}

func TestWorkflowsSend(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, nil)), signals: say(204, "")})
	w := workflows(t, s)
	require.NoError(t, w.Send(t.Context(), yes(workflow)))
	require.Equal(t, []string{detail, signals}, s.calls)
	require.JSONEq(t, `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":"True","Comment":"Slack: Carol (U02ABCD, carol@example.com) - change 1234"}}`, s.sent(signals))

	d := yes(workflow)
	d.Verdict = approval.Deny
	require.NoError(t, w.Send(t.Context(), d))
	require.Contains(t, s.sent(signals), `"Approved":"False"`)
}

func TestWorkflowsSendLooksFirst(t *testing.T) {
	for name, c := range map[string]struct {
		now  http.HandlerFunc
		want error
	}{
		"another step":        {say(200, instance(t, map[string]any{"CurrentStepId": otherStep})), approval.ErrSettled},
		"rejected meanwhile":  {say(200, instance(t, map[string]any{"Status": "Rejected"})), approval.ErrSettled},
		"already answered":    {say(200, instance(t, map[string]any{"Signals": []any{map[string]any{"SignalName": "ApprovalStatus", "SignalReceived": true}}})), approval.ErrSettled},
		"waits for a robot":   {say(200, instance(t, map[string]any{"Signals": []any{map[string]any{"SignalName": "Robot"}}})), approval.ErrRefused},
		"gone":                {say(404, `{"Message":"gone"}`), approval.ErrNotFound},
		"hidden":              {say(403, `{"Message":"hidden"}`), approval.ErrForbidden},
		"away":                {say(503, ``), approval.ErrUnavailable},
		"cut":                 {cut, approval.ErrUnavailable},
		"credentials changed": {say(401, ``), approval.ErrUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{detail: c.now, signals: say(204, "")})
			requireOnly(t, workflows(t, s).Send(t.Context(), yes(workflow)), c.want)
			require.Zero(t, s.count(signals))
		})
	}
}

func TestWorkflowsSendTellsRefusedFromSettled(t *testing.T) {
	waits, gone := say(200, instance(t, nil)), say(404, `{"Message":"gone"}`)
	moved := say(200, instance(t, map[string]any{"CurrentStepId": otherStep}))
	for name, c := range map[string]struct {
		after, signal http.HandlerFunc
		want          error
		says          string
	}{
		"refused":               {waits, say(400, `{"Message":"Bad Approved"}`), approval.ErrRefused, "Bad Approved"},
		"somebody was first":    {moved, say(400, `{"Message":"Not at this step"}`), approval.ErrSettled, "Not at this step"},
		"deleted meanwhile":     {gone, say(400, `{"Message":"?"}`), approval.ErrSettled, "?"},
		"cannot be told":        {say(500, ``), say(400, `{"Message":"?"}`), approval.ErrRefused, "?"},
		"role missing":          {moved, say(403, `{"Message":"no role"}`), approval.ErrForbidden, "no role"},
		"maybe stays maybe":     {moved, say(500, ``), approval.ErrMaybe, "500"},
		"cut after the effect":  {moved, cut, approval.ErrMaybe, "signal workflow:"},
		"too many":              {moved, say(429, ``), approval.ErrUnavailable, "429"},
		"login page, maybe":     {moved, page(200), approval.ErrMaybe, "web page"},
		"the instance vanished": {gone, say(404, `{"Message":"gone"}`), approval.ErrNotFound, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{detail: inTurn(waits, c.after), signals: c.signal})
			err := workflows(t, s).Send(t.Context(), yes(workflow))
			requireOnly(t, err, c.want)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, 1, s.count(signals))
		})
	}
}

func TestWorkflowsSendTakesTheStepsNameOfNow(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, map[string]any{"CurrentStepUniqueName": "Renamed"})), signals: say(204, "")})
	require.NoError(t, workflows(t, s).Send(t.Context(), yes(workflow)))
	require.Contains(t, s.sent(signals), `"Renamed.ApprovalStatus"`)
}

func TestWorkflowsCounted(t *testing.T) {
	waits := say(200, instance(t, nil))
	listed := say(200, `[{"Id":"x"},`+instance(t, nil)+`]`)
	for name, c := range map[string]struct {
		now, list http.HandlerFunc
		want      bool
		err       error
	}{
		"still asked of us":       {waits, listed, false, nil},
		"asked of others only":    {waits, say(200, `[]`), true, nil},
		"signal received":         {say(200, instance(t, map[string]any{"Signals": []any{map[string]any{"SignalName": "ApprovalStatus", "SignalReceived": true}}})), listed, true, nil},
		"moved":                   {say(200, instance(t, map[string]any{"CurrentStepId": otherStep})), listed, false, approval.ErrSettled},
		"gone":                    {say(404, `{}`), listed, false, approval.ErrNotFound},
		"list cannot be read":     {waits, page(200), false, approval.ErrUnavailable},
		"our row cannot be read":  {waits, say(200, `[{"Id":"`+instanceID+`","Signals":"?"}]`), false, nil},
		"another row is unwell":   {waits, say(200, `[{"Id":"x","Signals":"?"}]`), true, nil},
		"list not ours to filter": {waits, nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.list == nil {
				c.list = func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Has("QueryString") {
						say(400, `{"Message":"Invalid query field Id"}`)(w, r)
						return
					}
					listed(w, r)
				}
			}
			s := serve(t, map[string]http.HandlerFunc{detail: c.now, mine: c.list})
			got, err := workflows(t, s).Counted(t.Context(), workflow)
			require.Equal(t, c.want, got)
			switch {
			case name == "our row cannot be read":
				require.Error(t, err, "it is there, but what it says is not known")
			case c.err != nil:
				requireOnly(t, err, c.err)
			default:
				require.NoError(t, err)
			}
			if s.count(mine) == 1 {
				require.Equal(t, `Id -eq "`+instanceID+`"`, s.query[len(s.query)-1].Get("QueryString"))
			}
		})
	}
}

func TestLinkTemplate(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, nil))})
	w := keyfactor.NewWorkflows(client(t, config(s.URL)), keyfactor.SourceConfig{LinkTemplate: "https://kf/portal?i={instance}&r={reference}"})
	got, err := w.Look(t.Context(), workflow)
	require.NoError(t, err)
	require.Equal(t, "https://kf/portal?i="+instanceID+"&r=4711", got.Request.Link)
}

func TestLookIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := workflows(t, serve(t, map[string]http.HandlerFunc{})).Look(ctx, workflow)
	require.ErrorIs(t, err, context.Canceled)
}

func TestKinds(t *testing.T) {
	k := client(t, config("https://kf.example.com"))
	require.Equal(t, approval.Workflow, keyfactor.NewWorkflows(k, keyfactor.SourceConfig{}).Kind())
	require.Equal(t, approval.Certificate, keyfactor.NewCertificates(k, keyfactor.SourceConfig{}).Kind())
}

func TestInstancesListsFinishedOnesToo(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"GET /KeyfactorAPI/Workflow/Instances": say(200, `[{"Id":"a","Status":"Complete"},{"Id":"b","Status":1}]`)})
	rows, errs := collect(t, client(t, config(s.URL)).Instances(t.Context(), keyfactor.ListOptions{}))
	require.Empty(t, errs)
	require.Equal(t, keyfactor.Complete, rows[0].Status.Name)
	require.Empty(t, rows[1].Status.Name, "a number in this list teaches nothing")
}

func TestDefinitionsAreForgottenAtSomePoint(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"GET /KeyfactorAPI/Workflow/Definitions/d": say(200, `{"Id":"d"}`)})
	k := client(t, config(s.URL))
	read := func(version int) {
		_, err := k.Definition(t.Context(), "d", version)
		require.NoError(t, err)
	}
	for version := 1; version <= 65; version++ {
		read(version)
		read(1) // in use, so it stays
	}
	require.Len(t, s.calls, 65)
	read(2)
	require.Len(t, s.calls, 66)
}

func TestSubjectsThatAreSpelledDifferentlyAreEqual(t *testing.T) {
	subject := pkix.Name{CommonName: `Müller, "Web" + Söhne`, Organization: []string{"Example  Ltd"}, Province: []string{"Berlin"}}
	text := csr(t, subject, nil)
	for _, spelled := range []string{
		`CN="Müller, \"Web\" + Söhne",O=Example Ltd,S=Berlin`,
		`st=berlin, o=example ltd, cn=Müller\, \"Web\" \+ Söhne`,
		`2.5.4.3=M\C3\BCller\2C \22Web\22 \2B Söhne;O=Example Ltd;ST=Berlin`,
	} {
		s := serve(t, map[string]http.HandlerFunc{detail: say(200, instance(t, map[string]any{"InitialData": map[string]any{"Subject": spelled, "CSR": text}}))})
		got, err := workflows(t, s).Look(t.Context(), workflow)
		require.NoError(t, err)
		require.Empty(t, difference(got.Request), spelled)
		require.Contains(t, got.Request.CommonName, "Müller, ", spelled)
	}
}

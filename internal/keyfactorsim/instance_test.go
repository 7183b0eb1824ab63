package keyfactorsim_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

const (
	web01ID   = "7c9901e4-de09-5940-a1c9-5d8d1fcfa24b"
	stepID    = "07b38e88-9004-55d1-9ad7-eda5f98fd08c"
	defID     = "bf6d98e1-fea9-5c0f-8e6a-effd805cbc01"
	web01Item = `{"Id":"` + web01ID + `","Status":"Suspended","CurrentStepId":"` + stepID + `",
		"StatusMessage":"Awaiting 1 more approval(s) from approval roles.",
		"Definition":{"Id":"` + defID + `","DisplayName":"Web server enrolment","Version":4,"WorkflowType":"Enrollment"},
		"CurrentStepDisplayName":"PKI team approval","CurrentStepUniqueName":"RequireApproval1",
		"Title":"EXAMPLE\\alice is enrolling for a certificate with CN=web01.example.com.",
		"LastModified":"2025-03-03T09:00:00.000Z","StartDate":"2025-03-03T09:00:00.000Z","ReferenceId":4701`
	web01Data = `"CertificateAuthority":"ca01.example.com\\Example Issuing CA 1","Template":"ExampleWebServer",
		"Subject":"CN=web01.example.com,O=Example Ltd,C=DE","IsPFX":false,"IncludeChain":true,
		"Metadata":{"AppOwner":"team-web"},"AdditionalAttributes":{},"InitiatingUserName":"EXAMPLE\\alice","RequesterId":17`
	sansObject = `"SANs":{"dns":["web01.example.com","www.example.com"],"ip4":["192.0.2.10"]}`
	sansPairs  = `"SANs":[{"Key":"dns","Value":"web01.example.com"},{"Key":"dns","Value":"www.example.com"},{"Key":"ip4","Value":"192.0.2.10"}]`
	signalWait = `"Signals":[{"SignalName":"ApprovalStatus","StepSignalId":"ece7b58c-4c8e-571a-933e-2d1e85742052","SignalReceived":false}]`
)

func TestInstanceAsTheSheetShowsIt(t *testing.T) {
	s := startSmall(t, keyfactorsim.Switches{})

	got := s.get("/Workflow/Instances/AssignedToMe?ReturnLimit=100")
	require.Equal(t, 200, got.status)
	require.Equal(t, "1", got.header.Get("x-total-count"))
	require.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
	require.JSONEq(t, "["+web01Item+"}]", got.body)

	got = s.get("/Workflow/Instances/" + web01ID)
	require.JSONEq(t, web01Item+","+signalWait+`,"InitialData":{`+web01Data+","+sansObject+`},"CurrentStateData":{`+web01Data+","+sansObject+`}}`, got.body)
}

func TestSwitches(t *testing.T) {
	for name, test := range map[string]struct {
		w    keyfactorsim.Switches
		want []string
	}{
		"status as a number":     {keyfactorsim.Switches{StatusAs: "int"}, []string{`"Status":2`}},
		"numbers of one's own":   {keyfactorsim.Switches{StatusAs: "int", StatusNumbers: map[string]int{"Suspended": 0}}, []string{`"Status":0`}},
		"names as pairs":         {keyfactorsim.Switches{SANsAs: "pairs"}, []string{strings.ReplaceAll(sansPairs, "\n", "")}},
		"dates without fraction": {keyfactorsim.Switches{Dates: "seconds"}, []string{`"StartDate":"2025-03-03T09:00:00Z"`}},
		"dates in ticks":         {keyfactorsim.Switches{Dates: "ticks"}, []string{`"StartDate":"2025-03-03T09:00:00.0000000Z"`}},
		"dates with offset":      {keyfactorsim.Switches{Dates: "offset"}, []string{`"StartDate":"2025-03-03T10:00:00.000+01:00"`}},
		"dates without zone":     {keyfactorsim.Switches{Dates: "bare"}, []string{`"StartDate":"2025-03-03T09:00:00"`}},
		"ticks without zone":     {keyfactorsim.Switches{Dates: "bare-ticks"}, []string{`"LastModified":"2025-03-03T09:00:00.0000000"`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSmall(t, test.w)
			body := s.get("/Workflow/Instances/" + web01ID).body
			for _, want := range test.want {
				require.Contains(t, body, want)
			}
		})
	}
	t.Run("no total count", func(t *testing.T) {
		s := startSmall(t, keyfactorsim.Switches{NoTotalCount: true})
		require.NotContains(t, s.get("/Workflow/Instances/AssignedToMe").header, "X-Total-Count")
	})
	t.Run("an unknown value is refused", func(t *testing.T) {
		_, err := keyfactorsim.New(keyfactorsim.Config{Switches: keyfactorsim.Switches{StatusAs: "roman", Dates: "julian", HiddenAs: 200, StatusNumbers: map[string]int{"Asleep": 9}}})
		for _, want := range []string{`status_as is "roman"`, `dates is "julian"`, "hidden_as is 200", `no status "Asleep"`} {
			require.ErrorContains(t, err, want)
		}
	})
}

func TestDefinitionIsPinnedAndOutOfOrder(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	pinned := s.object("/Workflow/Instances/" + keyfactorsim.InstanceID("pinned"))["Definition"].(map[string]any)
	require.EqualValues(t, 3, pinned["Version"])
	require.Equal(t, defID, pinned["Id"])

	old := s.object("/Workflow/Definitions/" + defID + "?definitionVersion=3")
	newest := s.object("/workflow/definitions/" + defID)
	require.Equal(t, "One pair of eyes for web servers", old["Description"])
	require.EqualValues(t, 3, old["DraftVersion"])
	require.EqualValues(t, 4, newest["PublishedVersion"])
	require.Equal(t, "12", newest["Key"])
	require.Equal(t, "ExampleWebServer", newest["KeyDisplayName"])

	steps := map[string]map[string]any{}
	var order, run []string
	for _, each := range newest["Steps"].([]any) {
		st := each.(map[string]any)
		steps[st["UniqueName"].(string)] = st
		order = append(order, st["UniqueName"].(string))
	}
	for at := "StartNOOP"; at != ""; {
		run = append(run, at)
		at, _ = steps[at]["Outputs"].(map[string]any)["continue"].(string)
	}
	require.Equal(t, []string{"StartNOOP", "PowerShell1", "Email1", "RequireApproval1", "Email2", "Keyfactor-Enroll", "EndNOOP"}, run)
	require.NotEqual(t, run, order)
	require.Equal(t, []any{map[string]any{"SignalName": "ApprovalStatus", "RoleIds": []any{3.0}}}, steps["RequireApproval1"]["Signals"])
	require.Equal(t, "NOOPStep", steps["StartNOOP"]["ExtensionName"])

	require.Equal(t, 404, s.get("/Workflow/Definitions/"+defID+"?definitionVersion=99").status)
	require.Equal(t, 404, s.get("/Workflow/Definitions/00000000-0000-0000-0000-000000000000").status)
	list := s.rows("/Workflow/Definitions?ReturnLimit=3", bot)
	require.Len(t, list, 3)
	require.Equal(t, "Code signing enrolment", list[0]["DisplayName"])
}

func TestSchemas(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	step := s.object("/Workflow/Definitions/Steps/requireapproval")
	require.Contains(t, step["SignalsDefinition"].(map[string]any)["ApprovalStatus"].(map[string]any)["InputParameters"], "Approved")
	require.NotContains(t, step, "SupportedWorkflowTypes")
	steps := s.rows("/Workflow/Definitions/Steps?SortField=ExtensionName", bot)
	require.Equal(t, "CustomPowerShell", steps[0]["ExtensionName"])
	require.Contains(t, steps[0]["SupportedWorkflowTypes"], "Revocation")
	types := s.rows(`/Workflow/Definitions/Types?QueryString=WorkflowType%20-eq%20%22Enrollment%22`, bot)
	require.Len(t, types, 1)
	require.Contains(t, types[0]["ContextParameters"], "CSR")
	require.Equal(t, 404, s.get("/Workflow/Definitions/Steps/Nothing").status)
}

// The life of the requests of the built-in seed, from a signal to an end.
func TestLifeCycle(t *testing.T) {
	t.Run("one approval issues", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		s.clock.advance(time.Minute)
		got := s.signal("web01", bot, approve)
		require.Equal(t, 204, got.status, got.body)
		require.Empty(t, got.body)
		require.False(t, s.assigned(bot, "web01"))
		i := s.object("/Workflow/Instances/" + web01ID)
		require.Equal(t, "Complete", i["Status"])
		require.Equal(t, "Issued", i["StatusMessage"])
		require.Equal(t, "EndNOOP", i["CurrentStepUniqueName"])
		require.Equal(t, "2025-03-03T10:01:00.000Z", i["LastModified"])
		require.Equal(t, []any{}, i["Signals"])
		current := i["CurrentStateData"].(map[string]any)
		require.JSONEq(t, `{"score":12,"reasons":["internal name"]}`, current["RiskScore"].(string))
		require.Contains(t, current, "CACertificate")
		require.NotContains(t, i["InitialData"], "RiskScore")
	})
	t.Run("one denial rejects, whatever was approved before", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		require.NoError(t, s.Decide(keyfactorsim.InstanceID("two-approvals"), `EXAMPLE\carol`, true, ""))
		require.Equal(t, 204, s.signal("two-approvals", bot, deny).status)
		require.Equal(t, "Rejected", s.instance("two-approvals").Status)
		require.Equal(t, "Workflow rejected by user with Id 1.", s.instance("two-approvals").Message)
	})
	t.Run("two approvals need two identities, and the signaller loses sight", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		require.Equal(t, "Awaiting 2 more approval(s) from approval roles.", s.instance("two-approvals").Message)
		require.Equal(t, 204, s.signal("two-approvals", bot, approve).status)
		require.Equal(t, "Awaiting 1 more approval(s) from approval roles.", s.instance("two-approvals").Message)
		require.False(t, s.assigned(bot, "two-approvals"))
		require.True(t, s.assigned(`EXAMPLE\carol`, "two-approvals"))

		again := s.signal("two-approvals", bot, approve)
		require.Equal(t, 400, again.status)
		require.Contains(t, again.body, "has already signalled")
		require.Equal(t, "Suspended", s.instance("two-approvals").Status)

		require.Equal(t, 204, s.signal("two-approvals", `EXAMPLE\carol`, approve).status)
		require.Equal(t, "Issued", s.instance("two-approvals").Message)
	})
	t.Run("one entry of Signals for each approval, when switched so", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{Switches: keyfactorsim.Switches{SignalsAs: "each"}})
		require.Equal(t, 204, s.signal("two-approvals", bot, approve).status)
		var received []any
		for _, each := range s.object("/Workflow/Instances/" + keyfactorsim.InstanceID("two-approvals"))["Signals"].([]any) {
			received = append(received, each.(map[string]any)["SignalReceived"])
		}
		require.Equal(t, []any{true, false}, received)
	})
	t.Run("two steps keep the id and change the step", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		before := s.instance("two-step")
		require.Equal(t, 204, s.signal("two-step", bot, strings.ReplaceAll(approve, "RequireApproval1", "TeamApproval")).status)
		after := s.instance("two-step")
		require.Equal(t, before.ID, after.ID)
		require.NotEqual(t, before.StepID, after.StepID)
		require.Equal(t, "SecurityApproval", after.Step)
		require.True(t, s.assigned(bot, "two-step"), "the next step waits for the same identity again")
		require.False(t, s.assigned(`EXAMPLE\carol`, "two-step"))

		late := s.signal("two-step", bot, strings.ReplaceAll(approve, "RequireApproval1", "TeamApproval"))
		require.Equal(t, 400, late.status)
		require.Contains(t, late.body, "is at step 'SecurityApproval'")
		require.Equal(t, 204, s.signal("two-step", bot, strings.ReplaceAll(approve, "RequireApproval1", "SecurityApproval")).status)
		require.Equal(t, "Complete", s.instance("two-step").Status)
	})
	t.Run("a revocation revokes", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		i := s.object("/Workflow/Instances/" + keyfactorsim.InstanceID("revoke-compromised"))["InitialData"].(map[string]any)
		require.EqualValues(t, 9021, i["CertificateId"])
		require.EqualValues(t, 1, i["RevokeCode"])
		require.Equal(t, "The key was found in a public repository.", i["Comment"])
		cert := s.object("/Certificates/9021?includeMetadata=true")
		require.Equal(t, i["SerialNumberString"], cert["SerialNumber"])
		require.Equal(t, i["Thumbprint"], cert["Thumbprint"])
		require.Equal(t, "Active", cert["CertStateString"])
		require.Equal(t, map[string]any{"AppOwner": "team-shop", "CostCentre": "4100"}, cert["Metadata"])
		require.Equal(t, "PKI Approvers", cert["OwnerRoleName"])
		require.Equal(t, 204, s.signal("revoke-compromised", bot, approve).status)
		require.Equal(t, "Revoked", s.instance("revoke-compromised").Message)
		cert = s.object("/Certificates/9021")
		require.Equal(t, "Revoked", cert["CertStateString"])
		require.EqualValues(t, 1, cert["RevocationReason"])
		require.Nil(t, cert["Metadata"])
		require.Equal(t, 404, s.get("/Certificates/1").status)
	})
	t.Run("a managed template hands over to the CA's list", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		require.Equal(t, 204, s.signal("under-submission", bot, approve).status)
		i := s.instance("under-submission")
		require.Equal(t, "Complete", i.Status)
		require.Equal(t, "Taken Under Submission. The certificate template requires manager approval, and is marked as pending.", i.Message)
		pending := s.rows(`/Workflow/Certificates/Pending?SortField=Id&SortAscending=1&ReturnLimit=1`, bot)[0]
		require.Equal(t, "laptop-4471.corp.example.com", pending["CommonName"])
		require.Equal(t, `EXAMPLE\svc-mdm`, pending["Requester"])
		require.Equal(t, pending["CARequestId"], i.Current["CACertificateRequest"].(map[string]any)["RequestId"])
		require.Equal(t, map[string]any{"Device": "laptop-4471", "Owner": "alice@example.com"}, pending["Metadata"])
		detail := s.object(fmt.Sprintf("/Workflow/Certificates/%v", int(pending["Id"].(float64))))
		require.Equal(t, []any{"laptop-4471.corp.example.com"}, detail["SANs"])
	})
	t.Run("a later step fails, and a restart makes a new id", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		require.Equal(t, 204, s.signal("fails-later", bot, approve).status)
		i := s.instance("fails-later")
		require.Equal(t, "Failed", i.Status)
		require.Equal(t, "Step 'CustomPowerShell1' failed: The inventory service answered 500.", i.Message)
		id, err := s.Restart(i.ID)
		require.NoError(t, err)
		require.NotEqual(t, i.ID, id)
		require.Equal(t, "CanceledForRestart", s.instance("fails-later").Status)
		again, err := s.Instance(id)
		require.NoError(t, err)
		require.Equal(t, "Suspended", again.Status)
		require.Greater(t, again.ReferenceID, i.ReferenceID)
		require.Equal(t, i.Initial, again.Initial)
	})
	t.Run("a failure can be prepared", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		require.NoError(t, s.FailLater(web01ID, "CA down"))
		require.Equal(t, 204, s.signal("web01", bot, approve).status)
		require.Equal(t, "Step 'Email2' failed: CA down", s.instance("web01").Message)
	})
	t.Run("stop, restart and delete through the API", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		admin := `EXAMPLE\admin`
		require.Equal(t, 403, s.call(http.MethodPost, "/Workflow/Instances/"+web01ID+"/Stop", bot, "").status)
		require.Equal(t, 204, s.call(http.MethodPost, "/Workflow/Instances/"+web01ID+"/Stop", admin, "").status)
		require.Equal(t, "Rejected", s.instance("web01").Status)
		require.Equal(t, 400, s.call(http.MethodPost, "/Workflow/Instances/"+web01ID+"/Stop", admin, "").status)
		pinned := "/Workflow/Instances/" + keyfactorsim.InstanceID("pinned")
		require.Equal(t, 400, s.call(http.MethodPost, pinned+"/Restart?version=77", admin, "").status)
		require.Equal(t, 204, s.call(http.MethodPost, pinned+"/Restart?version=4", admin, "").status)
		all := s.Instances()
		require.Equal(t, 4, all[len(all)-1].Version)
		require.Equal(t, 204, s.call(http.MethodDelete, pinned, admin, "").status)
		require.Equal(t, 404, s.get(pinned).status)
		require.Equal(t, 404, s.signal("pinned", bot, approve).status)
	})
	t.Run("an unknown signal name", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		i := s.object("/Workflow/Instances/" + keyfactorsim.InstanceID("other-signal"))
		require.Equal(t, "RiskReview", i["Signals"].([]any)[0].(map[string]any)["SignalName"])
		require.Equal(t, 400, s.signal("other-signal", bot, `{"SignalKey":"RiskReview1.ApprovalStatus","Data":{"Approved":"True"}}`).status)
		require.Equal(t, 204, s.signal("other-signal", bot, `{"SignalKey":"RiskReview1.RiskReview","Data":{"Level":"low"}}`).status)
		require.Equal(t, "RequireApproval1", s.instance("other-signal").Step)
	})
}

func TestChangedFactsAreServed(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	require.NoError(t, s.ChangeRequest(web01ID, keyfactorsim.Change{
		Title: "changed", Current: map[string]any{"Subject": "CN=other.example.com", "CSR": nil}}))
	i := s.object("/Workflow/Instances/" + web01ID)
	require.Equal(t, "changed", i["Title"])
	require.Equal(t, "CN=other.example.com", i["CurrentStateData"].(map[string]any)["Subject"])
	require.NotContains(t, i["CurrentStateData"], "CSR")
	require.Contains(t, i["InitialData"], "CSR")
	require.ErrorIs(t, s.ChangeRequest("none", keyfactorsim.Change{}), keyfactorsim.ErrNotFound)
}

func TestEveryCSROfTheSeedIsReal(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	kinds := map[string]int{}
	for _, i := range s.Instances() {
		full, err := s.Instance(i.ID)
		require.NoError(t, err)
		text, ok := full.Initial["CSR"].(string)
		if !ok {
			continue
		}
		block, _ := pem.Decode([]byte(text))
		require.NotNil(t, block, i.Title)
		csr, err := x509.ParseCertificateRequest(block.Bytes)
		require.NoError(t, err, i.Title)
		require.NoError(t, csr.CheckSignature(), i.Title)
		kinds[csr.PublicKeyAlgorithm.String()]++
		if strings.Contains(i.Title, "edge.cdn") {
			require.Len(t, csr.DNSNames, 1000)
		}
	}
	require.Greater(t, kinds["RSA"], 4)
	require.Greater(t, kinds["ECDSA"], 4)
}

func TestSameSeedSameFacts(t *testing.T) {
	a, b := start(t, keyfactorsim.Config{}), start(t, keyfactorsim.Config{})
	for _, name := range []string{"web01", "api-gateway", "two-approvals", "hostile"} {
		require.Equal(t, a.instance(name), b.instance(name))
	}
}

func TestHostileTextArrivesUnharmed(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	i := s.object("/Workflow/Instances/" + keyfactorsim.InstanceID("hostile"))
	require.Contains(t, i["Title"], "<!channel> *APPROVED* by <@U123>")
	require.Contains(t, i["Title"], "\u202e")
	data := i["InitialData"].(map[string]any)
	require.Contains(t, data["Subject"], "line one\nline two")
	require.Contains(t, data["SANs"].(map[string]any)["dns"], "<!here>.example.com")
	require.Greater(t, len(data["Metadata"].(map[string]any)["Justification"].(string)), 3000)
	raw, err := json.Marshal(data)
	require.NoError(t, err)
	require.True(t, json.Valid(raw))
}

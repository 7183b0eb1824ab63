// Package sdktest holds the simulator against the vendor's own client library. It is a module of its own, so that nobody
// who uses ours downloads the library.
package sdktest

import (
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/Keyfactor/keyfactor-auth-client-go/auth_providers"
	keyfactor "github.com/Keyfactor/keyfactor-go-client-sdk/v25"
	v1 "github.com/Keyfactor/keyfactor-go-client-sdk/v25/api/keyfactor/v1"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/stretchr/testify/require"
)

// connect starts a simulator with TLS, because the library forces https, and with statuses as integers, because its decoder
// takes nothing else.
func connect(t *testing.T, login func(*auth_providers.Server, *keyfactorsim.Server, string)) (*keyfactorsim.Server, *v1.APIClient) {
	t.Helper()
	for _, name := range []string{"KEYFACTOR_HOSTNAME", "KEYFACTOR_USERNAME", "KEYFACTOR_PASSWORD", "KEYFACTOR_DOMAIN", "KEYFACTOR_AUTH_CLIENT_ID", "KEYFACTOR_AUTH_CLIENT_SECRET"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	sim, err := keyfactorsim.New(keyfactorsim.Config{Switches: keyfactorsim.Switches{StatusAs: "int"}})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	web := httptest.NewTLSServer(sim)
	t.Cleanup(web.Close)

	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600))
	u, err := url.Parse(web.URL)
	require.NoError(t, err)
	// The port is part of the host, because the library's test of the credentials leaves Port out.
	config := &auth_providers.Server{Host: u.Host, APIPath: "KeyfactorAPI", CACertPath: ca}
	login(config, sim, web.URL)
	client, err := keyfactor.NewAPIClient(config)
	require.NoError(t, err)
	return sim, client.V1
}

func basic(c *auth_providers.Server, _ *keyfactorsim.Server, _ string) {
	c.Username, c.Password, c.Domain, c.AuthType = "svc-approvebot", "approve-me", "EXAMPLE", "basic"
}

func oauth(c *auth_providers.Server, sim *keyfactorsim.Server, base string) {
	c.ClientID, c.ClientSecret, c.OAuthTokenUrl, c.AuthType = "approvebot", "approve-me", sim.URLs(base).Token, "oauth"
}

func TestInstances(t *testing.T) {
	for name, login := range map[string]func(*auth_providers.Server, *keyfactorsim.Server, string){"basic": basic, "oauth": oauth} {
		t.Run(name, func(t *testing.T) {
			sim, client := connect(t, login)
			api := client.WorkflowInstanceApi
			rows, _, err := api.NewGetWorkflowInstancesAssignedToMeRequest(t.Context()).ReturnLimit(100).PageReturned(1).
				SortField("ReferenceId").SortAscending(0).QueryString(`InitiatingUserName -eq "EXAMPLE\alice" AND WorkflowType -eq "Enrollment"`).Execute()
			require.NoError(t, err)
			require.Len(t, rows, 2)
			require.Equal(t, keyfactorsim.InstanceID("web01"), rows[0].GetId())
			require.EqualValues(t, 2, rows[0].GetStatus())
			require.Equal(t, "Awaiting 1 more approval(s) from approval roles.", rows[0].GetStatusMessage())

			one, _, err := api.NewGetWorkflowInstancesInstanceIdRequest(t.Context(), rows[0].GetId()).Execute()
			require.NoError(t, err)
			require.False(t, one.Signals[0].GetSignalReceived())
			require.Equal(t, "ExampleWebServer", one.InitialData["Template"])

			def := rows[0].GetDefinition()
			full, _, err := client.WorkflowDefinitionApi.NewGetWorkflowDefinitionsDefinitionIdRequest(t.Context(), def.GetId()).DefinitionVersion(def.GetVersion()).Execute()
			require.NoError(t, err)
			require.Equal(t, "Web server enrolment", full.GetDisplayName())
			require.Len(t, full.Steps, 7)

			signal := v1.WorkflowsSignalRequest{Data: map[string]any{"Approved": "True", "Comment": "through the library"}}
			signal.SetSignalKey(one.GetCurrentStepUniqueName() + "." + one.Signals[0].GetSignalName())
			res, err := api.NewCreateWorkflowInstancesInstanceIdSignalsRequest(t.Context(), one.GetId()).WorkflowsSignalRequest(signal).Execute()
			require.NoError(t, err)
			require.Equal(t, 204, res.StatusCode)
			require.Equal(t, "through the library", sim.Signals()[0].Comment)
			require.True(t, sim.Signals()[0].Accepted)
			one, _, err = api.NewGetWorkflowInstancesInstanceIdRequest(t.Context(), rows[0].GetId()).Execute()
			require.NoError(t, err)
			require.EqualValues(t, 3, one.GetStatus())
			require.Equal(t, "Issued", one.GetStatusMessage())
		})
	}
}

func TestEverythingOnTheWayIsDecoded(t *testing.T) {
	sim, client := connect(t, basic)
	ctx := t.Context()
	all, _, err := client.WorkflowInstanceApi.NewGetWorkflowInstancesRequest(ctx).ReturnLimit(1000).Execute()
	require.NoError(t, err)
	require.Len(t, all, len(sim.Instances()))
	for _, each := range all {
		_, _, err := client.WorkflowInstanceApi.NewGetWorkflowInstancesInstanceIdRequest(ctx, each.GetId()).Execute()
		require.NoError(t, err, each.GetTitle())
	}
	mine, _, err := client.WorkflowInstanceApi.NewGetWorkflowInstancesMyRequest(ctx).Execute()
	require.NoError(t, err)
	require.Empty(t, mine)
	definitions, _, err := client.WorkflowDefinitionApi.NewGetWorkflowDefinitionsRequest(ctx).Execute()
	require.NoError(t, err)
	require.Len(t, definitions, 10)
	steps, _, err := client.WorkflowDefinitionApi.NewGetWorkflowDefinitionsStepsRequest(ctx).Execute()
	require.NoError(t, err)
	require.NotEmpty(t, steps)
	step, _, err := client.WorkflowDefinitionApi.NewGetWorkflowDefinitionsStepsExtensionNameRequest(ctx, "RequireApproval").Execute()
	require.NoError(t, err)
	require.Equal(t, "Require Approval", step.GetDisplayName())
	types, _, err := client.WorkflowDefinitionApi.NewGetWorkflowDefinitionsTypesRequest(ctx).Execute()
	require.NoError(t, err)
	require.NotEmpty(t, types)
	endpoints, _, err := client.StatusApi.NewGetStatusEndpointsRequest(ctx).Execute()
	require.NoError(t, err)
	require.Contains(t, endpoints, "GET /Workflow/Instances/AssignedToMe")
	_, err = client.StatusApi.NewGetStatusHealthCheckRequest(ctx).Execute()
	require.NoError(t, err)
	roles, _, err := client.SecurityRolesApi.NewGetSecurityRolesRequest(ctx).Execute()
	require.NoError(t, err)
	require.Len(t, roles, 6)
	certificate, _, err := client.CertificateApi.NewGetCertificatesByIdRequest(ctx, 9021).IncludeMetadata(true).Execute()
	require.NoError(t, err)
	require.Equal(t, "shop.example.com", certificate.GetIssuedCN())
	certificates, _, err := client.CertificateApi.NewGetCertificatesRequest(ctx).Execute()
	require.NoError(t, err)
	require.Len(t, certificates, 5)
	template, _, err := client.TemplateApi.NewGetTemplatesByIdRequest(ctx, 16).Execute()
	require.NoError(t, err)
	require.True(t, template.GetRequiresApproval())
	templates, _, err := client.TemplateApi.NewGetTemplatesRequest(ctx).Execute()
	require.NoError(t, err)
	require.Len(t, templates, 6)
}

func TestRequestsAtTheCA(t *testing.T) {
	sim, client := connect(t, basic)
	api := client.WorkflowApi
	pending, _, err := api.NewGetWorkflowCertificatesPendingRequest(t.Context()).ReturnLimit(1000).Execute()
	require.NoError(t, err)
	require.Len(t, pending, 5)
	one, _, err := api.NewGetWorkflowCertificatesByIdRequest(t.Context(), pending[0].GetId()).Execute()
	require.NoError(t, err)
	require.Equal(t, []string{"web02.example.com"}, one.SANs)

	approved, _, err := api.NewCreateWorkflowCertificatesApproveRequest(t.Context()).RequestBody([]int32{23, 26, 27}).Execute()
	require.NoError(t, err)
	require.Len(t, approved.Successes, 1)
	require.EqualValues(t, 23, approved.Successes[0].GetKeyfactorRequestId())
	require.Len(t, approved.Denials, 1)
	require.Len(t, approved.Failures, 1)

	denial := v1.CSSCMSDataModelModelsWorkflowDenialRequest{CertificateRequestIds: []int32{24}}
	denial.SetComment("not ours")
	denied, _, err := api.NewCreateWorkflowCertificatesDenyRequest(t.Context()).CSSCMSDataModelModelsWorkflowDenialRequest(denial).Execute()
	require.NoError(t, err)
	require.Len(t, denied.Successes, 1)
	list, _, err := api.NewGetWorkflowCertificatesDeniedRequest(t.Context()).Execute()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "not ours", sim.CertificateDecisions()[3].Comment)
	external, _, err := api.NewGetWorkflowCertificatesExternalValidationRequest(t.Context()).Execute()
	require.NoError(t, err)
	require.Empty(t, external)
}

func TestAdministration(t *testing.T) {
	sim, client := connect(t, func(c *auth_providers.Server, _ *keyfactorsim.Server, _ string) {
		c.Username, c.Password, c.Domain, c.AuthType = "admin", "admin", "EXAMPLE", "basic"
	})
	api := client.WorkflowInstanceApi
	_, err := api.NewCreateWorkflowInstancesInstanceIdStopRequest(t.Context(), keyfactorsim.InstanceID("web01")).Execute()
	require.NoError(t, err)
	_, err = api.NewCreateWorkflowInstancesInstanceIdRestartRequest(t.Context(), keyfactorsim.InstanceID("pinned")).Version(3).Execute()
	require.NoError(t, err)
	_, err = api.NewDeleteWorkflowInstancesInstanceIdRequest(t.Context(), keyfactorsim.InstanceID("self")).Execute()
	require.NoError(t, err)
	_, err = sim.Instance(keyfactorsim.InstanceID("self"))
	require.ErrorIs(t, err, keyfactorsim.ErrNotFound)
	again, err := sim.Instance(keyfactorsim.InstanceID("pinned"))
	require.NoError(t, err)
	require.Equal(t, "CanceledForRestart", again.Status)
}

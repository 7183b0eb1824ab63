package keyfactorsim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

func query(text string) string { return "?ReturnLimit=1000&QueryString=" + url.QueryEscape(text) }

func TestQueryLanguage(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	all := len(s.rows("/Workflow/Instances?ReturnLimit=1000", bot))
	for q, want := range map[string]int{
		``:                                     all,
		`InitiatingUserName -eq "EXAMPLE\ada"`: 1,
		`InitiatingUserName -eq "example\ADA"`: 1,
		`initiatingusername -ne "EXAMPLE\ada"`: all - 1,
		`InitiatingUserName -eq "EXAMPLE\alice" AND Title -contains "mail.example.com"`: 1,
		`InitiatingUserName -startswith "EXAMPLE\svc-" AND NOTHING -eq "x"`:             -1,
		`Title -startswith "Timer" OR Title -endswith "CN=wiki.example.com."`:           2,
		`Title -notcontains "e"`: 0,
		`WorkflowType -eq "Revocation" OR WorkflowType -eq "Expiration" AND Id -eq NULL`:   2,
		`(WorkflowType -eq "Revocation" OR WorkflowType -eq "Expiration") AND Id -ne NULL`: 3,
		`ReferenceId -ge 4701 AND ReferenceId -lt 4704`:                                    3,
		`ReferenceId -eq "4701"`:                  1,
		`StartDate -lt "2025-03-02T00:00:00Z"`:    2,
		`StartDate -lt "2025-03-02"`:              2,
		`StartDate -ge %TODAY%`:                   17,
		`StartDate -ge "%TODAY-7%"`:               all,
		`StartDate -gt "%TODAY+1%"`:               0,
		`InitiatingUserName -eq "%ME%"`:           0,
		`Status -eq "Suspended"`:                  all - 2,
		`Status -eq 2`:                            all - 2,
		`StatusMessage -eq NULL`:                  0,
		`CurrentStepUniqueName -eq "RiskReview1"`: 1,
		`Status -eq "Asleep"`:                     -1,
		`Title -gt "a"`:                           -1,
		`Title`:                                   -1,
		`Title -eq`:                               -1,
		`(Title -eq "a"`:                          -1,
		`Title -eq "a" Title -eq "b"`:             -1,
		`Title -eq "a" AND`:                       -1,
		`Title "a"`:                               -1,
		`Title -eq "a`:                            -1,
		`"Title" -eq "a"`:                         -1,
		`Title -eq )`:                             -1,
		`ReferenceId -eq "many"`:                  -1,
		`ReferenceId -contains 4`:                 -1,
		`ReferenceId -lt NULL`:                    -1,
		`StartDate -eq "yesterday"`:               -1,
		strings.Repeat("(", 5000):                 -1,
	} {
		got := s.get("/Workflow/Instances" + query(q))
		if want < 0 {
			require.Equal(t, 400, got.status, q)
			require.Contains(t, got.body, `"Message":"Invalid `, q)
			continue
		}
		require.Equal(t, 200, got.status, "%s: %s", q, got.body)
		require.Equal(t, fmt.Sprint(want), got.header.Get("x-total-count"), q)
	}
	require.Contains(t, s.get("/Certificates"+query(`CertState -eq "Revoked"`)).body, "Invalid CertState value: Revoked.")
	require.Len(t, s.rows("/Certificates"+query(`CertState -eq "1" AND NotAfter -lt "%TODAY+7%"`), bot), 2)
	require.Len(t, s.rows("/Workflow/Definitions"+query(`Enabled -eq true AND WorkflowType -eq "Revocation"`), bot), 1)
	require.Len(t, s.rows("/Workflow/Certificates/Pending"+query(`SubmissionDate -ge "2025-03-03T00:00:00Z" AND Requester -eq "EXAMPLE\alice"`), bot), 1)
}

func TestPagingSortingAndOldNames(t *testing.T) {
	s := start(t, keyfactorsim.Config{BaseRequests: 120})
	first := s.rows("/Workflow/Instances/AssignedToMe", bot)
	require.Len(t, first, 50, "the default page size")
	require.Equal(t, "Confirm renewal", first[0]["CurrentStepDisplayName"], "the default order is by the step's name, ascending")

	seen := map[any]bool{}
	var refs []float64
	for page := 1; ; page++ {
		rows := s.rows(fmt.Sprintf("/Workflow/Instances/AssignedToMe?pagereturned=%d&pq.returnLimit=31&SORTFIELD=referenceid&pagedQuery.sortAscending=1", page), bot)
		for _, r := range rows {
			require.False(t, seen[r["Id"]])
			seen[r["Id"]] = true
			refs = append(refs, r["ReferenceId"].(float64))
		}
		if len(rows) < 31 {
			break
		}
	}
	require.Len(t, seen, 141)
	for n := 1; n < len(refs); n++ {
		require.Greater(t, refs[n-1], refs[n], "1 means descending")
	}
	require.Empty(t, s.rows("/Workflow/Instances/AssignedToMe?PageReturned=99999999999", bot))
	for path, says := range map[string]string{
		"?SortField=Colour":              `{"ErrorCode":"0xA011004A","Message":"Invalid sort field: Colour."}`,
		"?PageReturned=0":                "Invalid PageReturned",
		"?ReturnLimit=many":              "Invalid ReturnLimit",
		"?instanceQuery.SortAscending=2": "Invalid instanceQuery.SortAscending",
	} {
		got := s.get("/Workflow/Instances" + path)
		require.Equal(t, 400, got.status, path)
		require.Contains(t, got.body, says)
	}
}

func TestReturnLimitCanBeCapped(t *testing.T) {
	s := start(t, keyfactorsim.Config{MaxReturnLimit: 5})
	require.Len(t, s.rows("/Workflow/Instances?ReturnLimit=1000", bot), 5)
}

// Whatever happens between two pages, a list is what a fresh sort would have made of it.
func TestListsFollowEveryChange(t *testing.T) {
	s := start(t, keyfactorsim.Config{BaseRequests: 40})
	lists := []string{"/Workflow/Instances/AssignedToMe?ReturnLimit=1000&SortField=LastModified", "/Workflow/Instances?ReturnLimit=1000&SortField=Title&SortAscending=1",
		"/Workflow/Instances?ReturnLimit=1000&SortField=Status", "/Workflow/Instances/AssignedToMe?ReturnLimit=1000"}
	fresh := func(path string) []any {
		// Another spelling of the query is another view, sorted now.
		var ids []any
		for _, r := range s.rows(path+"&QueryString="+url.QueryEscape(fmt.Sprintf(`Id -ne "%d"`, s.clock.now().UnixNano())), bot) {
			ids = append(ids, r["Id"])
		}
		return ids
	}
	for n, do := range []func() error{
		func() error { return nil },
		func() error { _, err := s.Arrive("web"); return err },
		func() error { return s.Decide(keyfactorsim.InstanceID("wildcard"), bot, true, "") },
		func() error { return s.Decide(keyfactorsim.InstanceID("two-approvals"), bot, true, "") },
		func() error { return s.Decide(keyfactorsim.InstanceID("two-step"), `EXAMPLE\carol`, true, "") },
		func() error { return s.Delete(keyfactorsim.InstanceID("pinned")) },
		func() error { return s.ChangeRequest(web01ID, keyfactorsim.Change{Title: "zzz"}) },
		func() error { _, err := s.Restart(keyfactorsim.InstanceID("mismatch")); return err },
		func() error { return s.Stop(keyfactorsim.InstanceID("weak-key")) },
		func() error { return s.SetPermissions(bot, []string{"Security Office"}, []string{"/"}) },
		func() error { return s.Decide(keyfactorsim.InstanceID("self"), `EXAMPLE\dave`, false, "") },
	} {
		s.clock.advance(time.Second)
		require.NoError(t, do())
		for _, path := range lists {
			var ids []any
			for _, r := range s.rows(path, bot) {
				ids = append(ids, r["Id"])
			}
			require.Equal(t, fresh(path), ids, "%s after change %d", path, n)
		}
	}
}

func TestPermissions(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	set := func(permissions ...string) {
		t.Helper()
		require.NoError(t, s.SetPermissions(bot, []string{"PKI Approvers"}, permissions))
	}
	require.NoError(t, s.SetPermissions(`EXAMPLE\erin`, []string{}, []string{"WorkflowInstances: ReadAssignedToMe"}))
	require.Empty(t, s.rows("/Workflow/Instances/AssignedToMe", `EXAMPLE\erin`), "permission without a role of a step: an empty list, no error")
	got := s.call(http.MethodGet, "/Workflow/Instances", `EXAMPLE\erin`, "")
	require.Equal(t, 403, got.status)
	require.JSONEq(t, `{"ErrorCode":"0xA0140002","Message":"User EXAMPLE\\erin does not have the required permissions: /workflows/instances/read/."}`, got.body)
	got = s.call(http.MethodGet, "/Workflow/Instances/AssignedToMe", `EXAMPLE\nobody`, "")
	require.JSONEq(t, `{"ErrorCode":"0xA0140002","Message":"User EXAMPLE\\nobody doesn't have the required permission"}`, got.body)

	require.Equal(t, 200, s.call(http.MethodGet, "/Workflow/Instances/"+web01ID, `EXAMPLE\alice`, "").status, "her own")
	require.Equal(t, 403, s.call(http.MethodGet, "/Workflow/Instances/"+keyfactorsim.InstanceID("self"), `EXAMPLE\alice`, "").status)
	require.Len(t, s.rows("/Workflow/Instances/My", `EXAMPLE\alice`), 4)

	// With no more than the permission to read what is pending, the signaller loses sight of the instance.
	require.NoError(t, s.SetPermissions(`EXAMPLE\erin`, []string{"CA Managers"}, []string{"/workflows/instances/read/pending/"}))
	require.Equal(t, 403, s.call(http.MethodGet, "/Workflow/Instances/"+web01ID, `EXAMPLE\erin`, "").status)
	require.NoError(t, s.SetSwitches(keyfactorsim.Switches{HiddenAs: 404}))
	require.Equal(t, 404, s.call(http.MethodGet, "/Workflow/Instances/"+web01ID, `EXAMPLE\erin`, "").status)

	set()
	require.Equal(t, 403, s.get("/Security/Roles").status)
	set("/security/")
	require.Equal(t, 200, s.get("/Security/Roles").status)
	require.ErrorIs(t, s.SetPermissions("nobody at all", nil, nil), keyfactorsim.ErrNotFound)
	require.ErrorIs(t, s.SetPermissions(bot, []string{"No such role"}, nil), keyfactorsim.ErrNotFound)
}

func TestRolesAndTemplates(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	roles := s.rows("/Security/Roles?SortField=Id", bot)
	require.Equal(t, "PKI Approvers", roles[1]["Name"])
	require.EqualValues(t, 3, roles[1]["Id"])
	require.NotEmpty(t, roles[1]["Identities"])
	r := s.request(http.MethodGet, "/Security/Roles/3", bot, "")
	r.Header.Set("x-keyfactor-api-version", "2.0")
	got, err := s.send(r)
	require.NoError(t, err)
	require.Contains(t, got.body, `"ClaimsCount":6`)
	require.Equal(t, 404, s.get("/Security/Roles/77").status)
	require.Equal(t, true, s.object("/Templates/16")["RequiresApproval"])
	require.Len(t, s.rows("/Templates"+query(`CommonName -eq "ExampleUser"`), bot), 1)
	require.Equal(t, 404, s.get("/Templates/1").status)
}

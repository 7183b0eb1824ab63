package keyfactor_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/keyfactor"
)

// together are several logins at one simulated Keyfactor. The first two may read
// nothing but what waits for them, which is the least that works.
type together struct {
	*keyfactorsim.Server
	workflows *keyfactor.Workflows
	log       *observer.ObservedLogs
}

func simulateAccounts(t *testing.T, further ...string) *together {
	t.Helper()
	seed := keyfactorsim.BuiltinSeed()
	seed.Roles = append(slices.Clone(seed.Roles), keyfactorsim.Role{ID: 90, Name: "Readers of their own", Permissions: []string{"/workflows/instances/read/pending/"}})
	for i, r := range seed.Roles {
		if r.Name == "PKI Approvers" || r.Name == "Security Office" {
			seed.Roles[i].Permissions = nil
		}
	}
	seed.Accounts = []keyfactorsim.Account{{Username: `EXAMPLE\svc-1`, Password: "secret", Roles: []string{"PKI Approvers", "Readers of their own"}}}
	for _, name := range further {
		role := "PKI Approvers"
		if name == "security" {
			role = "Security Office"
		}
		seed.Accounts = append(seed.Accounts, keyfactorsim.Account{Username: `EXAMPLE\` + name, Password: "secret", Roles: []string{role, "Readers of their own"}})
	}
	sim, err := keyfactorsim.New(keyfactorsim.Config{Seed: seed})
	require.NoError(t, err)
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	login := func(name string) *keyfactor.Client {
		c := config(s.URL)
		c.Auth = keyfactor.Basic{Username: `EXAMPLE\` + name, Password: secret.New("secret")}
		return client(t, c)
	}
	var accounts []keyfactor.Account
	for _, name := range further {
		accounts = append(accounts, keyfactor.Account{Name: name, Client: login(name)})
	}
	core, log := observer.New(zap.InfoLevel)
	return &together{sim, keyfactor.NewWorkflows(login("svc-1"), keyfactor.SourceConfig{PageSize: 7, Log: zap.New(core)}, accounts...), log}
}

func (s *together) id(t *testing.T, name string) approval.ID {
	t.Helper()
	i, err := s.Instance(keyfactorsim.InstanceID(name))
	require.NoError(t, err)
	return approval.ID("workflow:" + i.ID + "/" + strings.ToLower(i.StepID))
}

func (s *together) listed(t *testing.T) map[approval.ID]int {
	t.Helper()
	items, errs := collect(t, s.workflows.List(t.Context()))
	require.Empty(t, errs)
	ids := map[approval.ID]int{}
	for _, i := range items {
		ids[i.ID]++
	}
	return ids
}

func by(account, person string, id approval.ID) approval.Decision {
	d := yes(id)
	d.Account, d.By.Name, d.By.ID = account, person, "U0"+strings.ToUpper(person)
	return d
}

// A step that wants two approvals, completed from here: one person, one account.
func TestTwoAccountsCompleteAStepOfTwo(t *testing.T) {
	s := simulateAccounts(t, "svc-2")
	require.Equal(t, []string{"", "svc-2"}, s.workflows.Accounts())
	id := s.id(t, "two-approvals")
	for listed, n := range s.listed(t) {
		require.Equal(t, 1, n, "%s waits for both accounts and is one request", listed)
	}
	require.Contains(t, s.listed(t), id)

	require.NoError(t, s.workflows.Send(t.Context(), by("", "Ada", id)))
	// The first account has voted and sees no more of it; the second still does.
	require.Contains(t, s.listed(t), id, "it still waits for the second account")
	got, err := s.workflows.Look(t.Context(), id)
	require.NoError(t, err)
	require.True(t, got.Waiting)
	require.Equal(t, 1, got.Request.Missing)
	counted, err := s.workflows.Counted(t.Context(), id)
	require.NoError(t, err)
	require.True(t, counted, "the first account's vote is in")
	counted, err = s.workflows.CountedBy(t.Context(), id, "svc-2")
	require.NoError(t, err)
	require.False(t, counted)

	require.NoError(t, s.workflows.Send(t.Context(), by("svc-2", "Ben", id)))
	_, err = s.workflows.CountedBy(t.Context(), id, "svc-2")
	require.Error(t, err, "it does not wait any more")
	require.NotContains(t, s.listed(t), id)

	signals := s.Signals()
	require.Len(t, signals, 2)
	require.Equal(t, `EXAMPLE\svc-1`, signals[0].Identity)
	require.Contains(t, signals[0].Comment, "Ada")
	require.Equal(t, `EXAMPLE\svc-2`, signals[1].Identity)
	require.Contains(t, signals[1].Comment, "Ben")
	i, err := s.Instance(keyfactorsim.InstanceID("two-approvals"))
	require.NoError(t, err)
	require.Equal(t, "Complete", i.Status)
}

func TestEveryAccountBringsWhatOnlyItSees(t *testing.T) {
	s := simulateAccounts(t, "security")
	wildcard := s.id(t, "wildcard") // for the security office alone
	require.Contains(t, s.listed(t), wildcard)
	got, err := s.workflows.Look(t.Context(), wildcard)
	require.NoError(t, err)
	require.True(t, got.Waiting)

	require.ErrorIs(t, s.workflows.Send(t.Context(), by("", "Ada", wildcard)), approval.ErrForbidden, "the first account holds no role of the step")
	require.NoError(t, s.workflows.Send(t.Context(), by("security", "Ada", wildcard)))
	// Nobody may read it any more, which is not the same as gone.
	got, err = s.workflows.Look(t.Context(), wildcard)
	require.NoError(t, err)
	require.Equal(t, approval.Hidden, got.Outcome.Reason)

	gone := s.id(t, "web01")
	require.NoError(t, s.Delete(keyfactorsim.InstanceID("web01")))
	got, err = s.workflows.Look(t.Context(), gone)
	require.NoError(t, err)
	require.Equal(t, approval.Gone, got.Outcome.Reason)
}

func TestAnAccountThatNobodyKnows(t *testing.T) {
	s := simulateAccounts(t, "svc-2")
	id := s.id(t, "two-approvals")
	require.ErrorContains(t, s.workflows.Send(t.Context(), by("svc-3", "Ada", id)), `no Keyfactor account "svc-3"`)
	_, err := s.workflows.CountedBy(t.Context(), id, "svc-3")
	require.ErrorContains(t, err, `no Keyfactor account "svc-3"`)
	require.Empty(t, s.Signals())
}

// A further account whose permissions were withdrawn takes nothing away from the others.
func TestAFurtherAccountThatFails(t *testing.T) {
	s := simulateAccounts(t, "svc-2")
	all := s.listed(t)
	require.NoError(t, s.SetPermissions(`EXAMPLE\svc-2`, []string{}, []string{}))
	for range 3 {
		require.Equal(t, all, s.listed(t))
	}
	require.Equal(t, 1, s.log.FilterMessageSnippet("cannot list what waits for it").Len(), "once, not with every poll")
	require.NoError(t, s.SetPermissions(`EXAMPLE\svc-2`, []string{"PKI Approvers", "Readers of their own"}, nil))
	require.Equal(t, all, s.listed(t))
	require.Equal(t, 1, s.log.FilterMessageSnippet("can list again").Len())

	// The first one is what the service lives by.
	require.NoError(t, s.SetPermissions(`EXAMPLE\svc-1`, []string{}, []string{}))
	_, errs := collect(t, s.workflows.List(t.Context()))
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], approval.ErrForbidden)
	// What the second may read is still known to wait.
	got, err := s.workflows.Look(t.Context(), s.id(t, "two-approvals"))
	require.NoError(t, err)
	require.True(t, got.Waiting)
}

// While Keyfactor is away nothing is concluded, whatever the first account was told.
func TestNothingIsConcludedWhileOneAccountIsUnsure(t *testing.T) {
	hidden := serve(t, map[string]http.HandlerFunc{detail: say(403, `{"Message":"no"}`)})
	away := serve(t, map[string]http.HandlerFunc{detail: page(503)})
	unknown := serve(t, map[string]http.HandlerFunc{detail: say(401, "")})
	for name, second := range map[string]*server{"away": away, "not accepted": unknown} {
		w := keyfactor.NewWorkflows(client(t, config(hidden.URL)), keyfactor.SourceConfig{}, keyfactor.Account{Name: "second", Client: client(t, config(second.URL))})
		_, err := w.Look(t.Context(), workflow)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, approval.ErrForbidden, name)
	}
}

func TestTrustInOneAuthorityAlone(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c := config(s.URL)
	c.CACertificates, c.CAOnly = pemOf(s.Certificate().Raw), true
	transport, err := c.NewTransport()
	require.NoError(t, err)
	alone := x509.NewCertPool()
	alone.AddCert(s.Certificate())
	require.True(t, alone.Equal(transport.TLSClientConfig.RootCAs), "the system's authorities must not count")
	c.CAOnly = false
	transport, err = c.NewTransport()
	require.NoError(t, err)
	system, err := x509.SystemCertPool()
	require.NoError(t, err)
	system.AddCert(s.Certificate())
	require.True(t, system.Equal(transport.TLSClientConfig.RootCAs))
}

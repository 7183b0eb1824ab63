package keyfactor_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/keyfactor"
)

// simulated is a Keyfactor that shares no type with the client, and both queues of it.
type simulated struct {
	*keyfactorsim.Server
	url       string
	config    keyfactor.Config
	workflows *keyfactor.Workflows
	pending   *keyfactor.Certificates
}

func simulate(t *testing.T, switches keyfactorsim.Switches, change ...func(*keyfactor.Config)) *simulated {
	t.Helper()
	sim, err := keyfactorsim.New(keyfactorsim.Config{Switches: switches})
	require.NoError(t, err)
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	c := config(s.URL)
	c.Auth = keyfactor.Basic{Username: `EXAMPLE\svc-approvebot`, Password: secret.New("approve-me")}
	for _, f := range change {
		f(&c)
	}
	k := client(t, c)
	source := keyfactor.SourceConfig{PageSize: 7, MetadataFields: []string{"AppOwner"}}
	return &simulated{sim, s.URL, c, keyfactor.NewWorkflows(k, source), keyfactor.NewCertificates(k, source)}
}

// look returns the request of the seed with this name at the step where it waits.
func (s *simulated) look(t *testing.T, name string) (approval.ID, approval.Standing) {
	t.Helper()
	i, err := s.Instance(keyfactorsim.InstanceID(name))
	require.NoError(t, err)
	id := approval.ID("workflow:" + i.ID + "/" + strings.ToLower(i.StepID))
	got, err := s.workflows.Look(t.Context(), id)
	require.NoError(t, err)
	return id, got
}

func (s *simulated) outcome(t *testing.T, id approval.ID) approval.Outcome {
	t.Helper()
	source := approval.Source(s.workflows)
	if id.Kind() == approval.Certificate {
		source = s.pending
	}
	got, err := source.Look(t.Context(), id)
	require.NoError(t, err)
	require.False(t, got.Waiting)
	return got.Outcome
}

func no(id approval.ID) approval.Decision {
	d := yes(id)
	d.Verdict = approval.Deny
	return d
}

// dresses are the shapes in which the same Keyfactor may appear.
var dresses = map[string]keyfactorsim.Switches{
	"as documented":     {},
	"numbers and pairs": {StatusAs: "int", SANsAs: "pairs", AnswerItems: "string", Dates: "bare-ticks", NoTotalCount: true, SignalsAs: "each", ApprovedAs: "string"},
	"offsets and words": {Dates: "offset", HiddenAs: 404, CommentRequired: true},
}

func TestSimulatorWholeQueues(t *testing.T) {
	for name, dress := range dresses {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, dress)
			for _, source := range []approval.Source{s.workflows, s.pending} {
				items, errs := collect(t, source.List(t.Context()))
				require.Empty(t, errs)
				require.NotEmpty(t, items)
				for _, item := range items {
					got, err := source.Look(t.Context(), item.ID)
					require.NoError(t, err)
					require.True(t, got.Waiting, item.ID)
					require.Equal(t, item.ID, got.Request.ID)
					require.Equal(t, item.Changed, got.Request.Changed)
					require.NotEmpty(t, got.Request.Requester)
					require.NotEmpty(t, got.Request.Facts)
					require.False(t, got.Request.Submitted.IsZero())
					counted, err := source.Counted(t.Context(), item.ID)
					require.NoError(t, err)
					require.False(t, counted)
				}
			}
		})
	}
}

func TestSimulatorRoundTrip(t *testing.T) {
	for name, dress := range dresses {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, dress)
			collect(t, s.workflows.List(t.Context()))

			id, got := s.look(t, "web01")
			require.Equal(t, "web01.example.com", got.Request.CommonName)
			require.Equal(t, "ECDSA P-256", fact(got.Request, "Key"))
			require.Empty(t, difference(got.Request))
			require.NoError(t, s.workflows.Send(t.Context(), yes(id)))
			require.Equal(t, approval.Approved, s.outcome(t, id).State)
			last := s.Signals()[len(s.Signals())-1]
			require.True(t, last.Accepted)
			require.Equal(t, "approve", last.Verdict)
			require.Equal(t, "Slack: Carol (U02ABCD, carol@example.com) - change 1234", last.Comment)
			require.ErrorIs(t, s.workflows.Send(t.Context(), yes(id)), approval.ErrSettled)

			id, _ = s.look(t, "wildcard")
			require.NoError(t, s.workflows.Send(t.Context(), no(id)))
			require.Equal(t, approval.Denied, s.outcome(t, id).State)
			require.Contains(t, s.outcome(t, id).By, "user with Id")

			// The first of two steps: passed, and the second is a request of its own.
			id, _ = s.look(t, "two-step")
			require.NoError(t, s.workflows.Send(t.Context(), yes(id)))
			require.Equal(t, approval.MovedOn, s.outcome(t, id).Reason)
			second, got := s.look(t, "two-step")
			require.NotEqual(t, id, second)
			require.True(t, got.Waiting)
			// Rejected at the second step, the first stays approved.
			require.NoError(t, s.workflows.Send(t.Context(), no(second)))
			require.Equal(t, approval.Approved, s.outcome(t, id).State)
			require.Equal(t, approval.Denied, s.outcome(t, second).State)

			// One vote of two: recorded, still waiting.
			id, got = s.look(t, "two-approvals")
			require.Equal(t, 2, got.Request.Missing)
			require.NoError(t, s.workflows.Send(t.Context(), yes(id)))
			_, got = s.look(t, "two-approvals")
			require.True(t, got.Waiting)
			require.Equal(t, 1, got.Request.Missing)
			counted, err := s.workflows.Counted(t.Context(), id)
			require.NoError(t, err)
			require.True(t, counted)
			require.NoError(t, s.Decide(keyfactorsim.InstanceID("two-approvals"), `EXAMPLE\carol`, true, "me too"))
			require.Equal(t, approval.Approved, s.outcome(t, id).State)

			id, _ = s.look(t, "fails-later")
			require.NoError(t, s.workflows.Send(t.Context(), yes(id)))
			require.Equal(t, approval.Approved, s.outcome(t, id).State)
			require.Equal(t, approval.Failed, s.outcome(t, id).Reason)

			// Handed over to the CA: the same matter in the other queue.
			id, _ = s.look(t, "under-submission")
			require.NoError(t, s.workflows.Send(t.Context(), yes(id)))
			over := s.outcome(t, id)
			require.Equal(t, approval.HandedOver, over.Reason)
			var parked approval.Request
			items, errs := collect(t, s.pending.List(t.Context()))
			require.Empty(t, errs)
			for _, item := range items {
				got, err := s.pending.Look(t.Context(), item.ID)
				require.NoError(t, err)
				if got.Request.Matter == over.Matter {
					parked = got.Request
				}
			}
			require.NotEmpty(t, over.Matter)
			require.Equal(t, "laptop-4471.corp.example.com", parked.CommonName)
			require.NoError(t, s.pending.Send(t.Context(), yes(parked.ID)))
			require.Equal(t, approval.Approved, s.outcome(t, parked.ID).State)
			require.ErrorIs(t, s.pending.Send(t.Context(), yes(parked.ID)), approval.ErrSettled)

			require.NoError(t, s.pending.Send(t.Context(), no("certificate:23")))
			require.Equal(t, approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, Message: no("").SignalComment()}, s.outcome(t, "certificate:23"))
		})
	}
}

func TestSimulatorOddRequests(t *testing.T) {
	s := simulate(t, keyfactorsim.Switches{})
	_, got := s.look(t, "mismatch")
	require.Equal(t, "subject CN=payroll.example.com,O=Example Ltd,C=DE extra payroll.example.com", difference(got.Request))
	_, got = s.look(t, "thousand-names")
	require.Len(t, got.Request.SANs, 1000)
	require.Contains(t, fact(got.Request, "SANs"), "and 995 more")
	_, got = s.look(t, "weak-key")
	require.Equal(t, approval.Key{Algorithm: "RSA", Bits: 1024}, got.Request.Key)
	_, got = s.look(t, "revoke-compromised")
	require.Equal(t, "key compromised (1)", fact(got.Request, "Reason"))
	require.Equal(t, "shop.example.com", got.Request.CommonName)
	require.NotEmpty(t, fact(got.Request, "Expires"))
	id, got := s.look(t, "other-signal")
	require.Empty(t, got.Request.Verdicts)
	require.NotEmpty(t, got.Request.Notes)
	require.ErrorIs(t, s.workflows.Send(t.Context(), yes(id)), approval.ErrRefused)
	_, got = s.look(t, "pfx")
	require.Empty(t, difference(got.Request))
	_, got = s.look(t, "hostile")
	require.Empty(t, fact(got.Request, "Note"), "not on the list of allowed fields")
}

func TestSimulatorElsewhere(t *testing.T) {
	s := simulate(t, keyfactorsim.Switches{})
	want := map[string]struct {
		do     func(instance string) error
		state  approval.State
		reason approval.Reason
	}{
		"web01":       {func(i string) error { return s.Decide(i, `EXAMPLE\carol`, true, "") }, approval.Approved, approval.DecidedElsewhere},
		"api-gateway": {func(i string) error { return s.Decide(i, `EXAMPLE\carol`, false, "no") }, approval.Denied, approval.DecidedElsewhere},
		"pinned":      {s.Stop, approval.Denied, approval.DecidedElsewhere},
		"self":        {func(i string) error { _, err := s.Restart(i); return err }, approval.Closed, approval.Restarted},
		"pfx":         {s.Delete, approval.Closed, approval.Gone},
	}
	for name, c := range want {
		id, _ := s.look(t, name)
		require.NoError(t, c.do(keyfactorsim.InstanceID(name)))
		got := s.outcome(t, id)
		require.Equal(t, c.state, got.State, name)
		require.Equal(t, c.reason, got.Reason, name)
	}

	id, _ := s.look(t, "wildcard")
	require.NoError(t, s.SetPermissions(`EXAMPLE\svc-approvebot`, []string{}, []string{}))
	require.Equal(t, approval.Hidden, s.outcome(t, id).Reason)
	_, errs := collect(t, s.workflows.List(t.Context()))
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], approval.ErrForbidden)
}

func TestSimulatorFaultsWhileSending(t *testing.T) {
	const signal = "/Signals$"
	for name, c := range map[string]struct {
		fault   keyfactorsim.Fault
		want    error
		arrived bool
	}{
		"cut before":        {keyfactorsim.Fault{Kind: keyfactorsim.CutBefore, Path: signal}, approval.ErrMaybe, false},
		"cut after":         {keyfactorsim.Fault{Kind: keyfactorsim.CutAfter, Path: signal}, approval.ErrMaybe, true},
		"503 before":        {keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: signal, RetryAfter: 1}, approval.ErrMaybe, false},
		"503 after":         {keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: signal, After: true, RetryAfter: 1}, approval.ErrMaybe, true},
		"500 after":         {keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: signal, After: true, Status: 500}, approval.ErrMaybe, true},
		"429":               {keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Path: signal, Status: 429}, approval.ErrUnavailable, false},
		"login page":        {keyfactorsim.Fault{Kind: keyfactorsim.HTMLAnswer, Path: signal}, approval.ErrMaybe, false},
		"lock conflict":     {keyfactorsim.Fault{Kind: keyfactorsim.LockConflict, Path: signal}, nil, true},
		"look before fails": {keyfactorsim.Fault{Kind: keyfactorsim.StatusAnswer, Method: "GET", Status: 500}, approval.ErrUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, keyfactorsim.Switches{})
			id, _ := s.look(t, "two-approvals") // waits on after one vote, so that the question makes sense
			require.NoError(t, s.SetFaults(c.fault))
			err := s.workflows.Send(t.Context(), yes(id))
			if c.want == nil {
				require.NoError(t, err)
			} else {
				requireOnly(t, err, c.want)
			}
			require.NoError(t, s.SetFaults())
			counted, err := s.workflows.Counted(t.Context(), id)
			require.NoError(t, err)
			// Keyfactor hides a vote that met a lock conflict, but has said yes to it.
			require.Equal(t, c.arrived && name != "lock conflict", counted)
			accepted := 0
			for _, r := range s.Signals() {
				if r.Accepted {
					accepted++
				}
			}
			require.Equal(t, c.arrived, accepted == 1)
		})
	}
}

func TestSimulatorFaultsInLists(t *testing.T) {
	s := simulate(t, keyfactorsim.Switches{})
	require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: keyfactorsim.BadRow, Path: "AssignedToMe", Page: 2}))
	items, errs := collect(t, s.workflows.List(t.Context()))
	require.Greater(t, len(items), 10)
	require.Len(t, errs, 1)
	var skipped *approval.SkippedError
	require.ErrorAs(t, errs[0], &skipped)
	require.NotEmpty(t, skipped.ID)

	// A page that fails for a moment is read again; one that keeps failing ends the walk.
	for _, kind := range []keyfactorsim.FaultKind{keyfactorsim.StatusAnswer, keyfactorsim.Truncate, keyfactorsim.CutBefore} {
		require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: kind, Path: "AssignedToMe", Page: 2, Times: 2}))
		_, errs = collect(t, s.workflows.List(t.Context()))
		require.Empty(t, errs, kind)
		require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: kind, Path: "AssignedToMe", Page: 2}))
		items, errs = collect(t, s.workflows.List(t.Context()))
		require.Len(t, items, 7, kind)
		require.Len(t, errs, 1, kind)
		require.ErrorIs(t, errs[0], approval.ErrUnavailable)
	}
}

func TestSimulatorOAuth(t *testing.T) {
	var base string
	s := simulate(t, keyfactorsim.Switches{}, func(c *keyfactor.Config) {
		base = strings.TrimSuffix(c.URL, "/KeyfactorAPI/")
		c.Auth = keyfactor.OAuth{TokenURL: base + "/realms/Keyfactor/protocol/openid-connect/token", ClientID: "approvebot", ClientSecret: secret.New("approve-me")}
	})
	id, got := s.look(t, "web01")
	require.True(t, got.Waiting)
	require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: keyfactorsim.ExpireTokens, Path: "/Signals$", Times: 1}))
	require.NoError(t, s.workflows.Send(t.Context(), yes(id)))
	require.Equal(t, approval.Approved, s.outcome(t, id).State)

	server, err := client(t, s.config).Endpoints(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, server.Endpoints)
	require.Equal(t, "25.1.1.0", server.Version)
}

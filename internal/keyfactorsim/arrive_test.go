package keyfactorsim_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

func TestArrivals(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	require.Equal(t, []string{"certificate", "code-signing", "device", "domain-controller", "hostile", "look-alike", "renewal", "revocation", "sub-ca", "weak-key", "web", "wildcard"}, s.Kinds())
	subjects := map[any]bool{}
	for range 30 {
		id, err := s.Arrive("web")
		require.NoError(t, err)
		require.NoError(t, uuid.Validate(id))
		i, err := s.Instance(id)
		require.NoError(t, err)
		require.Equal(t, "Suspended", i.Status)
		require.NotContains(t, i.Title, "{")
		require.NotContains(t, i.Initial["CSR"], "{")
		subjects[i.Initial["Subject"]] = true
	}
	require.Len(t, subjects, 30, "no two are alike")

	number, err := s.Arrive("certificate")
	require.NoError(t, err)
	n, err := strconv.Atoi(number)
	require.NoError(t, err)
	require.Equal(t, "Pending", s.object("/Workflow/Certificates/" + strconv.Itoa(n))["StateString"])

	for _, kind := range s.Kinds() {
		_, err := s.Arrive(kind)
		require.NoError(t, err, kind)
	}
	id, err := s.Arrive("revocation")
	require.NoError(t, err)
	i, err := s.Instance(id)
	require.NoError(t, err)
	cert := s.object("/Certificates/" + strconv.Itoa(i.Initial["CertificateId"].(int)))
	require.Equal(t, i.Initial["Thumbprint"], cert["Thumbprint"])
	_, err = s.Arrive("nothing")
	require.ErrorIs(t, err, keyfactorsim.ErrNotFound)
}

func TestArrivalsOfASeedWithoutPatterns(t *testing.T) {
	s := startSmall(t, keyfactorsim.Switches{})
	require.Equal(t, []string{"web01"}, s.Kinds())
	id, err := s.Arrive("")
	require.NoError(t, err)
	require.NotEqual(t, web01ID, id)
	require.Len(t, s.rows("/Workflow/Instances/AssignedToMe", bot), 2)
}

func TestSteadyArrivals(t *testing.T) {
	s := start(t, keyfactorsim.Config{MaxWaiting: 40})
	before := len(s.Instances()) + len(s.Requests())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s.StartArrivals(ctx, time.Millisecond)
	require.NoError(t, s.Await(ctx, func() bool { return len(s.Instances())+len(s.Requests()) > before+5 }))
	s.Close()
	after := len(s.Instances()) + len(s.Requests())
	require.LessOrEqual(t, after, 42, "two are finished, forty may wait")
}

func TestAwaitGivesUpWithItsContext(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Await(ctx, func() bool { return false }), context.Canceled)
}

func TestMemoryIsBounded(t *testing.T) {
	s := start(t, keyfactorsim.Config{KeepFinished: 5, KeepRecords: 10})
	for range 60 {
		id, err := s.Arrive("revocation")
		require.NoError(t, err)
		require.NoError(t, s.Decide(id, bot, true, ""))
	}
	finished := 0
	for _, i := range s.Instances() {
		if i.Status == "Complete" {
			finished++
		}
	}
	require.Equal(t, 5, finished)
	log := s.Signals()
	require.Less(t, len(log), 21)
	require.Equal(t, 60, log[len(log)-1].Number, "a gap in the numbers shows what was dropped")
	require.Len(t, s.rows("/Certificates?ReturnLimit=1000&IncludeRevoked=true", bot), 5+5, "certificates made for arrivals go with them")
}

func TestReset(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	_, err := s.Arrive("")
	require.NoError(t, err)
	require.NoError(t, s.Decide(web01ID, bot, true, ""))
	require.NoError(t, s.SetPermissions(bot, []string{}, []string{}))
	require.NoError(t, s.SetFaults(keyfactorsim.Fault{Kind: keyfactorsim.CutBefore}))
	require.NoError(t, s.Reset())
	require.Equal(t, "Suspended", s.instance("web01").Status)
	require.Empty(t, s.Signals())
	require.True(t, s.assigned(bot, "web01"))
}

package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// replicas opens the database as several replicas would; SQLite has but one.
func (d database) replicas(t testing.TB, n int) []*store.Store {
	t.Helper()
	all := []*store.Store{d.open(t)}
	for len(all) < n && d.several {
		all = append(all, d.open(t))
	}
	for len(all) < n {
		all = append(all, all[0])
	}
	return all
}

// together runs fn n times at the same moment and returns the errors.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-gate
			errs[i] = fn(i)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return errs
}

func TestManyClicksMakeOneDecision(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all := db.replicas(t, 3)
		r := request("a")
		_, err := all[0].Appear(t.Context(), r, pki)
		require.NoError(t, err)

		errs := together(24, func(i int) error {
			return all[i%3].Decide(t.Context(), approval.Decision{
				ID: fmt.Sprintf("d%d", i), Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()})
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if _, ok := errors.AsType[*store.TakenError](err); !ok {
				t.Errorf("a click that lost got %v", err)
			}
		}
		require.Equal(t, 1, won)
		open, err := all[0].OpenDecisions(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		require.ElementsMatch(t, []string{"post #pki", "signal " + open[0].ID}, jobs(t, all[0]))
		require.Equal(t, []string{"request.seen", "decision.made"}, events(t, all[0], store.Filter{}))
	})
}

func TestOneDecisionEndsOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all := db.replicas(t, 3)
		r := request("a")
		_, err := all[0].Appear(t.Context(), r, pki)
		require.NoError(t, err)
		require.NoError(t, all[0].Decide(t.Context(), approval.Decision{ID: "d", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}))

		firsts := make([]bool, 9)
		errs := together(len(firsts), func(i int) (err error) {
			_, firsts[i], err = all[i%3].StartSignal(t.Context(), "d")
			return err
		})
		require.NoError(t, errors.Join(errs...))
		n := 0
		for _, first := range firsts {
			if first {
				n++
			}
		}
		require.Equal(t, 1, n, "one attempt may send without asking")

		errs = together(12, func(i int) error {
			if i%2 == 0 {
				return all[i%3].Finish(t.Context(), "d", approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere})
			}
			return all[i%3].Fail(t.Context(), "d", "Keyfactor refused it.")
		})
		require.NoError(t, errors.Join(errs...))
		require.Len(t, events(t, all[0], store.Filter{}), 3, "seen, decided, and one end")
	})
}

func TestSeveralReplicasSeeTheSameRequests(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all := db.replicas(t, 3)
		const n = 15
		fresh := make([][n]bool, 3)
		errs := together(3, func(i int) error {
			for k := range n {
				ok, err := all[i].Appear(t.Context(), request(fmt.Sprint(k)), store.Placement{Channels: []string{"#b", "#a"}})
				if err != nil {
					return err
				}
				fresh[i][k] = ok
			}
			return nil
		})
		require.NoError(t, errors.Join(errs...))
		for k := range n {
			count := 0
			for i := range fresh {
				if fresh[i][k] {
					count++
				}
			}
			require.Equal(t, 1, count, "request %d is new once", k)
		}
		_, total, err := all[0].Pending(t.Context(), 5, 0)
		require.NoError(t, err)
		require.Equal(t, n, total)
		require.ElementsMatch(t, []string{"post #a", "post #b"}, jobs(t, all[0]))
	})
}

// Workers that draw, people who click and polls that revise, all on one card: what
// is shown at the end is the truth, or a job is on its way.
func TestNoChangeOfACardIsLost(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all := db.replicas(t, 3)
		r := request("a")
		ctx := t.Context()
		_, err := all[0].Appear(ctx, r, pki)
		require.NoError(t, err)
		require.NoError(t, all[0].Posted(ctx, r.ID, "#pki", "C1", "1", 1))
		errs := together(12, func(i int) error {
			s := all[i%3]
			if i%3 == 0 {
				rec, err := s.Request(ctx, r.ID)
				if err != nil {
					return err
				}
				_, err = s.Shown(ctx, r.ID, "#pki", rec.Version)
				return err
			}
			next := r
			next.Status = fmt.Sprintf("Awaiting %d more", i)
			_, err := s.Revise(ctx, next)
			return err
		})
		require.NoError(t, errors.Join(errs...))
		rec, err := all[0].Request(ctx, r.ID)
		require.NoError(t, err)
		require.EqualValues(t, 9, rec.Version, "eight revisions, each with another status")
		require.LessOrEqual(t, rec.Cards[0].ShownVersion, rec.Version)
		require.Contains(t, jobs(t, all[0]), "refresh workflow:a #pki")
	})
}

func TestTheAuditChainHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all := db.replicas(t, 3)
		errs := together(60, func(i int) error {
			return all[i%3].Audit(t.Context(), store.Entry{Event: "decision.refused", By: bob, Detail: map[string]any{"n": i}})
		})
		require.NoError(t, errors.Join(errs...))
		n, _, err := all[0].VerifyAudit(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 60, n)
	})
}

func TestReplicasAgreeOnASetting(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		all := db.replicas(t, 3)
		got := make([]string, 9)
		errs := together(len(got), func(i int) (err error) {
			got[i], err = all[i%3].SettingOnce(t.Context(), "hmac", func() (string, error) { return fmt.Sprint(i), nil })
			return err
		})
		require.NoError(t, errors.Join(errs...))
		for _, v := range got {
			require.Equal(t, got[0], v)
		}
	})
}

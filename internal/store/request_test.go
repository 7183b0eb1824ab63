package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func TestReviseRedrawsOnlyWhatPeopleSee(t *testing.T) {
	t.Parallel()
	base := request("a")
	with := func(change func(*approval.Request)) approval.Request {
		r := base
		change(&r)
		return r
	}
	tests := map[string]struct {
		next    approval.Request
		written bool
		redrawn bool
		audited bool
	}{
		"the same is not written":            {base, false, false, false},
		"a new stamp is written, not drawn":  {with(func(r *approval.Request) { r.Changed = "2" }), true, false, false},
		"another status is drawn":            {with(func(r *approval.Request) { r.Status = "Awaiting 2 more" }), true, true, false},
		"fewer missing approvals are drawn":  {with(func(r *approval.Request) { r.Missing = 7 }), true, true, false},
		"another question is also a finding": {with(func(r *approval.Request) { r.Subject = "CN=evil.example.com" }), true, true, true},
	}
	onBoth(t, func(t *testing.T, db database) {
		s, ctx := db.open(t), t.Context()
		i := 0
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				i++
				id := approval.NewID(approval.Workflow, name[:12])
				first, next := base, tt.next
				first.ID, next.ID = id, id
				_, err := s.Appear(ctx, first, pki)
				require.NoError(t, err)
				require.NoError(t, s.Posted(ctx, id, "#pki", "C1", name, 1))

				written, err := s.Revise(ctx, next)
				require.NoError(t, err)
				require.Equal(t, tt.written, written)
				rec, err := s.Request(ctx, id)
				require.NoError(t, err)
				require.Equal(t, next, rec.Request)
				require.Equal(t, tt.redrawn, rec.Version == 2)
				require.Equal(t, tt.audited, len(events(t, s, store.Filter{Request: id, Event: "request.changed"})) == 1)
			})
		}
	})
}

func TestADecisionAboutAnOldQuestionIsRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		d := approval.Decision{ID: "d1", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}
		r.Subject = "CN=evil.example.com"
		_, err = s.Revise(ctx, r)
		require.NoError(t, err)

		require.ErrorIs(t, s.Decide(ctx, d), store.ErrChanged)
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, rec.State)
		require.Nil(t, rec.Decision)
		require.Equal(t, []string{"post #pki"}, jobs(t, s))

		d.Request = "workflow:unknown"
		require.ErrorIs(t, s.Decide(ctx, d), store.ErrNotFound)
	})
}

func TestAFailedDecisionLeavesTheRequestToTheNext(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		d := approval.Decision{ID: "d1", Request: r.ID, Verdict: approval.Approve, By: alice, Digest: r.Digest()}
		require.NoError(t, s.Decide(ctx, d))
		require.NoError(t, s.Fail(ctx, "d1", "Keyfactor refused it."))
		require.NoError(t, s.Fail(ctx, "d1", "Keyfactor refused it."))
		rec, err := s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, rec.State)
		require.Equal(t, "Keyfactor refused it.", rec.Decision.Error)
		ended, first, err := s.StartSignal(ctx, "d1")
		require.NoError(t, err)
		require.False(t, first, "nothing is sent for a decision that is over")
		require.False(t, ended.Failed.IsZero())

		d.ID, d.By = "d2", bob
		require.NoError(t, s.Decide(ctx, d))
		rec, err = s.Request(ctx, r.ID)
		require.NoError(t, err)
		require.Equal(t, "d2", rec.Decision.ID, "the live one, not the failed one")
		require.NoError(t, s.Finish(ctx, "d2", approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere}))
		err = s.Decide(ctx, approval.Decision{ID: "d3", Request: r.ID, Verdict: approval.Deny, By: alice, Digest: r.Digest()})
		require.ErrorContains(t, err, "Bob has already approved this request")
		require.ErrorIs(t, s.Finish(ctx, "unknown", approval.Outcome{State: approval.Approved}), store.ErrNotFound)
	})
}

func TestAMatterIsFollowedAcrossKinds(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Now()
		s, err := store.Open(t.Context(), db.url, store.Options{Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		ctx := t.Context()
		workflow, certificate := request("a"), request("b")
		workflow.Matter, certificate.ID, certificate.Matter = "", "certificate:7", "ca-7"
		_, err = s.Appear(ctx, workflow, pki)
		require.NoError(t, err)
		_, err = s.Settle(ctx, workflow.ID, approval.Outcome{State: approval.Approved, Reason: approval.HandedOver, Matter: "ca-7"})
		require.NoError(t, err)
		_, err = s.Appear(ctx, certificate, pki)
		require.NoError(t, err)

		all, err := s.Matter(ctx, "ca-7")
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, workflow.ID, all[0].Request.ID)
		require.Equal(t, certificate.ID, all[1].Request.ID)
		none, err := s.Matter(ctx, "")
		require.NoError(t, err)
		require.Empty(t, none, "nothing known is not the same matter")

		open, total, err := s.Pending(ctx, 10, 0)
		require.NoError(t, err)
		require.Equal(t, 1, total)
		require.Equal(t, certificate.ID, open[0].Request.ID)
	})
}

func TestSettleNeedsAnEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s, ctx, r := db.open(t), t.Context(), request("a")
		_, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		_, err = s.Settle(ctx, r.ID, approval.Outcome{State: approval.Deciding})
		require.Error(t, err)
		settled, err := s.Settle(ctx, r.ID, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(t, err)
		require.True(t, settled)
		settled, err = s.Settle(ctx, r.ID, approval.Outcome{State: approval.Approved, Reason: approval.DecidedElsewhere})
		require.NoError(t, err)
		require.False(t, settled, "the first end stays")
		fresh, err := s.Appear(ctx, r, pki)
		require.NoError(t, err)
		require.False(t, fresh)
	})
}

func TestPruneForgetsOldRequestsAndKeepsTheAudit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := store.Open(t.Context(), db.url, store.Options{Now: func() time.Time { return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		ctx := t.Context()
		for _, key := range []string{"settled", "open"} {
			r := request(key)
			_, err := s.Appear(ctx, r, pki)
			require.NoError(t, err)
			require.NoError(t, s.AddReply(ctx, r.ID, "k", nil))
			require.NoError(t, s.Decide(ctx, approval.Decision{ID: key, Request: r.ID, Verdict: approval.Deny, By: alice, Digest: r.Digest()}))
		}
		require.NoError(t, s.Finish(ctx, "settled", approval.Outcome{State: approval.Denied, Reason: approval.DecidedHere}))
		n, _, err := s.Prune(ctx, now)
		require.NoError(t, err)
		require.Zero(t, n, "not yet old")
		n, _, err = s.Prune(ctx, now.Add(time.Second))
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		_, err = s.Request(ctx, request("settled").ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Request(ctx, request("open").ID)
		require.NoError(t, err)
		require.Len(t, events(t, s, store.Filter{Request: request("settled").ID}), 3)
	})
}

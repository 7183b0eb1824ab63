package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

func moment(steps ...string) approval.Moment { return approval.Moment{Steps: steps} }

func TestAMomentComesOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		r := request("a")
		_, err := s.Appear(t.Context(), r, pki)
		require.NoError(t, err)
		reply := store.Reply{Key: "reminded:4h", Body: []byte("{}")}

		reminded, err := s.Remind(t.Context(), store.Reminder{Request: r.ID, Moment: moment("4h"), Reply: reply})
		require.NoError(t, err)
		require.True(t, reminded)
		for _, again := range [][]string{{"4h"}, {"4h", "10h"}, {"10h", "4h"}} {
			reminded, err = s.Remind(t.Context(), store.Reminder{Request: r.ID, Moment: moment(again...), Reply: store.Reply{Key: "other", Body: []byte("{}")}, Channels: []string{"#escalation"}})
			require.NoError(t, err)
			require.False(t, reminded, "a moment of which a step is taken is somebody else's")
		}
		record, err := s.Request(t.Context(), r.ID)
		require.NoError(t, err)
		require.Len(t, record.Cards, 1)
		_, _, err = s.Reply(t.Context(), r.ID, "#pki", "other")
		require.ErrorIs(t, err, store.ErrNotFound)

		// The next one shows it to more people, and is quiet in one thread.
		reminded, err = s.Remind(t.Context(), store.Reminder{Request: r.ID, Moment: moment("10h"), Reply: store.Reply{Key: "reminded:10h", Body: []byte("{}")}, Channels: []string{"#escalation"}, Silent: []string{"#pki"}})
		require.NoError(t, err)
		require.True(t, reminded)
		_, _, err = s.Reply(t.Context(), r.ID, "#escalation", "reminded:10h")
		require.NoError(t, err)
		_, _, err = s.Reply(t.Context(), r.ID, "#pki", "reminded:10h")
		require.ErrorIs(t, err, store.ErrNotFound)

		known, err := s.Known(t.Context(), approval.Workflow)
		require.NoError(t, err)
		require.Len(t, known, 1)
		require.Equal(t, "4h", known[0].Told[0].Step)
		require.Equal(t, "10h", known[0].Told[1].Step)

		// Who has decided needs no reminder.
		require.NoError(t, s.Decide(t.Context(), decision(1, r)))
		reminded, err = s.Remind(t.Context(), store.Reminder{Request: r.ID, Moment: moment("20h"), Reply: reply})
		require.NoError(t, err)
		require.False(t, reminded)
	})
}

func TestManyReplicasRemindOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		stores := []*store.Store{s, s}
		if db.several {
			stores = append(stores, db.open(t), db.open(t))
		}
		r := request("a")
		_, err := s.Appear(t.Context(), r, pki)
		require.NoError(t, err)
		var won atomic.Int32
		var all sync.WaitGroup
		for _, replica := range stores {
			for _, steps := range [][]string{{"4h"}, {"4h", "10h"}} {
				all.Go(func() {
					if reminded, err := replica.Remind(t.Context(), store.Reminder{Request: r.ID, Moment: moment(steps...), Reply: store.Reply{Key: steps[0], Body: []byte("{}")}}); err == nil && reminded {
						won.Add(1)
					}
				})
			}
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load())
	})
}

func TestExpiryDrawsTheCardsAnew(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		r := request("a")
		_, err := s.Appear(t.Context(), r, pki)
		require.NoError(t, err)
		before, err := s.Request(t.Context(), r.ID)
		require.NoError(t, err)
		reminded, err := s.Remind(t.Context(), store.Reminder{Request: r.ID, Moment: approval.Moment{Steps: []string{"expired"}, Expired: true}, Reply: store.Reply{Key: "expired", Body: []byte("{}")}})
		require.NoError(t, err)
		require.True(t, reminded)
		after, err := s.Request(t.Context(), r.ID)
		require.NoError(t, err)
		require.Greater(t, after.Version, before.Version)
	})
}

// The most urgent comes first, wherever people meet requests.
func TestTheMostUrgentComesFirst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		old, calm, pressing := request("a-old"), request("b-calm"), request("c-pressing")
		pressing.Old = approval.Old{Concern: approval.Replaces, End: time.Now().Add(48 * time.Hour).UTC()}
		calm.Old = approval.Old{Concern: approval.Replaces, End: time.Now().Add(300 * 24 * time.Hour).UTC()}
		for _, r := range []approval.Request{old, calm, pressing} {
			_, err := s.Appear(t.Context(), r, pki)
			require.NoError(t, err)
		}
		first := func() approval.ID {
			_, next, err := s.NextPost(t.Context(), "#pki")
			require.NoError(t, err)
			waiting, _, err := s.Pending(t.Context(), 10, 0)
			require.NoError(t, err)
			known, err := s.Known(t.Context(), approval.Workflow)
			require.NoError(t, err)
			require.Equal(t, next.Request.ID, waiting[0].Request.ID)
			require.Equal(t, next.Request.ID, known[0].ID)
			return next.Request.ID
		}
		require.Equal(t, pressing.ID, first())

		// What is learned later counts from then on.
		calm.Old.End = time.Now().Add(24 * time.Hour).UTC()
		_, err := s.Revise(t.Context(), calm)
		require.NoError(t, err)
		require.Equal(t, calm.ID, first())
	})
}

package approval_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
)

func TestUrgency(t *testing.T) {
	const day = 24 * time.Hour
	waits := func(name string, days int, concern approval.Concern, ends time.Duration) approval.Waiting {
		w := approval.Waiting{Seen: noon.Add(-time.Duration(days) * day), Request: approval.Request{ID: approval.ID(name)}}
		if concern != "" {
			w.Request.Old = approval.Old{Concern: concern, End: noon.Add(ends)}
		}
		return w
	}
	all := []approval.Waiting{
		waits("replaces one that ended yesterday", 0, approval.Replaces, -day),
		waits("replaces one that ends in two days", 0, approval.Replaces, 2*day),
		waits("waits for a month less three days", 27, "", 0),
		waits("is about one that ends in a week", 1, approval.Expires, 7*day),
		waits("waits for a week", 7, "", 0),
		waits("replaces one that ends next year", 2, approval.Replaces, 300*day),
		waits("revokes one that ends tomorrow", 1, approval.Revokes, day),
		waits("new, a", 0, "", 0),
		waits("new, b", 0, "", 0),
	}
	got := slices.Clone(all)
	slices.Reverse(got)
	slices.SortFunc(got, approval.CompareUrgency)
	require.Equal(t, all, got)
}

package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

func benchmark(b *testing.B, one func(s *store.Store, i int, r approval.Request)) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite://" + filepath.Join(b.TempDir(), "a.db") },
		"postgres": func() string { return pgtest.URL(b) },
	} {
		b.Run(name, func(b *testing.B) {
			s := database{url: url()}.open(b)
			i := 0
			for b.Loop() {
				b.StopTimer()
				r := request(fmt.Sprint(i))
				_, err := s.Appear(b.Context(), r, pki)
				require.NoError(b, err)
				require.NoError(b, s.Posted(b.Context(), r.ID, "#pki", "C1", fmt.Sprint(i), 1))
				b.StartTimer()
				one(s, i, r)
				i++
			}
		})
	}
}

func decision(i int, r approval.Request) approval.Decision {
	return approval.Decision{ID: fmt.Sprint("d", i), Request: r.ID, Verdict: approval.Approve, By: alice, Comment: "change 1234", Digest: r.Digest(), Channel: "#pki"}
}

func BenchmarkDecide(b *testing.B) {
	benchmark(b, func(s *store.Store, i int, r approval.Request) {
		require.NoError(b, s.Decide(b.Context(), decision(i, r)))
	})
}

func BenchmarkFinish(b *testing.B) {
	benchmark(b, func(s *store.Store, i int, r approval.Request) {
		b.StopTimer()
		d := decision(i, r)
		require.NoError(b, s.Decide(b.Context(), d))
		b.StartTimer()
		require.NoError(b, s.Finish(b.Context(), d.ID, approval.Outcome{State: approval.Approved, Reason: approval.DecidedHere}))
	})
}

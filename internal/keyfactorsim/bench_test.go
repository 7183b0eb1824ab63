package keyfactorsim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

// walk reads all pages of the bot's list, and lets something arrive and be decided between them.
func walk(b *testing.B, s *keyfactorsim.Server) {
	b.Helper()
	for page := 1; ; page++ {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/KeyfactorAPI/Workflow/Instances/AssignedToMe?ReturnLimit=100&SortField=ReferenceId&PageReturned=%d", page), nil)
		r.SetBasicAuth(bot, "approve-me")
		r.Header.Set("x-keyfactor-requested-with", "APIClient")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(b, 200, w.Code)
		if w.Body.Len() < 1000 {
			return
		}
		id, err := s.Arrive("device")
		require.NoError(b, err)
		require.NoError(b, s.Decide(id, bot, true, ""))
	}
}

func BenchmarkAssignedToMe(b *testing.B) {
	s, err := keyfactorsim.New(keyfactorsim.Config{BaseRequests: 50_000})
	require.NoError(b, err)
	defer s.Close()
	for b.Loop() {
		walk(b, s)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := keyfactorsim.New(keyfactorsim.Config{})
		require.NoError(b, err)
		s.Close()
	}
}

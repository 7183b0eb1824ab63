package store_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/store"
)

// jobs lists the live jobs as "kind arg arg".
func jobs(t testing.TB, s *store.Store) []string {
	t.Helper()
	query := `SELECT kind, args FROM river_job WHERE finalized_at IS NULL ORDER BY id`
	if strings.HasPrefix(s.Driver().DatabaseName(), "sqlite") {
		query = strings.Replace(query, "args", "json(args)", 1)
	}
	rows, err := s.DB().QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var kind, text string
		require.NoError(t, rows.Scan(&kind, &text))
		var args struct{ Channel, Request, Decision, Key string }
		require.NoError(t, json.Unmarshal([]byte(text), &args))
		all = append(all, strings.Join(strings.Fields(strings.Join([]string{kind, args.Decision, args.Request, args.Channel, args.Key}, " ")), " "))
	}
	require.NoError(t, rows.Err())
	return all
}

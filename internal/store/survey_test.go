package store_test

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/store"
)

func TestSurveyChangesNothing(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	survey := func(address string) store.Survey {
		s, err := store.Open(t.Context(), address, store.Options{ReadOnly: true})
		require.NoError(t, err)
		defer s.Close()
		v, err := s.Survey(t.Context())
		require.NoError(t, err)
		return v
	}
	v := survey(address)
	require.Zero(t, v.Version)
	require.Positive(t, v.Latest)
	require.Empty(t, v.Refused)
	require.Zero(t, v.Replicas)
	require.Zero(t, survey(address).Version, "looking migrates nothing")

	owner, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer owner.Close()
	_, err = owner.ExecContext(t.Context(), `CREATE ROLE survey_guest LOGIN PASSWORD 'guest'`)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword("survey_guest", "guest")
	require.Equal(t, "the user survey_guest may not create tables in its schema", survey(u.String()).Refused)

	s, err := store.Open(t.Context(), address, store.Options{})
	require.NoError(t, err)
	defer s.Close()
	v = survey(address)
	require.Equal(t, v.Latest, v.Version)
	require.Empty(t, v.Refused)
	require.Equal(t, 1, v.Replicas)
	_, found, err := s.Setting(t.Context(), "rehearsal")
	require.NoError(t, err)
	require.False(t, found)

	for _, step := range []struct{ grant, refused string }{
		{`GRANT SELECT ON ALL TABLES IN SCHEMA public TO survey_guest`, "the user survey_guest may not write the table audit"},
		{`GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO survey_guest`, ""},
		{`REVOKE INSERT ON setting FROM survey_guest`, "the user survey_guest may not write the table setting"},
	} {
		_, err := owner.ExecContext(t.Context(), step.grant)
		require.NoError(t, err)
		require.Equal(t, step.refused, survey(u.String()).Refused, step.grant)
	}
}

func TestSurveyIsForSharedDatabases(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "a.db"), store.Options{})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Survey(t.Context())
	require.Error(t, err)
}

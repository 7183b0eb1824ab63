package deploytest

import (
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

func compose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{"../compose/compose.yaml"}, cli.WithEnv(env))
	require.NoError(t, err)
	return o.LoadProject(t.Context())
}

func TestComposeFile(t *testing.T) {
	_, err := compose(t)
	require.ErrorContains(t, err, "POSTGRES_PASSWORD")

	p, err := compose(t, "POSTGRES_PASSWORD=hunter2")
	require.NoError(t, err)
	bot, err := p.GetService("approvebot")
	require.NoError(t, err)
	require.Equal(t, "postgres://approvebot:hunter2@database/approvebot?sslmode=disable", *bot.Environment["APPROVEBOT_STORE_URL"])
	require.FileExists(t, filepath.Join(bot.Build.Context, bot.Build.Dockerfile))
	require.True(t, bot.ReadOnly)
	require.Equal(t, []string{"ALL"}, bot.CapDrop)
	require.Contains(t, bot.SecurityOpt, "no-new-privileges:true")
	require.True(t, bot.Volumes[0].ReadOnly)
	require.FileExists(t, filepath.Join(bot.Volumes[0].Source, "approvebot.yaml"))
	require.Equal(t, "127.0.0.1", bot.Ports[0].HostIP)
	for _, s := range bot.Secrets {
		require.Contains(t, p.Secrets, s.Source)
	}
	require.True(t, bool(p.Networks["database"].Internal), "the database is reached by the bot alone")
	database, err := p.GetService("database")
	require.NoError(t, err)
	require.Empty(t, database.Ports)
}

// The configuration beside it is one that the program takes.
func TestComposeConfiguration(t *testing.T) {
	text := mustRead(t, "../compose/config/approvebot.yaml")
	requireUnderstood(t, text)
}

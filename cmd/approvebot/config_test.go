package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the program prints is the file that editors are given.
func TestConfigSchema(t *testing.T) {
	want, err := os.ReadFile("../../deploy/approvebot.schema.json")
	require.NoError(t, err)
	r := approvebot(t, nil, "config", "schema")
	require.Equal(t, exitFine, r.code, r.err)
	require.Equal(t, string(want), r.out)
}

func TestConfigKeys(t *testing.T) {
	r := approvebot(t, nil, "config", "keys", "routes.channels")
	require.Equal(t, exitFine, r.code, r.err)
	require.Equal(t, `routes[].channels
    "#pki-approvals" or C012ABCDEF. Invite the bot to each. IDs survive a renaming.
    Default:     required
    Example:     ["#pki-approvals"]

`, r.out)
	require.Contains(t, approvebot(t, nil, "config", "keys").out, "\nlog.format\n")

	r = approvebot(t, nil, "config", "keys", "route")
	require.Equal(t, exitWrong, r.code)
	require.Contains(t, r.err, "there is no key route; approvebot config keys lists all")
}

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
	r := approvebot(t, nil, "config", "keys", "routes.expires_after")
	require.Equal(t, exitFine, r.code, r.err)
	require.Equal(t, `routes[].expires_after
    How long after it was first seen a request can be decided from Slack: 72h. It goes on waiting in Keyfactor.
    Default:     never
    Example:     72h

`, r.out)
	require.Contains(t, approvebot(t, nil, "config", "keys").out, "\nlog.format\n")

	r = approvebot(t, nil, "config", "keys", "route")
	require.Equal(t, exitWrong, r.code)
	require.Contains(t, r.err, "there is no key route; approvebot config keys lists all")
}

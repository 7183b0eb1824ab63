package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

func TestFilterIsReadAsARoutesMatch(t *testing.T) {
	m, err := config.ParseMatch(map[string]string{"type": "Enrollment", "san": "*.example.com"})
	require.NoError(t, err)
	route := config.Route{Match: m}
	require.True(t, route.Matches(approval.Request{Type: "Enrollment", SANs: []approval.SAN{{Kind: "dns", Value: "www.example.com"}}}))
	require.False(t, route.Matches(approval.Request{Type: "Revocation", SANs: []approval.SAN{{Kind: "dns", Value: "www.example.com"}}}))

	m, err = config.ParseMatch(nil)
	require.NoError(t, err)
	require.True(t, config.Route{Match: m}.Matches(approval.Request{}))

	for _, wrong := range []map[string]string{{"colour": "red"}, {"kind": "certifcate"}} {
		_, err := config.ParseMatch(wrong)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "routes[0]")
	}
}

package blocks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestHome(t *testing.T) {
	item := blocks.HomeItem{Request: enrollment(), State: approval.Pending, Link: "https://example.slack.com/archives/C0PKI/p1700000000123456", Channel: "C0PKI"}
	long := blocks.HomeView{More: 70}
	for range 40 {
		long.Waiting = append(long.Waiting, item)
	}
	for name, v := range map[string]blocks.HomeView{
		"empty": {},
		"two":   {Waiting: []blocks.HomeItem{item, {Request: hostile(), State: approval.Deciding, Link: "javascript:alert(1)", Channel: "<!here>"}}},
		"many":  long,
	} {
		t.Run(name, func(t *testing.T) {
			home := blocks.Home(v)
			require.NoError(t, blocks.ValidateHome(home))
			golden(t, fileName(t), mustJSON(t, home))
		})
	}
}

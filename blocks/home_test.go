package blocks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
)

func TestHome(t *testing.T) {
	item := blocks.HomeItem{Request: enrollment(), Link: "https://example.slack.com/archives/C01/p1700000000123456"}
	long := blocks.HomeView{More: 70}
	for range 40 {
		long.Waiting = append(long.Waiting, item)
	}
	for name, v := range map[string]blocks.HomeView{
		"empty": {},
		"two":   {Waiting: []blocks.HomeItem{item, {Request: hostile(), Link: "javascript:alert(1)"}}},
		"many":  long,
	} {
		t.Run(name, func(t *testing.T) {
			home := blocks.Home(v)
			require.NoError(t, blocks.ValidateHome(home))
			golden(t, fileName(t), mustJSON(t, home))
		})
	}
}

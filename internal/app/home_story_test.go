package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/browsertest"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

// A day of two approvers: Ben at his desk, Ada with her phone. They work from the
// Home tab, see each other there, and decide several requests at once, of which one
// has changed meanwhile.
func TestTwoApproversWorkFromTheHomeTab(t *testing.T) {
	demo := startDemo(t, false)
	ws := demo.Workspace
	for range 4 {
		_, err := demo.Simulator.Arrive("web")
		require.NoError(t, err)
	}
	at := func(who, channel string) string {
		return fmt.Sprintf("%s/#as=%s&channel=%s", demo.Page, ws.UserID(who), channel)
	}
	says := func(b *browsertest.Tab, where, text string) {
		t.Helper()
		b.Eventually(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, where, text))
	}
	desk := browsertest.Open(t, at("ben", "home"), 1280, 900, false)
	says(desk, ".home", "requests wait for you")
	desk.Shot("home-desk")
	phone := browsertest.Open(t, at("ada", "home"), 390, 844, false)
	says(phone, ".home", "requests wait for you")
	phone.Shot("home-phone")
	_ = keyfactorsim.Change{}
}

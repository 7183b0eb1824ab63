package app_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/browsertest"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// startDemo runs the demo until the test ends and waits for its first cards.
func startDemo(t *testing.T, overHTTP bool) app.DemoAddresses {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan app.DemoAddresses, 1), make(chan error, 1)
	go func() {
		ended <- app.Demo(ctx, app.DemoOptions{
			Out: io.Discard, Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), ArriveEvery: -1, HTTP: overHTTP,
			Ready: func(a app.DemoAddresses) { ready <- a },
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case a := <-ready:
		wait(t, a.Workspace, "the first cards", func() bool { return len(a.Workspace.Messages("#pki-approvals")) >= 3 })
		return a
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
		return app.DemoAddresses{}
	}
}

func wait(t *testing.T, w *slacksim.Workspace, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, w.WaitFor(ctx, ok), "waited in vain for %s", what)
}

// cardOf waits for the first card whose text contains all of the words.
func cardOf(t *testing.T, w *slacksim.Workspace, channel string, words ...string) slacksim.Message {
	t.Helper()
	var found slacksim.Message
	wait(t, w, "a card with "+strings.Join(words, ", "), func() bool {
		for _, m := range w.Messages(channel) {
			if m.ThreadTS == "" && containsAll(m.String(), words) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// signalsOf returns what the simulated Keyfactor received about an instance.
func signalsOf(kf *keyfactorsim.Server, verdict string) (all []keyfactorsim.SignalRecord) {
	for _, s := range kf.Signals() {
		if s.Via == "api" && s.Verdict == verdict {
			all = append(all, s)
		}
	}
	return all
}

// A person opens the demo page, approves one request with a comment and denies
// another; both cards change before their eyes, and Keyfactor has exactly these
// two signals, with the comments and the person's name.
func TestApproveAndDenyOnTheDemoPage(t *testing.T) {
	demo := startDemo(t, false)
	ws := demo.Workspace
	first := cardOf(t, ws, "#pki-approvals", "Waiting for a decision", "Web server enrolment")
	page := browsertest.Open(t, fmt.Sprintf("%s/#as=%s&channel=%s", demo.Page, ws.UserID("ben"), ws.ChannelID("#pki-approvals")), 1280, 900, false)

	decide := func(card slacksim.Message, action, comment, says string) {
		message := fmt.Sprintf(`[data-ts="%s"]`, card.TS)
		page.Click(message + fmt.Sprintf(` [data-action-id="%s"]`, action))
		page.Eventually(`document.querySelector('[role=dialog] textarea') !== null`)
		page.Keys(`[role=dialog] textarea`, comment)
		page.Click(`[role=dialog] button[type=submit]`)
		page.Eventually(fmt.Sprintf(`document.querySelector('%s').innerText.includes(%q) && !document.querySelector('%s [data-action-id="approve"]')`, message, says, message))
		page.Eventually(`document.querySelector('[role=dialog]') === null`)
	}
	decide(first, "approve", "change 1234", "Approved")
	second := cardOf(t, ws, "#pki-approvals", "Waiting for a decision", "Web server enrolment")
	decide(second, "deny", "unknown owner", "Denied")
	page.RequireNoProblems()

	approved, denied := signalsOf(demo.Simulator, "approve"), signalsOf(demo.Simulator, "deny")
	require.Len(t, approved, 1)
	require.Len(t, denied, 1)
	who := "Slack: Ben (" + ws.UserID("ben") + ", ben@example.com) - "
	require.Equal(t, who+"change 1234", approved[0].Comment)
	require.Equal(t, who+"unknown owner", denied[0].Comment)
	require.True(t, approved[0].Accepted && denied[0].Accepted)
}

// The same without a browser over signed HTTP, and for a request parked at the CA.
func TestBothKindsOverSignedHTTP(t *testing.T) {
	demo := startDemo(t, true)
	ws := demo.Workspace
	decide := func(card slacksim.Message, as, action, comment string) {
		r := ws.Click(t.Context(), slacksim.Click{As: as, Channel: "#pki-approvals", TS: card.TS, ActionID: action})
		require.True(t, r.Acknowledged, r.Error)
		wait(t, ws, "a modal", func() bool { v := ws.Views(as); return len(v) == 1 && v[0].SubmitLabel != nil })
		s := ws.Submit(t.Context(), as, ws.Views(as)[0].ID, slacksim.Values{}.Text("comment", "comment", comment))
		require.True(t, s.Closed, s.Error)
		wait(t, ws, "a settled card", func() bool {
			m, _ := ws.Message("#pki-approvals", card.TS)
			_, pressable := m.Button("approve")
			return !pressable && (strings.Contains(m.String(), "Approved") || strings.Contains(m.String(), "Denied"))
		})
	}
	decide(cardOf(t, ws, "#pki-approvals", "Waiting for a decision", "Web server enrolment"), "carol", "approve", "")
	require.Len(t, signalsOf(demo.Simulator, "approve"), 1)

	parked := cardOf(t, ws, "#pki-approvals", "Waiting for a decision", "web02.example.com")
	decide(parked, "carol", "deny", "not ours")
	decisions := demo.Simulator.CertificateDecisions()
	require.Len(t, decisions, 1)
	require.Contains(t, fmt.Sprintf("%+v", decisions[0]), "not ours")
}

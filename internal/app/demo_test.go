package app_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
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

// visitor is a person at the demo page.
type visitor struct {
	*browsertest.Tab
	name string
}

func visit(t *testing.T, demo app.DemoAddresses, name string) visitor {
	t.Helper()
	ws := demo.Workspace
	return visitor{browsertest.Open(t, fmt.Sprintf("%s/#as=%s&channel=%s", demo.Page, ws.UserID(name), ws.ChannelID("#pki-approvals")), 1280, 1000, false), name}
}

func row(card slacksim.Message) string { return fmt.Sprintf(`[data-ts="%s"]`, card.TS) }

// press clicks a button of a card.
func (v visitor) press(card slacksim.Message, action string) {
	v.Click(row(card) + fmt.Sprintf(` [data-action-id="%s"]`, action))
}

// hears waits until the page shows words: under the channel, or in a modal.
func (v visitor) hears(words string) {
	v.Eventually(fmt.Sprintf(`document.body.innerText.includes(%q)`, words))
	v.Shot(v.name + " hears " + strings.Fields(words)[0] + " " + strings.Fields(words)[1])
}

// sees waits until a card says the words.
func (v visitor) sees(card slacksim.Message, words ...string) {
	for _, w := range words {
		v.Eventually(fmt.Sprintf(`document.querySelector('%s').innerText.includes(%q)`, row(card), w))
	}
	v.Do(chromedp.ScrollIntoView(chromedp.CSS(row(card))))
	v.Shot(v.name + " sees " + strings.Join(words, ", "))
}

// submit fills in the modal and sends it.
func (v visitor) submit(fields map[string]string) {
	v.Eventually(`document.querySelector('[role=dialog] button[type=submit]') !== null`)
	for action, text := range fields {
		v.Keys(fmt.Sprintf(`[role=dialog] [data-action-id="%s"]`, action), text)
	}
	v.Shot(v.name + " is about to submit " + fields["typed"] + fields["comment"])
	v.Click(`[role=dialog] button[type=submit]`)
}

func (v visitor) dismiss() {
	v.Press("Escape")
	v.Eventually(`document.querySelector('[role=dialog]') === null`)
}

// Everything that has to do with who may decide can be tried at the demo page:
// people with different rights, a request of one's own, a guest, two people, a
// request that changes, a step of two that Keyfactor wants, and a subscription that
// narrows. With SHOTS=folder it leaves pictures.
func TestTryingOutWhoMayDecideOnTheDemoPage(t *testing.T) {
	t.Parallel()
	demo := startDemo(t, false)
	ws := demo.Workspace
	const room = "#pki-approvals"
	own := cardOf(t, ws, room, "Waiting for a decision", "ada-dev.example.com")
	signing := cardOf(t, ws, room, "Waiting for a decision", "Example Release Signing")
	controller := cardOf(t, ws, room, "Waiting for a decision", "dc03.corp.example.com")
	web := cardOf(t, ws, room, "Waiting for a decision", "mail.example.com")
	ada, ben, gina, dan := visit(t, demo, "ada"), visit(t, demo, "ben"), visit(t, demo, "gina"), visit(t, demo, "dan")

	ada.press(own, "approve")
	ada.hears("You asked for this yourself")
	ada.dismiss()
	gina.press(own, "approve")
	gina.hears("Guests of this workspace may not decide")
	dan.press(own, "deny")
	dan.hears("You are not among those who may decide")

	// Two people, each of whom types the name.
	ada.press(signing, "approve")
	ada.submit(map[string]string{"typed": "Example Release Signin", "comment": "one letter short"})
	ada.hears("Example Release Signing")
	ada.Eventually(`document.querySelector('[role=dialog] .field-error') !== null`)
	ada.Shot("ada typed something else")
	ada.submit(map[string]string{"typed": "g"})
	ada.sees(signing, "1 of 2 people has approved")
	ben.press(signing, "approve")
	ben.submit(map[string]string{"typed": "Example Release Signing", "comment": "checked the HSM"})
	ben.sees(signing, "Approved")

	// Keyfactor itself wants two.
	ada.press(controller, "approve")
	ada.submit(nil)
	ada.sees(controller, "Keyfactor has counted the approval", "wants 1 more approval")
	ben.press(controller, "approve")
	ben.submit(nil)
	ben.sees(controller, "Approved")

	// What was seen is not what is asked any more.
	ben.press(web, "approve")
	ben.Eventually(`document.querySelector('[role=dialog] button[type=submit]') !== null`)
	require.NoError(t, demo.Simulator.ChangeRequest(instanceOf(t, demo, "mail.example.com"), keyfactorsim.Change{
		Initial: map[string]any{"SANs": map[string]any{"dns": []string{"surprise.example.net"}}}, Current: map[string]any{"SANs": map[string]any{"dns": []string{"surprise.example.net"}}},
	}))
	ben.submit(map[string]string{"comment": "looked fine"})
	ben.hears("The request changed after")
	ben.dismissIfOpen()
	ben.sees(web, "surprise.example.net", "Waiting for a decision")

	// An admin narrows another channel.
	carol, elsewhere := visit(t, demo, "carol"), fmt.Sprintf(`[data-channel="%s"]`, ws.ChannelID("#pki-escalation"))
	carol.Click(elsewhere)
	carol.Keys(`[data-composer=channel]`, "/approvebot subscribe type=Enrollment template=ExampleWebServer deciders=@pki-admins\r")
	carol.hears("only @pki-admins may do so here")
	narrowed := cardOf(t, ws, "#pki-escalation", "only approvers among", "ada-dev.example.com")
	ben.Click(elsewhere)
	ben.press(narrowed, "approve")
	ben.hears("In this channel only approvers among")
	carol.press(narrowed, "deny")
	carol.submit(map[string]string{"comment": "not for development machines"})
	carol.sees(narrowed, "Denied")

	for _, v := range []visitor{ada, ben, gina, dan, carol} {
		v.RequireNoProblems()
	}
	accepted := 0
	for _, s := range demo.Simulator.Signals() {
		require.True(t, s.Accepted)
		accepted++
	}
	require.Equal(t, 4, accepted, "code signing, twice the controller, ada's own; the changed one was not sent")
}

func (v visitor) dismissIfOpen() {
	if browsertest.Value[bool](v.Tab, `document.querySelector('[role=dialog]') !== null`) {
		v.dismiss()
	}
}

func instanceOf(t *testing.T, demo app.DemoAddresses, words string) string {
	t.Helper()
	for _, i := range demo.Simulator.Instances() {
		if i.Status == "Suspended" && strings.Contains(i.Title, words) {
			return i.ID
		}
	}
	t.Fatalf("no instance is about %s", words)
	return ""
}

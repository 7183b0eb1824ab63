package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/browsertest"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

// reader is a person at the demo page.
type reader struct {
	*browsertest.Tab
	t *testing.T
}

// says waits until the text can be read in an element.
func (r reader) says(where, text string) {
	r.t.Helper()
	r.Eventually(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, where, text))
}

// press presses the button with that label in an element.
func (r reader) press(where, label string) {
	r.t.Helper()
	quoted, err := json.Marshal(label)
	require.NoError(r.t, err)
	r.Eventually(fmt.Sprintf(`(() => {
		const all = [...document.querySelectorAll(%q + ' button, ' + %q + ' [role=button]')].filter((b) => b.innerText.trim() === %s && b.getAttribute('aria-busy') !== 'true');
		document.querySelector('[data-story]')?.removeAttribute('data-story');
		all[0]?.setAttribute('data-story', '');
		return all.length > 0;
	})()`, where, where, quoted))
	r.Click(`[data-story]`)
}

// tap presses an element of the message list, which may be drawn anew at any moment:
// a click in two steps could miss it.
func (r reader) tap(selector string) {
	r.t.Helper()
	r.Eventually(fmt.Sprintf(`(() => { const it = document.querySelector(%q); it?.click(); return it !== null; })()`, selector))
}

// fits fails the test if the page is wider than the screen.
func (r reader) fits(width float64) {
	r.t.Helper()
	require.LessOrEqual(r.t, browsertest.Value[float64](r.Tab, `document.documentElement.scrollWidth`), width)
	require.LessOrEqual(r.t, browsertest.Value[float64](r.Tab, `Math.max(0, ...[...document.querySelectorAll('.home, .dialog-body')].map((node) => node.scrollWidth - node.clientWidth))`), 0.0)
}

// A day of two approvers: Ben at his desk, Ada with her phone. They work from the
// Home tab, see each other there, and decide several requests at once, of which one
// has changed meanwhile.
func TestTwoApproversWorkFromTheHomeTab(t *testing.T) {
	demo := startDemo(t, false)
	ws, kf := demo.Workspace, demo.Simulator
	at := func(who string, width, height int64) reader {
		page := fmt.Sprintf("%s/#as=%s&channel=home", demo.Page, ws.UserID(who))
		return reader{browsertest.Open(t, page, width, height, false), t}
	}
	desk := at("ben", 1280, 900)
	desk.says(".home", "requests wait for you")

	// What is urgent comes first; there is more than a page.
	require.Contains(t, strings.SplitN(desk.Text(".home"), "Requested by", 2)[0], "Expiring certificate")
	desk.Shot("home-desk")
	desk.press(".home", "Next page")
	desk.says(".home", "11 to 20 of")
	desk.press(".home", "Previous page")
	desk.says(".home", "1 to 10 of")

	// Only one route; he decides a request of it, and reads that he did.
	desk.Click(`.home [data-action-id=filter]`)
	desk.Eventually(`document.querySelector('.popover [role=option]') !== null`)
	option := browsertest.Value[string](desk.Tab, `[...document.querySelectorAll('.popover [role=option]')].find((o) => o.innerText.startsWith('revocations')).dataset.value`)
	desk.Shot("home-filter")
	desk.Click(fmt.Sprintf(`.popover [data-value=%q]`, option))
	desk.Eventually(`!document.querySelector('.home').innerText.includes('Certificate request')`)
	desk.says(".home", "Revocation")
	desk.press(".home", "Deny")
	desk.says(".dialog", "Deny request")
	desk.Keys(`.dialog textarea`, "still in use")
	desk.Shot("home-decide")
	desk.Click(`.dialog button[type=submit]`)
	desk.says(".home", "You decided lately")
	desk.says(".home", "Denied by @ben")
	desk.Shot("home-decided")

	// Ada has seven minutes on the train.
	phone := at("ada", 390, 844)
	phone.says(".home", "requests wait for you")
	phone.fits(390)
	phone.Shot("home-phone")
	phone.press(".home", "Details")
	phone.says(".dialog", "Request in full")
	phone.fits(390)
	phone.Shot("details-phone")
	phone.press(".dialog", "Close")
	phone.press(".home", "Decide several")
	phone.says(".dialog", "Choose those that get the same answer")
	phone.fits(390)
	names := browsertest.Value[[]string](phone.Tab, `[...document.querySelectorAll('.dialog input[type=checkbox]')].slice(0, 3).map((box) => box.closest('label').innerText.split('\n')[0])`)
	require.Len(t, names, 3)
	for place := range names {
		phone.Click(fmt.Sprintf(`.dialog input[type=checkbox][value="%d"]`, place))
	}
	phone.Click(`.dialog input[type=radio][value=deny]`)
	phone.Shot("several-choose-phone")
	phone.press(".dialog", "Look at them")
	phone.says(".dialog", "Deny 3 requests")
	phone.fits(390)
	phone.Shot("several-review-phone")

	// One of the three changes while she looks.
	i := slices.IndexFunc(kf.Instances(), func(i keyfactorsim.InstanceState) bool {
		return i.Status == "Suspended" && strings.Contains(i.Title, names[1])
	})
	require.GreaterOrEqual(t, i, 0, names)
	sans := map[string]any{"SANs": map[string]any{"dns": []string{"surprise.example.net"}}}
	require.NoError(t, kf.ChangeRequest(kf.Instances()[i].ID, keyfactorsim.Change{Initial: sans, Current: sans}))
	card := cardOf(t, ws, "#pki-approvals", names[1], "surprise.example.net")
	phone.Keys(`.dialog textarea`, "owner does not answer")
	phone.press(".dialog", "Deny 3")
	phone.says(".dialog", "2 of 3 decided, 1 not")
	phone.says(".dialog", "it changed after it was shown to you")
	phone.fits(390)
	phone.Shot("several-result-phone")
	phone.press(".dialog", "Close")
	wait(t, ws, "two signals", func() bool { return len(signalsOf(kf, "deny")) == 3 }) // and Ben's
	for _, s := range signalsOf(kf, "deny")[1:] {
		require.Contains(t, s.Comment, "owner does not answer")
	}

	// She says that she looks at the one that has changed; Ben sees it where he is.
	browsertest.Value[any](phone.Tab, fmt.Sprintf(`(location.hash = "as=%s&channel=%s&ts=%s", 0)`, ws.UserID("ada"), ws.ChannelID("#pki-approvals"), card.TS))
	message := fmt.Sprintf(`.message[data-ts="%s"]`, card.TS)
	phone.says(message, "surprise.example.net")
	phone.tap(message + ` [data-action-id=menu]`)
	phone.Shot("claim-menu-phone")
	phone.tap(`.popover [data-value=claim]`)
	phone.says(message, "@ada is looking at it")
	phone.fits(390)
	phone.Shot("claim-phone")
	browsertest.Value[any](desk.Tab, fmt.Sprintf(`(location.hash = "as=%s&channel=%s&ts=%s", 0)`, ws.UserID("ben"), ws.ChannelID("#pki-approvals"), card.TS))
	desk.says(message, "@ada is looking at it")
	desk.Shot("claim-desk")
	desk.RequireNoProblems()
	phone.RequireNoProblems()
}

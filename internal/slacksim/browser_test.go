package slacksim_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"
)

// TestAPersonApprovesInTheBrowser goes through page, page API, Socket Mode and
// back with nothing in between replaced.
func TestAPersonApprovesInTheBrowser(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("no chromium here")
	}
	require.NoError(t, err)
	h := open(t)
	ch := h.ChannelID("pki-approvals")
	h.connect(t, func(evt socketmode.Event) any {
		cb, ok := evt.Data.(slack.InteractionCallback)
		switch {
		case !ok:
		case cb.Type == slack.InteractionTypeBlockActions:
			var view slack.ModalViewRequest
			if json.Unmarshal([]byte(modal), &view) == nil {
				view.PrivateMetadata = cb.Container.MessageTs
				_, _ = h.client.OpenView(cb.TriggerID, view)
			}
		case cb.Type == slack.InteractionTypeViewSubmission:
			comment := cb.View.State.Values["why"]["text"].Value
			go func() {
				_, _, _, _ = h.client.UpdateMessage(ch, cb.View.PrivateMetadata, slack.MsgOptionText("denied: "+comment, false))
			}()
		}
		return nil
	})
	ts := h.postCard(t)

	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir())}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	tab, cancel := chromedp.NewContext(alloc)
	defer cancel()
	defer func() { _ = chromedp.Cancel(tab) }()
	ctx, cancel := context.WithTimeout(tab, 90*time.Second)
	defer cancel()
	until := func(expression string) {
		t.Helper()
		_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(20*time.Second)))
		require.NoError(t, err, expression)
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(h.url+"/#as="+h.UserID("ada")+"&channel="+ch)))
	until(`document.querySelector('[data-action-id=deny]') !== null`)
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`[data-action-id=deny]`))))
	until(`document.querySelector('[role=dialog] [data-action-id=text]') !== null`)
	require.NoError(t, chromedp.Do(ctx,
		chromedp.SendKeys(chromedp.CSS(`[role=dialog] [data-action-id=text]`), "not ours"),
		chromedp.Click(chromedp.CSS(`[data-modal=submit]`)),
	))
	until(`document.body.innerText.includes('denied: not ours')`)
	until(`document.querySelector('[role=dialog]') === null`)
	m, _ := h.Message(ch, ts)
	require.Equal(t, "denied: not ours", m.Text)
}

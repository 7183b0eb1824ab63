package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// tab is one page in headless chromium.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

// chromium is the one browser of all tests; every tab gets a fresh profile in it.
var chromium struct {
	start  sync.Once
	ctx    context.Context
	err    error
	missed bool
	ends   []func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, end := range slices.Backward(chromium.ends) {
		end()
	}
	os.Exit(code)
}

func startChromium() {
	name := os.Getenv("CHROMIUM")
	if name == "" {
		name = "chromium"
	}
	program, err := exec.LookPath(name)
	if err != nil {
		chromium.missed, chromium.err = true, err
		return
	}
	profile, err := os.MkdirTemp("", "page-test-*")
	if err != nil {
		chromium.err = err
		return
	}
	chromium.ends = append(chromium.ends, func() { _ = os.RemoveAll(profile) })
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.UserDataDir(profile)}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	chromium.ends = append(chromium.ends, cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	chromium.ends = append(chromium.ends, cancel, func() { _ = chromedp.Cancel(ctx) })
	chromium.ctx, chromium.err = ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
}

// openTab opens a page of the workspace. Where there is no chromium the test is skipped,
// except in CI, where it must not go missing silently.
func openTab(t *testing.T, w *workspace, hash string, width, height int64, dark bool) *tab {
	t.Helper()
	chromium.start.Do(startChromium)
	if chromium.missed && os.Getenv("CI") != "true" {
		t.Skip("no chromium here")
	}
	require.NoError(t, chromium.err, "start chromium")
	b := &tab{t: t}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithListener(b.listen), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b.ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	viewport := []chromedp.EmulateViewportOption{}
	if width < 500 {
		viewport = append(viewport, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
				return err
			}
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}})
			return err
		}),
		chromedp.EmulateViewport(width, height, viewport...),
		chromedp.Navigate(w.URL+"/"+hash),
	)
	b.eventually(`document.body.dataset.connected === 'true' && document.querySelector('.message, .home .block, .intro') !== null`)
	return b
}

// listen collects what the browser complains about: exceptions, errors on the console,
// violations of the content security policy.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (b *tab) requireNoProblems() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.problems)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) keys(selector, keys string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), keys))
}

// eventually waits until an expression holds in the page.
func (b *tab) eventually(expression string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(30*time.Millisecond), chromedp.WithPollingTimeout(10*time.Second)))
	require.NoError(b.t, err, "never came true: %s", expression)
}

// value evaluates an expression in the page.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return result
}

// text is the text of an element as a person reads it.
func (b *tab) text(selector string) string {
	b.t.Helper()
	quoted, err := json.Marshal(selector)
	require.NoError(b.t, err)
	return value[string](b, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? '(missing)'`, quoted))
}

// shot keeps a picture of the page in the folder SHOTS, if that is set.
func (b *tab) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600))
}

// press presses keys, by the names the browser gives them, wherever the focus is.
func (b *tab) press(names ...string) {
	b.t.Helper()
	keys := map[string]string{"ArrowDown": kb.ArrowDown, "Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape}
	for _, name := range names {
		b.do(chromedp.KeyEvent(keys[name]))
	}
}

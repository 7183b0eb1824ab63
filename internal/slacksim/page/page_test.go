package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// What Slack would draw is drawn, and what a stranger wrote stays text.
func TestRendering(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	b.shot("desktop")

	require.Equal(t, "certificate-approvals", b.text("h1"))
	require.Equal(t, "Example Corp", b.text(".workspace-name"))
	require.Equal(t, "You are Ada", strings.Join(strings.Fields(b.text(".switcher-words")), " "))
	require.Contains(t, b.text(`[data-ts="`+w.ts(7200)+`"] .thread-summary`), "3 replies")
	require.Equal(t, "@pki-approvers", b.text(`[data-ts="`+w.ts(600)+`"] .mention.me`))
	require.Contains(t, b.text(`[data-ts="`+w.ts(600)+`"] .fields`), "9 minutes ago")
	require.Equal(t, "https://keyfactor.example.com/KeyfactorPortal/Workflow/42", value[string](b, `document.querySelector('.block-context a').href`))

	hostile := b.text(`[data-ts="` + w.ts(400) + `"] .message-text`)
	require.Equal(t, `hostile: <script>document.body.dataset.hacked=1</script> <img src=x onerror="document.body.dataset.hacked=1"> <b>not bold</b> &amp; <javascript:alert(1)|click me> :constructor:`, hostile)
	require.Equal(t, 0, value[int](b, `document.querySelectorAll('.message script, .message img, .message-text b').length`))
	require.Equal(t, 0, value[int](b, `[...document.links].filter((a) => !/^(https?|mailto):$/.test(a.protocol)).length`))
	require.True(t, value[bool](b, `document.body.dataset.hacked === undefined`))

	notice := b.text(`[data-ephemeral]`)
	require.Contains(t, notice, "Only visible to you")
	require.Contains(t, notice, "Only approvers may decide this request. Ask in #pki-team.")
	b.click(`[data-ephemeral] [data-dismiss]`)
	b.eventually(`!document.querySelector('[data-ephemeral]')`)
	b.requireNoProblems()
}

func TestMrkdwn(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C2", 1280, 800, false)
	body := `document.querySelector('[data-ts="` + w.ts(3000) + `"] .message-text')`
	list := func(selector string) string {
		return value[string](b, fmt.Sprintf(`[...%s.querySelectorAll('%s')].map((node) => node.textContent).join(' | ')`, body, selector))
	}
	require.Equal(t, "bold | line | both", list("strong"))
	require.Equal(t, "italic | both", list("em"))
	require.Equal(t, "strike", list("s"))
	require.Equal(t, "code y *", list("code"))
	require.Equal(t, "quoted line\nsecond", list("blockquote"))
	require.Equal(t, "pre *not bold* <tag>", list("pre"))
	require.Equal(t, "@Ben | @Ada | @here | #certificate-approvals | @platform | @gone", list(".mention"))
	require.Equal(t, "@Ada | @here", list(".mention.me"))
	require.Equal(t, "https://x.example.com/ | https://example.com/a?b=1&c=2 | https://bare.example.com/x | mailto:a@example.com",
		value[string](b, `[...`+body+`.querySelectorAll('a[target]')].map((a) => a.href).join(' | ')`))
	// The date is in Ada's zone, Berlin, not in the browser's.
	require.Equal(t, "2023-11-14 11:13:20 PM", strings.ReplaceAll(list("time"), "\u202f", " "))
	words := value[string](b, body+`.textContent`)
	for _, kept := range []string{"snake_case_name", "2*3*4", "just text", ":nosuch:"} {
		require.Contains(t, words, kept)
	}
	require.NotContains(t, words, ":lock:")
	b.requireNoProblems()
}

func TestBlocks(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C2", 1280, 800, false)
	b.shot("blocks")
	for block, want := range map[string]string{
		"k1":  "Header <b>& *plain*",
		"k2":  "Section with accessory",
		"k3":  "plain *not bold* &lt;b&gt; <!channel>",
		"k4":  "a red door",
		"k8":  "Note (optional)",
		"k9":  "requests per day",
		"k10": "Rich <b> bold and code by @Ada",
		"k11": "Some bold and a link and [bad](javascript:alert(1)) <img src=x onerror=alert(1)>",
		"k12": "shop.example.com",
		"k14": "cannot draw a “carousel” block",
	} {
		require.Contains(t, b.text(`[data-block="`+block+`"]`), want, block)
	}
	require.Equal(t, "right", value[string](b, `getComputedStyle(document.querySelector('[data-block=k12] td:last-child')).textAlign`))
	require.Equal(t, 0, value[int](b, `document.querySelectorAll('.message img').length`), "the page asks nobody else for pictures")
	value[float64](b, `document.querySelector('main .list').scrollTop = 300`)
	b.shot("blocks-elements")
	b.requireNoProblems()
}

// A press carries what the app needs: where, which, and all that has been entered nearby.
func TestClicks(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	b.click(`[data-action-id=approve]`)
	requireJSON(t, `{"as":"U1","container":{"type":"message","channel":"C1","ts":"`+w.ts(600)+`"},"block_id":"decide:42","action_id":"approve","value":"42","state":{}}`, w.posted(t, "click"))

	// Deny asks first; only a yes is sent.
	b.click(`[data-action-id=deny]`)
	b.eventually(`document.querySelector('[role=alertdialog]')?.innerText.includes('EXAMPLE\\alice will be told')`)
	b.shot("confirm")
	b.click(`[data-confirm=no]`)
	b.eventually(`!document.querySelector('[role=alertdialog]')`)
	b.click(`[data-action-id=deny]`)
	b.click(`[data-confirm=yes]`)
	require.Equal(t, "deny", w.posted(t, "click")["action_id"])

	b.click(`[data-channel=C2]`)
	b.keys(`[data-action-id=note]`, "a note")
	b.click(`[data-action-id=sel]`)
	b.click(`.popover [data-value=s]`)
	got := w.posted(t, "click")
	require.Equal(t, "sel", got["action_id"])
	requireJSON(t, `{"text":{"type":"plain_text","text":"South"},"value":"s"}`, got["selected_option"])
	requireJSON(t, `{
		"k6":{"sel":{"type":"static_select","selected_option":{"text":{"type":"plain_text","text":"South"},"value":"s"}},
			"usr":{"type":"users_select","selected_user":"U2"},"multi":{"type":"multi_static_select","selected_options":[]},
			"chan":{"type":"channels_select","selected_channel":null},"day":{"type":"datepicker","selected_date":"2026-03-01"},"clock":{"type":"timepicker","selected_time":"09:30"}},
		"k7":{"boxes":{"type":"checkboxes","selected_options":[]},"radio":{"type":"radio_buttons","selected_option":{"text":{"type":"plain_text","text":"Yes"},"value":"y"}}},
		"k8":{"note":{"type":"plain_text_input","value":"a note"}}}`, got["state"])

	b.click(`[data-action-id=menu]`)
	b.click(`.popover [data-value="2"]`)
	got = w.posted(t, "click")
	require.Equal(t, "menu", got["action_id"])
	requireJSON(t, `{"text":{"type":"plain_text","text":"Second"},"value":"2"}`, got["selected_option"])

	b.click(`[data-action-id=boxes][value="2"]`)
	got = w.posted(t, "click")
	requireJSON(t, `[{"text":{"type":"plain_text","text":"Two"},"value":"2"}]`, got["selected_options"])

	// A press nobody acknowledges shows why.
	w.answer("click", func(post) any {
		return map[string]any{"ok": false, "error": "The app did not answer in time."}
	})
	b.click(`[data-action-id=fail]`)
	w.posted(t, "click")
	b.eventually(`document.querySelector('[data-block=k3] .failure')?.innerText.includes('The app did not answer in time.')`)
	b.requireNoProblems()
}

func TestButtonShowsThatItWaits(t *testing.T) {
	w := newWorkspace(t)
	release := make(chan struct{})
	w.answer("click", func(post) any {
		<-release
		return map[string]any{"ok": true}
	})
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	b.click(`[data-action-id=approve]`)
	w.posted(t, "click")
	busy := `document.querySelector('[data-action-id=approve]').getAttribute('aria-busy') === 'true'`
	b.eventually(busy)
	b.click(`[data-action-id=approve]`)
	close(release)
	b.eventually(`!(` + busy + `)`)
	require.Empty(t, w.posts, "a second press while the first is under way is not sent")
}

func TestModal(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	view := string(w.fixture(t, "modal.json"))
	w.send(t, `{"type":"views","views":[`+view+`]}`)
	b.eventually(`document.querySelector('[role=dialog]')?.dataset.viewId === 'V1'`)
	require.Equal(t, "text", value[string](b, `document.activeElement.dataset.actionId`), "focus_on_load")
	require.True(t, value[bool](b, `document.getElementById('app').inert`))

	// Slack's own client asks for what is missing before it bothers the app.
	b.click(`[data-modal=submit]`)
	b.eventually(`document.querySelector('[data-error=comment]')?.innerText.includes('required')`)
	require.Contains(t, b.text(`[data-error=reason]`), "required")
	b.keys(`[data-action-id=text]`, strings.Repeat("x", 41))
	require.Equal(t, "-1", b.text(`[data-block=comment] .counter`))
	b.keys(`[data-action-id=text]`, "\b\b\b")
	b.click(`[data-action-id=why]`)
	b.click(`.popover [data-value=auth]`)
	b.click(`[data-action-id=people]`)
	b.click(`.popover [data-value=U2]`)
	b.click(`.dialog-title`)

	w.answer("submit", func(post) any {
		return map[string]any{"ok": true, "errors": map[string]string{"comment": "Please say which <b>change</b> this belongs to."}}
	})
	b.click(`[data-modal=submit]`)
	requireJSON(t, `{"as":"U1","view_id":"V1","values":{
		"reason":{"why":{"type":"static_select","selected_option":{"text":{"type":"plain_text","text":"Not authorised"},"value":"auth"}}},
		"comment":{"text":{"type":"plain_text_input","value":"`+strings.Repeat("x", 38)+`"}},
		"more":{"people":{"type":"multi_users_select","selected_users":["U2"]}},
		"when":{"again":{"type":"checkboxes","selected_options":[]}}}}`, w.posted(t, "submit"))
	b.eventually(`document.querySelector('[data-error=comment]')?.innerText.includes('Please say which <b>change</b>')`)
	require.Equal(t, "true", value[string](b, `document.querySelector('[data-action-id=text]').getAttribute('aria-invalid')`))
	b.shot("modal")

	// An update keeps what was typed where block and action stay the same.
	w.send(t, `{"type":"views","views":[`+strings.Replace(view, `"Comment"`, `"Your comment"`, 1)+`]}`)
	b.eventually(`document.querySelector('[data-block=comment] .input-label').textContent === 'Your comment'`)
	require.Equal(t, strings.Repeat("x", 38), value[string](b, `document.querySelector('[data-action-id=text]').value`))

	// A second view on top; going back leads to the first; X closes all.
	w.send(t, `{"type":"views","views":[`+view+`,`+strings.NewReplacer(`"V1"`, `"V2"`, "Deny request", "Are you sure").Replace(view)+`]}`)
	b.eventually(`document.querySelectorAll('[role=dialog]').length === 1 && document.querySelector('[role=dialog]').dataset.viewId === 'V2'`)
	b.click(`[aria-label=Back]`)
	requireJSON(t, `{"as":"U1","view_id":"V2","clear":false}`, w.posted(t, "close"))
	b.eventually(`document.querySelector('[role=dialog]')?.dataset.viewId === 'V1'`)
	b.click(`[aria-label=Close]`)
	requireJSON(t, `{"as":"U1","view_id":"V1","clear":true}`, w.posted(t, "close"))
	b.eventually(`!document.querySelector('[role=dialog]') && !document.getElementById('app').inert`)

	w.send(t, `{"type":"views","views":[`+view+`]}`)
	b.keys(`[data-action-id=text]`, "\x1b")
	requireJSON(t, `{"as":"U1","view_id":"V1","clear":false}`, w.posted(t, "close"))
	b.requireNoProblems()
}

// A submission that succeeds closes the view, also when the simulator says no more than ok.
func TestSubmitClosesTheModal(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	view := strings.ReplaceAll(string(w.fixture(t, "modal.json")), `"type": "input"`, `"optional": true, "type": "input"`)
	w.send(t, `{"type":"views","views":[`+view+`]}`)
	b.click(`[data-modal=submit]`)
	got := w.posted(t, "submit")
	requireJSON(t, `{"text":{"type":"plain_text_input","value":null}}`, got["values"].(map[string]any)["comment"])
	b.eventually(`!document.querySelector('[role=dialog]')`)

	w.answer("submit", func(post) any { return map[string]any{"ok": false, "error": "We had some trouble connecting."} })
	w.send(t, `{"type":"views","views":[`+view+`]}`)
	b.click(`[data-modal=submit]`)
	b.eventually(`document.querySelector('.modal-problem')?.innerText.includes('We had some trouble connecting.')`)
	require.Empty(t, value[string](b, `document.querySelector('[data-modal=submit]').getAttribute('aria-busy') ?? ''`))
}

func TestLiveUpdates(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	card := `[data-ts="` + w.ts(600) + `"]`
	value[bool](b, `document.querySelector('[data-action-id=approve]').focus() || true`)
	w.send(t, `{"type":"message","channel":"C1","message":{"ts":"`+w.ts(600)+`","user":"UBOT","bot_id":"B1","text":"x","edited":true,"blocks":[
		{"type":"header","block_id":"head2","text":{"type":"plain_text","text":"Approved by Ada"}}]}}`)
	b.eventually(fmt.Sprintf(`document.querySelector('main %s .block-header')?.innerText === 'Approved by Ada'`, card))
	require.Equal(t, 0, value[int](b, `document.querySelectorAll('[data-action-id=approve]').length`))
	require.Contains(t, b.text("main "+card), "(edited)")
	require.Equal(t, w.ts(600), value[string](b, `document.activeElement.closest('[data-ts]')?.dataset.ts ?? ''`), "the focus stays at the card")

	// Something new where nobody looks makes the channel bold; a mention gets a number.
	b.click(`[data-channel=C3]`)
	b.eventually(`document.querySelector('h1').innerText === 'pki-team'`)
	b.eventually(`!document.querySelector('[data-channel=C1]').classList.contains('unread')`)
	w.send(t, `{"type":"message","channel":"C1","message":{"ts":"`+w.ts(10)+`","user":"U2","text":"for <@U1>","blocks":[]}}`)
	b.eventually(`document.querySelector('[data-channel=C1] .count')?.innerText === '1'`)
	require.Equal(t, "(", value[string](b, `document.title[0]`))
	b.click(`[data-channel=C1]`)
	b.eventually(`!document.querySelector('[data-channel=C1]').classList.contains('unread')`)
	require.Equal(t, "New", b.text(".new-line"))

	w.send(t, `{"type":"message_deleted","channel":"C1","ts":"`+w.ts(10)+`"}`)
	b.eventually(fmt.Sprintf(`!document.querySelector('[data-ts="%s"]')`, w.ts(10)))
	w.send(t, `{"type":"ephemeral","channel":"C1","message":{"ts":"`+w.ts(1)+`","user":"UBOT","bot_id":"B1","text":"just for you","blocks":[]}}`)
	b.eventually(fmt.Sprintf(`document.querySelector('[data-ephemeral="%s"]')?.innerText.includes('just for you')`, w.ts(1)))
	w.send(t, `{"type":"ephemeral_deleted","channel":"C1","ts":"`+w.ts(1)+`"}`)
	b.eventually(fmt.Sprintf(`!document.querySelector('[data-ephemeral="%s"]')`, w.ts(1)))
	w.send(t, `{"type":"notice","text":"Keyfactor is away","tone":"error"}`)
	b.eventually(`document.querySelector('.toast.error')?.innerText.includes('Keyfactor is away')`)
	w.send(t, `{"type":"channel","channel":{"id":"C1","name":"renamed","kind":"channel","topic":"","member_ids":["U1"],"is_archived":true}}`)
	b.eventually(`document.querySelector('h1').innerText === 'renamed' && document.querySelector('main .composer-closed').innerText.includes('archived')`)
	b.requireNoProblems()
}

// Who reads further up is not torn away from there by something new; who is at the end sees it.
func TestScrolling(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C2", 1280, 800, false)
	const list = `document.querySelector('main .list')`
	const fromEnd = list + `.scrollHeight - ` + list + `.scrollTop - ` + list + `.clientHeight`
	require.Less(t, value[float64](b, fromEnd), 2.0, "a channel opens at its end")
	// The page notices the scrolling with the next frame.
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`new Promise((done) => {
			`+list+`.addEventListener('scroll', () => done(true), {once: true});
			`+list+`.scrollTop = 0;
		})`, chromedp.EvalAwaitPromise))
		return err
	}))
	w.send(t, `{"type":"message","channel":"C2","message":{"ts":"`+w.ts(5)+`","user":"U2","text":"one more","blocks":[]}}`)
	b.eventually(`document.querySelector('main .new-pill:not([hidden])')?.innerText.includes('1 new message')`)
	require.Less(t, value[float64](b, list+`.scrollTop`), 5.0)
	b.click(`main .new-pill`)
	b.eventually(`document.querySelector('main .new-pill').hidden`)
	w.send(t, `{"type":"message","channel":"C2","message":{"ts":"`+w.ts(4)+`","user":"U2","text":"and another","blocks":[]}}`)
	b.eventually(fmt.Sprintf(`document.querySelector('[data-ts="%s"]') && %s < 2`, w.ts(4), fromEnd))
	require.True(t, value[bool](b, `document.querySelector('main .new-pill').hidden`))
}

// After the connection broke, the page reads everything anew and carries on.
func TestReconnect(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	w.mu.Lock()
	w.snapshot = []byte(strings.ReplaceAll(string(w.snapshot), "A *wildcard certificate* has", "Something else has"))
	w.mu.Unlock()
	w.CloseClientConnections()
	b.eventually(`document.querySelector('[data-block=who]').innerText.includes('Something else has')`)
	b.eventually(`document.body.dataset.connected === 'true' && document.querySelector('.connection').hidden`)
	w.send(t, `{"type":"message_deleted","channel":"C1","ts":"`+w.ts(600)+`"}`)
	b.eventually(`!document.querySelector('[data-block=who]')`)
}

func TestThread(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	b.click(`[data-thread="` + w.ts(7200) + `"]`)
	b.eventually(`document.querySelectorAll('aside .list-content .message').length === 3`)
	require.Contains(t, b.text(`aside .list-head`), "Approved: portal.example.com")
	require.Contains(t, b.text(`aside [data-ts="`+w.ts(5400)+`"]`), "(edited)")
	b.shot("thread")
	b.keys(`[data-composer=thread]`, "a < b & *c*\r")
	requireJSON(t, `{"as":"U1","channel":"C1","thread_ts":"`+w.ts(7200)+`","text":"a &lt; b &amp; *c*"}`, w.posted(t, "message"))
	w.send(t, `{"type":"message","channel":"C1","message":{"ts":"`+w.ts(2)+`","thread_ts":"`+w.ts(7200)+`","user":"U1","text":"a &lt; b","blocks":[]}}`)
	b.eventually(`document.querySelectorAll('aside .list-content .message').length === 4`)
	require.Equal(t, 0, value[int](b, `document.querySelectorAll('main [data-ts="`+w.ts(2)+`"]').length`), "replies stay out of the channel")
	b.click(`[aria-label="Close thread"]`)
	b.eventually(`document.querySelector('aside').hidden`)
	b.requireNoProblems()
}

// A link to a reply opens its thread and points at it.
func TestPermalink(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1&ts="+w.ts(6800), 1280, 800, false)
	b.eventually(`document.querySelector('aside [data-ts="` + w.ts(6800) + `"]')?.classList.contains('highlight')`)
	b = openTab(t, w, "#channel=C1&ts="+w.ts(7200), 1280, 800, false)
	b.eventually(`document.querySelector('main [data-ts="` + w.ts(7200) + `"]')?.classList.contains('highlight')`)
	require.Contains(t, value[string](b, `location.hash`), "as=U1")
}

func TestWriting(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	b.keys(`[data-composer=channel]`, "/app")
	b.eventually(`document.querySelectorAll('.suggestion').length === 2`)
	b.shot("commands")
	b.keys(`[data-composer=channel]`, "\t")
	b.keys(`[data-composer=channel]`, "mine\r")
	requireJSON(t, `{"as":"U1","channel":"C1","text":"/approvals mine"}`, w.posted(t, "command"))

	b.keys(`[data-composer=channel]`, "ask @be")
	b.eventually(`document.querySelectorAll('.suggestion').length === 1`)
	b.keys(`[data-composer=channel]`, "\r")
	b.keys(`[data-composer=channel]`, "please\r")
	requireJSON(t, `{"as":"U1","channel":"C1","text":"ask <@U2> please"}`, w.posted(t, "message"))

	w.answer("message", func(post) any { return map[string]any{"ok": false, "error": "This channel is read-only."} })
	b.keys(`[data-composer=channel]`, "kept\r")
	b.eventually(`document.querySelector('.toast.error')?.innerText.includes('read-only')`)
	require.Equal(t, "kept", value[string](b, `document.querySelector('[data-composer=channel]').value`))
	w.posted(t, "message")

	b.click(`[data-ts="` + w.ts(600) + `"] [aria-label="More actions"]`)
	b.click(`[data-shortcut=audit]`)
	requireJSON(t, `{"as":"U1","callback_id":"audit","channel":"C1","ts":"`+w.ts(600)+`"}`, w.posted(t, "shortcut"))
	b.click(`[aria-label=Shortcuts]`)
	b.click(`[data-shortcut=waiting]`)
	require.Equal(t, "waiting", w.posted(t, "shortcut")["callback_id"])
	b.requireNoProblems()
}

func TestPeopleAndActions(t *testing.T) {
	w := newWorkspace(t)
	w.answer("action", func(post) any { return map[string]any{"ok": true, "text": "A request by EXAMPLE\\bob is on its way."} })
	b := openTab(t, w, "", 1280, 800, false)
	b.click(`[data-action=new_request]`)
	requireJSON(t, `{"as":"U1","id":"new_request"}`, w.posted(t, "action"))
	b.eventually(`document.querySelector('.toast')?.innerText.includes('EXAMPLE\\bob is on its way')`)

	b.click(`[data-switcher]`)
	require.Equal(t, 5, value[int](b, `document.querySelectorAll('[data-person]').length`), "the bot cannot be acted as")
	for person, role := range map[string]string{"U2": "Admin", "U3": "Guest", "U4": "Outside organisation", "U5": "Deactivated"} {
		require.Contains(t, b.text(`[data-person=`+person+`]`), role)
	}
	b.shot("switcher")
	b.click(`[data-person=U3]`)
	b.eventually(`document.querySelector('[data-switcher]').innerText.includes('Grace')`)
	b.eventually(`location.hash.includes('as=U3')`)
	require.Equal(t, 0, value[int](b, `document.querySelectorAll('[data-channel=C3], [data-channel=C2]').length`), "a guest sees only their own channels")
	b.click(`[data-action-id=approve]`)
	require.Equal(t, "U3", w.posted(t, "click")["as"])
	b.requireNoProblems()
}

func TestHome(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=home", 1280, 800, false)
	requireJSON(t, `{"as":"U1"}`, w.posted(t, "open_home"))
	b.shot("home")
	b.click(`[data-action-id=home_open]`)
	got := w.posted(t, "click")
	requireJSON(t, `{"type":"home","view_id":"VHOME"}`, got["container"])
	w.send(t, `{"type":"home","view":{"id":"VHOME","type":"home","hash":"2","blocks":[{"type":"header","block_id":"a","text":{"type":"plain_text","text":"All done"}}]}}`)
	b.eventually(`document.querySelector('.home').innerText.includes('All done')`)
	b.click(`[data-tab=D2]`)
	b.eventually(`document.querySelector('main .list-content').innerText.includes('I will write to you here')`)
	b.requireNoProblems()
}

func TestPhone(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 390, 844, false)
	noSideways := func() {
		t.Helper()
		require.LessOrEqual(t, value[float64](b, `Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('main .list, .home')].map((node) => node.clientWidth && node.scrollWidth - node.clientWidth + 390))`), 390.0)
		require.Empty(t, value[string](b, `[...document.querySelectorAll('.message *')].filter((node) => node.getClientRects().length && node.getBoundingClientRect().right > innerWidth + 1 && !node.closest('.table-wrap')).map((node) => node.className).join()`))
	}
	noSideways()
	b.shot("phone")
	require.GreaterOrEqual(t, value[float64](b, `document.querySelector('[data-action-id=approve]').getBoundingClientRect().height`), 40.0)
	require.False(t, value[bool](b, `document.querySelector('.sidebar').checkVisibility({visibilityProperty: true})`))
	b.click(`[aria-label=Channels]`)
	b.eventually(`document.querySelector('.sidebar').getBoundingClientRect().left === 0`)
	b.shot("phone-drawer")
	b.click(`[data-channel=C2]`)
	b.eventually(`document.querySelector('h1').innerText === 'kitchen-sink' && !document.querySelector('.drawer-open')`)
	noSideways()
	b.shot("phone-blocks")
	value[bool](b, `(location.hash = '#as=U1&channel=C1&thread=`+w.ts(7200)+`') && true`)
	b.eventually(`!document.querySelector('aside').hidden && document.querySelector('aside').getBoundingClientRect().width === 390`)
	b.shot("phone-thread")
	w.send(t, `{"type":"views","views":[`+string(w.fixture(t, "modal.json"))+`]}`)
	b.eventually(`document.querySelector('[role=dialog]')`)
	b.shot("phone-modal")
	require.InDelta(t, 390, value[float64](b, `document.querySelector('[role=dialog]').getBoundingClientRect().width`), 0.5)
	b.requireNoProblems()
}

// contrasts measures every piece of text against what is behind it, and lists those that
// WCAG 2 AA would call too faint.
const contrasts = `(() => {
	const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
		return [r, g, b, a / 255];
	};
	const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (node) => {
		for (let at = node; at; at = at.parentElement) {
			const colour = rgba(getComputedStyle(at).backgroundColor);
			if (colour[3] > 0.95) return colour;
		}
		return [255, 255, 255, 1];
	};
	const faint = [];
	let measured = 0;
	for (const node of document.querySelectorAll('body *')) {
		const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
		if (!own || !node.checkVisibility({opacityProperty: true, visibilityProperty: true}) || node.closest('.tone-app, [inert]') || node.disabled) continue;
		const style = getComputedStyle(node);
		const [a, b] = [light(rgba(style.color)), light(behind(node))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		measured++;
		if (ratio < 4.5) faint.push(node.className + ' "' + node.textContent.slice(0, 30) + '" ' + ratio.toFixed(2));
	}
	return {measured, faint};
})()`

type contrastReport struct {
	Faint []string `json:"faint"`
}

func TestContrast(t *testing.T) {
	for name, dark := range map[string]bool{"light": false, "dark": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			b := openTab(t, w, "#as=U1&channel=C1&thread="+w.ts(7200), 1280, 800, dark)
			check := func(atLeast int) {
				t.Helper()
				// What fades in is not there to be measured at once.
				b.eventually(fmt.Sprintf("%s.measured > %d", contrasts, atLeast))
				require.Empty(t, value[contrastReport](b, contrasts).Faint)
			}
			check(50)
			b.shot(name)
			b.click(`[data-channel=C2]`)
			b.eventually(`document.querySelector('h1').innerText === 'kitchen-sink'`)
			check(50)
			w.send(t, `{"type":"views","views":[`+string(w.fixture(t, "modal.json"))+`]}`)
			b.click(`[data-modal=submit]`)
			b.eventually(`document.querySelector('[data-error=comment]')`)
			check(8)
			b.shot(name + "-modal")
			require.Equal(t, dark, value[bool](b, `matchMedia('(prefers-color-scheme: dark)').matches`))
		})
	}
}

// Everything can be reached and worked with the keyboard alone.
func TestKeyboard(t *testing.T) {
	w := newWorkspace(t)
	b := openTab(t, w, "#as=U1&channel=C1", 1280, 800, false)
	value[bool](b, `document.querySelector('[data-channel=C1]').focus() || true`)
	b.press("ArrowDown", "Enter")
	b.eventually(`document.querySelector('h1').innerText === 'kitchen-sink'`)
	value[bool](b, `document.querySelector('[data-action-id=sel]').focus() || true`)
	b.press("ArrowDown", "ArrowDown", "Enter")
	require.Equal(t, "s", w.posted(t, "click")["selected_option"].(map[string]any)["value"])
	require.Equal(t, "sel", value[string](b, `document.activeElement.dataset.actionId ?? ''`))

	w.send(t, `{"type":"views","views":[`+string(w.fixture(t, "modal.json"))+`]}`)
	b.eventually(`document.activeElement.dataset.actionId === 'text'`)
	for range 12 {
		b.press("Tab")
		require.True(t, value[bool](b, `document.querySelector('[role=dialog]').contains(document.activeElement)`), "the focus stays in the modal")
	}
	b.press("Escape")
	w.posted(t, "close")
	b.eventually(`document.activeElement.dataset.actionId === 'sel'`)
	require.Equal(t, 0, value[int](b, `[...document.querySelectorAll('button, input, textarea, select, a')].filter((node) => node.getClientRects().length && !(node.innerText || node.getAttribute('aria-label') || node.closest('label')?.innerText || node.placeholder)?.trim()).length`), "every control has a name")
}

func requireJSON(t *testing.T, want string, got any) {
	t.Helper()
	raw, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, want, string(raw))
}

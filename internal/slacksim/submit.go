package slacksim

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SubmitResult tells what became of a submission.
type SubmitResult struct {
	Result
	// Errors stand under the inputs, by block id: the client's own or the app's.
	Errors map[string]string
	// Views is the person's stack afterwards; Closed says that it is empty.
	Views  []View
	Closed bool
}

// Submit presses a modal's submit button. As a client does, it first checks
// required inputs and lengths; then nothing goes to the app.
func (w *Workspace) Submit(ctx context.Context, as, viewID string, values Values) SubmitResult {
	payload, errs, words := w.submitPayload(as, viewID, values)
	if words != "" || len(errs) > 0 {
		return w.afterSubmit(as, SubmitResult{Result: refused(words), Errors: errs})
	}
	r := SubmitResult{Result: w.interact(ctx, "view_submission", payload)}
	if r.Acknowledged {
		r.Errors, r.Error = w.applyAnswer(viewID, r.Body)
	}
	return w.afterSubmit(as, r)
}

func (w *Workspace) afterSubmit(as string, r SubmitResult) SubmitResult {
	r.Views = w.Views(as)
	r.Closed = len(r.Views) == 0
	return r
}

func (w *Workspace) submitPayload(as, viewID string, values Values) (payload object, errs map[string]string, words string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(as)
	if words != "" {
		return nil, nil, words
	}
	v := w.views[viewID]
	if v == nil || v.User != p.ID || v.Type != "modal" {
		return nil, nil, "this view is closed"
	}
	if s, i := w.stackOf(v); i != len(s.views)-1 {
		return nil, nil, "another view lies on top of this one"
	}
	if v.SubmitLabel == nil || v.SubmitDisabled {
		return nil, nil, "this view has no submit button"
	}
	v = w.typed(v, values)
	if errs := checkInputs(v); len(errs) > 0 {
		return nil, errs, ""
	}
	payload = w.interaction("view_submission", p)
	payload["view"] = w.wireView(v)
	payload["trigger_id"] = w.newTrigger(p.ID, v.ID)
	payload["response_urls"] = []object{}
	return payload, nil, ""
}

// checkInputs is what a client checks before it sends a submission.
func checkInputs(v *View) map[string]string {
	errs := map[string]string{}
	for _, b := range decodeBlocks(v.Blocks) {
		block, _ := b.(object)
		if block["type"] != "input" {
			continue
		}
		el, _ := block["element"].(object)
		id, _ := block["block_id"].(string)
		action, _ := el["action_id"].(string)
		optional, _ := block["optional"].(bool)
		if problem := checkInput(el, v.Values[id][action], optional); problem != "" {
			errs[id] = problem
		}
	}
	return errs
}

func checkInput(el, state object, optional bool) string {
	kind, _ := el["type"].(string)
	value := state[statefulElements[kind].member]
	if isEmpty(value) {
		if optional {
			return ""
		}
		return "Please complete this required field."
	}
	s, isText := value.(string)
	if !isText {
		return ""
	}
	n := float64(utf8.RuneCountInString(s))
	if lo, ok := el["min_length"].(float64); ok && n < lo {
		return fmt.Sprintf("Write at least %.0f characters.", lo)
	}
	if hi, ok := el["max_length"].(float64); ok && n > hi {
		return fmt.Sprintf("Write at most %.0f characters.", hi)
	}
	return checkFormat(kind, s, el)
}

func checkFormat(kind, s string, el object) string {
	switch kind {
	case "plain_text_input":
		if utf8.RuneCountInString(s) > 3000 {
			return "Write at most 3000 characters."
		}
	case "email_text_input":
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			return "Enter an e-mail address."
		}
	case "url_text_input":
		if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" {
			return "Enter a URL."
		}
	case "number_input":
		n, err := strconv.ParseFloat(s, 64)
		decimal, _ := el["is_decimal_allowed"].(bool)
		if err != nil || !decimal && strings.Contains(s, ".") {
			return "Enter a number."
		}
		if lo, err := strconv.ParseFloat(fmt.Sprint(el["min_value"]), 64); err == nil && n < lo {
			return fmt.Sprintf("Enter %v or more.", el["min_value"])
		}
		if hi, err := strconv.ParseFloat(fmt.Sprint(el["max_value"]), 64); err == nil && n > hi {
			return fmt.Sprintf("Enter %v or less.", el["max_value"])
		}
	}
	return ""
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0
	}
	return false
}

// applyAnswer does what the app's answer to a submission says. words is what
// the person sees when the answer makes no sense.
func (w *Workspace) applyAnswer(viewID string, body []byte) (errs map[string]string, words string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[viewID]
	if v == nil {
		return nil, "" // closed meanwhile
	}
	s, _ := w.stackOf(v)
	answer, _ := answerObject(body)
	switch answer["response_action"] {
	case nil:
		if len(answer) > 0 || len(body) > 0 && answer == nil && string(body) != "null" {
			return nil, w.confused("the answer to a submission has no response_action")
		}
		w.pop(v.User, s, false)
	case "clear":
		w.pop(v.User, s, true)
	case "errors":
		return w.answerErrors(v, answer["errors"])
	case "update":
		return nil, w.answerView(answer["view"], func(n *View) error { return w.renew(v, n) })
	case "push":
		return nil, w.answerView(answer["view"], func(n *View) error {
			if len(s.views) >= maxStack {
				return fail("push_limit_reached")
			}
			if err := w.adopt(n, v.User); err != nil {
				return err
			}
			w.push(s, n)
			return nil
		})
	default:
		return nil, w.confused(fmt.Sprintf("response_action %v is none", answer["response_action"]))
	}
	return nil, ""
}

// confused logs what was wrong with an answer and returns the words of a
// client that cannot use it.
func (w *Workspace) confused(why string) string {
	w.log.Warn("the app's answer makes no sense: " + why)
	return w.app.Name + " gave an answer that cannot be shown. Try again."
}

func (w *Workspace) answerErrors(v *View, given any) (map[string]string, string) {
	inputs := map[string]bool{}
	for _, b := range decodeBlocks(v.Blocks) {
		block, _ := b.(object)
		if id, _ := block["block_id"].(string); block["type"] == "input" {
			inputs[id] = true
		}
	}
	o, _ := given.(object)
	errs := map[string]string{}
	for block, text := range o {
		s, ok := text.(string)
		if !ok || !inputs[block] {
			return nil, w.confused("errors for " + block + ", which is no input block")
		}
		errs[block] = s
	}
	if len(errs) == 0 {
		return nil, w.confused("errors without any")
	}
	return errs, ""
}

func (w *Workspace) answerView(given any, use func(*View) error) string {
	o, _ := given.(object)
	v, err := makeView(o, inModal)
	if err == nil {
		err = use(v)
	}
	if err != nil {
		return w.confused(err.Error() + " " + string(encode(detail(err))))
	}
	return ""
}

func detail(err error) any {
	e := &apiError{}
	if errors.As(err, &e) {
		return e.extra
	}
	return nil
}

// CloseView presses Cancel or X: the top view of its stack closes, or all of
// the stack with all (or if the view says clear_on_close). The app hears of
// views that asked for it.
func (w *Workspace) CloseView(ctx context.Context, as, viewID string, all bool) Result {
	payloads, words := w.closePayloads(as, viewID, all)
	if words != "" {
		return refused(words)
	}
	r := Result{Fate: NotDelivered}
	for _, p := range payloads {
		r = w.interact(ctx, "view_closed", p)
		r.Error = "" // the view is closed whatever the app says
	}
	return r
}

func (w *Workspace) closePayloads(as, viewID string, all bool) ([]object, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(as)
	if words != "" {
		return nil, words
	}
	v := w.views[viewID]
	if v == nil || v.User != p.ID || v.Type != "modal" {
		return nil, "this view is closed"
	}
	s, _ := w.stackOf(v)
	all = all || v.ClearOnClose
	var payloads []object
	for _, closed := range w.pop(p.ID, s, all) {
		if !closed.NotifyOnClose {
			continue
		}
		payload := w.interaction("view_closed", p)
		payload["view"], payload["is_cleared"] = w.wireView(closed), all
		payloads = append(payloads, payload)
	}
	return payloads, ""
}

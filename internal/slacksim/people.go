package slacksim

import (
	"context"
	"fmt"
	"strings"
)

// Command types a slash command, with its slash, and waits for the answer.
// Result.Body is the answer as it came; what it shows is posted.
func (w *Workspace) Command(ctx context.Context, as, channel, text string) Result {
	payload, words := w.commandPayload(as, channel, text)
	if words != "" {
		return refused(words)
	}
	token := payload["response_url"].(string)
	r := w.deliver(ctx, delivery{
		kind: kindCommand, path: commandsPath, name: payload["command"].(string), accepts: true,
		payload: func(base string) object {
			payload["response_url"] = base + "/commands/" + w.cfg.Team.ID + "/" + token
			return payload
		},
	})
	r.TriggerID, _ = payload["trigger_id"].(string)
	r.ResponseURL, _ = payload["response_url"].(string)
	if !r.Acknowledged {
		r.Error = commandError(payload["command"].(string), r)
		return r
	}
	r.TS, r.Error = w.showAnswer(token, r.Body, text)
	return r
}

func commandError(command string, r Result) string {
	code := "dispatch_failed"
	switch r.Fate {
	case TimedOut, LostOnTheWay:
		code = "operation_timeout"
	case Refused:
		code = "http_service_error"
	}
	return fmt.Sprintf("%s failed with the error %q", command, code)
}

func (w *Workspace) commandPayload(as, channel, text string) (object, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(as)
	if words != "" {
		return nil, words
	}
	ch := w.channel(channel)
	command, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case ch == nil || !w.maySee(p, ch):
		return nil, "this channel is not there for you"
	case w.outsider(p):
		return nil, command + " is only for members of " + w.cfg.Team.Name
	case !w.hasCommand(command):
		return nil, command + " is not a command here"
	}
	return object{
		"token": "deprecated", "team_id": w.cfg.Team.ID, "team_domain": w.cfg.Team.Domain, "channel_id": ch.ID, "channel_name": ch.nameInPayload(),
		"user_id": p.ID, "user_name": p.Name, "command": command, "text": strings.TrimSpace(rest), "api_app_id": w.app.ID, "is_enterprise_install": "false",
		"trigger_id": w.newTrigger(p.ID, ""), "response_url": w.newResponseURL(responseURL{user: p.ID, channel: ch.ID, command: true}),
	}, ""
}

func (w *Workspace) hasCommand(name string) bool {
	for _, c := range w.app.Commands {
		if c.Command == name {
			return true
		}
	}
	return false
}

// showAnswer shows what the app answered to a command.
func (w *Workspace) showAnswer(token string, body []byte, typed string) (ts, words string) {
	text := strings.TrimSpace(string(body))
	if text == "" || text == "null" || text == "{}" {
		return "", ""
	}
	o, isObject := answerObject(body)
	if !isObject {
		o = object{"text": text}
	}
	c := &call{json: o}
	got, err := readContent(c)
	if err != nil || got.empty() {
		return "", w.confused(fmt.Sprintf("answer to a command: %v", err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.responses.get(token)
	ch := w.channels[u.channel]
	m := w.fromApp()
	m.fill(got)
	if o["response_type"] == "in_channel" {
		p := w.people[u.user]
		w.put(ch, Message{User: p.ID, Team: p.TeamID, Text: typed})
		return w.put(ch, m).TS, ""
	}
	return w.whisper(ch, u.user, m), ""
}

// OpenHome opens the app's Home tab: the app gets app_home_opened. OpenHome
// returns after the first delivery came to an end; repeats go on behind.
func (w *Workspace) OpenHome(ctx context.Context, as string) Result {
	payload, words := w.homePayload(as)
	if words != "" {
		return refused(words)
	}
	r := w.deliver(ctx, eventDelivery("app_home_opened", payload))
	if !r.Acknowledged && !r.noRetry {
		w.spawn(func() { w.repeatEvent(w.ctx, "app_home_opened", payload, r) })
	}
	return r
}

func (w *Workspace) homePayload(as string) (object, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(as)
	if words != "" {
		return nil, words
	}
	if w.outsider(p) {
		return nil, "the app is not installed in your workspace"
	}
	event := object{"type": "app_home_opened", "user": p.ID, "channel": w.openDM(p.ID).ID, "tab": "home"}
	if v := w.homes[p.ID]; v != nil {
		event["view"] = w.wireView(v)
	}
	return w.eventPayload(event, false), ""
}

// Shortcut uses a shortcut of the app; a message shortcut names the message.
func (w *Workspace) Shortcut(ctx context.Context, as, callbackID, channel, ts string) Result {
	payload, words := w.shortcutPayload(as, callbackID, channel, ts)
	if words != "" {
		return refused(words)
	}
	return w.interact(ctx, payload["type"].(string), payload)
}

func (w *Workspace) shortcutPayload(as, callbackID, channel, ts string) (object, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(as)
	if words != "" {
		return nil, words
	}
	kind := ""
	for _, s := range w.app.Shortcuts {
		if s.CallbackID == callbackID {
			kind = s.Type
		}
	}
	payload := w.interaction("shortcut", p)
	payload["callback_id"], payload["action_ts"] = callbackID, w.nextTS()
	switch kind {
	case "global":
	case "message":
		ch := w.channel(channel)
		if ch == nil || !w.maySee(p, ch) || ch.messages[ts] == nil {
			return nil, "this message is gone"
		}
		payload["type"], payload["message_ts"] = "message_action", ts
		payload["message"] = w.wire(ch.messages[ts], true)
		payload["channel"] = object{"id": ch.ID, "name": ch.nameInPayload()}
		payload["response_url"] = w.newResponseURL(responseURL{user: p.ID, channel: ch.ID, ts: ts})
	default:
		return nil, "there is no such shortcut"
	}
	payload["trigger_id"] = w.newTrigger(p.ID, "")
	return payload, ""
}

// PostAs writes a message as a person.
func (w *Workspace) PostAs(as, channel, threadTS, text string) (Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, words := w.actor(as)
	ch := w.channel(channel)
	switch {
	case words != "":
	case ch == nil || !ch.isMember[p.ID]:
		words = "you are not in this channel"
	case ch.Archived:
		words = "this channel is archived"
	case ch.ReadOnly && !p.Admin:
		words = "only some people may write here"
	case strings.TrimSpace(text) == "":
		words = "there is nothing to send"
	case threadTS != "" && ch.messages[threadTS] == nil:
		words = "this thread is gone"
	}
	if words != "" {
		return Message{}, fmt.Errorf("post as %s: %s", as, words)
	}
	return *w.put(ch, Message{User: p.ID, Team: p.TeamID, Text: cut(text, maxText), ThreadTS: threadTS}), nil
}

// VerifyURL sends the url_verification request and reports whether the app
// answered with the challenge. It is for HTTP delivery only.
func (w *Workspace) VerifyURL(ctx context.Context) (Result, error) {
	challenge := randomText(40)
	payload := object{"type": "url_verification", "token": "deprecated", "challenge": challenge}
	r, err := w.postBare(ctx, delivery{kind: kindEvent, path: eventsPath, payload: func(string) object { return payload }})
	if err != nil {
		return r, err
	}
	answer := strings.TrimSpace(string(r.Body))
	if o, ok := answerObject(r.Body); ok {
		answer, _ = o["challenge"].(string)
	}
	if !r.Acknowledged || answer != challenge {
		return r, fmt.Errorf("the answer to url_verification is not the challenge (HTTP %d)", r.Status)
	}
	return r, nil
}

// CheckSSL sends the ssl_check request that Slack sends from time to time.
func (w *Workspace) CheckSSL(ctx context.Context) (Result, error) {
	return w.postBare(ctx, delivery{kind: kindCommand, path: commandsPath, payload: func(string) object {
		return object{"ssl_check": "1", "token": "deprecated"}
	}})
}

func (w *Workspace) postBare(ctx context.Context, d delivery) (Result, error) {
	to := w.requestURL()
	if to == "" {
		return Result{}, fmt.Errorf("post to the app: delivery is by Socket Mode")
	}
	r := w.post(ctx, to, d, nil)
	r.Acknowledged = r.Fate == Acknowledged
	return r, nil
}

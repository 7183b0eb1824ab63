package slacksim

import (
	"io"
	"net/http"
	"time"
)

const (
	responseURLUses = 5
	responseURLLife = 30 * time.Minute
)

// responseURL is a capability to answer one click or command.
type responseURL struct {
	user, channel string
	ts, thread    string // the clicked message, "" for commands
	ephemeral     bool
	command       bool
	born          time.Time
	uses          int
}

// newResponseURL returns the token that names it.
func (w *Workspace) newResponseURL(u responseURL) string {
	u.born = w.now()
	token := w.newID("R") + "/" + randomText(24)
	w.responses.put(token, u)
	return token
}

func (w *Workspace) serveResponseURL(rw http.ResponseWriter, r *http.Request) {
	hits := w.faults.fire("response_url")
	if !pause(r, hits.latency()) {
		return
	}
	c := &call{r: r, base: baseOf(r)}
	if w.strikeBefore(rw, c, "response_url", hits) {
		return
	}
	status, answer := w.respond(r, c, r.PathValue("id")+"/"+r.PathValue("token"))
	w.callLog.add(Call{Method: "response_url", Time: w.now(), Args: c.texts(), Status: status, Error: answer})
	w.changes.changed()
	switch {
	case hits.has(CutAfter):
		panic(http.ErrAbortHandler)
	case status == http.StatusTooManyRequests:
		rw.Header().Set("Retry-After", "1")
		fallthrough
	case answer != "":
		writeJSON(rw, status, object{"ok": false, "error": answer})
	default:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(rw, "ok")
	}
}

// respond does what was posted to a response URL and returns the status and
// the error code, "" for success.
func (w *Workspace) respond(r *http.Request, c *call, token string) (int, string) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxAPIBody))
	if err != nil || c.parseJSON(body) != nil {
		return http.StatusBadRequest, "invalid_payload"
	}
	got, contentErr := readContent(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.responses.get(token)
	switch {
	case u == nil || w.now().Sub(u.born) > responseURLLife:
		return http.StatusNotFound, "expired_url"
	case u.uses >= responseURLUses:
		return http.StatusNotFound, "used_url"
	case !w.limits.allowURL(token, w.now()):
		return http.StatusTooManyRequests, "ratelimited"
	}
	u.uses++
	if contentErr != nil {
		return http.StatusOK, contentErr.Error()
	}
	if code := w.useResponse(c, u, got); code != "" {
		return http.StatusOK, code
	}
	return http.StatusOK, ""
}

func (w *Workspace) useResponse(c *call, u *responseURL, got content) string {
	ch := w.channels[u.channel]
	switch {
	case c.flag("delete_original"):
		if !got.empty() || c.flag("replace_original") {
			return "invalid_arguments"
		}
		return w.deleteOriginal(ch, u)
	case got.empty():
		return "no_text"
	case c.flag("replace_original") && !u.command:
		return w.replaceOriginal(ch, u, got)
	}
	m := w.fromApp()
	m.fill(got)
	if c.str("response_type") == "in_channel" {
		m.ThreadTS = c.str("thread_ts")
		if m.ThreadTS != "" && ch.messages[m.ThreadTS] == nil {
			return "thread_not_found"
		}
		w.put(ch, m)
		return ""
	}
	m.ThreadTS = u.thread
	w.whisper(ch, u.user, m)
	return ""
}

func (w *Workspace) deleteOriginal(ch *channel, u *responseURL) string {
	if !u.ephemeral {
		if ch.messages[u.ts] == nil {
			return "message_not_found"
		}
		w.removeMessage(ch, u.ts)
		return ""
	}
	i := w.ephemeral(u.user, u.ts)
	if i < 0 {
		return "message_not_found"
	}
	kept := append([]Message{}, w.ephemerals[u.user][:i]...)
	w.ephemerals[u.user] = append(kept, w.ephemerals[u.user][i+1:]...)
	w.changes.publish(only(u.user), func() any { return object{"type": "ephemeral_deleted", "channel": ch.ID, "ts": u.ts} })
	w.changes.changed()
	return ""
}

func (w *Workspace) replaceOriginal(ch *channel, u *responseURL, got content) string {
	if !u.ephemeral {
		old := ch.messages[u.ts]
		if old == nil || old.BotID != w.app.BotID {
			return "message_not_found"
		}
		w.replace(ch, w.updated(old, got))
		return ""
	}
	i := w.ephemeral(u.user, u.ts)
	if i < 0 {
		return "message_not_found"
	}
	kept := append([]Message{}, w.ephemerals[u.user]...)
	kept[i] = *w.updated(&kept[i], got)
	w.ephemerals[u.user] = kept
	w.publishEphemeral(&kept[i])
	return ""
}

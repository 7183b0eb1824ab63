package slacksim

import (
	"context"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/slacksim/page"
)

// keepAlive is how often a silent event stream says that it is there.
const keepAlive = 15 * time.Second

// routes opens all doors.
func (w *Workspace) routes() {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method...}", w.serveAPI)
	mux.HandleFunc("GET /link/", w.hub.serve)
	mux.HandleFunc("POST /actions/{team}/{id}/{token}", w.serveResponseURL)
	mux.HandleFunc("POST /commands/{team}/{id}/{token}", w.serveResponseURL)
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, object{"ok": true}) })
	mux.HandleFunc("GET /archives/{channel}/{ts}", servePermalink)
	mux.HandleFunc("GET /avatar/{user}/{file}", serveAvatar)

	static, err := fs.Sub(page.Static, "static")
	if err != nil {
		panic("slacksim: the page is not embedded: " + err.Error())
	}
	files := http.FileServerFS(static)
	mux.Handle("GET /static/", secured(http.StripPrefix("/static", files)))
	mux.Handle("GET /{$}", secured(files))

	mux.Handle("GET /_sim/page/snapshot", secured(http.HandlerFunc(w.serveSnapshot)))
	mux.Handle("GET /_sim/page/events", secured(http.HandlerFunc(w.serveEvents)))
	for name, act := range map[string]func(context.Context, *pageRequest) object{
		"click": w.pageClick, "submit": w.pageSubmit, "close": w.pageClose, "open_home": w.pageOpenHome,
		"command": w.pageCommand, "shortcut": w.pageShortcut, "message": w.pagePost, "action": w.pageAction,
	} {
		mux.Handle("POST /_sim/page/"+name, secured(pageHandler(act)))
	}
	mux.HandleFunc("GET /_sim/faults", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, w.Faults()) })
	mux.Handle("POST /_sim/faults", secured(http.HandlerFunc(w.serveFaults)))
	mux.HandleFunc("GET /_sim/calls", w.serveCalls)
	w.mux = mux
}

// ServeHTTP is the door to the workspace.
func (w *Workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// secured adds the headers of a page that needs nothing from elsewhere, and
// refuses acts that another site's page tries in the reader's browser.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-cache")
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
				http.Error(rw, "this page belongs to another site", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}

// servePermalink leads a permalink to the page.
func servePermalink(rw http.ResponseWriter, r *http.Request) {
	ts := strings.TrimPrefix(r.PathValue("ts"), "p")
	if len(ts) > 6 {
		ts = ts[:len(ts)-6] + "." + ts[len(ts)-6:]
	}
	http.Redirect(rw, r, "/#"+url.Values{"channel": {r.PathValue("channel")}, "ts": {ts}}.Encode(), http.StatusFound)
}

// serveAvatar answers the image_… links of profiles with a plain square.
func serveAvatar(rw http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("file"), ".png"))
	if err != nil || size < 1 || size > 512 {
		http.NotFound(rw, r)
		return
	}
	sum := crc32.ChecksumIEEE([]byte(r.PathValue("user")))
	square := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.RGBA{R: byte(sum), G: byte(sum >> 8), B: byte(sum >> 16), A: 255}})
	rw.Header().Set("Content-Type", "image/png")
	_ = png.Encode(rw, square) // the reader has gone
}

// pageRequest is the body of all acts of the page.
type pageRequest struct {
	As        string `json:"as"`
	Container struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
		ViewID  string `json:"view_id"`
	} `json:"container"`
	BlockID        string          `json:"block_id"`
	ActionID       string          `json:"action_id"`
	Value          string          `json:"value"`
	SelectedOption json.RawMessage `json:"selected_option"` // an option or its value
	SelectedUser   string          `json:"selected_user"`
	State          Values          `json:"state"`
	ViewID         string          `json:"view_id"`
	Values         Values          `json:"values"`
	Clear          bool            `json:"clear"`
	Channel        string          `json:"channel"`
	ThreadTS       string          `json:"thread_ts"`
	Text           string          `json:"text"`
	CallbackID     string          `json:"callback_id"`
	TS             string          `json:"ts"`
	ID             string          `json:"id"`
}

func pageHandler(act func(context.Context, *pageRequest) object) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var req pageRequest
		if err := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxAPIBody)).Decode(&req); err != nil {
			writeJSON(rw, http.StatusBadRequest, object{"ok": false, "error": "this is no JSON: " + err.Error()})
			return
		}
		writeJSON(rw, http.StatusOK, act(r.Context(), &req))
	})
}

func outcome(words string) object {
	if words != "" {
		return object{"ok": false, "error": words}
	}
	return object{"ok": true}
}

func (w *Workspace) pageClick(ctx context.Context, r *pageRequest) object {
	c := Click{
		As: r.As, Channel: r.Container.Channel, TS: r.Container.TS, View: r.Container.ViewID, BlockID: r.BlockID, ActionID: r.ActionID,
		Value: r.Value, SelectedOption: optionValue(r.SelectedOption), SelectedUser: r.SelectedUser, State: r.State,
	}
	switch r.Container.Type {
	case "view":
		return outcome(w.ClickView(ctx, c).Error)
	case "home":
		c.View = ""
		return outcome(w.ClickView(ctx, c).Error)
	}
	return outcome(w.Click(ctx, c).Error)
}

func optionValue(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var o struct {
		Value string `json:"value"`
	}
	_ = json.Unmarshal(raw, &o) // nothing was selected
	return o.Value
}

func (w *Workspace) pageSubmit(ctx context.Context, r *pageRequest) object {
	res := w.Submit(ctx, r.As, r.ViewID, r.Values)
	answer := outcome(res.Error)
	if len(res.Errors) > 0 {
		answer["errors"] = res.Errors
	}
	return w.withViews(answer, r.As)
}

func (w *Workspace) withViews(answer object, as string) object {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.person(as); p != nil {
		answer["views"] = w.wireStack(p.ID)
	}
	return answer
}

func (w *Workspace) pageClose(ctx context.Context, r *pageRequest) object {
	return w.withViews(outcome(w.CloseView(ctx, r.As, r.ViewID, r.Clear).Error), r.As)
}

func (w *Workspace) pageOpenHome(ctx context.Context, r *pageRequest) object {
	res := w.OpenHome(ctx, r.As)
	if res.Error == "" && !res.Acknowledged {
		res.Error = w.sentence(res.Fate)
	}
	return outcome(res.Error)
}

func (w *Workspace) pageCommand(ctx context.Context, r *pageRequest) object {
	return outcome(w.Command(ctx, r.As, r.Channel, r.Text).Error)
}

func (w *Workspace) pageShortcut(ctx context.Context, r *pageRequest) object {
	return outcome(w.Shortcut(ctx, r.As, r.CallbackID, r.Channel, r.TS).Error)
}

func (w *Workspace) pagePost(_ context.Context, r *pageRequest) object {
	if _, err := w.PostAs(r.As, r.Channel, r.ThreadTS, r.Text); err != nil {
		return outcome(err.Error())
	}
	return outcome("")
}

func (w *Workspace) pageAction(ctx context.Context, r *pageRequest) object {
	for _, a := range w.cfg.Actions {
		if a.ID != r.ID {
			continue
		}
		text, err := a.Run(ctx, r.As)
		if err != nil {
			return outcome(err.Error())
		}
		return object{"ok": true, "text": text}
	}
	return outcome("there is no such action")
}

func (w *Workspace) serveSnapshot(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	p := w.viewer(r)
	snapshot := w.snapshot(p)
	w.mu.Unlock()
	writeJSON(rw, http.StatusOK, snapshot)
}

// viewer is the person the page acts as; the first one who can if it names nobody.
func (w *Workspace) viewer(r *http.Request) *Person {
	if p := w.person(r.URL.Query().Get("as")); p != nil && w.actable(p) {
		return p
	}
	for _, id := range w.peopleIDs {
		if w.actable(w.people[id]) {
			return w.people[id]
		}
	}
	return w.people[w.app.UserID]
}

func (w *Workspace) actable(p *Person) bool { return !p.Deactivated && p.ID != w.app.UserID }

func (w *Workspace) snapshot(me *Person) object {
	messages, ephemerals := map[string][]object{}, map[string][]object{}
	channels := []object{}
	for _, id := range w.allChannelIDs() {
		ch := w.channels[id]
		if !ch.isMember[me.ID] {
			continue
		}
		channels = append(channels, w.pageChannel(ch))
		messages[id] = []object{}
		for _, ts := range ch.order[max(0, len(ch.order)-pageMessages):] {
			messages[id] = append(messages[id], w.pageMessage(ch.messages[ts]))
		}
	}
	for i := range w.ephemerals[me.ID] {
		m := &w.ephemerals[me.ID][i]
		ephemerals[m.Channel] = append(ephemerals[m.Channel], w.pageMessage(m))
	}
	var home any
	if v := w.homes[me.ID]; v != nil {
		home = w.wireView(v)
	}
	return object{
		"title": w.cfg.Title, "intro": w.cfg.Intro, "me": me.ID, "team": object{"id": w.cfg.Team.ID, "name": w.cfg.Team.Name},
		"app":    object{"id": w.app.ID, "name": w.app.Name, "bot_user_id": w.app.UserID, "commands": listOf(w.app.Commands), "shortcuts": listOf(w.app.Shortcuts)},
		"people": w.pagePeople(), "groups": w.pageGroups(), "channels": channels, "messages": messages, "ephemerals": ephemerals,
		"views": w.wireStack(me.ID), "home": home, "actions": w.pageActions(),
	}
}

// pageMessages is how many of a channel's latest messages the page gets.
const pageMessages = 500

// listOf makes an empty list of none, for JSON.
func listOf[T any](l []T) []T { return append([]T{}, l...) }

func (w *Workspace) pagePeople() []object {
	list := []object{}
	for _, id := range w.peopleIDs {
		p := w.people[id]
		list = append(list, object{
			"id": p.ID, "name": p.Name, "real_name": p.RealName, "title": p.Title, "tz": p.TZ, "kind": w.kindOf(p), "actable": w.actable(p),
		})
	}
	return list
}

func (w *Workspace) kindOf(p *Person) string {
	switch {
	case p.ID == w.app.UserID:
		return "bot"
	case p.Deactivated:
		return "deactivated"
	case w.outsider(p):
		return "outsider"
	case p.Guest || p.SingleGuest:
		return "guest"
	case p.Admin:
		return "admin"
	}
	return "member"
}

func (w *Workspace) pageGroups() []object {
	list := []object{}
	for _, g := range w.groups {
		list = append(list, object{"id": g.ID, "handle": g.Handle, "name": g.Name, "users": g.users})
	}
	return list
}

func (w *Workspace) pageActions() []object {
	list := []object{}
	for _, a := range w.cfg.Actions {
		list = append(list, object{"id": a.ID, "label": a.Label, "hint": a.Hint})
	}
	return list
}

func (w *Workspace) pageChannel(ch *channel) object {
	kind := "channel"
	switch {
	case ch.isDM():
		kind = "dm"
	case ch.Private:
		kind = "private"
	}
	o := object{
		"id": ch.ID, "name": ch.Name, "kind": kind, "topic": ch.Topic, "is_archived": ch.Archived, "is_shared": ch.Shared,
		"read_only": ch.ReadOnly, "member_ids": listOf(ch.members),
	}
	if ch.isDM() {
		o["user"] = w.app.UserID
	}
	return o
}

func (w *Workspace) pageMessage(m *Message) object {
	o := object{"ts": m.TS, "user": m.User, "text": m.Text, "blocks": []any{}, "permalink": permalink("", m.Channel, m)}
	if len(m.Blocks) > 0 {
		o["blocks"] = m.Blocks
	}
	setText(o, "thread_ts", m.ThreadTS)
	setText(o, "bot_id", m.BotID)
	setText(o, "latest_reply", m.LatestReply)
	if len(m.Metadata) > 0 {
		o["metadata"] = m.Metadata
	}
	if m.Edited != nil {
		o["edited"] = true
	}
	if m.Ephemeral {
		o["ephemeral"] = true
	}
	if m.Broadcast {
		o["broadcast"] = true
	}
	if m.ReplyCount > 0 {
		o["reply_count"] = m.ReplyCount
	}
	if len(m.Reactions) > 0 {
		o["reactions"] = m.Reactions
	}
	return o
}

// Notice shows a sentence on everybody's page. tone is "info" or "error".
func (w *Workspace) Notice(text, tone string) {
	w.changes.publish(func(string) bool { return true }, func() any { return object{"type": "notice", "text": text, "tone": tone} })
}

// serveEvents streams what changes for one person.
func (w *Workspace) serveEvents(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	me := w.viewer(r).ID
	sub := w.changes.subscribe(me)
	w.mu.Unlock()
	defer w.changes.unsubscribe(sub)
	rw.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(rw)
	send := func(parts ...string) bool {
		for _, p := range parts {
			if _, err := rw.Write([]byte(p)); err != nil {
				return false
			}
		}
		return out.Flush() == nil
	}
	if !send(": here\n\n") {
		return
	}
	t := time.NewTicker(keepAlive)
	defer t.Stop()
	for {
		var ok bool
		select {
		case data, open := <-sub.events:
			ok = open && send("data: ", string(data), "\n\n")
		case <-t.C:
			ok = send(": still here\n\n")
		case <-r.Context().Done():
			return
		}
		if !ok {
			return
		}
	}
}

func (w *Workspace) serveFaults(rw http.ResponseWriter, r *http.Request) {
	var f Faults
	d := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxAPIBody))
	d.DisallowUnknownFields()
	err := d.Decode(&f)
	if err == nil {
		err = w.SetFaults(f)
	}
	if err != nil {
		writeJSON(rw, http.StatusBadRequest, object{"ok": false, "error": err.Error()})
		return
	}
	writeJSON(rw, http.StatusOK, object{"ok": true, "faults": w.Faults()})
}

// serveCalls shows the log of Web API calls without their arguments.
func (w *Workspace) serveCalls(rw http.ResponseWriter, r *http.Request) {
	lines := []object{}
	for _, c := range w.Calls(r.URL.Query().Get("method")) {
		lines = append(lines, object{"method": c.Method, "time": c.Time.UTC(), "status": c.Status, "error": c.Error})
	}
	writeJSON(rw, http.StatusOK, object{"ok": true, "calls": lines})
}

package slacksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// tokenKind is the sort of token a method takes.
type tokenKind int

const (
	botToken tokenKind = iota
	appToken
	anyToken
	noToken
)

// method is one method of the Web API.
type method struct {
	name   string
	tier   int // 0: special
	token  tokenKind
	scopes []string // any of them; empty: none needed
	run    func(w *Workspace, c *call) (object, error)
}

// apiError is an answer with ok:false.
type apiError struct {
	code  string
	extra object
}

func (e *apiError) Error() string { return e.code }

// fail makes an answer with ok:false.
func fail(code string) error { return &apiError{code: code} }

// call is one call of a method: its arguments from form, query or JSON body.
type call struct {
	r        *http.Request
	base     string // scheme and host the caller used
	form     url.Values
	json     object // nil: a form
	token    string
	inHeader bool
	scopes   []string // what the token has
	warnings []string
}

// Call is a line of the Web API's log.
type Call struct {
	Method string
	Time   time.Time
	// Args are the arguments as texts, the token left out.
	Args   map[string]string
	Status int
	// Error is the answer's error code, or the fault that struck; "" if ok.
	Error string
}

const maxAPIBody = 1 << 20

func (w *Workspace) serveAPI(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	hits := w.faults.fire(name)
	if !pause(r, hits.latency()) {
		return
	}
	c, parseErr := newCall(r)
	if w.strikeBefore(rw, c, name, hits) {
		return
	}
	m, ok := methods[name]
	var answer object
	err := parseErr
	switch {
	case err != nil:
	case !ok:
		err = fail("unknown_method")
	default:
		answer, err = w.authorizeAndRun(rw, m, c)
	}
	if retry := retryAfter(err); retry > 0 {
		w.limited(rw, c, name, retry)
		return
	}
	w.strikeAfter(hits, name, c, &answer, &err, rw)
	w.answer(rw, c, name, answer, err)
}

// retryError is what a method over its limit ends with.
type retryError int

func (e retryError) Error() string { return "ratelimited" }

func retryAfter(err error) int {
	if r, ok := errors.AsType[retryError](err); ok {
		return int(r)
	}
	return 0
}

func (w *Workspace) authorizeAndRun(rw http.ResponseWriter, m *method, c *call) (object, error) {
	w.noteBase(c.base)
	if err := w.authorize(rw, m, c); err != nil {
		return nil, err
	}
	w.mu.Lock()
	wait := w.limits.allow(m, c.str("channel"), w.now())
	w.mu.Unlock()
	if wait > 0 {
		return nil, retryError(wait)
	}
	return m.run(w, c)
}

// authorize checks token and scopes and sets the two scope headers.
func (w *Workspace) authorize(rw http.ResponseWriter, m *method, c *call) error {
	if m.token == noToken {
		return nil
	}
	isApp := c.token == w.cfg.AppToken
	switch {
	case c.token == "" || c.json != nil && !c.inHeader:
		return fail("not_authed")
	case !isApp && c.token != w.cfg.BotToken:
		return fail("invalid_auth")
	case w.faults.tokenError(isApp) != "":
		return fail(w.faults.tokenError(isApp))
	}
	if isApp {
		c.scopes = w.faults.appScopes()
	} else {
		missing := w.faults.missingScopes()
		c.scopes = slices.DeleteFunc(slices.Clone(w.cfg.Scopes), func(s string) bool { return slices.Contains(missing, s) })
	}
	rw.Header().Set("X-OAuth-Scopes", strings.Join(c.scopes, ","))
	if len(m.scopes) > 0 {
		rw.Header().Set("X-Accepted-OAuth-Scopes", strings.Join(m.scopes, ","))
	}
	if m.token != anyToken && isApp != (m.token == appToken) {
		return fail("not_allowed_token_type")
	}
	if len(m.scopes) > 0 && !slices.ContainsFunc(m.scopes, c.hasScope) {
		return c.missingScope(m.scopes[0])
	}
	return nil
}

func (c *call) hasScope(s string) bool { return slices.Contains(c.scopes, s) }

func (c *call) missingScope(needed string) error {
	return &apiError{code: "missing_scope", extra: object{"needed": needed, "provided": strings.Join(c.scopes, ",")}}
}

// need checks a scope that depends on the arguments.
func (c *call) need(scope string) error {
	if !c.hasScope(scope) {
		return c.missingScope(scope)
	}
	return nil
}

// strikeBefore applies the faults that hit before the method acts, and says
// whether the call is over.
func (w *Workspace) strikeBefore(rw http.ResponseWriter, c *call, name string, hits fired) bool {
	switch {
	case hits.has(CutBefore):
		w.record(c, name, 0, string(CutBefore))
		panic(http.ErrAbortHandler)
	case hits.has(RateLimited):
		w.limited(rw, c, name, max(1, hits[RateLimited].RetryAfter))
	case hits.has(Status) && !hits[Status].After:
		w.strikeStatus(rw, c, name, hits[Status])
	case hits.has(HTML) && !hits[HTML].After:
		w.strikeHTML(rw, c, name, hits[HTML])
	case hits.has(NotOK):
		w.record(c, name, http.StatusOK, string(NotOK))
		writeJSON(rw, http.StatusOK, object{"ok": false})
	case hits.has(Error) && !hits[Error].After:
		w.answer(rw, c, name, nil, fail(hits[Error].Error))
	default:
		return false
	}
	return true
}

// strikeAfter applies the faults that hit although the method has acted.
func (w *Workspace) strikeAfter(hits fired, name string, c *call, answer *object, err *error, rw http.ResponseWriter) {
	switch {
	case hits.has(CutAfter):
		w.record(c, name, 0, string(CutAfter))
		panic(http.ErrAbortHandler)
	case hits.has(FatalError):
		*answer, *err = nil, fail("fatal_error")
	case hits.has(Error):
		*answer, *err = nil, fail(hits[Error].Error)
	case hits.has(Status):
		*err = rawAnswer(func() { w.strikeStatus(rw, c, name, hits[Status]) })
	case hits.has(HTML):
		*err = rawAnswer(func() { w.strikeHTML(rw, c, name, hits[HTML]) })
	}
}

// rawAnswer stands for an answer that is not JSON.
type rawAnswer func()

func (rawAnswer) Error() string { return "raw answer" }

func (w *Workspace) strikeStatus(rw http.ResponseWriter, c *call, name string, f Fault) {
	status := f.Status
	setDefault(&status, http.StatusServiceUnavailable)
	w.record(c, name, status, string(Status))
	http.Error(rw, http.StatusText(status), status)
}

func (w *Workspace) strikeHTML(rw http.ResponseWriter, c *call, name string, f Fault) {
	status := f.Status
	setDefault(&status, http.StatusOK)
	w.record(c, name, status, string(HTML))
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, "<!doctype html><title>Server trouble</title><p>Something is wrong here. Come back later.")
}

func (w *Workspace) limited(rw http.ResponseWriter, c *call, name string, seconds int) {
	w.record(c, name, http.StatusTooManyRequests, "ratelimited")
	rw.Header().Set("Retry-After", strconv.Itoa(seconds))
	writeJSON(rw, http.StatusTooManyRequests, object{"ok": false, "error": "ratelimited"})
}

func (w *Workspace) answer(rw http.ResponseWriter, c *call, name string, answer object, err error) {
	if raw, ok := errors.AsType[rawAnswer](err); ok {
		raw()
		return
	}
	if answer == nil {
		answer = object{}
	}
	code := ""
	if err != nil {
		var e *apiError
		if !errors.As(err, &e) {
			e = &apiError{code: "internal_error"}
			w.log.Error("method ended badly", zap.String("method", name), zap.Error(err))
		}
		code = e.code
		answer = object{"error": e.code}
		maps.Copy(answer, e.extra)
	}
	answer["ok"] = err == nil
	if len(c.warnings) > 0 {
		answer["warning"] = strings.Join(c.warnings, ",")
		meta, _ := answer["response_metadata"].(object)
		if meta == nil {
			meta = object{}
			answer["response_metadata"] = meta
		}
		meta["warnings"] = c.warnings
	}
	w.record(c, name, http.StatusOK, code)
	writeJSON(rw, http.StatusOK, answer)
}

func writeJSON(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(encode(v))
}

// pause waits and says whether the caller is still there.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// noteBase remembers where the app finds us, for URLs in payloads that go out over HTTP.
func (w *Workspace) noteBase(base string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.base = base
}

func (w *Workspace) record(c *call, name string, status int, code string) {
	if methods[name] != nil { // names of others' making must not pile up
		n, _ := w.counts.LoadOrStore(name, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	}
	w.callLog.add(Call{Method: name, Time: w.now(), Args: c.texts(), Status: status, Error: code})
	w.log.Debug("web api", zap.String("method", name), zap.Int("status", status), zap.String("error", code))
	w.changes.changed()
}

// Calls returns the latest calls of a method ("" for all), oldest first. The
// log keeps a few thousand calls; CallCount counts them all.
func (w *Workspace) Calls(method string) []Call {
	return w.callLog.filter(func(c Call) bool { return method == "" || c.Method == method })
}

// CallCount is how often a method was called, failed calls included.
func (w *Workspace) CallCount(method string) int {
	if n, ok := w.counts.Load(method); ok {
		return int(n.(*atomic.Int64).Load())
	}
	return 0
}

// baseOf is the scheme and host a request was made to.
func baseOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func newCall(r *http.Request) (*call, error) {
	c := &call{r: r, base: baseOf(r), form: url.Values{}}
	if auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		c.token, c.inHeader = strings.TrimSpace(auth), true
	}
	if r.Method == http.MethodGet {
		c.form = r.URL.Query()
		c.form.Del("token") // not from a query string
		return c, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxAPIBody))
	if err != nil {
		return c, fail("invalid_form_data")
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		if params["charset"] == "" {
			c.warnings = append(c.warnings, "missing_charset")
		}
		return c, c.parseJSON(body)
	case "application/x-www-form-urlencoded":
		if params["charset"] != "" {
			c.warnings = append(c.warnings, "superfluous_charset")
		}
		return c, c.parseForm(r, string(body))
	case "multipart/form-data":
		return c, c.parseMultipart(r, string(body), params["boundary"])
	case "":
		if len(body) == 0 {
			return c, c.parseForm(r, "")
		}
		return c, fail("missing_post_type")
	}
	return c, fail("invalid_post_type")
}

func (c *call) parseJSON(body []byte) error {
	if len(body) == 0 {
		c.json = object{}
		return nil
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return fail("invalid_json")
	}
	o, ok := v.(object)
	if !ok {
		return fail("json_not_object")
	}
	c.json = o
	return nil
}

func (c *call) parseForm(r *http.Request, body string) error {
	form, err := url.ParseQuery(body)
	if err != nil {
		return fail("invalid_form_data")
	}
	c.takeForm(r, form)
	return nil
}

func (c *call) takeForm(r *http.Request, form url.Values) {
	for name, values := range r.URL.Query() {
		if name != "token" && !form.Has(name) {
			form[name] = values
		}
	}
	if c.token == "" {
		c.token = form.Get("token")
	}
	form.Del("token")
	c.form = form
}

func (c *call) parseMultipart(r *http.Request, body, boundary string) error {
	r.Body = io.NopCloser(strings.NewReader(body))
	if boundary == "" || r.ParseMultipartForm(maxAPIBody) != nil {
		return fail("invalid_form_data")
	}
	c.takeForm(r, url.Values(r.MultipartForm.Value))
	return nil
}

// has says whether an argument was given. JSON null counts as not given.
func (c *call) has(name string) bool {
	if c.json != nil {
		return c.json[name] != nil
	}
	return c.form.Has(name)
}

// str is an argument as text.
func (c *call) str(name string) string {
	if c.json == nil {
		return c.form.Get(name)
	}
	switch v := c.json[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	default:
		return string(encode(v))
	}
}

func (c *call) flag(name string) bool {
	s := c.str(name)
	return s == "true" || s == "1"
}

// number is an argument as a whole number within bounds.
func (c *call) number(name string, def, lo, hi int) (int, error) {
	s := c.str(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < lo {
		return 0, invalidArguments(fmt.Sprintf("[ERROR] must be a number of at least %d [json-pointer:/%s]", lo, name))
	}
	return min(n, hi), nil
}

// value is a structured argument: a JSON value, or a text holding one.
func (c *call) value(name string) (v any, given bool, err error) {
	if c.json != nil {
		v, given = c.json[name]
		s, isText := v.(string)
		if !given || !isText {
			return v, given, nil
		}
		return parseValue(s)
	}
	if !c.form.Has(name) {
		return nil, false, nil
	}
	return parseValue(c.form.Get(name))
}

func parseValue(s string) (any, bool, error) {
	if s == "" {
		return nil, false, nil
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, true, fmt.Errorf("no JSON: %w", err)
	}
	return v, true, nil
}

// texts are the arguments for the log.
func (c *call) texts() map[string]string {
	args := map[string]string{}
	for name := range c.json {
		if name != "token" {
			args[name] = c.str(name)
		}
	}
	for name := range c.form {
		args[name] = c.form.Get(name)
	}
	return args
}

func invalidArguments(lines ...string) error {
	return &apiError{code: "invalid_arguments", extra: object{"response_metadata": object{"messages": lines}}}
}

// paged cuts a list by limit and cursor. A cursor is the number of entries
// already seen, in a form that callers do not take apart.
func paged[T any](c *call, all []T, def, most int) (part []T, meta object, err error) {
	limit, err := c.number("limit", def, 1, most)
	if err != nil {
		return nil, nil, err
	}
	start := 0
	if cursor := c.str("cursor"); cursor != "" {
		start, err = strconv.Atoi(strings.TrimPrefix(cursor, "next:"))
		if err != nil || start < 0 || start > len(all) {
			return nil, nil, fail("invalid_cursor")
		}
	}
	end := min(len(all), start+limit)
	next := ""
	if end < len(all) {
		next = "next:" + strconv.Itoa(end)
	}
	return append([]T{}, all[start:end]...), object{"next_cursor": next}, nil
}

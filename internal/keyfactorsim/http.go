package keyfactorsim

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// maxBody is more than any call that the simulator knows should need.
const maxBody = 4 << 20

// call is one call of the API on its way.
type call struct {
	s      *Server
	r      *http.Request
	who    *account
	now    time.Time
	id     string // what the path has in the place of {id}
	body   []byte
	faults struck
	record func(status int, fault string) // completes what the call has written down
}

// answer is what goes back. One of body, rows and page is the content; with none of them there is no content.
type answer struct {
	status int
	header http.Header
	body   any
	page   string
}

type wireError struct{ ErrorCode, Message string }

func (r *refusal) answer() answer {
	return answer{status: r.status, body: wireError{r.code, r.message}}
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// list is an answer with rows and, where switched on, their total number.
func (c *call) list(rows any, total int) answer {
	a := ok(rows)
	if !c.s.switches.NoTotalCount {
		a.header = http.Header{"X-Total-Count": {strconv.Itoa(total)}}
	}
	return a
}

// decode reads the body of a call.
func (c *call) decode(into any) *refusal {
	mediaType := strings.ToLower(c.r.Header.Get("Content-Type"))
	if !strings.Contains(mediaType, "json") {
		return &refusal{http.StatusUnsupportedMediaType, codeInvalid, "The content type '" + mediaType + "' is not supported."}
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return badRequest("The request body is not valid: %s.", err)
	}
	return nil
}

// ServeHTTP answers the API, the token endpoint, the portal and the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if rest, ok := below(path, controlPath); ok {
		s.guard.Handler(s.ctl).ServeHTTP(w, withPath(r, rest))
		return
	}
	if rest, ok := below(path, portalPath); ok {
		s.guard.Handler(http.HandlerFunc(s.portal)).ServeHTTP(w, withPath(r, rest))
		return
	}
	if strings.EqualFold(path, tokenPath) || strings.EqualFold(path, "/oauth2/token") {
		s.serve(w, r, path, func(struck) (answer, *call) { return s.token(r), nil })
		return
	}
	for _, base := range []string{s.config.BasePath, hostedBasePath} {
		if rest, ok := below(path, base); ok {
			s.serve(w, r, rest, func(hit struck) (answer, *call) { return s.api(r, rest, hit) })
			return
		}
	}
	if path == "/" {
		http.Redirect(w, r, portalPath, http.StatusFound)
		return
	}
	http.NotFound(w, r)
}

// below cuts a prefix off a path, whatever its case.
func below(path, prefix string) (string, bool) {
	if len(path) < len(prefix) || !strings.EqualFold(path[:len(prefix)], prefix) {
		return "", false
	}
	rest := path[len(prefix):]
	if rest != "" && rest[0] != '/' {
		return "", false
	}
	return "/" + strings.Trim(rest, "/"), true
}

func withPath(r *http.Request, path string) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = path, ""
	return r
}

// serve wraps a call in the faults that hit it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, path string, do func(struck) (answer, *call)) {
	started := s.now()
	s.mu.Lock()
	hit := s.strike(r, path)
	if hit.find(ExpireTokens) != nil {
		clear(s.tokens)
	}
	s.mu.Unlock()
	if wait := hit.wait(); wait > 0 {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-s.stop.Done():
		}
		timer.Stop()
	}
	var a answer
	var c *call
	if f := hit.instead(); f != nil {
		s.noteFault(r, path, f)
		if f.Kind == CutBefore {
			panic(http.ErrAbortHandler)
		}
		a = f.answer()
	} else {
		a, c = do(hit)
		if f := hit.find(StatusAnswer); f != nil {
			a = f.answer()
		}
	}
	content, mediaType := a.encode()
	if hit.find(BadRow) != nil && a.status == http.StatusOK {
		content = garble(content, func(n int) int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.random.IntN(n)
		})
	}
	cut := hit.find(CutAfter) != nil
	if c != nil && c.record != nil {
		s.mu.Lock()
		status := a.status
		if cut {
			status = 0
		}
		c.record(status, hit.name())
		s.mu.Unlock()
	}
	s.log.Info("call", zap.String("method", r.Method), zap.String("path", path), zap.Int("status", a.status),
		zap.String("fault", hit.name()), zap.Duration("took", s.now().Sub(started)))
	if cut {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	maps.Copy(header, a.header)
	header.Set("X-Keyfactor-Product-Version", s.config.ProductVersion)
	if mediaType != "" {
		header.Set("Content-Type", mediaType)
		header.Set("Content-Length", strconv.Itoa(len(content)))
	}
	w.WriteHeader(a.status)
	if hit.find(Truncate) != nil {
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush() // the cut that follows is what matters
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(content) // a caller that has gone away is no concern of ours
}

func (a answer) encode() (content []byte, mediaType string) {
	if a.page != "" {
		return []byte(a.page), "text/html; charset=utf-8"
	}
	if a.body == nil {
		return nil, ""
	}
	content, err := json.Marshal(a.body)
	if err != nil {
		// Only what a control call put into a request can be impossible to encode.
		content, _ = json.Marshal(wireError{codeInvalid, err.Error()})
	}
	return content, "application/json; charset=utf-8"
}

// api finds the route of a call, checks who calls and with which headers, and makes the answer.
func (s *Server) api(r *http.Request, path string, hit struck) (answer, *call) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return answer{status: http.StatusRequestEntityTooLarge}, nil
	} else if err != nil {
		return badRequest("The request body could not be read.").answer(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{s: s, r: r, now: s.now(), faults: hit, body: body}
	rt, id, allowed := s.find(r.Method, path)
	if rt == nil && len(allowed) > 0 {
		return answer{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {strings.Join(allowed, ", ")}}}, nil
	}
	if rt == nil {
		return notFound("No resource was found that matches the path '%s'.", path).answer(), nil
	}
	c.id = id
	if rt.anonymous {
		return rt.handle(c), c
	}
	if c.who = s.authenticate(r); c.who == nil {
		return unauthorized(r), nil
	}
	if bad := checkHeaders(r, rt); bad != nil {
		return bad.answer(), nil
	}
	if c.who.noAccess() {
		return forbidden("User %s doesn't have the required permission", c.who.identity).answer(), nil
	}
	if len(rt.permissions) > 0 && !c.who.may(rt.permissions...) {
		return forbidden("User %s does not have the required permissions: %s.", c.who.identity, strings.Join(rt.permissions, ", ")).answer(), nil
	}
	return rt.handle(c), c
}

// unauthorized is what stands before the product says: a web server's page for a wrong password, nothing for a wrong token.
func unauthorized(r *http.Request) answer {
	a := answer{status: http.StatusUnauthorized, header: http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}}
	if !strings.HasPrefix(strings.ToLower(r.Header.Get("Authorization")), "bearer") {
		a.header.Set("WWW-Authenticate", `Basic realm="Keyfactor Command"`)
		a.page = "<html><head><title>401 - Unauthorized</title></head><body><h2>401 - Unauthorized: Access is denied due to invalid credentials.</h2></body></html>\n"
	}
	return a
}

func checkHeaders(r *http.Request, rt *route) *refusal {
	switch with := r.Header.Get("x-keyfactor-requested-with"); {
	case with == "":
		return badRequest("The x-keyfactor-requested-with header is required.")
	case !strings.EqualFold(with, "XMLHttpRequest") && !strings.EqualFold(with, "APIClient"):
		return badRequest("The x-keyfactor-requested-with header has the unknown value '%s'.", with)
	}
	switch version := r.Header.Get("x-keyfactor-api-version"); version {
	case "", "1", "1.0":
	case "2", "2.0":
		if !rt.second {
			return badRequest("Version %s of this API is not supported.", version)
		}
	default:
		return badRequest("Version %s of this API is not supported.", version)
	}
	return nil
}

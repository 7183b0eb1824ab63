package keyfactor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/approvebot/approvebot/internal/approval"
)

// Error is a call that did not go well. It answers by [errors.Is] to one of the
// sentinels of package approval; the package comment has the table. It never
// holds credentials, query strings or web pages.
type Error struct {
	Method string
	Path   string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Code is Keyfactor's own, such as 0xA0140002.
	Code string
	// Message is Keyfactor's own text, or ours where it gave none.
	Message string
	// Err is the cause where it lies below HTTP; nil otherwise.
	Err error

	kind       error
	retryAfter time.Duration
}

// Error reads like: POST /Workflow/…/Signals: 400 0xA0110031: already decided
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Method + " " + e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if e.Code != "" {
			b.WriteString(" " + e.Code)
		}
	}
	for _, s := range []string{e.Message, causeText(e.Err), e.kind.Error()} {
		if s != "" {
			b.WriteString(": " + s)
		}
	}
	return b.String()
}

func causeText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Is answers for the sentinels of package approval.
func (e *Error) Is(target error) bool { return target == e.kind }

// Unwrap returns the cause below HTTP, such as context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.Err }

// RetryAfter is how long Keyfactor asked us to wait; 0 when it did not say.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

var _ approval.RetryAfter = (*Error)(nil)

// as returns a copy that answers to another sentinel, once more is known.
func (e *Error) as(kind error) *Error {
	c := *e
	c.kind = kind
	return &c
}

// failure is the door for calls without a usable answer. Sent tells whether
// the request may have reached the server.
func (c call) failure(err error, sent bool) *Error {
	e := &Error{Method: c.method, Path: c.path, Err: withoutURL(err), kind: approval.ErrUnavailable}
	if noToken, ok := errors.AsType[*tokenError](err); ok {
		e.kind = noToken.kind
		return e
	}
	if c.method != http.MethodGet && sent {
		e.kind = approval.ErrMaybe
	}
	return e
}

// refusal is the door for answers that are not 2xx.
func (c call) refusal(a *answer, now time.Time) *Error {
	e := &Error{Method: c.method, Path: c.path, Status: a.status, retryAfter: retryAfter(a.header, now)}
	ours := e.read(a)
	unclear := approval.ErrUnavailable
	if c.method != http.MethodGet {
		unclear = approval.ErrMaybe
	}
	switch s := a.status; {
	case s == http.StatusUnauthorized:
		e.kind = approval.ErrUnauthorized
	case s == http.StatusTooManyRequests:
		e.kind = approval.ErrUnavailable
	case (s == http.StatusForbidden || s == http.StatusNotFound) && !ours:
		// Deliberately neither hidden nor gone: IIS and proxies say this of the whole
		// application, and every pending request would be closed.
		e.kind = approval.ErrUnavailable
	case s == http.StatusForbidden:
		e.kind = approval.ErrForbidden
	case s == http.StatusNotFound || s == http.StatusGone:
		e.kind = approval.ErrNotFound
	case s >= 400 && s < 500 && s != http.StatusRequestTimeout:
		e.kind = approval.ErrRefused
	default:
		e.kind = unclear
	}
	return e
}

// unclear is the door for a 2xx that cannot be what Keyfactor meant to say.
func (c call) unclear(a *answer, err error) *Error {
	e := &Error{Method: c.method, Path: c.path, Status: a.status, Err: err, kind: approval.ErrUnavailable}
	if c.method != http.MethodGet {
		e.kind = approval.ErrMaybe
	}
	if a.html() {
		e.Err, e.Message = nil, "a web page instead of JSON; is a proxy asking for a login, or is the base URL wrong?"
	}
	return e
}

// read fills code and message from the body, and reports whether Keyfactor can
// have written it: JSON, or nothing at all.
func (e *Error) read(a *answer) bool {
	var body struct {
		ErrorCode        Text
		Message          Text
		FailedOperations []struct{ Reason Text }
	}
	text := bytes.TrimSpace(a.body)
	switch {
	case a.status >= 300 && a.status < 400:
		e.Message = "redirected" + target(a.header) + "; is the base URL right?"
		return false
	case len(text) == 0:
		e.Message = http.StatusText(a.status)
		return true
	case a.html():
		e.Message = http.StatusText(a.status) + " (a web page, not an answer of the Keyfactor API)"
		return false
	case json.Unmarshal(text, &body) != nil:
		// A bare JSON string or an odd object is still JSON; anything else is not Keyfactor's.
		e.Message = http.StatusText(a.status)
		var bare string
		if json.Unmarshal(text, &bare) == nil {
			e.Message = clean(bare)
		}
		return json.Valid(text)
	}
	e.Code = clean(string(body.ErrorCode))
	parts := []string{string(body.Message)}
	for _, f := range body.FailedOperations {
		parts = append(parts, string(f.Reason))
	}
	if e.Message = clean(strings.Join(parts, " ")); e.Message == "" {
		e.Message = http.StatusText(a.status)
	}
	return true
}

// target names the host that a redirect leads to, never its query.
func target(h http.Header) string {
	u, err := url.Parse(h.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return " to " + clean(u.Scheme+"://"+u.Host)
}

// html reports whether the body is a web page, whatever the header says.
func (a *answer) html() bool {
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return len(bytes.TrimSpace(a.body)) > 0 && strings.Contains(kind, "html") || bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<"))
}

// withoutURL drops net/url's wrapping, whose text holds the query.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// overtime says of an error that the time for one attempt caused it, if it did:
// the caller's own deadline reads the same otherwise.
func overtime(ctx context.Context, limit time.Duration, err error) error {
	var (
		noToken *tokenError
		timeout interface{ Timeout() bool }
	)
	if ctx.Err() != nil || errors.As(err, &noToken) || !errors.As(err, &timeout) || !timeout.Timeout() {
		return err
	}
	return fmt.Errorf("no whole answer within %s, the time for one attempt: %w", limit, context.DeadlineExceeded)
}

// retryAfter reads the header, in seconds or as a date; 0 when absent or past.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
		return max(0, time.Duration(n)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// messageLimit is the longest text of others that an error carries, in runes.
const messageLimit = 300

// clean makes text of others fit for one line of a log.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.C, r) {
			return ' '
		}
		return r
	}, s[:min(len(s), 4*messageLimit)])
	return approval.Clip(strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " "), messageLimit)
}

package keyfactor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"go.uber.org/zap"
)

// Client calls the Keyfactor API. It is safe for concurrent use.
type Client struct {
	base   string
	config Config
	log    *zap.Logger
	now    func() time.Time

	http  *http.Client          // one attempt
	retry *retryablehttp.Client // several, for GET

	statuses    *statuses
	definitions *lru[definitionKey, Definition]
	details     *lru[int64, Certificate]
}

// New returns a client for the configuration, or every mistake in it. It does
// not call Keyfactor; [Client.Endpoints] proves the credentials.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	base, err := config.parse()
	if err != nil {
		return nil, err
	}
	transport := config.Transport
	if transport == nil {
		if transport, err = config.NewTransport(); err != nil {
			return nil, err
		}
	}
	log := config.Log.Named("keyfactor")
	warn(log, config, base)
	c := &Client{
		base:        strings.TrimRight(base.String(), "/"),
		config:      config,
		log:         log,
		now:         config.Now,
		statuses:    newStatuses(config.StatusNames),
		definitions: newLRU[definitionKey, Definition](64),
		details:     newLRU[int64, Certificate](256),
	}
	auth := config.Auth.open(&http.Client{Transport: transport, Timeout: config.Timeout, CheckRedirect: stay}, config.Now)
	c.http = &http.Client{
		Transport:     &authTransport{auth: auth, next: transport},
		Timeout:       config.Timeout,
		CheckRedirect: stay,
	}
	c.retry = c.newRetry()
	return c, nil
}

// stay refuses to follow redirects: they would take our credentials to another
// host, and a followed POST turns into a GET of somebody's login page.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func warn(log *zap.Logger, config Config, base *url.URL) {
	if config.InsecureSkipVerify {
		log.Warn("TLS certificates are not verified; anybody on the way can read and change what we send")
	}
	if exposed(base) {
		log.Warn("credentials cross the network unencrypted; use https", zap.String("host", base.Host))
	}
}

// call is one question to the API.
type call struct {
	method string
	path   string // below the base, already escaped
	query  url.Values
	body   any // marshalled to JSON; nil for none
}

func get(path string, query url.Values) call {
	return call{method: http.MethodGet, path: path, query: query}
}

func post(path string, body any) call {
	return call{method: http.MethodPost, path: path, body: body}
}

// answer is a response whose body has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// Limits on what is read. A list of 100 instances is around 100 kB.
const (
	bodyLimit  = 32 << 20
	errorLimit = 1 << 20
)

// do makes the call and returns a 2xx answer or an [*Error].
func (c *Client) do(ctx context.Context, q call) (*answer, error) {
	body, err := q.marshal()
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		a, renewable, err := c.attempt(ctx, q, body)
		switch {
		case err != nil:
			return nil, err
		case a.status == http.StatusUnauthorized && renewable && first:
			// A 401 is said before anything is done, so that a POST may go again too.
			continue
		case a.status < 200 || a.status > 299:
			return nil, q.refusal(a, c.now())
		}
		return a, nil
	}
}

// attempt sends the call with the credentials of the moment: a GET through the
// retrying client, everything else exactly once.
func (c *Client) attempt(ctx context.Context, q call, body []byte) (_ *answer, renewable bool, _ error) {
	if err := ctx.Err(); err != nil {
		return nil, false, q.failure(err, false)
	}
	state := &attempt{call: q}
	door := &gate{body: body}
	req, err := c.request(withAttempt(ctx, state), q, door)
	if err != nil {
		return nil, false, q.failure(err, false)
	}
	send := c.once
	if q.method == http.MethodGet {
		send = c.repeatedly
	}
	started := c.now()
	err = send(req, state)
	c.note(q, state, err, c.now().Sub(started))
	if err != nil {
		failure := q.failure(overtime(ctx, c.config.Timeout, err), door.shut())
		failure.recall(state)
		return nil, false, failure
	}
	return state.answer, state.renewable, nil
}

func (c call) marshal() ([]byte, error) {
	if c.body == nil {
		return nil, nil
	}
	body, err := json.Marshal(c.body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: marshal: %w", c.method, c.path, err)
	}
	return body, nil
}

func (c *Client) request(ctx context.Context, q call, door *gate) (*http.Request, error) {
	target := c.base + q.path
	if len(q.query) > 0 {
		// Spaces as %20, as Keyfactor's own client takes care to send them.
		target += "?" + strings.ReplaceAll(q.query.Encode(), "+", "%20")
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, nil)
	if err != nil {
		return nil, errors.New("the URL cannot be built")
	}
	if q.body != nil {
		req.Body, req.ContentLength = door.open(), int64(len(door.body))
		req.GetBody = func() (io.ReadCloser, error) { return door.open(), nil }
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.config.UserAgent)
	req.Header.Set("x-keyfactor-requested-with", "APIClient")
	req.Header.Set("x-keyfactor-api-version", "1")
	return req, nil
}

// once sends the request one time and reads the answer.
func (c *Client) once(req *http.Request, state *attempt) error {
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	return state.read(resp)
}

// note leaves a debug line; whoever gets the error logs it properly.
func (c *Client) note(q call, state *attempt, err error, took time.Duration) {
	entry := c.log.Check(zap.DebugLevel, "called")
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.String("method", q.method), zap.String("path", q.path), zap.Duration("took", took)}
	if state.answer != nil {
		fields = append(fields, zap.Int("status", state.answer.status), zap.Int("bytes", len(state.answer.body)))
	}
	if err != nil {
		fields = append(fields, zap.NamedError("error", withoutURL(err)))
	}
	entry.Write(fields...)
}

// attempt is what is known while one call runs; it travels in the context,
// because the hooks of the retrying client get nothing else.
type attempt struct {
	call      call
	renewable bool    // a 401 that a new token may cure
	answer    *answer // the last answer, complete
	last      *Error  // the last refusal that led to another try
}

type attemptKey struct{}

func withAttempt(ctx context.Context, a *attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// read takes the whole body, within limits, so that a connection that breaks
// halfway is noticed here and not by a decoder.
func (a *attempt) read(resp *http.Response) error {
	defer resp.Body.Close()
	limit := errorLimit
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		limit = bodyLimit
	}
	var body bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= int64(limit) {
		body.Grow(int(n) + bytes.MinRead) // a page need not be copied on and on while it comes in
	}
	n, err := io.Copy(&body, io.LimitReader(resp.Body, int64(limit)+1))
	switch {
	case n > int64(limit) && limit == bodyLimit:
		return errTooLarge
	case err != nil && limit == bodyLimit:
		return fmt.Errorf("read the answer (status %d): %w", resp.StatusCode, err)
	}
	// A refusal counts by its status, even if its text is cut.
	a.answer = &answer{resp.StatusCode, resp.Header, body.Bytes()[:min(n, int64(limit))]}
	return nil
}

var errTooLarge = fmt.Errorf("the answer is larger than %d MiB", bodyLimit>>20)

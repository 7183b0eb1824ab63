package keyfactor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/approvebot/approvebot/internal/approval"
)

// newRetry sets go-retryablehttp up with our own policy: its default would
// repeat a POST after a 503 and keep the last response from the caller.
func (c *Client) newRetry() *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   c.http,
		RetryMax:     c.config.RetryMax,
		RetryWaitMin: c.config.RetryWaitMin,
		RetryWaitMax: c.config.RetryWaitMax,
		CheckRetry:   c.again,
		Backoff:      c.pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// repeatedly sends a GET until there is an answer worth having or patience ends.
// The last answer, or else the last error, is what the caller gets.
func (c *Client) repeatedly(req *http.Request, state *attempt) error {
	r, err := retryablehttp.FromRequest(req)
	if err != nil {
		return err
	}
	r.SetResponseHandler(state.read)
	resp, err := c.retry.Do(r)
	if err != nil {
		return err
	}
	if state.answer != nil && state.answer.status == resp.StatusCode {
		return nil
	}
	// Patience ended on an answer that called for another try and was not read yet.
	return state.read(resp)
}

// again decides whether a GET is worth another try. The library asks after the
// headers and, when we said no, once more after the body.
func (c *Client) again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return passing(err), err
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return false, nil
	}
	wait := retryAfter(resp.Header, c.now())
	if state := attemptOf(ctx); state != nil {
		state.last = state.call.refusal(&answer{resp.StatusCode, resp.Header, nil}, c.now())
	}
	// Longer than we are ready to sit here: the caller is told and plans for it.
	return wait <= c.config.RetryWaitMax, nil
}

// passing reports whether an error may be gone in a moment.
func passing(err error) bool {
	var (
		noToken   *tokenError
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &noToken):
		return !errors.Is(noToken.kind, approval.ErrUnauthorized)
	case errors.Is(err, errTooLarge),
		errors.As(err, &untrusted), errors.As(err, &authority), errors.As(err, &host), errors.As(err, &invalid):
		return false
	}
	return true
}

// pause is what the server asked for, or doubles from shortest to longest. The upper
// half is random, so that many callers that failed together do not return together.
func (c *Client) pause(shortest, longest time.Duration, n int, resp *http.Response) time.Duration {
	if resp != nil {
		if asked := retryAfter(resp.Header, c.now()); asked > 0 {
			return min(asked, longest)
		}
	}
	full := min(shortest<<min(n, 16), longest)
	return full/2 + rand.N(full/2+1) //nolint:gosec // not a secret
}

// recall adds what the last refusal said to a failure that ended the waiting
// for another try.
func (e *Error) recall(a *attempt) {
	if a.last == nil || !errors.Is(e.kind, approval.ErrUnavailable) {
		return
	}
	e.Status, e.Code, e.Message, e.retryAfter = a.last.Status, a.last.Code, a.last.Message, a.last.retryAfter
}

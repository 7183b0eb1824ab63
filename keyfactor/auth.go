package keyfactor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// Auth is how the client proves who it is: [Basic], [OAuth] or [Bearer].
type Auth interface {
	check() error
	open(hc *http.Client, now func() time.Time) authorizer
}

// authorizer puts credentials on requests.
type authorizer interface {
	// authorize sets the Authorization header of r.
	authorize(r *http.Request) error
	// rejected tells that the credentials on r were not accepted, and reports
	// whether others can be had, so that a second try makes sense.
	rejected(r *http.Request) bool
}

// Basic is a user of Active Directory: DOMAIN\user or user@domain.
type Basic struct {
	Username string
	Password secret.String
}

func (b Basic) check() error {
	if b.Username == "" || b.Password.IsZero() {
		return errors.New("auth: basic needs username and password")
	}
	return nil
}

func (b Basic) open(*http.Client, func() time.Time) authorizer { return b }

func (b Basic) authorize(r *http.Request) error {
	r.SetBasicAuth(b.Username, b.Password.Reveal())
	return nil
}

func (b Basic) rejected(*http.Request) bool { return false }

// Bearer is an access token that somebody else keeps fresh.
type Bearer struct {
	Token secret.String
}

func (b Bearer) check() error {
	if b.Token.IsZero() {
		return errors.New("auth: bearer needs a token")
	}
	return nil
}

func (b Bearer) open(*http.Client, func() time.Time) authorizer { return b }

func (b Bearer) authorize(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+b.Token.Reveal())
	return nil
}

func (b Bearer) rejected(*http.Request) bool { return false }

// OAuth is a client at an identity provider (client credentials grant).
type OAuth struct {
	TokenURL     string
	ClientID     string
	ClientSecret secret.String
	Scopes       []string
	Audience     string
}

func (o OAuth) check() error {
	_, err := parseURL("auth: token_url", o.TokenURL)
	if o.ClientID == "" || o.ClientSecret.IsZero() {
		err = errors.Join(err, errors.New("auth: oauth needs client_id and client_secret"))
	}
	return err
}

func (o OAuth) open(hc *http.Client, now func() time.Time) authorizer {
	cc := clientcredentials.Config{
		ClientID:     o.ClientID,
		ClientSecret: o.ClientSecret.Reveal(),
		TokenURL:     o.TokenURL,
		Scopes:       o.Scopes,
	}
	if o.Audience != "" {
		cc.EndpointParams = url.Values{"audience": {o.Audience}}
	}
	return &tokens{
		turn: make(chan struct{}, 1),
		now:  now,
		fetch: func(ctx context.Context) (*oauth2.Token, error) {
			return cc.Token(context.WithValue(ctx, oauth2.HTTPClient, hc))
		},
	}
}

// tokens keeps one access token until shortly before it expires.
type tokens struct {
	fetch func(context.Context) (*oauth2.Token, error)
	now   func() time.Time

	// turn guards the fields below. A channel, because one caller fetches while
	// the others wait, and each waits no longer than its own context allows.
	turn    chan struct{}
	header  string
	renewAt time.Time
}

// authorize implements authorizer.
func (t *tokens) authorize(r *http.Request) error {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-r.Context().Done():
		return &tokenError{kind: approval.ErrUnavailable, err: r.Context().Err()}
	}
	now := t.now()
	if t.header == "" || !t.renewAt.IsZero() && !now.Before(t.renewAt) {
		token, err := t.fetch(r.Context())
		if err != nil {
			return newTokenError(err)
		}
		t.header = token.Type() + " " + token.AccessToken
		t.renewAt = renewal(now, token.Expiry)
	}
	r.Header.Set("Authorization", t.header)
	return nil
}

// rejected forgets the token that r carried, unless it has been replaced already.
func (t *tokens) rejected(r *http.Request) bool {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	if t.header == r.Header.Get("Authorization") {
		t.header = ""
	}
	return true
}

// renewal is half a minute before the end, or for short-lived tokens a quarter
// of their life before it. Zero means never.
func renewal(now, expiry time.Time) time.Time {
	if expiry.IsZero() {
		return time.Time{}
	}
	return expiry.Add(-min(30*time.Second, expiry.Sub(now)/4))
}

// tokenError tells that no access token could be had; nothing was sent to Keyfactor.
type tokenError struct {
	kind error // ErrUnauthorized or ErrUnavailable
	text string
	err  error // nil, or a cause that is safe to print
}

// newTokenError keeps the code and drops the answer's body, which may hold anything.
func newTokenError(err error) *tokenError {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return &tokenError{kind: approval.ErrUnavailable, err: withoutURL(err)}
	}
	e := &tokenError{kind: approval.ErrUnavailable, text: clean(refused.ErrorCode + " " + refused.ErrorDescription)}
	if refused.Response != nil {
		status := refused.Response.StatusCode
		e.text = clean(fmt.Sprintf("status %d %s", status, e.text))
		if status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
			e.kind = approval.ErrUnauthorized
		}
	}
	return e
}

func (e *tokenError) Error() string {
	if e.err != nil {
		return "get an access token: " + e.err.Error()
	}
	return "get an access token: the identity provider says " + e.text
}

func (e *tokenError) Unwrap() error { return e.err }

// authTransport authorizes every attempt anew, because a token may expire between two.
type authTransport struct {
	auth authorizer
	next http.RoundTripper
}

func (t *authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	signed := r.Clone(r.Context())
	if err := t.auth.authorize(signed); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(signed)
	if err == nil && resp.StatusCode == http.StatusUnauthorized && t.auth.rejected(signed) {
		if state := attemptOf(r.Context()); state != nil {
			state.renewable = true
		}
	}
	return resp, err
}

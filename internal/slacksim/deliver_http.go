package slacksim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Sign returns the X-Slack-Signature of a body.
func Sign(secret string, timestamp int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:", timestamp)
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

var errRedirects = errors.New("too many redirects")

func newDeliveryClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	return &http.Client{Transport: t, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > 2 {
			return errRedirects
		}
		return nil
	}}
}

// maxAnswer is how much of the app's answer is read.
const maxAnswer = 1 << 20

// post delivers over HTTP.
func (w *Workspace) post(ctx context.Context, root string, d delivery, hits fired) Result {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.AckTimeout)
	defer cancel()
	body, contentType := d.httpBody(w.httpBase())
	secret, stamp := w.cfg.SigningSecret, w.now().Unix()
	if hits.has(WrongSignature) {
		secret = "not-" + secret
	}
	if hits.has(OldTimestamp) {
		stamp -= int64((10 * time.Minute).Seconds())
	}
	header := http.Header{
		"Content-Type":              {contentType},
		"User-Agent":                {"Slackbot 1.0 (simulated)"},
		"X-Slack-Request-Timestamp": {strconv.FormatInt(stamp, 10)},
		"X-Slack-Signature":         {Sign(secret, stamp, body)},
	}
	if d.attempt > 0 {
		header.Set("X-Slack-Retry-Num", strconv.Itoa(d.attempt))
		header.Set("X-Slack-Retry-Reason", d.reason)
	}
	r := w.postOnce(ctx, root+d.path, header, body)
	if hits.has(Replay) || hits.has(Double) {
		// Somebody who overheard the request sends it again; the person sees
		// the answer to the first one.
		w.postOnce(ctx, root+d.path, header.Clone(), body)
	}
	return r
}

func (w *Workspace) postOnce(ctx context.Context, to string, header http.Header, body []byte) Result {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Result{Fate: Failed, reason: retryUnreachable}
	}
	req.Header = header
	resp, err := w.http.Do(req)
	if err != nil {
		return failedPost(ctx, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return failedPost(ctx, err)
	}
	r := Result{Status: resp.StatusCode, Body: answer, Fate: Acknowledged, noRetry: resp.Header.Get("X-Slack-No-Retry") == "1"}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		r.Fate, r.reason = Refused, retryStatus
	}
	return r
}

func failedPost(ctx context.Context, err error) Result {
	var timeout net.Error
	switch {
	case errors.Is(err, errRedirects):
		return Result{Fate: Failed, reason: "too_many_redirects"}
	case errors.Is(ctx.Err(), context.Canceled):
		return Result{Fate: Abandoned, reason: retryUnreachable}
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return Result{Fate: TimedOut, reason: retryTimeout}
	}
	return Result{Fate: Failed, reason: retryUnreachable}
}

// httpBase is where the app last found us.
func (w *Workspace) httpBase() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.base != "":
		return w.base
	case w.cfg.PublicURL != "":
		return w.cfg.PublicURL
	}
	return "http://localhost"
}

// httpBody puts a payload into the form Slack uses for its kind.
func (d delivery) httpBody(base string) (body []byte, contentType string) {
	const form = "application/x-www-form-urlencoded"
	payload := d.payload(base)
	switch d.kind {
	case kindInteractive:
		return []byte(url.Values{"payload": {string(encode(payload))}}.Encode()), form
	case kindCommand:
		fields := url.Values{}
		for name, value := range payload {
			fields.Set(name, fmt.Sprint(value))
		}
		return []byte(fields.Encode()), form
	}
	return encode(payload), "application/json"
}

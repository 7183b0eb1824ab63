package metrics

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// calls are the HTTP calls that we make.
type calls struct {
	slack     *prometheus.HistogramVec
	limited   *prometheus.CounterVec
	refused   *prometheus.CounterVec
	keyfactor *prometheus.HistogramVec
}

func newCalls() calls {
	return calls{
		slack:     histogram("slack_request_duration_seconds", "Duration of calls to Slack's Web API, by method and HTTP status code, or error where there was no answer. Slack refuses with 200, too.", calm, "method", "code"),
		limited:   counter("slack_rate_limited_total", "Calls that Slack answered with 429 (asking us to wait), by method.", "method"),
		refused:   counter("slack_refusals_total", "Calls that Slack answered with an error of its own, by method and error, such as channel_not_found.", "method", "error"),
		keyfactor: histogram("keyfactor_request_duration_seconds", "Duration of calls to Keyfactor, by method, endpoint and HTTP status code, or error where there was no answer.", calm, "method", "endpoint", "code"),
	}
}

func (c calls) all() []prometheus.Collector {
	return []prometheus.Collector{c.slack, c.limited, c.refused, c.keyfactor}
}

// Slack measures the calls that go through a transport to Slack.
func (c calls) Slack(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if !slackMethod.MatchString(method) {
			method = "other" // such as a response_url, which holds a secret
		}
		begun := time.Now()
		response, err := next.RoundTrip(r)
		c.slack.WithLabelValues(method, code(response, err)).Observe(time.Since(begun).Seconds())
		if err == nil && response.StatusCode == http.StatusTooManyRequests {
			c.limited.WithLabelValues(method).Inc()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			if refusal := peek(response); refusal != "" {
				c.refused.WithLabelValues(method, refusal).Inc()
			}
		}
		return response, err
	})
}

// peek looks for Slack's own error at the beginning of an answer, where it stands,
// and leaves the answer as it was.
func peek(response *http.Response) (code string) {
	body := bufio.NewReaderSize(response.Body, 512)
	begin, _ := body.Peek(512) // shorter at the end of the answer; whoever reads on sees errors
	response.Body = struct {
		io.Reader
		io.Closer
	}{body, response.Body}
	if !notOK.Match(begin) {
		return ""
	}
	if found := slackError.FindSubmatch(begin); found != nil {
		return string(found[1])
	}
	return "other"
}

var (
	notOK      = regexp.MustCompile(`^\s*\{\s*"ok"\s*:\s*false`)
	slackError = regexp.MustCompile(`"error"\s*:\s*"([a-z][a-z0-9_]{1,40})"`)
)

// Slack's methods look like chat.postMessage; we call about twenty of them.
var slackMethod = regexp.MustCompile(`^[a-z]+(\.[a-zA-Z]+)+$`)

// Keyfactor measures the calls that go through a transport to Keyfactor, whose
// API begins at base.
func (c calls) Keyfactor(base string, next http.RoundTripper) http.RoundTripper {
	root, err := url.Parse(base)
	if err != nil {
		root = &url.URL{}
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		begun := time.Now()
		response, err := next.RoundTrip(r)
		c.keyfactor.WithLabelValues(r.Method, endpoint(root, r.URL), code(response, err)).Observe(time.Since(begun).Seconds())
		return response, err
	})
}

// endpoint is the path without what tells one request from another.
func endpoint(root, u *url.URL) string {
	path, ok := strings.CutPrefix(u.Path, strings.TrimRight(root.Path, "/"))
	if !ok || u.Host != root.Host {
		return "token" // the only other thing that is asked is where OAuth tokens come from
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if variable.MatchString(part) {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

var variable = regexp.MustCompile(`^([0-9]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)

func code(response *http.Response, err error) string {
	if err != nil {
		return "error"
	}
	return strconv.Itoa(response.StatusCode)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

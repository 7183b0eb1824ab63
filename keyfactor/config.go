package keyfactor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Defaults for what a [Config] leaves out.
const (
	DefaultTimeout      = 10 * time.Second
	DefaultRetryMax     = 3
	DefaultRetryWaitMin = 250 * time.Millisecond
	DefaultRetryWaitMax = 5 * time.Second
	DefaultUserAgent    = "approvebot"
)

// ApprovedAs says how a signal spells yes and no.
type ApprovedAs string

// Keyfactor documents the strings "True" and "False"; whether newer versions
// want JSON booleans is not published.
const (
	ApprovedAsString ApprovedAs = "string"
	ApprovedAsBool   ApprovedAs = "boolean"
)

// Config is what a [Client] needs to know. URL and Auth are required.
type Config struct {
	// URL is the whole base URL: https://command.example.com/KeyfactorAPI
	URL string
	// Auth is one of Basic, OAuth and Bearer.
	Auth Auth
	// CACertificates are PEM certificates to trust in addition to the system's.
	CACertificates []byte
	// CAOnly trusts CACertificates alone, as KEYFACTOR_CA_CERT does in Keyfactor's own tools.
	CAOnly bool
	// InsecureSkipVerify accepts every certificate. For a laboratory only.
	InsecureSkipVerify bool
	// Timeout limits one attempt, reading the answer included.
	Timeout time.Duration
	// ApprovedAs defaults to ApprovedAsString.
	ApprovedAs ApprovedAs
	// StatusNames gives names to the numbers that some versions use for the status
	// of an instance: 2: "Suspended". Keyfactor does not publish them.
	StatusNames map[int]string
	// QueryPrefix is put before the names of list parameters, for versions before 11
	// that insist on it: "pq." makes pq.ReturnLimit.
	QueryPrefix string
	// UserAgent defaults to DefaultUserAgent.
	UserAgent string
	// RetryMax is how often a GET is repeated; 0 is DefaultRetryMax, negative is never.
	RetryMax int
	// RetryWaitMin and RetryWaitMax bound the pause before a repetition.
	RetryWaitMin, RetryWaitMax time.Duration
	// Transport replaces the HTTP transport, then CACertificates and
	// InsecureSkipVerify do nothing. To wrap the usual one, see [Config.NewTransport].
	Transport http.RoundTripper
	// Log takes one debug line for each attempt; nil logs nothing.
	Log *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// withDefaults returns the configuration with its gaps filled.
func (c Config) withDefaults() Config {
	orDuration := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	orDuration(&c.Timeout, DefaultTimeout)
	orDuration(&c.RetryWaitMin, DefaultRetryWaitMin)
	orDuration(&c.RetryWaitMax, max(DefaultRetryWaitMax, c.RetryWaitMin))
	switch {
	case c.RetryMax == 0:
		c.RetryMax = DefaultRetryMax
	case c.RetryMax < 0:
		c.RetryMax = 0
	}
	if c.ApprovedAs == "" {
		c.ApprovedAs = ApprovedAsString
	}
	if c.UserAgent == "" {
		c.UserAgent = DefaultUserAgent
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// parse returns the base URL, or every mistake in the configuration.
func (c Config) parse() (*url.URL, error) {
	base, err := parseURL("url", c.URL)
	errs := []error{err}
	if c.Auth == nil {
		errs = append(errs, errors.New("auth: one of basic, oauth and bearer is required"))
	} else {
		errs = append(errs, c.Auth.check())
	}
	if c.ApprovedAs != ApprovedAsString && c.ApprovedAs != ApprovedAsBool {
		errs = append(errs, fmt.Errorf("approved_as: %q is neither %q nor %q", c.ApprovedAs, ApprovedAsString, ApprovedAsBool))
	}
	for number, name := range c.StatusNames {
		if statusNames[strings.ToLower(name)] == "" {
			errs = append(errs, fmt.Errorf("status_names: %d: %q is not a status that Keyfactor documents", number, name))
		}
	}
	if c.RetryWaitMin > c.RetryWaitMax {
		errs = append(errs, fmt.Errorf("retry_wait: the shortest pause, %s, is longer than the longest, %s", c.RetryWaitMin, c.RetryWaitMax))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("keyfactor: %w", err)
	}
	return base, nil
}

// parseURL reads an http(s) URL that carries nothing but a host and a path.
// Its errors do not repeat the URL, which may hold a password.
func parseURL(name, text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case text == "":
		return nil, fmt.Errorf("%s is required", name)
	case err != nil:
		return nil, fmt.Errorf("%s is not a URL", name)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, fmt.Errorf("%s must look like https://host/path", name)
	case u.User != nil:
		return nil, fmt.Errorf("%s must not hold a user or password", name)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s must end with the path; leave out ? and #", name)
	}
	return u, nil
}

// exposed reports whether credentials for u would cross a network in the clear.
func exposed(u *url.URL) bool {
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// NewTransport returns the transport that a Client makes for itself from this
// configuration, for callers who want to wrap it and set [Config.Transport].
func (c Config) NewTransport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 4
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify} //nolint:gosec // asked for, and warned about
	if len(c.CACertificates) == 0 {
		return t, nil
	}
	pool := x509.NewCertPool()
	if !c.CAOnly {
		if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
	}
	if !pool.AppendCertsFromPEM(c.CACertificates) {
		return nil, errors.New("keyfactor: ca_certificates: no certificate found in the PEM text")
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

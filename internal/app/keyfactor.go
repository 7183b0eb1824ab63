package app

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/tracing"
	"github.com/approvebot/approvebot/keyfactor"
)

// newKeyfactor builds the client that the configuration describes.
func newKeyfactor(c config.Keyfactor, log *zap.Logger, seen watcher) (*keyfactor.Client, error) {
	kc, err := keyfactorConfig(c, c.Auth, log)
	if err != nil {
		return nil, fmt.Errorf("keyfactor.auth: %w", err)
	}
	return newClient(kc, seen)
}

// newAccounts builds a client for each further login.
func newAccounts(c config.Keyfactor, log *zap.Logger, seen watcher) ([]keyfactor.Account, error) {
	var all []keyfactor.Account
	for i, a := range c.Accounts {
		kc, err := keyfactorConfig(c, a.Auth, log.With(zap.String("account", a.Name)))
		if err != nil {
			return nil, fmt.Errorf("keyfactor.accounts[%d].auth: %w", i, err)
		}
		client, err := newClient(kc, seen)
		if err != nil {
			return nil, fmt.Errorf("keyfactor.accounts[%d]: %w", i, err)
		}
		all = append(all, keyfactor.Account{Name: a.Name, Client: client})
	}
	return all, nil
}

// watcher makes a transport that sees the calls to the API at base.
type watcher func(base string, next http.RoundTripper) http.RoundTripper

// seen measures the calls to Keyfactor, and makes spans of those that belong to a trace.
func (a *App) seen(base string, next http.RoundTripper) http.RoundTripper {
	return tracing.Keyfactor(a.tracer, a.metrics.Keyfactor(base, next))
}

// newClient builds a client whose calls are seen, unless seen is nil.
func newClient(kc keyfactor.Config, seen watcher) (*keyfactor.Client, error) {
	if seen != nil {
		transport, err := kc.NewTransport()
		if err != nil {
			return nil, err
		}
		kc.Transport = seen(kc.URL, transport)
	}
	return keyfactor.New(kc)
}

// keyfactorConfig is what a client for one of our logins needs.
func keyfactorConfig(c config.Keyfactor, login config.Auth, log *zap.Logger) (keyfactor.Config, error) {
	kc := keyfactor.Config{
		URL: c.URL, CACertificates: c.CAPEM, CAOnly: c.CAOnly, InsecureSkipVerify: c.SkipVerify, Timeout: c.Timeout,
		ApprovedAs: keyfactor.ApprovedAs(c.ApprovedAs), Log: log,
	}
	switch login.Type {
	case config.AuthBasic:
		kc.Auth = keyfactor.Basic{Username: login.Username, Password: login.Password}
	case config.AuthOAuth:
		kc.Auth = keyfactor.OAuth{TokenURL: login.TokenURL, ClientID: login.ClientID, ClientSecret: login.ClientSecret, Scopes: login.Scopes, Audience: login.Audience}
	case config.AuthToken:
		kc.Auth = keyfactor.Bearer{Token: login.AccessToken}
	default:
		return kc, fmt.Errorf("type %q is not known", login.Type)
	}
	return kc, nil
}

// newSources builds the queues that are polled. A further kind is one more line.
func newSources(client *keyfactor.Client, c *config.Config, log *zap.Logger, further ...keyfactor.Account) []approval.Source {
	portal, link := c.Keyfactor.Portal()
	sc := keyfactor.SourceConfig{PortalURL: portal, LinkTemplate: link, MetadataFields: c.Keyfactor.Metadata, Log: log}
	known := map[approval.Kind]approval.Source{
		approval.Workflow:    keyfactor.NewWorkflows(client, sc, further...),
		approval.Certificate: keyfactor.NewCertificates(client, sc),
	}
	var sources []approval.Source
	for _, kind := range c.Poll.Sources {
		if s, ok := known[kind]; ok {
			sources = append(sources, s)
		}
	}
	return sources
}

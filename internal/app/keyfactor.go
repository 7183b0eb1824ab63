package app

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/keyfactor"
)

// newKeyfactor builds the client that the configuration describes.
func newKeyfactor(c config.Keyfactor, log *zap.Logger) (*keyfactor.Client, error) {
	kc := keyfactor.Config{
		URL: c.URL, CACertificates: c.CAPEM, InsecureSkipVerify: c.SkipVerify, Timeout: c.Timeout,
		ApprovedAs: keyfactor.ApprovedAs(c.ApprovedAs), Log: log,
	}
	switch c.Auth.Type {
	case config.AuthBasic:
		kc.Auth = keyfactor.Basic{Username: c.Auth.Username, Password: c.Auth.Password}
	case config.AuthOAuth:
		kc.Auth = keyfactor.OAuth{TokenURL: c.Auth.TokenURL, ClientID: c.Auth.ClientID, ClientSecret: c.Auth.ClientSecret, Scopes: c.Auth.Scopes, Audience: c.Auth.Audience}
	case config.AuthToken:
		kc.Auth = keyfactor.Bearer{Token: c.Auth.AccessToken}
	default:
		return nil, fmt.Errorf("keyfactor.auth.type %q is not known", c.Auth.Type)
	}
	return keyfactor.New(kc)
}

// newSources builds the queues that are polled. A further kind is one more line.
func newSources(client *keyfactor.Client, c *config.Config, log *zap.Logger) []approval.Source {
	sc := keyfactor.SourceConfig{PortalURL: c.Keyfactor.PortalURL, Log: log}
	known := map[approval.Kind]approval.Source{
		approval.Workflow:    keyfactor.NewWorkflows(client, sc),
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

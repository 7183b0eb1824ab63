package config

import "github.com/approvebot/approvebot/internal/approval"

// Directory says how Keyfactor's names of people belong to people in Slack.
type Directory struct {
	// Map gives single names a person: an @handle, a Slack user ID or an e-mail address.
	Map map[string]string `yaml:"map,omitempty"`
	// Templates make Keyfactor's names out of {localpart}, {email} and {handle}.
	Templates []string `yaml:"templates,omitempty"`
	// NotInSlack are patterns of names that belong to nobody in Slack.
	NotInSlack []string `yaml:"not_in_slack,omitempty"`
	// EmailDomains are those of our own addresses.
	EmailDomains []string `yaml:"email_domains,omitempty"`
}

// Names returns it in the words of policy.
func (d Directory) Names() approval.Directory {
	return approval.Directory{Map: d.Map, Templates: d.Templates, NotInSlack: d.NotInSlack, Domains: d.EmailDomains}
}

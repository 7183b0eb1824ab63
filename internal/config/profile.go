package config

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/approvebot/approvebot/internal/secret"
)

// profile is one server of command_config.json, the file that kfutil and
// Keyfactor's other tools keep in the home directory. JSON is YAML, and YAML
// variants of the file exist, so it is read as YAML. It is not ours: keys that we do not know are
// none of our business.
type profile struct {
	Host        string        `yaml:"host"`
	Port        string        `yaml:"port"`
	APIPath     string        `yaml:"api_path"`
	AuthType    string        `yaml:"auth_type"`
	Username    string        `yaml:"username"`
	Password    secret.String `yaml:"password"`
	Domain      string        `yaml:"domain"`
	ClientID    string        `yaml:"client_id"`
	Secret      secret.String `yaml:"client_secret"`
	TokenURL    string        `yaml:"token_url"`
	Scopes      []string      `yaml:"scopes"`
	Audience    string        `yaml:"audience"`
	AccessToken secret.String `yaml:"access_token"`
	SkipVerify  bool          `yaml:"skip_tls_verify"`
	CACert      string        `yaml:"ca_cert_path"`
	Timeout     string        `yaml:"client_timeout"`

	file, name string
}

// path names a key of ours in the profile's words, for messages.
func (p *profile) path(ours string) string {
	theirs := map[string]string{"keyfactor.url": "host", "keyfactor.timeout": "client_timeout", "keyfactor.ca_file": "ca_cert_path", "keyfactor.skip_verify": "skip_tls_verify", "keyfactor.auth.type": "auth_type"}
	return "servers." + p.name + "." + cmp.Or(theirs[ours], last(ours))
}

// open reads the profile, or returns an empty one when there is none and nobody asked for it.
func (l *loader) open() *profile {
	asked := l.env("KEYFACTOR_AUTH_CONFIG_FILE")
	file := asked
	if home := cmp.Or(l.env("HOME"), l.env("USERPROFILE")); file == "" && home != "" {
		file = filepath.Join(home, ".keyfactor", "command_config.json")
	}
	none := &profile{file: file, name: cmp.Or(l.env("KEYFACTOR_AUTH_CONFIG_PROFILE"), "default")}
	fail := func(variable, message string) {
		l.problems = append(l.problems, Problem{File: "environment", Path: variable, Message: message})
	}
	if file == "" {
		return none
	}
	text, err := l.files.read(file)
	if err != nil {
		if asked != "" || !errors.Is(err, fs.ErrNotExist) {
			fail("KEYFACTOR_AUTH_CONFIG_FILE", reason(err))
		}
		return none
	}
	var all struct {
		Servers map[string]*profile `yaml:"servers"`
	}
	if err := yaml.Unmarshal(text, &all); err != nil {
		l.problems = append(l.problems, notYAML(file, err))
		return none
	}
	p := all.Servers[none.name]
	if p == nil {
		if l.env("KEYFACTOR_AUTH_CONFIG_PROFILE") != "" {
			fail("KEYFACTOR_AUTH_CONFIG_PROFILE", "there is no server "+none.name+" in "+file)
		}
		return none
	}
	p.file, p.name = file, none.name
	return p
}

// notYAML tells of an error without its text, which quotes the source.
func notYAML(file string, err error) Problem {
	p := Problem{File: file, Message: "this file of Keyfactor's tools cannot be read"}
	if y, ok := errors.AsType[yaml.Error](err); ok {
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			p.Line, p.Column = tk.Position.Line, tk.Position.Column
		}
	}
	return p
}

// baseURL puts together what Keyfactor's tools keep apart. The host may carry a
// scheme or a path, which they ignore, and a port of its own.
func baseURL(host, port, path string) string {
	if _, after, ok := strings.Cut(host, "://"); ok {
		host = after
	}
	host, _, _ = strings.Cut(host, "/")
	if port != "" && port != "443" && !strings.Contains(host[strings.LastIndexByte(host, ']')+1:], ":") {
		host += ":" + port
	}
	return "https://" + host + "/" + cmp.Or(strings.Trim(path, "/"), "KeyfactorAPI")
}

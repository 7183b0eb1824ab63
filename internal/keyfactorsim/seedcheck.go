package keyfactorsim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checker collects the mistakes of a seed, so that all of them are reported at once.
type checker struct{ found []problem }

func (c *checker) add(path, format string, args ...any) {
	c.found = append(c.found, problem{path, fmt.Sprintf(format, args...)})
}

// known reports a name that should have been declared. Empty names are somebody else's business.
func (c *checker) known(path, what, name string, names []string) {
	if name != "" && !slices.Contains(names, name) {
		c.add(path, "there is no %s named %q", what, name)
	}
}

func (c *checker) required(path, text string) {
	if strings.TrimSpace(text) == "" {
		c.add(path, "must not be empty")
	}
}

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, each := range list {
		names[i] = name(each)
	}
	return names
}

// problems finds what would make a seed impossible to run.
func (s Seed) problems() []problem {
	c := &checker{}
	roles := namesOf(s.Roles, func(r Role) string { return r.Name })
	templates := namesOf(s.Templates, func(t Template) string { return t.Name })
	for i, r := range s.Roles {
		at := fmt.Sprintf("roles[%d]", i)
		c.required(at+".name", r.Name)
		if r.ID <= 0 {
			c.add(at+".id", "must be a positive number")
		}
	}
	c.unique("roles", "name", roles)
	c.unique("roles", "id", namesOf(s.Roles, func(r Role) string { return fmt.Sprint(r.ID) }))
	if len(s.Accounts) == 0 {
		c.add("accounts", "at least one account is needed to call the API")
	}
	for i, a := range s.Accounts {
		at := fmt.Sprintf("accounts[%d]", i)
		if a.name() == "" {
			c.add(at, "username, client_id or identity must be given")
		}
		if a.Password != "" && a.Username == "" {
			c.add(at+".password", "a password needs a username")
		}
		if (a.ClientID == "") != (a.ClientSecret == "") {
			c.add(at, "client_id and client_secret belong together")
		}
		for j, r := range a.Roles {
			c.known(fmt.Sprintf("%s.roles[%d]", at, j), "role", r, roles)
		}
	}
	c.unique("accounts", "identity", namesOf(s.Accounts, func(a Account) string { return strings.ToLower(a.name()) }))
	for i, t := range s.Templates {
		c.required(fmt.Sprintf("templates[%d].name", i), t.Name)
	}
	c.unique("templates", "name", templates)
	for i, d := range s.Definitions {
		c.definition(fmt.Sprintf("definitions[%d]", i), d, roles, templates)
	}
	c.unique("definitions", "name and version", namesOf(s.Definitions, func(d Definition) string { return fmt.Sprintf("%s %d", d.Name, d.Version) }))
	for i, r := range s.Requests {
		at := fmt.Sprintf("requests[%d]", i)
		c.required(at+".name", r.Name)
		c.request(at, r, s)
	}
	c.unique("requests", "name", namesOf(s.Requests, func(r Request) string { return r.Name }))
	for i, p := range s.Pending {
		at := fmt.Sprintf("pending[%d]", i)
		if p.ID <= 0 {
			c.add(at+".id", "must be a positive number")
		}
		c.pending(at, p, s)
	}
	c.unique("pending", "id", namesOf(s.Pending, func(p Pending) string { return fmt.Sprint(p.ID) }))
	for i, cert := range s.Certificates {
		if cert.ID <= 0 {
			c.add(fmt.Sprintf("certificates[%d].id", i), "must be a positive number")
		}
		c.required(fmt.Sprintf("certificates[%d].subject", i), cert.Subject)
	}
	c.unique("certificates", "id", namesOf(s.Certificates, func(x Certificate) string { return fmt.Sprint(x.ID) }))
	for i, a := range s.Arrivals {
		at := fmt.Sprintf("arrivals[%d]", i)
		c.required(at+".kind", a.Kind)
		switch {
		case (a.Request == nil) == (a.Pending == nil):
			c.add(at, "exactly one of request and pending must be given")
		case a.Request != nil:
			c.request(at+".request", *a.Request, s)
			if a.Certificate != nil {
				c.required(at+".certificate.subject", a.Certificate.Subject)
			}
		default:
			c.pending(at+".pending", *a.Pending, s)
		}
		if a.Weight < 0 {
			c.add(at+".weight", "must not be negative")
		}
	}
	for word, list := range s.Words {
		if len(list) == 0 {
			c.add("words."+word, "must have at least one entry")
		}
	}
	return c.found
}

func (c *checker) unique(list, what string, names []string) {
	seen := map[string]bool{}
	for i, name := range names {
		if name != "" && seen[name] {
			c.add(fmt.Sprintf("%s[%d]", list, i), "%s %q is taken by an earlier entry", what, name)
		}
		seen[name] = true
	}
}

func (c *checker) definition(at string, d Definition, roles, templates []string) {
	c.required(at+".name", d.Name)
	c.required(at+".type", d.Type)
	c.known(at+".template", "template", d.Template, templates)
	if d.Version < 0 {
		c.add(at+".version", "must not be negative")
	}
	for i, step := range d.Steps {
		here := fmt.Sprintf("%s.steps[%d]", at, i)
		c.required(here+".name", step.Name)
		for j, r := range step.Roles {
			c.known(fmt.Sprintf("%s.roles[%d]", here, j), "role", r, roles)
		}
		if step.Approvals < 0 {
			c.add(here+".approvals", "must not be negative")
		}
		if step.Approvals > 0 && len(step.Roles) == 0 {
			c.add(here+".roles", "a step that waits for approvals needs roles")
		}
	}
	c.unique(at+".steps", "name", namesOf(d.Steps, func(s Step) string { return s.Name }))
}

func (c *checker) request(at string, r Request, s Seed) {
	c.required(at+".requester", r.Requester)
	c.required(at+".definition", r.Definition)
	c.known(at+".definition", "definition", r.Definition, namesOf(s.Definitions, func(d Definition) string { return d.Name }))
	if r.Version > 0 && !slices.ContainsFunc(s.Definitions, func(d Definition) bool { return d.Name == r.Definition && max(d.Version, 1) == r.Version }) {
		c.add(at+".version", "definition %q has no version %d", r.Definition, r.Version)
	}
	c.known(at+".template", "template", r.Template, namesOf(s.Templates, func(t Template) string { return t.Name }))
	c.csr(at+".csr", r.CSR)
}

func (c *checker) pending(at string, p Pending, s Seed) {
	c.required(at+".requester", p.Requester)
	c.known(at+".template", "template", p.Template, namesOf(s.Templates, func(t Template) string { return t.Name }))
	for i, r := range p.Managers {
		c.known(fmt.Sprintf("%s.managers[%d]", at, i), "role", r, namesOf(s.Roles, func(r Role) string { return r.Name }))
	}
	c.csr(at+".csr", p.CSR)
}

func (c *checker) csr(at string, r *CSR) {
	if r == nil {
		return
	}
	if !slices.Contains(keyKinds, r.Key) && r.Key != "" && !placeholder.MatchString(r.Key) {
		c.add(at+".key", "must be one of %s", strings.Join(keyKinds, ", "))
	}
	for i, u := range r.Usages {
		if _, ok := usages[u]; !ok {
			c.add(fmt.Sprintf("%s.usages[%d]", at, i), "must be one of %s", strings.Join(slices.Sorted(maps.Keys(usages)), ", "))
		}
	}
	if _, err := parseDN(r.Subject); err != nil {
		c.add(at+".subject", "%s", err)
	}
	if m := r.ManyDNS; m != nil && (m.Count < 1 || m.Count > 10_000 || strings.Count(m.Pattern, "%") != 1) {
		c.add(at+".many_dns", "needs a pattern with one number verb and a count of 1 to 10000")
	}
}

func (a Account) name() string {
	switch {
	case a.Identity != "":
		return a.Identity
	case a.Username != "":
		return a.Username
	}
	return a.ClientID
}

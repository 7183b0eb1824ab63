package keyfactorsim

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// account is an identity with its roles and permissions.
type account struct {
	Account
	id          int
	identity    string
	roles       []int
	permissions []string
}

// noAccess tells that an account is known but has been given nothing at all.
func (a *account) noAccess() bool { return len(a.roles) == 0 && len(a.permissions) == 0 }

func (a *account) holdsAny(roles []int) bool {
	return slices.ContainsFunc(roles, func(r int) bool { return slices.Contains(a.roles, r) })
}

// may tells whether one of the given permissions is granted. A permission covers everything below its path.
func (a *account) may(anyOf ...string) bool {
	return slices.ContainsFunc(anyOf, func(want string) bool {
		return slices.ContainsFunc(a.permissions, func(have string) bool { return strings.HasPrefix(want, have) })
	})
}

// The permissions that the simulated calls ask for.
const (
	readInstances    = "/workflows/instances/read/"
	readPending      = "/workflows/instances/read/pending/"
	readMine         = "/workflows/instances/read/mine/"
	manageInstances  = "/workflows/instances/manage/"
	readDefinitions  = "/workflows/definitions/read/"
	readAlerts       = "/monitoring/alerts/read/"
	manageRequests   = "/certificates/requests/manage/"
	readCertificates = "/certificates/collections/read/"
	readSecurity     = "/security/read/"
	readTemplates    = "/certificates/templates/read/"
)

var allPermissions = []string{
	readTemplates, readCertificates, manageRequests, readAlerts, readSecurity, readDefinitions, manageInstances, readInstances, readMine, readPending,
}

// olderPermissions are the names that version 10 had for the same things.
var olderPermissions = map[string]string{
	"WorkflowInstances: ReadAssignedToMe": readPending,
	"WorkflowInstances: ReadAll":          readInstances,
	"WorkflowInstances: ReadMine":         readMine,
	"WorkflowInstances: Manage":           manageInstances,
	"WorkflowDefinitions: Read":           readDefinitions,
	"WorkflowManagement: Read":            readAlerts,
	"WorkflowManagement: Participate":     manageRequests,
	"SecuritySettings: Read":              readSecurity,
}

// newAccount resolves roles and permissions of a seeded account.
func (s *Server) newAccount(a Account, id int) *account {
	acc := &account{Account: a, id: id, identity: a.name()}
	s.grant(acc, a.Roles, a.Permissions)
	return acc
}

func (s *Server) grant(acc *account, roles, permissions []string) {
	acc.roles, acc.permissions = nil, nil
	add := func(list []string) {
		for _, p := range list {
			if newer, ok := olderPermissions[p]; ok {
				p = newer
			}
			acc.permissions = append(acc.permissions, p)
		}
	}
	for _, name := range roles {
		acc.roles = append(acc.roles, s.roleIDs[name])
		for _, r := range s.roles {
			if r.Name == name {
				add(r.Permissions)
			}
		}
	}
	add(permissions)
}

// account finds an identity. The caller holds the lock.
func (s *Server) account(identity string) *account {
	for _, a := range s.accounts {
		if strings.EqualFold(a.identity, identity) {
			return a
		}
	}
	return nil
}

// issued is an access token and when it stops to be one.
type issued struct {
	who     *account
	expires time.Time
}

// authenticate finds who is calling. It returns nil when nobody is.
func (s *Server) authenticate(r *http.Request) *account {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "basic":
		user, password, ok := r.BasicAuth()
		if !ok {
			return nil
		}
		for _, a := range s.accounts {
			if a.Password != "" && sameUser(a.Username, user) && same(a.Password, password) {
				return a
			}
		}
	case "bearer":
		token := strings.TrimSpace(rest)
		if t, ok := s.tokens[token]; ok && s.now().Before(t.expires) {
			return t.who
		}
		for _, a := range s.accounts {
			if a.Token != "" && same(a.Token, token) {
				return a
			}
		}
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// sameUser compares user names without regard to case. EXAMPLE\alice may also log in as alice@example.com.
func sameUser(account, given string) bool {
	if strings.EqualFold(account, given) {
		return true
	}
	domain, user, ok := strings.Cut(account, `\`)
	name, host, at := strings.Cut(given, "@")
	first, _, _ := strings.Cut(host, ".")
	return ok && at && strings.EqualFold(user, name) && strings.EqualFold(domain, first)
}

// token answers a client credentials grant, in the words of OAuth rather than Keyfactor: it is another product's endpoint.
func (s *Server) token(r *http.Request) answer {
	refuse := func(status int, code, text string) answer {
		a := answer{status: status, body: map[string]string{"error": code, "error_description": text}}
		if status == http.StatusUnauthorized {
			a.header = http.Header{"Www-Authenticate": {`Basic realm="token"`}}
		}
		return a
	}
	if r.Method != http.MethodPost {
		return answer{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {"POST"}}}
	}
	if err := r.ParseForm(); err != nil {
		return refuse(http.StatusBadRequest, "invalid_request", "The form could not be read.")
	}
	if g := r.PostForm.Get("grant_type"); g != "client_credentials" {
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "Only client_credentials is supported.")
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		// OAuth wants both form-encoded inside the header.
		id, secret = formDecoded(id), formDecoded(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.accounts, func(a *account) bool {
		return a.ClientID != "" && a.ClientID == id && same(a.ClientSecret, secret)
	})
	if i < 0 {
		return refuse(http.StatusUnauthorized, "invalid_client", "Invalid client or Invalid client credentials")
	}
	who := s.accounts[i]
	if who.Audience != "" && r.PostForm.Get("audience") != who.Audience {
		return refuse(http.StatusBadRequest, "invalid_request", "The audience is not known.")
	}
	now := s.now()
	for token, t := range s.tokens {
		if !now.Before(t.expires) {
			delete(s.tokens, token)
		}
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	token := base64.RawURLEncoding.EncodeToString(raw)
	s.tokens[token] = issued{who, now.Add(s.config.TokenLifetime)}
	body := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(s.config.TokenLifetime.Seconds())}
	if scope := r.PostForm.Get("scope"); scope != "" {
		body["scope"] = scope
	}
	return answer{status: http.StatusOK, body: body, header: http.Header{"Cache-Control": {"no-store"}}}
}

func formDecoded(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

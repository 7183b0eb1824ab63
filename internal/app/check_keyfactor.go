package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/keyfactor"
)

// skewLimit is by how much Keyfactor's clock may differ from ours.
const skewLimit = 2 * time.Minute

func (d *doctor) keyfactor(ctx context.Context) {
	logins := append([]config.Account{{Auth: d.c.Keyfactor.Auth}}, d.c.Keyfactor.Accounts...)
	for i, a := range logins {
		check := "keyfactor"
		if i > 0 {
			check += " account " + a.Name
		}
		d.login(ctx, check, a.Auth, i == 0)
	}
}

// login proves one login and what it may do. Certificate requests go through the
// first one alone.
func (d *doctor) login(ctx context.Context, check string, auth config.Auth, first bool) {
	kc, err := keyfactorConfig(d.c.Keyfactor, auth, zap.NewNop())
	if err != nil {
		d.fail(check, err.Error())
		return
	}
	transport, err := kc.NewTransport()
	if err != nil {
		d.fail(check, err.Error()+"; check keyfactor.ca_file")
		return
	}
	defer transport.CloseIdleConnections()
	clock := &clock{next: transport, now: d.o.Now}
	kc.Transport, kc.RetryMax = clock, 1
	client, err := keyfactor.New(kc)
	if err != nil {
		d.fail(check, err.Error())
		return
	}
	server, err := client.Endpoints(ctx)
	if err != nil {
		d.fail(check, d.loginAdvice(auth, err))
		return
	}
	version := server.Version
	if version == "" {
		version = "unknown, so before 11"
	}
	d.fine(check, fmt.Sprintf("Keyfactor at %s accepts the login; version %s", d.c.Keyfactor.URL, version))
	if skew, ok := clock.skew(); first && ok && skew.Abs() > skewLimit {
		d.warn(check+" clock", fmt.Sprintf("Keyfactor's clock differs from ours by %s; set both by NTP, or times on cards and in the audit log mislead", skew.Abs().Round(time.Second)))
	}
	for _, kind := range d.c.Poll.Sources {
		switch {
		case kind == approval.Workflow:
			d.workflows(ctx, check, client, first)
		case kind == approval.Certificate && first:
			d.certificates(ctx, check, client, server)
		}
	}
}

// workflows proves that the list of the login's instances can be read. An empty
// list proves nothing: it stays empty for ever where no step names the login's role.
func (d *doctor) workflows(ctx context.Context, check string, client *keyfactor.Client, first bool) {
	listing, waiting := check+" workflow", false
	for _, err := range client.AssignedToMe(ctx, keyfactor.ListOptions{PageSize: 1}) {
		if unread := (*keyfactor.RowError)(nil); err != nil && !errors.As(err, &unread) {
			d.fail(listing, sourceAdvice("list workflow instances", "/workflows/instances/read/pending/ and /workflows/instances/read/", "WorkflowInstances: ReadAssignedToMe and ReadAll", err))
			return
		}
		waiting = true
		break
	}
	explained := d.steps(ctx, check+" definitions", client, first)
	switch {
	case waiting:
		d.fine(listing, "workflow instances can be listed")
	case explained:
		d.fine(listing, "workflow instances can be listed; none waits for this login at the moment")
	default:
		d.warn(listing, "workflow instances can be listed, but none waits for this login at the moment; if some should, give the login a role that the approval step names: without it the list is empty and Keyfactor reports no error (--role ROLE looks for it in the steps)")
	}
}

func (d *doctor) certificates(ctx context.Context, check string, client *keyfactor.Client, server keyfactor.Server) {
	check += " certificate"
	for _, err := range client.PendingCertificates(ctx, keyfactor.ListOptions{PageSize: 1}) {
		if unread := (*keyfactor.RowError)(nil); err != nil && !errors.As(err, &unread) {
			d.fail(check, sourceAdvice("list certificate requests", "/monitoring/alerts/read/", "WorkflowManagement: Read", err)+"; or leave certificate out of poll.sources")
			return
		}
		break
	}
	// Whether they can be decided cannot be tried; the server's own list says so where it has what we can read.
	if offers(server, "/Workflow/Certificates/Pending") && !offers(server, "/Workflow/Certificates/Approve") {
		d.fail(check, "certificate requests can be listed but not decided; give the login's role /certificates/requests/manage/ (version 10: WorkflowManagement: Participate)")
		return
	}
	d.fine(check, "certificate requests can be listed")
}

func offers(s keyfactor.Server, path string) bool {
	for _, e := range s.Endpoints {
		if strings.HasSuffix(strings.ToLower(e), strings.ToLower(path)) {
			return true
		}
	}
	return false
}

// loginAdvice says why Keyfactor cannot be used, and what to do.
func (d *doctor) loginAdvice(auth config.Auth, err error) string {
	what := fmt.Sprintf("Keyfactor at %s cannot be used: %v; ", d.c.Keyfactor.URL, err)
	switch refusal := (*keyfactor.Error)(nil); {
	case errors.Is(err, approval.ErrUnauthorized) && auth.Type == config.AuthOAuth:
		return what + "check client_id, client_secret, scopes and audience, and attach the client's claim to a security role in Keyfactor"
	case errors.Is(err, approval.ErrUnauthorized) && auth.Type == config.AuthToken:
		return what + "the access token has expired or was issued for something else; approvebot cannot renew it"
	case errors.Is(err, approval.ErrUnauthorized):
		return what + `check user name (DOMAIN\user) and password`
	case errors.Is(err, approval.ErrForbidden):
		return what + "the login is known but holds no role; attach it to a security role in Keyfactor"
	case errors.Is(err, approval.ErrNotFound), errors.As(err, &refusal) && refusal.Status != 0 && refusal.Status < 500:
		return what + "check keyfactor.url: it ends in the API's path, as installed /KeyfactorAPI or /Keyfactor/API"
	case strings.Contains(err.Error(), "x509:") || strings.Contains(err.Error(), "certificate"):
		return what + "name the authority that issued the server's certificate in keyfactor.ca_file"
	}
	return what + "check keyfactor.url, DNS, firewall and proxy; the service would keep trying"
}

// sourceAdvice tells a login that lacks a permission from other trouble.
func sourceAdvice(act, permissions, older string, err error) string {
	switch {
	case errors.Is(err, approval.ErrForbidden):
		return fmt.Sprintf("the login may not %s: %v; give its role %s (version 10: %s)", act, err, permissions, older)
	case errors.Is(err, approval.ErrUnauthorized):
		return fmt.Sprintf("Keyfactor does not know the login when it tries to %s: %v; attach it to a security role", act, err)
	}
	return fmt.Sprintf("the login could not %s: %v; try again, and look at Keyfactor's own log if it stays so", act, err)
}

// clock compares the Date header of the latest answer with our own time.
type clock struct {
	next http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	diff time.Duration
	told bool
}

func (c *clock) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := c.now()
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		got := c.now()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.diff, c.told = date.Sub(sent.Add(got.Sub(sent)/2)), true
	}
	return resp, nil
}

func (c *clock) skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.diff, c.told
}

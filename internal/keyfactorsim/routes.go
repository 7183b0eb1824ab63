package keyfactorsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// route is one call of the API.
type route struct {
	method, pattern string
	// permissions are the ones of which the caller needs any. A signal needs a role of the step instead.
	permissions []string
	anonymous   bool
	// second tells that there is a version 2 of the call.
	second bool
	handle func(c *call) answer
}

func apiRoutes() []route {
	get := func(pattern string, handle func(*call) answer, permissions ...string) route {
		return route{method: http.MethodGet, pattern: pattern, handle: handle, permissions: permissions}
	}
	post := func(pattern string, handle func(*call) answer, permissions ...string) route {
		return route{method: http.MethodPost, pattern: pattern, handle: handle, permissions: permissions}
	}
	both := func(r route) route { r.second = true; return r }
	return []route{
		get("/Workflow/Instances", (*call).listInstances, readInstances),
		get("/Workflow/Instances/AssignedToMe", (*call).listAssigned, readPending),
		get("/Workflow/Instances/My", (*call).listMine, readMine),
		get("/Workflow/Instances/{id}", (*call).getInstance, readInstances, readPending, readMine),
		post("/Workflow/Instances/{id}/Signals", (*call).postSignal),
		post("/Workflow/Instances/{id}/Stop", (*call).postStop, manageInstances),
		post("/Workflow/Instances/{id}/Restart", (*call).postRestart, manageInstances),
		{method: http.MethodDelete, pattern: "/Workflow/Instances/{id}", handle: (*call).deleteInstance, permissions: []string{manageInstances}},

		get("/Workflow/Definitions", (*call).listDefinitions, readDefinitions),
		get("/Workflow/Definitions/Steps", (*call).listSteps, readDefinitions),
		get("/Workflow/Definitions/Steps/{id}", (*call).getStep, readDefinitions),
		get("/Workflow/Definitions/Types", (*call).listTypes, readDefinitions),
		get("/Workflow/Definitions/{id}", (*call).getDefinition, readDefinitions),

		get("/Workflow/Certificates/Pending", (*call).listPending, readAlerts),
		get("/Workflow/Certificates/Denied", (*call).listDenied, readAlerts),
		get("/Workflow/Certificates/ExternalValidation", (*call).listExternalValidation, readAlerts),
		post("/Workflow/Certificates/Approve", (*call).postApprove, manageRequests),
		post("/Workflow/Certificates/Deny", (*call).postDeny, manageRequests),
		get("/Workflow/Certificates/{id}", (*call).getRequest, readAlerts),

		get("/Status/Endpoints", (*call).listEndpoints),
		{method: http.MethodGet, pattern: "/Status/HealthCheck", anonymous: true, handle: func(*call) answer { return answer{status: http.StatusNoContent} }},
		get("/Permissions", func(*call) answer { return ok(allPermissions) }, readSecurity),
		both(get("/Security/Roles", (*call).listRoles, readSecurity)),
		both(get("/Security/Roles/{id}", (*call).getRole, readSecurity)),
		both(get("/Certificates", (*call).listCertificates, readCertificates)),
		both(get("/Certificates/{id}", (*call).getCertificate, readCertificates)),
		get("/Templates", (*call).listTemplates, readTemplates),
		get("/Templates/{id}", (*call).getTemplate, readTemplates),
	}
}

// find looks a path up, whatever its case. When only the method is wrong it says which would be right.
func (s *Server) find(method, path string) (rt *route, id string, allowed []string) {
	for i := range s.routes {
		rt := &s.routes[i]
		at, ok := matchPath(rt.pattern, path)
		if !ok {
			continue
		}
		if rt.method == method {
			return rt, at, nil
		}
		allowed = append(allowed, rt.method)
	}
	return nil, "", allowed
}

func matchPath(pattern, path string) (id string, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return "", false
	}
	for i := range want {
		if want[i] == "{id}" {
			id = have[i]
		} else if !strings.EqualFold(want[i], have[i]) {
			return "", false
		}
	}
	return id, true
}

// rowsOf renders the rows of a page.
func rowsOf[T, W any](rows []*T, render func(*T) W) []W {
	out := make([]W, len(rows))
	for i, r := range rows {
		out[i] = render(r)
	}
	return out
}

// byStep is the order of the instance lists when none is asked for.
const byStep = "CurrentStepDisplayName"

func (c *call) instances(list string, keep func(*instance) bool) answer {
	rows, total, bad := listTable(c, c.s.instances, list, byStep, keep)
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, c.s.wireInstance), total)
}

func (c *call) listInstances() answer {
	return c.instances("all", func(*instance) bool { return true })
}

func (c *call) listAssigned() answer {
	who := c.who
	return c.instances("assigned", func(i *instance) bool { return i.assignedTo(who) })
}

func (c *call) listMine() answer {
	who := c.who
	return c.instances("mine", func(i *instance) bool { return strings.EqualFold(i.requester, who.identity) })
}

// instance finds the instance of the path, or says that there is none.
func (c *call) instance() (*instance, *refusal) {
	i, ok := c.s.instances.rows[strings.ToLower(c.id)]
	if !ok {
		return nil, notFound("Workflow instance with id '%s' was not found.", c.id)
	}
	return i, nil
}

func (c *call) getInstance() answer {
	i, bad := c.instance()
	if bad != nil {
		return bad.answer()
	}
	visible := c.who.may(readInstances) ||
		c.who.may(readPending) && i.assignedTo(c.who) ||
		c.who.may(readMine) && strings.EqualFold(i.requester, c.who.identity)
	switch {
	case visible:
		return ok(c.s.wireInstanceDetail(i))
	case c.s.switches.HiddenAs == http.StatusNotFound:
		return notFound("Workflow instance with id '%s' was not found.", c.id).answer()
	}
	return forbidden("User %s does not have the required permissions: %s.", c.who.identity, readInstances).answer()
}

func (c *call) postSignal() answer {
	var body struct {
		SignalKey string
		Data      map[string]json.RawMessage
	}
	if bad := c.decode(&body); bad != nil {
		rec := c.s.signals.add(SignalRecord{Time: c.now, Via: "api", Identity: c.who.identity, Instance: c.id, Refusal: bad.message})
		c.record = func(status int, fault string) { rec.Status, rec.Fault = status, fault }
		return bad.answer()
	}
	in := signalCall{who: c.who, via: "api", instance: c.id, key: body.SignalKey, data: body.Data}
	if f := c.faults.find(LockConflict, StayRunning); f != nil {
		in.fault = f.Kind
	}
	rec, bad := c.s.signal(in)
	c.record = func(status int, fault string) { rec.Status, rec.Fault = status, fault }
	if bad != nil {
		return bad.answer()
	}
	return answer{status: http.StatusNoContent}
}

func (c *call) postStop() answer {
	return c.done(func(i *instance) *refusal { return c.s.stopInstance(i, c.who) })
}

func (c *call) postRestart() answer {
	if !c.who.may(readInstances) {
		return forbidden("User %s does not have the required permissions: %s.", c.who.identity, readInstances).answer()
	}
	version := 0
	for name, values := range c.r.URL.Query() {
		if strings.EqualFold(name, "version") {
			var err error
			if version, err = strconv.Atoi(values[0]); err != nil {
				return badRequest("The value '%s' is not valid.", values[0]).answer()
			}
		}
	}
	return c.done(func(i *instance) *refusal {
		_, bad := c.s.restart(i, version)
		return bad
	})
}

func (c *call) deleteInstance() answer {
	return c.done(func(i *instance) *refusal { c.s.deleteInstance(i); return nil })
}

func (c *call) done(act func(*instance) *refusal) answer {
	i, bad := c.instance()
	if bad == nil {
		bad = act(i)
	}
	if bad != nil {
		return bad.answer()
	}
	return answer{status: http.StatusNoContent}
}

func definitionFields() fields[definition] {
	text := func(name string, get func(*definition) string) field[definition] {
		return field[definition]{name: name, get: func(d *definition) value { return textOf(get(d)) }}
	}
	return newFields(
		text("Id", func(d *definition) string { return d.id }),
		text("DisplayName", func(d *definition) string { return d.name }),
		text("Key", func(d *definition) string { return d.key }),
		text("KeyDisplayName", func(d *definition) string { return d.keyName }),
		text("WorkflowType", func(d *definition) string { return d.typ }),
		field[definition]{name: "Enabled", kind: boolValue, get: func(d *definition) value { return boolean(d.enabled) }},
		field[definition]{name: "DraftVersion", kind: numberValue, get: func(d *definition) value { return number(int64(d.version)) }},
		field[definition]{name: "PublishedVersion", kind: numberValue, get: func(d *definition) value { return number(int64(d.published)) }},
	)
}

func (c *call) listDefinitions() answer {
	rows, total, bad := listSlice(c, c.s.newest, definitionFields(), "DisplayName")
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, (*definition).wireItem), total)
}

func (c *call) getDefinition() answer {
	version := 0
	for name, values := range c.r.URL.Query() {
		if strings.EqualFold(name, "definitionVersion") && values[0] != "" {
			n, err := strconv.Atoi(values[0])
			if err != nil {
				return badRequest("The value '%s' is not valid.", values[0]).answer()
			}
			version = n
		}
	}
	for _, all := range c.s.definitions {
		if !strings.EqualFold(all[0].id, c.id) {
			continue
		}
		if d := versionOf(all, version); d != nil {
			return ok(d.wire())
		}
		return notFound("Workflow definition with id '%s' has no version %d.", c.id, version).answer()
	}
	return notFound("Workflow definition with id '%s' was not found.", c.id).answer()
}

func (c *call) requestList(list string, state int) answer {
	rows, total, bad := listTable(c, c.s.requests, list, "Id", func(r *certRequest) bool { return r.state == state })
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, c.s.wireRequest), total)
}

func (c *call) listPending() answer { return c.requestList("pending", statePending) }
func (c *call) listDenied() answer  { return c.requestList("denied", stateDenied) }

func (c *call) listExternalValidation() answer { return c.list([]any{}, 0) }

func (c *call) getRequest() answer {
	id, err := strconv.Atoi(c.id)
	if err != nil {
		return badRequest("The value '%s' is not valid.", c.id).answer()
	}
	r, found := c.s.requests.rows[id]
	if !found {
		return notFound("Certificate request with id '%d' was not found.", id).answer()
	}
	return ok(c.s.wireRequestDetail(r))
}

func (c *call) postApprove() answer {
	var ids []int
	if bad := c.decode(&ids); bad != nil {
		return bad.answer()
	}
	return c.decideRequests(ids, true, "")
}

func (c *call) postDeny() answer {
	var body struct {
		Comment               *string
		CertificateRequestIds []int
	}
	if bad := c.decode(&body); bad != nil {
		return bad.answer()
	}
	comment := ""
	if body.Comment != nil {
		comment = *body.Comment
	}
	return c.decideRequests(body.CertificateRequestIds, false, comment)
}

// decideRequests answers 200 even when nothing worked: what became of each id stands in the three lists.
func (c *call) decideRequests(ids []int, approve bool, comment string) answer {
	if len(ids) == 0 {
		return badRequest("At least one certificate request id is required.").answer()
	}
	out := wireDecided{Failures: []any{}, Denials: []any{}, Successes: []any{}}
	var records []*CertificateDecisionRecord
	for _, id := range ids {
		var rec *CertificateDecisionRecord
		if f := c.faults.find(CAFailure, CADenial); f != nil {
			rec = c.s.refuseRequest(c.who, id, approve, comment, f)
		} else {
			rec = c.s.decideRequest(c.who, "api", id, approve, comment)
		}
		records = append(records, rec)
		switch item := c.s.processed(rec); {
		case c.faults.find(LostRow) != nil:
			rec.Result = "lost"
		case rec.Result == "success":
			out.Successes = append(out.Successes, item)
		case rec.Result == "denial":
			out.Denials = append(out.Denials, item)
		default:
			out.Failures = append(out.Failures, item)
		}
	}
	c.record = func(status int, fault string) {
		for _, rec := range records {
			rec.Status, rec.Fault = status, fault
		}
	}
	return ok(out)
}

// listEndpoints are the calls that the caller may make.
func (c *call) listEndpoints() answer {
	var all []string
	for _, rt := range c.s.routes {
		if len(rt.permissions) == 0 || c.who.may(rt.permissions...) {
			all = append(all, rt.method+" "+rt.pattern)
		}
	}
	slices.Sort(all)
	return ok(all)
}

func (c *call) certificate() (*certificate, *refusal) {
	id, err := strconv.Atoi(c.id)
	if err != nil {
		return nil, badRequest("The value '%s' is not valid.", c.id)
	}
	cert, ok := c.s.certificates[id]
	if !ok {
		return nil, notFound("Certificate with id '%d' was not found.", id)
	}
	return cert, nil
}

func (c *call) getCertificate() answer {
	cert, bad := c.certificate()
	if bad != nil {
		return bad.answer()
	}
	return ok(c.s.wireCertificate(cert, c.flag("includeMetadata"), c.flag("includeLocations")))
}

// flag reads a boolean of the query string, whatever its case.
func (c *call) flag(want string) bool {
	for name, values := range c.r.URL.Query() {
		if strings.EqualFold(name, want) {
			return strings.EqualFold(values[0], "true")
		}
	}
	return false
}

func (c *call) listCertificates() answer {
	var all []*certificate
	for _, cert := range c.s.certificates {
		if cert.state == stateRevoked && !c.flag("IncludeRevoked") || cert.notAfter.Before(c.now) && !c.flag("IncludeExpired") {
			continue
		}
		all = append(all, cert)
	}
	slices.SortFunc(all, func(a, b *certificate) int { return a.ID - b.ID })
	rows, total, bad := listSlice(c, all, certificateFields(), "Id")
	if bad != nil {
		return bad.answer()
	}
	metadata, locations := c.flag("IncludeMetadata"), c.flag("IncludeLocations")
	return c.list(rowsOf(rows, func(cert *certificate) wireCertificate { return c.s.wireCertificate(cert, metadata, locations) }), total)
}

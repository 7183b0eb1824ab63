package keyfactorsim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// What people do to instances from the outside: in the portal, as administrators, or as the author of a test.

// ErrRefused is wrapped by what Decide, DecideCertificate, Stop and Restart return when the simulated product says no.
var ErrRefused = errors.New("refused")

// ErrNotFound is wrapped by what is returned for an instance, request or identity that does not exist.
var ErrNotFound = errors.New("not found")

func (r *refusal) asError() error {
	if r.status == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrNotFound, r.message)
	}
	return fmt.Errorf("%w: %s", ErrRefused, r.message)
}

// onInstance does something to an instance under the lock.
func (s *Server) onInstance(what, id string, act func(*instance) *refusal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.instances.rows[strings.ToLower(id)]
	if !ok {
		return fmt.Errorf("%s instance %s: %w", what, id, ErrNotFound)
	}
	if bad := act(i); bad != nil {
		return fmt.Errorf("%s instance %s: %w", what, id, bad.asError())
	}
	s.broadcast()
	return nil
}

// Decide approves or denies the current step of an instance, as a person in the portal would.
func (s *Server) Decide(instanceID, identity string, approve bool, comment string) error {
	return s.onInstance("decide", instanceID, func(i *instance) *refusal {
		who := s.account(identity)
		if who == nil {
			return notFound("There is no account '%s'.", identity)
		}
		text, _ := json.Marshal(comment) // a string can always be encoded
		_, bad := s.signal(signalCall{
			who: who, via: "portal", instance: i.id, key: i.step().name + "." + cmp.Or(i.step().signal, approvalStatus),
			data: map[string]json.RawMessage{"Approved": s.approvedWord(approve), "Comment": text},
		})
		return bad
	})
}

// approvedWord is a verdict in the type that signals must have.
func (s *Server) approvedWord(approve bool) json.RawMessage {
	switch {
	case s.switches.ApprovedAs == "boolean":
		return json.RawMessage(fmt.Sprint(approve))
	case approve:
		return json.RawMessage(`"True"`)
	}
	return json.RawMessage(`"False"`)
}

// DecideCertificate approves or denies a request that is parked at the CA, as a person in the portal would.
func (s *Server) DecideCertificate(id int, identity string, approve bool, comment string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.account(identity)
	if who == nil {
		return fmt.Errorf("decide request %d: account %s: %w", id, identity, ErrNotFound)
	}
	rec := s.decideRequest(who, "portal", id, approve, comment)
	if !rec.Accepted {
		return fmt.Errorf("decide request %d: %w: %s", id, ErrRefused, rec.Reason)
	}
	return nil
}

// refuseRequest writes down a decision that the CA did not take, because a fault was set.
func (s *Server) refuseRequest(who *account, id int, approve bool, comment string, f *Fault) *CertificateDecisionRecord {
	rec := s.decisions.add(CertificateDecisionRecord{
		Time: s.now(), Via: "api", Identity: who.identity, Request: id, Verdict: "deny", Comment: comment, Result: "failure", Reason: f.Message,
	})
	if approve {
		rec.Verdict = "approve"
	}
	if f.Kind == CADenial {
		rec.Result = "denial"
	}
	s.broadcast()
	return rec
}

// Stop ends a suspended instance for good.
func (s *Server) Stop(instanceID string) error {
	return s.onInstance("stop", instanceID, func(i *instance) *refusal { return s.stopInstance(i, nil) })
}

func (s *Server) stopInstance(i *instance, who *account) *refusal {
	if !i.waiting() {
		return badRequest("Workflow instance '%s' is not suspended; it is %s.", i.id, i.status)
	}
	by := "an administrator"
	if who != nil {
		by = who.identity
	}
	s.instances.update(i, func() {
		i.status, i.message, i.modified = statusRejected, "Workflow stopped by "+by+".", s.now()
	})
	s.noteFinished(i)
	s.broadcast()
	return nil
}

// Restart runs a failed or suspended instance again from its first step and returns the id of the new instance.
func (s *Server) Restart(instanceID string) (newID string, err error) {
	err = s.onInstance("restart", instanceID, func(i *instance) (bad *refusal) {
		newID, bad = s.restart(i, 0)
		return bad
	})
	return newID, err
}

func (s *Server) restart(i *instance, version int) (newID string, bad *refusal) {
	if !i.waiting() && i.status != statusFailed {
		return "", badRequest("Workflow instance '%s' can not be restarted; it is %s.", i.id, i.status)
	}
	def := versionOf(s.definitions[i.def.name], version)
	if def == nil {
		return "", badRequest("Workflow definition '%s' has no version %d.", i.def.name, version)
	}
	now := s.now()
	s.instances.update(i, func() { i.status, i.modified = statusRestarted, now })
	s.noteFinished(i)
	id := uuid.NewSHA1(idSpace, fmt.Appendf(nil, "restart:%s/%d", i.id, i.ref)).String()
	s.start(id, Request{
		Name: i.id, Definition: i.def.name, Version: def.version, Requester: i.requester, Title: i.title, Certificate: i.certificate,
	}, i.initial, now)
	return id, nil
}

// Delete removes an instance.
func (s *Server) Delete(instanceID string) error {
	return s.onInstance("delete", instanceID, func(i *instance) *refusal { s.deleteInstance(i); return nil })
}

func (s *Server) deleteInstance(i *instance) {
	s.instances.remove(i.id)
	s.finished = slices.DeleteFunc(s.finished, func(id string) bool { return id == i.id })
	s.broadcast()
}

// FailLater makes the next step that does something, after the decision, fail with the message.
func (s *Server) FailLater(instanceID, message string) error {
	return s.onInstance("prepare failure of", instanceID, func(i *instance) *refusal { i.failLater = message; return nil })
}

// Change is what ChangeRequest does to an instance. Data is merged member by member; a member that is nil is removed.
type Change struct {
	Title     string         `json:"title,omitempty"`
	Requester string         `json:"requester,omitempty"`
	Initial   map[string]any `json:"initial,omitempty"`
	Current   map[string]any `json:"current,omitempty"`
}

// ChangeRequest changes what an instance says, as a script in a workflow might between two looks at it.
func (s *Server) ChangeRequest(instanceID string, change Change) error {
	return s.onInstance("change", instanceID, func(i *instance) *refusal {
		s.instances.update(i, func() {
			if change.Title != "" {
				i.title = change.Title
			}
			if change.Requester != "" {
				i.requester = change.Requester
			}
			i.initial, i.current = merged(i.initial, change.Initial), merged(i.current, change.Current)
			i.modified = s.now()
		})
		return nil
	})
}

func merged(data, change map[string]any) map[string]any {
	out := maps.Clone(data)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, change)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// SetPermissions replaces the roles and permissions of an identity. Nil leaves that half as it is; an empty list takes everything away.
func (s *Server) SetPermissions(identity string, roles, permissions []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(identity)
	if a == nil {
		return fmt.Errorf("set permissions of %s: account: %w", identity, ErrNotFound)
	}
	for _, r := range roles {
		if _, ok := s.roleIDs[r]; !ok {
			return fmt.Errorf("set permissions of %s: role %s: %w", identity, r, ErrNotFound)
		}
	}
	if roles != nil {
		a.Roles = roles
	}
	if permissions != nil {
		a.Permissions = permissions
	}
	s.grant(a, a.Roles, a.Permissions)
	s.instances.forget()
	s.requests.forget()
	s.broadcast()
	return nil
}

// ExpireTokens makes all access tokens invalid.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Poke does for one instance what Keyfactor's daily job does: one that is stuck after a lock conflict, or that stays
// running, goes on. An empty id means every instance.
func (s *Server) Poke(instanceID string) error {
	if instanceID != "" {
		return s.onInstance("poke", instanceID, func(i *instance) *refusal { s.poke(i); return nil })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.instances.rows {
		s.poke(i)
	}
	s.broadcast()
	return nil
}

func (s *Server) poke(i *instance) {
	if parked := i.parked; len(parked) > 0 {
		s.instances.update(i, func() { i.parked = nil })
		s.applyAll(parked, i, "")
	}
	if i.held {
		s.instances.update(i, func() { i.at++; s.run(i, s.now()) })
		s.noteFinished(i)
	}
}

// Signals are the signals that were received, the oldest first.
func (s *Server) Signals() []SignalRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signals.all()
}

// CertificateDecisions are the decisions on requests parked at the CA that were received, the oldest first.
func (s *Server) CertificateDecisions() []CertificateDecisionRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.decisions.all()
}

// InstanceState is an instance as a test wants to see it.
type InstanceState struct {
	ID          string         `json:"id"`
	ReferenceID int64          `json:"reference_id"`
	Definition  string         `json:"definition"`
	Version     int            `json:"version"`
	Type        string         `json:"type"`
	Status      string         `json:"status"` // by name, whatever the switch says
	Message     string         `json:"message"`
	Step        string         `json:"step"`
	StepID      string         `json:"step_id"`
	Title       string         `json:"title"`
	Requester   string         `json:"requester"`
	Voters      []string       `json:"voters"`
	Initial     map[string]any `json:"initial,omitempty"`
	Current     map[string]any `json:"current,omitempty"`
}

func (s *Server) state(i *instance, data bool) InstanceState {
	st := InstanceState{
		ID: i.id, ReferenceID: i.ref, Definition: i.def.name, Version: i.def.version, Type: i.def.typ, Status: i.status, Message: i.message,
		Step: i.step().name, StepID: i.step().id, Title: i.title, Requester: i.requester, Voters: []string{},
	}
	for _, v := range i.votes {
		st.Voters = append(st.Voters, v.identity)
	}
	if data {
		st.Initial, st.Current = s.stateData(i.initial), s.stateData(i.current)
	}
	return st
}

// Instance looks at one instance. The error wraps ErrNotFound when there is none.
func (s *Server) Instance(id string) (InstanceState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.instances.rows[strings.ToLower(id)]
	if !ok {
		return InstanceState{}, fmt.Errorf("instance %s: %w", id, ErrNotFound)
	}
	return s.state(i, true), nil
}

// Instances are all instances without their data, the oldest first.
func (s *Server) Instances() []InstanceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.instances.rows), byReference)
	out := make([]InstanceState, len(all))
	for n, i := range all {
		out[n] = s.state(i, false)
	}
	return out
}

// InstanceID is the id of the instance that a named request of the seed becomes.
func InstanceID(name string) string { return idOf("instance", name) }

// RequestState is a request at the CA as a test wants to see it.
type RequestState struct {
	ID        int    `json:"id"`
	CAID      string `json:"ca_id"`
	Subject   string `json:"subject"`
	Requester string `json:"requester"`
	State     string `json:"state"`
	Denial    string `json:"denial"`
	DecidedBy string `json:"decided_by"`
	// Instance is the workflow instance that handed the request over, if one did.
	Instance string `json:"instance"`
}

// Requests are the requests at the CA, in the order of their ids.
func (s *Server) Requests() []RequestState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.requests.rows), byRequestID)
	out := make([]RequestState, len(all))
	for n, r := range all {
		out[n] = RequestState{r.id, r.caID, r.subject, r.requester, stateNames[r.state], r.denial, r.decidedBy, r.fromInstance}
	}
	return out
}

var (
	signalPath = regexp.MustCompile(`(?i)^/Workflow/Instances/([^/]+)/Signals$`)
	decidePath = regexp.MustCompile(`(?i)^/Workflow/Certificates/(Approve|Deny)$`)
)

// noteFault writes down a decision that never reached the product because a fault took its place.
func (s *Server) noteFault(r *http.Request, path string, f *Fault) {
	if r.Method != http.MethodPost {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	identity := ""
	if who := s.authenticate(r); who != nil {
		identity = who.identity
	}
	status := 0
	if f.Kind != CutBefore {
		status = f.answer().status
	}
	if m := signalPath.FindStringSubmatch(path); m != nil {
		s.signals.add(SignalRecord{Time: s.now(), Via: "api", Identity: identity, Instance: m[1], Refusal: "never looked at", Status: status, Fault: string(f.Kind)})
		s.broadcast()
	}
	if decidePath.MatchString(path) {
		s.decisions.add(CertificateDecisionRecord{Time: s.now(), Via: "api", Identity: identity, Reason: "never looked at", Status: status, Fault: string(f.Kind)})
		s.broadcast()
	}
}

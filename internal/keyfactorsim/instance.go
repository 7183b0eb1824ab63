package keyfactorsim

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"
)

// The names of an instance's status that Keyfactor documents.
const (
	statusRunning   = "Running"
	statusSuspended = "Suspended"
	statusComplete  = "Complete"
	statusFailed    = "Failed"
	statusRejected  = "Rejected"
	statusRestarted = "CanceledForRestart"
)

// instance is one run of a workflow. It is only changed inside table.update, under the server's lock; the maps are
// replaced, never written to, so that an answer can be encoded without the lock.
type instance struct {
	id          string
	ref         int64
	def         *definition
	at          int // index of the current step
	status      string
	message     string
	title       string
	requester   string
	started     time.Time
	modified    time.Time
	initial     map[string]any
	current     map[string]any
	votes       []vote // of the current step
	failLater   string
	parked      []vote // accepted signals that have not moved the instance, after a lock conflict
	held        bool   // decided, but Keyfactor has not gone on yet
	certificate int
	counted     bool // among the finished ones
}

// vote is a signal that the current step has accepted.
type vote struct {
	identity string
	approve  bool
	comment  string
	userID   int
}

func (i *instance) step() *step { return i.def.steps[i.at] }

func (i *instance) waiting() bool { return i.status == statusSuspended }

func (i *instance) voted(identity string) bool {
	for _, v := range i.votes {
		if v.identity == identity {
			return true
		}
	}
	return false
}

// assignedTo tells whether an instance waits for this account: it holds a role of the step and has not signalled it yet.
func (i *instance) assignedTo(a *account) bool {
	return i.waiting() && a.holdsAny(i.step().roles) && !i.voted(a.identity)
}

func (i *instance) stepSignalID(n int) string {
	return idOf("signal", fmt.Sprintf("%s/%s/%d", i.id, i.step().id, n))
}

// set puts data into the current state without touching the map that an answer may be reading.
func (i *instance) set(data map[string]any) {
	if len(data) == 0 {
		return
	}
	current := maps.Clone(i.current)
	if current == nil {
		current = map[string]any{}
	}
	maps.Copy(current, data)
	i.current = current
}

// instanceFields are what the instance lists can be searched and sorted by.
func (s *Server) instanceFields() fields[instance] {
	text := func(name string, get func(*instance) string) field[instance] {
		return field[instance]{name: name, get: func(i *instance) value { return textOf(get(i)) }}
	}
	return newFields(
		text("Id", func(i *instance) string { return i.id }),
		text("Title", func(i *instance) string { return i.title }),
		text("DefinitionId", func(i *instance) string { return i.def.id }),
		text("DefinitionDisplayName", func(i *instance) string { return i.def.name }),
		text("WorkflowType", func(i *instance) string { return i.def.typ }),
		text("InitiatingUserName", func(i *instance) string { return i.requester }),
		text("CurrentStepDisplayName", func(i *instance) string { return i.step().display }),
		text("CurrentStepUniqueName", func(i *instance) string { return i.step().name }),
		text("StatusMessage", func(i *instance) string { return i.message }),
		field[instance]{name: "LastModified", kind: dateValue, get: func(i *instance) value { return date(i.modified) }},
		field[instance]{name: "StartDate", kind: dateValue, get: func(i *instance) value { return date(i.started) }},
		field[instance]{name: "ReferenceId", kind: numberValue, get: func(i *instance) value { return number(i.ref) }},
		field[instance]{name: "Status", get: func(i *instance) value { return textOf(i.status) }, parse: s.statusLiteral},
	)
}

// statusLiteral reads a status in a query by name or number: which of the two Keyfactor takes is not documented.
func (s *Server) statusLiteral(literal string) (value, bool) {
	for name, n := range s.switches.StatusNumbers {
		if strings.EqualFold(name, literal) || fmt.Sprint(n) == literal {
			return textOf(name), true
		}
	}
	return value{}, false
}

func byReference(a, b *instance) int { return cmp.Compare(a.ref, b.ref) }

// start makes an instance out of a request and lets it run to the first step that waits. The caller holds the lock.
func (s *Server) start(id string, r Request, data map[string]any, started time.Time) *instance {
	def := versionOf(s.definitions[r.Definition], r.Version)
	s.lastRef++
	i := &instance{
		id: id, ref: s.lastRef, def: def, title: r.Title, requester: r.Requester, started: started, modified: started,
		initial: data, current: data, certificate: r.Certificate, status: statusRunning,
	}
	if i.title == "" {
		i.title = s.titleOf(r, def)
	}
	s.run(i, started)
	s.instances.add(i.id, i)
	s.noteFinished(i)
	s.broadcast()
	return i
}

func (s *Server) titleOf(r Request, def *definition) string {
	subject := r.Subject
	if subject == "" && r.CSR != nil {
		subject = r.CSR.Subject
	}
	if cert := s.certificates[r.Certificate]; cert != nil && subject == "" {
		subject = cert.Subject
	}
	cn := "CN=" + commonName(subject)
	switch {
	case def.typ == "Revocation":
		return fmt.Sprintf("%s is revoking certificate with %s.", r.Requester, cn)
	case r.Certificate != 0:
		return fmt.Sprintf("%s is renewing certificate with %s.", r.Requester, cn)
	case def.typ == "Enrollment":
		return fmt.Sprintf("%s is enrolling for a certificate with %s.", r.Requester, cn)
	}
	return fmt.Sprintf("%s started %s for certificate with %s.", r.Requester, def.name, cn)
}

// run takes an instance from its current step to the next one that waits, or to an end. It runs inside table.update, or
// before the instance is in the table.
func (s *Server) run(i *instance, now time.Time) {
	i.status, i.held, i.modified = statusRunning, false, now
	for {
		st := i.step()
		if st.signal != "" {
			i.status, i.votes = statusSuspended, nil
			i.message = waitingMessage(st, 0)
			return
		}
		if fails := cmp.Or(st.fails, i.laterFailure(st)); fails != "" {
			i.status, i.message = statusFailed, fmt.Sprintf("Step '%s' failed: %s", st.name, fails)
			return
		}
		i.set(st.adds)
		if st.final {
			s.finish(i, now)
		}
		if i.at == len(i.def.steps)-1 {
			i.status = statusComplete
			return
		}
		i.at++
	}
}

// laterFailure is the message of FailLater, for the first step that does something.
func (i *instance) laterFailure(st *step) string {
	if st.extension == "NOOPStep" {
		return ""
	}
	return i.failLater
}

func waitingMessage(st *step, have int) string {
	if st.signal != approvalStatus {
		return fmt.Sprintf("Awaiting signal %s.", st.signal)
	}
	return fmt.Sprintf("Awaiting %d more approval(s) from approval roles.", st.approvals-have)
}

// finish does what the workflow was for: it issues, hands the request to the CA's pending list, or revokes.
func (s *Server) finish(i *instance, now time.Time) {
	if i.def.typ == "Revocation" {
		i.message = "Revoked"
		s.revoke(i, now)
		return
	}
	template, _ := i.current["Template"].(string)
	if s.templates[template].RequiresApproval {
		r := s.handOver(i, now)
		i.message = "Taken Under Submission. The certificate template requires manager approval, and is marked as pending."
		i.set(map[string]any{"CACertificateRequest": map[string]any{
			"RequestId": r.caID, "CSR": i.current["CSR"], "Status": statePending, "Requester": i.requester,
		}})
		return
	}
	i.message = "Issued"
	if pfx, _ := i.current["IsPFX"].(bool); pfx {
		i.message = "Issued. The private key was successfully retained."
	}
	s.lastCertificate++
	i.set(map[string]any{"CACertificate": map[string]any{
		"CACertificateId": s.lastCertificate, "CARequestId": s.nextCARequest(), "Status": stateActive, "Certificate": "",
		"CertificateTemplate": template, "RevocationDate": nil, "RevocationReason": nil, "ArchivedKey": false,
	}})
}

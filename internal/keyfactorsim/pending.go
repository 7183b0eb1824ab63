package keyfactorsim

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The states of a certificate or certificate request that the simulator uses.
const (
	stateActive  = 1
	stateRevoked = 2
	stateDenied  = 3
	statePending = 5
)

var stateNames = map[int]string{stateActive: "Active", stateRevoked: "Revoked", stateDenied: "Denied", statePending: "Pending"}

// certRequest is a request that the CA parks for a manager. The maps are never written to after it was made.
type certRequest struct {
	id           int
	caID         string
	subject      string
	sans         map[string][]string
	submitted    time.Time
	authority    string
	template     string
	requester    string
	key          string
	state        int
	denial       string
	metadata     map[string]string
	managers     []int
	fails        string
	decidedBy    string
	fromInstance string
}

func certRequestFields() fields[certRequest] {
	text := func(name string, get func(*certRequest) string) field[certRequest] {
		return field[certRequest]{name: name, get: func(r *certRequest) value { return textOf(get(r)) }}
	}
	return newFields(
		field[certRequest]{name: "Id", kind: numberValue, get: func(r *certRequest) value { return number(int64(r.id)) }},
		text("CARequestId", func(r *certRequest) string { return r.caID }),
		text("CommonName", func(r *certRequest) string { return commonName(r.subject) }),
		text("DistinguishedName", func(r *certRequest) string { return r.subject }),
		text("CertificateAuthority", func(r *certRequest) string { return r.authority }),
		text("Template", func(r *certRequest) string { return r.template }),
		text("Requester", func(r *certRequest) string { return r.requester }),
		field[certRequest]{name: "SubmissionDate", kind: dateValue, get: func(r *certRequest) value { return date(r.submitted) }},
		// An enum takes its number here; a name is refused in the words of the product.
		field[certRequest]{name: "State", kind: numberValue, get: func(r *certRequest) value { return number(int64(r.state)) }},
		field[certRequest]{name: "CertState", kind: numberValue, get: func(r *certRequest) value { return number(int64(r.state)) }},
	)
}

func byRequestID(a, b *certRequest) int { return cmp.Compare(a.id, b.id) }

// park puts a request into the CA's list. The caller holds the lock.
func (s *Server) park(p Pending, id int, submitted time.Time) *certRequest {
	r := &certRequest{
		id: id, caID: p.CARequestID, subject: p.Subject, submitted: submitted, authority: p.Authority, template: p.Template,
		requester: p.Requester, state: statePending, metadata: p.Metadata, fails: p.Fails,
	}
	if r.caID == "" {
		r.caID = s.nextCARequest()
	}
	if p.CSR != nil {
		r.subject, r.sans, r.key = cmp.Or(p.Subject, p.CSR.Subject), p.CSR.sans(), cmp.Or(p.CSR.Key, "ec-p256")
	}
	r.authority = cmp.Or(r.authority, defaultAuthority)
	for _, name := range p.Managers {
		r.managers = append(r.managers, s.roleIDs[name])
	}
	s.lastRequest = max(s.lastRequest, id)
	s.requests.add(id, r)
	s.broadcast()
	return r
}

// handOver parks the request of a workflow whose template demands it.
func (s *Server) handOver(i *instance, now time.Time) *certRequest {
	subject, _ := i.current["Subject"].(string)
	template, _ := i.current["Template"].(string)
	authority, _ := i.current["CertificateAuthority"].(string)
	metadata, _ := i.current["Metadata"].(map[string]string)
	s.lastRequest++
	r := s.park(Pending{Requester: i.requester, Subject: subject, Template: template, Authority: authority, Metadata: metadata}, s.lastRequest, now)
	sans, _ := i.current["SANs"].(sanSet)
	r.sans, r.fromInstance = sans, i.id
	if n, err := strconv.Atoi(s.templates[template].KeySize); err == nil && n > 521 {
		r.key = fmt.Sprintf("rsa-%d", n)
	}
	return r
}

// CertificateDecisionRecord is one id of an approval or denial of requests parked at the CA, and what was done about it.
type CertificateDecisionRecord struct {
	Number   int       `json:"number"`
	Time     time.Time `json:"time"`
	Via      string    `json:"via"`
	Identity string    `json:"identity"`
	Request  int       `json:"request"`
	Verdict  string    `json:"verdict"`
	Comment  string    `json:"comment"`
	Accepted bool      `json:"accepted"`
	// Result is the list of the answer that the id came back in: success, failure, denial, or lost when it was left out.
	Result string `json:"result"`
	Reason string `json:"reason"`
	Status int    `json:"status"`
	Fault  string `json:"fault"`
}

// decideRequest approves or denies one parked request and writes it down. The caller holds the lock.
func (s *Server) decideRequest(who *account, via string, id int, approve bool, comment string) *CertificateDecisionRecord {
	verdict := "deny"
	if approve {
		verdict = "approve"
	}
	rec := s.decisions.add(CertificateDecisionRecord{
		Time: s.now(), Via: via, Identity: who.identity, Request: id, Verdict: verdict, Comment: comment, Status: 200,
	})
	defer s.broadcast()
	r, ok := s.requests.rows[id]
	switch {
	case !ok:
		rec.Result, rec.Reason = "failure", fmt.Sprintf("Certificate request with id '%d' was not found.", id)
	case len(r.managers) > 0 && !who.holdsAny(r.managers):
		rec.Result, rec.Reason = "denial", fmt.Sprintf("User %s is not a certificate manager of %s.", who.identity, r.authority)
	case r.fails != "":
		rec.Result, rec.Reason = "failure", r.fails
	case r.state != statePending:
		rec.Result, rec.Reason = "failure", fmt.Sprintf("The request is not pending; its state is %s.", stateNames[r.state])
	default:
		rec.Accepted, rec.Result = true, "success"
		s.requests.update(r, func() {
			r.state = stateActive
			if !approve {
				r.state, r.denial = stateDenied, comment
			}
			r.decidedBy = who.identity
		})
		s.noteDecided(r)
	}
	return rec
}

// processed is one item of the answer to an approval or denial.
func (s *Server) processed(rec *CertificateDecisionRecord) any {
	r := s.requests.rows[rec.Request]
	if s.switches.AnswerItems == "string" {
		if r == nil {
			return fmt.Sprint(rec.Request)
		}
		return r.caID
	}
	item := wireProcessed{KeyfactorRequestId: rec.Request, Comment: textOrNull(rec.Reason)}
	if r != nil {
		host, logical, _ := strings.Cut(r.authority, `\`)
		row := r.id + 322
		item.CARowId, item.CARequestId, item.CAHost, item.CALogicalName = &row, &r.caID, &host, &logical
	}
	return item
}

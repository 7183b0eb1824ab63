package keyfactor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// facts collects what approvers see; empty values are left out.
type facts []approval.Fact

// factLimit is the longest value of a fact, in runes.
const factLimit = 1000

func (f *facts) add(label, value string) { f.put(approval.Fact{Label: label, Value: value}) }

// aside adds what is known about the surroundings, which may move while the
// question stays the same.
func (f *facts) aside(label, value string) {
	f.put(approval.Fact{Label: label, Value: value, Aside: true})
}

func (f *facts) put(fact approval.Fact) {
	if fact.Value = approval.Clip(strings.TrimSpace(fact.Value), factLimit); fact.Value != "" {
		*f = append(*f, fact)
	}
}

// request makes the domain's request of an instance that is waiting or answered.
func (w *Workflows) request(ctx context.Context, i Instance, p place) approval.Request {
	r := approval.Request{
		ID:                workflowID(i.ID, i.CurrentStepID),
		Reference:         reference(i),
		Title:             string(i.Title),
		Type:              string(i.Definition.WorkflowType),
		Definition:        string(i.Definition.DisplayName),
		DefinitionVersion: int(i.Definition.Version),
		Step:              string(i.CurrentStepDisplayName),
		StepName:          string(i.CurrentStepUniqueName),
		Status:            string(i.StatusMessage),
		Missing:           missing(i),
		Requester:         i.Text("InitiatingUserName"),
		Subject:           i.Text("Subject"),
		SANs:              parseSANs(i.Raw("SANs")),
		Template:          i.Text("Template"),
		CA:                i.Text("CertificateAuthority"),
		Submitted:         i.StartDate.Time,
		Fields:            fields(i.InitialData),
		Link:              w.config.link(strings.ToLower(i.ID), reference(i)),
		Changed:           changed(i),
	}
	r.CommonName = commonName(r.Subject)
	offer(&r, i, p)

	r.Validity = validity(i.Object("AdditionalAttributes"))
	r.Certificate = w.concerned(ctx, i)

	var f facts
	if code, ok := i.InitialData.Int("RevokeCode"); ok {
		r.Revocation, r.RevokeCode = true, int(code)
		revocationFacts(&f, &r, i)
	} else {
		if old := r.Certificate; old != nil && r.Type == expiration {
			// Such an instance names nothing but the certificate.
			r.Subject, r.Template, r.CA = or(r.Subject, old.Subject), or(r.Template, old.Template), or(r.CA, old.CA)
			r.CommonName = commonName(r.Subject)
		}
		made, _ := strconv.ParseBool(strings.TrimSpace(i.Text("IsPFX")))
		readCSR(&r, i.Text("CSR"), made)
		enrolmentFacts(&f, &r)
	}
	r.Old = old(r)
	f.add("Workflow", strings.Join(nonEmpty(r.Definition, r.Step), ", "))
	metadataFacts(&f, w.config.MetadataFields, i.Object("Metadata"))
	f.add("Submitted", i.StartDate.words())
	r.Facts = f
	return r
}

// offer sets the verdicts, or says why there are none.
func offer(r *approval.Request, i Instance, p place) {
	switch {
	case p == answered:
		r.Notes = append(r.Notes, "Keyfactor has an answer for this step and has not gone on yet.")
	case i.Signals.Awaited(ApprovalStatus) && i.CurrentStepUniqueName != "":
		r.Verdicts = []approval.Verdict{approval.Approve, approval.Deny}
	default:
		r.Notes = append(r.Notes, "This step waits for something other than an approval; please go on in the Keyfactor portal.")
	}
}

// missing reads how many approvals are still wanted from Keyfactor's message.
func missing(i Instance) int {
	m := awaiting.FindStringSubmatch(string(i.StatusMessage))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// readCSR takes up what the CSR says. made means that Keyfactor makes the key.
func readCSR(r *approval.Request, text string, made bool) {
	if strings.TrimSpace(text) == "" {
		r.KeyByCA = made
		return
	}
	c, err := parseCSR(text)
	if err != nil {
		r.CSR = &approval.CSR{Trouble: clean(err.Error())}
		return
	}
	r.Key = c.key
	r.CSR = &approval.CSR{KeyID: c.keyID, Signature: c.signature, Usages: c.usages, CA: c.ca, Differs: c.differences(*r)}
	if r.Validity == 0 {
		r.Validity = lasting(c.attributes["validityperiod"], c.attributes["validityperiodunits"])
	}
}

// enrolmentFacts adds what is asked for. The first four are what a card has room
// for; the common name is in its heading.
func enrolmentFacts(f *facts, r *approval.Request) {
	f.add("Common name", r.CommonName)
	f.add("SANs", summary(labels(r.SANs), shownSANs))
	f.add("Requester", or(r.Requester, "unknown"))
	renewalFacts(f, *r)
	f.add("Template", r.Template)
	f.add("CA", r.CA)
	if len(parseDN(r.Subject)) != 1 || r.CommonName == "" {
		f.add("Subject", r.Subject)
	}
	f.add("Key", keyFact(*r))
	if c := r.CSR; c != nil && c.Trouble == "" {
		f.add("Usage asked for", strings.Join(c.Usages, ", "))
		if c.CA {
			f.add("CA certificate", "asked for")
		}
		f.add("Names in the CSR alone", summary(labels(c.Differs.Extra), shownSANs))
		f.add("CSR signed with", c.Signature)
		f.add("SHA-256 of the key", c.KeyID)
	}
	f.add("Valid for", days(r.Validity))
}

func keyFact(r approval.Request) string {
	if words := r.Key.String(); words != "" || !r.KeyByCA {
		return words
	}
	return "made by Keyfactor"
}

// revocationFacts adds which certificate is to be revoked, and why.
func revocationFacts(f *facts, r *approval.Request, i Instance) {
	old := r.Certificate
	if old == nil {
		old = &approval.Issued{}
	}
	r.Subject = or(r.Subject, old.Subject)
	r.CommonName = or(r.CommonName, commonName(r.Subject))
	r.Template = or(r.Template, old.Template)

	f.add("Common name", r.CommonName)
	f.add("Reason", revokeReason(r.RevokeCode))
	f.add("Comment", i.Text("Comment"))
	f.add("Requester", or(r.Requester, "unknown"))
	f.aside("Expires", Time{old.NotAfter}.words())
	f.aside("In use at", inUse(*old))
	if serial := i.Text("SerialNumberString"); serial != "" {
		f.add("Serial number", serial)
	} else {
		f.aside("Serial number", old.Serial)
	}
	if len(parseDN(r.Subject)) > 1 {
		f.add("Subject", r.Subject)
	}
	f.aside("Names", summary(labels(old.SANs), shownSANs))
	f.add("Effective", ParseTime(i.Text("EffectiveDate")).words())
	f.add("Template", r.Template)
	f.add("CA", r.CA)
	issuedFacts(f, *old)
}

// revokeReasons are the codes that Keyfactor's documentation names.
var revokeReasons = map[int]string{
	-1: "remove from hold",
	0:  "unspecified",
	1:  "key compromised",
	2:  "CA compromised",
	3:  "affiliation changed",
	4:  "superseded",
	5:  "cessation of operation",
	6:  "certificate hold",
	7:  "remove from CRL",
}

func revokeReason(code int) string {
	if words := revokeReasons[code]; words != "" {
		return fmt.Sprintf("%s (%d)", words, code)
	}
	return fmt.Sprintf("code %d", code)
}

// metadataFacts adds the allowed fields only: the rest may hold anything.
func metadataFacts(f *facts, allowed []string, d Data) {
	for _, name := range allowed {
		f.add(name, d.Text(name))
	}
}

// Limits on what routes can match on.
const (
	maxFields  = 200
	fieldLimit = 1000
)

// fields are the scalar values by name. What a value stands for is not known
// here, so that nothing outside the routes may show them.
func fields(d Data) map[string]string {
	out := map[string]string{}
	for _, name := range d.Names() {
		value := d.Text(name)
		if value == "" || len(name) > fieldLimit || delicate(name, value) || len(out) == maxFields {
			continue
		}
		out[name] = approval.Clip(value, fieldLimit)
	}
	return out
}

// delicate reports whether a value is likely to be a secret, or key material:
// fields are stored, and scripts put all sorts of things beside the request.
func delicate(name, value string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"password", "passphrase", "secret", "token", "credential", "privatekey", "apikey"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "csr" || strings.Contains(value, "-----BEGIN ")
}

// request makes the domain's request of a pending certificate request.
func (q *Certificates) request(c CertificateRequest) approval.Request {
	id := strconv.FormatInt(int64(c.ID), 10)
	r := approval.Request{
		ID:         certificateID(c),
		Matter:     matter(string(c.CertificateAuthority), string(c.CARequestID)),
		Reference:  or(string(c.CARequestID), id),
		Type:       "Enrollment",
		Status:     string(c.StateString),
		Requester:  string(c.Requester),
		Subject:    string(c.DistinguishedName),
		CommonName: or(string(c.CommonName), commonName(string(c.DistinguishedName))),
		SANs:       certificateNames(c),
		Template:   string(c.Template),
		CA:         string(c.CertificateAuthority),
		Submitted:  c.SubmissionDate.Time,
		Fields:     fields(c.Metadata),
		Verdicts:   []approval.Verdict{approval.Approve, approval.Deny},
		Notes:      []string{"Keyfactor keeps no comment with an approval of this kind."},
		Link:       q.config.link(id, or(string(c.CARequestID), id)),
		Changed:    certificateStamp(c),
	}
	r.Title = fmt.Sprintf("%s asks the CA for a certificate with %s.", or(r.Requester, "Somebody"), or(r.Subject, or(r.CommonName, "no name")))

	readCSR(&r, string(c.CSR), false)
	if r.Key == (approval.Key{}) {
		bits, _ := strconv.Atoi(string(c.KeyLength))
		r.Key = approval.Key{Bits: max(bits, 0), Curve: string(c.Curve)}
	}

	var f facts
	enrolmentFacts(&f, &r)
	f.add("CA request", string(c.CARequestID))
	metadataFacts(&f, q.config.MetadataFields, c.Metadata)
	f.add("Submitted", c.SubmissionDate.words())
	r.Facts = f
	return r
}

// certificateNames prefers the newer member, which knows the kinds.
func certificateNames(c CertificateRequest) []approval.SAN {
	if sans := parseSANs(c.SubjectAltNames); len(sans) > 0 {
		return sans
	}
	return parseSANs(c.SANs)
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func nonEmpty(all ...string) (out []string) {
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

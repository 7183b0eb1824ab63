package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is something that waits for a yes or no, as it was when it was last
// read. All texts come from outside and are hostile until escaped; times are UTC.
type Request struct {
	ID ID `json:"id"`
	// Matter identifies what is asked for across kinds: a workflow that hands its
	// request over to the CA continues as a certificate request of the same matter.
	// Empty when nothing is known.
	Matter string `json:"matter,omitempty"`
	// Reference is the number people know the request by in Keyfactor's portal.
	Reference string `json:"reference,omitempty"`
	// Title is Keyfactor's own sentence about the request.
	Title string `json:"title"`
	// Type is the workflow type, such as Enrollment or Revocation. An open set.
	Type string `json:"type,omitempty"`
	// Definition and Step are the display names of the workflow definition and of
	// the step that waits; StepName is the step's unique name in the definition.
	Definition        string `json:"definition,omitempty"`
	DefinitionVersion int    `json:"definition_version,omitempty"`
	Step              string `json:"step,omitempty"`
	StepName          string `json:"step_name,omitempty"`
	// Status is Keyfactor's message about it, "Awaiting 1 more approval(s) …".
	Status string `json:"status,omitempty"`
	// Missing is how many approvals Keyfactor still wants at this step; 0 is unknown.
	Missing int `json:"missing,omitempty"`

	Requester  string    `json:"requester,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	CommonName string    `json:"common_name,omitempty"`
	SANs       []SAN     `json:"sans,omitempty"`
	Template   string    `json:"template,omitempty"`
	CA         string    `json:"ca,omitempty"`
	Key        Key       `json:"key,omitzero"`
	Submitted  time.Time `json:"submitted,omitzero"`
	// Old is the certificate that the request replaces, revokes or is about.
	Old Old `json:"old,omitzero"`
	// Validity is how long the certificate is to be valid, where Keyfactor tells; 0 is unknown.
	Validity time.Duration `json:"validity,omitempty"`

	// CSR is the signed request; nil when Keyfactor shows none.
	CSR *CSR `json:"csr,omitempty"`
	// KeyByCA means that there can be no CSR, because Keyfactor makes the key itself.
	KeyByCA bool `json:"key_by_ca,omitempty"`
	// Certificate is the existing one that is concerned; nil when there is none.
	Certificate *Issued `json:"certificate,omitempty"`
	// Revocation means that Certificate is to be revoked, RevokeCode for which reason.
	Revocation bool `json:"revocation,omitempty"`
	RevokeCode int  `json:"revoke_code,omitempty"`

	// Facts are what an approver is shown, most important first: an allow-list
	// made by the source, never the whole of what Keyfactor holds.
	Facts []Fact `json:"facts"`
	// Fields are further values by name for routing rules to match on.
	// They are never shown.
	Fields map[string]string `json:"fields,omitempty"`
	// Verdicts are those that can be sent from here. Empty means the request can
	// only be shown; Notes then says why.
	Verdicts []Verdict `json:"verdicts"`
	// Notes are sentences of the source about how this request can be decided,
	// such as "Keyfactor keeps no comment with this approval."
	Notes []string `json:"notes,omitempty"`
	// Link leads to the request, or near it, in Keyfactor's portal.
	Link string `json:"link,omitempty"`
	// Changed is the source's stamp of its last change; a different stamp means
	// "read it again", nothing else.
	Changed string `json:"changed,omitempty"`
}

// SAN is one subject alternative name with its kind as Keyfactor names it (dns, ip4, …).
type SAN struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// Key describes the public key asked for. Zero means unknown.
type Key struct {
	Algorithm string `json:"algorithm,omitempty"` // RSA, ECDSA, Ed25519, …
	Bits      int    `json:"bits,omitempty"`
	Curve     string `json:"curve,omitempty"`
	// Exponent is the public exponent of an RSA key, set only when it is not 65537.
	Exponent int `json:"exponent,omitempty"`
}

// String is a key for people: "RSA 2048", "ECDSA P-256"; "" when nothing is known.
func (k Key) String() string {
	words := k.Algorithm
	switch {
	case k.Curve != "":
		words += " " + k.Curve
	case k.Algorithm == "Ed25519":
	case k.Algorithm == "" && k.Bits > 0:
		words = strconv.Itoa(k.Bits) + " bits"
	case k.Bits > 0:
		words += " " + strconv.Itoa(k.Bits)
	}
	if k.Exponent != 0 {
		words += ", exponent " + strconv.Itoa(k.Exponent)
	}
	return strings.TrimSpace(words)
}

// Fact is one labelled value that an approver sees.
type Fact struct {
	Label string `json:"label"` // ours
	Value string `json:"value"` // theirs
	// Aside means that it tells about the surroundings of the question and may move
	// without the question changing, such as where a certificate is in use.
	Aside bool `json:"aside,omitempty"`
}

// Offers reports whether the verdict can be sent for this request.
func (r Request) Offers(v Verdict) bool {
	return slices.Contains(r.Verdicts, v)
}

// Digest fingerprints what the approver decides about: identity, step, every fact
// that is not aside, and what was signed. Two readings with the same digest ask
// the same question. Status, times of change, links, and what is known about an
// existing certificate beside its number are deliberately left out: they move
// without the question changing.
//
// What was read by an earlier version keeps the digest that it had: members that
// were added since count only where there is something in them.
func (r Request) Digest() string {
	asked := make([]Fact, 0, len(r.Facts))
	for _, f := range r.Facts {
		if !f.Aside {
			asked = append(asked, f)
		}
	}
	if r.Facts == nil {
		asked = nil
	}
	question := struct {
		ID                                                           ID
		Type, Definition, StepName, Requester, Subject, Template, CA string
		SANs                                                         []SAN
		Key                                                          Key
		Facts                                                        []Fact
		Verdicts                                                     []Verdict

		CSR         *CSR          `json:",omitempty"`
		KeyByCA     bool          `json:",omitempty"`
		Validity    time.Duration `json:",omitempty"`
		Certificate int64         `json:",omitempty"`
		Revocation  bool          `json:",omitempty"`
		RevokeCode  int           `json:",omitempty"`
	}{
		r.ID, r.Type, r.Definition, r.StepName, r.Requester, r.Subject, r.Template, r.CA, r.SANs, r.Key, asked, r.Verdicts,
		r.CSR, r.KeyByCA, r.Validity, r.concerns(), r.Revocation, r.RevokeCode,
	}
	// Strings, slices and ints always marshal; map-free, so the text is canonical.
	text, _ := json.Marshal(question)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// concerns is the number of the certificate concerned, or 0.
func (r Request) concerns() int64 {
	if r.Certificate == nil {
		return 0
	}
	return r.Certificate.ID
}

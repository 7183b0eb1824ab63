package approval

import "time"

// CSR is what a PKCS #10 certification request says, as whoever holds the key
// signed it. What will be issued depends on the template and the CA as well.
type CSR struct {
	// Trouble is why it could not be read, in our own words. Then nothing that is
	// derived from it is known, and that must be said rather than guessed.
	Trouble string `json:"trouble,omitempty"`

	// KeyID is the SHA-256 of the SubjectPublicKeyInfo in lower-case hex: two
	// requests with the same one are about the same key.
	KeyID string `json:"key_id,omitempty"`
	// Signature names the algorithm of the request's own signature: SHA256-RSA, or
	// an OID where it has no name here.
	Signature string `json:"signature,omitempty"`
	// Usages are the key usages and the extended ones that are asked for, by their
	// usual names ("server authentication"), or as OIDs.
	Usages []string `json:"usages,omitempty"`
	// CA means that the certificate is to be one that can issue others.
	CA bool `json:"ca,omitempty"`
	// Differs is where it and what Keyfactor tells part ways.
	Differs Difference `json:"differs,omitzero"`
}

// Difference is where a CSR and what Keyfactor says about the request part ways.
// Zero means that they ask for the same, as far as they can be compared.
type Difference struct {
	// BadSignature means that nobody has proved to hold the key, and Unproved that
	// the signature is of a kind that cannot be checked here.
	BadSignature bool `json:"bad_signature,omitempty"`
	Unproved     bool `json:"unproved,omitempty"`
	// Subject is the CSR's, where it is another one; "-" where it has none.
	Subject string `json:"subject,omitempty"`
	// Extra are names that only the CSR asks for, Missing those that it does not.
	Extra   []SAN `json:"extra,omitempty"`
	Missing []SAN `json:"missing,omitempty"`
}

// Any reports whether there is a difference.
func (d Difference) Any() bool {
	return d.BadSignature || d.Subject != "" || len(d.Extra)+len(d.Missing) > 0
}

// Issued is a certificate that exists and that a request concerns: it is to be
// revoked, or renewed, or it is about to expire.
type Issued struct {
	// ID is Keyfactor's number of it.
	ID     int64  `json:"id"`
	Serial string `json:"serial,omitempty"`
	// Trouble is why nothing more than its number is known, in our own words.
	Trouble string `json:"trouble,omitempty"`

	Subject   string    `json:"subject,omitempty"`
	SANs      []SAN     `json:"sans,omitempty"`
	Key       Key       `json:"key,omitzero"`
	Template  string    `json:"template,omitempty"`
	CA        string    `json:"ca,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Revoked   bool      `json:"revoked,omitempty"`
	// Requester is who asked for it, and Owner the role that it belongs to.
	Requester string `json:"requester,omitempty"`
	Owner     string `json:"owner,omitempty"`
	// Locations are where Keyfactor has seen it: "web01 · IIS Personal". Located
	// tells that Keyfactor was asked and answered; without it no location means nothing.
	Locations []string `json:"locations,omitempty"`
	Located   bool     `json:"located,omitempty"`
}

package keyfactorsim

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// certificate is an issued certificate.
type certificate struct {
	Certificate
	thumbprint, serial  string
	notBefore, notAfter time.Time
	state               int
	revoked             time.Time
	revokeCode          int
	revokeComment       string
	revokedByRun        string
}

func newCertificate(c Certificate, now time.Time) *certificate {
	sum := sha1.Sum([]byte("keyfactorsim certificate " + fmt.Sprint(c.ID)))
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	if c.Authority == "" {
		c.Authority = defaultAuthority
	}
	return &certificate{
		Certificate: c, thumbprint: digest, serial: "4A0000" + digest[:12], state: stateActive,
		notBefore: now.Add(-c.Age), notAfter: now.Add(c.ExpiresIn),
	}
}

func certificateFields() fields[certificate] {
	text := func(name string, get func(*certificate) string) field[certificate] {
		return field[certificate]{name: name, get: func(c *certificate) value { return textOf(get(c)) }}
	}
	return newFields(
		field[certificate]{name: "Id", kind: numberValue, get: func(c *certificate) value { return number(int64(c.ID)) }},
		text("Thumbprint", func(c *certificate) string { return c.thumbprint }),
		text("SerialNumber", func(c *certificate) string { return c.serial }),
		text("IssuedCN", func(c *certificate) string { return commonName(c.Subject) }),
		text("CN", func(c *certificate) string { return commonName(c.Subject) }),
		text("IssuedDN", func(c *certificate) string { return c.Subject }),
		text("DN", func(c *certificate) string { return c.Subject }),
		text("RequesterName", func(c *certificate) string { return c.Requester }),
		text("TemplateName", func(c *certificate) string { return c.Template }),
		field[certificate]{name: "NotBefore", kind: dateValue, get: func(c *certificate) value { return date(c.notBefore) }},
		field[certificate]{name: "NotAfter", kind: dateValue, get: func(c *certificate) value { return date(c.notAfter) }},
		field[certificate]{name: "CertState", kind: numberValue, get: func(c *certificate) value { return number(int64(c.state)) }},
	)
}

// revoke marks the certificate of a finished revocation.
func (s *Server) revoke(i *instance, now time.Time) {
	c := s.certificates[i.certificate]
	if c == nil {
		return
	}
	c.state, c.revoked, c.revokedByRun = stateRevoked, now, i.id
	c.revokeComment, _ = i.current["Comment"].(string)
	c.revokeCode, _ = i.current["RevokeCode"].(int)
}

// wireCertificate is a certificate as it is sent. The lists of locations are null unless asked for: what Keyfactor does
// without being asked is not documented.
func (s *Server) wireCertificate(c *certificate, metadata, locations bool) wireCertificate {
	w := wireCertificate{
		Id: c.ID, Thumbprint: c.thumbprint, SerialNumber: c.serial, IssuedDN: c.Subject, IssuedCN: commonName(c.Subject),
		ImportDate: s.date(c.notBefore), NotBefore: s.date(c.notBefore), NotAfter: s.date(c.notAfter),
		IssuerDN: issuerDN(c.Authority), TemplateName: c.Template, CertState: c.state, CertStateString: stateNames[c.state],
		CertificateAuthorityName: c.Authority, RequesterName: c.Requester, PrincipalName: nil,
		OwnerRoleName: textOrNull(c.OwnerRole), KeySizeInBits: cmp.Or(c.KeySize, 256), KeyTypeString: cmp.Or(c.KeyType, "ECC"),
		CertRequestId: c.ID - 1000, SubjectAltNameElements: []wireCertificateSAN{}, RevocationEffDate: nil, Metadata: nil,
	}
	if id, ok := s.roleIDs[c.OwnerRole]; ok {
		w.OwnerRoleId = &id
	}
	if t, ok := s.templates[c.Template]; ok {
		w.TemplateId = &t.ID
	}
	for n, name := range c.DNS {
		sum := sha1.Sum([]byte(name))
		w.SubjectAltNameElements = append(w.SubjectAltNameElements, wireCertificateSAN{Id: c.ID*100 + n, Value: name, Type: 2, ValueHash: strings.ToUpper(hex.EncodeToString(sum[:]))})
	}
	if c.state == stateRevoked {
		w.RevocationEffDate, w.RevocationReason, w.RevocationComment = s.date(c.revoked), &c.revokeCode, textOrNull(c.revokeComment)
	}
	if metadata {
		w.Metadata = c.Metadata
	}
	if locations {
		w.locate(c)
	}
	return w
}

// locate fills in where a certificate is in use.
func (w *wireCertificate) locate(c *certificate) {
	w.LocationsCount, w.SSLLocations, w.Locations = []wireLocationCount{}, []wireSSLLocation{}, []wireLocation{}
	for n, text := range c.Certificate.Locations {
		if machine, path, ok := strings.Cut(text, ": "); ok {
			w.Locations = append(w.Locations, wireLocation{StoreMachine: machine, StorePath: path, StoreType: 6, Alias: c.thumbprint, CertStoreId: idOf("store", fmt.Sprintf("%d/%d", c.ID, n))})
			continue
		}
		host, port, _ := strings.Cut(text, ":")
		number, _ := strconv.Atoi(port)
		w.SSLLocations = append(w.SSLLocations, wireSSLLocation{AgentPool: "Default Agent Pool", IPAddress: "192.0.2.80", Port: cmp.Or(number, 443), NetworkName: host})
	}
	if len(w.Locations) > 0 {
		w.LocationsCount = append(w.LocationsCount, wireLocationCount{Type: "IIS", Count: len(w.Locations)})
	}
}

func issuerDN(authority string) string {
	_, logical, ok := strings.Cut(authority, `\`)
	if !ok {
		logical = authority
	}
	return "CN=" + logical + ",O=Example Ltd,C=DE"
}

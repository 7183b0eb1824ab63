package keyfactor

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
)

// expiration is the type of a workflow that nobody asked for.
const expiration = "Expiration"

// concerned reads the existing certificate that an instance is about: the one to
// be revoked, renewed, or about to expire. The permission is optional, and the
// details are a courtesy: without them the number is all there is.
func (w *Workflows) concerned(ctx context.Context, i Instance) *approval.Issued {
	id, ok := i.InitialData.Int("CertificateId")
	if !ok || id <= 0 {
		return nil
	}
	c, err := w.client.Certificate(ctx, id)
	if err != nil {
		w.log.Debug("certificate not read", zap.Int64("certificate", id), zap.Error(err))
		return &approval.Issued{ID: id, Serial: i.Text("SerialNumberString"), Trouble: troubleWith(err)}
	}
	return c.issued(id)
}

// old says what the request means to do to the certificate that it concerns.
func old(r approval.Request) approval.Old {
	if r.Certificate == nil || r.Certificate.NotAfter.IsZero() {
		return approval.Old{}
	}
	o := approval.Old{End: r.Certificate.NotAfter.UTC()}
	switch {
	case r.Revocation:
		o.Concern = approval.Revokes
	case r.Type == expiration:
		o.Concern = approval.Expires
	case r.CSR != nil || r.KeyByCA:
		o.Concern = approval.Replaces
	default:
		return approval.Old{} // it came into a collection, or left one
	}
	return o
}

func troubleWith(err error) string {
	switch {
	case errors.Is(err, approval.ErrForbidden), errors.Is(err, approval.ErrUnauthorized):
		return "approvebot has no permission to read certificates in Keyfactor"
	case errors.Is(err, approval.ErrNotFound):
		return "Keyfactor does not show it to approvebot"
	}
	return "Keyfactor did not answer"
}

func (c Certificate) issued(id int64) *approval.Issued {
	out := &approval.Issued{
		ID: id, Serial: string(c.SerialNumber), Subject: or(string(c.IssuedDN), cnOnly(string(c.IssuedCN))), Key: c.key(),
		Template: string(c.TemplateName), CA: or(string(c.CertificateAuthorityName), string(c.IssuerDN)),
		NotBefore: c.NotBefore.Time, NotAfter: c.NotAfter.Time,
		Revoked:   strings.EqualFold(string(c.CertStateString), stateRevoked) || c.CertStateString == "" && c.CertState == 2,
		Requester: or(string(c.RequesterName), string(c.PrincipalName)), Owner: string(c.OwnerRoleName),
		Located: c.located,
	}
	for _, n := range c.SubjectAltNameElements {
		if n.Value != "" {
			out.SANs = append(out.SANs, approval.SAN{Kind: generalNameKinds[n.Type], Value: string(n.Value)})
		}
	}
	slices.SortStableFunc(out.SANs, bySANKind)
	for _, l := range c.Locations {
		place := strings.Join(nonEmpty(or(string(l.StoreMachine), string(l.StoreMachineName)), string(l.StorePath), string(l.Alias)), " · ")
		if place != "" && !slices.Contains(out.Locations, place) {
			out.Locations = append(out.Locations, place)
		}
	}
	for _, l := range c.SSLLocations {
		host := or(string(l.NetworkName), string(l.IPAddress))
		if host != "" && l.Port > 0 {
			host += ":" + strconv.FormatInt(int64(l.Port), 10)
		}
		if host != "" && !slices.Contains(out.Locations, host) {
			out.Locations = append(out.Locations, host)
		}
	}
	if len(out.Locations) == 0 { // only counted
		for _, l := range c.LocationsCount {
			if l.Count > 0 {
				out.Locations = append(out.Locations, strings.TrimSpace(strconv.FormatInt(int64(l.Count), 10)+" × "+or(string(l.Type), "store")))
			}
		}
	}
	return out
}

func cnOnly(cn string) string {
	if cn == "" {
		return ""
	}
	return "CN=" + cn
}

func (c Certificate) key() approval.Key {
	bits := int(max(c.KeySizeInBits, 0))
	switch kind := strings.ToUpper(string(c.KeyTypeString)); kind {
	case "ECC", "EC", "ECDSA":
		k := approval.Key{Algorithm: "ECDSA", Bits: bits}
		for _, curve := range curves {
			if curve.bits == bits && strings.HasPrefix(curve.name, "P-") {
				k.Curve = curve.name
			}
		}
		return k
	default:
		return approval.Key{Algorithm: string(c.KeyTypeString), Bits: bits}
	}
}

// generalNameKinds are Keyfactor's kinds by their number in X.509.
var generalNameKinds = map[Int]string{1: "rfc822", 2: "dns", 4: "directory", 6: "uri", 7: "ip", 8: "registeredid"}

// issuedFacts adds what is known about an existing certificate beside what the
// request says itself.
func issuedFacts(f *facts, old approval.Issued) {
	f.aside("Owner", old.Owner)
	f.aside("Issued for", old.Requester)
	f.aside("Valid since", Time{old.NotBefore}.words())
	f.aside("Its key", old.Key.String())
	if old.Revoked {
		f.aside("State", "already revoked")
	}
	if old.Trouble != "" {
		f.aside("Certificate", "number "+strconv.FormatInt(old.ID, 10)+", and nothing more: "+old.Trouble)
	}
}

// inUse says where a certificate is in use, as far as Keyfactor looked.
func inUse(old approval.Issued) string {
	switch {
	case len(old.Locations) > 0:
		return summary(old.Locations, shownSANs)
	case old.Located:
		return "no place that Keyfactor knows"
	}
	return ""
}

// renewalFacts tells what is renewed, and what changes.
func renewalFacts(f *facts, r approval.Request) {
	old := r.Certificate
	if old == nil {
		return
	}
	if old.Trouble != "" {
		issuedFacts(f, *old)
		return
	}
	renews := strings.Join(nonEmpty(or(commonName(old.Subject), old.Subject), prefixed("serial number ", old.Serial), prefixed("expires ", Time{old.NotAfter}.words())), ", ")
	f.aside("Renews", renews)
	if r.Type != expiration {
		f.aside("What changes", or(strings.Join(changes(*old, r), "; "), "nothing but the dates"))
	}
	f.aside("In use at", inUse(*old))
	f.aside("Owner", old.Owner)
	f.aside("Issued for", old.Requester)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// changes says what a renewal changes against the old certificate.
func changes(old approval.Issued, r approval.Request) []string {
	var out []string
	if r.Subject != "" && old.Subject != "" && !slices.Equal(parseDN(r.Subject), parseDN(old.Subject)) {
		out = append(out, "subject "+old.Subject+" → "+r.Subject)
	}
	if added := without(r.SANs, old.SANs, ""); len(added) > 0 {
		out = append(out, "adds "+summary(labels(added), shownSANs))
	}
	if gone := without(old.SANs, r.SANs, r.CommonName); len(gone) > 0 {
		out = append(out, "drops "+summary(labels(gone), shownSANs))
	}
	if was, is := old.Key.String(), r.Key.String(); was != "" && is != "" && was != is {
		out = append(out, "key "+was+" → "+is)
	}
	if r.Template != "" && old.Template != "" && !strings.EqualFold(r.Template, old.Template) {
		out = append(out, "template "+old.Template+" → "+r.Template)
	}
	return out
}

// validity reads how long a certificate is to be valid from the attributes that
// go with a request to a CA. Microsoft's are documented; the others are what
// gateways to other CAs are commonly given.
func validity(attributes Data) time.Duration {
	if d := lasting(attributes.Text("ValidityPeriod"), attributes.Text("ValidityPeriodUnits")); d > 0 {
		return d
	}
	for _, unit := range []struct{ name, period string }{
		{"ValidityDays", "days"}, {"ValidityInDays", "days"}, {"LifetimeDays", "days"}, {"ValidityMonths", "months"}, {"ValidityYears", "years"}, {"ValidityInYears", "years"},
	} {
		if d := lasting(unit.period, attributes.Text(unit.name)); d > 0 {
			return d
		}
	}
	return 0
}

const day = 24 * time.Hour

var periods = map[string]time.Duration{"hours": time.Hour, "days": day, "weeks": 7 * day, "months": 30 * day, "years": 365 * day}

// lasting is a number of periods; 0 when it is none, or out of all proportion.
func lasting(period, units string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(units))
	period = strings.ToLower(strings.TrimSpace(period))
	if !strings.HasSuffix(period, "s") {
		period += "s"
	}
	if err != nil || n <= 0 || n > 100_000 {
		return 0
	}
	d := periods[period]
	if d > 0 && n > int(200*365*day/d) {
		return 0
	}
	return time.Duration(n) * d
}

// days is a time for people; nothing for none.
func days(d time.Duration) string {
	switch n := int(d / day); {
	case d <= 0:
		return ""
	case n == 1:
		return "1 day"
	case n == 0:
		return d.String()
	default:
		return strconv.Itoa(n) + " days"
	}
}

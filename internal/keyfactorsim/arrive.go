package keyfactorsim

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// encodeSeed makes the certificate requests of the seed.
func (s *Server) encodeSeed() ([]string, error) {
	csrs := make([]string, len(s.seed.Requests))
	for n, r := range s.seed.Requests {
		if r.CSR == nil {
			continue
		}
		var err error
		if csrs[n], err = r.CSR.encode(r.Name); err != nil {
			return nil, fmt.Errorf("request %s: %w", r.Name, err)
		}
	}
	return csrs, nil
}

// requestData is what an instance starts with. The caller holds the lock.
func (s *Server) requestData(r Request, csr string) map[string]any {
	def := versionOf(s.definitions[r.Definition], r.Version)
	data := map[string]any{"InitiatingUserName": r.Requester, "CertificateAuthority": cmp.Or(r.Authority, defaultAuthority)}
	cert := s.certificates[r.Certificate]
	if cert != nil {
		data["CertificateId"] = cert.ID
		data["CertificateAuthority"] = cert.Authority
	}
	switch def.typ {
	case "Enrollment":
		data["Template"] = cmp.Or(r.Template, def.keyName)
		data["Subject"] = r.Subject
		sans := sanSet(r.SANs)
		if r.CSR != nil {
			data["CSR"] = csr
			data["Subject"] = cmp.Or(r.Subject, r.CSR.Subject)
			if sans == nil {
				sans = r.CSR.sans()
			}
		}
		if sans == nil {
			sans = sanSet{}
		}
		data["SANs"] = sans
		data["IsPFX"], data["IncludeChain"] = r.PFX, true
		data["Metadata"] = r.Metadata
		if r.Metadata == nil {
			data["Metadata"] = map[string]string{}
		}
		data["AdditionalAttributes"] = map[string]any{}
		data["RequesterId"] = s.requesterID(r.Requester)
	case "Revocation":
		if cert != nil {
			data["SerialNumberString"], data["Thumbprint"] = cert.serial, cert.thumbprint
		}
		data["RevokeCode"], data["Comment"], data["Delegate"] = r.RevokeCode, r.Comment, false
		data["EffectiveDate"] = s.now().UTC().Format(time.RFC3339)
	}
	return merged(data, r.Data)
}

func (s *Server) requesterID(name string) int {
	id, ok := s.requesters[name]
	if !ok {
		id = 17 + len(s.requesters)
		s.requesters[name] = id
	}
	return id
}

// baseVariants is how many certificate requests the base requests share.
const baseVariants = 4

// loadBase adds the base requests. Making a certificate request for each would take minutes, so they share a few, data and all.
func (s *Server) loadBase(now time.Time) {
	if s.config.BaseRequests == 0 {
		return
	}
	at := slices.IndexFunc(s.newest, func(d *definition) bool {
		return d.typ == "Enrollment" && slices.ContainsFunc(d.steps, func(st *step) bool { return st.signal == approvalStatus })
	})
	if at < 0 {
		return
	}
	var variants []Request
	var data []map[string]any
	for n := range baseVariants {
		r := Request{
			Definition: s.newest[at].name, Requester: `EXAMPLE\svc-web`, Metadata: map[string]string{"AppOwner": "team-base"},
			CSR: &CSR{Subject: fmt.Sprintf("CN=base%d.example.com,O=Example Ltd,C=DE", n+1), DNS: []string{fmt.Sprintf("base%d.example.com", n+1)}},
		}
		csr, err := r.CSR.encode(r.CSR.Subject)
		if err != nil {
			s.log.Error("make base request", zap.Error(err))
			return
		}
		variants, data = append(variants, r), append(data, s.requestData(r, csr))
	}
	for n := range s.config.BaseRequests {
		v := n % baseVariants
		s.start(idOf("base", strconv.Itoa(n)), variants[v], data[v], now.Add(-time.Duration(n)*time.Second))
	}
}

// Kinds are the kinds of request that Arrive can make.
func (s *Server) Kinds() []string {
	var all []string
	for _, a := range s.arrivals() {
		all = append(all, a.Kind)
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// arrivals are the patterns of the seed. A seed without any repeats its requests, by name.
func (s *Server) arrivals() []Arrival {
	if len(s.seed.Arrivals) > 0 {
		return s.seed.Arrivals
	}
	var all []Arrival
	for _, r := range s.seed.Requests {
		all = append(all, Arrival{Kind: r.Name, Request: &r})
	}
	return all
}

// Arrive makes one more request: of the kind, or of any when kind is empty. It returns the id of the new instance, or the
// number of the new request when it is one that the CA has parked.
func (s *Server) Arrive(kind string) (string, error) {
	s.mu.Lock()
	a, err := s.pick(kind)
	if err != nil {
		s.mu.Unlock()
		return "", err
	}
	s.arrived++
	fill := s.filler()
	s.mu.Unlock()

	id := uuid.NewString()
	if a.Pending != nil {
		p := fill.pending(*a.Pending)
		s.mu.Lock()
		defer s.mu.Unlock()
		r := s.park(p, s.lastRequest+1, s.now())
		s.log.Info("request arrived at the CA", zap.String("kind", a.Kind), zap.Int("request", r.id))
		return strconv.Itoa(r.id), nil
	}
	r := fill.request(*a.Request)
	csr := ""
	if r.CSR != nil {
		// Outside the lock: an arrival must not hold up the calls of others.
		if csr, err = r.CSR.encode(id); err != nil {
			return "", fmt.Errorf("arrival %s: %w", a.Kind, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Certificate != nil {
		s.lastCertificate++
		r.Certificate = s.lastCertificate
		cert := fill.certificate(*a.Certificate)
		cert.ID = r.Certificate
		s.certificates[cert.ID] = newCertificate(cert, s.now())
	}
	s.start(id, r, s.requestData(r, csr), s.now())
	s.log.Info("request arrived", zap.String("kind", a.Kind), zap.String("instance", id))
	return id, nil
}

func (s *Server) pick(kind string) (Arrival, error) {
	var candidates []Arrival
	total := 0
	for _, a := range s.arrivals() {
		if kind == "" || strings.EqualFold(a.Kind, kind) {
			candidates = append(candidates, a)
			total += max(a.Weight, 1)
		}
	}
	if total == 0 {
		return Arrival{}, fmt.Errorf("arrival %q: kind: %w", kind, ErrNotFound)
	}
	n := s.random.IntN(total)
	for _, a := range candidates {
		if n -= max(a.Weight, 1); n < 0 {
			return a, nil
		}
	}
	return candidates[len(candidates)-1], nil
}

// StartArrivals lets a request of any kind arrive every interval, until the context ends or the server is closed. It
// holds back while too many requests wait.
func (s *Server) StartArrivals(ctx context.Context, interval time.Duration) {
	s.workers.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.stop.Done():
				return
			case <-tick.C:
			}
			if s.crowded() {
				continue
			}
			if _, err := s.Arrive(""); err != nil {
				s.log.Error("make a request arrive", zap.Error(err))
			}
		}
	})
}

// crowded tells that so much waits already that nothing more should arrive.
func (s *Server) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := len(s.instances.rows) - len(s.finished) + len(s.requests.rows) - len(s.decided)
	return waiting >= s.config.MaxWaiting
}

// filler fills the words of a pattern in. One word stands for the same text throughout a request.
type filler struct {
	words map[string]string
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func (s *Server) filler() *filler {
	f := &filler{words: map[string]string{
		"{n}": strconv.Itoa(s.arrived), "{id}": fmt.Sprintf("%06x", s.random.Uint32N(1<<24)),
	}}
	names := make([]string, 0, len(s.seed.Words))
	for name := range s.seed.Words {
		names = append(names, name)
	}
	slices.Sort(names) // so that a random seed gives the same course every time
	for _, name := range names {
		f.words["{"+name+"}"] = oneOf(s.random, s.seed.Words[name])
	}
	return f
}

func oneOf(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func (f *filler) text(pattern string) string {
	return placeholder.ReplaceAllStringFunc(pattern, func(word string) string {
		if text, ok := f.words[word]; ok {
			return text
		}
		return word
	})
}

func (f *filler) list(patterns []string) []string {
	if patterns == nil {
		return nil
	}
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = f.text(p)
	}
	return out
}

func (f *filler) metadata(patterns map[string]string) map[string]string {
	if patterns == nil {
		return nil
	}
	out := map[string]string{}
	for name, p := range patterns {
		out[name] = f.text(p)
	}
	return out
}

func (f *filler) csr(c *CSR) *CSR {
	if c == nil {
		return nil
	}
	filled := *c
	filled.Key, filled.Subject = f.text(c.Key), f.text(c.Subject)
	filled.DNS, filled.IP, filled.Email, filled.URI = f.list(c.DNS), f.list(c.IP), f.list(c.Email), f.list(c.URI)
	return &filled
}

func (f *filler) request(r Request) Request {
	r.Requester, r.Title, r.Subject, r.Comment = f.text(r.Requester), f.text(r.Title), f.text(r.Subject), f.text(r.Comment)
	r.CSR, r.Metadata = f.csr(r.CSR), f.metadata(r.Metadata)
	if r.SANs != nil {
		sans := map[string][]string{}
		for kind, names := range r.SANs {
			sans[kind] = f.list(names)
		}
		r.SANs = sans
	}
	if r.Data != nil {
		data := map[string]any{}
		for name, v := range r.Data {
			if text, ok := v.(string); ok {
				v = f.text(text)
			}
			data[name] = v
		}
		r.Data = data
	}
	return r
}

func (f *filler) pending(p Pending) Pending {
	p.Requester, p.Subject = f.text(p.Requester), f.text(p.Subject)
	p.CSR, p.Metadata = f.csr(p.CSR), f.metadata(p.Metadata)
	return p
}

func (f *filler) certificate(c Certificate) Certificate {
	c.Subject, c.DNS, c.Requester, c.Metadata = f.text(c.Subject), f.list(c.DNS), f.text(c.Requester), f.metadata(c.Metadata)
	return c
}

package keyfactorsim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	defaultBasePath  = "/KeyfactorAPI"
	hostedBasePath   = "/Keyfactor/API"
	portalPath       = "/KeyfactorPortal"
	controlPath      = "/_sim"
	tokenPath        = "/realms/Keyfactor/protocol/openid-connect/token"
	defaultAuthority = `ca01.example.com\Example Issuing CA 1`
)

// Config is what a Server is made from. Its zero value runs the built-in seed.
type Config struct {
	// Seed is what the server holds; the built-in seed when it has no accounts.
	Seed Seed
	// BaseRequests adds so many cheap requests, all waiting at the first definition of the seed that has an approval step.
	// They share a few certificate requests.
	BaseRequests int
	// BasePath is the path of the API, /KeyfactorAPI when empty. /Keyfactor/API works as well, whatever it is.
	BasePath string
	// Switches settle what is not documented.
	Switches Switches
	// TokenLifetime is how long an access token works; 5 minutes when zero.
	TokenLifetime time.Duration
	// MaxReturnLimit caps the page size; zero means no cap.
	MaxReturnLimit int
	// ProductVersion is sent with every answer; 25.1.1.0 when empty.
	ProductVersion string
	// KeepFinished is how many finished instances, and how many decided requests, are remembered; 10,000 when zero.
	KeepFinished int
	// KeepRecords is how many signals and decisions the logs hold at least; 100,000 when zero.
	KeepRecords int
	// MaxWaiting stops StartArrivals from adding more when so many instances wait; 100,000 when zero.
	MaxWaiting int
	// RandomSeed makes faults and arrivals repeatable; zero means a different course every time.
	RandomSeed uint64
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log takes what a person who watches the simulator wants to know; nothing is logged when nil.
	Log *zap.Logger
}

// Switches settle what Keyfactor's documentation leaves open. The zero value follows the documentation.
type Switches struct {
	// StatusAs is string (default) or int.
	StatusAs string `json:"status_as" yaml:"status_as"`
	// StatusNumbers are the numbers used with int. Which numbers Keyfactor uses is not published; the default is a guess.
	StatusNumbers map[string]int `json:"status_numbers" yaml:"status_numbers"`
	// ApprovedAs is the type that signals must have: any (default), string or boolean.
	ApprovedAs string `json:"approved_as" yaml:"approved_as"`
	// CommentRequired refuses approval signals without a comment.
	CommentRequired bool `json:"comment_required" yaml:"comment_required"`
	// SANsAs is object (default) or pairs.
	SANsAs string `json:"sans_as" yaml:"sans_as"`
	// AnswerItems is how Approve and Deny name requests: object (default) or string.
	AnswerItems string `json:"answer_items" yaml:"answer_items"`
	// SignalsAs is one (default): a step awaits one signal until it is decided; or each: one entry for every approval needed.
	SignalsAs string `json:"signals_as" yaml:"signals_as"`
	// Dates is utc (default), seconds, ticks, offset, bare or bare-ticks.
	Dates string `json:"dates" yaml:"dates"`
	// NoTotalCount leaves out the header x-total-count.
	NoTotalCount bool `json:"no_total_count" yaml:"no_total_count"`
	// HiddenAs is the status of a detail that the caller may not see (any more): 403 (default) or 404.
	HiddenAs int `json:"hidden_as" yaml:"hidden_as"`
}

// withDefaults fills in what is empty and refuses what it does not know.
func (w Switches) withDefaults() (Switches, error) {
	var bad []error
	pick := func(name string, at *string, allowed ...string) {
		*at = cmp.Or(*at, allowed[0])
		if !slices.Contains(allowed, *at) {
			bad = append(bad, fmt.Errorf("%s is %q, must be one of %s", name, *at, strings.Join(allowed, ", ")))
		}
	}
	pick("status_as", &w.StatusAs, "string", "int")
	pick("approved_as", &w.ApprovedAs, "any", "string", "boolean")
	pick("sans_as", &w.SANsAs, "object", "pairs")
	pick("answer_items", &w.AnswerItems, "object", "string")
	pick("signals_as", &w.SignalsAs, "one", "each")
	pick("dates", &w.Dates, append([]string{"utc"}, slices.Sorted(maps.Keys(dateLayouts))...)...)
	w.HiddenAs = cmp.Or(w.HiddenAs, http.StatusForbidden)
	if w.HiddenAs != http.StatusForbidden && w.HiddenAs != http.StatusNotFound {
		bad = append(bad, fmt.Errorf("hidden_as is %d, must be 403 or 404", w.HiddenAs))
	}
	numbers := map[string]int{
		statusRunning: 1, statusSuspended: 2, statusComplete: 3, statusFailed: 4, statusRejected: 5, statusRestarted: 6,
	}
	for name, n := range w.StatusNumbers {
		if _, ok := numbers[name]; !ok {
			bad = append(bad, fmt.Errorf("status_numbers: there is no status %q", name))
		}
		numbers[name] = n
	}
	w.StatusNumbers = numbers
	return w, errors.Join(bad...)
}

// Server is a simulated Keyfactor Command: its API, its portal, the token endpoint of its identity provider, and the
// simulator's own control API, all behind one http.Handler.
type Server struct {
	config Config
	seed   Seed
	log    *zap.Logger
	now    func() time.Time
	guard  *http.CrossOriginProtection
	routes []route
	ctl    http.Handler

	stop    context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	// mu guards everything below.
	mu           sync.Mutex
	switches     Switches
	roles        []Role
	roleIDs      map[string]int
	accounts     []*account
	tokens       map[string]issued
	templates    map[string]Template
	definitions  map[string][]*definition
	newest       []*definition
	instances    *table[string, instance]
	requests     *table[int, certRequest]
	certificates map[int]*certificate
	signals      *journal[SignalRecord]
	decisions    *journal[CertificateDecisionRecord]
	faults       []*armedFault
	finished     []string // ids of finished instances, the oldest first
	decided      []int
	requesters   map[string]int
	lastRef      int64
	lastRequest  int
	lastCARow    int
	arrived      int
	changed      chan struct{}
	random       *rand.Rand

	lastCertificate    int
	seededCertificates int // the largest id of a seeded certificate
}

// New makes a Server. It fails when the seed or a switch makes no sense.
func New(c Config) (*Server, error) {
	if len(c.Seed.Accounts) == 0 {
		c.Seed = BuiltinSeed()
	}
	if found := c.Seed.problems(); len(found) > 0 {
		all := make([]error, len(found))
		for i, p := range found {
			all[i] = p
		}
		return nil, fmt.Errorf("check seed: %w", errors.Join(all...))
	}
	switches, err := c.Switches.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("check switches: %w", err)
	}
	c.BasePath = "/" + strings.Trim(cmp.Or(c.BasePath, defaultBasePath), "/")
	c.TokenLifetime = cmp.Or(c.TokenLifetime, 5*time.Minute)
	c.ProductVersion = cmp.Or(c.ProductVersion, "25.1.1.0")
	c.KeepFinished = cmp.Or(c.KeepFinished, 10_000)
	c.KeepRecords = cmp.Or(c.KeepRecords, 100_000)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 100_000)
	s := &Server{
		config: c, seed: c.Seed, switches: switches, log: c.Log, now: c.Now, guard: http.NewCrossOriginProtection(),
		changed: make(chan struct{}),
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.routes = apiRoutes()
	s.ctl = s.control()
	if err := s.Reset(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends arrivals and delayed answers and waits for the arrivals to be over.
func (s *Server) Close() {
	s.cancel()
	s.workers.Wait()
}

// Reset brings the server back to its seed: requests, accounts and logs as they were at the start, no tokens, no faults.
// Switches stay.
func (s *Server) Reset() error {
	csrs, err := s.encodeSeed()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load(csrs)
	s.broadcast()
	return nil
}

// load fills the state from the seed. The caller holds the lock.
func (s *Server) load(csrs []string) {
	now := s.now()
	s.random = rand.New(rand.NewPCG(cmp.Or(s.config.RandomSeed, rand.Uint64()), 0))
	s.roles, s.roleIDs = s.seed.Roles, map[string]int{}
	for _, r := range s.roles {
		s.roleIDs[r.Name] = r.ID
	}
	s.templates = map[string]Template{}
	for i, t := range s.seed.Templates {
		t.ID = cmp.Or(t.ID, i+1)
		s.templates[t.Name] = t
	}
	s.accounts, s.tokens, s.faults = nil, map[string]issued{}, nil
	for i, a := range s.seed.Accounts {
		s.accounts = append(s.accounts, s.newAccount(a, i+1))
	}
	s.definitions, s.newest = newDefinitions(s.seed, s.roleIDs, s.templates)
	s.instances = newTable[string](s.instanceFields(), byReference)
	s.requests = newTable[int](certRequestFields(), byRequestID)
	s.signals = &journal[SignalRecord]{keep: s.config.KeepRecords, number: func(r *SignalRecord, n int) { r.Number = n }}
	s.decisions = &journal[CertificateDecisionRecord]{keep: s.config.KeepRecords, number: func(r *CertificateDecisionRecord, n int) { r.Number = n }}
	s.finished, s.decided, s.requesters = nil, nil, map[string]int{}
	s.lastRef, s.lastRequest, s.lastCARow, s.lastCertificate = 4700, 0, 1180, 12000
	s.certificates = map[int]*certificate{}
	for _, c := range s.seed.Certificates {
		s.certificates[c.ID] = newCertificate(c, now)
		s.lastCertificate = max(s.lastCertificate, c.ID)
	}
	s.seededCertificates = s.lastCertificate
	for i, r := range s.seed.Requests {
		s.start(idOf("instance", r.Name), r, s.requestData(r, csrs[i]), now.Add(-r.Age))
	}
	for _, p := range s.seed.Pending {
		s.park(p, p.ID, now.Add(-p.Age))
	}
	s.loadBase(now)
	// Requests that arrive later are numbered from a time, so that a restarted simulator does not use an old number for a new request.
	s.lastRequest = max(s.lastRequest, int(now.Sub(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))/(10*time.Second)))
}

// SetSwitches changes the switches while the server runs.
func (s *Server) SetSwitches(w Switches) error {
	w, err := w.withDefaults()
	if err != nil {
		return fmt.Errorf("check switches: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = w
	s.instances.forget() // a query may have read a status number
	return nil
}

// broadcast wakes everybody who awaits something. The caller holds the lock.
func (s *Server) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await returns as soon as done reports true; done is asked again after every change. It returns the context's error when
// that comes first. It lets a test wait for an effect without watching the clock.
func (s *Server) Await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// noteFinished remembers a finished instance until too many have followed it. The caller holds the lock.
func (s *Server) noteFinished(i *instance) {
	if i.counted || i.status == statusSuspended || i.status == statusRunning {
		return
	}
	i.counted = true
	s.finished = append(s.finished, i.id)
	for len(s.finished) > s.config.KeepFinished {
		if old := s.instances.rows[s.finished[0]]; old.certificate > s.seededCertificates {
			delete(s.certificates, old.certificate) // it was made for this arrival
		}
		s.instances.remove(s.finished[0])
		s.finished = s.finished[1:]
	}
}

func (s *Server) noteDecided(r *certRequest) {
	s.decided = append(s.decided, r.id)
	for len(s.decided) > s.config.KeepFinished {
		s.requests.remove(s.decided[0])
		s.decided = s.decided[1:]
	}
}

func (s *Server) nextCARequest() string {
	s.lastCARow++
	return strconv.Itoa(s.lastCARow)
}

// Addresses are the URLs of a simulator's doors.
type Addresses struct {
	API, Portal, Token, Control string
}

// URLs tells where the doors of this server are when it listens at base, a URL such as https://127.0.0.1:8443.
func (s *Server) URLs(base string) Addresses {
	base = strings.TrimSuffix(base, "/")
	return Addresses{API: base + s.config.BasePath, Portal: base + portalPath, Token: base + tokenPath, Control: base + controlPath + "/"}
}

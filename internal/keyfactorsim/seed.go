package keyfactorsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Seed is what a simulated Keyfactor Command holds when it starts: who may use it, how it is set up, and what waits in it.
type Seed struct {
	Roles        []Role              `yaml:"roles"`
	Accounts     []Account           `yaml:"accounts"`
	Templates    []Template          `yaml:"templates"`
	Definitions  []Definition        `yaml:"definitions"`
	Requests     []Request           `yaml:"requests"`
	Pending      []Pending           `yaml:"pending"`
	Certificates []Certificate       `yaml:"certificates"`
	Arrivals     []Arrival           `yaml:"arrivals"`
	Words        map[string][]string `yaml:"words"`
}

// Role is a security role: workflow steps name the roles that may signal them, and accounts hold roles.
type Role struct {
	ID          int      `yaml:"id"`
	Name        string   `yaml:"name"`
	Email       string   `yaml:"email"`
	Permissions []string `yaml:"permissions"`
}

// Account is an identity and the ways it may prove itself: a password, client credentials, a static bearer token.
type Account struct {
	// Identity is the name Keyfactor knows the account by; it is Username or ClientID when empty.
	Identity     string   `yaml:"identity"`
	Username     string   `yaml:"username"`
	Password     string   `yaml:"password"`
	ClientID     string   `yaml:"client_id"`
	ClientSecret string   `yaml:"client_secret"`
	Audience     string   `yaml:"audience"`
	Token        string   `yaml:"token"`
	Roles        []string `yaml:"roles"`
	Permissions  []string `yaml:"permissions"`
}

// Template is a certificate template. RequiresApproval makes the CA park requests for a manager's approval after the workflow is done.
type Template struct {
	ID               int    `yaml:"id"`
	Name             string `yaml:"name"`
	DisplayName      string `yaml:"display_name"`
	OID              string `yaml:"oid"`
	KeyType          string `yaml:"key_type"`
	KeySize          string `yaml:"key_size"`
	ForestRoot       string `yaml:"forest_root"`
	RequiresApproval bool   `yaml:"requires_approval"`
}

// Definition is one version of a workflow definition. Several entries with the same name are versions of one definition;
// the newest is the published one, and a request may be pinned to an older one.
type Definition struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Type        string `yaml:"type"`
	Version     int    `yaml:"version"`
	// Template names the template that is the definition's key, for enrolments and revocations.
	Template string `yaml:"template"`
	Disabled bool   `yaml:"disabled"`
	Steps    []Step `yaml:"steps"`
}

// Step is one step of a definition, in the order of execution. Start, end and the step that enrols or revokes are added by the simulator.
type Step struct {
	// Name is the unique name; signals are addressed to it.
	Name        string `yaml:"name"`
	DisplayName string `yaml:"display_name"`
	// Extension is RequireApproval when the step has roles, and Email otherwise, unless given.
	Extension string `yaml:"extension"`
	// Roles may signal the step. A step without roles does not wait.
	Roles []string `yaml:"roles"`
	// Approvals is how many different identities must approve; 0 means 1.
	Approvals int `yaml:"approvals"`
	// Signal is the name of the signal the step waits for; ApprovalStatus when empty.
	Signal string `yaml:"signal"`
	// Fails makes the step fail with this message when it runs.
	Fails      string         `yaml:"fails"`
	Parameters map[string]any `yaml:"parameters"`
	// Adds is put into the instance's current state when the step has run.
	Adds map[string]any `yaml:"adds"`
}

// Request is a workflow instance: what somebody asked for, and the definition that it runs through.
type Request struct {
	// Name makes the instance's id, so that it is the same in every run of the same seed.
	Name       string `yaml:"name"`
	Definition string `yaml:"definition"`
	// Version pins an older version of the definition; 0 is the published one.
	Version   int    `yaml:"version"`
	Requester string `yaml:"requester"`
	// Title replaces the sentence that is made from requester and subject.
	Title string        `yaml:"title"`
	Age   time.Duration `yaml:"age"`
	CSR   *CSR          `yaml:"csr"`
	// Subject, SANs and Template are what Keyfactor says; they are taken from CSR and definition when empty.
	Subject   string              `yaml:"subject"`
	SANs      map[string][]string `yaml:"sans"`
	Template  string              `yaml:"template"`
	Authority string              `yaml:"authority"`
	PFX       bool                `yaml:"pfx"`
	Metadata  map[string]string   `yaml:"metadata"`
	// Certificate is the id of the certificate that is revoked or renewed.
	Certificate int `yaml:"certificate"`
	// RevokeCode and Comment belong to revocations.
	RevokeCode int    `yaml:"revoke_code"`
	Comment    string `yaml:"comment"`
	// Data is merged into InitialData as it is.
	Data map[string]any `yaml:"data"`
}

// CSR describes a certificate request to be made, or carries one.
type CSR struct {
	// Key is one of keyKinds; ec-p256 when empty.
	Key string `yaml:"key"`
	// KeyOf names the request whose key this one has, too. Both must be of one kind.
	KeyOf   string   `yaml:"key_of"`
	Subject string   `yaml:"subject"`
	DNS     []string `yaml:"dns"`
	IP      []string `yaml:"ip"`
	Email   []string `yaml:"email"`
	URI     []string `yaml:"uri"`
	UPN     []string `yaml:"upn"`
	// CA asks for a certificate that can issue others, Usages for extended key usages by the names in usages.
	CA     bool     `yaml:"ca"`
	Usages []string `yaml:"usages"`
	// ManyDNS makes a thousand names out of one with a number verb: host%04d.example.com.
	ManyDNS *ManyDNS `yaml:"many_dns"`
	// PEM is used as it is; the other members then only fill in Subject and SANs.
	PEM string `yaml:"pem"`
}

// ManyDNS is a numbered range of DNS names.
type ManyDNS struct {
	Pattern string `yaml:"pattern"`
	Count   int    `yaml:"count"`
}

// Pending is a request that the CA has parked for a manager's approval.
type Pending struct {
	ID          int               `yaml:"id"`
	CARequestID string            `yaml:"ca_request_id"`
	Requester   string            `yaml:"requester"`
	Age         time.Duration     `yaml:"age"`
	CSR         *CSR              `yaml:"csr"`
	Subject     string            `yaml:"subject"`
	Template    string            `yaml:"template"`
	Authority   string            `yaml:"authority"`
	Metadata    map[string]string `yaml:"metadata"`
	// Managers are the roles that the CA lets decide; empty means everybody with the permission.
	Managers []string `yaml:"managers"`
	// Fails makes the CA answer every decision with this failure.
	Fails string `yaml:"fails"`
}

// Certificate is an issued certificate, for revocations and renewals.
type Certificate struct {
	ID        int               `yaml:"id"`
	Subject   string            `yaml:"subject"`
	DNS       []string          `yaml:"dns"`
	Template  string            `yaml:"template"`
	Authority string            `yaml:"authority"`
	Requester string            `yaml:"requester"`
	OwnerRole string            `yaml:"owner_role"`
	KeyType   string            `yaml:"key_type"`
	KeySize   int               `yaml:"key_size"`
	Age       time.Duration     `yaml:"age"`
	ExpiresIn time.Duration     `yaml:"expires_in"`
	Metadata  map[string]string `yaml:"metadata"`
	// Locations are where it is in use: "lb01.example.com: IIS Personal", a machine and a path, or "www.example.com:443",
	// a host and a port.
	Locations []string `yaml:"locations"`
}

// Arrival is a pattern that new requests are made from. Text may hold {word} for a word list of the seed, {n} for a number
// that no other arrival has, and {id} for a short random one.
type Arrival struct {
	Kind string `yaml:"kind"`
	// Weight is how often the kind comes when any will do; 0 means 1.
	Weight  int      `yaml:"weight"`
	Request *Request `yaml:"request"`
	Pending *Pending `yaml:"pending"`
	// Certificate is issued first, with an id of its own, and is the one that the request revokes or renews.
	Certificate *Certificate `yaml:"certificate"`
}

// ParseSeed reads a seed from YAML or JSON. Unknown keys are refused; every mistake is reported with its line.
func ParseSeed(data []byte) (Seed, error) {
	if json.Valid(data) {
		// JSON may be indented with tabs, which YAML forbids; a raw tab cannot be inside a JSON string.
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	var seed Seed
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Seed{}, fmt.Errorf("read seed: %s", yaml.FormatError(err, false, true))
	}
	if err := checkDurations(file); err != nil {
		return Seed{}, fmt.Errorf("read seed: %w", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&seed); err != nil {
		return Seed{}, fmt.Errorf("read seed: %s", yaml.FormatError(err, false, true))
	}
	var all []error
	for _, p := range seed.problems() {
		if line := lineOf(file, p.path); line > 0 {
			all = append(all, fmt.Errorf("line %d: %w", line, p))
		} else {
			all = append(all, p)
		}
	}
	if len(all) > 0 {
		return Seed{}, fmt.Errorf("check seed: %w", errors.Join(all...))
	}
	return seed, nil
}

// checkDurations finds what the decoder would reject without saying where it is.
func checkDurations(file *ast.File) error {
	var walk durationWalk
	for _, doc := range file.Docs {
		ast.Walk(&walk, doc)
	}
	return errors.Join(walk.found...)
}

type durationWalk struct{ found []error }

func (w *durationWalk) Visit(node ast.Node) ast.Visitor {
	if pair, ok := node.(*ast.MappingValueNode); ok {
		key, text := pair.Key.String(), pair.Value.GetToken()
		if _, err := time.ParseDuration(text.Value); err != nil && (key == "age" || key == "expires_in") {
			w.found = append(w.found, fmt.Errorf("line %d: %s: %q is not a duration such as 90m or 48h", text.Position.Line, key, text.Value))
		}
	}
	return w
}

// lineOf finds where a path is in the file, or where the nearest thing around it is.
func lineOf(file *ast.File, path string) int {
	for path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil && node.GetToken() != nil {
				return node.GetToken().Position.Line
			}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// problem is a mistake in a seed and where it is.
type problem struct{ path, text string }

func (p problem) Error() string { return p.path + ": " + p.text }

package keyfactorsim

import (
	"maps"
	"slices"
	"time"
)

// What follows are the bodies as they go over the wire. Members that depend on a switch are of type any.

type wireInstanceDefinition struct {
	Id           string
	DisplayName  string
	Version      int
	WorkflowType string
}

type wireInstance struct {
	Id                     string
	Status                 any
	CurrentStepId          string
	StatusMessage          *string
	Signals                *[]wireSignal `json:",omitempty"`
	Definition             wireInstanceDefinition
	CurrentStepDisplayName string
	CurrentStepUniqueName  string
	Title                  string
	LastModified           any
	StartDate              any
	InitialData            *map[string]any `json:",omitempty"`
	CurrentStateData       *map[string]any `json:",omitempty"`
	ReferenceId            int64
}

type wireSignal struct {
	SignalName     string
	StepSignalId   string
	SignalReceived bool
}

type wireRequest struct {
	Id                   int
	CARequestId          string
	CommonName           *string
	DistinguishedName    *string
	SubmissionDate       any
	CertificateAuthority string
	Template             string
	Requester            string
	State                int
	StateString          string
	Metadata             map[string]string
}

type wireRequestDetail struct {
	wireRequest
	DenialComment   *string
	KeyLength       *string
	SANs            []string
	CertStores      []any
	Curve           *string
	SubjectAltNames []wireRequestSAN
}

type wireRequestSAN struct{ Value, Type string }

type wireProcessed struct {
	CARowId            *int
	CARequestId        *string
	CAHost             *string
	CALogicalName      *string
	KeyfactorRequestId int
	Comment            *string
}

type wireDecided struct {
	Failures  []any
	Denials   []any
	Successes []any
}

type wireCertificate struct {
	Id                       int
	Thumbprint               string
	SerialNumber             string
	IssuedDN                 string
	IssuedCN                 string
	ImportDate               any
	NotBefore                any
	NotAfter                 any
	IssuerDN                 string
	OwnerRoleId              *int
	OwnerRoleName            *string
	TemplateId               *int
	TemplateName             string
	CertState                int
	CertStateString          string
	CertificateAuthorityName string
	RequesterName            string
	PrincipalName            *string
	KeySizeInBits            int
	KeyTypeString            string
	CertRequestId            int
	RevocationEffDate        any
	RevocationReason         *int
	RevocationComment        *string
	SubjectAltNameElements   []wireCertificateSAN
	Metadata                 map[string]string
	LocationsCount           []wireLocationCount
	SSLLocations             []wireSSLLocation
	Locations                []wireLocation
}

type wireLocationCount struct {
	Type  string
	Count int
}

type wireSSLLocation struct {
	StorePath   string
	AgentPool   string
	IPAddress   string
	Port        int
	NetworkName string
}

type wireLocation struct {
	StoreMachine string
	StorePath    string
	StoreType    int
	Alias        string
	ChainLevel   int
	CertStoreId  string
}

type wireCertificateSAN struct {
	Id        int
	Value     string
	Type      int
	ValueHash string
}

type wireDefinitionItem struct {
	Id               string
	DisplayName      string
	Key              *string
	KeyDisplayName   *string
	WorkflowType     string
	DraftVersion     int
	PublishedVersion *int
	Enabled          bool
}

type wireDefinition struct {
	Id               string
	DisplayName      string
	Description      string
	Key              *string
	KeyDisplayName   *string
	IsPublished      bool
	WorkflowType     string
	Steps            []wireStep
	DraftVersion     int
	PublishedVersion *int
	Enabled          bool
}

type wireStep struct {
	Id                      string
	DisplayName             string
	UniqueName              string
	ExtensionName           string
	Enabled                 bool
	ConfigurationParameters map[string]any
	Signals                 []wireStepSignal
	Conditions              []any
	Outputs                 map[string]string
}

type wireStepSignal struct {
	SignalName string
	RoleIds    []int
}

// sanSet are alternative names by kind. It is rendered as the switch says.
type sanSet map[string][]string

type wirePair struct{ Key, Value string }

func (s *Server) sans(set sanSet) any {
	if s.switches.SANsAs != "pairs" {
		return map[string][]string(set)
	}
	pairs := []wirePair{}
	for _, kind := range slices.Sorted(maps.Keys(set)) {
		for _, name := range set[kind] {
			pairs = append(pairs, wirePair{kind, name})
		}
	}
	return pairs
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// date renders a time as the switch says. A zero time is null.
func (s *Server) date(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	layout := dateLayouts[s.switches.Dates]
	if s.switches.Dates == "offset" {
		return t.In(time.FixedZone("", 3600)).Format(layout)
	}
	return t.UTC().Format(layout)
}

// dateLayouts are the forms that a date may come in. A form without zone means UTC.
var dateLayouts = map[string]string{
	"utc":        "2006-01-02T15:04:05.000Z",
	"seconds":    "2006-01-02T15:04:05Z",
	"ticks":      "2006-01-02T15:04:05.0000000Z",
	"offset":     "2006-01-02T15:04:05.000-07:00",
	"bare":       "2006-01-02T15:04:05",
	"bare-ticks": "2006-01-02T15:04:05.0000000",
}

func (s *Server) status(name string) any {
	if s.switches.StatusAs == "int" {
		return s.switches.StatusNumbers[name]
	}
	return name
}

func (s *Server) wireInstance(i *instance) wireInstance {
	st := i.step()
	return wireInstance{
		Id: i.id, Status: s.status(i.status), CurrentStepId: st.id, StatusMessage: textOrNull(i.message),
		Definition:             wireInstanceDefinition{i.def.id, i.def.name, i.def.version, i.def.typ},
		CurrentStepDisplayName: st.display, CurrentStepUniqueName: st.name, Title: i.title,
		LastModified: s.date(i.modified), StartDate: s.date(i.started), ReferenceId: i.ref,
	}
}

func (s *Server) wireInstanceDetail(i *instance) wireInstance {
	w := s.wireInstance(i)
	signals := []wireSignal{}
	if i.waiting() {
		n := 1
		if s.switches.SignalsAs == "each" {
			n = i.step().approvals
		}
		for k := range n {
			signals = append(signals, wireSignal{i.step().signal, i.stepSignalID(k), s.switches.SignalsAs == "each" && k < len(i.votes)})
		}
	}
	initial, current := s.stateData(i.initial), s.stateData(i.current)
	w.Signals, w.InitialData, w.CurrentStateData = &signals, &initial, &current
	return w
}

// stateData is a copy of the data with what the switches decide filled in.
func (s *Server) stateData(data map[string]any) map[string]any {
	out := make(map[string]any, len(data))
	for key, v := range data {
		if set, ok := v.(sanSet); ok {
			v = s.sans(set)
		}
		out[key] = v
	}
	return out
}

func (s *Server) wireRequest(r *certRequest) wireRequest {
	return wireRequest{
		Id: r.id, CARequestId: r.caID, CommonName: textOrNull(commonName(r.subject)), DistinguishedName: textOrNull(r.subject),
		SubmissionDate: s.date(r.submitted), CertificateAuthority: r.authority, Template: r.template, Requester: r.requester,
		State: r.state, StateString: stateNames[r.state], Metadata: r.metadata,
	}
}

func (s *Server) wireRequestDetail(r *certRequest) wireRequestDetail {
	w := wireRequestDetail{
		wireRequest: s.wireRequest(r), DenialComment: textOrNull(r.denial),
		SANs: []string{}, CertStores: []any{}, SubjectAltNames: []wireRequestSAN{},
	}
	length, curve := keyWords(r.key)
	w.KeyLength, w.Curve = textOrNull(length), textOrNull(curve)
	for _, kind := range slices.Sorted(maps.Keys(r.sans)) {
		for _, name := range r.sans[kind] {
			w.SANs = append(w.SANs, name)
			w.SubjectAltNames = append(w.SubjectAltNames, wireRequestSAN{name, kind})
		}
	}
	return w
}

func keyWords(key string) (length, curve string) {
	switch key {
	case "ec-p256":
		return "256", "P-256"
	case "ec-p384":
		return "384", "P-384"
	case "":
		return "", ""
	}
	return key[len("rsa-"):], ""
}

func (d *definition) wireItem() wireDefinitionItem {
	return wireDefinitionItem{d.id, d.name, textOrNull(d.key), textOrNull(d.keyName), d.typ, d.published, &d.published, d.enabled}
}

func (d *definition) wire() wireDefinition {
	w := wireDefinition{
		Id: d.id, DisplayName: d.name, Description: d.description, Key: textOrNull(d.key), KeyDisplayName: textOrNull(d.keyName),
		IsPublished: true, WorkflowType: d.typ, DraftVersion: d.version, PublishedVersion: &d.published, Enabled: d.enabled,
	}
	for n, st := range d.steps {
		each := wireStep{
			Id: st.id, DisplayName: st.display, UniqueName: st.name, ExtensionName: st.extension, Enabled: true,
			ConfigurationParameters: st.parameters, Signals: []wireStepSignal{}, Conditions: []any{}, Outputs: map[string]string{},
		}
		if each.ConfigurationParameters == nil {
			each.ConfigurationParameters = map[string]any{}
		}
		if st.signal != "" {
			each.Signals = append(each.Signals, wireStepSignal{st.signal, st.roles})
		}
		if n+1 < len(d.steps) {
			each.Outputs["continue"] = d.steps[n+1].name
		}
		w.Steps = append(w.Steps, each)
	}
	// Deliberately not in the order of execution: the real one isn't either.
	slices.Reverse(w.Steps)
	return w
}

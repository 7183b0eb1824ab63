package keyfactor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Instance is a workflow instance. Lists leave out Signals and the two Data.
type Instance struct {
	ID                     string `json:"Id"`
	Status                 Status
	StatusMessage          Text
	CurrentStepID          string `json:"CurrentStepId"`
	CurrentStepDisplayName Text
	CurrentStepUniqueName  Text
	Definition             DefinitionReference
	Title                  Text
	LastModified           Time
	StartDate              Time
	ReferenceID            Int `json:"ReferenceId"`

	Signals          Signals
	InitialData      Data
	CurrentStateData Data

	// Answered is the server's clock when it told us, zero if it did not say.
	// Only with it may the times above be compared.
	Answered time.Time `json:"-"`
}

func (i Instance) rowID() string { return strings.ToLower(i.ID) }

// Text returns the value of a data key as it stands now, or as it was at the start.
func (i Instance) Text(name string) string {
	if s := i.CurrentStateData.Text(name); s != "" {
		return s
	}
	return i.InitialData.Text(name)
}

// Raw is like Text, for values that are not scalars.
func (i Instance) Raw(name string) json.RawMessage {
	if raw := i.CurrentStateData.Raw(name); len(raw) > 0 && string(raw) != "null" {
		return raw
	}
	return i.InitialData.Raw(name)
}

// Object is like Text, for values that have members of their own.
func (i Instance) Object(name string) Data {
	var d Data
	_ = d.UnmarshalJSON(i.Raw(name))
	return d
}

// DefinitionReference names the workflow definition that an instance follows.
type DefinitionReference struct {
	ID           Text `json:"Id"`
	DisplayName  Text
	Version      Int
	WorkflowType Text
}

// UnmarshalJSON accepts the object, and the array around it that 10.3 documents.
func (d *DefinitionReference) UnmarshalJSON(b []byte) error {
	type plain DefinitionReference
	var one plain
	if json.Unmarshal(b, &one) != nil {
		var many []plain
		if json.Unmarshal(b, &many) == nil && len(many) > 0 {
			one = many[0]
		}
	}
	*d = DefinitionReference(one)
	return nil
}

// ApprovalStatus is the signal that a Require Approval step waits for.
const ApprovalStatus = "ApprovalStatus"

// InstanceSignal is an answer that a step waits for, or has had.
type InstanceSignal struct {
	Name     Text `json:"SignalName"`
	ID       Text `json:"StepSignalId"`
	Received bool `json:"SignalReceived"`
}

// Signals are what the current step waits for.
type Signals []InstanceSignal

// UnmarshalJSON accepts an array, and the single object that 10.3 documents.
func (s *Signals) UnmarshalJSON(b []byte) error {
	type plain InstanceSignal
	var many []InstanceSignal
	if err := json.Unmarshal(b, &many); err != nil {
		var one plain
		if json.Unmarshal(b, &one) != nil {
			return fmt.Errorf("signals: %w", err)
		}
		many = nil
		if one.Name != "" {
			many = []InstanceSignal{InstanceSignal(one)}
		}
	}
	*s = many
	return nil
}

// Awaited reports whether the named signal is still to come.
func (s Signals) Awaited(name string) bool {
	for _, one := range s {
		if strings.EqualFold(string(one.Name), name) && !one.Received {
			return true
		}
	}
	return false
}

// Open reports whether any signal is still to come.
func (s Signals) Open() bool {
	for _, one := range s {
		if !one.Received {
			return true
		}
	}
	return false
}

// Steady orders: new rows come last, so that pages already read keep their rows.
const (
	instanceOrder    = "StartDate"
	certificateOrder = "SubmissionDate"
)

// AssignedToMe yields the instances that wait for an answer from us. Every one
// of them is suspended, and what number means so is learned on the way.
//
// Keyfactor's page: GET Workflow Instances AssignedToMe,
// https://software.keyfactor.com/Core-OnPrem/v11.0/Content/WebAPI/KeyfactorAPI/WorkflowInstancesGETAssignedToMe.htm
func (c *Client) AssignedToMe(ctx context.Context, o ListOptions) iter.Seq2[Instance, error] {
	rows := c.instances(ctx, "/Workflow/Instances/AssignedToMe", o)
	return func(yield func(Instance, error) bool) {
		for i, err := range rows {
			if err == nil {
				c.statuses.learn(i.Status)
				c.statuses.resolve(&i.Status)
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// waiting yields the same instances with nothing but what a poll compares: Id,
// status with its message, step, and date of change.
func (c *Client) waiting(ctx context.Context, o ListOptions) iter.Seq2[Instance, error] {
	if o.Sort == "" {
		o.Sort = instanceOrder
	}
	rows := walkPages(ctx, c, "/Workflow/Instances/AssignedToMe", o, c.decodeWaiting, decodePage)
	return func(yield func(Instance, error) bool) {
		for w, err := range rows {
			i := Instance{ID: w.ID, Status: w.Status, StatusMessage: w.StatusMessage, CurrentStepID: w.CurrentStepID, LastModified: w.LastModified}
			if err == nil {
				c.statuses.learn(i.Status)
				c.statuses.resolve(&i.Status)
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// waitingInstance is a row of AssignedToMe, as far as a poll wants it.
type waitingInstance struct {
	ID            string `json:"Id"`
	Status        Status
	StatusMessage Text
	CurrentStepID string `json:"CurrentStepId"`
	LastModified  Time
}

func (w waitingInstance) rowID() string { return strings.ToLower(w.ID) }

func (c *Client) decodeWaiting(raw json.RawMessage) (w waitingInstance, err error) {
	if err = json.Unmarshal(raw, &w); err == nil && w.ID == "" {
		err = errors.New("no Id")
	}
	return w, err
}

func decodePage(page []byte) (all []waitingInstance, err error) {
	if page = bytes.TrimSpace(page); len(page) == 0 || page[0] != '[' {
		return nil, errors.New("not a list") // null, for one, decodes as an empty one
	}
	err = json.Unmarshal(page, &all)
	return all, err
}

// Instances yields all instances, finished ones included.
//
// Keyfactor's page: GET Workflow Instances,
// https://software.keyfactor.com/Core-OnPrem/v24.4.3/Content/WebAPI/KeyfactorAPI/WorkflowInstancesGET.htm
func (c *Client) Instances(ctx context.Context, o ListOptions) iter.Seq2[Instance, error] {
	return c.instances(ctx, "/Workflow/Instances", o)
}

func (c *Client) instances(ctx context.Context, path string, o ListOptions) iter.Seq2[Instance, error] {
	if o.Sort == "" {
		o.Sort = instanceOrder
	}
	return walk(ctx, c, path, o, c.decodeInstance)
}

func (c *Client) decodeInstance(raw json.RawMessage) (i Instance, err error) {
	if err = json.Unmarshal(raw, &i); err != nil {
		return i, err
	}
	if i.ID == "" {
		return i, errors.New("no Id")
	}
	c.statuses.resolve(&i.Status)
	return i, nil
}

// Instance reads one instance, running or finished, by its GUID.
//
// Keyfactor's page: GET Workflow Instances Instance ID,
// https://software.keyfactor.com/Core-OnPrem/v11.5.3/Content/WebAPI/KeyfactorAPI/WorkflowInstancesGETID.htm
func (c *Client) Instance(ctx context.Context, id string) (Instance, error) {
	q := get("/Workflow/Instances/"+url.PathEscape(id), nil)
	a, err := c.do(ctx, q)
	if err != nil {
		return Instance{}, err
	}
	i, err := c.decodeInstance(a.body)
	if err == nil && !strings.EqualFold(i.ID, id) {
		err = fmt.Errorf("another instance: %s", clean(i.ID))
	}
	if err != nil {
		return Instance{}, q.unclear(a, err)
	}
	i.Answered, _ = http.ParseTime(a.header.Get("Date"))
	return i, nil
}

// SignalRequest is an answer to a step that waits.
type SignalRequest struct {
	// Key is the step's unique name, a dot and the signal's name:
	// RequireApproval1.ApprovalStatus
	Key      string
	Approved bool
	Comment  string
}

// Signal sends an answer to an instance, once. A nil error means that Keyfactor
// took it, not that the instance has moved.
//
// Keyfactor's page: POST Workflow Instances Instance ID Signals,
// https://software.keyfactor.com/Core-OnPrem/v24.4/Content/WebAPI/KeyfactorAPI/WorkflowInstancesPOSTIDSignals.htm
func (c *Client) Signal(ctx context.Context, id string, s SignalRequest) error {
	type data struct {
		Approved any
		Comment  string
	}
	q := post("/Workflow/Instances/"+url.PathEscape(id)+"/Signals", struct {
		SignalKey string
		Data      data
	}{s.Key, data{c.approved(s.Approved), s.Comment}})
	a, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	if a.html() {
		return q.unclear(a, nil)
	}
	return nil
}

func (c *Client) approved(yes bool) any {
	switch {
	case c.config.ApprovedAs == ApprovedAsBool:
		return yes
	case yes:
		return "True"
	}
	return "False"
}

package keyfactor

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/url"
	"strconv"
	"strings"
)

// Definition is a workflow definition in one of its versions.
type Definition struct {
	ID           string `json:"Id"`
	DisplayName  Text
	Description  Text
	WorkflowType Text
	// Published is the version that new instances run; 0 if there is none.
	Published Int `json:"PublishedVersion"`
	// Enabled is nil where it is not told (before 25).
	Enabled *bool
	Steps   []Step
}

// Step is one step of a definition. Steps are not listed in the order they run.
type Step struct {
	ID            string `json:"Id"`
	DisplayName   Text
	UniqueName    Text
	ExtensionName Text
	Signals       []struct {
		Name    Text  `json:"SignalName"`
		RoleIDs []Int `json:"RoleIds"`
	}
	Outputs map[string]Text
}

func (d Definition) rowID() string { return d.ID }

// Definitions yields the newest version of each workflow definition, without its steps.
//
// Keyfactor's page: GET Workflow Definitions,
// https://software.keyfactor.com/Core-OnPrem/v25.1/Content/WebAPI/KeyfactorAPI/WorkflowDefinitionsGET.htm
func (c *Client) Definitions(ctx context.Context) iter.Seq2[Definition, error] {
	return walk(ctx, c, "/Workflow/Definitions", ListOptions{Sort: "DisplayName"}, func(raw json.RawMessage) (d Definition, err error) {
		if err = json.Unmarshal(raw, &d); err == nil && d.ID == "" {
			err = errors.New("no Id")
		}
		return d, err
	})
}

// Step returns the step with this GUID.
func (d Definition) Step(id string) (Step, bool) {
	for _, s := range d.Steps {
		if strings.EqualFold(s.ID, id) {
			return s, true
		}
	}
	return Step{}, false
}

// Roles returns the ids of the roles whose members may approve at this step;
// nobody approves at a step without any.
func (s Step) Roles() (ids []int64) {
	for _, signal := range s.Signals {
		if strings.EqualFold(string(signal.Name), ApprovalStatus) {
			for _, id := range signal.RoleIDs {
				ids = append(ids, int64(id))
			}
		}
	}
	return ids
}

// Asks reports whether people approve at this step.
func (s Step) Asks() bool {
	for _, signal := range s.Signals {
		if strings.EqualFold(string(signal.Name), ApprovalStatus) {
			return true
		}
	}
	return strings.EqualFold(string(s.ExtensionName), "RequireApproval")
}

type definitionKey struct {
	id      string
	version int
}

// Definition reads a definition in the version that an instance runs; 0 is the
// newest. Published versions do not change, so the last few are remembered.
//
// Keyfactor's page: GET Workflow Definitions Definition ID,
// https://software.keyfactor.com/Core-OnPrem/v25.1/Content/WebAPI/KeyfactorAPI/WorkflowDefinitionsGETID.htm
func (c *Client) Definition(ctx context.Context, id string, version int) (Definition, error) {
	key := definitionKey{strings.ToLower(id), version}
	if d, ok := c.definitions.get(key); ok {
		return d, nil
	}
	q := get("/Workflow/Definitions/"+url.PathEscape(id), nil)
	if version > 0 {
		q.query = url.Values{"definitionVersion": {strconv.Itoa(version)}}
	}
	a, err := c.do(ctx, q)
	if err != nil {
		return Definition{}, err
	}
	var d Definition
	if err := json.Unmarshal(a.body, &d); err != nil {
		return Definition{}, q.unclear(a, err)
	}
	if version > 0 {
		c.definitions.put(key, d)
	}
	return d, nil
}

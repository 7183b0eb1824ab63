package keyfactor

import (
	"context"
	"encoding/json"
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
	Steps        []Step
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

// Step returns the step with this GUID.
func (d Definition) Step(id string) (Step, bool) {
	for _, s := range d.Steps {
		if strings.EqualFold(s.ID, id) {
			return s, true
		}
	}
	return Step{}, false
}

// asks reports whether people approve at this step.
func (s Step) asks() bool {
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

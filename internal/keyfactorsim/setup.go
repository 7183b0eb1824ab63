package keyfactorsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The calls that tell how the product is set up: roles, templates, and the schemas of workflow steps.

type wireRole struct {
	Id              int
	Name            string
	Description     string
	EmailAddress    *string
	Enabled         bool
	Immutable       bool
	Valid           bool
	Private         bool
	PermissionSetId string
	Identities      []wireRoleIdentity
	Permissions     []string
}

type wireRoleIdentity struct {
	Id           int
	AccountName  string
	IdentityType string
	SID          string
}

// wireRole2 is the role of version 2 of the call.
type wireRole2 struct {
	Id              int
	Name            string
	EmailAddress    *string
	Immutable       bool
	PermissionSetId string
	ClaimsCount     int
}

func roleFields() fields[Role] {
	return newFields(
		field[Role]{name: "Id", kind: numberValue, get: func(r *Role) value { return number(int64(r.ID)) }},
		field[Role]{name: "Name", get: func(r *Role) value { return textOf(r.Name) }},
	)
}

func (c *call) listRoles() answer {
	var all []*Role
	for i := range c.s.roles {
		all = append(all, &c.s.roles[i])
	}
	rows, total, bad := listSlice(c, all, roleFields(), "Name")
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, c.wireRole), total)
}

func (c *call) getRole() answer {
	for i := range c.s.roles {
		if r := &c.s.roles[i]; strconv.Itoa(r.ID) == c.id {
			return ok(c.wireRole(r))
		}
	}
	return notFound("Security role with id '%s' was not found.", c.id).answer()
}

func (c *call) wireRole(r *Role) any {
	set := idOf("permission set", "Global")
	members := []wireRoleIdentity{}
	for _, a := range c.s.accounts {
		if slices.Contains(a.roles, r.ID) {
			members = append(members, wireRoleIdentity{a.id, a.identity, "User", fmt.Sprintf("S-1-5-21-1004336348-1177238915-682003330-%d", 1100+a.id)})
		}
	}
	if strings.HasPrefix(c.r.Header.Get("x-keyfactor-api-version"), "2") {
		return wireRole2{r.ID, r.Name, textOrNull(r.Email), false, set, len(members)}
	}
	permissions := r.Permissions
	if permissions == nil {
		permissions = []string{}
	}
	return wireRole{r.ID, r.Name, r.Name, textOrNull(r.Email), true, false, true, false, set, members, permissions}
}

type wireTemplate struct {
	Id                  int
	CommonName          string
	TemplateName        string
	Oid                 string
	KeySize             string
	KeyType             string
	ForestRoot          string
	ConfigurationTenant string
	FriendlyName        string
	DisplayName         string
	RequiresApproval    bool
}

func templateFields() fields[Template] {
	return newFields(
		field[Template]{name: "Id", kind: numberValue, get: func(t *Template) value { return number(int64(t.ID)) }},
		field[Template]{name: "CommonName", get: func(t *Template) value { return textOf(t.Name) }},
		field[Template]{name: "TemplateName", get: func(t *Template) value { return textOf(t.display()) }},
		field[Template]{name: "DisplayName", get: func(t *Template) value { return textOf(t.display()) }},
	)
}

func (t *Template) display() string {
	if t.DisplayName == "" {
		return t.Name
	}
	return t.DisplayName
}

func (t *Template) wire() wireTemplate {
	return wireTemplate{
		Id: t.ID, CommonName: t.Name, TemplateName: t.display(), Oid: t.OID, KeySize: t.KeySize, KeyType: t.KeyType,
		ForestRoot: t.ForestRoot, ConfigurationTenant: t.ForestRoot, FriendlyName: t.display(), DisplayName: t.display(),
		RequiresApproval: t.RequiresApproval,
	}
}

func (c *call) allTemplates() []*Template {
	var all []*Template
	for _, t := range c.s.templates {
		all = append(all, &t)
	}
	slices.SortFunc(all, func(a, b *Template) int { return a.ID - b.ID })
	return all
}

func (c *call) listTemplates() answer {
	rows, total, bad := listSlice(c, c.allTemplates(), templateFields(), "CommonName")
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, (*Template).wire), total)
}

func (c *call) getTemplate() answer {
	for _, t := range c.allTemplates() {
		if strconv.Itoa(t.ID) == c.id {
			return ok(t.wire())
		}
	}
	return notFound("Template with id '%s' was not found.", c.id).answer()
}

type wireParameter struct {
	DisplayName             string
	ParameterType           int
	Required                bool
	DefaultValue            *string
	ControlType             int
	PotentialValues         map[string]string
	SupportTokenReplacement bool
	DependsOn               map[string]string
	ToolTipContents         *string
}

type wireSignalSchema struct {
	InputParameters map[string]wireParameter
}

type wireStepSchema struct {
	DisplayName                       string
	ExtensionName                     string
	Outputs                           []string                    `json:",omitempty"`
	SupportedWorkflowTypes            []string                    `json:",omitempty"`
	ConfigurationParametersDefinition map[string]wireParameter    `json:"ConfigurationParametersDefinition"`
	SignalsDefinition                 map[string]wireSignalSchema `json:"SignalsDefinition"`
}

type wireType struct {
	WorkflowType      string
	KeyType           string
	ContextParameters []string
	BuiltInSteps      []wireStepSchema
}

func parameter(name string, required bool) wireParameter {
	return wireParameter{DisplayName: name, Required: required, PotentialValues: map[string]string{}, DependsOn: map[string]string{}}
}

var workflowTypes = []string{"Enrollment", "Revocation", "CertificateEnteredCollection", "CertificateLeftCollection", "Expiration"}

func stepSchemas() []*wireStepSchema {
	none := map[string]wireSignalSchema{}
	schema := func(display, extension string, parameters ...string) *wireStepSchema {
		s := &wireStepSchema{
			DisplayName: display, ExtensionName: extension, Outputs: []string{"continue"}, SupportedWorkflowTypes: workflowTypes,
			ConfigurationParametersDefinition: map[string]wireParameter{}, SignalsDefinition: none,
		}
		for _, p := range parameters {
			s.ConfigurationParametersDefinition[p] = parameter(p, false)
		}
		return s
	}
	approval := schema("Require Approval", "RequireApproval", "MinimumApprovals", "ApprovalEmailSubject", "ApprovalEmailMessage",
		"ApprovalEmailRecipients", "DenialEmailSubject", "DenialEmailMessage", "DenialEmailRecipients")
	approval.SignalsDefinition = map[string]wireSignalSchema{approvalStatus: {InputParameters: map[string]wireParameter{
		"Approved": parameter("Approved", true), "Comment": parameter("Comment", false),
	}}}
	return []*wireStepSchema{
		schema("No Operation", "NOOPStep"), approval, schema("Send Email", "Email", "Subject", "Message", "Recipients"),
		schema("Set Variable Data", "PowerShell", "ScriptParameters", "ScriptContent"), schema("Use Custom PowerShell", "CustomPowerShell", "ScriptName"),
		schema("Invoke REST Request", "RESTRequest", "URL", "Verb", "Headers", "RequestContent"), schema("Update Certificate Metadata", "UpdateMetadata"),
		schema("Enroll", "EnrollStep"), schema("Expiration Renewal", "ExpirationRenewal"),
	}
}

func schemaFields() fields[wireStepSchema] {
	return newFields(
		field[wireStepSchema]{name: "DisplayName", get: func(s *wireStepSchema) value { return textOf(s.DisplayName) }},
		field[wireStepSchema]{name: "ExtensionName", get: func(s *wireStepSchema) value { return textOf(s.ExtensionName) }},
		field[wireStepSchema]{name: "SupportedWorkflowTypes", get: func(s *wireStepSchema) value { return textOf(strings.Join(s.SupportedWorkflowTypes, ",")) }},
	)
}

func (c *call) listSteps() answer {
	rows, total, bad := listSlice(c, stepSchemas(), schemaFields(), "DisplayName")
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, func(s *wireStepSchema) wireStepSchema { s.Outputs = nil; return *s }), total)
}

func (c *call) getStep() answer {
	for _, s := range stepSchemas() {
		if strings.EqualFold(s.ExtensionName, c.id) {
			s.SupportedWorkflowTypes = nil
			return ok(s)
		}
	}
	return notFound("Workflow step '%s' was not found.", c.id).answer()
}

// contextParameters are the keys that instances of a type carry.
var contextParameters = map[string][]string{
	"Enrollment": {"CertificateAuthority", "InitiatingUserName", "RequesterId", "CSR", "Subject", "SANs", "Template", "IncludeChain", "IsPFX", "Metadata", "AdditionalAttributes"},
	"Revocation": {"CertificateAuthority", "InitiatingUserName", "CertificateId", "SerialNumberString", "Thumbprint", "RevokeCode", "EffectiveDate", "Comment", "Delegate", "OperationStart"},
}

func (c *call) listTypes() answer {
	var all []*wireType
	for _, name := range workflowTypes {
		t := &wireType{WorkflowType: name, KeyType: "CertificateCollection", ContextParameters: []string{"CertificateId", "InitiatingUserName"}, BuiltInSteps: []wireStepSchema{}}
		if parameters, ok := contextParameters[name]; ok {
			t.KeyType, t.ContextParameters = "Template", parameters
		}
		all = append(all, t)
	}
	rows, total, bad := listSlice(c, all, newFields(field[wireType]{name: "WorkflowType", get: func(t *wireType) value { return textOf(t.WorkflowType) }}), "WorkflowType")
	if bad != nil {
		return bad.answer()
	}
	return c.list(rowsOf(rows, func(t *wireType) wireType { return *t }), total)
}

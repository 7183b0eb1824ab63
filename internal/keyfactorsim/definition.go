package keyfactorsim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// idSpace is the name space of the ids that follow from names.
var idSpace = uuid.MustParse("5f1a5d0c-7d0e-4c58-9d5e-6d4a2f0b9a11")

// idOf makes the id of a named thing: the same in every run.
func idOf(kind, name string) string { return uuid.NewSHA1(idSpace, []byte(kind+":"+name)).String() }

// approvalStatus is the one signal that is documented.
const approvalStatus = "ApprovalStatus"

// definition is one version of a workflow definition.
type definition struct {
	id, name, description, typ string
	key, keyName               string
	version, published         int
	enabled                    bool
	// steps are in the order of execution, from StartNOOP to EndNOOP.
	steps []*step
}

type step struct {
	id, name, display, extension string
	// signal is empty when the step does not wait.
	signal     string
	roles      []int
	approvals  int
	fails      string
	parameters map[string]any
	adds       map[string]any
	// final is the step that enrols or revokes.
	final bool
}

// newDefinitions builds all versions of all definitions, and lists the newest of each.
func newDefinitions(seed Seed, roleIDs map[string]int, templates map[string]Template) (versions map[string][]*definition, newest []*definition) {
	versions = map[string][]*definition{}
	var order []string
	for _, d := range seed.Definitions {
		if _, ok := versions[d.Name]; !ok {
			order = append(order, d.Name)
		}
		versions[d.Name] = append(versions[d.Name], newDefinition(d, roleIDs, templates))
	}
	for _, name := range order {
		all := versions[name]
		slices.SortFunc(all, func(a, b *definition) int { return cmp.Compare(a.version, b.version) })
		last := all[len(all)-1]
		for _, d := range all {
			d.published = last.version
		}
		newest = append(newest, last)
	}
	return versions, newest
}

func newDefinition(d Definition, roleIDs map[string]int, templates map[string]Template) *definition {
	def := &definition{
		id: idOf("definition", d.Name), name: d.Name, description: d.Description, typ: d.Type,
		version: max(d.Version, 1), enabled: !d.Disabled,
	}
	if t, ok := templates[d.Template]; ok {
		def.key, def.keyName = fmt.Sprint(t.ID), t.Name
	}
	add := func(s *step) {
		s.id = idOf("step", d.Name+"/"+s.name)
		def.steps = append(def.steps, s)
	}
	add(&step{name: "StartNOOP", display: "Start", extension: "NOOPStep"})
	for _, each := range d.Steps {
		s := &step{
			name: each.Name, display: cmp.Or(each.DisplayName, each.Name), extension: each.Extension, approvals: max(each.Approvals, 1),
			fails: each.Fails, parameters: each.Parameters, adds: each.Adds,
		}
		for _, r := range each.Roles {
			s.roles = append(s.roles, roleIDs[r])
		}
		if len(s.roles) > 0 {
			s.signal = cmp.Or(each.Signal, approvalStatus)
			s.extension = cmp.Or(s.extension, "RequireApproval")
		}
		s.extension = cmp.Or(s.extension, "Email")
		add(s)
	}
	switch d.Type {
	case "Enrollment":
		add(&step{name: "Keyfactor-Enroll", display: "Enroll", extension: "EnrollStep", final: true})
	case "Revocation":
		add(&step{name: "Keyfactor-Revoke", display: "Revoke", extension: "Keyfactor-Revoke", final: true})
	}
	add(&step{name: "EndNOOP", display: "End", extension: "NOOPStep"})
	return def
}

// versionOf finds a version of a definition; 0 is the published one.
func versionOf(all []*definition, version int) *definition {
	for _, d := range all {
		if d.version == version || version == 0 && d.version == d.published {
			return d
		}
	}
	return nil
}

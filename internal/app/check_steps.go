package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/keyfactor"
)

// maxDefinitions bounds how many workflow definitions a check reads.
const maxDefinitions = 200

// approvalStep is a place where Keyfactor waits for somebody with a role.
type approvalStep struct {
	name  string // of the definition and the step, for people
	roles []int64
}

// steps looks at the approval steps of all workflow definitions, and reports
// whether that tells why nothing may wait for our login: there are none, or we
// know which of them name its role.
func (d *doctor) steps(ctx context.Context, check string, client *keyfactor.Client, first bool) (explained bool) {
	steps, err := approvalSteps(ctx, client)
	switch {
	case errors.Is(err, approval.ErrForbidden):
		d.warn(check, "workflow definitions cannot be read, so a rejection at a later step cannot always be told from one at ours; give the login's role /workflows/definitions/read/ (version 10: WorkflowDefinitions: Read)")
		return false
	case err != nil:
		d.warn(check, fmt.Sprintf("workflow definitions could not be read: %v; try again, and look at Keyfactor's own log if it stays so", err))
		return false
	case len(steps) == 0:
		d.warn(check, "no workflow definition that is in use has an approval step; add a Require Approval step to the workflows that people shall decide, or leave workflow out of poll.sources")
		return true
	}
	names, err := roleNames(ctx, client)
	if !first || len(d.o.Roles) == 0 {
		d.fine(check, fmt.Sprintf("workflow definitions can be read; approval steps name %s", tally(steps, names)))
		return false
	}
	return d.roles(check, steps, names, err)
}

// roles compares the roles that we were told of with those that the steps name.
func (d *doctor) roles(check string, steps []approvalStep, names map[int64]string, err error) (explained bool) {
	ours := map[int64]bool{}
	for _, role := range d.o.Roles {
		id, ok := roleID(role, names)
		switch {
		case !ok && err != nil:
			d.warn(check, fmt.Sprintf("the number of the role %s cannot be read: %v; give --role the number, or the login's role /security/read/ for as long as this check takes", role, err))
			return false
		case !ok:
			d.fail(check, fmt.Sprintf("Keyfactor has no security role %s; check the spelling under System Settings, Security Roles", role))
			return false
		}
		ours[id] = true
	}
	var without []string
	for _, s := range steps {
		if !slices.ContainsFunc(s.roles, func(id int64) bool { return ours[id] }) {
			without = append(without, s.name)
		}
	}
	all := strings.Join(d.o.Roles, ", ")
	switch {
	case len(without) == len(steps):
		d.fail(check, fmt.Sprintf("no approval step names the role %s, so nothing ever reaches the bot; add the role to the signal of the steps that it shall decide, and publish the definition. Steps name %s", all, tally(steps, names)))
	case len(without) > 0:
		d.fine(check, fmt.Sprintf("%d of %d approval steps name the role %s; requests at these never reach the bot: %s", len(steps)-len(without), len(steps), all, strings.Join(without, ", ")))
	default:
		d.fine(check, fmt.Sprintf("all %d approval steps name the role %s", len(steps), all))
	}
	return true
}

func roleID(role string, names map[int64]string) (int64, bool) {
	for id, name := range names {
		if strings.EqualFold(name, role) {
			return id, true
		}
	}
	id, err := strconv.ParseInt(role, 10, 64)
	_, known := names[id]
	return id, err == nil && (known || len(names) == 0)
}

// tally counts steps by role: "PKI Approvers (3), 9 (1)".
func tally(steps []approvalStep, names map[int64]string) string {
	count := map[int64]int{}
	for _, s := range steps {
		for _, id := range s.roles {
			count[id]++
		}
	}
	var parts []string
	for id, n := range count {
		name := names[id]
		if name == "" {
			name = strconv.FormatInt(id, 10)
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", name, n))
	}
	if len(parts) == 0 {
		return "no role at all"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// approvalSteps reads the definitions that new instances run.
func approvalSteps(ctx context.Context, client *keyfactor.Client) (steps []approvalStep, err error) {
	var inUse []keyfactor.Definition
	for def, err := range client.Definitions(ctx) {
		if unread := (*keyfactor.RowError)(nil); errors.As(err, &unread) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if def.Published > 0 && (def.Enabled == nil || *def.Enabled) && len(inUse) < maxDefinitions {
			inUse = append(inUse, def)
		}
	}
	for _, brief := range inUse {
		def, err := client.Definition(ctx, brief.ID, int(brief.Published))
		if err != nil {
			return nil, err
		}
		for _, s := range def.Steps {
			if s.Asks() {
				steps = append(steps, approvalStep{fmt.Sprintf("%s/%s", def.DisplayName, s.DisplayName), s.Roles()})
			}
		}
	}
	return steps, nil
}

func roleNames(ctx context.Context, client *keyfactor.Client) (map[int64]string, error) {
	names := map[int64]string{}
	for role, err := range client.Roles(ctx) {
		if unread := (*keyfactor.RowError)(nil); errors.As(err, &unread) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names[int64(role.ID)] = string(role.Name)
	}
	return names, nil
}

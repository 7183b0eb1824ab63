package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// How long what Slack said about people is believed. A group that could not be
// refreshed for staleGroups counts as empty: access never outlives knowledge for long.
const (
	freshPerson = 5 * time.Minute
	freshGroups = time.Minute
	staleGroups = 10 * time.Minute
)

// people knows who somebody is and which groups they are in, as Slack says.
type people struct {
	slack *slack.Client
	now   func() time.Time

	mu      sync.Mutex
	persons map[string]knownPerson
	groups  map[string]knownGroup  // by handle without @, and by id
	found   map[string]knownPerson // by what configuration or Keyfactor calls them; ID empty means nobody
	handles handles

	enterprise string // our organisation, where the workspace belongs to one
}

type knownPerson struct {
	approval.Person
	handle string
	zone   *time.Location // of their clock
	at     time.Time
}

type knownGroup struct {
	id      string
	members []string
	at      time.Time
}

// ours tells which organisation our workspace belongs to.
func (p *people) ours(enterprise string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enterprise = enterprise
}

func (p *people) ourEnterprise() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.enterprise
}

func newPeople(c *slack.Client, now func() time.Time) *people {
	return &people{slack: c, now: now, persons: map[string]knownPerson{}, groups: map[string]knownGroup{}}
}

// cached returns the person if they were asked for lately.
func (p *people) cached(id string) (knownPerson, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.persons[id]
	return k, ok && p.now().Sub(k.at) < freshPerson
}

// person asks Slack who this is. ourTeam decides who is an outsider.
func (p *people) person(ctx context.Context, id, ourTeam string) (knownPerson, error) {
	if k, ok := p.cached(id); ok {
		return k, nil
	}
	u, err := p.slack.GetUserInfoContext(ctx, id)
	if err != nil {
		return knownPerson{}, fmt.Errorf("ask Slack about person %s: %w", id, err)
	}
	k := knownPerson{
		Person: approval.Person{Team: u.TeamID, ID: u.ID, Name: displayName(u), Email: u.Profile.Email, Membership: membership(u, ourTeam, p.ourEnterprise())},
		handle: u.Name,
		zone:   zone(u),
		at:     p.now(),
	}
	if !u.IsEmailConfirmed {
		k.Email = "" // an address that Slack has not confirmed proves nothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.persons[id] = k
	return k, nil
}

// zone is the time zone that a person has set in Slack.
func zone(u *slack.User) *time.Location {
	if z, err := time.LoadLocation(u.TZ); err == nil && u.TZ != "" && u.TZ != "Local" {
		return z
	}
	return time.FixedZone(u.TZLabel, u.TZOffset)
}

func displayName(u *slack.User) string {
	for _, name := range []string{u.Profile.RealName, u.RealName, u.Profile.DisplayName, u.Name} {
		if name != "" {
			return name
		}
	}
	return u.ID
}

func membership(u *slack.User, ourTeam, ourEnterprise string) approval.Membership {
	organisation := u.Enterprise.EnterpriseID
	switch {
	case u.Deleted:
		return approval.Deactivated
	case u.IsBot || u.IsAppUser || u.ID == "USLACKBOT":
		return approval.Robot
	case u.IsStranger || ourTeam == "" || u.TeamID != ourTeam || organisation != "" && organisation != ourEnterprise:
		return approval.Outsider
	case u.IsRestricted || u.IsUltraRestricted:
		return approval.Guest
	}
	return approval.Member
}

// in reports whether the person is one of users or a member of one of groups.
func (p *people) in(ctx context.Context, k knownPerson, users, groups []string) (bool, error) {
	for _, u := range users {
		if named(k, u) {
			return true, nil
		}
	}
	for _, g := range groups {
		members, err := p.members(ctx, g)
		if err != nil {
			return false, err
		}
		if slices.Contains(members, k.ID) {
			return true, nil
		}
	}
	return false, nil
}

// groupsOf returns those of the groups that the person is in.
func (p *people) groupsOf(ctx context.Context, k knownPerson, groups []string) (mine []string, err error) {
	for _, g := range groups {
		members, err := p.members(ctx, g)
		if err != nil {
			return nil, err
		}
		if slices.Contains(members, k.ID) {
			mine = append(mine, g)
		}
	}
	return mine, nil
}

// named reports whether configuration text means this person: an id, an @handle
// or an e-mail address.
func named(k knownPerson, text string) bool {
	switch handle, isHandle := strings.CutPrefix(text, "@"); {
	case isHandle:
		return k.handle != "" && strings.EqualFold(handle, k.handle)
	case strings.Contains(text, "@"):
		return k.Email != "" && strings.EqualFold(text, k.Email)
	}
	return text == k.ID
}

// members returns who is in a user group. When Slack does not answer, what was
// known is used for a while; after that the group is an error, never a guess. A
// group that Slack says is not there is an error at once.
func (p *people) members(ctx context.Context, group string) ([]string, error) {
	k, err := p.group(ctx, group)
	return k.members, err
}

// groupID returns the id of a user group, for mentioning it.
func (p *people) groupID(ctx context.Context, group string) (string, error) {
	k, err := p.group(ctx, group)
	return k.id, err
}

func (p *people) group(ctx context.Context, group string) (knownGroup, error) {
	name := strings.TrimPrefix(group, "@")
	p.mu.Lock()
	known, ok := p.groups[name]
	p.mu.Unlock()
	age := p.now().Sub(known.at)
	if ok && age < freshGroups {
		return known, nil
	}
	read, err := p.readGroup(ctx, name)
	if _, gone := errors.AsType[*UnknownGroupError](err); gone {
		p.mu.Lock()
		delete(p.groups, name)
		p.mu.Unlock()
		return knownGroup{}, err
	}
	if err != nil {
		if ok && age < staleGroups {
			return known, nil
		}
		return knownGroup{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups[name] = read
	return read, nil
}

func (p *people) readGroup(ctx context.Context, name string) (knownGroup, error) {
	groups, err := p.slack.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
	if err != nil {
		return knownGroup{}, fmt.Errorf("ask Slack for group @%s: %w", name, err)
	}
	for _, g := range groups {
		if (g.Handle == name || g.ID == name) && g.DateDelete == 0 {
			return knownGroup{id: g.ID, members: g.Users, at: p.now()}, nil
		}
	}
	return knownGroup{}, &UnknownGroupError{Name: name}
}

// UnknownGroupError says that Slack has no user group of that handle or id, or
// that it is switched off.
type UnknownGroupError struct{ Name string }

func (e *UnknownGroupError) Error() string {
	if strings.HasPrefix(e.Name, "S") && strings.ToUpper(e.Name) == e.Name {
		return "group " + e.Name + " was not found in Slack"
	}
	return "group @" + e.Name + " was not found in Slack"
}

// check says in a sentence why configuration text means nobody, or "".
func (p *people) check(ctx context.Context, text, team string) string {
	k, err := p.find(ctx, text, team)
	switch {
	case err != nil:
		return "" // Slack's own trouble is told elsewhere
	case k.ID == "":
		return fmt.Sprintf("approver %s was not found in Slack", text)
	case k.Membership != approval.Member:
		return fmt.Sprintf("approver %s is no full member of the workspace and may not decide", text)
	}
	return ""
}

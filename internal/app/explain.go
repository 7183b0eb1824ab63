package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/keyfactor"
)

// Look reads one request from Keyfactor as the service would, whether or not its
// queue is polled.
func Look(ctx context.Context, c *config.Config, id approval.ID, log *zap.Logger) (approval.Standing, error) {
	client, err := newKeyfactor(c.Keyfactor, log, nil)
	if err != nil {
		return approval.Standing{}, err
	}
	portal, link := c.Keyfactor.Portal()
	sc := keyfactor.SourceConfig{PortalURL: portal, LinkTemplate: link, MetadataFields: c.Keyfactor.Metadata, Log: log}
	for _, s := range []approval.Source{keyfactor.NewWorkflows(client, sc), keyfactor.NewCertificates(client, sc)} {
		if s.Kind() == id.Kind() {
			return s.Look(ctx, id)
		}
	}
	return approval.Standing{}, fmt.Errorf("there are no %s requests in Keyfactor; there are %s and %s", id.Kind(), approval.Workflow, approval.Certificate)
}

// Opinion is what policy says about one person and one request.
type Opinion struct {
	// Asked is how the person was named in the question.
	Asked  string          `json:"asked"`
	Person approval.Person `json:"person,omitzero"`
	// As are the users and groups of the rule that list the person.
	As       []string          `json:"as,omitempty"`
	Relation approval.Relation `json:"relation,omitempty"`
	Approve  approval.Refusal  `json:"approve_refused,omitempty"`
	Deny     approval.Refusal  `json:"deny_refused,omitempty"`
	// Trouble is why nothing could be learned; then nothing else is set.
	Trouble string `json:"trouble,omitempty"`
}

// Judge asks Slack about people, named by ID, @handle or e-mail address, and
// says of each what they may do about a pending request.
func Judge(ctx context.Context, c *config.Config, rule approval.Rule, q approval.Request, names []string) ([]Opinion, error) {
	api := slack.New(c.Slack.BotToken.Reveal(), slack.OptionHTTPClient(&http.Client{Timeout: slackTimeout}), slack.OptionAPIURL(c.Slack.APIURL))
	who, err := api.AuthTestContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask Slack who we are: %w", err)
	}
	d := directory{api: api, team: who.TeamID, enterprise: who.EnterpriseID}
	opinions := make([]Opinion, len(names))
	for i, name := range names {
		opinions[i] = d.judge(ctx, c.People.Names(), rule, q, name)
	}
	return opinions, nil
}

// directory asks Slack about people.
type directory struct {
	api  *slack.Client
	team string
	// enterprise is our organisation, where the workspace belongs to one.
	enterprise string
	users      []slack.User // for handles, which Slack has no look-up for
	groups     []slack.UserGroup
}

func (d *directory) judge(ctx context.Context, names approval.Directory, rule approval.Rule, q approval.Request, name string) Opinion {
	o := Opinion{Asked: name}
	k, err := d.find(ctx, name)
	if err != nil {
		o.Trouble = err.Error()
		return o
	}
	o.Person = k.Person
	by := approval.Candidate{Person: k.Person}
	for _, user := range rule.Users {
		if user == k.ID || strings.EqualFold(user, "@"+k.Handle) || k.Email != "" && strings.EqualFold(user, k.Email) {
			o.As = append(o.As, user)
		}
	}
	for _, group := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(rule.Groups, rule.Quorum.From)))) {
		members, err := d.members(ctx, group)
		switch {
		case err != nil:
			o.Trouble = err.Error()
			return o
		case !slices.Contains(members, k.ID):
			continue
		}
		if slices.Contains(rule.Groups, group) {
			o.As = append(o.As, group)
		}
		if slices.Contains(rule.Quorum.From, group) {
			by.Groups = append(by.Groups, group)
		}
	}
	by.Listed = len(o.As) > 0
	var found []approval.Known
	for _, lookup := range names.Lookups(q.Requester, k) {
		other, err := d.find(ctx, lookup)
		if errors.Is(err, errNobody) {
			continue
		}
		if err != nil {
			o.Trouble = err.Error()
			return o
		}
		found = append(found, other)
	}
	by.Relation = names.Relate(q.Requester, k, found)
	o.Relation = by.Relation
	pending := approval.Case{Rule: rule, Request: q, State: approval.Pending}
	pending.Rule.ExpiresAfter = 0 // when it was first seen is known to the service alone
	o.Approve = pending.Judge(approval.Approve, by, q.Submitted)
	o.Deny = pending.Judge(approval.Deny, by, q.Submitted)
	return o
}

// errNobody means that Slack knows nobody by a name.
var errNobody = errors.New("was not found in Slack")

func (d *directory) find(ctx context.Context, name string) (approval.Known, error) {
	var u *slack.User
	var err error
	switch handle, isHandle := strings.CutPrefix(name, "@"); {
	case isHandle:
		u, err = d.handle(ctx, handle)
	case strings.Contains(name, "@"):
		u, err = d.api.GetUserByEmailContext(ctx, name)
	default:
		u, err = d.api.GetUserInfoContext(ctx, name)
	}
	if refusal, ok := errors.AsType[slack.SlackErrorResponse](err); ok && slices.Contains([]string{"users_not_found", "user_not_found", "user_not_visible"}, refusal.Err) {
		err = errNobody
	}
	if errors.Is(err, errNobody) {
		return approval.Known{}, fmt.Errorf("%s %w", name, errNobody)
	}
	if err != nil {
		return approval.Known{}, fmt.Errorf("ask Slack for %s: %w", name, err)
	}
	return d.known(u), nil
}

func (d *directory) handle(ctx context.Context, handle string) (*slack.User, error) {
	if d.users == nil {
		all, err := d.api.GetUsersContext(ctx)
		if err != nil {
			return nil, err
		}
		d.users = all
	}
	for i, u := range d.users {
		if strings.EqualFold(u.Name, handle) && !u.Deleted {
			return &d.users[i], nil
		}
	}
	return nil, errNobody
}

func (d *directory) known(u *slack.User) approval.Known {
	k := approval.Known{Handle: u.Name, Person: approval.Person{Team: u.TeamID, ID: u.ID, Name: cmp.Or(u.Profile.RealName, u.RealName, u.Profile.DisplayName, u.Name, u.ID), Email: u.Profile.Email}}
	if !u.IsEmailConfirmed {
		k.Email = "" // an address that Slack has not confirmed proves nothing
	}
	switch {
	case u.Deleted:
		k.Membership = approval.Deactivated
	case u.IsBot || u.IsAppUser || u.ID == "USLACKBOT":
		k.Membership = approval.Robot
	case u.IsStranger || d.team == "" || u.TeamID != d.team || u.Enterprise.EnterpriseID != "" && u.Enterprise.EnterpriseID != d.enterprise:
		k.Membership = approval.Outsider
	case u.IsRestricted || u.IsUltraRestricted:
		k.Membership = approval.Guest
	default:
		k.Membership = approval.Member
	}
	return k
}

func (d *directory) members(ctx context.Context, group string) ([]string, error) {
	if d.groups == nil {
		all, err := d.api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
		if err != nil {
			return nil, fmt.Errorf("ask Slack for group %s: %w", group, err)
		}
		d.groups = all
	}
	for _, g := range d.groups {
		if name := strings.TrimPrefix(group, "@"); (g.Handle == name || g.ID == name) && g.DateDelete == 0 {
			return g.Users, nil
		}
	}
	return nil, fmt.Errorf("group %s was not found in Slack", group)
}

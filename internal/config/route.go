package config

import (
	"slices"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Route says which requests go to which channels, and who may decide them. The
// first route that matches takes the request.
type Route struct {
	Name  string `yaml:"name"`
	Match Match  `yaml:"match,omitempty"`
	// Channels are #names or Slack channel IDs. They may be missing only where
	// DirectMessages is [DirectMessagesOnly].
	Channels  []string `yaml:"channels,omitempty"`
	Approvers People   `yaml:"approvers"`
	// DirectMessages says whether the approvers get cards of their own.
	DirectMessages string `yaml:"direct_messages"`
	Quorum         Quorum `yaml:"quorum"`
	// Denial is [DenialEnds] or [DenialCounts].
	Denial string `yaml:"denial"`
	// SelfApproval is [SelfApprovalDeny] or [SelfApprovalAllow].
	SelfApproval string `yaml:"self_approval"`
	// UnresolvedRequester is [UnresolvedDeny], [UnresolvedSecond] or [UnresolvedAllow].
	UnresolvedRequester string  `yaml:"unresolved_requester"`
	Comment             Comment `yaml:"comment"`
	// Confirm is [ConfirmNone] or [ConfirmCommonName].
	Confirm string `yaml:"confirm"`
	// Chat is [ChatDecide] or [ChatShowOnly].
	Chat string `yaml:"chat"`
	// ExpiresAfter ends deciding from Slack; 0 is never.
	ExpiresAfter time.Duration `yaml:"expires_after,omitempty"`
	// ClaimFor is how long it is shown who looks at a request; 0 switches it off.
	ClaimFor time.Duration `yaml:"claim_for"`
	// Reminders are what happens while nobody decides, within Hours.
	Reminders []Reminder `yaml:"reminders,omitempty"`
	Hours     Hours      `yaml:"hours,omitempty"`
	// Hints is where the route differs from [Config.Hints].
	Hints Hints `yaml:"hints,omitempty"`

	hints approval.HintRule // as they are in force
	// Delegation is [DelegationDeny] or [DelegationAllow].
	Delegation string `yaml:"delegation"`
	// NotifyRequester tells the requester what becomes of the request.
	NotifyRequester bool `yaml:"notify_requester,omitempty"`
}

// Reminder reminds the approvers of a request that waits, and shows it to a
// channel or a person as well.
type Reminder struct {
	// After counts the hours of the route's Hours only.
	After   time.Duration `yaml:"after"`
	Channel string        `yaml:"channel,omitempty"`
	User    string        `yaml:"user,omitempty"`
}

// Whether the approvers of a route get cards as direct messages.
const (
	DirectMessagesNone = "none"
	DirectMessagesAlso = "also"
	DirectMessagesOnly = "only"
)

// What one denial does.
const (
	DenialEnds   = "ends"
	DenialCounts = "counts"
)

// Whether the person who asked for a certificate may decide about it.
const (
	SelfApprovalDeny  = "deny"
	SelfApprovalAllow = "allow"
)

// What happens when nobody can tell who the requester is in Slack.
const (
	UnresolvedDeny   = "deny"
	UnresolvedSecond = "second_person"
	UnresolvedAllow  = "allow"
)

// Whether approvers who are away can be represented.
const (
	DelegationDeny  = "deny"
	DelegationAllow = "allow"
)

// What an approver has to do before an approval counts.
const (
	ConfirmNone       = "none"
	ConfirmCommonName = "type-common-name"
)

// What can be done from a card.
const (
	ChatDecide   = "decide"
	ChatShowOnly = "show-only"
)

// Whether a verdict comes with a comment.
const (
	CommentRequired = "required"
	CommentOptional = "optional"
	CommentOff      = "off"
)

// Quorum is how many people have to approve, and from which groups. A number
// alone stands for the count.
type Quorum struct {
	Count int `yaml:"count"`
	// From wants one approver from each of these groups, all different people.
	From []string `yaml:"from,omitempty"`
}

func (Quorum) shorthand() string { return "count" }

// Comment says for each verdict whether it is [CommentRequired], [CommentOptional] or [CommentOff].
type Comment struct {
	Approve string `yaml:"approve"`
	Deny    string `yaml:"deny"`
	// MinLength is the least number of characters of a comment that is given.
	MinLength int `yaml:"min_length,omitempty"`
	// DenyReasons are offered for choice with a denial.
	DenyReasons []string `yaml:"deny_reasons,omitempty"`
}

// For returns the rule for one verdict.
func (c Comment) For(v approval.Verdict) string {
	if v == approval.Approve {
		return c.Approve
	}
	return c.Deny
}

// Rule returns what the route says about deciding.
func (r Route) Rule() approval.Rule {
	rule := approval.Rule{
		Route: r.Name, Users: r.Approvers.Users, Groups: r.Approvers.Groups,
		Quorum:         approval.Quorum{Count: r.Quorum.Count, From: r.Quorum.From},
		DenialCounts:   r.Denial == DenialCounts,
		AllowSelf:      r.SelfApproval == SelfApprovalAllow,
		Approve:        approval.CommentRule{Need: approval.CommentNeed(r.Comment.Approve), Min: r.Comment.MinLength},
		Deny:           approval.CommentRule{Need: approval.CommentNeed(r.Comment.Deny), Min: r.Comment.MinLength, Reasons: r.Comment.DenyReasons},
		TypeCommonName: r.Confirm == ConfirmCommonName,
		ShowOnly:       r.Chat == ChatShowOnly,
		ExpiresAfter:   r.ExpiresAfter,
		ClaimFor:       r.ClaimFor,
		Hours:          r.Hours.Hours(),
		Hints:          r.hints,

		NotifyRequester: r.NotifyRequester,
		Delegation:      r.Delegation == DelegationAllow,
	}
	for _, reminder := range r.Reminders {
		rule.Reminders = append(rule.Reminders, approval.Reminder(reminder))
	}
	switch r.UnresolvedRequester {
	case UnresolvedSecond:
		rule.Unresolved = approval.UnresolvedSecond
	case UnresolvedAllow:
		rule.Unresolved = approval.UnresolvedAllow
	}
	return rule
}

// Places are all channels that requests of the route may be shown in, those of its
// reminders as well.
func (r Route) Places() []string {
	all := slices.Clone(r.Channels)
	for _, reminder := range r.Reminders {
		if reminder.Channel != "" && !slices.Contains(all, reminder.Channel) {
			all = append(all, reminder.Channel)
		}
	}
	return all
}

// Direct reports whether anything of the route goes out as a direct message.
func (r Route) Direct() bool {
	return r.DirectMessages != DirectMessagesNone || r.NotifyRequester ||
		slices.ContainsFunc(r.Reminders, func(m Reminder) bool { return m.User != "" })
}

// RouteFor returns the first route that takes the request, or false when none does.
func (c *Config) RouteFor(q approval.Request) (Route, bool) {
	for _, r := range c.Routes {
		if r.Matches(q) {
			return r, true
		}
	}
	return Route{}, false
}

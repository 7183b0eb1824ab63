package bot

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

// standIn finds out whom a person may stand in for by a rule; see
// [approval.Rule.StandIn]. Everything is asked anew each time: who was absent may be
// back, and who was an approver may no longer be one.
func (b *Bot) standIn(ctx context.Context, rule approval.Rule, by approval.Candidate) (approval.Person, error) {
	if !rule.Delegation || by.Listed {
		return approval.Person{}, nil
	}
	all, err := b.c.Store.Absences(ctx)
	if err != nil {
		return approval.Person{}, fmt.Errorf("who is away: %w", err)
	}
	var absent []approval.Absence
	for _, a := range all {
		if a.Delegate.ID != by.ID {
			continue
		}
		k, err := b.people.person(ctx, a.Person.ID, b.team())
		if nobody(err) {
			continue
		}
		if err != nil {
			return approval.Person{}, err
		}
		listed, err := b.people.in(ctx, k, rule.Users, rule.Groups)
		if err != nil {
			return approval.Person{}, err
		}
		if a.Person = k.Person; listed {
			absent = append(absent, a)
		}
	}
	return rule.StandIn(by, absent, b.c.Now()), nil
}

// relateAbsent makes the candidate relate to the request as closely as whoever they
// stand in for.
func (b *Bot) relateAbsent(ctx context.Context, a *attempt) blocks.RefusalReason {
	if a.candidate.For.ID == "" {
		return ""
	}
	k, err := b.people.person(ctx, a.candidate.For.ID, b.team())
	if err != nil {
		b.log(a.Request).Warn("who is represented could not be looked up", zap.String("person", a.candidate.For.ID), zap.Error(err))
		return blocks.SlackDown
	}
	a.candidate.Relation = a.candidate.Relation.Closer(b.relation(ctx, a.record.Request.Requester, k))
	return ""
}

// absent are those who are away now, by their id.
func (b *Bot) absent(ctx context.Context) (map[string]approval.Absence, error) {
	all, err := b.c.Store.Absences(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]approval.Absence{}
	for _, a := range all {
		if a.Lasts(b.c.Now()) {
			by[a.Person.ID] = a
		}
	}
	return by, nil
}

// instead returns who is to be told in place of a person: themselves unless they
// are away, else whom they have chosen, where the rule lets those decide, or nobody.
func instead(rule approval.Rule, p approval.Person, absent map[string]approval.Absence) approval.Person {
	a, away := absent[p.ID]
	switch {
	case !away:
		return p
	case rule.Delegation:
		return a.Delegate
	}
	return approval.Person{}
}

package bot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
	"github.com/approvebot/approvebot/internal/store"
)

// attempt is a person's try to decide, as far as it has been understood.
type attempt struct {
	ticket
	user, team string // as the click says
	record     store.Record
	rule       approval.Rule  // as the hints make it
	hints      approval.Hints // about the request
	typed      string         // to confirm
	candidate  approval.Candidate
	deciders   blocks.Narrowing // whom subscriptions leave deciding in the channel
	why        string           // what is wrong with the button, for the audit log
	elsewhere  []string         // channels whose subscriptions let the person decide
}

// logOf is the log for lines about a click.
func (b *Bot) logOf(a attempt) *zap.Logger {
	return b.log(a.Request).With(zap.String("route", a.record.Route), zap.String("person", a.user))
}

// policyCase is what policy is asked about.
func (a attempt) policyCase() approval.Case {
	return approval.Case{Rule: a.rule, Request: a.record.Request, State: a.record.State, Since: a.record.Seen, Votes: a.record.Votes}
}

// needs says what is missing until the request is approved.
func (a attempt) needs() blocks.Needs { return needs(a.rule, a.record) }

func needs(rule approval.Rule, r store.Record) blocks.Needs {
	t := approval.Count(rule, r.Votes, r.Request)
	return blocks.Needs{People: t.Missing, Groups: t.MissingGroups}
}

// read understands a button: our signature, its age, the channel it was made
// for, and what we remember of the request. It returns why the attempt ends here.
func (b *Bot) read(ctx context.Context, a *attempt, value, room string) blocks.RefusalReason {
	t, err := b.seal.open(value, b.c.Now())
	a.ticket = t
	if err != nil {
		a.why = err.Error()
		return blocks.StaleButton
	}
	return b.recall(ctx, a, room)
}

// recall looks up what the ticket, whose seal is good, is about.
func (b *Bot) recall(ctx context.Context, a *attempt, room string) blocks.RefusalReason {
	t := a.ticket
	record, memory, err := b.c.Store.Recall(ctx, t.Request)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return blocks.UnknownRequest
	case err != nil:
		b.logOf(*a).Error("a click could not be looked up", zap.Error(err))
		return blocks.StorageDown
	}
	a.record = record
	card, ok := cardIn(record, t.Channel)
	if !ok || (card.SlackChannel != "" && room != "" && card.SlackChannel != room) {
		a.why = "the button was made for another channel"
		return blocks.StaleButton
	}
	if a.rule, ok = b.c.Rule(record.Route); !ok && !record.State.Final() {
		return blocks.NoRoute
	}
	a.hints = hint.Check(a.rule.Hints, record.Request, memory)
	a.rule = a.rule.Heed(a.hints)
	return ""
}

// judge says whether the person may give the verdict now. That they were shown
// what the request asks comes last: who may not decide need not hear of changes.
func (b *Bot) judge(ctx context.Context, a *attempt) blocks.RefusalReason {
	if reason := b.identify(ctx, a); reason != "" {
		return reason
	}
	if reason := a.policyCase().Judge(a.Verdict, a.candidate, b.c.Now()); reason != "" {
		return blocks.RefusalReason(reason)
	}
	if b.spent(a) {
		return blocks.AlreadyVoted
	}
	if a.record.Request.Digest() != a.Digest {
		return blocks.Changed
	}
	return ""
}

// spent reports whether a decision that Keyfactor counted already carries the
// person's voice: one person is one approval there, whichever login carries it.
func (b *Bot) spent(a *attempt) bool {
	for _, d := range a.record.Counted {
		for _, v := range d.Voices() {
			if v.By.ID == a.user || a.candidate.For.ID != "" && (v.By.ID == a.candidate.For.ID || v.For.ID == a.candidate.For.ID) || v.For.ID == a.user {
				return true
			}
		}
	}
	return false
}

// identify learns who the person is and what policy asks about them (P5). The
// reason it returns is only ever that it could not be learned.
func (b *Bot) identify(ctx context.Context, a *attempt) blocks.RefusalReason {
	person, reason := b.recognize(ctx, a)
	if reason != "" || !a.candidate.Listed && a.candidate.For.ID == "" {
		return reason
	}
	if err := b.bar(ctx, a, person); err != nil {
		b.logOf(*a).Error("whom subscriptions leave deciding could not be looked up, so nobody may decide", zap.String("channel", a.Channel), zap.Error(err))
		return blocks.SlackDown
	}
	if !a.candidate.Barred {
		a.candidate.Relation = b.relation(ctx, a.record.Request.Requester, person)
		return b.relateAbsent(ctx, a)
	}
	return ""
}

// recognize learns what depends on the person and the rule alone.
func (b *Bot) recognize(ctx context.Context, a *attempt) (knownPerson, blocks.RefusalReason) {
	if b.team() == "" {
		return knownPerson{}, blocks.SlackDown
	}
	person, err := b.people.person(ctx, a.user, b.team())
	if err != nil {
		b.logOf(*a).Warn("a person could not be looked up", zap.Error(err))
		if refusal, ok := refused(err); ok && (refusal.Err == "user_not_found" || refusal.Err == "user_not_visible") {
			return knownPerson{}, blocks.UnknownPerson
		}
		return knownPerson{}, blocks.SlackDown
	}
	a.candidate = approval.Candidate{Person: person.Person}
	if a.team != "" && a.team != b.team() {
		a.candidate.Membership = approval.Outsider // the click says so, whatever users.info says
	}
	if a.candidate.Membership != approval.Member {
		return person, ""
	}
	if a.candidate.Listed, err = b.people.in(ctx, person, a.rule.Users, a.rule.Groups); err == nil {
		a.candidate.Groups, err = b.people.groupsOf(ctx, person, a.rule.Quorum.From)
	}
	if err == nil {
		a.candidate.For, err = b.standIn(ctx, a.rule, a.candidate)
	}
	if err != nil {
		b.logOf(*a).Error("approvers could not be looked up, so nobody may decide", zap.Error(err))
		return knownPerson{}, blocks.SlackDown
	}
	return person, ""
}

// decide records the person's vote and, when it completes the quorum, the
// decision; the signal leaves from there. It returns why not.
func (b *Bot) decide(ctx context.Context, a *attempt, comment string) blocks.RefusalReason {
	if reason := b.judge(ctx, a); reason != "" {
		return reason
	}
	if reason := a.rule.Typed(a.record.Request, a.Verdict, a.typed); reason != "" {
		return blocks.RefusalReason(reason)
	}
	vote := approval.Vote{
		Request: a.Request, Verdict: a.Verdict, By: a.candidate.Person, Groups: a.candidate.Groups,
		Comment: strings.TrimSpace(comment), At: b.c.Now().UTC(), Digest: a.Digest, Channel: a.Room, For: a.candidate.For,
	}
	decisionID, err := uuid.NewV7()
	if err != nil {
		b.logOf(*a).Error("no decision ID could be made", zap.Error(err))
		return blocks.StorageDown
	}
	if reason := b.lapse(ctx, a); reason != "" {
		return reason
	}
	rule := a.rule
	if a.candidate.Relation != approval.RelationUnknown {
		rule = rule.Resolved()
	}
	account := b.account(a.record)
	var after blocks.Needs
	tally := func(standing []approval.Vote) *approval.Decision {
		t := approval.Count(rule, standing, a.record.Request)
		after = blocks.Needs{People: t.Missing, Groups: t.MissingGroups}
		return compose(decisionID.String(), t, vote, account)
	}
	replies := func(d *approval.Decision) []store.Reply {
		if d == nil {
			return []store.Reply{{Key: "voted:" + decisionID.String(), Body: encodeReply(blocks.VotedReply(vote, after))}}
		}
		return []store.Reply{{Key: "decided:" + d.ID, Body: encodeReply(blocks.DecidedReply(*d))}}
	}
	d, err := b.c.Store.Vote(ctx, vote, tally, replies)
	if taken, ok := errors.AsType[*store.TakenError](err); ok {
		a.record = taken.Record
		return tooLate(a.record.State)
	}
	log := b.logOf(*a).With(zap.String("verdict", string(vote.Verdict)))
	switch {
	case errors.Is(err, store.ErrChanged):
		return blocks.Changed
	case errors.Is(err, store.ErrVoted):
		return blocks.AlreadyVoted
	case err != nil:
		log.Error("decision could not be recorded, so nothing happens", zap.Error(err))
		return blocks.StorageDown
	case d == nil:
		log.Info("vote recorded; the quorum is not complete")
		b.looked(ctx, a)
		b.c.Meter.Voted(a.record.Route, vote.Verdict)
	default:
		log.Info("decision recorded", zap.String("decision", d.ID))
		b.c.Meter.Voted(a.record.Route, vote.Verdict)
		b.c.Meter.Decided(a.record.Route, d.Verdict)
		b.traceDecision(ctx, a.record.Route, *d)
	}
	return ""
}

// tooLate is why a vote came too late.
func tooLate(s approval.State) blocks.RefusalReason {
	if s.Final() {
		return blocks.AlreadySettled
	}
	return blocks.AlreadyDecided
}

// compose makes the decision that the votes amount to, nil while they do not, or
// while they amount to something else than the last one says: an approval does
// not send a denial that stands because Keyfactor refused it before.
func compose(id string, t approval.Tally, last approval.Vote, account string) *approval.Decision {
	deciding := t.Deciding()
	if len(deciding) == 0 || t.Verdict != last.Verdict {
		return nil // nobody sends a verdict that they did not press
	}
	d := approval.Decision{
		ID: id, Request: last.Request, Verdict: t.Verdict, By: last.By, Comment: last.Comment,
		At: last.At, Digest: last.Digest, Channel: last.Channel, Account: account, For: last.For,
	}
	for _, v := range deciding {
		if v.By.ID != last.By.ID {
			d.With = append(d.With, approval.Voice{By: v.By, Comment: v.Comment, For: v.For})
		}
	}
	return &d
}

// account is the Keyfactor login that has not yet carried a decision about this
// request; empty means the first.
func (b *Bot) account(r store.Record) string {
	free := b.freeAccounts(r)
	if len(free) == 0 {
		return ""
	}
	return free[0]
}

// freeAccounts are the logins that have not voted for this request yet.
func (b *Bot) freeAccounts(r store.Record) []string {
	source, err := b.source(r.Request.ID)
	several, ok := source.(interface{ Accounts() []string })
	if err != nil || !ok {
		return nil
	}
	free := slices.Clone(several.Accounts())
	for _, d := range r.Counted {
		free = slices.DeleteFunc(free, func(name string) bool { return name == d.Account })
	}
	return free
}

// withdraw takes the person's vote back.
func (b *Bot) withdraw(ctx context.Context, a *attempt) blocks.RefusalReason {
	by := approval.Person{ID: a.user, Team: a.team}
	for _, v := range a.record.Votes {
		if v.By.ID == a.user {
			by = v.By
		}
	}
	if reason := a.policyCase().Withdrawal(by); reason != "" {
		return blocks.RefusalReason(reason)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return blocks.StorageDown
	}
	var verdict approval.Verdict
	for _, v := range a.record.Votes {
		if v.By.ID == by.ID {
			verdict = v.Verdict
		}
	}
	done, err := b.c.Store.Withdraw(ctx, a.Request, by, store.Reply{Key: "withdrawn:" + id.String(), Body: encodeReply(blocks.WithdrawnReply(by, verdict))})
	switch {
	case err != nil:
		b.logOf(*a).Error("a vote could not be withdrawn", zap.Error(err))
		return blocks.StorageDown
	case !done:
		return blocks.AlreadyDecided
	}
	b.logOf(*a).Info("vote withdrawn")
	return ""
}

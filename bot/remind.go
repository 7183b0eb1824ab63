package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Remind tells people that a request still waits, when its route says that it is
// time. What is due is decided by [approval.Rule.Due], what has been done is in
// the store: whoever comes second, after a restart or in another replica, finds the
// step taken. The messages themselves are posted by jobs.
func (b *Bot) Remind(ctx context.Context, k store.Known) {
	rule, ok := b.c.Rule(k.Route)
	if !ok || k.State != approval.Pending {
		return
	}
	moment, due := rule.Due(k.Seen, b.c.Now(), k.Told)
	if !due {
		return
	}
	log := b.log(k.ID).With(zap.Strings("steps", moment.Steps))
	reminder, err := b.reminder(ctx, rule, k.ID, moment)
	if err != nil {
		log.Warn("reminder could not be made; the next poll tries again", zap.Error(err))
		return
	}
	switch reminded, err := b.c.Store.Remind(ctx, reminder); {
	case err != nil:
		log.Error("reminder could not be recorded; the next poll tries again", zap.Error(err))
	case reminded && moment.Expired:
		log.Info("request waited too long to be decided from Slack")
	case reminded:
		log.Info("people are reminded of a request", zap.Strings("channels", reminder.Channels))
	}
}

// reminder says what the moment causes.
func (b *Bot) reminder(ctx context.Context, rule approval.Rule, id approval.ID, m approval.Moment) (store.Reminder, error) {
	record, err := b.c.Store.Request(ctx, id)
	if err != nil {
		return store.Reminder{}, fmt.Errorf("read %s: %w", id, err)
	}
	out := store.Reminder{Request: id, Moment: m}
	if m.Expired {
		out.Reply = store.Reply{Key: m.Steps[0], Body: encodeReply(blocks.ExpiredReply(record.Request))}
		return out, nil
	}
	absent, err := b.absent(ctx)
	if err != nil {
		return store.Reminder{}, err
	}
	for _, card := range record.Cards {
		if _, away := absent[card.Channel]; away {
			out.Silent = append(out.Silent, card.Channel) // their direct message
		}
	}
	view := blocks.RemindView{Request: record.Request, Since: record.Seen, Needs: needs(rule, record), Portal: rule.ShowOnly || len(record.Request.Verdicts) == 0}
	for _, r := range m.Reminders {
		switch {
		case r.Channel != "":
			out.Channels = append(out.Channels, r.Channel)
			view.Channels = append(view.Channels, b.linked(ctx, r.Channel))
		case r.User != "":
			person, err := b.escalateTo(ctx, rule, r.User, absent)
			if err != nil {
				return store.Reminder{}, err
			}
			if person.ID == "" {
				continue // the admins know, or they are away
			}
			out.Channels = append(out.Channels, person.ID)
			view.People = append(view.People, person)
		}
	}
	if err := b.addressees(ctx, rule, record, absent, &view); err != nil {
		return store.Reminder{}, err
	}
	out.Reply = store.Reply{Key: "reminded:" + strings.Join(m.Steps, ", "), Body: encodeReply(blocks.RemindedReply(view))}
	return out, nil
}

// linked returns a channel's id, which Slack makes a link of; where it cannot be
// learned now, the name is as good for people.
func (b *Bot) linked(ctx context.Context, channel string) string {
	if id, err := b.rooms.resolve(ctx, channel); err == nil {
		return id
	}
	return channel
}

// escalateTo finds a person whom a reminder names, or who stands in for them; a
// zero person without an error is nobody.
func (b *Bot) escalateTo(ctx context.Context, rule approval.Rule, name string, absent map[string]approval.Absence) (approval.Person, error) {
	k, err := b.people.find(ctx, name, b.team())
	if err != nil {
		return approval.Person{}, err
	}
	if k.ID == "" || k.Membership != approval.Member {
		b.c.Log.Error("a reminder names somebody who is no full member of the workspace, so they are not told", zap.String("person", name))
		b.Alert(ctx, blocks.LostReminderMessage(name).Text)
		return approval.Person{}, nil
	}
	return instead(rule, k.Person, absent), nil
}

// addressees fills in who is asked to decide: whom the rule names, except those who have
// approved already, and in place of those who are away whoever stands in for them.
func (b *Bot) addressees(ctx context.Context, rule approval.Rule, r store.Record, absent map[string]approval.Absence, v *blocks.RemindView) error {
	said := func(p approval.Person) bool {
		return slices.ContainsFunc(r.Votes, func(v approval.Vote) bool {
			return (v.By.ID == p.ID || v.For.ID == p.ID) && v.Verdict == approval.Approve
		})
	}
	for _, name := range rule.Users {
		k, err := b.people.find(ctx, name, b.team())
		if err != nil {
			return err
		}
		if k.ID == "" || k.Membership != approval.Member || said(k.Person) {
			continue
		}
		if p := instead(rule, k.Person, absent); p.ID != "" && !slices.ContainsFunc(v.Ask, func(o approval.Person) bool { return o.ID == p.ID }) {
			v.Ask = append(v.Ask, p)
		}
	}
	for _, name := range rule.Groups {
		id, err := b.people.groupID(ctx, name)
		if err != nil {
			// It may be gone for good, and the others have to hear of the request all the same.
			b.log(r.Request.ID).Warn("a group could not be looked up and is not mentioned", zap.String("group", name), zap.Error(err))
			continue
		}
		v.Groups = append(v.Groups, id)
		members, err := b.people.members(ctx, name)
		if err != nil {
			continue
		}
		for _, member := range members { // a group's mention reaches those who are here
			if a, away := absent[member]; away && rule.Delegation && a.Delegate.ID != "" && !said(a.Person) {
				v.Ask = append(v.Ask, a.Delegate)
			}
		}
	}
	return nil
}

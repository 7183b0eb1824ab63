package bot

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// explain says which route took a request, and whether the person who asks may
// decide it, and if not, why.
func (b *Bot) explain(ctx context.Context, cmd slack.SlashCommand, text string) any {
	if text == "" {
		return says(blocks.ExplainHow(cmd.Command))
	}
	records, _, err := b.c.Store.Pending(ctx, 10_000, 0)
	if err != nil {
		b.c.Log.Warn("pending requests could not be read", zap.Error(err))
		return says(blocks.RequestsUnread)
	}
	for _, r := range records {
		if r.Request.Reference == text || strings.EqualFold(r.Request.CommonName, text) || string(r.Request.ID) == text {
			return says(b.explanation(ctx, cmd, r))
		}
	}
	return says(blocks.NoneWaits(text))
}

// explainPeople is for how many people an explanation says whether they may decide.
const explainPeople = 20

// explanation asks policy the same questions as a click would, for everybody whom
// the route names and for the person who asks.
func (b *Bot) explanation(ctx context.Context, cmd slack.SlashCommand, r store.Record) string {
	view := blocks.ExplainView{Request: r.Request, State: r.State, Routes: b.c.Explain(r.Request), Votes: r.Votes}
	for _, card := range r.Cards {
		view.Channels = append(view.Channels, card.Channel)
	}
	rule, ok := b.c.Rule(r.Route)
	if !ok {
		return blocks.ExplainText(view).Text
	}
	view.Needs = needs(rule, r)
	narrowed, err := b.narrowings(ctx, r)
	if err != nil {
		b.c.Log.Warn("subscriptions could not be read for an explanation", zap.Error(err))
	}
	for _, channel := range slices.Sorted(maps.Keys(narrowed)) {
		view.Narrowed = append(view.Narrowed, blocks.ExplainNarrowing{Channel: channel, Deciders: narrowed[channel]})
	}
	ids, err := b.people.ids(ctx, Team{Users: rule.Users, Groups: rule.Groups})
	if err != nil {
		b.c.Log.Warn("not all approvers could be found in Slack", zap.Error(err))
	}
	if !slices.Contains(ids, cmd.UserID) {
		ids = slices.Insert(ids, 0, cmd.UserID)
	}
	for _, id := range ids[:min(len(ids), explainPeople)] {
		p := blocks.ExplainPerson{}
		for verdict, reason := range map[approval.Verdict]*blocks.RefusalReason{approval.Approve: &p.Approve, approval.Deny: &p.Deny} {
			a := attempt{user: id, record: r, rule: rule}
			if id == cmd.UserID {
				a.team = cmd.TeamID
			}
			a.Request, a.Verdict, a.Digest = r.Request.ID, verdict, r.Request.Digest()
			*reason = b.judge(ctx, &a)
			if p.Person = a.candidate.Person; p.Person.ID == "" {
				p.Person.ID = id
			}
		}
		view.People = append(view.People, p)
	}
	return blocks.ExplainText(view).Text
}

// shortcut answers for the message that a person chose it on: a card, or a message
// in a card's thread.
func (b *Bot) shortcut(ctx context.Context, cb slack.InteractionCallback) {
	if cb.CallbackID != blocks.ShortcutExplain {
		return
	}
	ts := cb.MessageTs
	if cb.Message.ThreadTimestamp != "" {
		ts = cb.Message.ThreadTimestamp
	}
	a := attempt{user: cb.User.ID, team: cb.User.TeamID}
	reason := b.onCard(ctx, &a, cb.Channel.ID, ts)
	b.later(ctx, func(ctx context.Context) {
		switch {
		case reason == blocks.UnknownRequest:
			b.tell(ctx, cb.Channel.ID, a.user, blocks.NoRequestShown)
		case reason == "" || reason == blocks.NoRoute:
			b.tell(ctx, cb.Channel.ID, a.user, b.explanation(ctx, slack.SlashCommand{UserID: a.user, TeamID: a.team}, a.record))
		default:
			b.tell(ctx, cb.Channel.ID, a.user, blocks.RequestUnread)
		}
	})
}

// test says whether approvebot can work where the command is typed.
func (b *Bot) test(ctx context.Context, cmd slack.SlashCommand) any {
	if problem := b.checkRoom(ctx, cmd.ChannelID); problem != "" {
		return says(blocks.TestFailed(problem))
	}
	waiting, more, err := b.waitingFor(ctx, cmd.UserID)
	if err != nil {
		return says(blocks.TestUnread)
	}
	return says(blocks.TestPassed(len(waiting) + more))
}

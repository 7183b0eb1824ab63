package bot

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

// leave is what "away until monday delegate @ben" asks for.
type leave struct {
	until    time.Time
	delegate string // as typed; empty is nobody
}

// longest is how long an absence may be: what lasts longer is for the configuration.
const longest = 366 * 24 * time.Hour

var leavePattern = regexp.MustCompile(`(?i)^until\s+(\S+(?:\s+\d{1,2}:\d{2})?)(?:\s+delegate(?:\s+to)?\s+(.+))?$`)

// parseLeave reads when somebody comes back, by the clock of their own time zone:
// on a day means when it begins. What is wrong is a sentence.
func parseLeave(text string, now time.Time) (asked leave, wrong string) {
	m := leavePattern.FindStringSubmatch(strings.Join(strings.Fields(text), " "))
	if m == nil {
		return leave{}, blocks.AwayHow
	}
	until, wrong := parseUntil(strings.ToLower(m[1]), now)
	switch {
	case wrong != "":
		return leave{}, wrong
	case !until.After(now):
		return leave{}, blocks.AwayOver(m[1])
	case until.Sub(now) > longest:
		return leave{}, blocks.AwayTooLong
	}
	return leave{until: until, delegate: strings.TrimSpace(m[2])}, ""
}

func parseUntil(text string, now time.Time) (at time.Time, wrong string) {
	day, clock, timed := strings.Cut(text, " ")
	year, month, today := now.Date()
	switch date, err := time.ParseInLocation(time.DateOnly, day, now.Location()); {
	case err == nil:
		at = date
	case day == "tomorrow":
		at = time.Date(year, month, today+1, 0, 0, 0, 0, now.Location())
	default:
		weekday := slices.IndexFunc(weekdays, func(name string) bool { return day == name || len(day) >= 3 && strings.HasPrefix(name, day) })
		if weekday < 0 {
			return time.Time{}, blocks.NotADay(day)
		}
		ahead := (weekday-int(now.Weekday())+6)%7 + 1 // today's name means a week from now
		at = time.Date(year, month, today+ahead, 0, 0, 0, 0, now.Location())
	}
	if timed {
		hour, err := time.Parse("15:04", clock)
		if err != nil {
			return time.Time{}, blocks.NotATime(clock)
		}
		at = time.Date(at.Year(), at.Month(), at.Day(), hour.Hour(), hour.Minute(), 0, 0, now.Location())
	}
	return at, ""
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// away answers "away until … delegate @person", "away" and "away list".
func (b *Bot) away(ctx context.Context, cmd slack.SlashCommand, text string) any {
	switch strings.ToLower(text) {
	case "":
		return says(b.awayNow(ctx, cmd))
	case "list":
		return b.asAdmin(ctx, cmd, func(approval.Person) any { return says(b.awayList(ctx)) })
	}
	me, refusal := b.member(ctx, cmd)
	if refusal != "" {
		return says(refusal)
	}
	asked, wrong := parseLeave(text, b.c.Now().In(me.zone))
	if wrong != "" {
		return says(wrong)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return says(blocks.AwayTrouble)
	}
	a := approval.Absence{ID: id.String(), Person: me.Person, From: b.c.Now(), Until: asked.until}
	if asked.delegate != "" {
		delegate, refusal := b.delegate(ctx, asked.delegate, me)
		if refusal != "" {
			return says(refusal)
		}
		a.Delegate = delegate
	}
	routes, err := b.represented(ctx, me, a.Delegate)
	if err == nil {
		err = b.c.Store.Leave(ctx, a)
	}
	if err != nil {
		b.c.Log.Error("an absence could not be noted", zap.String("person", cmd.UserID), zap.Error(err))
		return says(blocks.AwayTrouble)
	}
	b.c.Log.Info("a person is away", zap.String("person", me.ID), zap.String("delegate", a.Delegate.ID), zap.Time("until", a.Until))
	if a.Delegate.ID != "" {
		b.later(ctx, func(ctx context.Context) { b.tell(ctx, "", a.Delegate.ID, blocks.DelegateText(a, routes).Text) })
	}
	return says(blocks.AwayText(a, routes).Text)
}

// back ends an absence: one's own, or for admins that of anybody.
func (b *Bot) back(ctx context.Context, cmd slack.SlashCommand, text string) any {
	me, refusal := b.member(ctx, cmd)
	if refusal != "" {
		return says(refusal)
	}
	end := func(who, by approval.Person) any {
		ended, err := b.c.Store.Return(ctx, who.ID, by)
		if err != nil {
			b.c.Log.Error("an absence could not be ended", zap.String("person", who.ID), zap.Error(err))
			return says(blocks.AwayTrouble)
		}
		return says(blocks.BackText(who, by, ended).Text)
	}
	if text == "" {
		return end(me.Person, me.Person)
	}
	return b.asAdmin(ctx, cmd, func(admin approval.Person) any {
		k, err := b.findTyped(ctx, text)
		switch {
		case err != nil:
			return says(blocks.AwayTrouble)
		case k.ID == "":
			return says(blocks.NobodyFound(text))
		}
		return end(k.Person, admin)
	})
}

// member returns who gives the command, or why they may not.
func (b *Bot) member(ctx context.Context, cmd slack.SlashCommand) (knownPerson, string) {
	if b.team() == "" {
		return knownPerson{}, blocks.AwayTrouble
	}
	k, err := b.people.person(ctx, cmd.UserID, b.team())
	switch {
	case err != nil:
		b.c.Log.Warn("a person could not be looked up", zap.String("person", cmd.UserID), zap.Error(err))
		return knownPerson{}, blocks.AwayTrouble
	case k.Membership != approval.Member || cmd.TeamID != "" && cmd.TeamID != b.team():
		return knownPerson{}, blocks.AwayNotMember
	}
	return k, ""
}

// delegate finds who is to stand in, or says why they cannot.
func (b *Bot) delegate(ctx context.Context, typed string, me knownPerson) (approval.Person, string) {
	k, err := b.findTyped(ctx, typed)
	switch {
	case err != nil:
		b.c.Log.Warn("a delegate could not be looked up", zap.Error(err))
		return approval.Person{}, blocks.AwayTrouble
	case k.ID == "":
		return approval.Person{}, blocks.NoDelegateFound(typed)
	case k.ID == me.ID:
		return approval.Person{}, blocks.DelegateIsSelf
	case k.Membership != approval.Member:
		return approval.Person{}, blocks.DelegateNotAMember
	}
	return k.Person, ""
}

// typedPerson is a person as Slack writes them in commands.
var typedPerson = regexp.MustCompile(`^<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>$`)

// findTyped finds whom somebody typed: <@U012ABCDEF>, @handle, or an address.
func (b *Bot) findTyped(ctx context.Context, text string) (knownPerson, error) {
	text = strings.TrimSpace(text)
	if m := typedPerson.FindStringSubmatch(text); m != nil {
		text = m[1]
	} else if !strings.Contains(text, "@") {
		text = "@" + text
	}
	return b.people.find(ctx, text, b.team())
}

// represented are the routes on which the delegate decides in the person's place.
func (b *Bot) represented(ctx context.Context, k knownPerson, delegate approval.Person) (routes []string, err error) {
	if delegate.ID == "" {
		return nil, nil
	}
	d, err := b.people.person(ctx, delegate.ID, b.team())
	if err != nil {
		return nil, err
	}
	for _, rule := range b.c.Rules() {
		if !rule.Delegation {
			continue
		}
		mine, err := b.people.in(ctx, k, rule.Users, rule.Groups)
		if err != nil {
			return nil, err
		}
		theirs, err := b.people.in(ctx, d, rule.Users, rule.Groups)
		if err != nil {
			return nil, err
		}
		if mine && !theirs {
			routes = append(routes, rule.Route)
		}
	}
	return routes, nil
}

// awayNow says whether whoever asks is away, and for whom they stand in.
func (b *Bot) awayNow(ctx context.Context, cmd slack.SlashCommand) string {
	all, err := b.absent(ctx)
	if err != nil {
		b.c.Log.Error("absences could not be read", zap.Error(err))
		return blocks.AwayTrouble
	}
	mine := all[cmd.UserID]
	var others []approval.Absence
	for _, a := range all {
		if a.Delegate.ID == cmd.UserID {
			others = append(others, a)
		}
	}
	slices.SortFunc(others, byEnd)
	return blocks.AwayNowText(mine, others).Text
}

func (b *Bot) awayList(ctx context.Context) string {
	all, err := b.c.Store.Absences(ctx)
	if err != nil {
		b.c.Log.Error("absences could not be read", zap.Error(err))
		return blocks.AwayTrouble
	}
	return blocks.AwayListText(all).Text
}

func byEnd(a, b approval.Absence) int { return a.Until.Compare(b.Until) }

// awaySentence says that a person is away, or nothing.
func (b *Bot) awaySentence(ctx context.Context, user string) (string, error) {
	all, err := b.absent(ctx)
	return blocks.AwaySentence(all[user]), err
}

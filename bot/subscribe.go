package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// parseFilter reads "type=Enrollment template=Web* san=*.example.com", with = or :
// between name and value. Values with spaces stand in quotes, of whichever kind the
// keyboard made.
func parseFilter(text string) (map[string]string, error) {
	text = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`).Replace(text)
	f := map[string]string{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		at := strings.IndexAny(text, "=: \"")
		if at <= 0 || text[at] == ' ' || text[at] == '"' {
			return nil, errors.New(blocks.NotAFilter(strings.Fields(text)[0]))
		}
		key, rest := strings.ToLower(text[:at]), text[at+1:]
		if _, twice := f[key]; twice {
			return nil, errors.New(blocks.FilterTwice(key))
		}
		if !slices.ContainsFunc(blocks.Filters, func(known blocks.Filter) bool { return known.Name == key }) {
			return nil, errors.New(blocks.FilterUnknown(key))
		}
		var value string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			if value, text, ok = strings.Cut(quoted, `"`); !ok {
				return nil, errors.New(blocks.FilterUnclosed(key))
			}
		} else {
			value, text, _ = strings.Cut(rest, " ")
		}
		if value == "" {
			return nil, errors.New(blocks.FilterEmpty(key))
		}
		f[key] = value
	}
	return f, nil
}

// admin reports whether a person may configure approvebot from Slack. Only full
// members of our workspace whom the configuration names may.
func (b *Bot) admin(ctx context.Context, user, team string) (approval.Person, bool, error) {
	if b.team() == "" {
		return approval.Person{}, false, errors.New("Slack has not told yet who we are") //nolint:staticcheck // a name
	}
	k, err := b.people.person(ctx, user, b.team())
	if err != nil {
		return approval.Person{}, false, err
	}
	if k.Membership != approval.Member || team != "" && team != b.team() {
		return k.Person, false, nil
	}
	admins := b.c.Admins()
	in, err := b.people.in(ctx, k, admins.Users, admins.Groups)
	return k.Person, in, err
}

// asAdmin runs do for an admin, and answers everybody else.
func (b *Bot) asAdmin(ctx context.Context, cmd slack.SlashCommand, do func(approval.Person) any) any {
	person, ok, err := b.admin(ctx, cmd.UserID, cmd.TeamID)
	switch {
	case err != nil:
		b.c.Log.Warn("an admin could not be looked up", zap.String("person", cmd.UserID), zap.Error(err))
		return says(blocks.SlackSilentSame)
	case !ok:
		entry := store.Entry{At: b.c.Now(), Event: "command.refused", By: approval.Person{ID: cmd.UserID, Team: cmd.TeamID}, Detail: map[string]any{"command": approval.Clip(cmd.Text, 200), "channel": cmd.ChannelID}}
		if err := b.c.Store.Audit(ctx, entry); err != nil {
			b.c.Log.Error("refusal could not be written to the audit log", zap.Error(err))
		}
		return says(blocks.AdminsOnly)
	}
	return do(person)
}

// subscribe shows more requests in the channel where it is typed, and may leave
// fewer of their approvers deciding them there. Who may decide at all is up to the route.
func (b *Bot) subscribe(ctx context.Context, cmd slack.SlashCommand, text string) any {
	return b.asAdmin(ctx, cmd, func(by approval.Person) any {
		if strings.TrimSpace(text) == "" {
			view := blocks.SubscribeModal(blocks.SubscribeView{Channel: cmd.ChannelID, Metadata: b.seal.seal(ticket{Room: cmd.ChannelID, Until: b.c.Now().Add(b.c.SealLife).Unix()})})
			b.later(ctx, func(ctx context.Context) {
				if _, err := b.c.Slack.OpenViewContext(ctx, cmd.TriggerID, view); err != nil {
					b.c.Log.Warn("subscription modal could not be opened", zap.Error(err))
					b.tell(ctx, cmd.ChannelID, cmd.UserID, blocks.FormNotOpened)
				}
			})
			return nil
		}
		filter, err := parseFilter(text)
		if err != nil {
			return says(blocks.NotSubscribed(err.Error()))
		}
		answer, err := b.addSubscription(ctx, cmd.ChannelID, filter, by)
		if err != nil {
			return says(blocks.NotSubscribed(err.Error()))
		}
		return says(answer)
	})
}

// submitSubscription takes the form's answer.
func (b *Bot) submitSubscription(ctx context.Context, cb slack.InteractionCallback) any {
	t, err := b.seal.open(cb.View.PrivateMetadata, b.c.Now())
	var by approval.Person
	ok := false
	if err == nil {
		by, ok, err = b.admin(ctx, cb.User.ID, cb.User.TeamID)
	}
	notice := func(sentence string) any {
		m := blocks.NoticeModal(blocks.TitleSubscription, sentence)
		return slack.NewUpdateViewSubmissionResponse(&m)
	}
	if err == nil && !ok || errors.Is(err, errForged) {
		entry := store.Entry{At: b.c.Now(), Event: "command.refused", By: approval.Person{ID: cb.User.ID, Team: cb.User.TeamID}, Detail: map[string]any{"command": "subscribe, by the form", "channel": t.Room}}
		if err := b.c.Store.Audit(ctx, entry); err != nil {
			b.c.Log.Error("refusal could not be written to the audit log", zap.Error(err))
		}
	}
	if err != nil || !ok {
		return notice(blocks.AdminsOnlyForm)
	}
	answer, err := b.addSubscription(ctx, t.Room, blocks.SubscribeFilters(cb.View.State), by)
	if wrong, ok := errors.AsType[*wrongDeciders](err); ok {
		return slack.NewErrorsViewSubmissionResponse(map[string]string{blocks.FilterBlock(blocks.Deciders): approval.Clip(wrong.sentence, 140) + "."})
	}
	if err != nil {
		return notice(blocks.NotSubscribed(err.Error()))
	}
	return notice(answer)
}

// wrongDeciders says what is wrong with the deciders of a subscription.
type wrongDeciders struct{ sentence string }

func (e *wrongDeciders) Error() string { return e.sentence + "." }

func (b *Bot) addSubscription(ctx context.Context, channel string, wanted map[string]string, by approval.Person) (string, error) {
	if text := wanted[blocks.Deciders]; text != "" {
		names, err := parseDeciders(text)
		if err != nil {
			return "", &wrongDeciders{err.Error()}
		}
		switch unknown, err := b.checkDeciders(ctx, names); {
		case err != nil:
			b.c.Log.Warn("deciders of a subscription could not be looked up", zap.Error(err))
			return "", errors.New(blocks.SlackSilent) //nolint:staticcheck // shown to people
		case unknown != "":
			return "", &wrongDeciders{unknown}
		}
		wanted[blocks.Deciders] = strings.Join(names, ",")
	}
	takes, deciders, err := b.subscription(wanted)
	if err != nil {
		return "", err
	}
	if problem := b.checkRoom(ctx, channel); problem != "" {
		return "", errors.New(problem + ".")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		return "", err
	}
	if err := b.c.Store.Subscribe(ctx, store.Subscription{ID: id.String(), Channel: channel, Filter: text, CreatedBy: by}); err != nil {
		b.c.Log.Error("subscription could not be recorded", zap.Error(err))
		return "", errors.New(blocks.NotWritten) //nolint:staticcheck // shown to people
	}
	return blocks.Subscribed(b.showPending(ctx, channel, takes), deciders), nil
}

// showPending shows what waits already and fits a new subscription. What is shown
// in the channel anyway is drawn again, for fewer people may decide it there now.
func (b *Bot) showPending(ctx context.Context, channel string, takes func(approval.Request) bool) (shown int) {
	records, _, err := b.c.Store.Pending(ctx, openLook, 0)
	if err != nil {
		b.c.Log.Warn("pending requests could not be read for a subscription", zap.Error(err))
	}
	for _, r := range records {
		if !takes(r.Request) {
			continue
		}
		show := func() error { return b.c.Store.Place(ctx, r.Request.ID, channel) }
		if b.shownIn(ctx, r, channel) {
			show = func() error { return b.c.Store.Redraw(ctx, r.Request.ID) }
		}
		if err := show(); err != nil {
			b.log(r.Request.ID).Warn("request could not be shown for a subscription", zap.Error(err))
			continue
		}
		shown++
	}
	return shown
}

// shownIn reports whether a request has a card in the channel of that id.
func (b *Bot) shownIn(ctx context.Context, r store.Record, channel string) bool {
	return slices.ContainsFunc(r.Cards, func(c store.Card) bool { return b.isIn(ctx, c, channel) })
}

// Subscribed returns the channels that subscribed to a request and are not
// among those where it is shown anyway: one card in a channel is enough (P1).
func (b *Bot) Subscribed(ctx context.Context, r approval.Request, shown ...string) ([]string, error) {
	all, err := b.c.Store.Subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the subscriptions: %w", err)
	}
	var channels []string
	for _, stored := range all {
		s, err := b.understand(stored)
		if err != nil {
			b.c.Log.Error("a subscription cannot be understood; an admin has to remove it", zap.String("channel", s.Channel), zap.Error(err))
			continue
		}
		if s.takes(r) && !slices.Contains(channels, s.Channel) {
			channels = append(channels, s.Channel)
		}
	}
	if len(channels) == 0 {
		return nil, nil
	}
	for _, name := range shown {
		id, err := b.rooms.resolve(ctx, name)
		if _, unknown := errors.AsType[*UnknownChannelError](err); err != nil && !unknown {
			return nil, err
		}
		channels = slices.DeleteFunc(channels, func(c string) bool { return c == id })
	}
	return channels, nil
}

// here are the channel's subscriptions, in the order of their numbers.
func (b *Bot) here(ctx context.Context, channel string) ([]store.Subscription, error) {
	all, err := b.c.Store.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s store.Subscription) bool { return s.Channel != channel }), nil
}

func (b *Bot) listSubscriptions(ctx context.Context, cmd slack.SlashCommand) any {
	all, err := b.here(ctx, cmd.ChannelID)
	if err != nil {
		b.c.Log.Warn("subscriptions could not be listed", zap.Error(err))
		return says(blocks.ListUnread)
	}
	list := make([]blocks.Subscription, len(all))
	for i, s := range all {
		list[i] = blocks.Subscription{ID: strconv.Itoa(i + 1), Channel: s.Channel, By: s.CreatedBy, At: s.Created}
		_ = json.Unmarshal(s.Filter, &list[i].Filters) // an unreadable one shows as everything, and can be removed
	}
	return says(blocks.SubscriptionsText(list).Text)
}

func (b *Bot) unsubscribe(ctx context.Context, cmd slack.SlashCommand, text string) any {
	return b.asAdmin(ctx, cmd, func(by approval.Person) any {
		all, err := b.here(ctx, cmd.ChannelID)
		if err != nil {
			b.c.Log.Warn("subscriptions could not be listed", zap.Error(err))
			return says(blocks.ListUnreadUnchanged)
		}
		if len(all) == 0 {
			return says(blocks.NoSubscriptions)
		}
		if text != "all" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > len(all) {
				return says(blocks.UnsubscribeWhich(len(all), cmd.Command))
			}
			all = all[n-1 : n]
		}
		for _, s := range all {
			if _, err := b.c.Store.Unsubscribe(ctx, s.ID, by); err != nil {
				b.c.Log.Error("subscription could not be removed", zap.Error(err))
				return says(blocks.NotWrittenRetry)
			}
		}
		b.redrawWidened(ctx, cmd.ChannelID, all)
		return says(blocks.Unsubscribed)
	})
}

// redrawWidened draws the cards again on which more people may decide, now that
// subscriptions have ended.
func (b *Bot) redrawWidened(ctx context.Context, channel string, ended []store.Subscription) {
	var narrowing []subscription
	for _, stored := range ended {
		if s, _ := b.understand(stored); s.narrows {
			narrowing = append(narrowing, s)
		}
	}
	if len(narrowing) == 0 {
		return
	}
	records, _, err := b.c.Store.Pending(ctx, openLook, 0)
	if err != nil {
		b.c.Log.Warn("pending requests could not be read after a subscription ended", zap.Error(err))
	}
	for _, r := range records {
		if !b.shownIn(ctx, r, channel) || !slices.ContainsFunc(narrowing, func(s subscription) bool { return s.takes(r.Request) }) {
			continue
		}
		if err := b.c.Store.Redraw(ctx, r.Request.ID); err != nil {
			b.log(r.Request.ID).Warn("a card could not be drawn again", zap.Error(err))
		}
	}
}

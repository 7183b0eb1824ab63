package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// homeItems is how many requests the Home tab and the pending command look at.
const homeItems = 100

// Command answers the slash command. Its answers are for the person alone.
func (b *Bot) Command(ctx context.Context, cmd slack.SlashCommand) any {
	defer b.answered(ctx, "command")()
	verb, rest, _ := strings.Cut(strings.TrimSpace(cmd.Text), " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(verb) {
	case "pending":
		return b.pending(ctx, cmd)
	case "subscribe":
		return b.subscribe(ctx, cmd, rest)
	case "unsubscribe":
		return b.unsubscribe(ctx, cmd, rest)
	case "list":
		return b.listSubscriptions(ctx, cmd)
	case "explain":
		return b.explain(ctx, cmd, rest)
	case "test":
		return b.test(ctx, cmd)
	case "", "help":
		return says(blocks.HelpText(cmd.Command).Text)
	}
	return says(fmt.Sprintf("`%s` is not something approvebot knows.\n%s", codeText(verb), blocks.HelpText(cmd.Command).Text))
}

func says(text string) any {
	return map[string]any{"response_type": slack.ResponseTypeEphemeral, "text": text}
}

func (b *Bot) pending(ctx context.Context, cmd slack.SlashCommand) any {
	waiting, more, err := b.waitingFor(ctx, cmd.UserID)
	if err != nil {
		b.c.Log.Warn("pending requests could not be listed", zap.String("person", cmd.UserID), zap.Error(err))
		return says("The list cannot be read at the moment. Try again in a minute.")
	}
	items := make([]blocks.HomeItem, len(waiting))
	for i, r := range waiting {
		items[i] = blocks.HomeItem{Request: r.Request, State: r.State}
	}
	return says(blocks.PendingText(items, more).Text)
}

// codeText makes foreign text fit for a code span of ours.
func codeText(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, "`", "'")), " ")
	if s == "" {
		return "unknown"
	}
	return blocks.EscapeText(clipped(s))
}

func clipped(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}

// waitingFor returns the requests that this person may decide, oldest first, and
// how many more there are that were not looked at.
func (b *Bot) waitingFor(ctx context.Context, user string) (mine []store.Record, more int, err error) {
	records, total, err := b.c.Store.Pending(ctx, homeItems, 0)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range records {
		a := attempt{user: user, record: r}
		var ok bool
		if a.rule, ok = b.c.Rule(r.Route); !ok {
			continue
		}
		a.Request, a.Verdict, a.Digest = r.Request.ID, approval.Approve, r.Request.Digest()
		switch b.judge(ctx, &a) {
		case "":
			mine = append(mine, r)
		case blocks.SlackDown:
			return nil, 0, fmt.Errorf("person %s could not be looked up", user)
		}
	}
	return mine, max(0, total-len(records)), nil
}

// Event takes an event of the Events API.
func (b *Bot) Event(ctx context.Context, ev slackevents.EventsAPIEvent) {
	opened, ok := ev.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent)
	if !ok || opened.Tab != "home" {
		return
	}
	b.later(ctx, func(ctx context.Context) { b.home(ctx, opened.User) })
}

// home draws a person's Home tab.
func (b *Bot) home(ctx context.Context, user string) {
	waiting, more, err := b.waitingFor(ctx, user)
	if err != nil {
		b.c.Log.Warn("Home tab could not be made", zap.String("person", user), zap.Error(err))
		return
	}
	view := blocks.HomeView{More: more}
	for _, r := range waiting {
		item := blocks.HomeItem{Request: r.Request, State: r.State}
		for _, card := range r.Cards {
			if card.TS == "" || !card.Failed.IsZero() {
				continue
			}
			item.Channel = card.SlackChannel
			if len(view.Waiting) < 20 { // one call each; the rest is shown without a link
				item.Link, _ = b.c.Slack.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: card.SlackChannel, Ts: card.TS})
			}
			break
		}
		view.Waiting = append(view.Waiting, item)
	}
	if _, err := b.c.Slack.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: user, View: blocks.Home(view)}); err != nil {
		b.c.Log.Warn("Home tab could not be shown: "+advice(err), zap.String("person", user), zap.Error(err))
	}
}

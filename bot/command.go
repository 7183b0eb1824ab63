package bot

import (
	"context"
	"strings"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
)

// Command answers the slash command. Its answers are for the person alone.
func (b *Bot) Command(ctx context.Context, cmd slack.SlashCommand) any {
	ctx, end := b.handle(ctx, "command", cmd.UserID)
	defer end()
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
	case "find":
		return b.find(ctx, cmd, rest)
	case "explain":
		return b.explain(ctx, cmd, rest)
	case "away":
		return b.away(ctx, cmd, rest)
	case "back":
		return b.back(ctx, cmd, rest)
	case "test":
		return b.test(ctx, cmd)
	case "", "help":
		return says(blocks.HelpText(cmd.Command).Text)
	}
	return says(blocks.UnknownCommand(verb, cmd.Command))
}

func says(text string) any {
	return map[string]any{"response_type": slack.ResponseTypeEphemeral, "text": text}
}

func (b *Bot) pending(ctx context.Context, cmd slack.SlashCommand) any {
	waiting, unread, err := b.waitingFor(ctx, cmd.UserID)
	if err != nil {
		b.c.Log.Warn("pending requests could not be listed", zap.String("person", cmd.UserID), zap.Error(err))
		return says(blocks.ListUnread)
	}
	items := make([]blocks.HomeItem, min(len(waiting), certain))
	for i := range items {
		r := waiting[i]
		items[i] = blocks.HomeItem{Request: r.Request, State: r.State}
		items[i].Link = b.permalink(shownCard(r))
	}
	answer := blocks.PendingText(items, len(waiting)-len(items)+unread).Text
	if away, err := b.awaySentence(ctx, cmd.UserID); err == nil && away != "" {
		answer = away + "\n" + answer
	}
	return says(answer)
}

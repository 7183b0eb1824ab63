package bot

import (
	"context"
	"strings"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

const (
	findPage = 500
	// findLook is how many of the latest requests are looked through: an answer has
	// to come within Slack's three seconds.
	findLook = 5000
	// findMost is how many are listed.
	findMost = 15
)

// find lists the requests, settled ones as well, in which every word occurs.
func (b *Bot) find(ctx context.Context, cmd slack.SlashCommand, text string) any {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return says(blocks.FindHow(cmd.Command))
	}
	seer, err := b.seer(ctx, cmd)
	if err != nil {
		b.c.Log.Warn("who may see requests could not be looked up", zap.String("person", cmd.UserID), zap.Error(err))
		return says(blocks.SlackSilent)
	}
	view := blocks.FoundView{Text: text}
	for offset := 0; offset < findLook && len(view.Found) < findMost; offset += findPage {
		page, err := b.c.Store.Latest(ctx, findPage, offset)
		if err != nil {
			b.c.Log.Warn("requests could not be searched", zap.Error(err))
			return says(blocks.RequestsUnread)
		}
		for _, r := range page {
			if len(view.Found) < findMost && fits(r, words) && seer.sees(ctx, r) {
				view.Found = append(view.Found, b.found(r))
			}
		}
		if view.Looked += len(page); len(page) < findPage {
			view.All = true
			break
		}
	}
	return says(blocks.FoundText(view).Text)
}

func (b *Bot) found(r store.Record) blocks.FoundItem {
	item := blocks.FoundItem{Card: blocks.CardView{Request: r.Request, State: r.State, Outcome: r.Outcome}, Link: b.permalink(shownCard(r))}
	if r.Decision != nil && r.Decision.Failed.IsZero() {
		item.Card.Decision = &r.Decision.Decision
	}
	return item
}

// fits reports whether every word, in lower case, occurs in what people know a
// request by. Comments are not looked at, and neither are the fields that routes
// match on: those are never shown.
func fits(r store.Record, words []string) bool {
	q := r.Request
	parts := []string{q.Reference, q.CommonName, q.Subject, q.Requester, q.Template, q.Definition, q.Type, string(r.State), string(q.ID)}
	for _, san := range q.SANs {
		parts = append(parts, san.Value)
	}
	text := strings.ToLower(strings.Join(parts, "\n"))
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// seer is a person who looks for requests, where they do. They see what they see
// anyway: what is shown in the channel they are in, or to themselves, and what they
// may decide. Admins see all. Outsiders see nothing.
type seer struct {
	bot   *Bot
	user  string
	team  string
	room  string
	admin bool
	route map[string]bool // whether they are among its approvers
}

func (b *Bot) seer(ctx context.Context, cmd slack.SlashCommand) (*seer, error) {
	_, admin, err := b.admin(ctx, cmd.UserID, cmd.TeamID)
	return &seer{bot: b, user: cmd.UserID, team: cmd.TeamID, room: cmd.ChannelID, admin: admin, route: map[string]bool{}}, err
}

func (s *seer) sees(ctx context.Context, r store.Record) bool {
	if s.team != "" && s.team != s.bot.team() {
		return false
	}
	if s.admin {
		return true
	}
	for _, c := range r.Cards {
		if c.TS != "" && c.Failed.IsZero() && (c.SlackChannel == s.room || c.Channel == s.user) {
			return true
		}
	}
	may, known := s.route[r.Route]
	if !known {
		a := attempt{user: s.user, team: s.team, record: r}
		if rule, ok := s.bot.c.Rule(r.Route); ok {
			a.rule = rule
			_, reason := s.bot.recognize(ctx, &a)
			may = reason == "" && a.candidate.Membership == approval.Member && a.candidate.Listed
		}
		s.route[r.Route] = may
	}
	return may
}

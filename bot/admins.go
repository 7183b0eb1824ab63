package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Team names people in Slack as configuration does: ids, @handles, or e-mail
// addresses, and user groups.
type Team struct{ Users, Groups []string }

// alertAgain is how long the same alert is not repeated.
const alertAgain = time.Hour

// alerts remembers what the admins were told lately.
type alerts struct {
	mu   sync.Mutex
	told map[string]time.Time
}

func (a *alerts) first(text string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.told[text]; ok && now.Sub(at) < alertAgain {
		return false
	}
	if a.told == nil || len(a.told) > 1000 {
		a.told = map[string]time.Time{}
	}
	a.told[text] = now
	return true
}

func (a *alerts) forget(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.told, text)
}

// Alert tells the admins of approvebot something that only they can mend. The
// sentence is mrkdwn of ours. The log has it in any case.
func (b *Bot) Alert(ctx context.Context, sentence string) { b.alert(ctx, sentence) }

// alert reports false if there are admins, and none of them could be told.
func (b *Bot) alert(ctx context.Context, sentence string) bool {
	if !b.alerts.first(sentence, b.c.Now()) {
		return true
	}
	admins, err := b.people.ids(ctx, b.c.Admins())
	if err != nil {
		b.c.Log.Warn("not all admins could be found in Slack", zap.Error(err))
	}
	told := err == nil && len(admins) == 0
	for _, id := range admins {
		if _, _, err := b.c.Slack.PostMessageContext(ctx, id, slack.MsgOptionText(sentence, false)); err != nil {
			b.c.Log.Warn("an admin could not be told: "+advice(err), zap.String("person", id), zap.Error(err))
			continue
		}
		told = true
	}
	if !told {
		b.alerts.forget(sentence)
	}
	return told
}

// Unrouted tells the admins about a request that no route takes. It may be called
// again and again, and does so once: if nobody could be told, or the process ended
// before, the next call does.
func (b *Bot) Unrouted(ctx context.Context, r approval.Request) {
	if _, told := b.unrouted.Load(r.ID); told {
		return
	}
	key := "unrouted:" + string(r.ID)
	first, err := b.c.Store.Once(ctx, key)
	switch {
	case err != nil:
		b.log(r.ID).Error("an unrouted request could not be marked as told; the next poll tries again", zap.Error(err))
		return
	case first && !b.alert(ctx, blocks.UnroutedMessage(r).Text):
		if err := b.c.Store.ClearOnce(ctx, key); err != nil {
			b.log(r.ID).Error("no admin could be told about an unrouted request", zap.Error(err))
		}
		return
	}
	b.unrouted.Store(r.ID, true)
}

// cardLost handles that a card can no longer be updated. A request that still
// waits must stay visible: where the message was deleted it is posted anew, and
// where the channel is lost the admins are told and, if it is shown nowhere
// else, given the card themselves.
func (b *Bot) cardLost(ctx context.Context, card store.Card, record store.Record, err error) error {
	refusal, _ := refused(err)
	if refusal.Err == "message_not_found" {
		reposted, err := b.c.Store.Repost(ctx, card.Request, card.Channel, card.TS)
		if err != nil || reposted {
			return err
		}
	}
	if err := b.c.Store.CardFailed(ctx, card.Request, card.Channel, advice(err)); err != nil {
		return err
	}
	if record.State.Final() {
		return nil
	}
	b.Alert(ctx, blocks.LostChannelMessage(card.Channel, advice(err)).Text)
	for _, other := range record.Cards {
		if other.Channel != card.Channel && other.Failed.IsZero() {
			return nil
		}
	}
	admins, err := b.people.ids(ctx, b.c.Admins())
	if err != nil {
		b.c.Log.Warn("not all admins could be found in Slack", zap.Error(err))
	}
	if len(admins) == 0 {
		b.log(card.Request).Error("a request that waits is shown nowhere any more; configure admins, or another channel for its route")
		return nil
	}
	return b.c.Store.Place(ctx, card.Request, admins...)
}

// Approvers returns the ids of those whom a rule names, as far as they can be
// found, and of whoever stands in for those who are away.
func (b *Bot) Approvers(ctx context.Context, rule approval.Rule) ([]string, error) {
	ids, err := b.people.ids(ctx, Team{Users: rule.Users, Groups: rule.Groups})
	if !rule.Delegation {
		return ids, err
	}
	absent, away := b.absent(ctx)
	for _, id := range slices.Clone(ids) {
		if d := absent[id].Delegate.ID; d != "" && !slices.Contains(ids, d) {
			ids = append(ids, d)
		}
	}
	return ids, errors.Join(err, away)
}

// ids returns the ids of a team's people, those it could find, together with
// what went wrong for the others.
func (p *people) ids(ctx context.Context, t Team) (ids []string, err error) {
	var last error
	for _, name := range t.Users {
		id, err := p.id(ctx, name)
		if err != nil {
			last = err
			continue
		}
		ids = append(ids, id)
	}
	for _, group := range t.Groups {
		members, err := p.members(ctx, group)
		if err != nil {
			last = err
			continue
		}
		ids = append(ids, members...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), last
}

// id finds a person that configuration names.
func (p *people) id(ctx context.Context, name string) (string, error) {
	handle, isHandle := strings.CutPrefix(name, "@")
	switch {
	case isHandle:
		return p.byHandle(ctx, handle)
	case strings.Contains(name, "@"):
		u, err := p.slack.GetUserByEmailContext(ctx, name)
		if err != nil {
			return "", fmt.Errorf("ask Slack for %s: %w", name, err)
		}
		return u.ID, nil
	}
	return name, nil
}

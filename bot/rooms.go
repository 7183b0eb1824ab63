package bot

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/blocks"
)

// rooms turns what a route calls a channel ("#pki-approvals", C012ABCDEF, U012ABCDEF)
// into an id that Slack takes. Names are looked up once; ids pass through.
type rooms struct {
	slack  *slack.Client
	mu     sync.Mutex
	byName map[string]string
	shared map[string]bool // by id: other organisations are inside
}

func newRooms(c *slack.Client) *rooms {
	return &rooms{slack: c, byName: map[string]string{}, shared: map[string]bool{}}
}

// UnknownChannelError says that no channel of that name is visible to the bot.
type UnknownChannelError struct{ Name string }

func (e *UnknownChannelError) Error() string {
	return fmt.Sprintf("channel %s was not found in Slack; check the name, and invite the bot if the channel is private", e.Name)
}

func (r *rooms) resolve(ctx context.Context, channel string) (string, error) {
	name, isName := strings.CutPrefix(channel, "#")
	if !isName {
		return channel, nil
	}
	r.mu.Lock()
	id, ok := r.byName[name]
	r.mu.Unlock()
	if ok {
		return id, nil
	}
	if err := r.read(ctx); err != nil {
		return "", fmt.Errorf("look up channel %s: %w", channel, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, ok := r.byName[name]; ok {
		return id, nil
	}
	return "", &UnknownChannelError{Name: channel}
}

// history returns where the messages of a room can be read. A person's id is good
// for posting only: what was posted is in the direct message with them.
func (r *rooms) history(ctx context.Context, id string) (string, error) {
	if !strings.HasPrefix(id, "U") && !strings.HasPrefix(id, "W") {
		return id, nil
	}
	c, _, _, err := r.slack.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{id}})
	if err != nil {
		return "", fmt.Errorf("open the direct message with %s: %w", id, err)
	}
	return c.ID, nil
}

// outside reports whether people of other organisations are in the channel. Where
// the bot may not look, or it is a direct message, they are not.
func (r *rooms) outside(ctx context.Context, id string) (bool, error) {
	if strings.HasPrefix(id, "U") || strings.HasPrefix(id, "W") {
		return false, nil // a person; whether they are an outsider is asked when they press
	}
	r.mu.Lock()
	shared, ok := r.shared[id]
	r.mu.Unlock()
	if ok {
		return shared, nil
	}
	c, err := r.slack.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	if refusal, ok := refused(err); ok && refusal.Err != "ratelimited" {
		return false, nil // posting will tell what is wrong
	}
	if err != nil {
		return false, fmt.Errorf("ask Slack about channel %s: %w", id, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shared[id] = c.IsExtShared
	return c.IsExtShared, nil
}

// forget makes the next resolve ask again: a name may have moved to another channel.
func (r *rooms) forget(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byName, strings.TrimPrefix(channel, "#"))
	clear(r.shared)
}

func (r *rooms) read(ctx context.Context) error {
	types := []string{"public_channel", "private_channel"}
	found := map[string]string{}
	for cursor := ""; ; {
		list, next, err := r.slack.GetConversationsContext(ctx, &slack.GetConversationsParameters{Cursor: cursor, Limit: 500, Types: types, ExcludeArchived: true})
		if refusal, ok := refused(err); ok && refusal.Err == "missing_scope" && len(types) > 1 {
			types = types[:1] // groups:read was not granted: public channels only
			continue
		}
		if err != nil {
			return err
		}
		for _, c := range list {
			found[c.Name] = c.ID
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byName = found
	return nil
}

// CheckRoute says in sentences which channels cannot be posted to and which
// groups do not exist, so that an operator hears of it before a request does.
func (b *Bot) CheckRoute(ctx context.Context, approvers Team, channels ...string) (problems []string) {
	for _, name := range channels {
		if problem := b.checkRoom(ctx, name); problem != "" {
			problems = append(problems, problem)
		}
	}
	for _, name := range approvers.Groups {
		if _, err := b.people.members(ctx, name); err != nil {
			problems = append(problems, fmt.Sprintf("approvers %s: %v", name, err))
		}
	}
	for _, name := range approvers.Users {
		if problem := b.people.check(ctx, name, b.team()); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

func (b *Bot) checkRoom(ctx context.Context, name string) string {
	id, err := b.rooms.resolve(ctx, name)
	if err != nil {
		return err.Error()
	}
	if strings.HasPrefix(id, "U") || strings.HasPrefix(id, "W") {
		return "" // a person: Slack opens the direct message by itself
	}
	c, err := b.c.Slack.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	if refusal, ok := refused(err); ok && refusal.Err == "missing_scope" {
		return "" // not allowed to look; posting will tell
	}
	switch {
	case err != nil:
		return blocks.ChannelTrouble(name, advice(err))
	case c.IsArchived:
		return blocks.ChannelArchived(name)
	case c.IsExtShared && !b.c.AllowShared():
		return blocks.ChannelShared(name)
	case !c.IsMember && !c.IsIM:
		return blocks.ChannelNotJoined(name)
	}
	return ""
}

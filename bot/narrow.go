package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// subscription is one that has been understood.
type subscription struct {
	store.Subscription
	takes    func(approval.Request) bool
	narrows  bool
	deciders []string // whom it leaves deciding in its channel; nobody if empty
}

// understand reads a subscription. One that cannot be read shows nothing, and
// leaves nobody deciding in its channel until an admin has removed it: whom it
// kept out is not known (P5).
func (b *Bot) understand(s store.Subscription) (subscription, error) {
	var wanted map[string]string
	if err := json.Unmarshal(s.Filter, &wanted); err != nil {
		return subscription{Subscription: s, narrows: true, takes: everything}, fmt.Errorf("read subscription %s: %w", s.ID, err)
	}
	takes, deciders, err := b.subscription(wanted)
	if err != nil {
		return subscription{Subscription: s, narrows: wanted[blocks.Deciders] != "", deciders: deciders, takes: everything}, fmt.Errorf("understand subscription %s: %w", s.ID, err)
	}
	return subscription{Subscription: s, takes: takes, narrows: len(deciders) > 0, deciders: deciders}, nil
}

func everything(approval.Request) bool { return true }

// subscription splits what was asked for into its two halves. Its errors are sentences.
func (b *Bot) subscription(wanted map[string]string) (takes func(approval.Request) bool, deciders []string, err error) {
	filter := map[string]string{}
	for key, value := range wanted {
		if key != blocks.Deciders {
			filter[key] = value
		}
	}
	if text := wanted[blocks.Deciders]; text != "" {
		if deciders, err = parseDeciders(text); err != nil {
			return nil, nil, err
		}
	}
	takes, err = b.c.Filter(filter)
	return takes, deciders, err
}

// maxDeciders is how many names one subscription takes; a group holds more.
const maxDeciders = 10

// decider is a handle, an e-mail address or an id, also as Slack writes it where
// it resolves names in commands: <@U012ABCDEF|ada>, <!subteam^S012ABCDEF|@pki>.
var decider = regexp.MustCompile(`^(?:<(?:@|!subteam\^)([USW][A-Z0-9]{2,31})(?:\|[^<>]*)?>|(@[\p{L}\p{N}._-]+|[USW][A-Z0-9]{2,31}|[^@\s<>,|\x60"]{1,64}@[^@\s<>,|\x60"]{1,190}))$`)

// parseDeciders reads "@pki-security, @ada". Its errors are sentences without a full stop.
func parseDeciders(text string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		m := decider.FindStringSubmatch(strings.TrimSpace(name))
		if m == nil || utf8.RuneCountInString(name) > 300 { // letters of any script are costly to count in a regexp
			return nil, errors.New(blocks.NotADecider(strings.TrimSpace(name)))
		}
		if name = m[1] + m[2]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > maxDeciders {
		return nil, errors.New(blocks.TooManyDeciders(maxDeciders))
	}
	return names, nil
}

// checkDeciders says in a sentence which of the names is nobody's, or "".
func (b *Bot) checkDeciders(ctx context.Context, names []string) (string, error) {
	for _, name := range names {
		if groupLike(name) {
			_, err := b.people.members(ctx, name)
			if err == nil {
				continue
			}
			if _, unknown := errors.AsType[*UnknownGroupError](err); !unknown {
				return "", err
			}
		}
		k, err := b.people.find(ctx, name, b.team())
		if err != nil {
			return "", err
		}
		if k.ID == "" {
			return blocks.NobodysName(name), nil
		}
	}
	return "", nil
}

// groupLike reports whether a name may be a user group's: in a workspace no group
// has the handle of a person.
func groupLike(name string) bool { return strings.HasPrefix(name, "@") || strings.HasPrefix(name, "S") }

// narrowings are whom subscriptions leave deciding a request, by the channel of
// the card as the card calls it. Channels that are not narrowed are missing.
func (b *Bot) narrowings(ctx context.Context, r store.Record) (map[string]blocks.Narrowing, error) {
	all, err := b.c.Store.Subscriptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the subscriptions: %w", err)
	}
	narrowed := map[string]blocks.Narrowing{}
	for _, stored := range all {
		s, err := b.understand(stored)
		if err != nil {
			b.c.Log.Error("a subscription cannot be understood; an admin has to remove it", zap.String("channel", s.Channel), zap.Error(err))
		}
		if !s.narrows || !s.takes(r.Request) {
			continue
		}
		for _, card := range r.Cards {
			if b.isIn(ctx, card, s.Channel) {
				narrowed[card.Channel] = append(narrowed[card.Channel], s.deciders)
			}
		}
	}
	return narrowed, nil
}

// isIn reports whether a card is in the channel of that id, or about to be.
func (b *Bot) isIn(ctx context.Context, card store.Card, channel string) bool {
	if card.Channel == channel || card.SlackChannel == channel {
		return true
	}
	if card.SlackChannel != "" {
		return false
	}
	id, err := b.rooms.resolve(ctx, card.Channel)
	return err == nil && id == channel
}

// among reports whether a person is meant by all lists. A group that is not there
// any more means nobody; that Slack does not answer is an error.
func (b *Bot) among(ctx context.Context, n blocks.Narrowing, k knownPerson) (bool, error) {
	for _, names := range n {
		in, err := b.meant(ctx, names, k)
		if err != nil || !in {
			return false, err
		}
	}
	return true, nil
}

func (b *Bot) meant(ctx context.Context, names []string, k knownPerson) (bool, error) {
	for _, name := range names {
		if named(k, name) {
			return true, nil
		}
		if !groupLike(name) {
			continue
		}
		members, err := b.people.members(ctx, name)
		if _, unknown := errors.AsType[*UnknownGroupError](err); unknown {
			continue
		}
		if err != nil {
			return false, err
		}
		if slices.Contains(members, k.ID) {
			return true, nil
		}
	}
	return false, nil
}

// bar finds out whether subscriptions keep the person from deciding on the card
// in question. Who decides without a card, from a list say, is kept from it only
// where no card would let them.
func (b *Bot) bar(ctx context.Context, a *attempt, k knownPerson) error {
	narrowed, err := b.narrowings(ctx, a.record)
	if err != nil || len(narrowed) == 0 {
		return err
	}
	a.deciders, a.elsewhere = narrowed[a.Channel], nil
	here, err := b.among(ctx, a.deciders, k)
	if err != nil {
		return err
	}
	for _, card := range a.record.Cards {
		foreign := isPerson(card.Channel) && card.Channel != k.ID
		if card.Channel == a.Channel && a.Room != "" || foreign || !card.Failed.IsZero() {
			continue
		}
		may, err := b.among(ctx, narrowed[card.Channel], k)
		if err != nil {
			return err
		}
		if may {
			a.elsewhere = append(a.elsewhere, card.Channel)
		}
	}
	if _, carded := cardIn(a.record, a.Channel); !carded || a.Room == "" {
		here = len(a.elsewhere) > 0
	}
	a.candidate.Barred = !here
	return nil
}

// roomOf is how people find a card's channel: by its id, which Slack shows as a link.
func roomOf(card store.Card) string {
	if isPerson(card.Channel) || card.SlackChannel == "" {
		return card.Channel
	}
	return card.SlackChannel
}

// isPerson reports whether a card's channel is a person, who gets it as a direct message.
func isPerson(channel string) bool {
	return strings.HasPrefix(channel, "U") || strings.HasPrefix(channel, "W")
}

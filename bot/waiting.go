package bot

import (
	"context"
	"fmt"
	"slices"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// openLook is how many open requests are looked at for one person's list.
const openLook = 1000

// certain is up to how many requests a list is checked to the last detail. In a
// longer one only the part that is shown is, so that a person whose list is long
// costs no question to Slack for every requester in it; the number above the
// list may then count a request of the person's own.
const certain = 2 * blocks.HomePage

// waitingFor returns the requests that a person may decide, the most urgent
// first, and how many open requests were not looked at.
func (b *Bot) waitingFor(ctx context.Context, user string) (mine []store.Record, unread int, err error) {
	records, total, err := b.c.Store.Pending(ctx, openLook, 0)
	if err != nil {
		return nil, 0, err
	}
	mine, err = b.mine(ctx, user, records)
	return mine, total - len(records), err
}

// mine chooses the requests that a person may decide and has not voted on.
func (b *Bot) mine(ctx context.Context, user string, records []store.Record) ([]store.Record, error) {
	var mine []store.Record
	candidates := map[string]approval.Candidate{} // by route
	failed := false
	for _, r := range records {
		a := attempt{user: user, record: r}
		var ok bool
		if a.rule, ok = b.c.Rule(r.Route); !ok || r.State != approval.Pending {
			continue
		}
		if a.candidate, ok = candidates[r.Route]; !ok {
			_, reason := b.recognize(ctx, &a)
			failed = failed || reason == blocks.SlackDown
			candidates[r.Route] = a.candidate // nobody, where it could not be learned
		}
		a.candidate.Relation = approval.SomebodyElse // unless it turns out otherwise, see certain
		if len(b.verdicts(a)) > 0 {
			mine = append(mine, r)
		}
	}
	if failed && len(mine) == 0 { // where it is only one route's group, the others' requests are shown
		return nil, fmt.Errorf("person %s could not be looked up", user)
	}
	slices.SortStableFunc(mine, byUrgency)
	if len(mine) <= certain {
		mine = slices.DeleteFunc(mine, func(r store.Record) bool {
			_, verdicts := b.mayGive(ctx, user, r)
			return len(verdicts) == 0
		})
	}
	return mine, nil
}

// verdicts are those that the person may give as far as policy knows them. Who has
// voted does not wait for themselves.
func (b *Bot) verdicts(a attempt) (offered []approval.Verdict) {
	if b.spent(&a) || slices.ContainsFunc(a.record.Votes, func(v approval.Vote) bool { return v.By.ID == a.user }) {
		return nil
	}
	for _, v := range []approval.Verdict{approval.Approve, approval.Deny} {
		if a.policyCase().Judge(v, a.candidate, b.c.Now()) == "" {
			offered = append(offered, v)
		}
	}
	return offered
}

// mayGive are the verdicts that a press by this person would be good for now, on
// a card that lets them. Without a card there is nothing to press yet.
func (b *Bot) mayGive(ctx context.Context, user string, r store.Record) (card store.Card, verdicts []approval.Verdict) {
	a := attempt{user: user, record: r}
	var ok bool
	if a.rule, ok = b.c.Rule(r.Route); !ok {
		return store.Card{}, nil
	}
	a.Request = r.Request.ID
	if b.identify(ctx, &a) != "" {
		return store.Card{}, nil
	}
	return shownCard(r, a.elsewhere...), b.verdicts(a)
}

// shownCard is a card of the request that is in Slack, else one that will be; the
// zero card if there is none. Only those in the given channels count, if any are given.
func shownCard(r store.Record, channels ...string) (found store.Card) {
	for _, c := range r.Cards {
		switch {
		case len(channels) > 0 && !slices.Contains(channels, c.Channel):
		case c.TS != "" && c.Failed.IsZero():
			return c
		case found.Channel == "":
			found = c
		}
	}
	return found
}

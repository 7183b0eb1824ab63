package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// homePlace is what part of the list a Home tab shows. It travels with the view.
type homePlace struct {
	Route string `json:"r,omitempty"` // as [blocks.HomeRouteValue] writes it, "" for all
	Page  int    `json:"p,omitempty"`
}

func (p homePlace) String() string {
	text, _ := json.Marshal(p) // a string and a number always marshal
	return string(text)
}

func placeOf(metadata string) (p homePlace) {
	if json.Unmarshal([]byte(metadata), &p) != nil || p.Page < 0 {
		return homePlace{}
	}
	return p
}

// Event takes an event of the Events API.
func (b *Bot) Event(ctx context.Context, ev slackevents.EventsAPIEvent) {
	opened, ok := ev.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent)
	if !ok || opened.Tab != "home" {
		return
	}
	var place homePlace
	if opened.View != nil { // there is none before the first was published
		place = placeOf(opened.View.PrivateMetadata)
	}
	b.homes.see(opened.User, place)
	b.later(ctx, func(ctx context.Context) { b.home(ctx, opened.User) })
}

// pressHome handles what only the Home tab has. It reports whether it was that.
func (b *Bot) pressHome(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) bool {
	if cb.View.Type != slack.VTHomeTab {
		return false
	}
	place := placeOf(cb.View.PrivateMetadata)
	switch action.ActionID {
	case blocks.ActionFilter:
		place = homePlace{Route: action.SelectedOption.Value}
	case blocks.ActionPrevious, blocks.ActionNext:
		page, err := strconv.Atoi(action.Value)
		if err != nil {
			return true // not of our making
		}
		place.Page = page
	case blocks.ActionRefresh:
	default:
		b.homes.see(cb.User.ID, place)
		return false
	}
	b.homes.move(cb.User.ID, place)
	b.later(ctx, func(ctx context.Context) { b.home(ctx, cb.User.ID) })
	return true
}

// drawHomes brings these people's Home tabs up to date.
func (b *Bot) drawHomes(ctx context.Context, people []string) {
	records, total, err := b.c.Store.Pending(ctx, openLook, 0)
	if err != nil {
		b.c.Log.Warn("open Home tabs cannot be brought up to date", zap.Error(err))
		b.homes.again(0)
		return
	}
	for _, user := range people {
		b.drawHome(ctx, user, records, total-len(records), false)
	}
}

// acted brings the Home tab of a person up to date who has just done something.
func (b *Bot) acted(ctx context.Context, user string) {
	if b.homes.knows(user) {
		b.later(ctx, func(ctx context.Context) { b.drawHomes(ctx, []string{user}) })
	}
}

// home draws a person's Home tab, because it was opened or they pressed something.
func (b *Bot) home(ctx context.Context, user string) {
	records, total, err := b.c.Store.Pending(ctx, openLook, 0)
	if err != nil {
		b.c.Log.Warn("the Home tab cannot show what waits", zap.String("person", user), zap.Error(err))
		b.publishHome(ctx, user, blocks.HomeView{Trouble: blocks.HomeUnread})
		return
	}
	b.drawHome(ctx, user, records, total-len(records), true)
}

// drawHome draws a person's Home tab of the open requests given, unless it shows
// just that and need not be drawn for the press of a button.
func (b *Bot) drawHome(ctx context.Context, user string, records []store.Record, unread int, pressed bool) {
	h, place, done := b.homes.hold(user)
	defer done()
	view, look, err := b.homeView(ctx, user, place, records)
	if err != nil {
		b.c.Log.Warn("the Home tab could not be made", zap.String("person", user), zap.Error(err))
		if pressed {
			b.publishHome(ctx, user, blocks.HomeView{Trouble: blocks.HomeUnknown})
		}
		return
	}
	view.Unread = unread
	if !pressed && h.look == look {
		return
	}
	if b.publishHome(ctx, user, view) {
		h.look = look
	}
}

// publishHome shows the view. Where Slack does not take it now, the next look at
// what has changed tries again.
func (b *Bot) publishHome(ctx context.Context, user string, view blocks.HomeView) bool {
	_, err := b.c.Slack.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: user, View: blocks.Home(view)})
	if err == nil {
		return true
	}
	if ctx.Err() != nil {
		return false // we are about to end
	}
	b.c.Log.Warn("the Home tab could not be shown: "+advice(err), zap.String("person", user), zap.Error(err))
	if kind, after := judge(err); kind != never && kind != badBlocks {
		b.homes.again(after)
	}
	return false
}

// homeView collects what a person's Home tab shows, and what tells it from
// another: buttons are sealed anew each time and cannot be compared.
func (b *Bot) homeView(ctx context.Context, user string, place homePlace, records []store.Record) (blocks.HomeView, string, error) {
	mine, err := b.mine(ctx, user, records)
	if err != nil {
		return blocks.HomeView{}, "", err
	}
	v := blocks.HomeView{All: len(mine), Bulk: len(b.bulkKinds(mine)) > 0}
	mine = filtered(&v, &place, mine)
	if v.Away, err = b.awaySentence(ctx, user); err != nil {
		return blocks.HomeView{}, "", err
	}
	v.Found = len(mine)
	place.Page = max(0, min(place.Page, (v.Found-1)/blocks.HomePage))
	v.Page, v.Metadata = place.Page, place.String()
	var look strings.Builder
	fmt.Fprint(&look, place, v.All, v.Found, v.Routes, v.Away)
	first := place.Page * blocks.HomePage
	for _, r := range mine[first:min(first+blocks.HomePage, v.Found)] {
		if item, ok := b.homeItem(ctx, user, r); ok {
			v.Waiting = append(v.Waiting, item)
			fmt.Fprint(&look, r.Request.ID, r.Version, len(item.Sealed), item.Link)
		}
	}
	voted, err := b.c.Store.VotedBy(ctx, user, homeLately)
	if err != nil {
		return blocks.HomeView{}, "", err
	}
	for _, r := range voted {
		v.Lately = append(v.Lately, b.homeDecided(r))
		fmt.Fprint(&look, r.Request.ID, r.Version)
	}
	return v, look.String(), nil
}

// homeHints are the hints about a request in a list; that some may be missing there
// is for the log.
func (b *Bot) homeHints(ctx context.Context, r store.Record) approval.Hints {
	rule, ok := b.c.Rule(r.Route)
	if !ok {
		return approval.Hints{}
	}
	h, err := b.hints(ctx, rule, r.Request)
	if err != nil {
		b.log(r.Request.ID).Warn("what was seen before could not be looked up for a list", zap.Error(err))
	}
	return h
}

// homeLately is how many decisions of a person's own their Home tab shows.
const homeLately = 5

// filtered applies the filter and fills in its choices: every route of which
// something waits, and the one that is chosen, even if nothing of it does.
func filtered(v *blocks.HomeView, place *homePlace, mine []store.Record) []store.Record {
	count := map[string]int{}
	for _, r := range mine {
		count[r.Route]++
	}
	for name, n := range count {
		v.Routes = append(v.Routes, blocks.HomeRoute{Name: name, Count: n})
		if blocks.HomeRouteValue(name) == place.Route {
			v.Route = name
		}
	}
	slices.SortFunc(v.Routes, func(a, b blocks.HomeRoute) int { return cmp.Compare(a.Name, b.Name) })
	if v.Route == "" {
		place.Route = "" // "all", or nothing of the route is left: then everything else is of interest
		return mine
	}
	return slices.DeleteFunc(slices.Clone(mine), func(r store.Record) bool { return r.Route != v.Route })
}

// homeItem is a waiting request with the buttons that this person may press. It
// is false when there are none.
func (b *Bot) homeItem(ctx context.Context, user string, r store.Record) (blocks.HomeItem, bool) {
	card, verdicts := b.mayGive(ctx, user, r)
	rule, ok := b.c.Rule(r.Route)
	if len(verdicts) == 0 || !ok {
		return blocks.HomeItem{}, false
	}
	item := blocks.HomeItem{Request: r.Request, State: r.State, Votes: r.Votes, Since: r.Seen, Sealed: map[approval.Verdict]string{}}
	item.Needs = needs(rule, r)
	item.Claim, item.Hints = b.claimOf(r), b.homeHints(ctx, r)
	item.Menu, item.Claimable = true, rule.ClaimFor > 0
	if card.Channel == "" {
		return item, true // it has a card somewhere soon, and buttons then
	}
	item.Channel, item.Link = card.SlackChannel, b.permalink(card)
	t := ticket{Request: r.Request.ID, Channel: card.Channel, Digest: r.Request.Digest(), Until: b.c.Now().Add(b.c.SealLife).Unix()}
	item.Details = b.seal.seal(t)
	for _, verdict := range verdicts {
		t.Verdict = verdict
		item.Sealed[verdict] = b.seal.seal(t)
	}
	return item, true
}

func (b *Bot) homeDecided(r store.VotedRecord) blocks.HomeDecided {
	d := blocks.HomeDecided{Verdict: r.Verdict, At: r.At, Card: blocks.CardView{Request: r.Request, State: r.State, Outcome: r.Outcome, Votes: r.Votes}}
	if r.Decision != nil && r.Decision.Failed.IsZero() {
		d.Card.Decision = &r.Decision.Decision
	}
	if rule, ok := b.c.Rule(r.Route); ok {
		d.Card.Needs = needs(rule, r.Record)
	}
	d.Link = b.permalink(shownCard(r.Record))
	return d
}

// permalink is where a card can be seen; "" where it is not posted. It is put
// together as Slack does it, because a question for every card of a list would
// take long: https://docs.slack.dev/reference/methods/chat.getPermalink
func (b *Bot) permalink(card store.Card) string {
	b.self.mu.RLock()
	defer b.self.mu.RUnlock()
	if b.self.url == "" || card.SlackChannel == "" || card.TS == "" || !card.Failed.IsZero() {
		return ""
	}
	return strings.TrimSuffix(b.self.url, "/") + "/archives/" + card.SlackChannel + "/p" + strings.ReplaceAll(card.TS, ".", "")
}

// homeEvery is how often it is looked whether what open Home tabs show has changed.
const homeEvery = 3 * time.Second

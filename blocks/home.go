package blocks

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// HomePage is how many waiting requests a page of the Home tab shows.
const HomePage = 10

// HomeView is a person's Home tab.
type HomeView struct {
	// Waiting is the page at hand of the requests this person may decide, the most
	// urgent first.
	Waiting []HomeItem
	// Page counts from 0; Found is how many requests all pages together show, and All
	// how many there are without the filter.
	Page, Found, All int
	// Unread counts further open requests that were not looked at.
	Unread int
	// Routes are the choices of the filter, and Route is what it is set to, "" for all.
	Routes []HomeRoute
	Route  string
	// Bulk offers to decide several at once.
	Bulk bool
	// Lately is what this person decided, the latest first.
	Lately []HomeDecided
	// Metadata comes back with every press.
	Metadata string
	// Away says that this person is away, see [AwaySentence].
	Away string
	// Trouble is a plain sentence of ours; nothing else is known then.
	Trouble string
}

// HomeRoute is one choice of the filter.
type HomeRoute struct {
	Name  string
	Count int // of requests that wait for this person
}

// HomeItem is one request that waits.
type HomeItem struct {
	Request approval.Request
	State   approval.State
	Link    string // the card's permalink
	Channel string // the channel's id, if known
	// Sealed and Details are the values of the buttons as in [CardView].
	Sealed  map[approval.Verdict]string
	Details string
	// Votes are those that stand, and Needs what is missing.
	Votes []approval.Vote
	Needs Needs
	// Claim says who looks at it; Menu and Claimable are as in [CardView].
	Claim           *Claim
	Menu, Claimable bool
	// Hints are what the rules of the route found; the worst one is shown.
	Hints approval.Hints
	// Since is when it began to wait, where Keyfactor does not say when it was submitted.
	Since time.Time
}

// HomeDecided is a request that this person voted on.
type HomeDecided struct {
	Verdict approval.Verdict // theirs
	At      time.Time
	// Card is where the request stands now.
	Card CardView
	Link string
}

// Home draws the Home tab: the tools, a page of what waits, what was decided lately.
func Home(v HomeView) slack.HomeTabViewRequest {
	if v.Trouble != "" {
		return home(v, slack.NewHeaderBlock(plainText("Requests that wait for you")), section("trouble", plainText("⚠️ "+visible(v.Trouble, maxTrouble))),
			slack.NewActionBlock("tools", homeTools(v)...))
	}
	title := "Nothing waits for you"
	if v.All > 0 {
		title = plural(v.All, "request waits for you", "requests wait for you")
	}
	list := []slack.Block{slack.NewHeaderBlock(plainText(title), slack.HeaderBlockOptionBlockID("title"))}
	if v.Away != "" {
		list = append(list, section("away", markdown(v.Away)))
	}
	switch {
	case v.All == 0:
		list = append(list, section("none", plainText("New requests appear in their channel, and here.")))
	case v.Found == 0:
		list = append(list, section("none", plainText("None of them is of this route.")))
	}
	list = append(list, slack.NewActionBlock("tools-"+hash(v.Route), homeTools(v)...))
	for i, item := range v.Waiting[:min(len(v.Waiting), HomePage)] {
		list = append(list, slack.NewDividerBlock())
		list = append(list, homeItem(homeID("waiting", i, item.Request), item)...)
	}
	list = append(list, homePages(v)...)
	list = append(list, homeLately(v.Lately)...)
	return home(v, list...)
}

func home(v HomeView, list ...slack.Block) slack.HomeTabViewRequest {
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, PrivateMetadata: v.Metadata, Blocks: slack.Blocks{BlockSet: list}}
}

// homeTools are the filter, the way to decide several, and a button for whoever
// does not want to wait for the view to refresh itself.
func homeTools(v HomeView) []slack.BlockElement {
	var out []slack.BlockElement
	if len(v.Routes) > 1 || v.Route != "" {
		out = append(out, homeFilter(v))
	}
	if v.Bulk {
		out = append(out, slack.NewButtonBlockElement(ActionBulk, "", plainText(TitleSeveral)))
	}
	return append(out, slack.NewButtonBlockElement(ActionRefresh, "", plainText("Refresh")))
}

func homeFilter(v HomeView) slack.BlockElement {
	options := []*slack.OptionBlockObject{slack.NewOptionBlockObject(allRoutes, plainText(fmt.Sprintf("All routes (%d)", v.All)), nil)}
	chosen := options[0]
	for _, r := range v.Routes[:min(len(v.Routes), maxOptions-1)] {
		count := fmt.Sprintf(" (%d)", r.Count)
		option := slack.NewOptionBlockObject(HomeRouteValue(r.Name), plainText(visible(r.Name, maxOption-runes(count))+count), nil)
		options = append(options, option)
		if r.Name == v.Route {
			chosen = option
		}
	}
	s := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Route"), ActionFilter, options...)
	s.InitialOption = chosen
	return s
}

const allRoutes = "all"

// HomeRouteValue is the filter's option for a route. Names may be longer than an
// option's value can be.
func HomeRouteValue(name string) string { return "route-" + hash(name) }

func hash(s string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return strconv.FormatUint(h.Sum64(), 36)
}

// homeID tells the blocks of one request from those of another that takes its place.
func homeID(list string, i int, r approval.Request) string {
	return fmt.Sprintf("%s-%d-%s", list, i+1, hash(string(r.ID)))
}

func homeItem(id string, item HomeItem) []slack.Block {
	r := item.Request
	what := []slack.RichTextSectionElement{bold(heading(r))}
	if who := visible(r.Requester, 120); who != "" {
		what = append(what, text("\nRequested by "+who))
	}
	out := []slack.Block{slack.NewRichTextBlock(id, slack.NewRichTextSection(what...))}
	if line := homeLine(item); line != "" {
		out = append(out, context(id+"-state", markdown(line)))
	}
	if b := homeButtons(item); len(b) > 0 {
		out = append(out, slack.NewActionBlock(id+"-buttons", b...))
	}
	return out
}

// homeButtons are the card's, without its colours: ten green ones in a column
// would shout.
func homeButtons(item HomeItem) []slack.BlockElement {
	var out []slack.BlockElement
	r := item.Request
	for _, b := range []struct{ action, label, value string }{
		{ActionApprove, "Approve", item.Sealed[approval.Approve]}, {ActionDeny, "Deny", item.Sealed[approval.Deny]}, {ActionDetails, "Details", item.Details},
	} {
		if b.value != "" && runes(b.value) <= maxValue {
			out = append(out, button(b.action, b.value, b.label, r))
		}
	}
	return append(out, homeMenu(item)...)
}

var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,31}$`)

// homeLine is "Submitted today at 10:12 · in #pki-approvals · Show card".
func homeLine(item HomeItem) string {
	var parts []string
	if item.State == approval.Deciding {
		parts = append(parts, "A decision is being sent to Keyfactor")
	}
	if d := date(item.Request.Submitted); d != "" {
		parts = append(parts, "Submitted "+d)
	} else if d := date(item.Since); d != "" {
		parts = append(parts, "Waiting since "+d)
	}
	if channelID.MatchString(item.Channel) {
		parts = append(parts, "in <#"+item.Channel+">")
	}
	if l := hyperlink(item.Link, "Show card"); l != "Show card" {
		parts = append(parts, l)
	}
	all := []string{strings.Join(parts, " · ")}
	for _, more := range []string{urgency(item.Request), strings.TrimSpace(worst(item.Hints)), item.Claim.words(), tally(item.Votes, item.Needs)} {
		if more != "" {
			all = append(all, more)
		}
	}
	return strings.TrimSpace(strings.Join(all, "\n"))
}

// homePages says which part of the list is shown, and leads to the others.
func homePages(v HomeView) []slack.Block {
	var out []slack.Block
	first := v.Page*HomePage + 1
	last := min(first+HomePage-1, v.Found)
	var words []string
	if v.Found > HomePage {
		words = append(words, fmt.Sprintf("%d to %d of %d, the most urgent first.", first, last, v.Found))
	}
	if v.Unread > 0 {
		words = append(words, fmt.Sprintf("There are %d more open requests; those that wait for you appear as others are decided.", v.Unread))
	}
	if len(words) > 0 {
		out = append(out, slack.NewDividerBlock(), context("pages", plainText(strings.Join(words, " "))))
	}
	var turn []slack.BlockElement
	if v.Page > 0 {
		turn = append(turn, slack.NewButtonBlockElement(ActionPrevious, strconv.Itoa(v.Page-1), plainText("Previous page")))
	}
	if last < v.Found {
		turn = append(turn, slack.NewButtonBlockElement(ActionNext, strconv.Itoa(v.Page+1), plainText("Next page")))
	}
	if len(turn) > 0 {
		out = append(out, slack.NewActionBlock("turn", turn...))
	}
	return out
}

func homeLately(lately []HomeDecided) []slack.Block {
	if len(lately) == 0 {
		return nil
	}
	out := []slack.Block{slack.NewDividerBlock(), slack.NewHeaderBlock(plainText("You decided lately"), slack.HeaderBlockOptionBlockID("lately"))}
	for i, d := range lately[:min(len(lately), maxLately)] {
		r := d.Card.Request
		s := slack.NewSectionBlock(markdown(d.words()), nil, nil, slack.SectionBlockOptionBlockID(homeID("lately", i, r)))
		if l := link(d.Link); l != "" {
			b := button(ActionOpen, "", "Show card", r)
			b.URL = l
			s.Accessory = slack.NewAccessory(b)
		}
		out = append(out, s)
	}
	return out
}

// words are what the request was, and what came of it.
func (d HomeDecided) words() string {
	r := d.Card.Request
	out := "*" + escape(matter(r), 80) + "* " + code(object(r), 100) + "\n"
	if d.Card.State == approval.Pending {
		out += "🗳️ You " + d.Verdict.Past() + " this" + at(d.At) + "."
		if t := tally(d.Card.Votes, d.Card.Needs); t != "" {
			out += " " + t
		}
		return out
	}
	return out + statusLine(d.Card).mrkdwn()
}

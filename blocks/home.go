package blocks

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// HomeView is a person's Home tab.
type HomeView struct {
	// Waiting are the requests this person may decide, the most urgent first.
	// Those that do not fit are counted.
	Waiting []HomeItem
	// More counts waiting requests that are not in Waiting.
	More int
}

// HomeItem is one request on the Home tab.
type HomeItem struct {
	Request approval.Request
	State   approval.State
	Link    string // the card's permalink
	Channel string // the channel's id, if known
}

// Home draws the Home tab.
func Home(v HomeView) slack.HomeTabViewRequest {
	shown := v.Waiting[:min(len(v.Waiting), maxHomeItems)]
	total := len(v.Waiting) + v.More
	title := "Nothing waits for you"
	if total > 0 {
		title = plural(total, "request waits for you", "requests wait for you")
	}
	list := []slack.Block{slack.NewHeaderBlock(plainText(title))}
	if total == 0 {
		list = append(list, section("", plainText("New requests appear in their channel, and here.")))
	}
	for i, item := range shown {
		list = append(list, homeItem(fmt.Sprintf("item-%d", i+1), item)...)
	}
	if more := total - len(shown); more > 0 {
		list = append(list, context("more", plainText(fmt.Sprintf("The %d most urgent are shown; %d more follow as these are decided.", len(shown), more))))
	}
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: list}}
}

func homeItem(id string, item HomeItem) []slack.Block {
	r := item.Request
	line := heading(r)
	if who := visible(r.Requester, 120); who != "" {
		line += "\nRequested by " + who
	}
	s := slack.NewSectionBlock(plainText(line), nil, nil, slack.SectionBlockOptionBlockID(id))
	if l := link(item.Link); l != "" {
		b := button(ActionOpen, "", "Show card", r)
		b.URL = l
		s.Accessory = slack.NewAccessory(b)
	}
	out := []slack.Block{s}
	if line := homeLine(item); line != "" {
		out = append(out, context(id+"-state", markdown(line)))
	}
	return out
}

var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,31}$`)

// homeLine is "Submitted today at 10:12 · in #pki-approvals".
func homeLine(item HomeItem) string {
	var parts []string
	if item.State == approval.Deciding {
		parts = append(parts, "A decision is being sent to Keyfactor")
	}
	if d := date(item.Request.Submitted); d != "" {
		parts = append(parts, "Submitted "+d)
	}
	if channelID.MatchString(item.Channel) {
		parts = append(parts, "in <#"+item.Channel+">")
	}
	return strings.Join(parts, " · ")
}

package blocks

import (
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// Claim says who looks at a request, since when.
type Claim struct {
	By    approval.Person
	Since time.Time
}

// words are "👀 <@U1> is looking at it since today at 10:12".
func (c *Claim) words() string {
	if c == nil {
		return ""
	}
	out := "👀 " + mention(c.By) + " is looking at it"
	if d := date(c.Since); d != "" {
		out += " since " + d
	}
	return out
}

// What the menu of a card offers. The options are too short for a seal, so they
// name nothing: the card itself says which request it is.
const (
	ActionMenu = "menu"

	MenuClaim   = "claim"
	MenuRelease = "release"
	MenuExplain = "explain"
)

// claimed says on a card who looks at it. It keeps nobody else from deciding.
func claimed(ids *blockIDs, v CardView) []slack.Block {
	if v.Claim == nil || v.State != approval.Pending {
		return nil
	}
	return []slack.Block{context(ids.id(), markdown(v.Claim.words()+"."))}
}

// menu holds what is rarely needed, so that the buttons stay few.
func menu(v CardView) []slack.BlockElement {
	if v.State != approval.Pending || !v.Menu {
		return nil
	}
	return menuOf(v.Claimable, v.Claim, "")
}

// menuSeparator stands between what is chosen and, where no card says it, of which
// request.
const menuSeparator = " "

// homeMenu is the same for a request in a list. An ID that does not fit into an
// option's value has none.
func homeMenu(item HomeItem) []slack.BlockElement {
	if !item.Menu || runes(MenuRelease+menuSeparator+string(item.Request.ID)) > maxOptionValue {
		return nil
	}
	return menuOf(item.Claimable, item.Claim, menuSeparator+string(item.Request.ID))
}

// MenuChoice reads what was chosen, and of which request if the choice says so.
func MenuChoice(value string) (choice string, id approval.ID) {
	choice, of, _ := strings.Cut(value, menuSeparator)
	return choice, approval.ID(of)
}

func menuOf(claimable bool, claim *Claim, of string) []slack.BlockElement {
	var options []*slack.OptionBlockObject
	add := func(value, label string) {
		options = append(options, slack.NewOptionBlockObject(value+of, plainText(label), nil))
	}
	switch {
	case claimable && claim == nil:
		add(MenuClaim, "I'm looking at it")
	case claimable:
		add(MenuClaim, "I'm looking at it now")
		add(MenuRelease, "I'm no longer looking at it")
	}
	add(MenuExplain, "Who may decide, and why?")
	return []slack.BlockElement{slack.NewOverflowBlockElement(ActionMenu, options...)}
}

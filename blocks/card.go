package blocks

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// CardView is everything a card shows.
type CardView struct {
	Request approval.Request
	State   approval.State
	// Decision is the live or the final one; nil when nobody decided here.
	Decision *approval.Decision
	// Sent says that Keyfactor took the decision; it may still wait for others.
	Sent bool
	// Outcome is set when State is final.
	Outcome *approval.Outcome
	// Trouble is our own plain sentence: why a decision is not through yet, or
	// why the last attempt failed.
	Trouble string
	// Hints are what the rules of the route found, the worst first.
	Hints approval.Hints
	// Earlier are other requests of the same matter, the latest first.
	Earlier []Earlier
	// Sealed are the values of the buttons; a verdict without one gets no button.
	Sealed map[approval.Verdict]string
	// Details is the value of the Details button; empty means no button.
	Details string
	// Approvers says who may decide, as mrkdwn made of ids: "<@U1>, <@U2>".
	// Foreign parts must have gone through [EscapeText].
	Approvers string
	// Deciders are whom the channel's subscriptions leave of the approvers.
	Deciders Narrowing
	// Votes are those that stand, on the way to a quorum.
	Votes []approval.Vote
	// Needs is what is missing until enough people have approved.
	Needs Needs
	// Withdraw is the value of the button that takes one's own vote back; it is shown
	// while the request is pending and there are votes.
	Withdraw string
	// NoButtons is our own plain sentence why this cannot be decided from Slack: its
	// route only shows it, or it has expired. There are then no Approve and Deny.
	NoButtons string
	// Menu offers what is rarely needed, and Claimable to say that one looks at it.
	Menu, Claimable bool
	// Claim says who looks at it.
	Claim *Claim
	// Counted are earlier approvals that Keyfactor has counted while it wants more.
	Counted []approval.Decision
}

// Earlier is a request of the same matter that came before.
type Earlier struct {
	Reference string
	Link      string
	Text      string // "approved by Carol"
}

// Card draws a request in any state. It shows, from top to bottom: what it is,
// where it stands, what Keyfactor has counted and what is in the way, hints, the facts,
// what was said about it, notes, what came before, small print, buttons.
func Card(v CardView) Message {
	ids := newBlockIDs(v.Request.ID, v.State, v.version()...)
	status := statusLine(v)
	stands := status.mrkdwn()
	if u := urgency(v.Request); u != "" && !v.State.Final() {
		stands += "\n" + u
	}
	card := []slack.Block{
		slack.NewHeaderBlock(plainText(heading(v.Request)), slack.HeaderBlockOptionBlockID(ids.id())),
		section(ids.id(), markdown(stands)),
	}
	card = append(card, claimed(ids, v)...)
	card = append(card, counted(ids, v.Counted)...)
	if t := visible(v.NoButtons, maxTrouble); t != "" && v.State == approval.Pending {
		card = append(card, section(ids.id(), plainText("🔒 "+t)))
	}
	if t := visible(v.Trouble, maxTrouble); t != "" {
		card = append(card, section(ids.id(), plainText("⚠️ "+t)))
	}
	card = append(card, cardHints(ids, v)...)
	card = append(card, cardFacts(ids, v)...)
	card = append(card, said(ids, v)...)
	if !v.State.Final() {
		card = append(card, notes(ids, v.Request)...)
	}
	card = append(card, earlier(ids, v.Earlier)...)
	card = append(card, smallPrint(ids, v.Request)...)
	if b := buttons(v); len(b) > 0 {
		card = append(card, slack.NewActionBlock(ids.id(), b...))
	}
	return Message{Text: fallback(v, status), Blocks: card}
}

// version is what makes this card mean something else than the one before.
func (v CardView) version() []string {
	parts := []string{v.Request.Digest(), v.Request.Status, v.Trouble}
	if v.NoButtons != "" {
		parts = append(parts, v.NoButtons)
	}
	if !v.State.Final() {
		parts = append(parts, hintVersion(v.Hints)...)
	}
	if s := v.Deciders.sentence(); s != "" {
		parts = append(parts, s)
	}
	for _, vote := range v.Votes {
		parts = append(parts, string(vote.Verdict), vote.By.ID)
	}
	if v.Claim != nil {
		parts = append(parts, v.Claim.By.ID)
	}
	for _, d := range v.Counted {
		parts = append(parts, d.ID)
	}
	if v.Decision != nil {
		parts = append(parts, v.Decision.ID)
	}
	if v.Outcome != nil {
		parts = append(parts, string(v.Outcome.Reason))
	}
	return parts
}

// fallback is the card in one sentence, for notifications and screen readers.
func fallback(v CardView, s status) string {
	out := escape(heading(v.Request), maxHeader) + ". " + s.sign + " " + s.sentence()
	if v.State.Final() {
		return out
	}
	if r := escape(v.Request.Requester, 120); r != "" {
		out += " Requested by " + r + "."
	}
	return out + deadline(v.Request) + worst(v.Hints)
}

func cardFacts(ids *blockIDs, v CardView) []slack.Block {
	var out []slack.Block
	facts, most, where := lines(v.Request), maxMany, "in Keyfactor"
	if v.Details != "" {
		most, where = maxFew, "under Details"
	}
	// Keyfactor's sentence repeats the facts, unless there are hardly any or the
	// matter is one we have no words for.
	if _, known := matters[v.Request.Type]; !known || len(facts) < 2 {
		if t := visible(v.Request.Title, maxTitle); t != "" {
			out = append(out, section(ids.id(), plainText(t)))
		}
	}
	more := len(facts) - most
	if more > 1 { // for a single one the sentence would take as much room as the fact
		facts = facts[:most]
	}
	if len(facts) > 0 {
		out = append(out, slack.NewRichTextBlock(ids.id(), factLines(facts)))
	}
	if more > 1 {
		out = append(out, context(ids.id(), plainText(fmt.Sprintf("%d more facts %s.", more, where))))
	}
	return out
}

// counted lists the approvals of ours that Keyfactor has counted while it wants more.
func counted(ids *blockIDs, all []approval.Decision) []slack.Block {
	if len(all) == 0 {
		return nil
	}
	var lines []string
	if n := len(all) - maxCounted; n > 0 {
		lines, all = append(lines, "☑️ Keyfactor has counted "+plural(n, "earlier decision", "earlier decisions")), all[n:]
	}
	for _, d := range all {
		lines = append(lines, "☑️ Keyfactor has counted the "+strings.ToLower(noun(d.Verdict))+" by "+everybody(d)+at(d.At))
	}
	return []slack.Block{section(ids.id(), markdown(strings.Join(lines, "\n")))}
}

// said is what people and Keyfactor said: the comments, and Keyfactor's answer.
func said(ids *blockIDs, v CardView) []slack.Block {
	var parts []slack.RichTextElement
	switch {
	case v.Decision != nil:
		parts = comments(voices(*v.Decision), len(v.Decision.With) > 0)
	case !v.State.Final():
		parts = comments(cast(v.Votes, ""), true)
	}
	if v.Outcome != nil {
		if m := visible(v.Outcome.Message, maxAnswer); m != "" {
			parts = append(parts, slack.NewRichTextSection(bold("Keyfactor says"), text("  "+m)))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{slack.NewRichTextBlock(ids.id(), parts...)}
}

func notes(ids *blockIDs, r approval.Request) []slack.Block {
	var parts []slack.MixedElement
	for _, n := range r.Notes[:min(len(r.Notes), maxNotes)] {
		if n = visible(n, maxNote); n != "" {
			parts = append(parts, plainText(n))
		}
	}
	if s := visible(r.Status, maxNote); s != "" && r.Missing == 0 { // else it is told in the status
		parts = append(parts, plainText("Keyfactor says: "+s))
	}
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{context(ids.id(), parts...)}
}

func earlier(ids *blockIDs, all []Earlier) []slack.Block {
	if len(all) == 0 {
		return nil
	}
	parts := []slack.RichTextSectionElement{bold("The same matter before")}
	for _, e := range all[:min(len(all), maxEarlier)] {
		ref := "Request " + or(visible(e.Reference, 40))
		parts = append(parts, text("\n"))
		if l := link(e.Link); l != "" {
			parts = append(parts, slack.NewRichTextSectionLinkElement(l, ref, nil))
		} else {
			parts = append(parts, text(ref))
		}
		parts = append(parts, text(": "+or(visible(e.Text, 150))))
	}
	if n := len(all) - maxEarlier; n > 0 {
		parts = append(parts, text(fmt.Sprintf("\nand %d more", n)))
	}
	return []slack.Block{slack.NewRichTextBlock(ids.id(), slack.NewRichTextSection(parts...))}
}

// smallPrint says where in Keyfactor the request stands and since when.
func smallPrint(ids *blockIDs, r approval.Request) []slack.Block {
	var parts []slack.MixedElement
	if ref := visible(r.Reference, 60); ref != "" {
		parts = append(parts, plainText("Request "+ref))
	}
	if place := place(r); place != "" {
		parts = append(parts, plainText(place))
	}
	if d := date(r.Submitted); d != "" {
		parts = append(parts, markdown("Submitted "+d))
	}
	if len(parts) == 0 {
		return nil
	}
	return []slack.Block{context(ids.id(), parts...)}
}

// place is "Web servers › Manager approval".
func place(r approval.Request) string {
	var parts []string
	for _, s := range []string{r.Definition, r.Step} {
		if s = visible(s, 100); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " › ")
}

func context(id string, parts ...slack.MixedElement) slack.Block {
	return slack.NewContextBlock(id, parts...)
}

func buttons(v CardView) []slack.BlockElement {
	var out []slack.BlockElement
	if v.State == approval.Pending {
		if value := v.sealed(approval.Approve); value != "" {
			out = append(out, button(ActionApprove, value, "Approve", v.Request).WithStyle(slack.StylePrimary))
		}
		if value := v.sealed(approval.Deny); value != "" {
			out = append(out, button(ActionDeny, value, "Deny", v.Request).WithStyle(slack.StyleDanger))
		}
		if v.Withdraw != "" && runes(v.Withdraw) <= maxValue && len(v.Votes) > 0 {
			out = append(out, button(ActionWithdraw, v.Withdraw, "Withdraw my vote", v.Request))
		}
	}
	if v.Details != "" && runes(v.Details) <= maxValue {
		out = append(out, button(ActionDetails, v.Details, "Details", v.Request))
	}
	if l := link(v.Request.Link); l != "" {
		b := button(ActionOpen, "", "Open in Keyfactor", v.Request)
		b.URL = l
		out = append(out, b)
	}
	return append(out, menu(v)...)
}

// sealed is the value of a verdict's button: none without a seal, none for a
// verdict that this request does not take, and none where it is only shown.
func (v CardView) sealed(verdict approval.Verdict) string {
	if value := v.Sealed[verdict]; v.NoButtons == "" && v.Request.Offers(verdict) && runes(value) <= maxValue {
		return value
	}
	return ""
}

// button has a name for screen readers that tells it from the next card's.
func button(action, value, label string, r approval.Request) *slack.ButtonBlockElement {
	b := slack.NewButtonBlockElement(action, value, plainText(label))
	b.AccessibilityLabel = clip(label+": "+heading(r), maxAccessible)
	return b
}

// PlainFallback is the card without blocks, for when Slack refuses them. It
// has no buttons, so it says where to decide.
func PlainFallback(v CardView) Message {
	s := statusLine(v)
	out := "*" + escape(matter(v.Request), 80) + "* " + code(object(v.Request), 100) + "\n" + s.mrkdwn()
	if r := visible(v.Request.Requester, 120); r != "" {
		out += "\nRequested by " + code(r, 120) + "."
	}
	if t := escape(v.Trouble, maxTrouble); t != "" {
		out += "\n⚠️ " + t
	}
	if v.State == approval.Pending {
		if w := strings.TrimSpace(worst(v.Hints)); w != "" {
			out += "\n" + w
		}
	}
	switch {
	case v.State == approval.Pending && v.NoButtons != "":
		out += "\n🔒 " + escape(v.NoButtons, maxTrouble)
	case v.State == approval.Pending:
		out += "\nSlack does not take this request's card, so there are no buttons. Decide it in Keyfactor."
	}
	const label = "Open in Keyfactor"
	if l := hyperlink(v.Request.Link, label); l != label {
		out += "\n" + l
	}
	return Message{Text: out}
}

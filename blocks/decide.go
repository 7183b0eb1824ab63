package blocks

import (
	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// DecideView is what the modal before a decision shows.
type DecideView struct {
	Verdict  approval.Verdict
	Request  approval.Request
	Metadata string // private_metadata; comes back with the submission
	Comment  approval.CommentRule
	Initial  string // what the field starts with
	Warning  string // a plain sentence of ours above everything else
	// Hints are what the rules of the route found; they stand before the facts.
	Hints approval.Hints
	// TypeCommonName wants the common name typed before an approval; see [CheckTyped].
	TypeCommonName bool
	// Votes are those that stand, and Needs what is missing before this one.
	Votes []approval.Vote
	Needs Needs
	// Told means that the requester gets the reason of a denial.
	Told bool
}

// DecideModal asks for the comment and is the last look at what is decided.
func DecideModal(v DecideView) slack.ModalViewRequest {
	var list []slack.Block
	if w := visible(v.Warning, maxTrouble); w != "" {
		list = append(list, section("warning", plainText("⚠️ "+w)))
	}
	list = append(list, slack.NewHeaderBlock(plainText(heading(v.Request)), slack.HeaderBlockOptionBlockID("what")))
	list = append(list, allHints("hints", v.Hints, false)...)
	facts := lines(v.Request)
	if facts = facts[:min(len(facts), maxFew)]; len(facts) > 0 {
		list = append(list, slack.NewRichTextBlock("facts", factLines(facts)))
	}
	list = append(list, votesBefore(v)...)
	var notes []slack.MixedElement
	for _, n := range v.Request.Notes[:min(len(v.Request.Notes), maxNotes)] {
		if n = visible(n, maxNote); n != "" {
			notes = append(notes, plainText(n))
		}
	}
	if len(notes) > 0 {
		list = append(list, context("notes", notes...))
	}
	if v.typed() {
		list = append(list, typedInput(v.Request))
	}
	if v.Comment.Need != approval.CommentOff {
		list = append(list, commentInputs(v)...)
	}
	m := modal(verb(v.Verdict)+" request", list...)
	m.CallbackID = CallbackDecide
	m.PrivateMetadata = v.Metadata
	m.Submit, m.Close = plainText(verb(v.Verdict)), plainText("Cancel")
	return m
}

// votesBefore shows who voted before and what they wrote, and that this vote is
// not the last one.
func votesBefore(v DecideView) []slack.Block {
	var list []slack.Block
	sentence := tally(v.Votes, v.Needs)
	if v.Verdict == approval.Approve && v.Needs.people() > 1 {
		sentence += "\nOthers must approve as well before it is sent to Keyfactor."
	}
	if sentence != "" {
		list = append(list, section("votes", markdown(sentence)))
	}
	if said := comments(cast(v.Votes, ""), true); len(said) > 0 {
		list = append(list, slack.NewRichTextBlock("comments", said...))
	}
	return list
}

// modal is an empty one with a title of at most 24 characters.
func modal(title string, list ...slack.Block) slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type:   slack.VTModal,
		Title:  plainText(visible(title, maxViewTitle)),
		Close:  plainText("Close"),
		Blocks: slack.Blocks{BlockSet: list},
	}
}

// NoticeModal says one thing. The sentence is mrkdwn of ours, such as [Refusal] makes.
func NoticeModal(title, sentence string) slack.ModalViewRequest {
	return modal(title, section("notice", markdown(sentence)))
}

// LoadingModal holds a place while we look something up: Slack gives three
// seconds to open a modal, and any time to update it.
func LoadingModal(title string) slack.ModalViewRequest {
	return modal(title, section("loading", plainText("Asking Keyfactor …")))
}

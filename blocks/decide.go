package blocks

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// CheckComment returns what is wrong with a comment as a sentence to show under
// the field, or "" if it is fine.
func CheckComment(rule approval.CommentRule, comment string) string {
	n := runes(strings.TrimSpace(comment))
	least := min(rule.Min, CommentLimit)
	switch {
	case rule.Need == approval.CommentOff:
		return ""
	case n > CommentLimit:
		return fmt.Sprintf("Please shorten this to %d characters; it has %d.", CommentLimit, n)
	case n == 0 && rule.Need != approval.CommentRequired:
		return ""
	case n == 0:
		return "Please write a comment: it is needed for this decision."
	case n < least:
		return fmt.Sprintf("Please write at least %d characters.", least)
	}
	return ""
}

// DecideView is what the modal before a decision shows.
type DecideView struct {
	Verdict  approval.Verdict
	Request  approval.Request
	Metadata string // private_metadata; comes back with the submission
	Comment  approval.CommentRule
	Initial  string // what the field starts with
	Warning  string // a plain sentence of ours above everything else
	// TypeCommonName wants the common name typed before an approval; see [CheckTyped].
	TypeCommonName bool
	// Votes are those that stand, and Needs what is missing before this one.
	Votes []approval.Vote
	Needs Needs
}

// DecideModal asks for the comment and is the last look at what is decided.
func DecideModal(v DecideView) slack.ModalViewRequest {
	verb := "Deny"
	if v.Verdict == approval.Approve {
		verb = "Approve"
	}
	var list []slack.Block
	if w := visible(v.Warning, maxTrouble); w != "" {
		list = append(list, section("warning", plainText("⚠️ "+w)))
	}
	list = append(list, slack.NewHeaderBlock(plainText(heading(v.Request)), slack.HeaderBlockOptionBlockID("what")))
	facts := lines(v.Request)
	if facts = facts[:min(len(facts), maxFew)]; len(facts) > 0 {
		list = append(list, slack.NewRichTextBlock("facts", factLines(facts)))
	}
	var notes []slack.MixedElement
	for _, n := range v.Request.Notes[:min(len(v.Request.Notes), maxNotes)] {
		if n = visible(n, maxNote); n != "" {
			notes = append(notes, plainText(n))
		}
	}
	if len(notes) > 0 {
		list = append(list, context("notes", notes...))
	}
	if v.Comment.Need != approval.CommentOff {
		list = append(list, commentInput(v))
	}
	m := modal(verb+" request", list...)
	m.CallbackID = CallbackDecide
	m.PrivateMetadata = v.Metadata
	m.Submit, m.Close = plainText(verb), plainText("Cancel")
	return m
}

func commentInput(v DecideView) slack.Block {
	label, placeholder := "Comment", "Anything others should know, such as a change number"
	if v.Verdict == approval.Deny {
		label, placeholder = "Why is it denied?", "What should the requester change?"
	}
	field := slack.NewPlainTextInputBlockElement(plainText(placeholder), ActionComment)
	field.Multiline, field.MaxLength, field.FocusOnLoad = true, CommentLimit, true
	field.InitialValue = clip(v.Initial, CommentLimit)
	required := v.Comment.Need == approval.CommentRequired
	if required {
		field.MinLength = max(0, min(v.Comment.Min, CommentLimit))
	}
	hint := plainText("Goes with your name into the thread, the audit log and, where it keeps comments, Keyfactor.")
	return slack.NewInputBlock(BlockComment, plainText(label), hint, field).WithOptional(!required)
}

// Comment reads the comment from a submitted modal; "" if there is none.
func Comment(state *slack.ViewState) string {
	if state == nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(state.Values[BlockComment][ActionComment].Value, "\r\n", "\n"))
}

// Typed reads what was typed to confirm; "" if nothing was.
func Typed(state *slack.ViewState) string {
	if state == nil {
		return ""
	}
	return strings.TrimSpace(state.Values[BlockTyped][ActionTyped].Value)
}

// CheckTyped returns what is wrong with what was typed to confirm as a sentence
// to show under the field, or "" if it is what had to be typed.
func CheckTyped(r approval.Request, typed string) string {
	_, want := toType(r)
	switch typed = strings.TrimSpace(typed); {
	case want == "" || lower(typed) == lower(want):
		return ""
	case visible(want, maxName) != want:
		return "This cannot be typed, because it holds characters that the eye cannot see. Deny the request, or decide it in Keyfactor."
	case typed == "":
		return "Please type " + want + " to confirm."
	}
	return "This is not " + want + ". Please type exactly what you want to approve; some letters only look alike."
}

// toType is what has to be typed to confirm: the common name, or where there is
// none what comes nearest to it.
func toType(r approval.Request) (what, name string) {
	if name = strings.TrimSpace(r.CommonName); name != "" {
		return "the common name", name
	}
	for _, san := range r.SANs {
		if name = strings.TrimSpace(san.Value); name != "" {
			return "the first SAN", name
		}
	}
	if name = strings.TrimSpace(r.Reference); name != "" {
		return "the number of the request", name
	}
	return "the ID of the request", string(r.ID)
}

// lower is for ASCII alone: Unicode's folding makes equals of different letters.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
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

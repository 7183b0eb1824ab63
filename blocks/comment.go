package blocks

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// reasonSeparator stands between a chosen reason and what was written.
const reasonSeparator = ": "

// commentInputs are the field for the comment and, where the route offers
// reasons, the choice above it. A reason will do for a comment that is required.
func commentInputs(v DecideView) []slack.Block {
	label, placeholder := "Comment", "Anything others should know, such as a change number"
	question := "Reason"
	if v.Verdict == approval.Deny {
		question, placeholder = "Why is it denied?", "What should the requester change?"
	}
	field := slack.NewPlainTextInputBlockElement(plainText(placeholder), ActionComment)
	field.Multiline, field.MaxLength = true, CommentLimit
	required := v.Comment.Need == approval.CommentRequired
	var list []slack.Block
	if options, longest := reasons(v.Comment); len(options) > 0 {
		choice := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Choose a reason"), ActionReason, options...)
		list = append(list, slack.NewInputBlock(BlockReason, plainText(question), nil, choice).WithOptional(true))
		field.MaxLength -= longest + len(reasonSeparator)
		required = false
	} else {
		if v.Verdict == approval.Deny {
			label = question
		}
		field.FocusOnLoad = !v.typed()
	}
	if required {
		field.MinLength = max(0, min(v.Comment.Min, field.MaxLength))
	}
	field.InitialValue = clip(v.Initial, field.MaxLength)
	hint := "Goes with your name into the thread, the audit log and, where it keeps comments, Keyfactor."
	if v.Told && v.Verdict == approval.Deny {
		hint = strings.Replace(hint, "your name into", "your name to the requester, into", 1)
	}
	if !required && v.Comment.Need == approval.CommentRequired {
		hint = "Needed unless you choose a reason. " + hint
	}
	return append(list, slack.NewInputBlock(BlockComment, plainText(label), plainText(hint), field).WithOptional(!required))
}

// reasons are the options of a rule, each once, and the length of the longest.
func reasons(rule approval.CommentRule) (options []*slack.OptionBlockObject, longest int) {
	known := map[string]bool{}
	for _, s := range rule.Reasons {
		s = reason(s)
		if s == "" || known[s] {
			continue
		}
		if len(options) == maxOptions {
			break
		}
		known[s] = true
		longest = max(longest, runes(s))
		head, tail := wrap(s, maxOption)
		option := slack.NewOptionBlockObject(s, plainText(head), nil)
		if tail != "" {
			option.Description = plainText(clip(tail, maxOption))
		}
		options = append(options, option)
	}
	return options, longest
}

// reason is how a reason of the configuration is offered, and comes back.
func reason(s string) string { return visible(s, maxOptionValue) }

// wrap cuts a line after the last word that fits, and returns what follows.
func wrap(s string, limit int) (head, tail string) {
	if runes(s) <= limit {
		return s, ""
	}
	all := []rune(s)
	cut := limit - 1
	if space := strings.LastIndex(string(all[:limit]), " "); space > 0 {
		cut = runes(s[:space])
	}
	return string(all[:cut]) + "…", "… " + strings.TrimSpace(string(all[cut:]))
}

// Comment reads the comment from a submitted modal: the reason chosen and what
// was written, "Wrong template: use WebServer"; "" if there is neither.
func Comment(state *slack.ViewState) string {
	if state == nil {
		return ""
	}
	chosen := strings.TrimSpace(state.Values[BlockReason][ActionReason].SelectedOption.Value)
	wrote := strings.TrimSpace(strings.ReplaceAll(state.Values[BlockComment][ActionComment].Value, "\r\n", "\n"))
	if chosen != "" && wrote != "" {
		return chosen + reasonSeparator + wrote
	}
	return chosen + wrote
}

// CheckComment returns what is wrong with a comment as a sentence to show under
// the field, or "" if it is fine. A comment that begins with one of the rule's
// reasons needs no minimum length.
func CheckComment(rule approval.CommentRule, comment string) string {
	comment = strings.TrimSpace(comment)
	n := runes(comment)
	least := min(rule.Min, CommentLimit)
	switch {
	case rule.Need == approval.CommentOff:
		return ""
	case n > CommentLimit:
		return fmt.Sprintf("Please shorten this to %d characters; it has %d.", CommentLimit, n)
	case n == 0 && rule.Need != approval.CommentRequired || gives(rule, comment):
		return ""
	case n == 0 && len(rule.Reasons) > 0:
		return "Please choose a reason or write a comment: one of them is needed for this decision."
	case n == 0:
		return "Please write a comment: it is needed for this decision."
	case n < least:
		return fmt.Sprintf("Please write at least %d characters.", least)
	}
	return ""
}

// gives reports whether a comment is, or begins with, one of the rule's reasons.
func gives(rule approval.CommentRule, comment string) bool {
	for _, r := range rule.Reasons {
		if r = reason(r); r != "" && (comment == r || strings.HasPrefix(comment, r+reasonSeparator)) {
			return true
		}
	}
	return false
}

package blocks

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// NowTyped is the warning of a modal that is shown again because the name has to
// be typed after all.
const NowTyped = "Something came up about this request since you opened it. Please look at it again, and type the name to confirm."

// typed reports whether the name has to be typed; denials never need it.
func (v DecideView) typed() bool {
	return v.TypeCommonName && mustType(v.Request) != "" && v.Verdict == approval.Approve
}

// mustType is what has to be typed to confirm.
func mustType(r approval.Request) string {
	return approval.Rule{TypeCommonName: true}.MustType(r, approval.Approve)
}

func typedInput(r approval.Request) slack.Block {
	name := mustType(r)
	label := "Type the common name to confirm"
	if strings.TrimSpace(r.CommonName) == "" {
		label = "Type the name of the request to confirm"
	}
	field := slack.NewPlainTextInputBlockElement(nil, ActionTyped)
	field.MaxLength, field.FocusOnLoad = maxText, true
	hint := plainText("It is " + visible(name, maxName) + " – compare it letter by letter with what you expect.")
	return slack.NewInputBlock(BlockTyped, plainText(label), hint, field)
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
	name, rule := mustType(r), approval.Rule{TypeCommonName: true}
	switch {
	case rule.Typed(r, approval.Approve, typed) == "":
		return ""
	case visible(name, maxText) != name:
		return "This name cannot be typed: it holds characters that the eye cannot see. Deny the request, or decide it in Keyfactor."
	case strings.TrimSpace(typed) == "":
		return "Please type " + visible(name, maxName) + " to confirm."
	}
	return "This is not " + visible(name, maxName) + ". Please type it exactly; mind letters that only look alike."
}

package blocks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestDecideModal(t *testing.T) {
	for name, v := range map[string]blocks.DecideView{
		"approve": {Verdict: approval.Approve, Request: enrollment(), Metadata: "sealed", Comment: approval.CommentRule{Need: approval.CommentOptional, Min: 10}},
		"deny":    {Verdict: approval.Deny, Request: enrollment(), Metadata: "sealed", Comment: approval.CommentRule{Need: approval.CommentRequired, Min: 10}},
		"approve without a comment": {Verdict: approval.Approve, Request: atTheCA(), Metadata: "sealed", Comment: approval.CommentRule{Need: approval.CommentOff},
			Warning: "The card was drawn three days ago."},
		"deny, hostile": {Verdict: approval.Deny, Request: hostile(), Comment: approval.CommentRule{Need: approval.CommentRequired, Min: 9999}, Initial: strings.Repeat("é", 5000), Warning: "<!here>"},
		"approve, the last of two": {Verdict: approval.Approve, Request: enrollment(), Metadata: "sealed", Votes: []approval.Vote{vote(ben, approval.Approve, "Checked the names with the owner.")},
			Needs: blocks.Needs{People: 1}},
		"approve, the second of three": {Verdict: approval.Approve, Request: enrollment(), Metadata: "sealed", Votes: []approval.Vote{vote(ben, approval.Approve, "")},
			Needs: blocks.Needs{People: 2, Groups: []string{"@pki-security"}}},
		"approve, the name typed": {Verdict: approval.Approve, Request: enrollment(), Metadata: "sealed", TypeCommonName: true, Comment: approval.CommentRule{Need: approval.CommentRequired, Min: 10}},
		"deny, nothing typed":     {Verdict: approval.Deny, Request: enrollment(), Metadata: "sealed", TypeCommonName: true, Votes: []approval.Vote{vote(ben, approval.Approve, "Fine.")}, Needs: blocks.Needs{People: 1}},
		"deny, for a reason":      {Verdict: approval.Deny, Request: enrollment(), Metadata: "sealed", Comment: approval.CommentRule{Need: approval.CommentRequired, Min: 10, Reasons: denyReasons}},
		"approve, hostile crowd": {Verdict: approval.Approve, Request: hostile(), TypeCommonName: true, Votes: crowd(50, approval.Approve), Needs: blocks.Needs{People: 9, Groups: []string{"<!channel>`"}},
			Comment: approval.CommentRule{Reasons: []string{"<!channel> *x* \u202e", strings.Repeat("é&", 500)}}},
	} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.DecideModal(v)) })
	}
}

var denyReasons = []string{
	"Wrong template",
	"The names are not yours to ask for; see the page about naming in the handbook of the PKI team",
	"  ",
	"Wrong template", // said twice
}

func TestDetailsModal(t *testing.T) {
	for _, name := range []string{"pending", "pending, bare", "pending, hostile", "approved", "denied, long comment", "pending, thousand names"} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.DetailsModal(cards()[name])) })
	}
}

// Nobody takes a part of the names for all of them: a name is listed or counted.
func TestDetailsCountTheNamesTheyLeaveOut(t *testing.T) {
	for _, n := range []int{1, 2, 100, 1000, 5000} {
		v := blocks.DetailsModal(pending(manyNames(n)))
		require.NoError(t, blocks.ValidateModal(v))
		text := string(mustJSON(t, v))
		listed := 0
		for i := range n {
			if strings.Contains(text, fmt.Sprintf("host-%04d.prod.example.com", i+1)) {
				listed++
			}
		}
		if n <= 1000 {
			require.Equal(t, n, listed)
			require.NotContains(t, text, "do not fit")
		} else {
			require.Contains(t, text, fmt.Sprintf(`"and %d more, which do not fit here. See Keyfactor."`, n+1-listed-boolInt(strings.Contains(text, `"text": "SANs (5000)"`))))
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestNoticeAndLoadingModals(t *testing.T) {
	v := blocks.NoticeModal("A title that is certainly too long", blocks.Refusal(blocks.StorageDown, blocks.RefusalView{}))
	require.NoError(t, blocks.ValidateModal(v))
	require.Equal(t, "A title that is certain…", v.Title.Text)
	require.NoError(t, blocks.ValidateModal(blocks.NoticeModal("", "")), "an empty text would be refused")
	require.NoError(t, blocks.ValidateModal(blocks.LoadingModal("Request in full")))
}

func TestCommentRule(t *testing.T) {
	required := approval.CommentRule{Need: approval.CommentRequired, Min: 10}
	reasoned := approval.CommentRule{Need: approval.CommentRequired, Min: 100, Reasons: denyReasons}
	for name, c := range map[string]struct {
		rule    approval.CommentRule
		comment string
		says    string
	}{
		"required and given":   {required, "change 1234", ""},
		"required, missing":    {required, " \n ", "Please write a comment: it is needed for this decision."},
		"required, too short":  {required, "ok", "Please write at least 10 characters."},
		"required, padded":     {required, "ok          ", "Please write at least 10 characters."},
		"optional, missing":    {approval.CommentRule{Need: approval.CommentOptional, Min: 10}, "", ""},
		"optional, too short":  {approval.CommentRule{Min: 10}, "ok", "Please write at least 10 characters."},
		"off":                  {approval.CommentRule{Need: approval.CommentOff, Min: 10}, "", ""},
		"too long, multi-byte": {required, strings.Repeat("é", blocks.CommentLimit+1), "Please shorten this to 800 characters; it has 801."},
		"as long as allowed":   {required, strings.Repeat("é", blocks.CommentLimit), ""},
		"a reason will do":     {reasoned, "Wrong template", ""},
		"reason and text":      {reasoned, "Wrong template: no", ""},
		"a long reason":        {reasoned, denyReasons[1], ""},
		"no reason, too short": {reasoned, "Wrong", "Please write at least 100 characters."},
		"neither":              {reasoned, "", "Please choose a reason or write a comment: one of them is needed for this decision."},
		"reason, too long":     {reasoned, "Wrong template: " + strings.Repeat("x", blocks.CommentLimit), "Please shorten this to 800 characters; it has 816."},
	} {
		require.Equal(t, c.says, blocks.CheckComment(c.rule, c.comment), name)
	}
}

func TestComment(t *testing.T) {
	typed := func(s string) *slack.ViewState {
		return &slack.ViewState{Values: map[string]map[string]slack.BlockAction{blocks.BlockComment: {blocks.ActionComment: {Value: s}}}}
	}
	require.Equal(t, "two\nlines", blocks.Comment(typed("  two\r\nlines \n")))
	require.Empty(t, blocks.Comment(nil))
	require.Empty(t, blocks.Comment(&slack.ViewState{}))
}

// What the modal offers is what Comment reads, and what CheckComment takes for a reason.
func TestReasonsComeBack(t *testing.T) {
	rule := approval.CommentRule{Need: approval.CommentRequired, Min: 500, Reasons: append([]string{strings.Repeat("word and ", 100)}, denyReasons...)}
	for i := range 200 {
		rule.Reasons = append(rule.Reasons, fmt.Sprintf("reason %d", i))
	}
	modal := blocks.DecideModal(blocks.DecideView{Verdict: approval.Deny, Request: enrollment(), Comment: rule})
	require.NoError(t, blocks.ValidateModal(modal))
	var choice *slack.SelectBlockElement
	var field *slack.PlainTextInputBlockElement
	for _, b := range modal.Blocks.BlockSet {
		if in, ok := b.(*slack.InputBlock); ok {
			switch e := in.Element.(type) {
			case *slack.SelectBlockElement:
				choice = e
			case *slack.PlainTextInputBlockElement:
				field = e
			}
			require.True(t, in.Optional, "a reason alone will do, and so will a comment")
		}
	}
	require.Len(t, choice.Options, 100)
	require.Equal(t, "The names are not yours to ask for; see the page about naming in the…", choice.Options[2].Text.Text)
	require.Equal(t, "… handbook of the PKI team", choice.Options[2].Description.Text)
	longest := strings.Repeat("x", field.MaxLength)
	for _, o := range choice.Options {
		for wrote, want := range map[string]string{"": o.Value, " a\r\nb ": o.Value + ": a\nb", longest: o.Value + ": " + longest} {
			got := blocks.Comment(&slack.ViewState{Values: map[string]map[string]slack.BlockAction{
				blocks.BlockReason:  {blocks.ActionReason: {SelectedOption: *o}},
				blocks.BlockComment: {blocks.ActionComment: {Value: wrote}},
			}})
			require.Equal(t, want, got)
			require.Empty(t, blocks.CheckComment(rule, got))
		}
	}
}

func TestTyped(t *testing.T) {
	state := &slack.ViewState{Values: map[string]map[string]slack.BlockAction{blocks.BlockTyped: {blocks.ActionTyped: {Value: " web01.example.com "}}}}
	require.Equal(t, "web01.example.com", blocks.Typed(state))
	require.Empty(t, blocks.Typed(nil))
	require.Empty(t, blocks.Typed(&slack.ViewState{}))
}

// CheckTyped agrees with the policy, and says what to do.
func TestCheckTyped(t *testing.T) {
	nameless := enrollment()
	nameless.CommonName, nameless.SANs = "", nil
	veiled := enrollment()
	veiled.CommonName = "web01\u200b.example.com"
	for name, c := range map[string]struct {
		request approval.Request
		typed   string
		says    string
	}{
		"the name":            {enrollment(), " WEB01.example.com\n", ""},
		"nothing":             {enrollment(), " ", "Please type web01.example.com to confirm."},
		"another name":        {enrollment(), "web02.example.com", "This is not web01.example.com. Please type it exactly; mind letters that only look alike."},
		"a look-alike":        {enrollment(), "web01.ex\u0430mple.com", "This is not web01.example.com. Please type it exactly; mind letters that only look alike."},
		"no name, the number": {nameless, "1042", ""},
		"a hidden character":  {veiled, "web01.example.com", "This name cannot be typed: it holds characters that the eye cannot see. Deny the request, or decide it in Keyfactor."},
		"hidden, but pasted":  {veiled, veiled.CommonName, ""},
	} {
		require.Equal(t, c.says, blocks.CheckTyped(c.request, c.typed), name)
		require.Equal(t, c.says == "", approval.Rule{TypeCommonName: true}.Typed(c.request, approval.Approve, c.typed) == "", name)
	}
}

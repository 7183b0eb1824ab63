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
	} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.DecideModal(v)) })
	}
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

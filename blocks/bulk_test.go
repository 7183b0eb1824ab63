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

func likeThis(n int) (all []blocks.BulkItem) {
	for i := range n {
		r := enrollment()
		r.ID = approval.ID(fmt.Sprintf("certificate:%d", i))
		r.CommonName, r.Reference = fmt.Sprintf("web%02d.example.com", i+1), fmt.Sprint(1042+i)
		r.SANs = r.SANs[:1+i%3]
		r.Facts[0].Value = r.CommonName
		all = append(all, blocks.BulkItem{Request: r})
	}
	return all
}

var (
	webServers = blocks.BulkKind{Key: "k1", Name: "Certificate request, template WebServer", Route: "production web servers", Count: 44}
	bothWays   = []approval.Verdict{approval.Approve, approval.Deny}
)

func bulkResults() []blocks.BulkResult {
	all := likeThis(6)
	out := []blocks.BulkResult{
		{Request: all[0].Request, Verdict: approval.Approve},
		{Request: all[1].Request, Verdict: approval.Approve, Needs: blocks.Needs{People: 1}},
		{Request: all[2].Request, Verdict: approval.Approve, Reason: blocks.Changed},
		{Request: all[3].Request, Verdict: approval.Approve, Reason: blocks.AlreadyDecided, Refusal: blocks.RefusalView{Decision: by(ben, approval.Deny, "")}},
		{Request: all[4].Request, Verdict: approval.Approve, Reason: blocks.StepUp, Wrong: "Please write at least 20 characters. Nothing was decided."},
	}
	return out
}

func TestBulk(t *testing.T) {
	for name, v := range map[string]blocks.BulkChooseView{
		"choose":      {Kinds: []blocks.BulkKind{{Key: "k1", Name: "Revocation, definition Revocations", Route: "all", Count: 2}}, Kind: "k1", Items: likeThis(2), Verdicts: bothWays, Metadata: "v1.sealed"},
		"choose many": {Kinds: []blocks.BulkKind{webServers, {Key: "k2", Name: strings.Repeat("long ", 40), Route: strings.Repeat("long ", 40), Count: 3}}, Kind: "k1", Items: likeThis(30), Verdicts: []approval.Verdict{approval.Deny}, All: true, Metadata: "v1.sealed"},
		"choose none": {},
	} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.BulkChooseModal(v)) })
	}
	hinted := likeThis(3)
	hinted[1].Hints.Found = []approval.Hint{{Code: approval.HintNewDomain, Level: approval.HintNote, About: []string{"example.net"}}}
	odd := bulkResults()[0]
	odd.Reason, odd.Hints.Found = blocks.StepUp, []approval.Hint{{Code: approval.HintWildcard, Level: approval.HintWarn, About: []string{"*.example.com"}}}
	required := approval.CommentRule{Need: approval.CommentRequired, Min: 10}
	for name, v := range map[string]blocks.BulkReviewView{
		"review":         {Verdict: approval.Deny, Items: hinted, Left: append(bulkResults()[2:4], odd), Comment: required, Metadata: "v1.sealed"},
		"review nothing": {Verdict: approval.Approve, Left: bulkResults()[2:4]},
	} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.BulkReviewModal(v)) })
	}
	for name, v := range map[string]blocks.BulkProgressView{
		"progress": {Total: 12, Results: bulkResults()},
		"done":     {Total: 5, Results: bulkResults()},
		"all done": {Total: 1, Results: bulkResults()[:1]},
	} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.BulkProgressModal(v)) })
		t.Run(name+" told", func(t *testing.T) { goldenMessage(t, blocks.BulkText(v)) })
	}
}

// Requests that try everything, as many as fit, are still what Slack takes.
func TestBulkOfTheWorstFits(t *testing.T) {
	var all []blocks.BulkItem
	var results []blocks.BulkResult
	for i := range blocks.BulkMost + 5 {
		r := hostile()
		r.ID = approval.ID(fmt.Sprintf("certificate:%d", i))
		all = append(all, blocks.BulkItem{Request: r})
		results = append(results, blocks.BulkResult{Request: r, Verdict: approval.Deny, Reason: blocks.AlreadySettled, Refusal: blocks.RefusalView{Request: r, Approvers: strings.Repeat("@everybody, ", 200), Outcome: &approval.Outcome{State: approval.Denied, By: r.Title, Message: r.Title}}})
	}
	require.NoError(t, blocks.ValidateModal(blocks.BulkChooseModal(blocks.BulkChooseView{Kinds: []blocks.BulkKind{{Key: "k", Name: blocks.AlikeName(all[0].Request), Route: all[0].Request.Title, Count: 35}}, Kind: "k", Items: all, Verdicts: bothWays})))
	review := blocks.BulkReviewModal(blocks.BulkReviewView{Verdict: approval.Approve, Items: all[:blocks.BulkMost], Left: results, Comment: approval.CommentRule{Need: approval.CommentOptional}})
	require.NoError(t, blocks.ValidateModal(review))
	requireHarmless(t, "review", review)
	progress := blocks.BulkProgressView{Total: 40, Results: results}
	require.NoError(t, blocks.ValidateModal(blocks.BulkProgressModal(progress)))
	requireHarmless(t, "progress", blocks.BulkProgressModal(progress))
	require.NoError(t, blocks.Validate(blocks.BulkText(progress)))
	requireInert(t, "told", blocks.BulkText(progress).Text)
}

func TestBulkChosen(t *testing.T) {
	option := func(values ...string) (all []slack.OptionBlockObject) {
		for _, v := range values {
			all = append(all, slack.OptionBlockObject{Value: v})
		}
		return all
	}
	state := &slack.ViewState{Values: map[string]map[string]slack.BlockAction{
		"boxes-x-10":            {blocks.ActionBulkBox: {SelectedOptions: option("12", "11")}},
		"boxes-x-0":             {blocks.ActionBulkBox: {SelectedOptions: option("3", "nonsense")}},
		blocks.BlockBulkVerdict: {blocks.ActionBulkVerdict: {SelectedOption: option("approve")[0]}},
	}}
	verdict, places, block := blocks.BulkChosen(state)
	require.Equal(t, approval.Approve, verdict)
	require.Equal(t, []int{3, 11, 12}, places)
	require.Equal(t, "boxes-x-0", block)
	verdict, places, _ = blocks.BulkChosen(&slack.ViewState{})
	require.Empty(t, verdict)
	require.Empty(t, places)
}

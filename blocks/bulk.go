package blocks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// BulkMost is how many requests can be decided with one comment: three groups of
// checkboxes, and no more than a person can have looked at.
const BulkMost = 3 * maxBoxes

// BulkKind is a set of requests that ask for the same kind of thing.
type BulkKind struct {
	Key   string
	Name  string // see [AlikeName]
	Route string
	Count int
}

// AlikeName is how requests like this one are called together.
func AlikeName(r approval.Request) string {
	for _, s := range []struct{ label, value string }{{"template", r.Template}, {"definition", r.Definition}} {
		if v := visible(s.value, 60); v != "" {
			return matter(r) + ", " + s.label + " " + v
		}
	}
	return matter(r)
}

// BulkItem is one of several requests.
type BulkItem struct {
	Request approval.Request
	Hints   approval.Hints
}

// BulkChooseView is what the modal shows in which several requests are chosen.
type BulkChooseView struct {
	Kinds    []BulkKind
	Kind     string // the key of the one at hand
	Items    []BulkItem
	Verdicts []approval.Verdict
	All      bool   // all are chosen at first
	Metadata string // private_metadata; comes back with the submission
}

// BulkChooseModal asks which requests get the same answer, and which.
func BulkChooseModal(v BulkChooseView) slack.ModalViewRequest {
	if len(v.Items) == 0 {
		return NoticeModal(TitleSeveral, "There are no two requests left that ask for the same kind of thing and that you may decide together. Requests whose name must be typed are decided one by one.")
	}
	version := hash(fmt.Sprint(v.Kind, v.All, len(v.Items)))
	kind := v.Kinds[0]
	var choice []slack.BlockElement
	if len(v.Kinds) > 1 {
		var options []*slack.OptionBlockObject
		s := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Kind of request"), ActionBulkKind)
		for _, k := range v.Kinds[:min(len(v.Kinds), maxOptions)] {
			count := fmt.Sprintf(" (%d)", k.Count)
			o := slack.NewOptionBlockObject(k.Key, plainText(visible(k.Name, maxOption-runes(count))+count), plainText(visible("Route "+k.Route, maxOption)))
			options = append(options, o)
			if k.Key == v.Kind {
				s.InitialOption, kind = o, k
			}
		}
		s.Options = options
		choice = append(choice, s)
	}
	label, all := "Choose all", "all"
	if v.All {
		label, all = "Choose none", "none"
	}
	choice = append(choice, slack.NewButtonBlockElement(ActionBulkAll, all, plainText(label)))
	what := kind.Name + ", route " + visible(kind.Route, 100) + "."
	if kind.Count > len(v.Items) {
		what += fmt.Sprintf(" The %d most urgent of %d are shown.", len(v.Items), kind.Count)
	}
	list := []slack.Block{
		section("what", plainText(what+"\nChoose those that get the same answer. You see each of them once more before anything is decided.")),
		slack.NewActionBlock("kind-"+version, choice...),
		slack.NewInputBlock(BlockBulkVerdict, plainText("Answer"), nil, verdicts(v.Verdicts)),
	}
	for first := 0; first < min(len(v.Items), BulkMost); first += maxBoxes {
		list = append(list, boxes(v, version, first))
	}
	m := modal(TitleSeveral, list...)
	m.CallbackID, m.PrivateMetadata = CallbackBulkChoose, v.Metadata
	m.Submit, m.Close = plainText("Look at them"), plainText("Cancel")
	return m
}

func verdicts(offered []approval.Verdict) slack.BlockElement {
	var options []*slack.OptionBlockObject
	for _, verdict := range offered {
		options = append(options, slack.NewOptionBlockObject(string(verdict), plainText(verb(verdict)), nil))
	}
	e := slack.NewRadioButtonsBlockElement(ActionBulkVerdict, options...)
	if len(options) == 1 {
		e.InitialOption = options[0]
	}
	return e
}

// boxes are one group of checkboxes. A box's value is the request's place in the
// list that is sealed in the modal's metadata.
func boxes(v BulkChooseView, version string, first int) slack.Block {
	last := min(first+maxBoxes, len(v.Items), BulkMost)
	var options []*slack.OptionBlockObject
	for i := first; i < last; i++ {
		r := v.Items[i].Request
		o := slack.NewOptionBlockObject(strconv.Itoa(i), plainText(clip(object(r), maxOption)), nil)
		if hint := boxHint(v.Items[i]); hint != "" {
			o.Description = plainText(hint)
		}
		options = append(options, o)
	}
	e := slack.NewCheckboxGroupsBlockElement(ActionBulkBox, options...)
	if v.All {
		e.InitialOptions = options
	}
	label := "Requests"
	if len(v.Items) > maxBoxes {
		label = fmt.Sprintf("Requests %d to %d", first+1, last)
	}
	return slack.NewInputBlock(fmt.Sprintf("%s%s-%d", bulkBox, version, first), plainText(label), nil, e).WithOptional(len(v.Items) > maxBoxes)
}

const bulkBox = "boxes-"

func boxHint(item BulkItem) string {
	var parts []string
	r := item.Request
	if worst(item.Hints) != "" {
		parts = append(parts, "⚠️ look at it alone")
	}
	if who := visible(r.Requester, 40); who != "" {
		parts = append(parts, "by "+who)
	}
	if n := len(r.SANs); n > 1 {
		parts = append(parts, plural(n, "name", "names"))
	}
	if ref := visible(r.Reference, 20); ref != "" {
		parts = append(parts, "request "+ref)
	}
	return clip(strings.Join(parts, " · "), maxOption)
}

// BulkChosen reads which were chosen, in the order shown, and the answer. block is
// a block under which a mistake can be shown.
func BulkChosen(state *slack.ViewState) (verdict approval.Verdict, places []int, block string) {
	if state == nil {
		return "", nil, ""
	}
	for id, actions := range state.Values {
		if !strings.HasPrefix(id, bulkBox) {
			continue
		}
		if strings.HasSuffix(id, "-0") {
			block = id
		}
		for _, o := range actions[ActionBulkBox].SelectedOptions {
			if i, err := strconv.Atoi(o.Value); err == nil {
				places = append(places, i)
			}
		}
	}
	slices.Sort(places)
	verdict, _ = approval.ParseVerdict(state.Values[BlockBulkVerdict][ActionBulkVerdict].SelectedOption.Value)
	return verdict, places, block
}

// BulkReviewView is what the modal shows in which several requests are decided.
type BulkReviewView struct {
	Verdict approval.Verdict
	Items   []BulkItem
	// Left are those that were chosen and cannot be decided so.
	Left     []BulkResult
	Comment  approval.CommentRule
	Metadata string
}

// BulkReviewModal shows each request once more and asks for one comment.
func BulkReviewModal(v BulkReviewView) slack.ModalViewRequest {
	n := len(v.Items)
	var list []slack.Block
	if len(v.Left) > 0 {
		list = append(list, section("left", markdown(plural(len(v.Left), "request is", "requests are")+" left out:\n"+resultLines(v.Left))))
	}
	if n == 0 {
		return modal(TitleSeveral, list...)
	}
	for i, item := range v.Items {
		list = append(list, slack.NewRichTextBlock(fmt.Sprintf("item-%d", i+1), slack.NewRichTextSection(
			bold(fmt.Sprintf("%d. %s", i+1, heading(item.Request))), text(item.words()))))
	}
	if v.Comment.Need != approval.CommentOff {
		list = append(list, slack.NewDividerBlock())
		list = append(list, commentInputs(DecideView{Verdict: v.Verdict, Comment: v.Comment})...)
	}
	m := modal(verb(v.Verdict)+" "+plural(n, "request", "requests"), list...)
	m.CallbackID, m.PrivateMetadata = CallbackBulkDecide, v.Metadata
	m.Submit, m.Close = plainText(fmt.Sprintf("%s %d", verb(v.Verdict), n)), plainText("Cancel")
	return m
}

// words are what its reviewer should know: the worst hints and the first facts, a
// line each.
func (i BulkItem) words() string {
	var out []string
	for _, h := range i.Hints.Found[:min(len(i.Hints.Found), maxBulkHints)] {
		w := hintWords[h.Level]
		out = append(out, strings.TrimSpace(w.sign+" "+w.word+": "+clip(hintSentence(h), maxHintLine)))
	}
	facts := lines(i.Request)
	for _, f := range facts[:min(len(facts), maxBulkFacts)] {
		out = append(out, f.Label+": "+visible(f.Value, maxBulkFact))
	}
	return "\n" + strings.Join(out, "\n")
}

func verb(v approval.Verdict) string {
	if v == approval.Approve {
		return "Approve"
	}
	return "Deny"
}

// BulkResult is what came of one of several decisions.
type BulkResult struct {
	Request approval.Request
	Verdict approval.Verdict
	// Reason is why nothing was decided; "" if the vote was recorded.
	Reason RefusalReason
	// Refusal is what is known when Reason is set.
	Refusal RefusalView
	// Wrong is a plain sentence of ours in place of Reason's.
	Wrong string
	// Hints are why it wants a look of its own, where Reason is StepUp or Hinted.
	Hints approval.Hints
	// Needs is what is still missing where the vote was not the last one.
	Needs Needs
}

func (r BulkResult) words() string {
	name := code(object(r.Request), 90)
	switch {
	case r.Reason == "" && r.Needs.words() != "":
		return "🗳️ " + name + ": you " + r.Verdict.Past() + " it. Missing: " + r.Needs.words() + "."
	case r.Reason == "":
		return "📨 " + name + ": " + strings.ToLower(noun(r.Verdict)) + " recorded; it is being sent to Keyfactor."
	case r.Wrong != "":
		return "⚠️ " + name + ": " + escape(r.Wrong, maxTrouble)
	case r.Reason == StepUp || r.Reason == Hinted:
		return "⚠️ " + name + ": it wants a look of its own, so decide it on its card." + worst(r.Hints)
	case r.Reason == Changed:
		return "⚠️ " + name + ": it changed after it was shown to you, so nothing was decided. Look at it again."
	}
	return "⚠️ " + name + ": " + Refusal(r.Reason, r.Refusal)
}

func resultLines(all []BulkResult) string {
	lines := make([]string, len(all))
	for i, r := range all {
		lines[i] = r.words()
	}
	return strings.TrimPrefix(listed(lines, len(lines), maxListed), "\n")
}

// BulkProgressView is how far several decisions have come.
type BulkProgressView struct {
	Total   int
	Results []BulkResult
	// Interrupted says that a restart cut it short.
	Interrupted bool
}

// summary is "7 of 12 decided", and at the end how many were not.
func (v BulkProgressView) summary() string {
	recorded := 0
	for _, r := range v.Results {
		if r.Reason == "" {
			recorded++
		}
	}
	failed := len(v.Results) - recorded
	switch {
	case len(v.Results) < v.Total && failed == 0:
		return fmt.Sprintf("⏳ %d of %d decided …", recorded, v.Total)
	case len(v.Results) < v.Total:
		return fmt.Sprintf("⏳ %d of %d decided, %d not …", recorded, v.Total, failed)
	case failed == 0 && v.Total == 1:
		return "✅ Your decision is recorded."
	case failed == 0:
		return fmt.Sprintf("✅ All %d decisions are recorded.", v.Total)
	case recorded == 0:
		return "⚠️ Nothing was decided."
	}
	return fmt.Sprintf("⚠️ %d of %d decided, %d not.", recorded, v.Total, failed)
}

// BulkProgressModal shows the results so far. What went wrong comes first.
func BulkProgressModal(v BulkProgressView) slack.ModalViewRequest {
	list := []slack.Block{section("summary", markdown("*"+v.summary()+"*"))}
	if len(v.Results) < v.Total {
		list = append(list, context("wait", plainText("This view follows by itself. If you close it, the result comes as a direct message.")))
	}
	var wrong, right []string
	for _, r := range v.Results {
		if r.Reason != "" {
			wrong = append(wrong, r.words())
		} else {
			right = append(right, r.words())
		}
	}
	for i, line := range append(wrong, right...) {
		list = append(list, section(fmt.Sprintf("result-%d", i+1), markdown(line)))
	}
	title := "Done"
	if len(v.Results) < v.Total {
		title = "Deciding …"
	}
	return modal(title, list...)
}

// BulkText is the same for whoever closed the view.
func BulkText(v BulkProgressView) Message {
	var wrong []BulkResult
	for _, r := range v.Results {
		if r.Reason != "" {
			wrong = append(wrong, r)
		}
	}
	out := "*" + v.summary() + "*"
	if v.Interrupted {
		out = "approvebot was restarted while it decided several requests for you.\n" + out
	}
	if len(wrong) > 0 {
		out += "\n" + resultLines(wrong)
	}
	return Message{Text: out}
}

package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Several requests that ask for the same kind of thing can be decided with one
// comment, in three views of one modal:
//
//	choose   which of them, and the answer
//	review   each of them once more, and the comment
//	result   what came of each; until all are done, how far it has come
//
// It is a short way to press many buttons and nothing else: every request goes
// through the same checks as a press on its card, one after the other, and one
// that has changed, or is somebody else's by now, is refused by itself.

// alike are requests that ask for the same kind of thing, the most urgent first.
type alike struct {
	blocks.BulkKind
	records []store.Record
}

// bulkKinds sorts what waits for a person into kinds, the largest first. What
// takes more than a look, such as a name to be typed, is left out.
func (b *Bot) bulkKinds(mine []store.Record) []alike {
	var all []alike
	for _, r := range mine {
		rule, ok := b.c.Rule(r.Route)
		if !ok || rule.MustType(r.Request, approval.Approve) != "" {
			continue
		}
		q := r.Request
		text, _ := json.Marshal([]string{r.Route, q.Type, q.Template, q.Definition, q.StepName, q.CA}) // texts always marshal
		key := blocks.HomeRouteValue(string(text))
		i := slices.IndexFunc(all, func(a alike) bool { return a.Key == key })
		if i < 0 {
			i = len(all)
			all = append(all, alike{BulkKind: blocks.BulkKind{Key: key, Name: blocks.AlikeName(q), Route: r.Route}})
		}
		all[i].records = append(all[i].records, r)
		all[i].Count++
	}
	all = slices.DeleteFunc(all, func(a alike) bool { return a.Count < 2 })
	slices.SortStableFunc(all, func(a, b alike) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

// pressBulk handles the buttons that lead to deciding several. It reports whether
// it was one of them.
func (b *Bot) pressBulk(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) bool {
	var kind string
	all := false
	switch action.ActionID {
	case blocks.ActionBulk:
		b.later(ctx, func(ctx context.Context) { b.openBulk(ctx, cb) })
		return true
	case blocks.ActionBulkKind:
		kind = action.SelectedOption.Value
	case blocks.ActionBulkAll:
		all = action.Value == "all"
		kind = b.kindAtHand(ctx, cb)
	default:
		return false
	}
	b.later(ctx, func(ctx context.Context) {
		view, err := b.bulkChoice(ctx, cb.User.ID, kind, all)
		if err == nil {
			_, err = b.c.Slack.UpdateViewContext(ctx, view, "", "", cb.View.ID)
		}
		if err != nil {
			b.c.Log.Warn("the choice of several requests could not be shown", zap.String("person", cb.User.ID), zap.Error(err))
		}
	})
	return true
}

// kindAtHand is the kind that a modal shows: that of the first of its requests.
func (b *Bot) kindAtHand(ctx context.Context, cb slack.InteractionCallback) string {
	bundle, err := b.seal.openBundle(cb.View.PrivateMetadata, b.c.Now())
	if err != nil || len(bundle.Items) == 0 {
		return ""
	}
	r, err := b.c.Store.Request(ctx, bundle.Items[0].Request)
	if err != nil {
		return ""
	}
	for _, k := range b.bulkKinds([]store.Record{r, r}) {
		return k.Key
	}
	return ""
}

func (b *Bot) openBulk(ctx context.Context, cb slack.InteractionCallback) {
	view, err := b.bulkChoice(ctx, cb.User.ID, "", false)
	if err != nil {
		b.c.Log.Warn("requests to choose from could not be listed", zap.String("person", cb.User.ID), zap.Error(err))
		view = blocks.NoticeModal(blocks.TitleSeveral, blocks.RequestsUnread)
	}
	if _, err := b.c.Slack.OpenViewContext(ctx, cb.TriggerID, view); err != nil {
		b.c.Log.Warn("the choice of several requests could not be shown", zap.String("person", cb.User.ID), zap.Error(err))
		b.tell(ctx, "", cb.User.ID, blocks.BulkNotShown)
	}
}

// bulkChoice draws the first view: the kind asked for, else the largest.
func (b *Bot) bulkChoice(ctx context.Context, user, kind string, all bool) (slack.ModalViewRequest, error) {
	mine, _, err := b.waitingFor(ctx, user)
	if err != nil {
		return slack.ModalViewRequest{}, err
	}
	view := blocks.BulkChooseView{All: all}
	var chosen alike
	for _, k := range b.bulkKinds(mine) {
		view.Kinds = append(view.Kinds, k.BulkKind)
		if chosen.Key == "" || k.Key == kind {
			chosen = k
		}
	}
	view.Kind = chosen.Key
	sealed := bundle{User: user, Until: b.c.Now().Add(bundleLife).Unix()}
	for _, r := range chosen.records {
		card, offered := b.mayGive(ctx, user, r)
		if len(offered) == 0 || card.Channel == "" {
			continue
		}
		for _, v := range offered {
			if !slices.Contains(view.Verdicts, v) {
				view.Verdicts = append(view.Verdicts, v)
			}
		}
		view.Items = append(view.Items, blocks.BulkItem{Request: r.Request, Hints: b.homeHints(ctx, r)})
		sealed.Items = append(sealed.Items, bundled{Request: r.Request.ID, Channel: card.Channel, Digest: r.Request.Digest()})
		if len(view.Items) == blocks.BulkMost {
			break
		}
	}
	if len(view.Items) < blocks.BulkMost { // what is left out is not theirs to decide
		i := slices.IndexFunc(view.Kinds, func(k blocks.BulkKind) bool { return k.Key == chosen.Key })
		if i >= 0 {
			view.Kinds[i].Count = len(view.Items)
		}
	}
	var n int
	view.Metadata, n = b.seal.sealBundle(sealed)
	view.Items = view.Items[:n]
	slices.Sort(view.Verdicts) // approve before deny
	return blocks.BulkChooseModal(view), nil
}

// bundleOf opens what a submitted modal carries. Without one it returns what the
// person is to be told.
func (b *Bot) bundleOf(ctx context.Context, cb slack.InteractionCallback) (bundle, any) {
	got, err := b.seal.openBundle(cb.View.PrivateMetadata, b.c.Now())
	if err == nil && got.User == cb.User.ID && len(got.Items) > 0 {
		return got, nil
	}
	a := attempt{user: cb.User.ID, team: cb.User.TeamID}
	b.audit(ctx, a, blocks.StaleButton)
	notice := blocks.NoticeModal(blocks.TitleNotDecided, blocks.Refusal(blocks.StaleButton, blocks.RefusalView{}))
	return bundle{}, slack.NewUpdateViewSubmissionResponse(&notice)
}

// reviewBulk takes the first view's answer and draws the second. What is shown
// there is what the seal then stands for.
func (b *Bot) reviewBulk(ctx context.Context, cb slack.InteractionCallback) any {
	got, refused := b.bundleOf(ctx, cb)
	if refused != nil {
		return refused
	}
	verdict, places, block := blocks.BulkChosen(cb.View.State)
	switch {
	case verdict == "":
		return slack.NewErrorsViewSubmissionResponse(map[string]string{blocks.BlockBulkVerdict: blocks.BulkNoVerdict})
	case len(places) == 0:
		return slack.NewErrorsViewSubmissionResponse(map[string]string{block: blocks.BulkNoRequest})
	}
	view := blocks.BulkReviewView{Verdict: verdict}
	sealed := bundle{User: got.User, Verdict: verdict, Until: b.c.Now().Add(bundleLife).Unix()}
	for _, i := range places {
		if i < 0 || i >= len(got.Items) {
			continue
		}
		a := attempt{user: cb.User.ID, team: cb.User.TeamID, ticket: ticket{Request: got.Items[i].Request, Channel: got.Items[i].Channel, Verdict: verdict}}
		reason := b.recall(ctx, &a, "")
		a.Digest = a.record.Request.Digest() // it is shown now
		if reason == "" {
			reason = b.judge(ctx, &a)
		}
		if reason == "" {
			reason = a.alone()
		}
		if reason != "" {
			view.Left = append(view.Left, b.bulkResult(a, reason))
			continue
		}
		view.Comment = a.rule.Comment(verdict)
		view.Items = append(view.Items, blocks.BulkItem{Request: a.record.Request, Hints: a.hints})
		sealed.Items = append(sealed.Items, bundled{Request: a.Request, Channel: a.Channel, Digest: a.Digest})
	}
	var n int
	view.Metadata, n = b.seal.sealBundle(sealed)
	view.Items = view.Items[:n]
	return b.replace(ctx, cb.View.ID, blocks.BulkReviewModal(view))
}

// Slack drops an answer of 20 kB without a word, and shows an update that comes
// before the answer for a moment only.
const (
	maxAnswer   = 18_000
	afterAnswer = time.Second
)

// replace is the answer to a submission that shows another view.
func (b *Bot) replace(ctx context.Context, viewID string, view slack.ModalViewRequest) any {
	if body, err := json.Marshal(view); err == nil && len(body) < maxAnswer {
		return slack.NewUpdateViewSubmissionResponse(&view)
	}
	b.later(ctx, func(ctx context.Context) {
		pause(ctx, afterAnswer)
		if _, err := b.c.Slack.UpdateViewContext(ctx, view, "", "", viewID); err != nil {
			b.c.Log.Warn("a view could not be shown", zap.Error(err))
		}
	})
	loading := blocks.LoadingModal(blocks.TitleMoment)
	return slack.NewUpdateViewSubmissionResponse(&loading)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (b *Bot) bulkResult(a attempt, reason blocks.RefusalReason) blocks.BulkResult {
	v := b.refusal(a)
	v.Approvers = "" // the list would be the same at each of them
	return blocks.BulkResult{Request: a.record.Request, Verdict: a.Verdict, Reason: reason, Refusal: v, Hints: a.hints}
}

// alone is why a request wants a look of its own before it is approved: a name is
// to be typed, or a hint warns.
func (a attempt) alone() blocks.RefusalReason {
	switch {
	case a.mustType():
		return blocks.StepUp
	case a.Verdict == approval.Approve && a.hints.Warn():
		return blocks.Hinted
	}
	return ""
}

// bulkWait is how long the result is waited for before the answer; Slack wants
// that within three seconds.
const bulkWait = 1200 * time.Millisecond

// submitBulk decides. Mostly all is recorded, and shown, with the answer.
func (b *Bot) submitBulk(ctx context.Context, cb slack.InteractionCallback) any {
	got, refused := b.bundleOf(ctx, cb)
	if refused != nil {
		return refused
	}
	comment := blocks.Comment(cb.View.State)
	if r, err := b.c.Store.Request(ctx, got.Items[0].Request); err == nil && hasInput(cb.View, blocks.BlockComment) {
		if rule, ok := b.c.Rule(r.Route); ok {
			if wrong := blocks.CheckComment(rule.Comment(got.Verdict), comment); wrong != "" {
				return slack.NewErrorsViewSubmissionResponse(map[string]string{blocks.BlockComment: wrong})
			}
		}
	}
	run := &bulkRun{bot: b, bundle: got, team: cb.User.TeamID, comment: comment, view: cb.View.ID, done: make(chan struct{})}
	if err := run.begin(ctx); err != nil {
		b.c.Log.Error("several decisions could not be begun", zap.String("person", cb.User.ID), zap.Error(err))
		if hasInput(cb.View, blocks.BlockComment) {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{blocks.BlockComment: blocks.Refusal(blocks.StorageDown, blocks.RefusalView{})})
		}
		notice := blocks.NoticeModal(blocks.TitleNotDecided, blocks.Refusal(blocks.StorageDown, blocks.RefusalView{}))
		return slack.NewUpdateViewSubmissionResponse(&notice)
	}
	b.later(ctx, run.work)
	select {
	case <-run.done:
	case <-time.After(b.c.BulkWait):
	}
	return b.replace(ctx, cb.View.ID, blocks.BulkProgressModal(run.answer()))
}

// bulkRun is one person's way through a bundle.
type bulkRun struct {
	bot     *Bot
	bundle  bundle
	team    string
	comment string
	view    string
	done    chan struct{}
	note    string // where it is written down that it has begun

	mu       sync.Mutex
	results  []blocks.BulkResult
	answered time.Time // since then the view is ours to update
}

// answer is what the submission is answered with. If that is not the end, the
// rest is shown by work.
func (r *bulkRun) answer() blocks.BulkProgressView {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.results) < len(r.bundle.Items) {
		r.answered = time.Now()
	}
	return r.progress()
}

func (r *bulkRun) progress() blocks.BulkProgressView {
	return blocks.BulkProgressView{Total: len(r.bundle.Items), Results: slices.Clone(r.results)}
}

// work decides one after the other, and shows how far it has come once the
// submission was answered before the end.
func (r *bulkRun) work(ctx context.Context) {
	shown := time.Now()
	for _, item := range r.bundle.Items {
		result := r.decide(ctx, item)
		r.mu.Lock()
		r.results = append(r.results, result)
		progress, answered := r.progress(), r.answered
		r.mu.Unlock()
		if now := time.Now(); !answered.IsZero() && now.Sub(answered) > afterAnswer && now.Sub(shown) > afterAnswer && len(progress.Results) < progress.Total {
			shown = now
			_, _ = r.bot.c.Slack.UpdateViewContext(ctx, blocks.BulkProgressModal(progress), "", "", r.view) // the end counts
		}
	}
	close(r.done)
	r.end(ctx)
	r.bot.acted(ctx, r.bundle.User)
	r.mu.Lock()
	progress, answered := r.progress(), r.answered
	r.mu.Unlock()
	if !answered.IsZero() {
		r.finish(ctx, progress, answered)
	}
}

// finish shows the end, or tells it to whoever has closed the view.
func (r *bulkRun) finish(ctx context.Context, progress blocks.BulkProgressView, answered time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	pause(ctx, afterAnswer-time.Since(answered))
	if _, err := r.bot.c.Slack.UpdateViewContext(ctx, blocks.BulkProgressModal(progress), "", "", r.view); err != nil {
		r.bot.tell(ctx, "", r.bundle.User, blocks.BulkText(progress).Text)
	}
}

// decide is one press, with all that is checked about one.
func (r *bulkRun) decide(ctx context.Context, item bundled) blocks.BulkResult {
	b := r.bot
	a := attempt{user: r.bundle.User, team: r.team, ticket: ticket{Request: item.Request, Channel: item.Channel, Digest: item.Digest, Verdict: r.bundle.Verdict, Until: r.bundle.Until}}
	reason := b.recall(ctx, &a, "")
	if reason == "" {
		// Since it was shown a hint may have come up, or the rule has changed.
		if wrong := blocks.CheckComment(a.rule.Comment(a.Verdict), r.comment); wrong != "" {
			b.audit(ctx, a, blocks.StepUp)
			result := b.bulkResult(a, blocks.StepUp)
			result.Wrong = blocks.WrongComment(wrong)
			return result
		}
		if reason = a.alone(); reason == "" {
			reason = b.decide(ctx, &a, r.comment)
		}
	}
	if reason != "" {
		b.audit(ctx, a, reason)
		return b.bulkResult(a, reason)
	}
	result := b.bulkResult(a, "")
	if now, err := b.c.Store.Request(ctx, a.Request); err == nil && now.State == approval.Pending {
		result.Needs = needs(a.rule, now)
	}
	return result
}

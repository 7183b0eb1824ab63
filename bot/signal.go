package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// How long to wait before asking again what became of a signal.
const (
	// afterMaybe leaves a call that is still being worked on inside Keyfactor time
	// to show its effect before anything is sent again. It is short enough that a
	// decision goes out within five seconds of a restart after a crash.
	afterMaybe = 4 * time.Second
	// afterSent is for a signal that Keyfactor took and whose instance has not moved yet.
	afterSent = 2 * time.Second
	// settling is how long a request that takes no answer may be about to move on.
	settling = time.Minute
	// rarely is how often at the least a decision is followed that Keyfactor took
	// and that waits there, perhaps for days, for further approvers.
	rarely = 30 * time.Second
	// slow is when it is worth saying that Keyfactor has not gone on.
	slow = 20 * time.Second
)

// Signal carries a recorded decision to Keyfactor and follows it until it is
// settled. Every attempt reads the request first; only an attempt that finds no
// mark of an earlier one, or has learned from Keyfactor that the earlier one
// left no trace, sends (promise P3).
func (b *Bot) Signal(ctx context.Context, decisionID string) (err error) {
	b.crowd.pass(ctx)
	d, first, err := b.c.Store.StartSignal(ctx, decisionID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark the signal of decision %s: %w", decisionID, err)
	}
	if !d.Finished.IsZero() || !d.Failed.IsZero() {
		return nil
	}
	defer b.news.tell(d.Request)
	ctx, end := b.traceSignal(ctx, d)
	defer func() { end(err) }()
	source, err := b.source(d.Request)
	if err != nil {
		return b.refusedSignal(ctx, d, err)
	}
	standing, err := source.Look(ctx, d.Request)
	if err != nil {
		return b.unread(ctx, d, first, err)
	}
	if !standing.Waiting {
		return b.finish(ctx, d, standing.Outcome, !first)
	}
	if !d.Sent.IsZero() {
		return b.follow(ctx, d, standing)
	}
	if !first {
		counted, err := countedBy(ctx, source, d)
		if err != nil {
			return b.unread(ctx, d, first, err)
		}
		if counted {
			return b.sent(ctx, source, d, standing)
		}
		if err := b.landing(d.SignalStarted); err != nil {
			return err
		}
	}
	if !standing.Request.Offers(d.Verdict) && b.c.Now().Sub(d.At) < settling {
		// Keyfactor has somebody's answer and has not gone on yet: it will say what came of it.
		return b.trouble(ctx, d, blocks.TroubleAnswered, &wait{after: afterSent, err: errors.New("nothing can be sent at the moment")})
	}
	if standing.Request.Digest() != d.Digest {
		return b.changed(ctx, d, standing.Request)
	}
	if !first {
		// The earlier attempt left no trace, so this one is the first again, with a mark of its own.
		if err := b.c.Store.ClearSignal(ctx, d.ID); err != nil {
			return fmt.Errorf("clear the mark of decision %s: %w", d.ID, err)
		}
		if _, _, err := b.c.Store.StartSignal(ctx, d.ID); err != nil {
			return fmt.Errorf("mark the signal of decision %s: %w", d.ID, err)
		}
	}
	return b.transmit(ctx, source, d)
}

// logDecision is the log for lines about a signal.
func (b *Bot) logDecision(d store.Decision) *zap.Logger {
	return b.log(d.Request).With(zap.String("route", d.Route), zap.String("decision", d.ID), zap.String("verdict", string(d.Verdict)), zap.String("person", d.By.ID))
}

// countedBy asks whether the login that carries the decision has voted already.
func countedBy(ctx context.Context, source approval.Source, d store.Decision) (bool, error) {
	if several, ok := source.(interface {
		CountedBy(ctx context.Context, id approval.ID, account string) (bool, error)
	}); ok {
		return several.CountedBy(ctx, d.Request, d.Account)
	}
	return source.Counted(ctx, d.Request)
}

// transmit makes the one call that must not happen twice.
func (b *Bot) transmit(ctx context.Context, source approval.Source, d store.Decision) error {
	if stale(ctx) {
		return &wait{after: afterMaybe, err: errStale}
	}
	err := source.Send(ctx, d.Decision)
	log := b.logDecision(d)
	switch {
	case err == nil:
		log.Info("signal sent")
		b.c.Meter.Tried(triedSent)
		return b.sent(ctx, source, d, approval.Standing{})
	case errors.Is(err, approval.ErrMaybe):
		b.c.Meter.Tried(triedMaybe)
		log.Warn("signal may or may not have arrived; Keyfactor is asked before anything is sent again", zap.Error(err))
		return b.trouble(ctx, d, blocks.TroubleUnclear, &wait{after: afterMaybe, err: err})
	case errors.Is(err, approval.ErrUnavailable):
		b.c.Meter.Tried(triedUnavailable)
		log.Warn("Keyfactor is not available; the signal will be tried again", zap.Error(err))
		if clear := b.c.Store.ClearSignal(ctx, d.ID); clear != nil {
			return clear
		}
		return b.trouble(ctx, d, blocks.TroubleAway, retryAfter(err))
	case errors.Is(err, approval.ErrSettled):
		b.c.Meter.Tried(triedSettled)
		log.Info("somebody else decided first", zap.Error(err))
		return &wait{after: time.Millisecond, err: err} // the next attempt reads what happened
	}
	return b.refusedSignal(ctx, d, err)
}

// sent records that Keyfactor took the decision and looks where that led.
func (b *Bot) sent(ctx context.Context, source approval.Source, d store.Decision, standing approval.Standing) error {
	if err := b.c.Store.SignalSent(ctx, d.ID); err != nil {
		return fmt.Errorf("record that %s was sent: %w", d.ID, err)
	}
	d.Sent = b.c.Now()
	b.c.Meter.Signalled(d.Verdict, d.Sent.Sub(d.At))
	if !standing.Waiting {
		var err error
		if standing, err = source.Look(ctx, d.Request); err != nil {
			return b.unread(ctx, d, false, err)
		}
	}
	if !standing.Waiting {
		return b.finish(ctx, d, standing.Outcome, true)
	}
	return b.follow(ctx, d, standing)
}

// follow watches a request that still waits although our decision was taken:
// further approvers may be missing, or the instance is slow or stuck in
// Keyfactor. The decision stays open and is asked about ever more rarely.
func (b *Bot) follow(ctx context.Context, d store.Decision, s approval.Standing) error {
	sentence := blocks.TroubleStill
	if d.Verdict == approval.Approve && s.Request.Missing > 0 {
		sentence = blocks.TroubleMissing(s.Request.Status)
	}
	if d.Verdict == approval.Approve && s.Request.Missing > 0 {
		if counted, err := b.count(ctx, d, s); counted || err != nil {
			return err
		}
	}
	age := b.c.Now().Sub(d.Sent)
	if age < slow && s.Request.Missing == 0 {
		sentence = "" // give it a moment before saying that something is slow
	}
	again := &wait{after: min(max(afterSent, age/4), rarely), err: errors.New("the request has not moved yet")}
	return b.trouble(ctx, d, sentence, again)
}

// count opens the request for a further person where Keyfactor wants more
// approvals and there is a login left that can carry one.
func (b *Bot) count(ctx context.Context, d store.Decision, s approval.Standing) (bool, error) {
	record, err := b.c.Store.Request(ctx, d.Request)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", d.Request, err)
	}
	record.Counted = append(record.Counted, d)
	if len(b.freeAccounts(record)) == 0 {
		return false, nil
	}
	o := approval.Outcome{State: approval.Approved, Reason: approval.Counted, Message: s.Request.Status, At: b.c.Now().UTC()}
	reply := store.Reply{Key: "counted:" + d.ID, Body: encodeReply(blocks.CountedReply(d.Decision, s.Request.Status))}
	if err := b.c.Store.Count(ctx, d.ID, o, reply); err != nil {
		return false, fmt.Errorf("open %s for a further person: %w", d.Request, err)
	}
	b.traceSettled(ctx, d, o)
	b.c.Meter.Settled(d.Verdict, b.c.Now().Sub(d.At))
	if _, err := b.c.Store.Revise(ctx, s.Request); err != nil {
		b.log(d.Request).Warn("the card says how many approvals are missing only after the next poll", zap.Error(err))
	}
	return true, nil
}

// finish records the outcome. sent says that our decision reached Keyfactor or
// may have, so an outcome that agrees with it is put down to it.
func (b *Bot) finish(ctx context.Context, d store.Decision, o approval.Outcome, sent bool) error {
	o = attribute(o, d, sent)
	if o.At.IsZero() {
		o.At = b.c.Now().UTC()
	}
	if o.Reason == approval.DecidedElsewhere || o.State == approval.Closed {
		b.logDecision(d).Warn("the request was settled otherwise than decided here", zap.String("reason", string(o.Reason)))
	}
	reply := store.Reply{Key: "settled:" + d.ID, Body: encodeReply(blocks.SettledReply(o, &d.Decision))}
	if err := b.c.Store.Finish(ctx, d.ID, o, reply); err != nil {
		return fmt.Errorf("record the outcome of %s: %w", d.Request, err)
	}
	b.traceSettled(ctx, d, o)
	b.logDecision(d).Info("decision settled", zap.String("state", string(o.State)), zap.Duration("took", b.c.Now().Sub(d.At)))
	b.c.Meter.Settled(d.Verdict, b.c.Now().Sub(d.At))
	return nil
}

// attribute says what an outcome that Keyfactor reports means for a decision of
// ours. Without a signal it is somebody else's doing; with one, what agrees is
// ours, and what says nothing about the verdict is our verdict's later fate.
func attribute(o approval.Outcome, d store.Decision, sent bool) approval.Outcome {
	if !sent {
		return o
	}
	ours := d.Verdict.State()
	switch {
	case o.State == ours && o.Reason == approval.DecidedElsewhere:
		o.Reason = approval.DecidedHere
	case o.State == approval.Closed && (o.Reason == approval.Hidden || o.Reason == approval.Gone):
		// With permission only for what is assigned to us, an instance vanishes
		// from our sight with our own signal.
		if !d.Sent.IsZero() {
			o.State = ours
		}
	case o.State == approval.Closed && o.Reason == approval.Failed && d.Verdict == approval.Approve && !d.Sent.IsZero():
		o.State = ours
	}
	return o
}

// unread handles that nothing could be learned about the request.
func (b *Bot) unread(ctx context.Context, d store.Decision, first bool, err error) error {
	b.logDecision(d).Warn("request could not be read; nothing was sent in this attempt", zap.Error(err))
	if first {
		if clear := b.c.Store.ClearSignal(ctx, d.ID); clear != nil {
			return clear
		}
	}
	if errors.Is(err, approval.ErrUnauthorized) || errors.Is(err, approval.ErrForbidden) {
		return b.trouble(ctx, d, blocks.TroubleLocked, &wait{after: lookAgain, err: err})
	}
	return b.trouble(ctx, d, blocks.TroubleSilent, retryAfter(err))
}

// changed handles that the question is no longer the one that was answered:
// nothing is sent, the card is redrawn, and the person is asked again (P4).
func (b *Bot) changed(ctx context.Context, d store.Decision, now approval.Request) error {
	b.c.Meter.Tried(triedChanged)
	record, err := b.c.Store.Request(ctx, d.Request)
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Request, err)
	}
	reply := store.Reply{Key: "changed:" + d.ID, Body: encodeReply(blocks.ChangedReply(record.Request, now))}
	sentence := blocks.TroubleChanged
	if err := b.c.Store.Fail(ctx, d.ID, sentence, reply); err != nil {
		return fmt.Errorf("put %s back: %w", d.Request, err)
	}
	if _, err := b.c.Store.Revise(ctx, now); err != nil {
		return fmt.Errorf("revise %s: %w", d.Request, err)
	}
	b.tell(ctx, d.Channel, d.By.ID, sentence)
	return nil
}

// refusedSignal handles a plain no: the request waits again, and the people see why.
func (b *Bot) refusedSignal(ctx context.Context, d store.Decision, err error) error {
	b.c.Meter.Tried(triedRefused)
	sentence := blocks.TroubleRefused
	switch {
	case errors.Is(err, approval.ErrForbidden):
		sentence = blocks.TroubleForbidden
	case errors.Is(err, approval.ErrUnauthorized):
		sentence = blocks.TroubleLogin
	}
	b.logDecision(d).Error("decision was not carried out", zap.Error(err))
	reply := store.Reply{Key: "failed:" + d.ID, Body: encodeReply(blocks.FailedReply(d.Decision, sentence))}
	if err := b.c.Store.Fail(ctx, d.ID, sentence, reply); err != nil {
		return fmt.Errorf("put %s back: %w", d.Request, err)
	}
	b.tell(ctx, d.Channel, d.By.ID, sentence)
	return nil
}

// trouble shows the sentence on the card and returns again.
func (b *Bot) trouble(ctx context.Context, d store.Decision, sentence string, again error) error {
	if sentence != "" {
		if err := b.c.Store.SignalTrouble(ctx, d.ID, sentence); err != nil {
			return fmt.Errorf("record the trouble of %s: %w", d.ID, err)
		}
	}
	return again
}

// retryAfter keeps what err knows about when to come back.
func retryAfter(err error) error {
	if r, ok := errors.AsType[approval.RetryAfter](err); ok && r.RetryAfter() > 0 {
		return &wait{after: min(r.RetryAfter(), 5*time.Minute), err: err}
	}
	return err
}

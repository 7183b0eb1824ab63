package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/store"
)

// Deciding several requests takes longer than the answer to a click may. That it
// has begun is written down before anything is decided, and the note goes when all
// is done. A note that stays belongs to a process that was killed in between: the
// person is told how far it came. What was not decided is not decided later; by then
// nobody looks.

const (
	bulkNote = "bulk:"
	// bulkOver is when a run that has not ended never will.
	bulkOver = 2 * time.Minute
)

func (r *bulkRun) begin(ctx context.Context) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	text, err := json.Marshal(r.bundle)
	if err != nil {
		return err
	}
	r.note = bulkNote + id.String()
	return r.bot.c.Store.PutSetting(ctx, r.note, string(text))
}

func (r *bulkRun) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.bot.c.Store.ClearSetting(ctx, r.note); err != nil {
		r.bot.c.Log.Warn("that several decisions have ended could not be noted; the person is told once more", zap.Error(err))
	}
}

// Interrupted tells people whose several decisions a restart cut short how far they
// came. It is called once in a pass over the sources.
func (b *Bot) Interrupted(ctx context.Context) {
	notes, err := b.c.Store.Settings(ctx, bulkNote, b.c.Now().Add(-bulkOver))
	if err != nil {
		b.c.Log.Warn("it could not be seen whether decisions were cut short", zap.Error(err))
		return
	}
	for key, text := range notes {
		var cut bundle
		if err := json.Unmarshal([]byte(text), &cut); err != nil {
			b.c.Log.Error("a note about decisions cannot be read", zap.String("note", key), zap.Error(err))
		} else if err := b.tellInterrupted(ctx, cut); err != nil {
			b.c.Log.Warn("a person could not be told that their decisions were cut short; the next poll tries again", zap.String("person", cut.User), zap.Error(err))
			continue
		}
		if err := b.c.Store.ClearSetting(ctx, key); err != nil {
			b.c.Log.Warn("a note about decisions could not be cleared", zap.Error(err))
		}
	}
}

func (b *Bot) tellInterrupted(ctx context.Context, cut bundle) error {
	view := blocks.BulkProgressView{Total: len(cut.Items), Interrupted: true}
	for _, item := range cut.Items {
		r, err := b.c.Store.Request(ctx, item.Request)
		if errors.Is(err, store.ErrNotFound) {
			r.Request.ID = item.Request // forgotten meanwhile
		} else if err != nil {
			return fmt.Errorf("read %s: %w", item.Request, err)
		}
		result := blocks.BulkResult{Request: r.Request, Verdict: cut.Verdict}
		if !spoke(r, cut.User) {
			result.Reason, result.Wrong = blocks.StorageDown, blocks.BulkUndecided
		}
		view.Results = append(view.Results, result)
	}
	b.tell(ctx, "", cut.User, blocks.BulkText(view).Text)
	return nil
}

// spoke reports whether a person's vote stands, or is part of a decision.
func spoke(r store.Record, user string) bool {
	for _, v := range r.Votes {
		if v.By.ID == user {
			return true
		}
	}
	made := r.Counted
	if r.Decision != nil {
		made = append(slices.Clone(made), *r.Decision)
	}
	for _, d := range made {
		for _, v := range d.Voices() {
			if v.By.ID == user {
				return true
			}
		}
	}
	return false
}

package bot

import (
	"context"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/hint"
)

// hints says what the rules of a route find about a request. With an error what
// was seen here before could not be asked, and the hints say so.
func (b *Bot) hints(ctx context.Context, rule approval.Rule, r approval.Request) (approval.Hints, error) {
	if len(rule.Hints.Levels) == 0 {
		return approval.Hints{}, nil
	}
	m, err := b.c.Store.Memory(ctx, r)
	return hint.Check(rule.Hints, r, m), err
}

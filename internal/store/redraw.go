package store

import (
	"context"
	"fmt"

	"github.com/approvebot/approvebot/internal/approval"
)

// Redraw has the cards of a request drawn again although nothing about the
// request has changed: time has passed, or the configuration says otherwise.
func (s *Store) Redraw(ctx context.Context, id approval.ID) error {
	if err := s.do(ctx, func(ctx context.Context, u *unit) error { return u.bump(ctx, id) }); err != nil {
		return fmt.Errorf("redraw %s: %w", id, err)
	}
	return nil
}

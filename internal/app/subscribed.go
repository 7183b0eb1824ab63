package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/store"
)

// Subscribed says in sentences which channels show a request because they
// subscribed to it in Slack, and whom that leaves deciding there. It looks into the
// store beside the running service, and finds nothing where there is none yet.
func Subscribed(ctx context.Context, c *config.Config, q approval.Request) (notes []string, err error) {
	s, err := store.Open(ctx, c.Store.URL.Reveal(), store.Options{ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for subscriptions: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	all, err := s.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	for _, sub := range all {
		by := "a subscription by " + sub.CreatedBy.Name
		var wanted map[string]string
		if json.Unmarshal(sub.Filter, &wanted) != nil {
			notes = append(notes, fmt.Sprintf("Channel %s has %s that cannot be read, so nobody may decide there.", sub.Channel, by))
			continue
		}
		deciders := strings.ReplaceAll(wanted[blocks.Deciders], ",", ", ")
		delete(wanted, blocks.Deciders)
		takes, err := filter(wanted)
		if err == nil && !takes(q) {
			continue
		}
		note := fmt.Sprintf("Channel %s shows it by %s.", sub.Channel, by)
		if err != nil {
			note = fmt.Sprintf("Channel %s has %s that cannot be understood.", sub.Channel, by)
		}
		if deciders != "" {
			note = strings.TrimSuffix(note, ".") + ", and of those who may decide it only " + deciders + " may do so there."
		}
		notes = append(notes, note)
	}
	return notes, nil
}

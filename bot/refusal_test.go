package bot_test

import (
	"context"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/store"
)

// A refusal is in the audit log even when the time for the answer was used up,
// as it is when the database is slow.
func TestRefusalIsWrittenDownAfterTheTimeForTheAnswer(t *testing.T) {
	t.Parallel()
	w := newStill(t)
	spent, cancel := context.WithCancel(t.Context())
	cancel()
	w.bot.Interact(spent, slack.InteractionCallback{
		Type: slack.InteractionTypeBlockActions, User: slack.User{ID: w.slack.UserID("ada")},
		ActionCallback: slack.ActionCallbacks{BlockActions: []*slack.BlockAction{{ActionID: blocks.ActionApprove, Value: "forged"}}},
	})
	w.bot.Wait()
	var events []string
	for e, err := range w.store.Entries(t.Context(), store.Filter{}) {
		require.NoError(t, err)
		events = append(events, e.Event)
	}
	require.Contains(t, events, "click.refused")
}

package bot

import (
	"context"
	"sync"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// grace is how long a card waits for the end of a decision before it says that it
// is being sent. Mostly the end comes first, and the card is drawn once: that is
// quicker to read, and half of what Slack allows.
const grace = 300 * time.Millisecond

// news tells those who draw a card that its signal has got further.
type news struct {
	mu      sync.Mutex
	waiting map[approval.ID]map[chan struct{}]bool
}

func newNews() *news { return &news{waiting: map[approval.ID]map[chan struct{}]bool{}} }

// listen returns what is closed when there is news of the request, and its end.
func (n *news) listen(id approval.ID) (told <-chan struct{}, end func()) {
	c := make(chan struct{})
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting[id] == nil {
		n.waiting[id] = map[chan struct{}]bool{}
	}
	n.waiting[id][c] = true
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if delete(n.waiting[id], c); len(n.waiting[id]) == 0 {
			delete(n.waiting, id)
		}
	}
}

func (n *news) tell(id approval.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.waiting[id] {
		close(c)
	}
	delete(n.waiting, id)
}

// settled returns what a card should show: the record, or, when somebody has just
// decided, what it is a moment later.
func (b *Bot) settled(ctx context.Context, id approval.ID) (store.Record, error) {
	told, end := b.news.listen(id) // before reading, so that nothing is missed
	defer end()
	record, err := b.c.Store.Request(ctx, id)
	if err != nil || record.State != approval.Deciding || record.Decision == nil {
		return record, err
	}
	left := grace - b.c.Now().Sub(record.Decision.At)
	if left <= 0 || left > grace {
		return record, nil
	}
	select {
	case <-told:
	case <-time.After(left):
	case <-ctx.Done():
	}
	return b.c.Store.Request(ctx, id)
}

package bot

import (
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// byUrgency says which of two requests a person should look at first. Every list
// of ours is in this order.
func byUrgency(a, b store.Record) int {
	return approval.CompareUrgency(approval.Waiting{Request: a.Request, Seen: a.Seen}, approval.Waiting{Request: b.Request, Seen: b.Seen})
}

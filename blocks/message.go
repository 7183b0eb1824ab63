package blocks

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// What a click names: actions, callbacks, blocks.
const (
	ActionApprove = "approve"
	ActionDeny    = "deny"
	ActionDetails = "details"
	// ActionWithdraw takes one's own vote back.
	ActionWithdraw = "withdraw"
	// ActionOpen is a button with a URL: it needs an acknowledgement and nothing else.
	ActionOpen = "open"

	// On the Home tab.
	ActionFilter   = "filter"
	ActionBulk     = "bulk"
	ActionRefresh  = "refresh"
	ActionPrevious = "previous"
	ActionNext     = "next"

	// In the modals that decide several requests.
	CallbackBulkChoose = "bulk_choose"
	CallbackBulkDecide = "bulk_decide"
	ActionBulkKind     = "bulk_kind"
	ActionBulkAll      = "bulk_all"
	BlockBulkVerdict   = "bulk_verdict"
	ActionBulkVerdict  = "bulk_verdict"
	ActionBulkBox      = "bulk_box"

	CallbackDecide = "decide"
	BlockComment   = "comment"
	ActionComment  = "comment"
	BlockReason    = "reason"
	ActionReason   = "reason"
	BlockTyped     = "typed"
	ActionTyped    = "typed"

	CallbackSubscribe = "subscribe"

	// ShortcutExplain is the callback of the message shortcut, as the app's manifest has it.
	ShortcutExplain = "explain_request"
)

// Event types of the metadata that lets us recognise our own messages.
const (
	MetadataCard  = "approvebot_card"
	MetadataReply = "approvebot_reply"
)

// Message is what chat.postMessage and chat.update take. Text is what
// notifications and screen readers get; it is always set, and is mrkdwn with
// all foreign text escaped. Blocks may be nil, see [PlainFallback].
type Message struct {
	Text   string
	Blocks []slack.Block
}

// blockIDs hands out the ids of one version of one card. An id begins with the
// request's, so that a card is recognised in a channel's history even without
// metadata; the version makes it new whenever the meaning may have changed, as
// Slack advises.
//
//	workflow:8c1f…/2a44… # pending-9f3c21d0 . 3
type blockIDs struct {
	prefix string
	next   int
}

func newBlockIDs(id approval.ID, state approval.State, meaning ...string) *blockIDs {
	h := fnv.New32a()
	for _, m := range meaning {
		_, _ = h.Write([]byte(m))
		_, _ = h.Write([]byte{0})
	}
	version := clip(string(state), 10) + "-" + strconv.FormatUint(uint64(h.Sum32()), 16)
	return &blockIDs{prefix: clip(string(id), maxRequestID) + "#" + version + "."}
}

func (b *blockIDs) id() string {
	b.next++
	return b.prefix + strconv.Itoa(b.next)
}

// CardOf tells which request a message's blocks show, from their ids. It
// recognises cards only, not replies.
func CardOf(message []slack.Block) (approval.ID, bool) {
	for _, b := range message {
		if text, _, ok := strings.Cut(b.ID(), "#"); ok {
			if id, err := approval.ParseID(text); err == nil {
				return id, true
			}
		}
	}
	return "", false
}

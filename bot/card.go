package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// view collects what the card of a request shows in a channel now.
func (b *Bot) view(ctx context.Context, r store.Record, channel string) blocks.CardView {
	v := blocks.CardView{Request: r.Request, State: r.State, Outcome: r.Outcome}
	if r.Decision != nil {
		switch {
		case r.State == approval.Pending:
			v.Trouble = r.Decision.Error // the last attempt, if it failed
		case !r.Decision.Failed.IsZero():
			// decided elsewhere after an attempt of ours had failed: not ours to show
		default:
			v.Decision, v.Sent, v.Trouble = &r.Decision.Decision, !r.Decision.Sent.IsZero(), r.Decision.Trouble
		}
	}
	v.Earlier = b.earlier(ctx, r)
	t := ticket{Request: r.Request.ID, Channel: channel, Digest: r.Request.Digest(), Until: b.c.Now().Add(b.c.SealLife).Unix()}
	v.Details = b.seal.seal(t)
	v.Votes = r.Votes
	for _, d := range r.Counted {
		v.Counted = append(v.Counted, d.Decision)
	}
	rule, ok := b.c.Rule(r.Route)
	if ok {
		var err error
		if v.Hints, err = b.hints(ctx, rule, r.Request); err != nil {
			b.log(r.Request.ID).Warn("a card does not tell what was seen here before", zap.Error(err))
		}
	}
	if !ok || r.State != approval.Pending {
		return v // without a route nobody may decide, so there is nothing to press
	}
	v.Approvers = listed(rule.Users, rule.Groups)
	if narrowed, err := b.narrowings(ctx, r); err != nil {
		b.log(r.Request.ID).Warn("a card does not tell who its channel's subscriptions leave deciding", zap.Error(err))
	} else {
		v.Deciders = narrowed[channel]
	}
	v.Needs = needs(rule, r)
	v.Menu, v.Claimable, v.Claim = true, rule.ClaimFor > 0, b.claimOf(r)
	if v.NoButtons = b.noButtons(rule, r); v.NoButtons != "" {
		return v
	}
	v.Withdraw = v.Details
	v.Sealed = map[approval.Verdict]string{}
	for _, verdict := range r.Request.Verdicts {
		t.Verdict = verdict
		v.Sealed[verdict] = b.seal.seal(t)
	}
	return v
}

// noButtons says in a sentence why a pending request cannot be decided from
// Slack, or nothing.
func (b *Bot) noButtons(rule approval.Rule, r store.Record) string {
	switch {
	case rule.ShowOnly:
		return blocks.OnlyShown
	case rule.Expired(r.Seen, b.c.Now()):
		return blocks.TooLate
	}
	return ""
}

// earlier finds what was decided about the same matter before, so that an
// approver sees that a workflow's request has come back from the CA.
func (b *Bot) earlier(ctx context.Context, r store.Record) []blocks.Earlier {
	if r.Request.Matter == "" {
		return nil
	}
	records, err := b.c.Store.Matter(ctx, r.Request.Matter)
	if err != nil {
		b.log(r.Request.ID).Warn("earlier requests of the same matter could not be read", zap.Error(err))
		return nil
	}
	var all []blocks.Earlier
	for _, e := range records {
		if e.Request.ID == r.Request.ID || e.Seen.After(r.Seen) {
			continue
		}
		text := string(e.State)
		if e.Decision != nil && e.Decision.Failed.IsZero() {
			text = blocks.EarlierDecision(e.Decision.Decision)
		}
		all = append(all, blocks.Earlier{Reference: e.Request.Reference, Link: e.Request.Link, Text: text})
	}
	return all
}

// cardMetadata names the request on the message itself, which is how a card is
// found again when its post was not recorded.
func cardMetadata(id approval.ID, channel string) slack.SlackMetadata {
	return slack.SlackMetadata{EventType: blocks.MetadataCard, EventPayload: map[string]any{"request": string(id), "channel": channel}}
}

func replyMetadata(id approval.ID, channel, key string) slack.SlackMetadata {
	return slack.SlackMetadata{EventType: blocks.MetadataReply, EventPayload: map[string]any{"request": string(id), "channel": channel, "key": key}}
}

// carries reports whether a message found in Slack is ours and has this metadata.
func (b *Bot) carries(m slack.Message, want slack.SlackMetadata) bool {
	if m.BotID == "" || m.BotID != b.botID() || m.Metadata.EventType != want.EventType {
		return false
	}
	for name, value := range want.EventPayload {
		if m.Metadata.EventPayload[name] != value {
			return false
		}
	}
	return true
}

// replyBody is how a reply is kept until it is posted.
type replyBody struct {
	Text   string       `json:"text"`
	Blocks slack.Blocks `json:"blocks"`
}

func encodeReply(m blocks.Message) []byte {
	body, _ := json.Marshal(replyBody{Text: m.Text, Blocks: slack.Blocks{BlockSet: m.Blocks}})
	return body
}

func options(m blocks.Message, meta slack.SlackMetadata) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(m.Text, false),
		slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionMetadata(meta),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
}

// searchBack is how far before a mark the search for our own message begins:
// Slack's clock is not ours.
const searchBack = time.Minute

// searchPages bounds a search; 200 messages a page.
const searchPages = 5

// findCard looks in the channel for a card whose post was started but never
// recorded. It returns an empty ts when there certainly is none.
func (b *Bot) findCard(ctx context.Context, room string, id approval.ID, meta slack.SlackMetadata, since time.Time) (string, error) {
	room, err := b.rooms.history(ctx, room)
	if err != nil {
		return "", err
	}
	p := &slack.GetConversationHistoryParameters{ChannelID: room, Limit: 200, Oldest: slackTime(since.Add(-searchBack)), IncludeAllMetadata: true}
	for range searchPages {
		h, err := b.c.Slack.GetConversationHistoryContext(ctx, p)
		if err != nil {
			return "", err
		}
		for _, m := range h.Messages {
			if b.carries(m, meta) || id != "" && b.shows(m, id) {
				return m.Timestamp, nil
			}
		}
		if p.Cursor = h.ResponseMetaData.NextCursor; !h.HasMore || p.Cursor == "" {
			break
		}
	}
	return "", nil
}

// shows recognises our card by the ids of its blocks, for when Slack did not
// keep the metadata.
func (b *Bot) shows(m slack.Message, id approval.ID) bool {
	found, ok := blocks.CardOf(m.Blocks.BlockSet)
	return ok && found == id && m.BotID != "" && m.BotID == b.botID()
}

// findReply does the same inside a thread, or, without one, in direct messages.
func (b *Bot) findReply(ctx context.Context, room, thread string, meta slack.SlackMetadata, since time.Time) (string, error) {
	if thread == "" {
		return b.findCard(ctx, room, "", meta, since)
	}
	p := &slack.GetConversationRepliesParameters{ChannelID: room, Timestamp: thread, Limit: 200, Oldest: slackTime(since.Add(-searchBack)), IncludeAllMetadata: true}
	for range searchPages {
		replies, more, next, err := b.c.Slack.GetConversationRepliesContext(ctx, p)
		if err != nil {
			return "", err
		}
		for _, m := range replies {
			if b.carries(m, meta) {
				return m.Timestamp, nil
			}
		}
		if p.Cursor = next; !more || next == "" {
			break
		}
	}
	return "", nil
}

func slackTime(t time.Time) string { return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000) }

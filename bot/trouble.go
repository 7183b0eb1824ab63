package bot

import (
	"errors"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/blocks"
)

// wait is an error that says when trying again makes sense; jobs do not count it
// as a failure.
type wait struct {
	after time.Duration
	err   error
}

func (w *wait) Error() string             { return w.err.Error() }
func (w *wait) Unwrap() error             { return w.err }
func (w *wait) RetryAfter() time.Duration { return w.after }

// refused returns Slack's own refusal, if err is one.
func refused(err error) (slack.SlackErrorResponse, bool) {
	return errors.AsType[slack.SlackErrorResponse](err)
}

// effect is what a failed call to Slack may have done.
type effect int

const (
	none      effect = iota // certainly nothing; it may be repeated
	never                   // certainly nothing, and repeating is pointless until somebody changes something
	unclear                 // it may have worked: look before repeating
	badBlocks               // Slack does not take the blocks as they are
)

// judge sorts an error of a Slack call; section 2 of the facts sheet has the
// classes. The duration is how long Slack asks to wait, if it does.
func judge(err error) (effect, time.Duration) {
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return none, max(limited.RetryAfter, time.Second)
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		switch status.Code {
		case http.StatusTooManyRequests:
			return none, 30 * time.Second
		case http.StatusServiceUnavailable:
			return unclear, 5 * time.Second
		}
		return unclear, 0
	}
	refusal, ok := refused(err)
	if !ok {
		return unclear, 0 // cut connection, timeout, something that is no JSON
	}
	switch refusal.Err {
	case "ratelimited", "rate_limited", "service_unavailable", "team_added_to_org", "accesslimited":
		return none, 30 * time.Second
	case "internal_error", "fatal_error", "request_timeout", "update_failed":
		return unclear, 0
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large", "block_mismatch":
		return badBlocks, 0
	}
	return never, 0
}

// advice turns Slack's error into what an operator can do.
func advice(err error) string {
	refusal, _ := refused(err)
	return blocks.Advice(refusal.Err, refusal.Needed)
}

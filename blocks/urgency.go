package blocks

import (
	"fmt"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// urgency is the line of a card that says what ends without an answer, "" where
// nothing does.
func urgency(r approval.Request) string {
	end := until(r.Deadline())
	switch {
	case end == "":
		return ""
	case r.Old.Concern == approval.Replaces:
		return "📅 Replaces a certificate that is valid until " + end + "."
	}
	return "📅 The certificate is valid until " + end + "."
}

// deadline is the same as a further sentence.
func deadline(r approval.Request) string {
	end := until(r.Deadline())
	switch {
	case end == "":
		return ""
	case r.Old.Concern == approval.Replaces:
		return " The certificate it replaces is valid until " + end + "."
	}
	return " The certificate is valid until " + end + "."
}

// until is a date with how far away it is. Slack works both out for whoever reads
// it, whenever they do, so the words stay true on a card that is never drawn again.
func until(t time.Time) string {
	if date(t) == "" {
		return ""
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} at {time} ({ago})|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04 UTC"))
}

package keyfactor

import (
	"regexp"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// place is where an instance stands, seen from one of its steps.
type place int

const (
	waiting  place = iota // suspended at the step, a signal still to come
	answered              // at the step, every signal received; Keyfactor has not gone on yet
	later                 // alive at another step
	rejected
	failed
	restarted
	complete
	left // not alive, and nobody says how it ended
)

// locate decides where an instance stands.
//
// Names decide where we have them. The number of a status decides nothing,
// because Keyfactor does not publish what it means; then Keyfactor's messages
// decide, and then the signals:
//
//	name or message says how it ended     that
//	another step                          later
//	this step, a signal awaited           waiting
//	this step, suspended, no signals      waiting (for something we cannot send)
//	this step, every signal received      answered
//	this step, running or nobody knows    answered, until it has been still for long
//
// A number that never occurs in AssignedToMe, once that list has taught us
// others, is not Suspended, whatever else an instance says.
func locate(i Instance, step string) place {
	if end, ok := ended(i); ok {
		return end
	}
	suspended := i.Status.Name == Suspended
	switch {
	case !strings.EqualFold(i.CurrentStepID, step):
		return later
	case i.Status.Name == Running:
		return answered
	case i.Status.awake:
	case i.Signals.Open(),
		len(i.Signals) == 0 && (suspended || awaiting.MatchString(string(i.StatusMessage))):
		return waiting
	case len(i.Signals) > 0:
		return answered
	}
	if !still(i) {
		return answered
	}
	return left
}

// ended reports how an instance ended, if it did.
func ended(i Instance) (place, bool) {
	switch i.Status.Name {
	case Rejected:
		return rejected, true
	case Failed:
		return failed, true
	case CanceledForRestart:
		return restarted, true
	case Complete:
		return complete, true
	case Suspended, Running:
		// Alive, whatever an old message says.
		return 0, false
	}
	if i.Signals.Open() && !i.Status.awake {
		return 0, false
	}
	switch m := string(i.StatusMessage); {
	case rejectedBy.MatchString(m):
		return rejected, true
	case failedWith.MatchString(m):
		return failed, true
	case doneAs.MatchString(m):
		return complete, true
	}
	return 0, false
}

// Keyfactor's messages are text for people; they are matched loosely.
var (
	rejectedBy = regexp.MustCompile(`(?i)\bworkflow rejected\b(?: by (user with id \S*\w))?`)
	failedWith = regexp.MustCompile(`(?i)^\s*(?:step\b.*failed|pre-process failed|post-process failed|access is denied|either the credentials are invalid)`)
	doneAs     = regexp.MustCompile(`(?i)^\s*(?:issued|revoked|taken under submission)\b`)
	handedOver = regexp.MustCompile(`(?i)\btaken under submission\b`)
	awaiting   = regexp.MustCompile(`(?i)\bawaiting (\d{1,4}) more approval`)
)

// longEnough is how long an instance must have been still before silence about
// its end is taken for an end. Steps run for seconds.
const longEnough = 15 * time.Minute

// still reports whether nothing has happened for long, by Keyfactor's own clock.
func still(i Instance) bool {
	return !i.Answered.IsZero() && !i.LastModified.IsZero() && i.Answered.Sub(i.LastModified.Time) > longEnough
}

// outcome is what became of the request at step, whose instance is at p now.
// Asked tells that people approve at the step where the instance is now.
//
// The step was passed if the instance is alive or done, failed at another step,
// or was rejected at another step where people approve.
func outcome(i Instance, step string, p place, asked bool) approval.Outcome {
	o := approval.Outcome{State: approval.Closed, Message: clean(string(i.StatusMessage)), At: i.LastModified.Time}
	switch passed := elsewhere(i, step); p {
	case later:
		o.State, o.Reason, o.Message = approval.Approved, approval.MovedOn, whereabouts(i)
	case complete:
		o.State, o.Reason = approval.Approved, approval.DecidedElsewhere
		if handedOver.MatchString(string(i.StatusMessage)) {
			o.Reason, o.Matter = approval.HandedOver, caMatter(i)
		}
	case rejected:
		if passed && asked {
			o.State, o.Reason, o.Message = approval.Approved, approval.MovedOn, whereabouts(i)
			break
		}
		o.State, o.Reason = approval.Denied, approval.DecidedElsewhere
		if m := rejectedBy.FindStringSubmatch(o.Message); m != nil {
			o.By = m[1]
		}
	case failed:
		o.Reason = approval.Failed
		if passed {
			o.State = approval.Approved
		}
	case restarted:
		o.Reason = approval.Restarted
	default:
		o.Reason = approval.MovedOn
	}
	return o
}

// elsewhere reports whether the instance is at another step.
func elsewhere(i Instance, step string) bool {
	return i.CurrentStepID != "" && !strings.EqualFold(i.CurrentStepID, step)
}

// whereabouts says where an instance is now.
func whereabouts(i Instance) string {
	step := string(i.CurrentStepDisplayName)
	if step == "" {
		step = string(i.CurrentStepUniqueName)
	}
	text := "now at " + step
	if step == "" {
		text = "now at a later step"
	}
	if i.StatusMessage != "" {
		text += ": " + string(i.StatusMessage)
	}
	return clean(text)
}

// caMatter names the request that the CA holds after a hand-over.
func caMatter(i Instance) string {
	return matter(i.Text("CertificateAuthority"), i.CurrentStateData.Object("CACertificateRequest").Text("RequestId"))
}

package poller

import (
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Difference is what a complete walk over a source's list says against what we
// remember. It is a list of questions, not of facts: each of them is answered
// by asking the source for the one request.
type Difference struct {
	// New are listed and not remembered.
	New []approval.Item
	// Changed are remembered as pending and carry another stamp than when we read them.
	Changed []approval.Item
	// Missing are remembered as pending and not listed. That proves nothing by
	// itself: a role may have been withdrawn, or a row slipped between two pages.
	Missing []approval.ID
	// Waiting are remembered as pending and listed.
	Waiting []store.Known
}

// all are the listed ones that are remembered as pending, whatever their stamps say.
func (d Difference) all(listed []approval.Item) []approval.Item {
	waiting := make(map[approval.ID]bool, len(d.Waiting))
	for _, k := range d.Waiting {
		waiting[k.ID] = true
	}
	var all []approval.Item
	for _, item := range listed {
		if waiting[item.ID] {
			all = append(all, item)
			waiting[item.ID] = false
		}
	}
	return all
}

// Compare is the pure heart of a pass. Requests that somebody is deciding are
// left alone: the signal's own follow-up watches them.
func Compare(known []store.Known, listed []approval.Item) Difference {
	var d Difference
	place := make(map[approval.ID]int, len(known)) // many may wait: only where, not what
	for i, k := range known {
		place[k.ID] = i
	}
	seen, fresh := make([]bool, len(known)), map[approval.ID]bool{}
	for _, item := range listed {
		i, ok := place[item.ID]
		switch {
		case !ok && !fresh[item.ID]:
			fresh[item.ID] = true
			d.New = append(d.New, item)
		case ok && !seen[i]:
			seen[i] = true
			if k := known[i]; k.State == approval.Pending && k.Changed != item.Changed {
				d.Changed = append(d.Changed, item)
			}
		}
	}
	for i, k := range known {
		switch {
		case k.State != approval.Pending:
		case seen[i]:
			d.Waiting = append(d.Waiting, k)
		default:
			d.Missing = append(d.Missing, k.ID)
		}
	}
	return d
}

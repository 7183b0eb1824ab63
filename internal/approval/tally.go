package approval

import (
	"cmp"
	"slices"
)

// Tally is where the votes about a request stand.
type Tally struct {
	// Verdict is what they amount to; empty means that they do not suffice yet.
	Verdict Verdict
	// Have are the approvals that count and Against the denials, one for each
	// person, in the order of their time.
	Have, Against []Vote
	// Missing is how many further people have to approve, at least.
	Missing int
	// MissingGroups are those of Quorum.From that still need somebody. One of the
	// missing people can stand for one of them.
	MissingGroups []string
}

// Deciding returns the votes that make up the verdict.
func (t Tally) Deciding() []Vote {
	switch t.Verdict {
	case Approve:
		return t.Have
	case Deny:
		return t.Against
	}
	return nil
}

// Count says what the votes amount to. Only votes about exactly this request
// count (same ID, same digest), only those of full members, and of every
// person only the last. The order of votes does not matter.
//
// With [UnresolvedSecond] it asks for one person more; whoever knows who the
// requester is counts by [Rule.Resolved] instead.
//
// Enough denials win over enough approvals: nothing is approved that somebody
// who may stop it has stopped.
func Count(rule Rule, votes []Vote, r Request) Tally {
	var t Tally
	for _, v := range counted(votes, r.ID, r.Digest()) {
		switch v.Verdict {
		case Approve:
			t.Have = append(t.Have, v)
		case Deny:
			t.Against = append(t.Against, v)
		}
	}
	need := max(rule.Quorum.Count, 1)
	against := 1
	if rule.DenialCounts {
		against = need
	}
	if rule.Unresolved == UnresolvedSecond && !rule.AllowSelf {
		need++
	}
	t.MissingGroups = unmet(rule.Quorum.From, t.Have)
	t.Missing = max(need-len(t.Have), len(t.MissingGroups), 0)
	switch {
	case len(t.Against) >= against:
		t.Verdict = Deny
	case t.Missing == 0:
		t.Verdict = Approve
	}
	return t
}

// Resolved returns the rule for a request of which the requester is known.
func (r Rule) Resolved() Rule {
	if r.Unresolved == UnresolvedSecond {
		r.Unresolved = UnresolvedDeny
	}
	return r
}

// counted returns the votes that count, one for each person, ordered by time.
func counted(votes []Vote, id ID, digest string) []Vote {
	var valid []Vote
	for _, v := range votes {
		if v.Request == id && v.Digest == digest && v.By.ID != "" && v.By.Membership == Member {
			valid = append(valid, v)
		}
	}
	// Of two votes at the same moment the denial is taken as the later.
	slices.SortStableFunc(valid, func(a, b Vote) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.By.ID, b.By.ID), cmp.Compare(a.By.Email, b.By.Email), slices.Compare(a.Groups, b.Groups))
	})
	person := people(valid)
	var last []Vote
	for i, v := range valid {
		if !slices.ContainsFunc(indices(person, person[i]), func(j int) bool { return overrides(valid, j, i) }) {
			last = append(last, v)
		}
	}
	return last
}

// overrides reports whether vote j of a person counts instead of their vote i: what
// they said themselves before what was said for them, and else the later one.
func overrides(votes []Vote, j, i int) bool {
	own, other := votes[j].For.ID == "", votes[i].For.ID == ""
	return own && !other || own == other && j > i
}

// indices lists where a number stands.
func indices(numbers []int, number int) (at []int) {
	for i, n := range numbers {
		if n == number {
			at = append(at, i)
		}
	}
	return at
}

// people numbers the voters, the same number for the same person: two accounts
// may be one person only because of a third that has something of both. Who stands
// in for somebody and that person are one voter here.
func people(votes []Vote) []int {
	number := make([]int, len(votes))
	for i := range votes {
		number[i] = i
		for j := range i {
			if votes[i].shares(votes[j]) {
				from, to := number[i], number[j]
				for k := range i + 1 {
					if number[k] == from {
						number[k] = to
					}
				}
			}
		}
	}
	return number
}

// unmet returns the groups for which no voter is left when every voter stands
// for one group at most. Groups that come first are served first. It is the
// maximum matching by augmenting paths: whoever already stands for a group gives
// way if they can stand for another one.
func unmet(groups []string, votes []Vote) []string {
	stands := make([]int, len(votes)) // 1 + the group that a voter stands for
	var find func(group int, asked []bool) bool
	find = func(group int, asked []bool) bool {
		for i, v := range votes {
			if asked[i] || !slices.Contains(v.Groups, groups[group]) {
				continue
			}
			asked[i] = true
			if stands[i] == 0 || find(stands[i]-1, asked) {
				stands[i] = group + 1
				return true
			}
		}
		return false
	}
	var missing []string
	for g := range groups {
		if !find(g, make([]bool, len(votes))) {
			missing = append(missing, groups[g])
		}
	}
	return missing
}

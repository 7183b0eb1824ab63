package approval

import "time"

// Absence is that a person is away, and who stands in for them meanwhile. It ends
// by itself.
type Absence struct {
	ID     string // UUIDv7
	Person Person
	// Delegate decides in the person's place where a rule allows it; a zero one is nobody.
	Delegate    Person
	From, Until time.Time
}

// Lasts reports whether the person is away at that time.
func (a Absence) Lasts(now time.Time) bool { return !now.Before(a.From) && now.Before(a.Until) }

// StandIn returns whom the candidate may stand in for by the rule: somebody it
// names who is away and has chosen them. absent are those among the absent whom the
// rule names, already found out. Who may decide anyway stands in for nobody: they
// have one voice. So does a delegate of several, and the delegate of a delegate has
// none: nobody can pass on what they were lent.
func (r Rule) StandIn(by Candidate, absent []Absence, now time.Time) Person {
	if !r.Delegation || by.Listed || by.ID == "" {
		return Person{}
	}
	for _, a := range absent {
		if a.Lasts(now) && a.Delegate.ID == by.ID && a.Person.ID != "" && a.Person.Membership == Member && !a.Person.same(by.Person) {
			return a.Person
		}
	}
	return Person{}
}

// may reports whether the rule lets the candidate in: by name, or in the place of
// somebody whom it names.
func (r Rule) may(by Candidate) bool { return by.Listed || r.Delegation && by.For.ID != "" }

// Closer returns the relation that forbids more. Who stands in for somebody relates
// to a request as both do: nobody's own request is approved by their delegate.
func (r Relation) Closer(o Relation) Relation {
	switch {
	case r == Requester || o == Requester:
		return Requester
	case r == SomebodyElse && o == SomebodyElse:
		return SomebodyElse
	}
	return RelationUnknown
}

// shares reports whether two votes speak for one person: cast by the same, or for
// the same, or by one for the other. One person is one vote, whoever casts it.
func (v Vote) shares(o Vote) bool {
	return v.By.same(o.By) || v.For.same(o.For) || v.For.same(o.By) || v.By.same(o.For)
}

package store_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// ledger is what an auditor works out about one request from the audit log alone:
// who said what about which question, and whose word each decision rests on.
type ledger struct {
	state  approval.State
	digest string
	votes  []word // that stand, in the order they were cast
	made   []*madeDecision
}

type word struct {
	user    string
	verdict approval.Verdict
	digest  string
}

type madeDecision struct {
	id, account string
	words       []word
	end         string // the event that ended it; empty while it is open
}

// details are the fields of the entries' details that the ledger needs.
type details struct {
	Decision, Account, Digest, To, State string
	Verdict                              approval.Verdict
	Voters                               []string
	Void                                 []string `json:"votes void"`
}

// audited replays the log, and fails where an entry does not follow from those before it.
func audited(t require.TestingT, s *store.Store, id approval.ID, ctx testing.TB) *ledger {
	l := &ledger{}
	for e, err := range s.Entries(ctx.Context(), store.Filter{Request: id}) {
		require.NoError(t, err)
		text, err := json.Marshal(e.Detail)
		require.NoError(t, err)
		var d details
		require.NoError(t, json.Unmarshal(text, &d))
		l.enter(t, e, d)
	}
	return l
}

func (l *ledger) enter(t require.TestingT, e store.Entry, d details) {
	switch e.Event {
	case "request.seen":
		l.state, l.digest = approval.Pending, d.Digest
	case "request.changed":
		require.Equal(t, approval.Pending, l.state)
		l.ask(t, d.To, d.Void)
	case "request.reopened":
		require.Equal(t, approval.Closed, l.state)
		for _, m := range l.made {
			if m.end == "request.settled" {
				l.end(t, m.id, "request.reopened")
				l.votes = append(l.votes, m.words...)
			}
		}
		l.state = approval.Pending
		l.ask(t, d.Digest, d.Void)
	case "vote.cast":
		require.Equal(t, approval.Pending, l.state)
		require.Equal(t, l.digest, d.Digest, "a vote is about what is asked")
		require.False(t, l.spent(e.By.ID), "%s has spoken in Keyfactor", e.By.ID)
		l.cast(word{e.By.ID, d.Verdict, d.Digest})
	case "vote.withdrawn", "vote.lapsed":
		require.Equal(t, approval.Pending, l.state)
		require.Contains(t, l.votes, word{e.By.ID, d.Verdict, d.Digest})
		l.drop(e.By.ID)
	case "decision.made":
		l.decide(t, e.By.ID, d)
	case "signal.failed":
		l.votes = append(l.votes, l.end(t, d.Decision, e.Event).words...)
		l.state = approval.Pending
	case "signal.counted":
		l.end(t, d.Decision, e.Event)
		l.state = approval.Pending
	case "request.settled":
		require.False(t, l.state.Final())
		if m := l.open(); m != nil {
			m.end = e.Event
		}
		l.state = approval.State(d.State)
	}
}

func (l *ledger) decide(t require.TestingT, by string, d details) {
	require.Equal(t, approval.Pending, l.state)
	require.Equal(t, l.digest, d.Digest)
	require.Nil(t, l.open(), "one decision at a time")
	require.Equal(t, by, d.Voters[len(d.Voters)-1])
	if len(d.Voters) == 1 { // decided without a quorum: the decision is the vote
		l.cast(word{by, d.Verdict, d.Digest})
	}
	m := &madeDecision{id: d.Decision, account: d.Account}
	for _, user := range d.Voters {
		w := word{user, d.Verdict, l.digest}
		require.Contains(t, l.votes, w, "everybody named has said so, about this question, once")
		require.False(t, l.spent(user), "%s has spoken in Keyfactor", user)
		l.drop(user)
		m.words = append(m.words, w)
	}
	for _, earlier := range l.made {
		require.False(t, earlier.end == "signal.counted" && earlier.account == m.account, "one account, one approval")
	}
	l.made, l.state = append(l.made, m), approval.Deciding
}

func (l *ledger) ask(t require.TestingT, digest string, void []string) {
	var ends []string
	for _, w := range l.votes {
		if w.digest != digest {
			ends = append(ends, w.user)
		}
	}
	require.ElementsMatch(t, ends, void)
	l.digest = digest
	l.votes = slices.DeleteFunc(l.votes, func(w word) bool { return w.digest != digest })
}

func (l *ledger) cast(w word) {
	l.drop(w.user)
	l.votes = append(l.votes, w)
}

func (l *ledger) drop(user string) {
	l.votes = slices.DeleteFunc(l.votes, func(w word) bool { return w.user == user })
}

func (l *ledger) open() *madeDecision {
	i := slices.IndexFunc(l.made, func(m *madeDecision) bool { return m.end == "" })
	if i < 0 {
		return nil
	}
	return l.made[i]
}

func (l *ledger) end(t require.TestingT, id, event string) *madeDecision {
	i := slices.IndexFunc(l.made, func(m *madeDecision) bool { return m.id == id })
	require.GreaterOrEqual(t, i, 0)
	require.Contains(t, []string{"", "request.settled"}, l.made[i].end)
	l.made[i].end = event
	return l.made[i]
}

func (l *ledger) counted() []string {
	var ids []string
	for _, m := range l.made {
		if m.end == "signal.counted" {
			ids = append(ids, m.id)
		}
	}
	return ids
}

func (l *ledger) spent(user string) bool {
	return slices.ContainsFunc(l.made, func(m *madeDecision) bool {
		return m.end == "signal.counted" && slices.ContainsFunc(m.words, func(w word) bool { return w.user == user })
	})
}

// requireExplained compares the tables with what the log says, and returns the latter.
func requireExplained(t require.TestingT, s *store.Store, id approval.ID, tb testing.TB) *ledger {
	l := audited(t, s, id, tb)
	r, err := s.Request(tb.Context(), id)
	require.NoError(t, err)
	require.Equal(t, l.state, r.State)
	require.Equal(t, l.digest, r.Request.Digest())

	var standing []word
	for _, v := range r.Votes {
		standing = append(standing, word{v.By.ID, v.Verdict, v.Digest})
	}
	require.ElementsMatch(t, l.votes, standing)
	require.True(t, slices.IsSortedFunc(r.Votes, func(a, b approval.Vote) int { return a.At.Compare(b.At) }))
	var counted []string
	for _, d := range r.Counted {
		counted = append(counted, d.ID)
	}
	require.Equal(t, l.counted(), counted)

	var open int
	require.NoError(t, s.DB().QueryRowContext(tb.Context(), `SELECT COUNT(*) FROM decision WHERE request_id = $1 AND finished_at IS NULL AND failed_at IS NULL`, string(id)).Scan(&open))
	if l.state == approval.Deciding {
		require.Equal(t, 1, open)
		require.Equal(t, l.open().id, r.Decision.ID)
	} else {
		require.Zero(t, open)
	}
	return l
}

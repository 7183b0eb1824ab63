package bot_test

import (
	"encoding/json"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// act is what somebody does at the moment.
type act struct {
	who     string
	what    string // press, submit, withdraw; empty is nobody's doing
	verdict approval.Verdict
	saw     int    // the version of the facts that was on their screen
	room    string // where
	genuine bool   // a button of ours, on its own card
}

// word is somebody's vote, as the model remembers it.
type word struct {
	verdict approval.Verdict
	saw     int
	groups  []string
	order   int
}

// model is policy, told a second time and as simply as can be. It reads the audit
// log as an auditor would, line by line as they are written, and holds every line
// against what is really going on: who does something, who may, what they saw.
type model struct {
	t     require.TestingT
	truth *truth
	rule  approval.Rule
	ids   map[string]string // Slack ids by name
	names map[string]string // and back

	members map[string][]string // of user groups, by handle
	closed  bool                // the second channel is kept to carol

	doing   act
	state   approval.State
	asked   int // the version of the facts that the bot asks about
	votes   map[string]word
	spent   []string // who has spoken in Keyfactor
	open    *made
	sent    map[string]int // signals that had their effect, by decision
	read    int64          // the last line of the log
	order   int
	news    []string // events since the doing began
	refused []string // reasons since then
}

// made is a decision on its way.
type made struct {
	id      string
	verdict approval.Verdict
	voters  []string
	saw     int
}

const second = "#pki-escalation"

// approver reports whether the route names somebody now. Guests may be in a group
// and are not let in by that.
func (m *model) approver(who string) bool {
	return who != "gina" && slices.Contains(m.members["@pki-approvers"], who)
}

// may reports whether somebody may vote so at this moment, in this channel.
func (m *model) may(who string, v approval.Verdict, room string) bool {
	switch {
	case m.state != approval.Pending, !m.approver(who), room == second && m.closed && who != "carol", slices.Contains(m.spent, who):
		return false
	}
	switch m.truth.requester {
	case `EXAMPLE\ada`:
		if who == "ada" && !m.rule.AllowSelf {
			return false
		}
	case `EXAMPLE\ghost`: // nobody knows who that is
		if v == approval.Approve && !m.rule.AllowSelf && m.rule.Unresolved == approval.UnresolvedDeny {
			return false
		}
	}
	return m.votes[who].verdict != v || m.votes[who].saw != m.asked || m.amounts() != ""
}

// groups are those of the quorum that somebody is in now.
func (m *model) groups(who string) (in []string) {
	for _, g := range m.rule.Quorum.From {
		if slices.Contains(m.members[g], who) {
			in = append(in, g)
		}
	}
	return in
}

// couldStill reports whether somebody could vote today as they did.
func (m *model) couldStill(who string) bool {
	for _, g := range m.votes[who].groups {
		if !slices.Contains(m.groups(who), g) {
			return false
		}
	}
	return m.approver(who)
}

// said are those whose votes are of a verdict and about what is asked.
func (m *model) said(v approval.Verdict) (all []string) {
	for who, w := range m.votes {
		if w.verdict == v && w.saw == m.asked {
			all = append(all, who)
		}
	}
	slices.Sort(all)
	return all
}

// amounts says what the votes come to.
func (m *model) amounts() approval.Verdict {
	need := max(m.rule.Quorum.Count, 1)
	stop := 1
	if m.rule.DenialCounts {
		stop = need
	}
	if len(m.said(approval.Deny)) >= stop {
		return approval.Deny
	}
	if m.truth.requester == `EXAMPLE\ghost` && m.rule.Unresolved == approval.UnresolvedSecond && !m.rule.AllowSelf {
		need++ // one of them could be the requester
	}
	if yes := m.said(approval.Approve); len(yes) >= need && m.covers(m.rule.Quorum.From, yes) {
		return approval.Approve
	}
	return ""
}

// covers reports whether different people stand for all groups, by trying.
func (m *model) covers(groups, people []string) bool {
	if len(groups) == 0 {
		return true
	}
	for i, who := range people {
		rest := slices.Concat(people[:i], people[i+1:])
		if slices.Contains(m.votes[who].groups, groups[0]) && m.covers(groups[1:], rest) {
			return true
		}
	}
	return false
}

func (m *model) version(digest string) int {
	for v := m.truth.version; v >= 0; v-- {
		if m.truth.asOf(v).Digest() == digest {
			return v
		}
	}
	require.FailNow(m.t, "a digest of nothing that was ever asked", digest)
	return -1
}

// line is one line of the log.
func (m *model) line(e store.Entry) {
	var d struct {
		Verdict                      approval.Verdict
		Digest, To, Decision, Reason string
		Voters                       []string
		Account, State               string
	}
	text, err := json.Marshal(e.Detail)
	require.NoError(m.t, err)
	require.NoError(m.t, json.Unmarshal(text, &d), string(text))
	who := m.names[e.By.ID]
	m.news = append(m.news, e.Event)
	switch e.Event {
	case "request.changed":
		m.asked = m.version(d.To)
	case "click.refused":
		require.Equal(m.t, m.doing.who, who, "a refusal is somebody's who does something")
		m.refused = append(m.refused, d.Reason)
	case "vote.cast":
		require.True(m.t, m.doing.genuine && (m.doing.what == "press" || m.doing.what == "submit"), "a vote came of nobody's press: %+v", m.doing)
		require.Equal(m.t, m.doing.who, who)
		require.Equal(m.t, m.doing.verdict, d.Verdict, "what was pressed")
		require.Equal(m.t, m.doing.saw, m.version(d.Digest), "what was seen is what is voted about")
		require.Equal(m.t, m.asked, m.doing.saw, "and what is asked")
		require.True(m.t, m.may(who, d.Verdict, m.doing.room), "%s may not %s in %s", who, d.Verdict, m.doing.room)
		m.order++
		m.votes[who] = word{d.Verdict, m.doing.saw, m.groups(who), m.order}
	case "vote.withdrawn":
		require.Equal(m.t, "withdraw", m.doing.what)
		require.Equal(m.t, m.doing.who, who)
		require.Contains(m.t, m.votes, who)
		delete(m.votes, who)
	case "vote.lapsed":
		require.Contains(m.t, m.votes, who)
		require.False(m.t, m.couldStill(who), "%s could still vote so", who)
		delete(m.votes, who)
	case "decision.made":
		m.decided(who, d.Decision, d.Verdict, d.Voters, d.Account)
	case "signal.sent":
		require.NotNil(m.t, m.open)
		require.Equal(m.t, m.open.id, d.Decision)
		require.Equal(m.t, 1, m.sent[d.Decision], "what is called sent had its effect once")
	case "signal.counted":
		require.Equal(m.t, m.open.id, d.Decision)
		for _, v := range m.open.voters {
			m.spent = append(m.spent, v)
			delete(m.votes, v)
		}
		m.open, m.state = nil, approval.Pending
	case "signal.failed":
		require.Equal(m.t, m.open.id, d.Decision)
		m.open, m.state = nil, approval.Pending
	case "request.settled":
		m.open, m.state = nil, approval.State(d.State)
	}
}

// decided holds a decision against policy, as it stands at this moment.
func (m *model) decided(who, id string, v approval.Verdict, voters []string, account string) {
	require.Equal(m.t, approval.Pending, m.state, "one decision at a time")
	require.Equal(m.t, m.doing.who, who, "the last vote is the decider's")
	require.Equal(m.t, v, m.doing.verdict, "nobody sends what they did not press")
	require.Equal(m.t, v, m.amounts(), "the votes do not suffice: %+v", m.votes)
	var named []string
	for _, id := range voters {
		named = append(named, m.names[id])
	}
	for _, n := range named {
		require.True(m.t, m.couldStill(n), "%s may not decide any more", n)
	}
	slices.Sort(named)
	require.Equal(m.t, m.said(v), named, "everybody who said so is named, and nobody else")
	require.Contains(m.t, m.truth.accounts, account)
	m.open, m.state = &made{id: id, verdict: v, voters: named, saw: m.asked}, approval.Deciding
}

// signal is called when one is about to have its effect.
func (m *model) signal(d approval.Decision) {
	require.NotNil(m.t, m.open, "a signal without a decision")
	require.Equal(m.t, m.open.id, d.ID, "the log explains every signal")
	require.Equal(m.t, m.open.verdict, d.Verdict)
	require.Zero(m.t, m.sent[d.ID], "a second signal for one decision")
	require.Equal(m.t, m.open.saw, m.truth.version, "what they saw is not what is approved")
	var named []string
	for _, v := range d.Voices() {
		named = append(named, m.names[v.By.ID])
		require.Contains(m.t, d.SignalComment(), v.By.ID, "Keyfactor learns who")
	}
	slices.Sort(named)
	require.Equal(m.t, m.open.voters, named)
}

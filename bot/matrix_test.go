package bot_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scene is a column of the matrix: what the route says, and what has happened.
type scene struct {
	name      string
	rule      func(*approval.Rule)
	requester string
	verdicts  []approval.Verdict
	before    func(*matrix) // the request waits, and its card is posted
}

// person is a row of it.
type person struct {
	name, who string // who is a name in the workspace
}

// matrix is one request, which lasts until somebody may do something about it.
type matrix struct {
	*testing.T
	*stage
	id    approval.ID
	truth *truth
	card  slacksim.Message
}

// Everybody who may press a button, in every setting that has a say in it, as
// Slack knows them and as they hear of it: testdata/matrix.txt is the table, to be
// read like prose. internal/approval has the same without Slack, judge_test.go.
func TestPolicyMatrixInWords(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "matrix.db"), func(c *slacksim.Config) {
		c.People = append(c.People,
			slacksim.Person{Name: "rita", RealName: "Rita", Email: "rita@example.com"},
			slacksim.Person{Name: "una", RealName: "Una", Email: "una@example.com", Unconfirmed: true},
			slacksim.Person{Name: "sam", RealName: "Sam", Email: "sam@example.com", SingleGuest: true},
			slacksim.Person{Name: "eno", RealName: "Eno", Email: "eno@example.net", Enterprise: "E0OTHER"},
			slacksim.Person{Name: "ned", RealName: "Ned", Email: "ned@example.com"})
		for i := range c.Groups {
			switch c.Groups[i].Handle {
			case "pki-approvers":
				c.Groups[i].Users = []string{"ben", "rita", "una", "gina", "sam", "otto", "eno", "xena"}
			case "pki-admins":
				c.Groups[i].Users = []string{"carol", "rita"}
			case "pki-security":
				c.Groups[i].Users = []string{"ben"}
			}
		}
		for i := range c.Channels {
			c.Channels[i].Members = append(c.Channels[i].Members, "rita", "una", "sam", "ned", "otto", "eno", "xena")
		}
	})
	s.directory = approval.Directory{
		Map: map[string]string{`OTHER\rita-admin`: "rita@example.com"}, Templates: []string{`EXAMPLE\{localpart}`}, NotInSlack: []string{`EXAMPLE\svc-*`}, Domains: []string{"example.com"},
	}
	people := []person{
		{"approver by name", "ada"}, {"member of a group", "ben"}, {"not listed", "ned"}, {"admin only", "carol"}, {"requester", "rita"}, {"unknown e-mail", "una"},
		{"guest", "gina"}, {"single-channel guest", "sam"}, {"external", "otto"}, {"of another organisation", "eno"}, {"deactivated", "xena"}, {"app", "approvebot"}, {"nobody Slack knows", "ghost"},
	}
	scenes := []scene{
		{name: "usual"},
		{name: "requester by alias", requester: `other\RITA-ADMIN`},
		{name: "requester is a service", requester: `EXAMPLE\svc-web`},
		{name: "self-approval allowed", rule: func(r *approval.Rule) { r.AllowSelf = true }},
		{name: "requester unknown", requester: `EXAMPLE\nobody`},
		{name: "requester unknown, second person", requester: `EXAMPLE\nobody`, rule: func(r *approval.Rule) { r.Unresolved = approval.UnresolvedSecond }},
		{name: "requester unknown, allowed", requester: `EXAMPLE\nobody`, rule: func(r *approval.Rule) { r.Unresolved = approval.UnresolvedAllow }},
		{name: "two people", rule: func(r *approval.Rule) { r.Quorum.Count = 2 }},
		{name: "somebody of @pki-security", rule: func(r *approval.Rule) { r.Quorum.From = []string{"@pki-security"} }},
		{name: "denials count, two people", rule: func(r *approval.Rule) { r.Quorum.Count, r.DenialCounts = 2, true }},
		{name: "only approvals can be sent", verdicts: []approval.Verdict{approval.Approve}},
		{name: "narrowed to @ada", before: func(m *matrix) {
			filter, _ := json.Marshal(map[string]string{blocks.Deciders: "@ada", "subject": string(m.id)})
			require.NoError(m, m.store.Subscribe(m.Context(), store.Subscription{ID: string(m.id), Channel: m.slack.ChannelID("pki-approvals"), Filter: filter, CreatedBy: approval.Person{ID: "U0CAROL"}}))
		}},
		{name: "show only", rule: func(r *approval.Rule) { r.ShowOnly = true }},
		{name: "expired", rule: func(r *approval.Rule) { r.ExpiresAfter = time.Nanosecond }},
		{name: "changed since", before: func(m *matrix) {
			m.truth.version++
			_, err := m.store.Revise(m.Context(), m.truth.request())
			require.NoError(m, err)
		}},
		{name: "decided already", before: func(m *matrix) { m.decide() }},
		{name: "settled already", before: func(m *matrix) {
			_, err := m.store.Settle(m.Context(), m.id, approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere, By: "user with Id 12"})
			require.NoError(m, err)
		}},
		{name: "no route any more", before: func(m *matrix) { m.rules.Delete(string(m.id)) }},
	}
	m := &matrix{T: t, stage: s}
	var table strings.Builder
	for _, c := range scenes {
		fmt.Fprintf(&table, "# %s\n", c.name)
		m.set(c)
		for _, p := range people {
			yes, no := m.answer(c, p, approval.Approve), m.answer(c, p, approval.Deny)
			if yes == no {
				fmt.Fprintf(&table, "%s: %s\n", p.name, yes)
				continue
			}
			fmt.Fprintf(&table, "%s, approve: %s\n%s, deny: %s\n", p.name, yes, p.name, no)
		}
		table.WriteByte('\n')
	}
	const path = "testdata/matrix.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String())
}

// answer is what came of a press, and what the person heard.
func (m *matrix) answer(c scene, p person, v approval.Verdict) string {
	m.Helper()
	what, words := m.press(p.who, v)
	if !strings.HasPrefix(what, "no, ") {
		m.set(c) // the next one begins anew
	}
	return strings.TrimSuffix(what+" | "+words, " | ")
}

// set begins a scene with a new request. Its buttons are kept from before anything
// happened, as a slow client shows them.
func (m *matrix) set(c scene) {
	m.Helper()
	m.plays++
	m.id = approval.ID(fmt.Sprintf("workflow:00000000-0000-4000-8000-%012d/step", m.plays))
	m.truth = &truth{id: m.id, requester: `EXAMPLE\rita`, wants: 1, accounts: []string{""}, votes: map[string]approval.Verdict{}, verdicts: c.verdicts}
	if c.requester != "" {
		m.truth.requester = c.requester
	}
	m.stage.truth.Store(m.truth)
	rule := approval.Rule{Route: string(m.id), Users: []string{"@ada"}, Groups: []string{"@pki-approvers"}, Approve: approval.CommentRule{Need: approval.CommentOff}, Deny: approval.CommentRule{Need: approval.CommentOff}}
	m.rules.Store(rule.Route, rule)
	_, err := m.store.Appear(m.Context(), m.truth.request(), store.Placement{Route: rule.Route, Channels: []string{"#pki-approvals"}})
	require.NoError(m, err)
	require.NoError(m, m.bot.Load().Post(m.Context(), "#pki-approvals"))
	record, err := m.store.Request(m.Context(), m.id)
	require.NoError(m, err)
	m.card, _ = m.slack.Message("#pki-approvals", record.Cards[0].TS)
	if c.rule != nil {
		c.rule(&rule)
		m.rules.Store(rule.Route, rule)
	}
	if c.before != nil {
		c.before(m)
	}
}

// decide has ada approve.
func (m *matrix) decide() {
	m.Helper()
	what, words := m.press("ada", approval.Approve)
	require.Equal(m, "yes, and that decides", what, words)
}

var dates = regexp.MustCompile(`, <!date[^>]*>`)

// press presses a button as somebody and returns what came of it, and what they heard.
func (m *matrix) press(who string, v approval.Verdict) (what, words string) {
	m.Helper()
	id, team, direct := m.slack.UserID(who), "T0EXAMPLE", m.slack.DirectChannelID(who)
	switch who {
	case "ghost":
		id = "U0GHOST"
	case "otto":
		team = "T0OUTSIDE"
	}
	button, ok := m.card.Button(string(v))
	if !ok {
		return "no, there is no button", ""
	}
	var last int64
	for e, err := range m.store.Entries(m.Context(), store.Filter{Newest: true, Limit: 1}) {
		require.NoError(m, err)
		last = e.Seq
	}
	before, spoken := len(m.slack.Ephemerals(id)), len(m.slack.Messages(direct))
	cb := slack.InteractionCallback{Type: slack.InteractionTypeBlockActions, User: slack.User{ID: id, TeamID: team}}
	cb.Channel.ID = m.slack.ChannelID("pki-approvals")
	cb.Container.MessageTs = m.card.TS
	cb.ActionCallback.BlockActions = []*slack.BlockAction{{ActionID: string(v), Value: button.Value}}
	m.bot.Load().Interact(context.WithoutCancel(m.Context()), cb)
	m.bot.Load().Wait()
	if said := m.slack.Ephemerals(id); len(said) > before {
		words = said[len(said)-1].Text
	} else if said := m.slack.Messages(direct); len(said) > spoken {
		words = "(in a direct message) " + said[len(said)-1].Text
	}
	words = dates.ReplaceAllString(words, "")
	what = "?"
	for e, err := range m.store.Entries(m.Context(), store.Filter{After: last}) {
		require.NoError(m, err)
		switch {
		case e.Event == "click.refused":
			require.Equal(m, id, e.By.ID)
			what = "no, " + fmt.Sprint(e.Detail["reason"])
		case e.Event == "vote.cast":
			what = "yes, with others"
		case e.Event == "decision.made":
			what = "yes, and that decides"
		}
	}
	return what, words
}

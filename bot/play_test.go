package bot_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/pgtest"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("40") // a play takes a moment
	}
	pgtest.Main(m)
}

// Whatever people do, whatever becomes of their groups, of the facts, of signals
// and of the bot: a signal has a decision behind it that policy allowed at that
// time, no decision has two, and the audit log holds together and explains it all.
// The other half counts as well: who may vote does, and who presses hears of it.
//
// The model knows nothing of package approval's policy; see model_test.go.
// -rapid.checks=1000 looks longer.
func TestPolicyHoldsWhateverHappens(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		perform(t, "sqlite:"+filepath.Join(t.TempDir(), "play.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		perform(t, pgtest.URL(t))
	})
}

func perform(t *testing.T, url string) {
	s := newStage(t, url)
	events := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := begin(t, s)
		t.Repeat(p.acts())
		p.end()
		for event, n := range p.events {
			events[event] += n
		}
	})
	_, _, err := s.store.VerifyAudit(t.Context())
	require.NoError(t, err)
	t.Logf("%d plays: %v", s.plays, events)
	for _, event := range []string{"vote.cast", "click.refused", "decision.made"} {
		require.Positive(t, events[event], "no play had a %s, so nothing is proven about it", event)
	}
}

// play is one request's life.
type play struct {
	*rapid.T
	*stage
	ctx    context.Context
	id     approval.ID
	truth  *truth
	model  *model
	cards  map[string]string // the card's ts, by room
	seen   []sight
	modals map[string]act
	events map[string]int
	kept   string // the subscription that keeps the second channel to carol
}

// sight is a button as it once stood on a card.
type sight struct {
	room   string
	card   slacksim.Message
	action string
	value  string
	saw    int
}

var (
	cast   = []string{"ada", "ben", "carol", "dan", "gina"}
	stages = []string{"#pki-approvals", second}
)

func begin(t *rapid.T, s *stage) *play {
	s.plays++
	p := &play{T: t, stage: s, ctx: context.Background(), cards: map[string]string{}, modals: map[string]act{}, events: map[string]int{}}
	p.id = approval.ID(fmt.Sprintf("workflow:00000000-0000-4000-8000-%012d/step", s.plays))
	need := rapid.SampledFrom([]approval.CommentNeed{approval.CommentOff, approval.CommentOptional}).Draw(t, "comments")
	rule := approval.Rule{
		Route: string(p.id), Groups: []string{"@pki-approvers"},
		Quorum: approval.Quorum{
			Count: rapid.SampledFrom([]int{0, 1, 1, 2, 2, 3}).Draw(t, "quorum"),
			From:  rapid.SampledFrom([][]string{nil, nil, nil, {"@pki-admins"}, {"@pki-security"}, {"@pki-admins", "@pki-security"}}).Draw(t, "from"),
		},
		DenialCounts: rapid.Bool().Draw(t, "denials count"),
		AllowSelf:    rapid.SampledFrom([]bool{false, false, true}).Draw(t, "self approval"),
		Unresolved:   rapid.SampledFrom([]approval.Unresolved{approval.UnresolvedDeny, approval.UnresolvedSecond, approval.UnresolvedAllow}).Draw(t, "unresolved"),
		Approve:      approval.CommentRule{Need: need}, Deny: approval.CommentRule{Need: need},
	}
	s.rules.Store(rule.Route, rule)
	p.truth = &truth{
		id: p.id, requester: rapid.SampledFrom([]string{`EXAMPLE\svc-web`, `EXAMPLE\svc-web`, `EXAMPLE\ada`, `EXAMPLE\ghost`}).Draw(t, "requester"),
		votes: map[string]approval.Verdict{},
	}
	p.truth.wants, p.truth.accounts = 1, []string{""}
	if n := rapid.SampledFrom([]int{1, 1, 2, 3, 3}).Draw(t, "Keyfactor wants, and logins"); n > 1 {
		p.truth.wants, p.truth.accounts = 2, []string{"", "second"}[:n-1]
	}
	s.truth.Store(p.truth)
	p.model = &model{t: t, truth: p.truth, rule: rule, ids: map[string]string{}, names: map[string]string{}, votes: map[string]word{}, sent: map[string]int{}, state: approval.Pending}
	for _, who := range cast {
		p.model.ids[who] = s.slack.UserID(who)
		p.model.names[s.slack.UserID(who)] = who
	}
	for e, err := range s.store.Entries(p.ctx, store.Filter{Newest: true, Limit: 1}) {
		require.NoError(t, err)
		p.model.read = e.Seq // what was before is another play
	}
	p.truth.sending = p.model.signal
	p.truth.took = func(d approval.Decision) { p.model.sent[d.ID]++ }
	p.groups("ada", "ben", "carol")
	s.restart(t) // nobody remembers the last play
	placed, err := s.store.Appear(p.ctx, p.truth.request(), store.Placement{Route: rule.Route, Channels: stages})
	require.NoError(t, err)
	require.True(t, placed)
	p.catchUp()
	for _, room := range stages {
		require.NoError(t, s.bot.Load().Post(p.ctx, room))
	}
	p.look()
	return p
}

// groups sets who is in the approvers; the quorum's groups have those of them who
// belong there.
func (p *play) groups(approvers ...string) {
	all := map[string][]string{"@pki-approvers": approvers, "@pki-admins": nil, "@pki-security": nil}
	for handle, belong := range map[string][]string{"@pki-admins": {"carol", "dan"}, "@pki-security": {"ben", "carol"}} {
		for _, who := range belong {
			if slices.Contains(approvers, who) {
				all[handle] = append(all[handle], who)
			}
		}
	}
	for handle, people := range all {
		require.NoError(p, p.slack.SetGroup(handle, people...))
	}
	p.model.members = all
	p.pass(11 * time.Minute) // what Slack said before is not believed any more
}

// acts are what can happen next.
func (p *play) acts() map[string]func(*rapid.T) {
	seldom := func(n int, do func(*rapid.T)) func(*rapid.T) {
		return func(t *rapid.T) {
			if rapid.IntRange(1, n).Draw(t, "one in") == n {
				do(t)
			}
		}
	}
	return map[string]func(*rapid.T){
		"press":            p.pressSomething,
		"press again":      p.pressSomething,
		"press once more":  p.pressSomething,
		"press at home":    p.pressAtHome,
		"submit":           p.submitSomething,
		"submit again":     p.submitSomething,
		"submit once more": p.submitSomething,
		"withdraw":         p.withdrawVote,
		"signal":           func(*rapid.T) { p.signal() },
		"signal soon":      func(*rapid.T) { p.pass(5 * time.Second); p.signal() },
		"draw":             func(*rapid.T) { p.draw() },
		"poll":             func(*rapid.T) { p.poll() },
		"reset":            seldom(2, func(t *rapid.T) { p.restart(t) }),
		"fate": func(t *rapid.T) {
			p.truth.fate = rapid.SampledFrom([]string{"", "", "maybe, taken", "maybe, taken", "maybe, lost", "unavailable", "refused", "settled", "crash before", "crash after", "crash after"}).Draw(t, "fate")
		},
		"away": seldom(2, func(t *rapid.T) { p.truth.away = !p.truth.away }),
		"join or leave": seldom(2, func(t *rapid.T) {
			who, now := rapid.SampledFrom(slices.Concat(cast, p.model.said(approval.Approve), p.model.said(approval.Approve))).Draw(t, "who"), p.model.members["@pki-approvers"]
			if rest := slices.DeleteFunc(slices.Clone(now), func(o string) bool { return o == who }); len(rest) < len(now) {
				p.groups(rest...)
			} else {
				p.groups(append(slices.Clone(now), who)...)
			}
		}),
		"facts": seldom(5, func(*rapid.T) {
			if p.truth.ended == nil {
				p.truth.version++
			}
		}),
		"portal": seldom(20, func(t *rapid.T) {
			if p.truth.ended == nil {
				p.truth.end(rapid.SampledFrom([]approval.State{approval.Approved, approval.Denied}).Draw(t, "by a colleague"))
			}
		}),
		"narrow": seldom(4, func(*rapid.T) { p.narrow() }),
		"":       func(*rapid.T) { p.catchUp() },
	}
}

// catchUp lets the model read what the log has got.
func (p *play) catchUp() {
	for e, err := range p.store.Entries(p.ctx, store.Filter{After: p.model.read}) {
		require.NoError(p, err)
		p.model.read = e.Seq
		if e.Request != p.id && e.Request != "" { // a button that is not ours names no request
			continue
		}
		p.events[e.Event]++
		p.model.line(e)
	}
}

// during is what comes of somebody's doing.
func (p *play) during(a act, do func()) {
	p.catchUp()
	p.model.doing, p.model.news, p.model.refused = a, nil, nil
	do()
	p.bot.Load().Wait()
	p.catchUp()
	p.model.doing = act{}
}

var facts = regexp.MustCompile(`facts-(\d{3})\.example\.com`)

// sawIn reads from a screen which facts it shows.
func (p *play) sawIn(screen string) int {
	m := facts.FindStringSubmatch(screen)
	require.NotNil(p, m, "no facts on the screen: %s", screen)
	n, _ := strconv.Atoi(m[1])
	return n
}

// look remembers the buttons that can be seen now.
func (p *play) look() {
	record, err := p.store.Request(p.ctx, p.id)
	require.NoError(p, err)
	for _, card := range record.Cards {
		m, ok := p.slack.Message(card.Channel, card.TS)
		require.True(p, ok, "the card in %s", card.Channel)
		p.cards[card.Channel] = m.TS
		for _, action := range []string{blocks.ActionApprove, blocks.ActionDeny, blocks.ActionWithdraw} {
			if b, ok := m.Button(action); ok {
				s := sight{card.Channel, m, action, b.Value, p.sawIn(m.String())}
				if !slices.ContainsFunc(p.seen, func(o sight) bool { return o.value == s.value && o.room == s.room }) {
					p.seen = append(p.seen, s)
				}
			}
		}
	}
}

// choose picks a button, mostly one of the newest.
func (p *play) choose(t *rapid.T, actions ...string) (sight, bool) {
	var all []sight
	for _, s := range slices.Backward(p.seen) {
		if slices.Contains(actions, s.action) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return sight{}, false
	}
	return all[rapid.OneOf(rapid.IntRange(0, min(3, len(all)-1)), rapid.IntRange(0, len(all)-1)).Draw(t, "button")], true
}

func (p *play) pressSomething(t *rapid.T) {
	s, ok := p.choose(t, blocks.ActionApprove, blocks.ActionDeny)
	if !ok {
		return
	}
	who := rapid.SampledFrom([]string{"ada", "ada", "ben", "ben", "carol", "carol", "dan", "gina"}).Draw(t, "who")
	a := act{who: who, what: "press", verdict: approval.Approve, saw: s.saw, room: s.room, genuine: true}
	if s.action == blocks.ActionDeny {
		a.verdict = approval.Deny
	}
	click := slacksim.Click{As: who, Channel: s.room, TS: s.card.TS, ActionID: s.action, Value: s.value, Message: &s.card}
	switch rapid.IntRange(0, 9).Draw(t, "trick") {
	case 0: // a copy of the button in the other channel
		other := stages[(slices.Index(stages, s.room)+1)%2]
		click.Channel, click.TS, click.Message, a.room, a.genuine = other, p.cards[other], nil, other, false
	case 1: // the signature of this button under what another one says
		body, signature, _ := strings.Cut(s.value, ".")
		text, err := base64.RawURLEncoding.DecodeString(body)
		require.NoError(t, err)
		forged := strings.NewReplacer(`"v":"approve"`, `"v":"deny"`, `"v":"deny"`, `"v":"approve"`).Replace(string(text))
		require.NotEqual(t, forged, string(text))
		click.Value, a.genuine = base64.RawURLEncoding.EncodeToString([]byte(forged))+"."+signature, false
	}
	may := a.genuine && a.saw == p.model.asked && p.model.may(who, a.verdict, a.room)
	p.leave(who)
	direct := p.model.rule.Approve.Need == approval.CommentOff
	p.during(a, func() {
		r := p.slack.Click(p.ctx, click)
		require.True(p, r.Acknowledged, "%s %s", r.Error, r.Fate)
	})
	asked := false
	if v := p.slack.Views(who); len(v) > 0 && v[len(v)-1].SubmitLabel != nil {
		asked = true
		a.saw, a.what = p.sawIn(v[len(v)-1].String()), "submit"
		p.modals[who] = a
		require.True(p, a.genuine, "a forged button opens nothing")
	}
	voted := slices.Contains(p.model.news, "vote.cast")
	require.Equal(p, 1, count(asked, voted, len(p.model.refused) == 1), "a press ends in a vote, a question or a refusal: %v %v", p.model.news, p.model.refused)
	require.Equal(p, may, asked || voted, "%s may %s: %v; %v", who, a.verdict, may, p.model.refused)
	require.False(p, asked && direct || voted && !direct)
}

// pressAtHome presses a button of the Home tab, which always asks before it counts.
// No subscription keeps the first channel to others, so none keeps this.
func (p *play) pressAtHome(t *rapid.T) {
	who := rapid.SampledFrom(cast).Draw(t, "who")
	p.leave(who)
	require.True(t, p.slack.OpenHome(p.ctx, who).Acknowledged)
	p.bot.Load().Wait()
	home, _ := p.slack.HomeOf(who)
	v := rapid.SampledFrom([]approval.Verdict{approval.Approve, approval.Deny}).Draw(t, "verdict")
	for _, b := range home.Buttons() {
		body, _, _ := strings.Cut(b.Value, ".")
		text, _ := base64.RawURLEncoding.DecodeString(body)
		if b.ActionID != string(v) || !strings.Contains(string(text), string(p.id)) {
			continue
		}
		a := act{who: who, what: "press", verdict: v, saw: p.model.asked, room: stages[0], genuine: true}
		may := p.model.may(who, v, a.room)
		p.during(a, func() {
			r := p.slack.ClickView(p.ctx, slacksim.Click{As: who, BlockID: b.BlockID, ActionID: b.ActionID, Value: b.Value})
			require.True(p, r.Acknowledged, r.Error)
		})
		views := p.slack.Views(who)
		asked := len(views) > 0 && views[len(views)-1].SubmitLabel != nil
		require.NotContains(p, p.model.news, "vote.cast", "nothing is decided without the view that shows the facts")
		require.Equal(p, may, asked, "%v", p.model.refused)
		if asked {
			a.what, a.saw = "submit", p.sawIn(views[len(views)-1].String())
			p.modals[who] = a
			p.events["asked at home"]++
		}
		return
	}
}

func (p *play) submitSomething(t *rapid.T) {
	if len(p.modals) == 0 {
		return
	}
	var open []string
	for who := range p.modals {
		open = append(open, who)
	}
	slices.Sort(open)
	who := rapid.SampledFrom(open).Draw(t, "who")
	a := p.modals[who]
	views := p.slack.Views(who)
	require.NotEmpty(p, views)
	may := a.saw == p.model.asked && p.model.may(who, a.verdict, a.room)
	var r slacksim.SubmitResult
	p.during(a, func() {
		r = p.slack.Submit(p.ctx, who, views[len(views)-1].ID, slacksim.Values{}.Text(blocks.BlockComment, blocks.ActionComment, "because"))
		require.True(p, r.Acknowledged, r.Error)
	})
	voted := slices.Contains(p.model.news, "vote.cast")
	require.Equal(p, may, voted, "%s may %s: %v; %v", who, a.verdict, may, p.model.refused)
	require.Equal(p, voted, r.Closed, "a modal closes without a word only if that was a vote")
	require.Equal(p, 1, count(voted, len(p.model.refused) == 1))
	p.leave(who)
}

// leave closes whatever somebody has open.
func (p *play) leave(who string) {
	for _, v := range p.slack.Views(who) {
		p.slack.CloseView(p.ctx, who, v.ID, true)
	}
	delete(p.modals, who)
}

func (p *play) withdrawVote(t *rapid.T) {
	s, ok := p.choose(t, blocks.ActionWithdraw)
	if !ok {
		return
	}
	who := rapid.SampledFrom(cast).Draw(t, "who")
	w, has := p.model.votes[who]
	may := has && w.saw == p.model.asked && p.model.state == approval.Pending
	p.during(act{who: who, what: "withdraw", room: s.room, genuine: true}, func() {
		r := p.slack.Click(p.ctx, slacksim.Click{As: who, Channel: s.room, TS: s.card.TS, ActionID: s.action, Value: s.value, Message: &s.card})
		require.True(p, r.Acknowledged, r.Error)
	})
	withdrawn := slices.Contains(p.model.news, "vote.withdrawn")
	require.Equal(p, may, withdrawn, "%v", p.model.refused)
	require.Equal(p, 1, count(withdrawn, len(p.model.refused) == 1))
}

// signal does what the job of an open decision does, once.
func (p *play) signal() {
	record, err := p.store.Request(p.ctx, p.id)
	require.NoError(p, err)
	if record.State != approval.Deciding {
		return
	}
	p.catchUp()
	func() {
		defer func() {
			switch r := recover(); r.(type) {
			case nil:
			case crash:
				p.restart(p)
			default:
				panic(r)
			}
		}()
		_ = p.bot.Load().Signal(p.ctx, record.Decision.ID) // an error says when to come again
	}()
	p.bot.Load().Wait()
	p.catchUp()
}

// poll does what the poller does with a request that it knows.
func (p *play) poll() {
	standing, err := p.truth.look(p.id)
	if err != nil {
		return
	}
	if standing.Waiting {
		_, err = p.store.Revise(p.ctx, standing.Request)
	} else {
		_, err = p.store.Settle(p.ctx, p.id, standing.Outcome)
	}
	require.NoError(p, err)
	p.catchUp()
}

func (p *play) draw() {
	for _, room := range stages {
		require.NoError(p, p.bot.Load().Refresh(p.ctx, p.id, room))
	}
	p.look()
}

// narrow keeps the second channel to carol, or opens it again.
func (p *play) narrow() {
	carol := approval.Person{ID: p.model.ids["carol"]}
	if p.model.closed {
		_, err := p.store.Unsubscribe(p.ctx, p.kept, carol)
		require.NoError(p, err)
		p.model.closed = false
		return
	}
	p.kept = fmt.Sprintf("%s-%d", p.id, p.model.read)
	filter, _ := json.Marshal(map[string]string{blocks.Deciders: "@carol", "subject": string(p.id)})
	require.NoError(p, p.store.Subscribe(p.ctx, store.Subscription{ID: p.kept, Channel: p.slack.ChannelID("pki-escalation"), Filter: filter, CreatedBy: carol}))
	p.model.closed = true
}

// end lets the weather clear, and looks whether the books agree.
func (p *play) end() {
	p.truth.fate, p.truth.away = "", false
	for range 20 {
		p.pass(time.Minute)
		p.signal()
		p.poll()
	}
	record, err := p.store.Request(p.ctx, p.id)
	require.NoError(p, err)
	switch {
	case p.truth.ended != nil:
		require.Equal(p, p.truth.ended.State, record.State, "the card tells what happened")
	case len(p.truth.votes) > 0 && len(p.truth.accounts) <= len(p.truth.votes):
		require.Equal(p, approval.Deciding, record.State, "Keyfactor waits for somebody whom we cannot give it")
	default:
		require.Equal(p, approval.Pending, record.State)
	}
	for id, n := range p.model.sent {
		require.Equal(p, 1, n, "decision %s", id)
	}
	if p.model.closed {
		p.narrow()
	}
	for _, who := range cast {
		p.leave(who)
	}
	_, _, err = p.store.VerifyAudit(p.ctx)
	require.NoError(p, err)
	if record.State == approval.Pending { // the next play has the Home tab to itself
		_, err = p.store.Settle(p.ctx, p.id, approval.Outcome{State: approval.Closed, Reason: approval.Gone})
		require.NoError(p, err)
	}
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

package torture_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// books are the counts that are printed, and what is wrong with them.
type books struct {
	kills, presses, submissions, accepted int
	// signals are decisions that Keyfactor took from us, told are accepted
	// submissions whose end in the thread is that they came too late or failed.
	signals, told int
	// lost are accepted submissions that led to neither. doubled are decisions
	// that were POSTed again after they had been taken.
	lost, doubled int
	// unseen are repeats after a lock conflict: Keyfactor had taken the first and
	// showed no trace of it, so nobody could know. It refuses the second itself.
	unseen int
	// cards are live ones; untrue ones say something else than Keyfactor.
	cards, doubledCards, untrue, missing int
	took                                 time.Duration

	problems []problem
}

// problem is one entry that does not balance, and the request it is about.
type problem struct{ request, text string }

func (b *books) wrong(count *int, request, format string, args ...any) {
	*count++
	b.problems = append(b.problems, problem{request, fmt.Sprintf(format, args...)})
}

func (b *books) String() string {
	return fmt.Sprintf("kills %d  presses %d  submissions %d  accepted %d  signals %d  told otherwise %d  LOST %d  DOUBLED %d  (unseen %d)  cards %d  doubled cards %d  untrue cards %d  missing cards %d  seconds %.0f",
		b.kills, b.presses, b.submissions, b.accepted, b.signals, b.told, b.lost, b.doubled, b.unseen, b.cards, b.doubledCards, b.untrue, b.missing, b.took.Seconds())
}

// card is a live card in one room.
type card struct {
	slacksim.Message
	room, request string
}

// reply is a message of the trail under a card.
type reply struct {
	slacksim.Message
	room, request, key string
}

// pageOf is everything the bot has said in the rooms.
type page struct {
	cards   []card
	replies []reply
}

func (w *world) page() (p page) {
	for _, room := range append(slices.Clone(rooms), annex) {
		for _, m := range w.slack.Messages(room) {
			switch kind, payload := metadata(m); kind {
			case "approvebot_card":
				p.cards = append(p.cards, card{m, room, payload.Request})
			case "approvebot_reply":
				p.replies = append(p.replies, reply{m, room, payload.Request, payload.Key})
			}
		}
	}
	return p
}

type metadataPayload struct{ Request, Key string }

func metadata(m slacksim.Message) (string, metadataPayload) {
	var data struct {
		EventType    string          `json:"event_type"`
		EventPayload metadataPayload `json:"event_payload"`
	}
	_ = json.Unmarshal(m.Metadata, &data) // without metadata it is not the bot's
	return data.EventType, data.EventPayload
}

func cardOf(m slacksim.Message) (request string, ok bool) {
	kind, payload := metadata(m)
	return payload.Request, kind == "approvebot_card"
}

// cardsIn are a room's cards, oldest first.
func (w *world) cardsIn(room string) (cards []slacksim.Message) {
	for _, m := range w.slack.Messages(room) {
		if _, ok := cardOf(m); ok {
			cards = append(cards, m)
		}
	}
	return cards
}

// balance holds what Slack shows against what Keyfactor did, and both against
// what people were told.
func (w *world) balance() *books {
	b := &books{kills: int(w.kills.Load()), took: time.Since(w.began)}
	// What was told first, what follows from it later: the world does not stand still.
	w.ledger.mu.Lock()
	submissions := slices.Clone(w.ledger.submissions)
	b.presses = w.ledger.presses
	w.ledger.mu.Unlock()
	p, k := w.page(), w.keyfactorBooks()
	b.countSignals(k, w.door.posts())
	b.followSubmissions(submissions, p, k)
	b.compareCards(p, k)
	b.missingCards(p, k)
	return b
}

// keyfactorBooks is what Keyfactor has on record.
type keyfactorBooks struct {
	instances    map[string]keyfactorsim.InstanceState
	certificates map[string]keyfactorsim.RequestState
	signals      []keyfactorsim.SignalRecord
	decisions    []keyfactorsim.CertificateDecisionRecord
	byStep       map[string][]keyfactorsim.SignalRecord // those taken, by request
}

func (w *world) keyfactorBooks() keyfactorBooks {
	k := keyfactorBooks{
		instances: map[string]keyfactorsim.InstanceState{}, certificates: map[string]keyfactorsim.RequestState{},
		signals: w.keyfactor.Signals(), decisions: w.keyfactor.CertificateDecisions(), byStep: map[string][]keyfactorsim.SignalRecord{},
	}
	for _, i := range w.keyfactor.Instances() {
		k.instances[strings.ToLower(i.ID)] = i
	}
	for _, r := range w.keyfactor.Requests() {
		k.certificates["certificate:"+strconv.Itoa(r.ID)] = r
	}
	for _, s := range k.signals {
		if s.Accepted {
			id := workflowRequest(s.Instance, s.StepID)
			k.byStep[id] = append(k.byStep[id], s)
		}
	}
	return k
}

func workflowRequest(instance, step string) string {
	return "workflow:" + strings.ToLower(instance+"/"+step)
}

const botIdentity = `EXAMPLE\svc-approvebot`

func votedByBot(i keyfactorsim.InstanceState) bool { return slices.Contains(i.Voters, botIdentity) }

// countSignals finds decisions that were taken twice, or POSTed again after they
// had been taken, whatever Keyfactor answered then.
func (b *books) countSignals(k keyfactorBooks, posts map[string][]post) {
	for _, s := range k.signals {
		if s.Accepted && s.Via == "api" {
			b.signals++
			b.repeats(workflowRequest(s.Instance, s.StepID), posts[workflowQuestion(s.Instance, s.Key)], s.Time, s.Effect == "parked")
		}
	}
	for _, d := range k.decisions {
		if d.Accepted && d.Via == "api" {
			b.signals++
			b.repeats("certificate:"+strconv.Itoa(d.Request), posts[certificateQuestion(d.Request)], d.Time, false)
		}
	}
}

func (b *books) repeats(request string, posts []post, taken time.Time, unseen bool) {
	after := -1 // the one that was taken
	for _, p := range posts {
		if !p.gone.Before(taken) {
			after++
		}
	}
	switch {
	case after <= 0:
	case unseen:
		b.unseen += after
	default:
		b.wrong(&b.doubled, request, "taken at %s and POSTed again: %v", taken.Format(clock), posts)
	}
}

const clock = "15:04:05.000"

func (p post) String() string { return p.came.Format(clock) + "-" + p.gone.Format(clock) }

// followSubmissions follows every accepted submission to its end.
func (b *books) followSubmissions(all []submission, p page, k keyfactorBooks) {
	signalled := map[string]int{} // by token
	for _, s := range k.signals {
		if s.Accepted && s.Via == "api" {
			mark(signalled, s.Comment)
		}
	}
	approved := map[string]bool{} // at the CA, where an approval takes no comment
	for _, d := range k.decisions {
		switch {
		case !d.Accepted || d.Via != "api":
		case d.Verdict == "approve":
			approved["certificate:"+strconv.Itoa(d.Request)] = true
		default:
			mark(signalled, d.Comment)
		}
	}
	decisions := map[string]string{} // token → decision, from the trail
	ends := map[string][]string{}    // decision → how it ended, from the trail
	for _, r := range p.replies {
		switch kind, id, _ := strings.Cut(r.key, ":"); kind {
		case "decided":
			// A decision that failed lets its vote stand, so a later one may carry it as well.
			for _, t := range token.FindAllString(r.String(), -1) {
				decisions[t] = id
			}
		case "settled", "failed", "changed":
			ends[id] = append(ends[id], kind)
		}
	}
	for _, s := range all {
		b.submissions++
		if !s.accepted {
			continue
		}
		b.accepted++
		id, trail := decisions[s.token]
		switch {
		case !trail:
			b.wrong(&b.lost, s.request, "%s by %s (%s) was accepted at %s and left no trace in the thread", s.token, s.person, s.verdict, s.at.Format(clock))
		case signalled[s.token] > 1:
			b.wrong(&b.doubled, s.request, "%s was taken %d times", s.token, signalled[s.token])
		case len(ends[id]) == 0:
			b.wrong(&b.lost, s.request, "%s by %s (%s) was accepted at %s as decision %s and has no end in the thread", s.token, s.person, s.verdict, s.at.Format(clock), id)
		case signalled[s.token] == 1, s.verdict == approveButton && approved[s.request]:
		default:
			b.told++
		}
	}
}

// mark counts everybody whom a signal names.
func mark(signalled map[string]int, comment string) {
	for _, t := range token.FindAllString(comment, -1) {
		signalled[t]++
	}
}

var token = regexp.MustCompile(`token-\d{6}\.`)

// The signs with which a card says where its request stands.
const (
	waits    = "⏳"
	underway = "📨"
	isDone   = "✅"
	isDenied = "⛔"
	isClosed = "⚪"
	counted  = "☑️"
)

var sign = regexp.MustCompile(strings.Join([]string{waits, underway, isDone, isDenied, isClosed, counted}, "|"))

// compareCards holds every card against Keyfactor.
func (b *books) compareCards(p page, k keyfactorBooks) {
	seen := map[string]card{}
	for _, c := range p.cards {
		b.cards++
		if other, ok := seen[c.room+" "+c.request]; ok {
			b.wrong(&b.doubledCards, c.request, "two cards in #%s: %s and %s", c.room, other.TS, c.TS)
		}
		seen[c.room+" "+c.request] = c
		shown := sign.FindString(c.Text)
		if allowed := k.truth(c.request); !slices.Contains(allowed, shown) {
			b.wrong(&b.untrue, c.request, "the card in #%s says %q; true would be %v (%s)", c.room, c.Text, allowed, k.describe(c.request))
			continue
		}
		_, canApprove := c.Button(approveButton)
		_, canDeny := c.Button(denyButton)
		if canApprove != (shown == waits) || canDeny != (shown == waits) {
			b.wrong(&b.untrue, c.request, "the card in #%s says %s and has approve %v, deny %v", c.room, shown, canApprove, canDeny)
		}
	}
}

// truth is what a card may say about a request now.
func (k keyfactorBooks) truth(request string) []string {
	if r, ok := k.certificates[request]; ok {
		return map[string][]string{"Pending": {waits}, "Active": {isDone}, "Denied": {isDenied}}[r.State]
	}
	instance, step, _ := strings.Cut(strings.TrimPrefix(request, "workflow:"), "/")
	i, exists := k.instances[instance]
	here := exists && strings.EqualFold(i.StepID, step)
	if here && i.Status == "Suspended" {
		if votedByBot(i) {
			return []string{counted} // until a colleague gives the second approval
		}
		return []string{waits}
	}
	var all []string
	for _, s := range k.byStep[request] {
		switch {
		case s.Verdict == "approve":
			all = append(all, isDone)
		case s.Verdict == "deny" && (!exists || i.Status == "Rejected"):
			all = append(all, isDenied)
		}
	}
	if here && i.Status == "Rejected" {
		all = append(all, isDenied) // also when somebody stopped it
	}
	if !exists || i.Status == "CanceledForRestart" || i.Status == "Failed" || here && len(all) == 0 {
		all = append(all, isClosed)
	}
	return all
}

func (k keyfactorBooks) describe(request string) string {
	if r, ok := k.certificates[request]; ok {
		return fmt.Sprintf("at the CA: %s, decided by %s", r.State, r.DecidedBy)
	}
	instance, _, _ := strings.Cut(strings.TrimPrefix(request, "workflow:"), "/")
	i, ok := k.instances[instance]
	if !ok {
		return "deleted"
	}
	text := fmt.Sprintf("%s, %s at %s, voters %v", i.Definition, i.Status, i.Step, i.Voters)
	for _, s := range k.signals {
		if strings.EqualFold(s.Instance, instance) {
			text += fmt.Sprintf("; %s %s %s %s %s accepted=%v %s%s fault=%s", s.Time.Format(clock), s.Via, s.Key, s.Verdict, token.FindString(s.Comment), s.Accepted, s.Effect, s.Refusal, s.Fault)
		}
	}
	return text
}

// missingCards finds requests that wait and are not shown where they belong.
func (b *books) missingCards(p page, k keyfactorBooks) {
	shown := map[string]bool{}
	for _, c := range p.cards {
		shown[c.room+" "+c.request] = true
	}
	expect := func(request, subject string) {
		for _, room := range roomsOf(subject) {
			if !shown[room+" "+request] {
				b.wrong(&b.missing, request, "waits and has no card in #%s", room)
			}
		}
	}
	for _, i := range k.instances {
		if i.Status == "Suspended" && !votedByBot(i) {
			expect(workflowRequest(i.ID, i.StepID), i.Title)
		}
	}
	for id, r := range k.certificates {
		if r.State == "Pending" {
			expect(id, r.Subject)
		}
	}
}

// audit proves that the log is complete, and that every press that decides
// without a modal is in it.
func (w *world) audit() (entries int64) {
	st, err := store.Open(w.Context(), w.storeURL, store.Options{ReadOnly: true})
	require.NoError(w, err)
	defer st.Close()
	entries, _, err = st.VerifyAudit(w.Context())
	require.NoError(w, err, "the audit log")
	type who struct{ person, request string }
	written := map[who]int{}
	for e, err := range st.Entries(w.Context(), store.Filter{}) {
		require.NoError(w, err)
		if e.Event == "decision.made" || e.Event == "click.refused" {
			written[who{e.By.ID, string(e.Request)}]++
		}
	}
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	pressed := map[who]int{}
	for _, d := range w.ledger.direct {
		pressed[who{d.person, d.request}]++
	}
	for press, n := range pressed {
		require.GreaterOrEqual(w, written[press], n, "%v pressed %d times, was answered, and the audit log has less", press, n)
	}
	return entries
}

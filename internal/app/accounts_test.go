package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// secondLogin lets approvebot have two logins at Keyfactor.
func secondLogin(text string) string {
	const one = "keyfactor: {timeout: 3s}"
	return strings.Replace(text, one, `keyfactor: {timeout: 3s, accounts: [{name: second, auth: {username: 'EXAMPLE\svc-approvebot2', password: approve-me-too}}]}`, 1)
}

// A step that Keyfactor itself wants approved by two people is completed from the
// card: two people press, and two signals arrive through two logins.
func TestTwoPeopleCompleteAStepThroughTwoLogins(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	p.edit = secondLogin
	p.start()
	id, card := p.arrive("domain-controller")
	require.Contains(t, card.String(), "2 more approvals")
	p.approve("ada", card)
	ada, ben := p.slack.UserID("ada"), p.slack.UserID("ben")
	p.await("the card to wait for a second person", func() bool {
		m, _ := p.slack.Message(room, card.TS)
		return pressable(m) && containsAll(m.String(), []string{"Keyfactor has counted the approval by <@" + ada + ">", "wants 1 more approval"})
	})
	require.Equal(t, 1, p.accepted(id))

	// She cannot give the second one as well, through whichever login.
	again, _ := p.slack.Message(room, card.TS)
	p.slack.Click(t.Context(), slacksim.Click{As: "ada", Channel: room, TS: card.TS, ActionID: "approve"})
	p.await("ada to be told", func() bool {
		for _, m := range p.slack.Ephemerals("ada") {
			if strings.Contains(m.String(), "already approved this request") {
				return true
			}
		}
		v := p.slack.Views("ada")
		return len(v) > 0 && strings.Contains(v[len(v)-1].String(), "already approved this request")
	})
	require.Equal(t, 1, p.signals(id))

	p.approve("ben", again)
	p.becomes(card, "Approved", "<@"+ben+">", "<@"+ada+">")
	var by, comments []string
	for _, s := range p.keyfactor.Signals() {
		require.True(t, s.Accepted)
		by, comments = append(by, s.Identity), append(comments, s.Comment)
	}
	require.Equal(t, []string{botIdentity, `EXAMPLE\svc-approvebot2`}, by, "one person, one login")
	require.Contains(t, comments[0], "ada@example.com")
	require.NotContains(t, comments[0], "ben@example.com")
	require.Contains(t, comments[1], "ben@example.com")
	require.NotContains(t, comments[1], "ada@example.com")
	instance, err := p.keyfactor.Instance(id)
	require.NoError(t, err)
	require.NotEqual(t, "Suspended", instance.Status)
}

// With a single login the card says what Keyfactor still wants and that it cannot
// be given from here.
func TestWithOneLoginTheCardSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	p.start()
	id, card := p.arrive("domain-controller")
	p.approve("ada", card)
	p.await("the card to say what is missing", func() bool {
		m, _ := p.slack.Message(room, card.TS)
		return !pressable(m) && containsAll(m.String(), []string{"Keyfactor has the approval", "Awaiting 1 more approval(s)", "no further login", "in Keyfactor's portal"})
	})
	require.Equal(t, 1, p.signals(id))
}

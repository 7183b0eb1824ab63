package bot_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/slacksim"
	"github.com/approvebot/approvebot/internal/store"
)

// fuzzed is a stage with a request that nobody may decide, and its card.
func fuzzed(f *testing.F) (*stage, approval.ID, slacksim.Message) {
	s := newStage(f, "sqlite:"+filepath.Join(f.TempDir(), "fuzz.db"))
	k := &truth{id: "workflow:fuzz/step", requester: `EXAMPLE\svc-web`, wants: 1, accounts: []string{""}, votes: map[string]approval.Verdict{}}
	s.truth.Store(k)
	s.rules.Store("all", approval.Rule{Route: "all", Users: []string{"@nobody"}, Approve: approval.CommentRule{Need: approval.CommentOff}})
	_, err := s.store.Appear(f.Context(), k.request(), store.Placement{Route: "all", Channels: []string{"#pki-approvals"}})
	require.NoError(f, err)
	require.NoError(f, s.bot.Load().Post(f.Context(), "#pki-approvals"))
	record, err := s.store.Request(f.Context(), k.id)
	require.NoError(f, err)
	card, ok := s.slack.Message("#pki-approvals", record.Cards[0].TS)
	require.True(f, ok)
	return s, k.id, card
}

// Whatever a payload says, nobody votes who may not, the answer is one that Slack
// takes, and nothing panics.
func FuzzInteract(f *testing.F) {
	s, id, card := fuzzed(f)
	approve, _ := card.Button(blocks.ActionApprove)
	value, err := json.Marshal(approve.Value)
	require.NoError(f, err)
	ada, room := s.slack.UserID("ada"), s.slack.ChannelID("pki-approvals")
	for _, seed := range []string{
		`{"type":"block_actions","user":{"id":"` + ada + `","team_id":"T0EXAMPLE"},"channel":{"id":"` + room + `"},"container":{"message_ts":"` + card.TS + `"},"actions":[{"action_id":"approve","value":` + string(value) + `}]}`,
		`{"type":"block_actions","user":{"id":"` + ada + `"},"actions":[{"action_id":"deny","value":` + string(value) + `},null,{"action_id":"details"},{"action_id":"withdraw","value":"x"}]}`,
		`{"type":"view_submission","user":{"id":"` + ada + `"},"view":{"callback_id":"decide","private_metadata":` + string(value) + `,"state":{"values":{"comment":{"comment":{"value":"x"}}}}}}`,
		`{"type":"view_submission","view":{"callback_id":"subscribe","private_metadata":` + string(value) + `,"state":{"values":{"filter_type":{"type":{"value":"*"}}}}}}`,
		`{"type":"view_submission","view":{"callback_id":"decide"}}`, `{"type":"shortcut","callback_id":"pending"}`, `{"type":"message_action"}`,
		`{"type":"block_actions","view":{"type":"home"},"actions":[{"action_id":"approve"},{"action_id":"bulk_approve"}]}`, `{"type":"view_closed"}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var cb slack.InteractionCallback
		if json.Unmarshal(payload, &cb) != nil {
			return
		}
		b := s.bot.Load()
		requireTaken(t, b.Interact(t.Context(), cb))
		b.Wait()
		record, err := s.store.Request(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, approval.Pending, record.State)
		require.Empty(t, record.Votes)
	})
}

// Whatever an admin types, the answer is one that Slack takes, and calls nobody.
func FuzzCommand(f *testing.F) {
	s, _, _ := fuzzed(f)
	for _, seed := range []string{
		"", "help", "pending", "list", "test", "explain 4001", "explain <!channel>", "subscribe", "subscribe type=Enrollment", `subscribe subject="CN=a b" deciders=@carol`,
		"subscribe deciders=<!subteam^S1|@x>", "unsubscribe 1", "unsubscribe all", "unsubscribe <!here>", "<!channel>", "`x` *y* <https://evil.example.net|z>", "subscribe san=~(",
	} {
		f.Add(seed)
	}
	calls := regexp.MustCompile(`<(!(channel|here|everyone|subteam)|https?:)[^>]*>`)
	f.Fuzz(func(t *testing.T, text string) {
		b := s.bot.Load()
		answer := b.Command(t.Context(), slack.SlashCommand{Command: "/approvebot", Text: text, UserID: s.slack.UserID("carol"), TeamID: "T0EXAMPLE", ChannelID: s.slack.ChannelID("pki-approvals")})
		b.Wait()
		requireTaken(t, answer)
		if m, ok := answer.(map[string]any); ok {
			said := m["text"].(string)
			require.NotEmpty(t, strings.TrimSpace(said))
			require.NotRegexp(t, calls, strings.ReplaceAll(said, "<https://command.example.com/", ""))
		}
	})
}

// requireTaken: Slack drops an answer of 20,000 bytes without a word.
func requireTaken(t *testing.T, answer any) {
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	require.Less(t, len(text), 20_000)
}

package bot

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
)

// A button's value comes back from clients: whatever it says, only what we signed opens.
func FuzzTicket(f *testing.F) {
	s := sealer{keys: func() [][]byte { return [][]byte{bytes.Repeat([]byte("k"), 32)} }}
	now := time.Unix(1_700_000_000, 0)
	good := s.seal(ticket{Request: "workflow:a/b", Channel: "#c", Digest: "d", Verdict: approval.Approve, Until: now.Unix()})
	for _, seed := range []string{good, good + "x", "." + good, "", ".", "a.b", strings.Repeat("A", 5000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := s.open(value, now); err == nil && value != good {
			t.Fatalf("a value that we did not seal opens: %q", value)
		}
	})
}

// What people type after the command is either understood, and then every key is a
// known one with a value, or refused with a sentence.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"type=Enrollment", `subject:"CN=a b"`, "“san=*.x”", "= : \"", "type=", "kind=workflow kind=workflow"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := parseFilter(text)
		if err != nil {
			return
		}
		for key, value := range filter {
			if key == "" || value == "" {
				t.Fatalf("%q made %q=%q", text, key, value)
			}
		}
	})
}

func signatureOf(secret, at string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("v0:" + at + ":"))
	h.Write(body)
	return "v0=" + hex.EncodeToString(h.Sum(nil))
}

// silent takes whatever comes through.
type silent struct{}

func (silent) Interact(context.Context, slack.InteractionCallback) any { return nil }
func (silent) Command(context.Context, slack.SlashCommand) any         { return nil }
func (silent) Event(context.Context, slackevents.EventsAPIEvent)       {}

// A signed body may hold anything: it is answered with 200 or refused with 4xx,
// and nothing panics.
func FuzzPayload(f *testing.F) {
	mux := http.NewServeMux()
	transport := NewHTTP(silent{}, func() []secret.String { return []secret.String{secret.New("s")} }, zap.NewNop())
	transport.Register(mux)
	for _, path := range []string{"/slack/interactivity", "/slack/commands", "/slack/events"} {
		for _, body := range []string{
			"payload=" + url.QueryEscape(`{"type":"block_actions","actions":[null,{"action_id":"approve"}],"team":null}`),
			"payload=" + url.QueryEscape(`{"type":"view_submission","view":{"state":{"values":{"a":{"b":{"value":null}}}}}}`),
			"command=%2Fapprovebot&text=help", "ssl_check=1", `{"type":"url_verification","challenge":"x"}`,
			`{"type":"event_callback","event":{"type":"app_home_opened","tab":"home"}}`, "%", "{", "payload=null",
		} {
			f.Add(path, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		if path != "/slack/interactivity" && path != "/slack/commands" && path != "/slack/events" {
			return
		}
		r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		at := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", signatureOf("s", at, body))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK && (w.Code < 400 || w.Code > 499) {
			t.Fatalf("%s answered %d to %q", path, w.Code, body)
		}
	})
}

// What comes over the link is read or refused, and nothing panics: there, nobody
// would catch it before the handler.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello","num_connections":1}`, `{"type":"disconnect","reason":"warning"}`,
		`{"envelope_id":"e1","type":"interactive","payload":{"type":"block_actions","actions":[null,{"action_id":"approve","value":"x"}],"user":null}}`,
		`{"envelope_id":"e2","type":"interactive","payload":{"type":"view_submission","view":{"blocks":[{"type":"input"}],"state":{"values":{"a":{"b":{}}}}}}}`,
		`{"envelope_id":"e3","type":"slash_commands","payload":{"command":"/approvebot","text":"help"}}`,
		`{"envelope_id":"e4","type":"events_api","payload":{"type":"event_callback","event":{"type":"app_home_opened","tab":"home"}}}`,
		`{"envelope_id":"e5","type":"events_api","payload":{}}`, `{"envelope_id":"e6","type":"interactive","payload":[]}`, `{"type":7}`, `[]`, `null`,
	} {
		f.Add([]byte(seed))
	}
	s := &Socket{handler: silent{}, log: zap.NewNop()}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e envelope
		if json.Unmarshal(data, &e) != nil {
			return
		}
		if answer, err := s.dispatch(t.Context(), e); err != nil && answer != nil {
			t.Fatalf("%q is answered and refused: %v, %v", data, answer, err)
		}
	})
}

// Deciders are names that configuration could hold as well, or a sentence.
func FuzzDeciders(f *testing.F) {
	for _, seed := range []string{"@pki-security, @ada", "<@U012ABCDEF|ada>,<!subteam^S012ABCDEF|@pki>", "ada@example.com", "U1,,", "<!channel>", "@ada@x", "@жук"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := parseDeciders(text)
		if err != nil {
			return
		}
		if len(names) == 0 || len(names) > maxDeciders {
			t.Fatalf("%q made %q", text, names)
		}
		for _, name := range names {
			if name == "" || strings.ContainsAny(name, "<>,| \t\n`") {
				t.Fatalf("%q made %q", text, name)
			}
		}
		again, err := parseDeciders(strings.Join(names, ","))
		if err != nil || !slices.Equal(names, again) {
			t.Fatalf("%q made %q, and that %q, %v", text, names, again, err)
		}
	})
}

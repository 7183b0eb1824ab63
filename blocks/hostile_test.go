package blocks_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

// Promise P9: text from requests is never interpreted by Slack, whatever it is,
// and whatever it is the blocks stay valid.

// attacks are what one would try first; rapid strings them together.
var attacks = []string{
	"<!channel>", "<!here>", "<@U02CAROL>", "<#C01>", "<!subteam^S01>", "<https://evil.example|portal>", "<mailto:a@example.com>", "<!date^1^{date}|x>",
	"&lt;!channel&gt;", "&amp;", "&", "<", ">", "*", "_", "~", "`", "```", "*bold*", "_it_", "~no~", "`x`", "a_b", ":tada:", ":", "::", "10:20:30", "https://evil.example",
	"\n", "\r\n", "\t", "\n> ", "|", "\x00", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u3164", "\u2800", "\ufe0f", "\U000e0041", "\u0336\u0336\u0336\u0336\u0336\u0336",
	"\xff\xfe", "é", "証", "שלום", "👩‍💻", "web01.example.com", "#", "\\u003c!channel>", " ", "",
}

func foreign() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(attacks), rapid.String()), 0, 8).Draw(t, "parts")
		s := strings.Join(parts, "")
		return strings.Repeat(s, rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 40, 400}).Draw(t, "times"))
	})
}

func foreignRequest(t *rapid.T) approval.Request {
	text := foreign()
	draw := func(name string) string { return text.Draw(t, name) }
	r := approval.Request{
		ID: "workflow:8c1f/2a44", Type: rapid.OneOf(rapid.SampledFrom([]string{"", "Enrollment", "Revocation"}), text).Draw(t, "type"),
		Reference: draw("reference"), Title: draw("title"), Definition: draw("definition"), Step: draw("step"), Status: draw("status"),
		Requester: draw("requester"), Subject: draw("subject"), CommonName: draw("common name"), Link: draw("link"), Submitted: submitted,
		Missing:  rapid.IntRange(0, 3).Draw(t, "missing"),
		Verdicts: []approval.Verdict{approval.Approve, approval.Deny},
		Notes:    rapid.SliceOfN(text, 0, 6).Draw(t, "notes"),
	}
	for range rapid.IntRange(0, 15).Draw(t, "facts") {
		r.Facts = append(r.Facts, approval.Fact{Label: draw("label"), Value: draw("value")})
	}
	for range rapid.SampledFrom([]int{0, 1, 3, 300}).Draw(t, "names") {
		r.SANs = append(r.SANs, approval.SAN{Kind: "dns", Value: draw("name")})
		if len(r.SANs) == 3 {
			for len(r.SANs) < 300 && rapid.Bool().Draw(t, "more") {
				r.SANs = append(r.SANs, r.SANs[0], r.SANs[1])
			}
			break
		}
	}
	return r
}

func TestHostileTextIsNeverInterpreted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := foreign()
		before, after := foreignRequest(t), foreignRequest(t)
		person := approval.Person{ID: rapid.OneOf(rapid.Just("U02CAROL"), text).Draw(t, "id"), Name: text.Draw(t, "person")}
		decision := &approval.Decision{ID: "d", Verdict: approval.Deny, By: person, Comment: text.Draw(t, "comment"), At: decided}
		outcome := &approval.Outcome{
			State: approval.Denied, By: text.Draw(t, "by"), Message: text.Draw(t, "message"), At: decided,
			Reason: rapid.SampledFrom([]approval.Reason{approval.DecidedHere, approval.DecidedElsewhere, approval.Counted, approval.Failed, "?"}).Draw(t, "reason"),
		}
		v := pending(before)
		v.Trouble = text.Draw(t, "trouble")
		v.Earlier = []blocks.Earlier{{Reference: text.Draw(t, "earlier"), Link: text.Draw(t, "earlier link"), Text: text.Draw(t, "earlier text")}}
		groups := rapid.SliceOfN(text, 0, 4).Draw(t, "groups")
		v.Needs = blocks.Needs{People: rapid.IntRange(0, 3).Draw(t, "people"), Groups: groups}
		if rapid.Bool().Draw(t, "narrowed") {
			v.Deciders = blocks.Narrowing{groups, groups}
		}
		voter := func(name string) approval.Person {
			return approval.Person{ID: rapid.OneOf(rapid.Just("U02CAROL"), text).Draw(t, name+" id"), Name: text.Draw(t, name)}
		}
		for range rapid.SampledFrom([]int{0, 1, 2, 9}).Draw(t, "votes") {
			verdict := rapid.SampledFrom([]approval.Verdict{approval.Approve, approval.Approve, approval.Deny}).Draw(t, "verdict")
			cast := approval.Vote{Verdict: verdict, By: voter("voter"), Comment: text.Draw(t, "vote"), At: decided}
			v.Votes = append(v.Votes, cast)
			decision.With = append(decision.With, approval.Voice{By: cast.By, Comment: cast.Comment})
			v.Counted = append(v.Counted, *decision)
		}
		if v.Withdraw = "w"; rapid.Bool().Draw(t, "no buttons") {
			v.NoButtons = text.Draw(t, "why")
		}
		rule := approval.CommentRule{Need: approval.CommentRequired, Min: 10, Reasons: rapid.SliceOfN(text, 0, 8).Draw(t, "reasons")}
		if rapid.Bool().Draw(t, "without details") {
			v.Details = ""
		}
		if state := rapid.SampledFrom([]approval.State{approval.Pending, approval.Deciding, approval.Denied, approval.Approved, approval.Closed}).Draw(t, "state"); state != approval.Pending {
			v.State, v.Decision = state, decision
			if state.Final() {
				outcome.State = state
				v.Outcome = outcome
			}
		}
		for name, m := range map[string]blocks.Message{
			"card": blocks.Card(v), "fallback": blocks.PlainFallback(v), "decided": blocks.DecidedReply(*decision), "settled": blocks.SettledReply(*outcome, decision),
			"failed": blocks.FailedReply(*decision, v.Trouble), "changed": blocks.ChangedReply(before, after), "trouble": blocks.TroubleReply(v.Trouble),
			"voted": blocks.VotedReply(approval.Vote{Verdict: approval.Approve, By: person, Comment: decision.Comment}, v.Needs), "withdrawn": blocks.WithdrawnReply(person, approval.Deny),
			"counted": blocks.CountedReply(*decision, before.Status), "unrouted": blocks.UnroutedMessage(before), "lost channel": blocks.LostChannelMessage(before.Subject, v.Trouble),
			"pending": blocks.PendingText([]blocks.HomeItem{{Request: before, Link: before.Link}, {Request: after}}, 2),
			"list":    blocks.SubscriptionsText([]blocks.Subscription{{ID: before.Subject, Channel: before.Title, By: person, Filters: map[string]string{"san": before.Step}}}),
			"explained": blocks.ExplainText(blocks.ExplainView{
				Request: before, State: approval.Pending, Channels: groups, Votes: v.Votes, Needs: v.Needs,
				Routes:   []blocks.ExplainRoute{{Name: before.Title, Why: before.Subject, Taken: true}},
				People:   []blocks.ExplainPerson{{Person: person, Approve: blocks.RefusalReason(before.Title)}},
				Narrowed: []blocks.ExplainNarrowing{{Channel: before.Title, Deciders: v.Deciders}},
			}),
		} {
			require.NoError(t, blocks.Validate(m), name)
			requireInert(t, name, m.Text)
			requireHarmless(t, name, slack.Blocks{BlockSet: m.Blocks})
		}
		for name, modal := range map[string]slack.ModalViewRequest{
			"decide":    blocks.DecideModal(blocks.DecideView{Verdict: approval.Deny, Request: before, Initial: decision.Comment, Warning: v.Trouble}),
			"approve":   blocks.DecideModal(blocks.DecideView{Verdict: approval.Approve, Request: before, Initial: decision.Comment, Comment: rule, TypeCommonName: true, Votes: v.Votes, Needs: v.Needs}),
			"subscribe": blocks.SubscribeModal(blocks.SubscribeView{Channel: before.Title, Filters: map[string]string{"san": before.Subject}}), "details": blocks.DetailsModal(v),
		} {
			require.NoError(t, blocks.ValidateModal(modal), name)
			requireHarmless(t, name, modal)
		}
		home := blocks.Home(blocks.HomeView{All: 2, Found: 2, Waiting: []blocks.HomeItem{{Request: before, Link: before.Link}, {Request: after}}})
		require.NoError(t, blocks.ValidateHome(home))
		requireHarmless(t, "home", home)
		for _, reason := range blocks.RefusalReasons {
			s := blocks.Refusal(reason, blocks.RefusalView{Request: before, Decision: decision, Outcome: outcome, Needs: v.Needs, Deciders: v.Deciders, Elsewhere: groups})
			requireInert(t, string(reason), s)
		}
	})
}

func TestEscapeTextIsInert(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { requireInert(t, "escaped", blocks.EscapeText(foreign().Draw(t, "text"))) })
}

func TestEscapeText(t *testing.T) {
	for in, want := range map[string]string{
		"web01.example.com":           "web01.example.com",
		`EXAMPLE\svc_web_01`:          `EXAMPLE\svc_web_01`,
		"<!channel> & co":             "&lt;!channel&gt; &amp; co",
		"*a* _b_ ~c~ `d`":             "∗a∗ ˍbˍ ∼c∼ ˋdˋ",
		"__init__ a__b _ _x":          "ˍˍinitˍˍ a__b ˍ ˍx",
		":tada: a:b:c: 10:20:30":      "∶tada∶ a∶b∶c: 10∶20∶30",
		"https://evil.example/x":      "https[:]//evil.example/x",
		"two\nlines\tand\u00a0spaces": "two lines and spaces",
		"exe.gpj\u202e\u200b":         "exe.gpj⟨U+202E⟩⟨U+200B⟩",
		"\xff":                        "\ufffd",
		"":                            "",
	} {
		require.Equal(t, want, blocks.EscapeText(in))
	}
}

func FuzzEscapeText(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, s string) { requireInert(t, "escaped", blocks.EscapeText(s)) })
}

// A time that is none is left out rather than shown as the year 1.
func TestNoDateWithoutATime(t *testing.T) {
	d := by(carol, approval.Approve, "")
	d.At = time.Time{}
	require.NotContains(t, blocks.DecidedReply(*d).Text, "date")
}

// What we may put into mrkdwn ourselves.
var ours = []*regexp.Regexp{
	regexp.MustCompile("`[^`\n<>]+`"), // Slack looks for <…> before it looks for code
	regexp.MustCompile(`<@U02(CAROL|BEN|DANA)>|<@U9\d{7}>|<!subteam\^S01PKI>|<#C0PKI>`),
	regexp.MustCompile(`<!date\^\d+\^\{date_short_pretty\} at \{time\}\|[0-9: -]+ UTC>`),
	regexp.MustCompile(`<https?://[^<>|]+\|(Open in Keyfactor|Look it up in Keyfactor|Show card|Decide it in Keyfactor)>`),
	regexp.MustCompile(`(?m)^\*(Routes|Who may decide)\*$|press \*Approve\* or \*Deny\* on`),
	regexp.MustCompile(`^[^\w<>&]{1,3} \*[A-Z][A-Za-z: ]+\*`), // ✅ *Approved*
	regexp.MustCompile(`(?m)^[^\w<>&]{1,3} \*[A-Z][A-Za-z: ]+\*`),
}

var (
	entity = regexp.MustCompile(`&(amp|lt|gt);`)
	emoji  = regexp.MustCompile(`:[^\s:]+:`)
	// Compiled once: a test that asks thousands of times would do little else.
	italics = regexp.MustCompile(`(^|[^\pL\pN_])_|_([^\pL\pN_]|$)`)
)

// requireInert fails if mrkdwn holds anything active that is not ours.
func requireInert(t require.TestingT, where, s string) {
	if strings.HasPrefix(s, "*") { // the title of a plain fallback
		title, rest, _ := strings.Cut(s[1:], "*")
		s = title + rest
	}
	left := s
	for _, re := range ours {
		left = re.ReplaceAllString(left, "")
	}
	left = entity.ReplaceAllString(left, "")
	require.False(t, strings.ContainsAny(left, "<>&*~`"), "%s: %q", where, s)
	require.False(t, italics.MatchString(left), "%s: %q", where, s)
	require.NotContains(t, left, "://", where)
	require.False(t, emoji.MatchString(left), "%s: %q", where, s)
}

// requireHarmless walks what is sent and judges each text by where it stands.
func requireHarmless(t require.TestingT, where string, v any) {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(raw, &tree))
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			s, isText := v["text"].(string)
			if isText {
				require.NotEmpty(t, s, where)
				requireNothingHidden(t, where, s)
			}
			switch v["type"] {
			case "mrkdwn":
				require.Equal(t, true, v["verbatim"], where)
				requireInert(t, where, s)
			case "plain_text":
				require.Equal(t, false, v["emoji"], where)
			case "user", "usergroup", "broadcast", "emoji", "channel":
				require.Fail(t, "a mention in rich text", where)
			}
			if url, ok := v["url"].(string); ok {
				require.Regexp(t, `^https?://[^\s<>|]+$`, url, where)
			}
			for _, member := range v {
				walk(member)
			}
		}
	}
	walk(tree)
}

func requireNothingHidden(t require.TestingT, where, s string) {
	for _, r := range s {
		hidden := !unicode.IsPrint(r) && r != '\n' && r != '\u200c' && r != '\u200d' || strings.ContainsRune("\u3164\u2800\u115f\uffa0", r)
		require.False(t, hidden, "%s: %U in %q", where, r, s)
	}
	require.True(t, utf8.ValidString(s))
}

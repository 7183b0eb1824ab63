package blocks_test

import (
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
)

func TestSubscribeModal(t *testing.T) {
	for name, v := range map[string]blocks.SubscribeView{
		"empty":   {Channel: "C0PKI", Metadata: "sealed"},
		"filled":  {Channel: "C0PKI", Metadata: "sealed", Filters: map[string]string{"template": "WebServer", "san": "*.prod.example.com", "unheard-of": "x"}},
		"hostile": {Channel: "<!channel>`", Filters: map[string]string{"template": strings.Repeat("<!channel>", 500)}},
	} {
		t.Run(name, func(t *testing.T) { goldenModal(t, blocks.SubscribeModal(v)) })
	}
}

// Every filter that the modal asks for comes back by its name.
func TestSubscribeFilters(t *testing.T) {
	state := &slack.ViewState{Values: map[string]map[string]slack.BlockAction{"filter_unheard-of": {"unheard-of": {Value: "x"}}}}
	want := map[string]string{}
	for i, b := range blocks.SubscribeModal(blocks.SubscribeView{}).Blocks.BlockSet {
		if in, ok := b.(*slack.InputBlock); ok {
			name := in.Element.(*slack.PlainTextInputBlockElement).ActionID
			require.Equal(t, blocks.FilterBlock(name), in.BlockID)
			value := strings.Repeat("x", i%3) // some are left empty
			state.Values[in.BlockID] = map[string]slack.BlockAction{name: {Value: " " + value + " "}}
			if value != "" {
				want[name] = value
			}
		}
	}
	require.Len(t, blocks.Filters, len(state.Values)-1)
	require.Equal(t, want, blocks.SubscribeFilters(state))
	require.Empty(t, blocks.SubscribeFilters(nil))
}

func TestAnswer(t *testing.T) {
	subscription := blocks.Subscription{ID: "1", Channel: "C0PKI", Filters: map[string]string{"template": "WebServer", "san": "*.prod.example.com"}, By: carol, At: decided}
	evil := blocks.Subscription{ID: "<!here>`", Channel: "<!channel>", Filters: map[string]string{"subject": "`<!channel>`"}, By: approval.Person{Name: "<!here>"}}
	item := blocks.HomeItem{Request: enrollment(), Link: "https://example.slack.com/archives/C0PKI/p1700000000123456"}
	explained := blocks.ExplainView{
		Request: enrollment(), State: approval.Pending, Channels: []string{"C0PKI", "#pki-escalation"},
		Routes: []blocks.ExplainRoute{{Name: "vpn", Why: "template is WebServer, not VPN*"}, {Name: "production web servers", Taken: true, Why: "template is WebServer; SAN is *.example.com"}},
		People: []blocks.ExplainPerson{
			{Person: carol}, {Person: ben, Approve: blocks.RequesterUnknown}, {Person: dana, Approve: blocks.NotOffered, Deny: blocks.SelfApproval},
			{Person: approval.Person{Name: "@ghost"}, Approve: blocks.UnknownPerson, Deny: blocks.UnknownPerson},
			{Person: approval.Person{Name: "Eve"}, Deny: blocks.NotOffered},
		},
		Votes: []approval.Vote{vote(ben, approval.Approve, "")}, Needs: blocks.Needs{People: 1},
	}
	over := settled(revocation(), nil, approval.Outcome{State: approval.Denied, Reason: approval.DecidedElsewhere})
	found := blocks.FoundView{Text: "web01 <!here>", Looked: 5000, Found: []blocks.FoundItem{{Card: pending(enrollment()), Link: item.Link}, {Card: over}, {Card: pending(hostile()), Link: "javascript:alert(1)"}}}
	unrouted := explained
	unrouted.Routes = unrouted.Routes[:1]
	nobody := explained
	nobody.People, nobody.Channels = nil, nil
	narrowed := explained
	narrowed.Narrowed = []blocks.ExplainNarrowing{{Channel: "C0PKI", Deciders: blocks.Narrowing{{"@pki-security", "@ada"}}}, {Channel: "#pki-escalation", Deciders: blocks.Narrowing{{}}}}
	for name, m := range map[string]blocks.Message{
		"help":                       blocks.HelpText("/approvebot"),
		"nothing pending":            blocks.PendingText(nil, 0),
		"pending":                    blocks.PendingText([]blocks.HomeItem{item, {Request: hostile(), Link: "javascript:alert(1)"}}, 0),
		"many pending":               blocks.PendingText([]blocks.HomeItem{item, item, item, item, item, item, item, item, item, item, item, item, item, item, item, item, item, item, item, item}, 80),
		"found":                      blocks.FoundText(found),
		"found nothing":              blocks.FoundText(blocks.FoundView{Text: "`<!here>`", All: true}),
		"found no more":              blocks.FoundText(blocks.FoundView{Text: "nothing", Looked: 5000}),
		"no subscriptions":           blocks.SubscriptionsText(nil),
		"subscriptions":              blocks.SubscriptionsText([]blocks.Subscription{subscription, {ID: "2", Channel: "C0PKI", By: ben}, {ID: "3", Channel: "C0PKI", By: ben, Filters: map[string]string{blocks.Deciders: "@pki-security"}}, evil}),
		"explained":                  blocks.ExplainText(explained),
		"explained, narrowed":        blocks.ExplainText(narrowed),
		"explained, no route":        blocks.ExplainText(unrouted),
		"explained, no people":       blocks.ExplainText(nobody),
		"unrouted":                   blocks.UnroutedMessage(enrollment()),
		"unrouted, hostile":          blocks.UnroutedMessage(hostile()),
		"lost channel":               blocks.LostChannelMessage("C0PKI", "approvebot is not in the channel; invite it."),
		"lost channel without a why": blocks.LostChannelMessage("#pki-approvals", ""),
	} {
		t.Run(name, func(t *testing.T) {
			goldenMessage(t, m)
			requireInert(t, name, m.Text)
		})
	}
}

// An answer of more than 20,000 bytes is dropped by Slack without a word.
func TestAnswersStaySmall(t *testing.T) {
	long := strings.Repeat("証<", 500)
	request := enrollment()
	request.CommonName, request.Requester, request.Type = long, long, long
	var items []blocks.HomeItem
	var subscriptions []blocks.Subscription
	view := blocks.ExplainView{Request: request, State: approval.Pending, Votes: crowd(50, approval.Approve), Needs: blocks.Needs{Groups: []string{long, long}}}
	for range 200 {
		items = append(items, blocks.HomeItem{Request: request, Link: "https://example.slack.com/archives/C0PKI/p1700000000123456"})
		subscriptions = append(subscriptions, blocks.Subscription{ID: long, Channel: long, Filters: map[string]string{"san": long, "ca": long}, By: approval.Person{Name: long}})
		view.Routes = append(view.Routes, blocks.ExplainRoute{Name: long, Taken: true, Why: long})
		view.Channels = append(view.Channels, long)
		view.People = append(view.People, blocks.ExplainPerson{Person: approval.Person{Name: long}, Approve: blocks.RefusalReason(long)})
	}
	for name, m := range map[string]blocks.Message{
		"pending": blocks.PendingText(items, 1000), "subscriptions": blocks.SubscriptionsText(subscriptions), "explained": blocks.ExplainText(view),
		"help": blocks.HelpText(long), "unrouted": blocks.UnroutedMessage(request), "lost": blocks.LostChannelMessage(long, long),
	} {
		require.NoError(t, blocks.Validate(m), name)
		require.Less(t, len(mustJSON(t, m.Text)), 20_000, name)
		requireInert(t, name, m.Text)
	}
	require.Contains(t, blocks.PendingText(items, 1000).Text, "*1200 requests wait for you*")
	require.Contains(t, blocks.SubscriptionsText(subscriptions).Text, "more")
}

// Whatever the reason, it is told in words.
func TestExplainKnowsEveryReason(t *testing.T) {
	for _, reason := range blocks.RefusalReasons {
		text := blocks.ExplainText(blocks.ExplainView{
			Request: enrollment(), Routes: []blocks.ExplainRoute{{Name: "all", Taken: true}},
			People: []blocks.ExplainPerson{{Person: carol, Approve: reason, Deny: reason}},
		}).Text
		require.Regexp(t, `may not: [^_]{10,}$`, text, reason)
	}
}

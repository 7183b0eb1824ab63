package blocks

import (
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// Deciders names what a subscription can say beside its filters: who of the
// approvers may decide in its channel, as a list with commas.
const Deciders = "deciders"

// Filter is one thing that a subscription can ask of a request, or [Deciders].
type Filter struct {
	// Name is how the slash command and the configuration call it.
	Name        string
	label, hint string
}

// Filters are all of them, in the order in which people are asked for them.
var Filters = []Filter{
	{"kind", "Kind", "workflow or certificate"},
	{"type", "Workflow type", "Enrollment, Revocation"},
	{"definition", "Workflow definition", "Web*"},
	{"template", "Template", "WebServer*"},
	{"requester", "Requester", `EXAMPLE\*`},
	{"subject", "Subject", "*O=Example*"},
	{"san", "SAN", "*.prod.example.com"},
	{"ca", "CA", "*Issuing CA 1"},
	{Deciders, "Only these approvers may decide here", "@pki-security, @ada"},
}

// FilterBlock is the id of a filter's field in the modal, for an error under it.
func FilterBlock(name string) string { return "filter_" + name }

// SubscribeView is what the modal of a subscription shows.
type SubscribeView struct {
	Channel  string            // the channel's id
	Filters  map[string]string // what the fields start with, by the names of [Filters]
	Metadata string            // private_metadata; comes back with the submission
}

// SubscribeModal asks which requests are to be shown in a channel.
func SubscribeModal(v SubscribeView) slack.ModalViewRequest {
	list := []slack.Block{section("what", markdown("Requests that fit every field filled in are also shown in "+room(v.Channel)+". `*` stands for any text. Who may decide them stays as it is configured; the last field leaves fewer of them deciding here, and never adds anybody."))}
	for _, f := range Filters {
		field := slack.NewPlainTextInputBlockElement(plainText(f.hint), f.Name)
		field.MaxLength = maxFilter
		field.InitialValue = clip(v.Filters[f.Name], maxFilter)
		list = append(list, slack.NewInputBlock(FilterBlock(f.Name), plainText(f.label), nil, field).WithOptional(true))
	}
	m := modal("Show requests here", list...)
	m.CallbackID, m.PrivateMetadata = CallbackSubscribe, v.Metadata
	m.Submit, m.Close = plainText("Subscribe"), plainText("Cancel")
	return m
}

// SubscribeFilters reads the fields that were filled in from a submitted modal, by
// the names of [Filters].
func SubscribeFilters(state *slack.ViewState) map[string]string {
	out := map[string]string{}
	if state == nil {
		return out
	}
	for _, f := range Filters {
		if s := strings.TrimSpace(state.Values[FilterBlock(f.Name)][f.Name].Value); s != "" {
			out[f.Name] = s
		}
	}
	return out
}

// Subscription is one of a channel's.
type Subscription struct {
	ID      string // what unsubscribe takes
	Channel string
	Filters map[string]string
	By      approval.Person
	At      time.Time
}

// SubscriptionsText lists subscriptions, for the person who asked.
func SubscriptionsText(list []Subscription) Message {
	if len(list) == 0 {
		return Message{Text: "There are no subscriptions here. The routes of the configuration apply."}
	}
	lines := make([]string, len(list))
	for i, s := range list {
		lines[i] = "• " + code(s.ID, maxLabel) + " " + filterWords(s.Filters) + " in " + room(s.Channel) + ", by " + mention(s.By) + at(s.At)
	}
	return Message{Text: "*" + plural(len(list), "subscription", "subscriptions") + "*" + listed(lines, len(lines), maxListed)}
}

// filterWords are the filters as the slash command takes them.
func filterWords(filters map[string]string) string {
	var out []string
	for _, f := range Filters {
		if s := filters[f.Name]; s != "" {
			out = append(out, code(f.Name+"="+s, maxLabel*2))
		}
	}
	if len(out) == 0 || len(out) == 1 && filters[Deciders] != "" {
		out = append([]string{"every request"}, out...)
	}
	return strings.Join(out, " ")
}

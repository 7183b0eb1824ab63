package blocks

import (
	"fmt"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// Answers to the slash command, to its forms and to the shortcut that take no more
// than a sentence or two. What a person typed is shown in a code span.
const (
	// Something could not be read, written or asked at the moment.
	RequestsUnread      = "The requests cannot be read at the moment. Try again in a minute."
	RequestUnread       = "The request cannot be looked up at the moment. Try again in a minute."
	ListUnread          = "The list cannot be read at the moment. Try again in a minute."
	ListUnreadUnchanged = "The list cannot be read at the moment. Nothing was changed. Try again in a minute."
	SlackSilent         = "Slack did not answer us in time. Try again in a minute."
	SlackSilentSame     = "Slack did not answer us in time. Nothing was changed. Try again in a minute."
	NotWritten          = "approvebot cannot write at the moment."
	NotWrittenRetry     = "approvebot cannot write at the moment. Try again in a minute."
	TestUnread          = "✅ approvebot can post here. What waits for you cannot be read at the moment."

	// Who may do that.
	AdminsOnly     = "Only admins of approvebot may do this. Nothing was changed."
	AdminsOnlyForm = "Only admins of approvebot may do this, or Slack did not answer in time. Nothing was changed."

	// The shortcut.
	NoRequestShown = "This message shows no request that approvebot knows. Use the shortcut on a request's card, or in its thread."

	// Subscriptions.
	TitleSubscription = "Subscription"
	FormNotOpened     = "The form could not be opened. Try again, or add filters to the command."
	NoSubscriptions   = "This channel has no subscriptions."
	Unsubscribed      = "Done. Cards that are here already stay, and who may decide on them is up to their routes; new requests are no longer shown here by subscription."

	// Absences.
	AwayHow            = "Say until when, and who stands in for you: `away until 2026-12-01 delegate @ben`."
	AwayTooLong        = "That is more than a year. Ask an admin to take you off the approvers instead."
	AwayNotMember      = "Only full members of this workspace decide about requests, so there is nothing to stand in for."
	DelegateIsSelf     = "You cannot stand in for yourself. Name somebody else, or leave the delegate out."
	DelegateNotAMember = "Only a full member of this workspace can stand in for you."
)

// UnknownCommand answers a verb that is none.
func UnknownCommand(verb, command string) string {
	return asTyped(verb) + " is not something approvebot knows.\n" + HelpText(command).Text
}

// ExplainHow asks which request is to be explained.
func ExplainHow(command string) string {
	return fmt.Sprintf("Say which request: `%s explain 4711`, with the number or the name on its card.", EscapeText(command))
}

// NoneWaits says that no request that waits is called so.
func NoneWaits(name string) string {
	return "No request that waits is called " + asTyped(name) + "."
}

// FindHow asks what to look for.
func FindHow(command string) string {
	return fmt.Sprintf("Say what to look for: `%s find web01 denied`. A request fits if every word occurs in its number, a name, the requester, the template, the definition or its state.", EscapeText(command))
}

// TestFailed says why approvebot cannot post in a channel; the sentence has no full stop.
func TestFailed(problem string) string { return "⚠️ " + EscapeText(problem) + "." }

// TestPassed says that approvebot can post, and how many requests wait for the person.
func TestPassed(waiting int) string {
	return fmt.Sprintf("✅ approvebot can post here. %d requests wait for you.", waiting)
}

// AwayOver says that an absence would end before it begins.
func AwayOver(until string) string {
	return asTyped(until) + " is over already. Say a day that is yet to come."
}

// NotADay says that something is no day.
func NotADay(day string) string {
	return asTyped(day) + " is not a day. Write 2026-12-01, tomorrow, or the name of a day of the week."
}

// NotATime says that something is no time of the day.
func NotATime(clock string) string { return asTyped(clock) + " is not a time of the day. Write 14:00." }

// NobodyFound says that nobody in Slack is called so.
func NobodyFound(name string) string { return asTyped(name) + " was not found in Slack." }

// NoDelegateFound says that nobody in Slack is called so who could stand in.
func NoDelegateFound(name string) string {
	return asTyped(name) + " was not found in Slack. Write @name, as Slack offers it."
}

// Subscribed confirms a subscription: how many requests wait already that fit, and
// whom it leaves deciding here, if not all who may.
func Subscribed(waiting int, deciders []string) string {
	if len(deciders) == 0 {
		return fmt.Sprintf("Requests that fit are now shown here, too; %d of them wait already. Who may decide them stays as it is configured.", waiting)
	}
	names := make([]string, len(deciders))
	for i, d := range deciders {
		names[i] = asTyped(d)
	}
	return fmt.Sprintf("Requests that fit are now shown here, too; %d of them wait already. Of those who may decide them, only %s may do so here.", waiting, strings.Join(names, ", "))
}

// UnsubscribeWhich asks which of so many subscriptions is to end.
func UnsubscribeWhich(count int, command string) string {
	return fmt.Sprintf("Say which one: a number from 1 to %d, or `all`. `%s list` shows them.", count, EscapeText(command))
}

// NotSubscribed says what is wrong with a subscription, a sentence with or without
// its full stop, and that nothing came of it.
func NotSubscribed(wrong string) string {
	return EscapeText(strings.TrimSuffix(wrong, ".")) + ". Nothing was changed."
}

// What is wrong with the filters and deciders of a subscription, each a sentence
// without its full stop, and not yet escaped.

// NotAFilter says that a word is no filter.
func NotAFilter(word string) string {
	return "“" + approval.Clip(word, 40) + "” is not a filter; filters look like type=Enrollment"
}

// FilterTwice says that a filter is given more than once.
func FilterTwice(name string) string { return "“" + approval.Clip(name, 40) + "” is given twice" }

// FilterUnknown says that there is no such filter.
func FilterUnknown(name string) string {
	return "“" + approval.Clip(name, 40) + "” cannot be filtered by"
}

// FilterUnclosed says that a quoted value does not end.
func FilterUnclosed(name string) string {
	return "the value of “" + name + "” has no closing quote"
}

// FilterEmpty says that a filter has no value.
func FilterEmpty(name string) string { return "“" + name + "” has no value" }

// NotADecider says that a word names neither a group nor a person.
func NotADecider(word string) string {
	return "“" + approval.Clip(word, 40) + "” is neither a user group nor a person; deciders look like @pki-security or @ada"
}

// TooManyDeciders says that a subscription takes no more names than most.
func TooManyDeciders(most int) string {
	return fmt.Sprintf("more than %d deciders are given; name a user group", most)
}

// NobodysName says that a name is nobody's in this workspace.
func NobodysName(name string) string {
	return "“" + name + "” is neither a user group nor a person in this workspace"
}

// asTyped shows what a person typed in a code span, in one line.
func asTyped(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, "`", "'")), " ")
	if s == "" {
		s = "unknown"
	}
	return "`" + EscapeText(approval.Clip(s, 80)) + "`"
}

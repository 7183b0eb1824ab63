package blocks

import (
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// AwayTrouble is the answer when an absence could not be read or noted.
const AwayTrouble = "That did not work, and nothing was changed. Try again in a minute."

// AwayText confirms an absence. routes are those on which the delegate decides.
func AwayText(a approval.Absence, routes []string) Message {
	out := "🌴 You are away until " + date(a.Until) + ". Until then you are not reminded."
	switch {
	case a.Delegate.ID == "":
		out += " Nobody stands in for you."
	case len(routes) == 0:
		out += " " + mention(a.Delegate) + " cannot decide in your place: they decide already where you do, or no route that names you allows it."
	default:
		out += " " + mention(a.Delegate) + " decides in your place on " + names(routes) + ", as one voice with yours."
	}
	return Message{Text: out + "\n`back` ends it earlier."}
}

// DelegateText tells somebody that they stand in.
func DelegateText(a approval.Absence, routes []string) Message {
	out := "🌴 " + mention(a.Person) + " is away until " + date(a.Until) + " and named you to stand in."
	if len(routes) == 0 {
		return Message{Text: out + " There is no route on which that lets you decide more than you do anyway."}
	}
	return Message{Text: out + " Until then you decide requests of " + names(routes) + " in their place. `pending` lists what waits for you."}
}

// BackText confirms the end of an absence.
func BackText(who, by approval.Person, ended bool) Message {
	switch {
	case !ended && who.ID == by.ID:
		return Message{Text: "You are not away."}
	case !ended:
		return Message{Text: mention(who) + " is not away."}
	case who.ID == by.ID:
		return Message{Text: "Welcome back. You decide for yourself again."}
	}
	return Message{Text: "The absence of " + mention(who) + " has ended. Nobody stands in for them any more."}
}

// AwayNowText says how it is with somebody: their own absence, a zero one if there
// is none, and those in which they stand in.
func AwayNowText(mine approval.Absence, others []approval.Absence) Message {
	lines := []string{"You are here. To be away, say until when, and who stands in for you: `away until friday delegate @ben`."}
	if s := AwaySentence(mine); s != "" {
		lines[0] = s
	}
	for _, a := range others {
		lines = append(lines, "You stand in for "+mention(a.Person)+" until "+date(a.Until)+".")
	}
	return Message{Text: strings.Join(lines, "\n")}
}

// AwaySentence says that somebody is away, or nothing.
func AwaySentence(a approval.Absence) string {
	if a.Person.ID == "" {
		return ""
	}
	out := "🌴 You are away until " + date(a.Until) + " and not reminded. "
	if a.Delegate.ID == "" {
		return out + "Nobody stands in for you."
	}
	return out + mention(a.Delegate) + " stands in for you, where a route allows it."
}

// AwayListText lists all absences, for admins.
func AwayListText(all []approval.Absence) Message {
	if len(all) == 0 {
		return Message{Text: "Nobody is away."}
	}
	lines := make([]string, len(all))
	for i, a := range all {
		lines[i] = "• " + mention(a.Person) + " until " + date(a.Until)
		if a.Delegate.ID != "" {
			lines[i] += ", represented by " + mention(a.Delegate)
		}
	}
	return Message{Text: "*Away*" + listed(lines, len(lines), maxListed) + "\n`back @name` ends an absence."}
}

func names(routes []string) string {
	shown := make([]string, len(routes))
	for i, r := range routes {
		shown[i] = code(r, 80)
	}
	return and(shown, maxShownIn)
}

// voice names who spoke, and for whom.
func voice(v approval.Voice) string {
	if v.For.ID == "" {
		return mention(v.By)
	}
	return mention(v.By) + " for " + mention(v.For) + " (away)"
}

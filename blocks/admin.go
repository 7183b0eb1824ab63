package blocks

import "github.com/approvebot/approvebot/internal/approval"

// UnroutedMessage tells the admins about a request that no route takes.
func UnroutedMessage(r approval.Request) Message {
	out := "⚠️ No route of the configuration takes a request, so nobody is asked about it.\n" + escape(matter(r), 50) + " " + code(object(r), 90)
	if who := visible(r.Requester, 120); who != "" {
		out += ", requested by " + code(who, 120)
	}
	out += ".\nAdd a route that matches it."
	const label = "Look it up in Keyfactor"
	if l := hyperlink(r.Link, label); l != label {
		out += " " + l + "."
	}
	return Message{Text: out}
}

// LostChannelMessage tells the admins that requests can no longer be shown in a
// channel, which is an id or a name as configured, and why: a plain sentence of ours.
func LostChannelMessage(channel, why string) Message {
	out := "⚠️ Requests can no longer be shown in " + room(channel) + "."
	if why = escape(why, maxTrouble); why != "" {
		out += " " + why
	}
	return Message{Text: out}
}

// ConfigKeptMessage tells the admins that a changed configuration is not in force,
// and why: the rest of a sentence.
func ConfigKeptMessage(why string) Message {
	return Message{Text: "⚠️ The changed configuration of approvebot is not in force: " + escape(why, maxTrouble) +
		".\nThe one before it goes on counting until this is mended. `approvebot check` tells every mistake."}
}

package blocks

import "github.com/approvebot/approvebot/internal/approval"

// UnroutedMessage tells the admins about a request that no route takes.
func UnroutedMessage(r approval.Request) Message {
	text := "⚠️ No route of the configuration takes this request, so nobody is asked about it: " + escape(matter(r), 50) + " " + code(object(r), 90) + "."
	return Message{Text: text}
}

// LostChannelMessage tells the admins that requests can no longer be shown in a
// channel, which is an id or a name as configured, and our plain sentence why.
func LostChannelMessage(channel, why string) Message {
	return Message{Text: "⚠️ Requests can no longer be shown in " + room(channel) + ": " + escape(why, maxTrouble)}
}

package blocks

import (
	"fmt"
	"strings"
)

// Answers to the slash command are text alone: they are for one person and for
// the moment, and Slack drops an answer that grows beyond 20 kB without a word.

// HelpText says what the slash command can do.
func HelpText(command string) Message {
	c := escape(command, maxLabel)
	return Message{Text: fmt.Sprintf("*approvebot* shows requests that wait in Keyfactor and takes your decision.\n"+
		"• `%[1]s pending` lists what waits for you\n"+
		"• `%[1]s find web01 denied` finds requests, settled ones as well, by number, name, requester, template or state\n"+
		"• `%[1]s explain 1042` tells which route took a request and who may decide it\n"+
		"• `%[1]s list` lists the subscriptions of this channel\n"+
		"• `%[1]s subscribe template=WebServer san=*.example.com` shows such requests in this channel, too; without filters it asks for them\n"+
		"• `%[1]s subscribe type=Revocation deciders=@pki-security` also leaves deciding them here to those of the approvers alone\n"+
		"• `%[1]s unsubscribe` ends that\n"+
		"• `%[1]s away until monday delegate @ben` lets somebody stand in for you where a route allows it; `%[1]s back` ends it\n"+
		"• `%[1]s test` tries whether approvebot can post here\n"+
		"• `%[1]s help` shows this\n"+
		"To decide, press *Approve* or *Deny* on a request's card. Subscriptions are for the admins of approvebot.", c)}
}

// PendingText lists the requests that wait for a person; more counts those that
// are not in items.
func PendingText(items []HomeItem, more int) Message {
	total := len(items) + more
	if total == 0 {
		return Message{Text: "Nothing waits for you."}
	}
	lines := make([]string, len(items), total)
	for i, item := range items {
		line := "• " + escape(matter(item.Request), maxLabel) + " " + code(object(item.Request), 90)
		if who := visible(item.Request.Requester, 60); who != "" {
			line += " by " + code(who, 60)
		}
		if l := hyperlink(item.Link, "Show card"); l != "Show card" {
			line += " · " + l
		}
		lines[i] = line
	}
	return Message{Text: "*" + plural(total, "request waits for you", "requests wait for you") + "*" + listed(lines, total, maxListed)}
}

// listed puts each line on its own, as many as fit into limit bytes, and counts
// those of the total that are left out.
func listed(lines []string, total, limit int) string {
	var b strings.Builder
	for i, line := range lines {
		if b.Len()+len(line) > limit {
			lines = lines[:i]
			break
		}
		b.WriteString("\n" + line)
	}
	if more := total - len(lines); more > 0 {
		fmt.Fprintf(&b, "\n… and %d more", more)
	}
	return b.String()
}

// room names a channel in mrkdwn, by its id or as configuration writes it.
func room(channel string) string {
	if channelID.MatchString(channel) {
		return "<#" + channel + ">"
	}
	return code(channel, 80)
}

package blocks

import (
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// RemindView is what a reminder says.
type RemindView struct {
	Request approval.Request
	Since   time.Time // when it was first seen waiting
	Needs   Needs
	// Ask are the people and Groups the ids of the user groups who are asked to decide.
	Ask    []approval.Person
	Groups []string
	// Channels and People are to whom it is shown now because nobody decided.
	Channels []string
	People   []approval.Person
	// Portal means that it can only be decided in Keyfactor.
	Portal bool
}

// RemindedReply reminds of a request that still waits. It is the same in every
// thread, so it says as well to whom else the request has been shown.
func RemindedReply(v RemindView) Message {
	sentence := "⏰ Still waiting for a decision, since " + or(date(v.Since)) + "." + deadline(v.Request)
	if missing := v.Needs.words(); missing != "" && v.Needs.people() > 1 {
		sentence += " Missing: " + missing + "."
	}
	var asked []string
	for _, g := range v.Groups {
		asked = append(asked, group(g))
	}
	for _, p := range v.Ask {
		asked = append(asked, mention(p))
	}
	act := "approve or deny it"
	if v.Portal {
		act = "decide it in Keyfactor"
	}
	if who := and(asked, maxApprovers); who != "" {
		sentence += " " + who + ", please " + act + "."
	} else {
		sentence += " Please " + act + "."
	}
	var shown []string
	for _, c := range v.Channels {
		shown = append(shown, room(c))
	}
	for _, p := range v.People {
		shown = append(shown, mention(p))
	}
	if to := and(shown, maxShownIn); to != "" {
		sentence += " Nobody decided in time, so it is shown to " + to + " as well."
	}
	return reply(sentence)
}

// ExpiredReply says that it is too late to decide from Slack.
func ExpiredReply(r approval.Request) Message {
	return reply("⌛ Nobody decided in the time that is set for this, so the buttons are gone. The request goes on waiting in Keyfactor and can be decided there." + deadline(r))
}

// LostReminderMessage tells the admins that a reminder reaches nobody.
func LostReminderMessage(name string) Message {
	return Message{Text: "⚠️ A route reminds " + code(name, 80) + " of requests that wait, but no full member of this workspace is called that. Correct `reminders` in the configuration."}
}

package blocks

import (
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// Sentences that a card, or the person who pressed, is told when something is in
// the way. They are stored as they are, so that a card can be drawn again.
const (
	// A decision is on its way, and it takes longer.
	TroubleAnswered = "Keyfactor is already working on an answer to this request. We keep looking."
	TroubleUnclear  = "Keyfactor gave no clear answer. We are asking it what happened before anything is sent again."
	TroubleAway     = "Keyfactor is not available. The decision is safe here and will be sent as soon as Keyfactor answers."
	TroubleStill    = "Keyfactor took the decision but the request has not moved yet. We keep looking."
	TroubleLocked   = "Keyfactor does not let approvebot in at the moment. The decision is kept; its operators have to look."
	TroubleSilent   = "Keyfactor does not answer. The decision is kept and will go on as soon as it does."

	// A decision did not take effect, and the request waits again.
	TroubleChanged   = "The request changed after it was shown, so nothing was sent. Please look at it again and decide anew."
	TroubleRefused   = "Keyfactor refused the decision, and nothing has changed there. Please try again, or decide in Keyfactor."
	TroubleForbidden = "Keyfactor does not allow approvebot to decide this request, so nothing has changed there. Please decide in Keyfactor and tell the operators of approvebot."
	TroubleLogin     = "Keyfactor does not accept approvebot's login at the moment, so nothing has changed there. Please tell its operators, or decide in Keyfactor."

	// There is nothing to press.
	OnlyShown = "Requests of this kind are decided in Keyfactor, not from Slack."
	TooLate   = "Nobody decided in time, so this request can only be decided in Keyfactor now."

	// What was asked for could not be shown.
	DetailsNotShown = "The details could not be shown. Press the button again in a moment."
	BulkNotShown    = "The requests could not be shown. Press “Decide several” again in a moment."
	HomeUnread      = "The requests cannot be read at the moment. Press Refresh in a minute."
	HomeUnknown     = "Slack did not tell us who you are. Press Refresh in a minute."

	// Something is missing in what was sent in, or nothing came of it.
	BulkNoVerdict  = "Please choose the answer."
	BulkNoRequest  = "Please choose at least one request."
	BulkUndecided  = "nothing was decided about it. If it still waits, it is on your Home tab."
	NotYoursToFree = "You had not said that you are looking at this request, so nothing changed. Anybody who may decide it can go on deciding it."
)

// The titles of modals that have nothing but a notice to show.
const (
	TitleSeveral    = "Decide several"
	TitleNotDecided = "Not decided"
	TitleMoment     = "One moment"
)

// TroubleMissing says that Keyfactor wants a further approval that nobody can give
// from Slack; status is Keyfactor's own sentence about that.
func TroubleMissing(status string) string {
	return "Keyfactor took this approval and says: " + strings.TrimRight(status, ". ") +
		". approvebot has no further login that could give one, so somebody has to approve this step in Keyfactor's portal."
}

// WrongComment says what is wrong with a comment, a sentence of [CheckComment],
// and that nothing came of it.
func WrongComment(wrong string) string { return wrong + " Nothing was decided." }

// EarlierDecision is what [Earlier] tells of a decision: "approved by Carol".
func EarlierDecision(d approval.Decision) string { return d.Verdict.Past() + " by " + d.By.Name }

// What keeps cards out of a channel, each a sentence without its full stop. Those
// who configured it read them in Slack, and operators in the log.

// ChannelArchived says that a channel is archived.
func ChannelArchived(name string) string {
	return "channel " + name + " is archived; unarchive it or change the route"
}

// ChannelShared says that others are in a channel who must not see requests.
func ChannelShared(name string) string {
	return "channel " + name + " is shared with another organisation, and allow_shared_channels is not set"
}

// ItIsShared is [ChannelShared] where the channel has just been named.
const ItIsShared = "it is shared with another organisation, and allow_shared_channels is not set"

// ChannelNotJoined says that the bot was not invited.
func ChannelNotJoined(name string) string {
	return "the bot is not in channel " + name + "; invite it with /invite"
}

// ChannelTrouble says why a channel cannot be looked at, a sentence of [Advice].
func ChannelTrouble(name, why string) string { return "channel " + name + ": " + why }

// Advice turns an error code of Slack's, "" if it gave none, into what can be done
// about it. needed is the scope that it says is missing.
func Advice(code, needed string) string {
	switch {
	case code == "":
		return "Slack could not be reached or gave no clear answer"
	case code == "not_in_channel":
		return "the bot is not in this channel; invite it with /invite"
	case code == "channel_not_found":
		return "this channel does not exist, or it is private and the bot was not invited"
	case code == "is_archived" || code == "is_inactive":
		return "this channel is archived; unarchive it or change the route"
	case code == "missing_scope":
		return "the Slack app lacks the scope " + needed + "; add it and reinstall the app"
	case strings.HasPrefix(code, "restricted_action"):
		return "this channel does not allow the bot to post; change its posting permissions"
	case code == "invalid_auth" || code == "not_authed" || code == "account_inactive" || code == "token_revoked" || code == "token_expired":
		return "Slack does not accept the bot token; check slack.bot_token"
	}
	return "Slack refused with " + code
}

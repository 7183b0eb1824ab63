package blocks

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
)

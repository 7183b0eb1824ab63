package blocks

import "unicode/utf8"

// What Slack takes. Lengths are counted in code points.
const (
	maxBlocks      = 50
	maxViewBlocks  = 100
	maxBlockID     = 255
	maxActionID    = 255
	maxText        = 3000
	maxField       = 2000
	maxHeader      = 150
	maxButton      = 75
	maxValue       = 2000
	maxURL         = 3000
	maxViewTitle   = 24
	maxMetadata    = 3000
	maxInputLabel  = 2000
	maxAccessible  = 75
	maxOptions     = 100
	maxBoxes       = 10 // checkboxes of one group
	maxOption      = 75
	maxOptionValue = 150
	slackText      = 3500 // of Message.Text; chat.update refuses 4,000
	maxAllText     = 9000 // of all blocks together; undocumented, refused from about 11,000
	maxViewBytes   = 250_000
)

// What we allow ourselves, so that the sum always fits.
const (
	maxRequestID   = 200  // of a request's ID inside a block_id
	maxLabel       = 40   // of a fact
	maxValueLine   = 240  // of a fact's value on a card
	maxNamesLine   = 400  // of the line of names on a card
	maxName        = 255  // of one name
	maxTitle       = 300  // of Keyfactor's own sentence
	maxNote        = 300  // of one note
	maxNotes       = 4    // on a card
	maxTrouble     = 500  // of our own sentence about trouble
	maxAnswer      = 500  // of Keyfactor's answer
	maxComment     = 1000 // of a comment, where it is shown again
	maxQuotes      = 8    // comments shown together
	maxQuoted      = 1600 // of all of them
	maxVoters      = 400  // of the list of those who have voted
	maxNeeds       = 300  // of the list of groups that are missing
	maxCounted     = 4    // earlier approvals that Keyfactor has counted
	maxInlineURL   = 1000 // of a link inside a sentence
	maxEarlier     = 4    // earlier requests of the same matter
	maxApprovers   = 600  // of the list of those who may decide
	maxFew         = 4    // facts on a card that has a Details button
	maxHints       = 3    // hints on a card that has a Details button
	maxHintsAll    = 20   // hints anywhere
	maxHintNames   = 3    // names in one hint
	maxHintPart    = 120  // of one foreign part of a hint
	maxHintList    = 160  // of the names in it
	maxHintLine    = 300  // of a hint in a notification
	maxMany        = 12   // facts on a card that has none
	maxChanges     = 8    // rows of a reply about changes
	maxChunk       = 2900 // of one text in the Details
	maxDetails     = 30_000
	maxDetailFacts = 40
	maxLately      = 5    // decisions on the Home tab
	maxBulkFacts   = 3    // of each of several requests that are decided together
	maxBulkHints   = 2    // hints of each
	maxBulkFact    = 120  // of one of them
	maxFilter      = 200  // of one filter of a subscription
	maxListed      = 2800 // bytes of a list in an answer to the slash command
	maxRoutes      = 1000 // bytes of the routes in an explanation
	maxPeople      = 1200 // bytes of the people in it
	maxShownIn     = 450  // of the channels in it; a single one, escaped, must fit
	maxNarrowed    = 5    // channels in it in which fewer people may decide
	maxDeciders    = 500  // of the list of whom one subscription leaves deciding
)

// CommentLimit is the longest comment the modal takes: with the person's name
// before it, it fits into what is sent to Keyfactor.
const CommentLimit = 800

func runes(s string) int { return utf8.RuneCountInString(s) }

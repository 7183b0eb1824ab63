// Package blocks turns requests, decisions and outcomes into Slack's Block Kit.
// It is pure: no clock, no I/O, no store; the same input always gives the same
// blocks, byte for byte, so that a caller may compare them.
//
// Everything in a request was written by somebody else and may be hostile.
// Foreign text therefore goes only where Slack interprets nothing:
//
//	plain_text objects (emoji off)   headers, labels, notes, titles
//	rich_text text elements          facts, names, comments, Keyfactor's answers
//	code spans in our own mrkdwn     a name inside one of our sentences
//	[EscapeText]                     the fallback text of a message
//
// On its way there it loses what the eye cannot see: control characters,
// direction overrides and zero-width characters are spelled out as ⟨U+202E⟩.
// mrkdwn is used for our own sentences, which need mentions and dates.
//
// Every text has a budget in runes; see limits.go, which also holds [Validate],
// our reading of Slack's rules.
package blocks

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
// Nothing is told by a sign or a colour alone: each sign repeats a word beside it.
// Every message has a fallback text that says the same in one sentence, which is
// what screen readers and notifications get; buttons have names that tell one card's
// from the next. Dates are Slack's own, shown in the zone of whoever reads.
//
// # Translation
//
// What people read in Slack is written here: cards, modals and replies beside what
// they show, the slash command's answers in answers.go, single sentences in
// sentences.go. A test in package bot keeps it so. Other rooms pass codes and values
// (a state, a [RefusalReason], an [approval.Hint]). What stays at the edge are the
// labels of [approval.Fact], in package keyfactor, and what configuration says about
// a pattern that a subscription cannot have. A translation would give every function
// that makes words a language, as the first field of its view, make the constants
// such functions, and put the texts into one catalogue for each language
// (golang.org/x/text/message, with its rules for plurals in place of plural and
// has); labels of facts are then looked up by their English text. Sentences are
// whole, never glued together around a verb, but for the lists that and and
// joinSome make. What is stored as a sentence (a decision's trouble, replies that
// wait) stays as it was written.
//
// Every text has a budget in runes; see limits.go, which also holds [Validate],
// our reading of Slack's rules.
package blocks

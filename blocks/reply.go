package blocks

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/approvebot/approvebot/internal/approval"
)

// Replies are the trail in a card's thread: one sentence each, and under it what
// somebody wrote. They are posted once and never changed.

func reply(sentence string, more ...slack.RichTextElement) Message {
	m := Message{Text: sentence, Blocks: []slack.Block{slack.NewSectionBlock(markdown(sentence), nil, nil)}}
	if len(more) > 0 {
		m.Blocks = append(m.Blocks, slack.NewRichTextBlock("", more...))
	}
	return m
}

func commentQuote(comment string) []slack.RichTextElement {
	if c := prose(comment, maxComment); c != "" {
		return []slack.RichTextElement{quote(c)}
	}
	return nil
}

// quotes are the comments of a decision; one person's needs no name.
func quotes(d approval.Decision) []slack.RichTextElement {
	if len(d.With) == 0 {
		return commentQuote(d.Comment)
	}
	return comments(voices(d), true)
}

// DecidedReply says who decided and that it is on its way.
func DecidedReply(d approval.Decision) Message {
	return reply(everybody(d)+" decided to "+string(d.Verdict)+at(d.At)+". The decision is being sent to Keyfactor.", quotes(d)...)
}

// VotedReply says that a person voted, and who is still missing.
func VotedReply(v approval.Vote, needs Needs) Message {
	sentence := "🗳️ " + voice(approval.Voice{By: v.By, For: v.For}) + " " + v.Verdict.Past() + at(v.At) + "."
	if missing := needs.words(); missing != "" && v.Verdict == approval.Approve {
		sentence += " Missing before it is sent to Keyfactor: " + missing + "."
	}
	return reply(sentence, commentQuote(v.Comment)...)
}

// WithdrawnReply says that a person took their vote back.
func WithdrawnReply(p approval.Person, verdict approval.Verdict) Message {
	return reply("↩️ " + mention(p) + " withdrew the vote to " + string(verdict) + ".")
}

// LapsedReply says that a vote counts no longer because of who its person is now.
func LapsedReply(v approval.Vote) Message {
	return reply("↩️ The vote of " + mention(v.By) + " to " + string(v.Verdict) + " no longer counts, because they could not vote so any more: they are no longer among those who may decide this, or no longer in the group they voted for.")
}

// CountedReply says that Keyfactor counted a decision and wants further ones;
// status is Keyfactor's own sentence about that.
func CountedReply(d approval.Decision, status string) Message {
	m := reply("☑️ Keyfactor has counted the " + strings.ToLower(noun(d.Verdict)) + " by " + everybody(d) + at(d.At) + " and waits for further ones.")
	if s := visible(status, maxAnswer); s != "" {
		m.Blocks = append(m.Blocks, slack.NewRichTextBlock("", slack.NewRichTextSection(bold("Keyfactor says"), text("  "+s))))
	}
	return m
}

// SettledReply says how the request ended; d is the decision made here, if any.
func SettledReply(o approval.Outcome, d *approval.Decision) Message {
	s := settled(o, d)
	m := reply(s.mrkdwn())
	if a := visible(o.Message, maxAnswer); a != "" {
		m.Blocks = append(m.Blocks, slack.NewRichTextBlock("", slack.NewRichTextSection(bold("Keyfactor says"), text("  "+a))))
	}
	m.Text = s.sign + " " + s.sentence()
	return m
}

// FailedReply says that a decision certainly took no effect, and why. The
// sentence is ours and plain.
func FailedReply(d approval.Decision, sentence string) Message {
	return reply("⚠️ The decision of "+everybody(d)+" to "+string(d.Verdict)+" took no effect. The request waits for a decision again.",
		slack.NewRichTextSection(text(or(visible(sentence, maxTrouble)))))
}

// TroubleReply says that something goes wrong without an end yet.
func TroubleReply(sentence string) Message {
	return reply("⚠️ " + escape(sentence, maxTrouble))
}

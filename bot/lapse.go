package bot

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// lapse ends the votes of people who could no longer cast them: who has left the
// workspace or the approvers between the first vote and the last does not decide
// with the others. It is asked before every vote, because any may be the last. It
// returns why that could not be found out.
func (b *Bot) lapse(ctx context.Context, a *attempt) blocks.RefusalReason {
	for _, v := range a.record.Votes {
		if v.By.ID == a.user {
			continue // theirs is about to be replaced
		}
		stands, err := b.stillStands(ctx, a.rule, v)
		if err == nil && !stands {
			reply := store.Reply{Key: "lapsed:" + v.By.ID + ":" + v.At.UTC().Format("20060102T150405.000000"), Body: encodeReply(blocks.LapsedReply(v))}
			err = b.c.Store.Lapse(ctx, v, reply)
		}
		if err != nil {
			b.log(a.Request).Error("whether an earlier vote still counts could not be found out, so nothing happens", zap.String("voter", v.By.ID), zap.Error(err))
			return blocks.SlackDown
		}
	}
	return ""
}

// stillStands reports whether a person could vote today as they did.
func (b *Bot) stillStands(ctx context.Context, rule approval.Rule, v approval.Vote) (bool, error) {
	k, err := b.people.person(ctx, v.By.ID, b.team())
	if nobody(err) {
		return false, nil
	}
	if err != nil || k.Membership != approval.Member {
		return false, err
	}
	listed, err := b.people.in(ctx, k, rule.Users, rule.Groups)
	if err != nil {
		return false, err
	}
	if !listed {
		absent, err := b.standIn(ctx, rule, approval.Candidate{Person: k.Person})
		if err != nil || absent.ID == "" || absent.ID != v.For.ID {
			return false, err
		}
	}
	groups, err := b.people.groupsOf(ctx, k, rule.Quorum.From)
	if err != nil {
		return false, err
	}
	for _, g := range rule.Quorum.From {
		if slices.Contains(v.Groups, g) && !slices.Contains(groups, g) {
			return false, nil // it stood for a group that they have left
		}
	}
	return true, nil
}

package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/approvebot/approvebot/blocks"
	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/store"
)

// routes answers what the poller and the bot ask of the configuration in force.
type routes struct{ *inForce }

// pace returns how many new messages Slack may be given.
func (r routes) pace() bot.Pace {
	s := r.now().Slack
	return bot.Pace{Channel: s.ChannelPostsPerMinute, All: s.PostsPerMinute}
}

// rule returns what the route of that name says about deciding.
func (r routes) rule(name string) (approval.Rule, bool) {
	route, ok := r.now().byName[name]
	return route.Rule(), ok
}

// rules are those of all routes, in their order.
func (r routes) rules() []approval.Rule {
	var all []approval.Rule
	for _, route := range r.now().Routes {
		all = append(all, route.Rule())
	}
	return all
}

func (r routes) known(name string) bool {
	_, ok := r.now().byName[name]
	return ok
}

// place says where a request is shown: the channels of the first route that takes
// it, its approvers where the route wants direct messages, and the channels that
// subscribed. A subscription only adds places to look at, or keeps some of the
// approvers from deciding there; a request that no route takes is shown nowhere.
func (r routes) place(ctx context.Context, b *bot.Bot, request approval.Request) (store.Placement, error) {
	route, ok := r.now().RouteFor(request)
	if !ok {
		return store.Placement{}, nil
	}
	p := store.Placement{Route: route.Name, Follow: route.NotifyRequester}
	add := func(channels []string) {
		for _, c := range channels {
			if !slices.Contains(p.Channels, c) {
				p.Channels = append(p.Channels, c)
			}
		}
	}
	if route.DirectMessages != config.DirectMessagesOnly {
		add(route.Channels)
	}
	if route.DirectMessages != config.DirectMessagesNone {
		people, err := b.Approvers(ctx, route.Rule())
		if err != nil && len(people) == 0 {
			return store.Placement{}, fmt.Errorf("find the approvers of route %s: %w", route.Name, err)
		}
		add(people)
	}
	subscribed, err := b.Subscribed(ctx, request, p.Channels...)
	if err != nil {
		return store.Placement{}, err
	}
	add(subscribed)
	return p, nil
}

// explain says what each route answered, up to the one that took the request.
func (r routes) explain(request approval.Request) []blocks.ExplainRoute {
	var all []blocks.ExplainRoute
	for _, route := range r.now().Routes {
		taken := route.Matches(request)
		e := blocks.ExplainRoute{Name: route.Name, Taken: taken}
		for _, reason := range route.Explain(request) {
			if reason.OK != taken {
				continue
			}
			e.Why = fmt.Sprintf("%s is %s", reason.Key, reason.Value)
			if reason.Private {
				e.Why = reason.Key + " fits" // its value is matched on and never shown
			}
			if !taken {
				e.Why += ", not " + reason.Pattern
				if reason.Private {
					e.Why = reason.Key + " does not fit"
				}
				break
			}
		}
		all = append(all, e)
		if taken {
			break
		}
	}
	return all
}

// filter reads what a subscription asks for, in the words of a route's match.
func filter(wanted map[string]string) (func(approval.Request) bool, error) {
	match, err := config.ParseMatch(wanted)
	if err != nil {
		return nil, err
	}
	return config.Route{Match: match}.Matches, nil
}

package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
)

// relation finds out whether a person is the requester of a request. What Slack
// does not tell in time counts as not known, which policy takes carefully.
func (b *Bot) relation(ctx context.Context, requester string, k knownPerson) approval.Relation {
	who := approval.Known{Person: k.Person, Handle: k.handle}
	var found []approval.Known
	names := b.c.Directory()
	for _, name := range names.Lookups(requester, who) {
		other, err := b.people.find(ctx, name, b.team())
		if err != nil {
			b.c.Log.Warn("requester could not be looked up in Slack", zap.String("requester", approval.Clip(requester, 100)), zap.Error(err))
			continue
		}
		if other.ID != "" {
			found = append(found, approval.Known{Person: other.Person, Handle: other.handle})
		}
	}
	return names.Relate(requester, who, found)
}

// find asks Slack who an id, @handle or e-mail address belongs to. Nobody is an
// answer as well: a zero person without an error.
func (p *people) find(ctx context.Context, name, ourTeam string) (knownPerson, error) {
	key := strings.ToLower(name)
	p.mu.Lock()
	known, ok := p.found[key]
	p.mu.Unlock()
	if ok && p.now().Sub(known.at) < freshPerson {
		return known, nil
	}
	id, err := p.id(ctx, name)
	if nobody(err) {
		return p.learn(key, knownPerson{at: p.now()}), nil
	}
	if err != nil {
		return knownPerson{}, err
	}
	k, err := p.person(ctx, id, ourTeam)
	if nobody(err) {
		return p.learn(key, knownPerson{at: p.now()}), nil
	}
	if err != nil {
		return knownPerson{}, fmt.Errorf("find %s: %w", name, err)
	}
	return p.learn(key, k), nil
}

// learn remembers whom a name belongs to.
func (p *people) learn(key string, k knownPerson) knownPerson {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil || len(p.found) > 10_000 {
		p.found = map[string]knownPerson{}
	}
	p.found[key] = k
	return k
}

// nobody reports whether Slack says that there is no such person.
func nobody(err error) bool {
	if _, ok := errors.AsType[*UnknownPersonError](err); ok {
		return true
	}
	refusal, ok := refused(err)
	return ok && (refusal.Err == "users_not_found" || refusal.Err == "user_not_found" || refusal.Err == "user_not_visible")
}

// UnknownPersonError says that nobody in Slack has this handle.
type UnknownPersonError struct{ Handle string }

func (e *UnknownPersonError) Error() string { return e.Handle + " was not found in Slack" }

// handles are all members by their handle. The list is long in a large workspace
// and slow to come, so it is kept for a while.
type handles struct {
	ids map[string]string
	at  time.Time
}

const freshHandles = 10 * time.Minute

func (p *people) byHandle(ctx context.Context, handle string) (string, error) {
	p.mu.Lock()
	known := p.handles
	p.mu.Unlock()
	if p.now().Sub(known.at) >= freshHandles {
		all, err := p.slack.GetUsersContext(ctx)
		if err != nil {
			return "", fmt.Errorf("ask Slack for @%s: %w", handle, err)
		}
		known = handles{ids: make(map[string]string, len(all)), at: p.now()}
		for _, u := range all {
			if !u.Deleted {
				known.ids[strings.ToLower(u.Name)] = u.ID
			}
		}
		p.mu.Lock()
		p.handles = known
		p.mu.Unlock()
	}
	if id, ok := known.ids[strings.ToLower(handle)]; ok {
		return id, nil
	}
	return "", &UnknownPersonError{Handle: "@" + handle}
}

package slacksim

import (
	"regexp"
	"slices"
)

// reactionTarget finds the message of a reactions.* call.
func (w *Workspace) reactionTarget(c *call) (*channel, *Message, error) {
	ch, err := w.seen(c)
	if err != nil {
		return nil, nil, err
	}
	if !ch.isMember[w.app.UserID] {
		return nil, nil, fail("not_in_channel")
	}
	if ch.Archived {
		return nil, nil, fail("is_archived")
	}
	m := ch.messages[c.str("timestamp")]
	if m == nil {
		return nil, nil, fail("message_not_found")
	}
	return ch, m, nil
}

var emojiName = regexp.MustCompile(`^[a-z0-9_+'-]+(::skin-tone-[2-6])?$`)

func reactionAdd(w *Workspace, c *call) (object, error) {
	name := c.str("name")
	if !emojiName.MatchString(name) {
		return nil, fail("invalid_name")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, old, err := w.reactionTarget(c)
	if err != nil {
		return nil, err
	}
	m := *old
	m.Reactions = slices.Clone(old.Reactions)
	i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Name == name })
	switch {
	case i >= 0 && slices.Contains(m.Reactions[i].Users, w.app.UserID):
		return nil, fail("already_reacted")
	case i >= 0:
		r := &m.Reactions[i]
		r.Users = append(slices.Clone(r.Users), w.app.UserID)
		r.Count = len(r.Users)
	case len(m.Reactions) >= 23:
		return nil, fail("too_many_emoji")
	default:
		m.Reactions = append(m.Reactions, Reaction{Name: name, Users: []string{w.app.UserID}, Count: 1})
	}
	w.replace(ch, &m)
	return nil, nil
}

func reactionRemove(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, old, err := w.reactionTarget(c)
	if err != nil {
		return nil, err
	}
	m := *old
	m.Reactions = nil
	found := false
	for _, r := range old.Reactions {
		if r.Name == c.str("name") && slices.Contains(r.Users, w.app.UserID) {
			found = true
			r.Users = slices.DeleteFunc(slices.Clone(r.Users), func(u string) bool { return u == w.app.UserID })
			r.Count = len(r.Users)
		}
		if r.Count > 0 {
			m.Reactions = append(m.Reactions, r)
		}
	}
	if !found {
		return nil, fail("no_reaction")
	}
	w.replace(ch, &m)
	return nil, nil
}

func reactionGet(w *Workspace, c *call) (object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, m, err := w.reactionTarget(c)
	if err != nil {
		return nil, err
	}
	return object{"type": "message", "channel": ch.ID, "message": w.wire(m, false)}, nil
}

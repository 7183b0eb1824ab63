package slacksim

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// channel is a conversation: a channel or a direct message with the app.
type channel struct {
	Channel
	user    string // of a direct message
	created int64
	most    int

	members  []string // in the order they came
	isMember map[string]bool

	order    []string // ts, ascending, replies included
	messages map[string]*Message
	replies  map[string][]string // parent's ts -> replies' ts
}

func newChannel(c Channel, created int64, most int) *channel {
	return &channel{
		Channel: c, created: created, most: most,
		isMember: map[string]bool{}, messages: map[string]*Message{}, replies: map[string][]string{},
	}
}

func (c *channel) isDM() bool { return c.user != "" }

func (c *channel) join(user string) bool {
	if c.isMember[user] {
		return false
	}
	c.isMember[user] = true
	c.members = append(c.members, user)
	return true
}

func (c *channel) leave(user string) bool {
	if !c.isMember[user] {
		return false
	}
	delete(c.isMember, user)
	c.members = slices.DeleteFunc(slices.Clone(c.members), func(m string) bool { return m == user })
	return true
}

func (c *channel) has(user string) bool { return c.isMember[user] }

// visible says whether a person can see the channel at all.
func (c *channel) visible(user string) bool {
	return c.isMember[user] || !c.Private && !c.isDM()
}

// nameInPayload is how interaction payloads call the channel.
func (c *channel) nameInPayload() string {
	switch {
	case c.isDM():
		return "directmessage"
	case c.Private:
		return "privategroup"
	}
	return c.Name
}

// scope is the scope of one family ("history", "read") for this kind of channel.
func (c *channel) scope(family string) string {
	switch {
	case c.isDM():
		return "im:" + family
	case c.Private:
		return "groups:" + family
	}
	return "channels:" + family
}

// insert adds a message, counts it at its parent, and returns the changed
// parent if there is one.
func (c *channel) insert(m *Message) (parent *Message) {
	c.order = append(c.order, m.TS)
	c.messages[m.TS] = m
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		c.replies[m.ThreadTS] = append(c.replies[m.ThreadTS], m.TS)
		parent = c.recount(m.ThreadTS)
	}
	for len(c.order) > c.most {
		c.remove(c.order[0])
	}
	return parent
}

// recount renews a parent's figures after its replies changed.
func (c *channel) recount(ts string) *Message {
	old := c.messages[ts]
	if old == nil {
		return nil
	}
	parent := *old
	replies := c.replies[ts]
	parent.ReplyCount, parent.LatestReply, parent.ReplyUsers, parent.ThreadTS = len(replies), "", nil, ""
	if len(replies) > 0 {
		parent.ThreadTS, parent.LatestReply = ts, replies[len(replies)-1]
	}
	for _, r := range replies {
		if m := c.messages[r]; m != nil && len(parent.ReplyUsers) < 5 && !slices.Contains(parent.ReplyUsers, m.User) {
			parent.ReplyUsers = append(parent.ReplyUsers, m.User)
		}
	}
	c.messages[ts] = &parent
	return &parent
}

// remove takes a message away and returns the changed parent if there is one.
func (c *channel) remove(ts string) (parent *Message) {
	m := c.messages[ts]
	if m == nil {
		return nil
	}
	delete(c.messages, ts)
	if i, found := slices.BinarySearch(c.order, ts); found {
		if i == 0 {
			c.order = c.order[1:] // append moves the rest over in time
		} else {
			c.order = slices.Delete(c.order, i, i+1)
		}
	}
	if m.ThreadTS == "" || m.ThreadTS == ts {
		delete(c.replies, ts)
		return nil
	}
	left := slices.DeleteFunc(c.replies[m.ThreadTS], func(r string) bool { return r == ts })
	if c.replies[m.ThreadTS] = left; len(left) == 0 {
		delete(c.replies, m.ThreadTS)
	}
	return c.recount(m.ThreadTS)
}

func (c *channel) all() []Message {
	list := make([]Message, 0, len(c.order))
	for _, ts := range c.order {
		list = append(list, *c.messages[ts])
	}
	return list
}

// span is a part of time; empty ends are open.
type span struct {
	oldest, latest string
	inclusive      bool
}

func (s span) contains(ts string) bool {
	if s.oldest != "" && (compareTS(ts, s.oldest) < 0 || !s.inclusive && compareTS(ts, s.oldest) == 0) {
		return false
	}
	return s.latest == "" || compareTS(ts, s.latest) < 0 || s.inclusive && compareTS(ts, s.latest) == 0
}

// newest returns up to n messages of the main conversation in s that are
// older than before (if set), newest first, and whether there are more.
func (c *channel) newest(s span, before string, n int) (found []*Message, more bool) {
	end := len(c.order)
	for _, bound := range []string{s.latest, before} {
		if bound != "" {
			end = min(end, sort.Search(len(c.order), func(i int) bool { return compareTS(c.order[i], bound) > 0 }))
		}
	}
	for i := end - 1; i >= 0; i-- {
		ts := c.order[i]
		if s.oldest != "" && compareTS(ts, s.oldest) < 0 {
			break
		}
		m := c.messages[ts]
		if !s.contains(ts) || before != "" && compareTS(ts, before) >= 0 || m.ThreadTS != "" && m.ThreadTS != ts && !m.Broadcast {
			continue
		}
		if len(found) == n {
			return found, true
		}
		found = append(found, m)
	}
	return found, false
}

// compareTS orders two timestamps. Callers may write them with fewer digits
// ("1700000000", "1700000000.5"), so texts are compared part by part.
func compareTS(a, b string) int {
	as, af := splitTS(a)
	bs, bf := splitTS(b)
	if len(as) != len(bs) {
		return cmp.Compare(len(as), len(bs))
	}
	if as != bs {
		return cmp.Compare(as, bs)
	}
	return cmp.Compare(af, bf)
}

// splitTS returns whole seconds without leading zeros, and six digits of a fraction.
func splitTS(ts string) (seconds, fraction string) {
	seconds, fraction, _ = strings.Cut(ts, ".")
	return strings.TrimLeft(seconds, "0"), (fraction + "000000")[:6]
}

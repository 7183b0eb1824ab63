package slacksim

import "sync"

// notifier tells waiters that something changed, and carries the page's events.
// Without waiters and subscribers a change costs one lock.
type notifier struct {
	mu      sync.Mutex
	waiting chan struct{} // closed by the next change; nil while nobody waits
	subs    map[*subscriber]bool
	closed  bool
}

// subscriber is one open page. Its channel is closed when the page fell behind
// or the workspace ended; the page then asks for the snapshot again.
type subscriber struct {
	as     string
	events chan []byte
}

// next returns a channel that the next change closes.
func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting == nil {
		n.waiting = make(chan struct{})
	}
	return n.waiting
}

func (n *notifier) changed() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting != nil {
		close(n.waiting)
		n.waiting = nil
	}
}

func (n *notifier) subscribe(as string) *subscriber {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &subscriber{as: as, events: make(chan []byte, 256)}
	if n.closed {
		close(s.events)
		return s
	}
	if n.subs == nil {
		n.subs = map[*subscriber]bool{}
	}
	n.subs[s] = true
	return s
}

func (n *notifier) unsubscribe(s *subscriber) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(s)
}

func (n *notifier) drop(s *subscriber) {
	if n.subs[s] {
		delete(n.subs, s)
		close(s.events)
	}
}

// publish sends event to the pages of those people who may see it.
func (n *notifier) publish(may func(user string) bool, event func() any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var data []byte
	for s := range n.subs {
		if !may(s.as) {
			continue
		}
		if data == nil {
			data = encode(event())
		}
		select {
		case s.events <- data:
		default:
			n.drop(s)
		}
	}
}

func (n *notifier) closeAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for s := range n.subs {
		n.drop(s)
	}
}

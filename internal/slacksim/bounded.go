package slacksim

import (
	"errors"
	"sync"
)

var errClosed = errors.New("the workspace is closed")

// ring keeps the last n values.
type ring[T any] struct {
	mu   sync.Mutex
	vals []T
	next int
	n    int
}

func newRing[T any](n int) *ring[T] { return &ring[T]{n: n} }

func (r *ring[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.vals) < r.n {
		r.vals = append(r.vals, v)
		return
	}
	r.vals[r.next] = v
	r.next = (r.next + 1) % r.n
}

// filter returns the kept values that please f, oldest first.
func (r *ring[T]) filter(f func(T) bool) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []T
	for i := range r.vals {
		if v := r.vals[(r.next+i)%len(r.vals)]; f(v) {
			found = append(found, v)
		}
	}
	return found
}

// bounded is a map that forgets its oldest entries. It is not safe for concurrent use.
type bounded[V any] struct {
	vals map[string]*V
	keys []string
	n    int
}

func newBounded[V any](n int) *bounded[V] { return &bounded[V]{vals: map[string]*V{}, n: n} }

func (l *bounded[V]) put(key string, v V) {
	if len(l.keys) >= l.n {
		delete(l.vals, l.keys[0])
		l.keys = l.keys[1:]
	}
	l.vals[key] = &v
	l.keys = append(l.keys, key)
}

func (l *bounded[V]) get(key string) *V { return l.vals[key] }

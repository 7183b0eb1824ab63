package keyfactor

import (
	"container/list"
	"sync"
)

// lru remembers the values that were asked for most recently.
type lru[K comparable, V any] struct {
	size int

	mu    sync.Mutex
	order *list.List // of lruEntry, most recent first
	by    map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{size: size, order: list.New(), by: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.by[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	return e.Value.(lruEntry[K, V]).value, true
}

func (l *lru[K, V]) put(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.by[key]; ok {
		l.order.Remove(e)
	}
	l.by[key] = l.order.PushFront(lruEntry[K, V]{key, value})
	if l.order.Len() > l.size {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.by, oldest.Value.(lruEntry[K, V]).key)
	}
}

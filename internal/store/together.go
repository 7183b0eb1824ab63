package store

import (
	"context"
	"fmt"
	"sync"
)

// writer lets SQLite's one writer commit for many. A commit that survives a power
// cut costs a sync of the disk, and whoever waits for the connection meanwhile can
// share the next one: all that wait run one after the other in one transaction,
// each behind a savepoint of its own, so that one that fails takes nobody along.
// Nobody is told that it is done before the common commit.
//
//	caller   ──┐
//	caller   ──┼─ waiting ── whoever gets the turn ── BEGIN … SAVEPOINT … RELEASE … COMMIT ── all are told
//	caller   ──┘
//
// There is no goroutine of its own: one of those who wait does the work of all.
// What follows from a person's click goes first.
type writer struct {
	turn chan struct{} // held by whoever works

	mu             sync.Mutex
	urgent, normal []*call
}

// call is one transaction that waits.
type call struct {
	ctx      context.Context //nolint:containedctx // it travels through the queue
	fn       func(context.Context, *unit) error
	urgent   bool
	unit     *unit
	done     chan struct{} // closed at the end; then the following can be read
	err      error
	panicked any
}

const (
	// most bounds one transaction: the first of it waits for the last.
	most = 64
	// besides is how many others may share a transaction with what a click waits for.
	besides = 8
)

func newWriter() *writer { return &writer{turn: make(chan struct{}, 1)} }

// run has fn done in a transaction, together with those of others.
func (s *Store) together(ctx context.Context, urgent bool, fn func(context.Context, *unit) error) error {
	c := &call{ctx: ctx, fn: fn, urgent: urgent, done: make(chan struct{})}
	s.writer.add(c)
	for {
		select {
		case <-c.done:
		case s.writer.turn <- struct{}{}:
			s.serve(s.writer.take())
			<-s.writer.turn
			continue
		case <-ctx.Done():
			if s.writer.remove(c) {
				return fmt.Errorf("begin: %w", ctx.Err())
			}
			<-c.done // it is being done, and only the end tells whether it is
		}
		if c.panicked != nil {
			panic(c.panicked)
		}
		return c.err
	}
}

func (w *writer) add(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.urgent {
		w.urgent = append(w.urgent, c)
	} else {
		w.normal = append(w.normal, c)
	}
}

// take returns those whose turn it is.
func (w *writer) take() (all []*call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.urgent), most)
	all, w.urgent = append(all, w.urgent[:n]...), w.urgent[n:]
	room := most - n
	if n > 0 {
		room = min(room, besides)
	}
	n = min(len(w.normal), room)
	all, w.normal = append(all, w.normal[:n]...), w.normal[n:]
	return all
}

// remove takes a call back that nobody has begun.
func (w *writer) remove(c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, queue := range []*[]*call{&w.urgent, &w.normal} {
		for i, other := range *queue {
			if other == c {
				*queue = append((*queue)[:i:i], (*queue)[i+1:]...)
				return true
			}
		}
	}
	return false
}

// serve does the calls in one transaction. Should that fail as a whole, each is
// done alone, and gets its own answer.
func (s *Store) serve(calls []*call) {
	if len(calls) == 1 || len(calls) > 1 && s.share(calls) != nil {
		for _, c := range calls {
			if err := s.share([]*call{c}); err != nil {
				c.err = err
			}
		}
	}
	for _, c := range calls {
		close(c.done)
	}
}

// share commits the calls together. The answer to each is in it; what is returned
// concerns all. What runs does not end with its caller: a statement that is cut
// off takes the whole transaction with it.
func (s *Store) share(calls []*call) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back

	all := &unit{tx: tx, now: s.now()}
	for _, c := range calls {
		c.panicked = nil
		if c.err = c.ctx.Err(); c.err != nil {
			continue
		}
		u := &unit{tx: tx, now: all.now, urgent: c.urgent}
		if len(calls) == 1 {
			if c.err = c.attempt(u); c.err != nil {
				return c.err
			}
		} else {
			if _, err := tx.ExecContext(ctx, `SAVEPOINT one`); err != nil {
				return err
			}
			if c.err = c.attempt(u); c.err != nil {
				if _, err := tx.ExecContext(ctx, `ROLLBACK TO one`); err != nil {
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, `RELEASE one`); err != nil {
				return err
			}
			if c.err != nil {
				continue
			}
		}
		all.join(u)
	}
	return s.commit(ctx, all)
}

// attempt runs a call's function. A panic is its caller's, not of whoever works.
func (c *call) attempt(u *unit) (err error) {
	defer func() {
		if c.panicked = recover(); c.panicked != nil {
			err = fmt.Errorf("panic: %v", c.panicked)
		}
	}()
	return c.fn(context.WithoutCancel(c.ctx), u)
}

// join takes over what follows from another unit.
func (u *unit) join(other *unit) {
	for key, j := range other.jobs {
		if earlier, ok := u.jobs[key]; !ok || j.urgent && !earlier.urgent {
			u.put(key, j)
		}
	}
	u.entries = append(u.entries, other.entries...)
}

package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

// writer lets one transaction commit for many. A commit that survives a power cut
// costs a sync of the disk, and all that write to the audit log do it one after the
// other. So whoever has to wait shares the next commit with all that wait: they run
// one after the other in one transaction, each behind a savepoint of its own, so
// that one that fails takes nobody along. Nobody is told that it is done before the
// common commit.
//
//	caller   ──┐
//	caller   ──┼─ waiting ── whose turn it is ── BEGIN … SAVEPOINT … RELEASE … COMMIT ── all are told
//	caller   ──┘
//
// A goroutine does the work of all that wait, for as long as anybody does; so no
// caller is held up beyond its own time by another's trouble. What follows from a person's click goes first. On SQLite, which has one writer
// anyway, everything goes this way. On PostgreSQL clicks and signals do, a few
// transactions at a time, in which requests are locked in one order.
type writer struct {
	abreast int // how many transactions may run at a time

	mu             sync.Mutex
	working        int // transactions that run
	urgent, normal []*call
}

// call is one transaction that waits.
type call struct {
	ctx      context.Context //nolint:containedctx // it travels through the queue
	fn       func(context.Context, *unit) error
	urgent   bool
	order    string        // in which such calls lock what they lock; empty where that does not matter
	done     chan struct{} // closed at the end; then the following can be read
	err      error
	panicked any
}

const (
	// most bounds one transaction: the first of it waits for the last.
	most = 64
	// besides is how many others may share a transaction with what a click waits for.
	besides = 8
	// abreast is how many such transactions PostgreSQL gets at a time: while one
	// commits, others can begin.
	abreast = 3
)

func newWriter(abreast int) *writer { return &writer{abreast: abreast} }

// together has the call done, with others that wait.
func (s *Store) together(c *call) error {
	if s.writer.add(c) {
		go s.work()
	}
	select {
	case <-c.done:
	case <-c.ctx.Done():
		if s.writer.remove(c) {
			return fmt.Errorf("begin: %w", c.ctx.Err())
		}
		<-c.done // it is being done, and only the end tells whether it is
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.err
}

// work serves those who wait until nobody does.
func (s *Store) work() {
	for calls := s.writer.take(); len(calls) > 0; calls = s.writer.take() {
		s.serve(calls)
	}
}

// add lets a call wait, and reports whether somebody has to begin to work.
func (w *writer) add(c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.urgent {
		w.urgent = append(w.urgent, c)
	} else {
		w.normal = append(w.normal, c)
	}
	if w.working == w.abreast {
		return false
	}
	w.working++
	return true
}

// take returns those whose turn it is. Whoever gets nobody has ended work.
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
	if len(all) == 0 {
		w.working--
	}
	slices.SortStableFunc(all, func(a, b *call) int { return cmp.Compare(a.order, b.order) })
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
	shared := len(calls) > 1 && s.share(calls) == nil
	if !shared { // whose time is over must not wait for the others
		slices.SortStableFunc(calls, func(a, b *call) int { return cmp.Compare(b.over(), a.over()) })
	}
	for _, c := range calls {
		if !shared {
			if c.panicked, c.err = nil, c.ctx.Err(); c.err == nil {
				c.err = s.outlast(c)
			}
		}
		close(c.done)
	}
}

// over is 1 for a call whose caller's time is over.
func (c *call) over() int {
	if c.ctx.Err() != nil {
		return 1
	}
	return 0
}

// outlast does a call alone. Once begun it does not end with its caller.
func (s *Store) outlast(c *call) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), callTimeout)
	defer cancel()
	begun := whileAwaited([]*call{c}, cancel)
	defer begun()
	return s.alone(ctx, c.urgent, func(_ context.Context, u *unit) error {
		begun()
		return c.attempt(s.within(ctx, c.ctx), u)
	})
}

// share commits the calls together. The answer to each is in it; what is returned
// concerns all. What runs does not end with its caller: a statement that is cut
// off takes the whole transaction with it.
func (s *Store) share(calls []*call) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	begun := whileAwaited(calls, cancel)
	tx, err := s.db.BeginTx(ctx, nil)
	begun()
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back

	all := &unit{tx: tx, now: s.now()}
	for _, c := range calls {
		if c.err = c.ctx.Err(); c.err != nil {
			continue
		}
		if _, err := tx.ExecContext(ctx, `SAVEPOINT one`); err != nil {
			return err
		}
		u := &unit{tx: tx, now: all.now, urgent: c.urgent}
		if c.err = c.attempt(s.within(ctx, c.ctx), u); c.err == nil {
			all.join(u)
		} else if repeatable(c.err) {
			return c.err
		} else if _, err := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT one`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `RELEASE SAVEPOINT one`); err != nil {
			return err
		}
	}
	return s.commit(ctx, all)
}

// within gives what runs its caller's values, and not its end.
func (s *Store) within(all, caller context.Context) context.Context {
	if !s.engine.shared {
		return context.WithoutCancel(caller) // nothing there waits for anybody, and watching for the end costs
	}
	return outlasting{Context: all, values: caller}
}

// outlasting ends with one context and has the values of another.
type outlasting struct {
	context.Context
	values context.Context //nolint:containedctx // they are its point
}

func (c outlasting) Value(key any) any { return c.values.Value(key) }

// whileAwaited gives up as soon as one of the callers does, until begun is called:
// where another program has locked the file, a click has to hear of it within its
// time. The others are then done alone.
func whileAwaited(calls []*call, giveUp func()) (begun func()) {
	stops := make([]func() bool, len(calls))
	for i, c := range calls {
		stops[i] = context.AfterFunc(c.ctx, giveUp)
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// attempt runs a call's function. A panic is its caller's, not of whoever works.
func (c *call) attempt(ctx context.Context, u *unit) (err error) {
	defer func() {
		if c.panicked = recover(); c.panicked != nil {
			err = fmt.Errorf("panic: %v", c.panicked)
		}
	}()
	return c.fn(ctx, u)
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

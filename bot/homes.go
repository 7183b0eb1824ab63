package bot

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// How open Home tabs are kept up to date. Slack tells when one is opened and never
// when it is left, so it counts as open for a while.
const (
	homeOpen = 15 * time.Minute
	// homesKept are how many are kept up to date; those opened last.
	homesKept = 30
	// A round over all of them is spread, well below the hundred a minute that
	// Slack allows: presses need views as well.
	homesPerSecond = 0.8
	homesBurst     = 5
)

// homes are the Home tabs that people have open, as far as this process knows:
// they are remembered in memory only. While there are any, one goroutine looks
// every few seconds whether the open requests have changed, wherever that came
// from (another replica, the portal, a click), and draws those tabs anew that
// would show something else.
type homes struct {
	every time.Duration
	now   func() time.Time
	round func(context.Context, []string) // draws these people's tabs
	mark  func(context.Context) (string, error)
	log   *zap.Logger

	mu      sync.Mutex
	open    map[string]*openHome
	drawn   string // the mark of the state that the tabs show
	until   time.Time
	running bool
	ctx     context.Context
	end     context.CancelFunc
	done    sync.WaitGroup
}

type openHome struct {
	place homePlace
	seen  time.Time

	drawing sync.Mutex // held while it is drawn: the later state is shown last
	look    string     // what it shows
}

func newHomes(every time.Duration, now func() time.Time, log *zap.Logger, mark func(context.Context) (string, error), round func(context.Context, []string)) *homes {
	h := &homes{every: every, now: now, log: log, mark: mark, round: round, open: map[string]*openHome{}}
	h.ctx, h.end = context.WithCancel(context.Background())
	return h
}

// see notes that a person has their Home tab before them. Where they are in it
// is known already, or as the view says.
func (h *homes) see(user string, place homePlace) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.open[user]
	if !ok {
		o = &openHome{place: place}
		h.open[user] = o
	}
	o.seen = h.now()
	if !h.running && h.ctx.Err() == nil {
		h.running = true
		h.done.Go(h.watch)
	}
}

// move notes that a person turned to another place.
func (h *homes) move(user string, place homePlace) {
	h.see(user, place)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[user].place = place
}

// knows reports whether the person has the tab open.
func (h *homes) knows(user string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.open[user]
	return ok
}

// hold keeps others from drawing a person's tab until done is called, and says
// where in it they are.
func (h *homes) hold(user string) (o *openHome, place homePlace, done func()) {
	h.mu.Lock()
	o, ok := h.open[user]
	if !ok {
		o = &openHome{seen: h.now()}
		h.open[user] = o
	}
	h.mu.Unlock()
	o.drawing.Lock()
	h.mu.Lock()
	defer h.mu.Unlock()
	return o, o.place, o.drawing.Unlock
}

// again has the tabs looked at once more, not before Slack's pause is over.
func (h *homes) again(after time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drawn, h.until = "", h.now().Add(after)
}

// close ends the watching and waits for it.
func (h *homes) close() {
	h.mu.Lock() // so that none begins while we wait
	h.end()
	h.mu.Unlock()
	h.done.Wait()
}

func (h *homes) watch() {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	pace := rate.NewLimiter(homesPerSecond, homesBurst)
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		people, ok := h.watched()
		if !ok {
			return
		}
		h.look(people, pace)
	}
}

// watched are those whose tabs are kept up to date, who looked last first. It is
// false, and the watching over, when nobody is left.
func (h *homes) watched() (people []string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for user, o := range h.open {
		if h.now().Sub(o.seen) > homeOpen {
			delete(h.open, user)
			continue
		}
		people = append(people, user)
	}
	slices.SortFunc(people, func(a, b string) int {
		return cmp.Or(h.open[b].seen.Compare(h.open[a].seen), cmp.Compare(a, b))
	})
	if len(people) == 0 {
		h.running, h.drawn = false, ""
	}
	return people[:min(len(people), homesKept)], len(people) > 0
}

func (h *homes) look(people []string, pace *rate.Limiter) {
	ctx, cancel := context.WithTimeout(h.ctx, 2*time.Minute)
	defer cancel()
	mark, err := h.mark(ctx)
	if err != nil {
		h.log.Debug("it cannot be seen whether open Home tabs are up to date", zap.Error(err))
		return
	}
	h.mu.Lock()
	same := mark == h.drawn || h.now().Before(h.until)
	if !same {
		h.drawn = mark
	}
	h.mu.Unlock()
	if same {
		return
	}
	for one := range slices.Chunk(people, homesBurst) {
		if pace.WaitN(ctx, len(one)) != nil {
			return
		}
		h.round(ctx, one)
	}
}

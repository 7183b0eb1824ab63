package poller

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

// Rules are fingerprints of what the configuration says about requests.
type Rules struct {
	// Routing is of all routes together.
	Routing string `json:"routing"`
	// Routes are of each route, by its name.
	Routes map[string]string `json:"routes"`
	// Cards is of what else every card shows.
	Cards string `json:"cards"`
	// Facts is of what is read of each request in Keyfactor.
	Facts string `json:"facts"`
}

// settingPlaced is where the rules are kept by which open requests were last
// placed: also when the configuration changed while nobody polled, and whichever
// replica polls next, each open request follows.
const settingPlaced = "placed"

// transition is what a pass has to do because the rules have changed; nil when
// they have not.
type transition struct{ before, now Rules }

// rereads reports whether every request has to be read again.
func (t *transition) rereads() bool {
	return t != nil && t.before.Facts != "" && t.before.Facts != t.now.Facts
}

// redraws reports whether the cards of a route's requests show something else now.
func (t *transition) redraws(route string) bool {
	return t.before.Routes != nil && (t.before.Routes[route] != t.now.Routes[route] || t.before.Cards != t.now.Cards)
}

// transition finds out whether the rules have changed. It is called within a pass.
func (p *Poller) transition(ctx context.Context) (*transition, error) {
	t := &transition{now: p.c.Rules()}
	if reflect.DeepEqual(t.now, p.placed) {
		return nil, nil
	}
	text, _, err := p.c.Store.Setting(ctx, settingPlaced)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal([]byte(text), &t.before) != nil {
		t.before = Rules{} // never written, or damaged: requests are placed, and their cards left alone
	}
	if reflect.DeepEqual(t.now, t.before) {
		p.placed = t.now
		return nil, nil
	}
	return t, nil
}

// moved concludes a transition: all open requests have followed.
func (p *Poller) moved(ctx context.Context, t *transition) error {
	text, err := json.Marshal(t.now)
	if err == nil {
		err = p.c.Store.PutSetting(ctx, settingPlaced, string(text))
	}
	if err != nil {
		return fmt.Errorf("remember by what rules requests were placed: %w", err)
	}
	p.placed = t.now
	if t.before.Routes != nil {
		p.c.Log.Info("open requests follow the changed configuration")
	}
	return nil
}

// follow has the open requests of a kind follow the rules as they are now. It
// reports false when some could not; they are tried again at the next pass.
func (p *Poller) follow(ctx context.Context, t *transition, kind approval.Kind) bool {
	if t == nil {
		return true
	}
	known, err := p.c.Store.Known(ctx, kind)
	if err != nil {
		p.c.Log.Error("requests could not follow the changed configuration; the next poll tries again", zap.Error(err))
		return false
	}
	left := count(ctx, p.c.Concurrency, known, func(k store.Known) bool {
		err := p.move(ctx, t, k)
		if err != nil {
			p.c.Log.Error("request could not follow the changed configuration; the next poll tries again", zap.String("request", string(k.ID)), zap.Error(err))
		}
		return err != nil
	})
	return left == 0
}

// move has one pending request follow: to its route, to the channels of that, and
// with a card that shows what counts. Where it is shown already it stays. One that
// no route takes any more can be decided by nobody.
func (p *Poller) move(ctx context.Context, t *transition, k store.Known) error {
	if k.State != approval.Pending {
		p.late.Store(k.ID, true) // should its decision fail
		return nil
	}
	record, err := p.c.Store.Request(ctx, k.ID)
	if err != nil {
		return err
	}
	place, err := p.c.Route(ctx, record.Request)
	switch {
	case err != nil:
		return err
	case place.Route != k.Route:
		moved, err := p.c.Store.Reroute(ctx, k.ID, place)
		if moved && place.Route == "" {
			// The pass tells the admins, as of every request without a route.
			p.c.Log.Warn("no route takes this request any more, so nobody is asked; add a route for it", zap.String("request", string(k.ID)))
		}
		return err
	case place.Route == "" || !t.redraws(place.Route):
		return nil
	}
	if err := p.c.Store.Place(ctx, k.ID, place.Channels...); err != nil {
		return err
	}
	return p.c.Store.Redraw(ctx, k.ID)
}

package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"
)

// Socket is the transport by Socket Mode. It asks slack-go's client for an
// address and keeps the WebSocket itself, because the library's own client loses
// clicks: it closes a link the moment Slack announces that it will replace it,
// and sends the answers to what came by the old link over the next one, where
// they do not count. Here
//
//   - a link that Slack is about to replace is used until the next one stands;
//   - an envelope is acknowledged on the link it came by, or not at all;
//   - a link is pinged, and one that is silent for too long, or never says hello, is
//     given up and built anew from nothing, whatever TCP says;
//   - a link that answers pings proves nothing about clicks. Whether Slack still has
//     it in its books only a click could show; so one that has brought none for ten
//     minutes is replaced by a fresh one, which stands before the old one goes;
//   - reading never works: it hands over to a bounded pool.
//
// https://docs.slack.dev/apis/events-api/using-socket-mode
type Socket struct {
	handler  Handler
	api      *slack.Client // with the app-level token
	log      *zap.Logger
	ping     time.Duration
	renew    time.Duration
	replicas func(context.Context) (int, error)
	ended    func(reason string)

	mu     sync.Mutex
	open   int // links that said hello
	status SocketStatus
}

// SocketStatus is the state of the link.
type SocketStatus struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`
	// Trouble is a sentence for an operator. It can be there although there is a link.
	Trouble string `json:"trouble,omitempty"`
	// Foreign is how many more links of this app Slack counted than can be ours, when
	// it last told us.
	Foreign int `json:"foreign,omitempty"`
}

const (
	socketWorkers = 64
	socketQueue   = 2048 // a burst of clicks waits here
	socketPing    = 5 * time.Second
	// socketSilence is how many pings may stay without any sign of life: a deaf link
	// is noticed within 20 s.
	socketSilence = 4
	// socketRenew is how long a link may bring nothing before it is replaced.
	socketRenew   = 10 * time.Minute
	socketFirst   = 200 * time.Millisecond
	socketBackoff = time.Minute
	// socketSteady is from which age on the end of a link is nothing unusual, and the next try comes at once.
	socketSteady = 30 * time.Second
)

// SocketOption changes what NewSocket makes.
type SocketOption func(*Socket)

// PingEvery sets how often the link is pinged, by default every 5 s. A link that
// gives no sign of life for four times as long is given up.
func PingEvery(d time.Duration) SocketOption { return func(s *Socket) { s.ping = d } }

// RenewAfter sets how long a link may bring nothing, neither click nor command nor
// event, before it is replaced; by default 10 minutes.
func RenewAfter(d time.Duration) SocketOption { return func(s *Socket) { s.renew = d } }

// Replicas says how to learn how many processes, this one included, may hold a
// link to the same app. Without it this one is alone. When Slack counts more
// links than that, somebody else uses the app's token and takes part of the clicks.
func Replicas(count func(context.Context) (int, error)) SocketOption {
	return func(s *Socket) { s.replicas = count }
}

// Ended is told why a link ended or could not be opened: one of replaced (Slack
// wished it), rotated (we did), silent, refused and broken.
func Ended(tell func(reason string)) SocketOption { return func(s *Socket) { s.ended = tell } }

// NewSocket returns the transport.
func NewSocket(h Handler, api *slack.Client, log *zap.Logger, options ...SocketOption) *Socket {
	s := &Socket{handler: h, api: api, log: log, ping: socketPing, renew: socketRenew, replicas: func(context.Context) (int, error) { return 1, nil }, ended: func(string) {}}
	for _, option := range options {
		option(s)
	}
	return s
}

// Status returns the state of the link.
func (s *Socket) Status() SocketStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// change counts a link in or out, and says what is wrong.
func (s *Socket) change(links int, trouble string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += links
	if connected := s.open > 0; s.status.Connected != connected {
		s.status.Connected, s.status.Since = connected, time.Now().UTC()
	}
	s.status.Trouble = trouble
}

// Run keeps a link until ctx ends. It returns when what was taken in has been
// answered and all links are closed.
func (s *Socket) Run(ctx context.Context) {
	queue := make(chan envelope, socketQueue)
	var workers, links sync.WaitGroup
	for range socketWorkers {
		workers.Go(func() {
			for e := range queue {
				s.serve(e)
			}
		})
	}
	s.keep(ctx, queue, &links)
	links.Wait()
	close(queue)
	workers.Wait()
	s.change(0, "")
}

// keep opens one link after the other.
func (s *Socket) keep(ctx context.Context, queue chan<- envelope, links *sync.WaitGroup) {
	var old *link // is to go when the next one stands
	for delay := socketFirst; ctx.Err() == nil; delay = min(2*delay, socketBackoff) {
		begun := time.Now()
		l, err := s.dial(ctx)
		if err == nil {
			l.replaces, old = old, nil
			links.Go(func() { s.read(ctx, l, queue) })
			select {
			case <-l.leaving: // the next one is opened while this one goes on
				err = errLeaving
			case <-l.quiet:
				old, err = l, errQuiet
			case <-l.done:
				old, err = l.replaces, l.err // which still stands, if this one never did
			}
		}
		if ctx.Err() != nil {
			return
		}
		pause := delay/2 + rand.N(delay) //nolint:gosec // jitter is no secret
		if l != nil && (time.Since(begun) > socketSteady || errors.Is(err, errQuiet)) {
			delay, pause = socketFirst, 0
		}
		if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
			pause = max(pause, limited.RetryAfter)
		}
		s.lost(err, pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// lost tells the operator that a link ended or could not be opened.
func (s *Socket) lost(err error, pause time.Duration) {
	s.ended(linkEnd(err))
	if errors.Is(err, errLeaving) {
		s.log.Info("Slack replaces the link; the next one is opened first")
		return
	}
	if errors.Is(err, errQuiet) {
		s.log.Debug("the link has brought nothing for a while; a fresh one is opened first")
		return
	}
	sentence := linkAdvice(err)
	s.change(0, sentence)
	s.log.Error("no link to Slack: "+sentence, zap.Error(err), zap.Duration("next_try", pause))
}

// errLeaving means that Slack has announced the end of a link.
var errLeaving = errors.New("Slack announced that it closes the link") //nolint:staticcheck // a name

// errQuiet means that a link has brought nothing for so long that it is replaced to be sure.
var errQuiet = errors.New("the link has brought nothing for a while")

// disconnectError is the reason that Slack gave for the end of a link.
type disconnectError struct{ reason string }

func (e *disconnectError) Error() string { return "Slack closed the link: " + e.reason }

// linkEnd names why a link ended.
func linkEnd(err error) string {
	_, told := errors.AsType[*disconnectError](err)
	_, limited := errors.AsType[*slack.RateLimitedError](err)
	_, no := refused(err)
	switch {
	case errors.Is(err, errLeaving):
		return "replaced"
	case errors.Is(err, errQuiet):
		return "rotated"
	case errors.Is(err, errSilent), errors.Is(err, errNoHello):
		return "silent"
	case told || limited || no:
		return "refused"
	}
	return "broken"
}

// linkAdvice says what an operator can do about a broken link.
func linkAdvice(err error) string {
	var code string
	if told, ok := errors.AsType[*disconnectError](err); ok {
		code = told.reason
	} else if refusal, ok := refused(err); ok {
		code = refusal.Err
	}
	switch code {
	case "":
	case "missing_scope", "not_allowed_token_type":
		return "the app-level token needs the scope connections:write; make a new one under Basic Information, App-Level Tokens"
	case "link_disabled":
		return "Socket Mode is switched off in the app's settings; switch it on, or use transport: http"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired":
		return "Slack does not accept the app-level token; check slack.app_token"
	case "too_many_websockets":
		return "the app has too many open links; somebody else uses its token"
	default:
		return "Slack refused with " + code
	}
	if errors.Is(err, errSilent) {
		return "Slack fell silent on an open link; it is built anew"
	}
	if errors.Is(err, errNoHello) {
		return "Slack opened a link and did not say hello; it is built anew"
	}
	if _, limited := errors.AsType[*slack.RateLimitedError](err); limited {
		return "Slack asks to wait before the next try"
	}
	return "the link broke, or Slack cannot be reached"
}

// count compares the links that Slack counts with those that can be ours.
func (s *Socket) count(ctx context.Context, connections int) {
	replicas, err := s.replicas(ctx)
	if err != nil {
		s.log.Debug("replicas cannot be counted", zap.Error(err))
		return
	}
	s.mu.Lock()
	ours := max(s.open, 1) - 1 + replicas // while one link replaces another, both are ours
	s.status.Foreign = max(0, connections-ours)
	s.mu.Unlock()
	if connections > ours {
		sentence := fmt.Sprintf("Slack counts %d links of this app and only %d can be ours; unless a crashed process has just left one behind, somebody else uses the app-level token and takes part of the clicks", connections, ours)
		s.change(0, sentence)
		s.log.Warn(sentence)
	}
}

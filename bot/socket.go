package bot

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/zap"
)

// Socket is the transport by Socket Mode. It reads slack-go's events itself: the
// library's own handler starts goroutines that nobody waits for. Reading never
// works: it hands over to a bounded pool, because a full event buffer stops the
// library from answering pings and costs us the link.
//
// https://docs.slack.dev/apis/events-api/using-socket-mode
type Socket struct {
	handler Handler
	api     *slack.Client // with the app-level token
	log     *zap.Logger

	mu     sync.Mutex
	status SocketStatus
}

// SocketStatus is the state of the link.
type SocketStatus struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`
	Trouble   string    `json:"trouble,omitempty"`
}

const (
	socketWorkers = 16
	socketQueue   = 2048 // a burst of clicks waits here, not in the library's buffer
	socketBackoff = time.Minute
	// socketPatience is the longest pause of the library between two tries that we accept.
	socketPatience = 15 * time.Second
)

// NewSocket returns the transport.
func NewSocket(h Handler, api *slack.Client, log *zap.Logger) *Socket {
	return &Socket{handler: h, api: api, log: log}
}

// Status returns the state of the link.
func (s *Socket) Status() SocketStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Socket) set(connected bool, trouble string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Connected != connected {
		s.status.Since = time.Now().UTC()
	}
	s.status.Connected, s.status.Trouble = connected, trouble
}

// Run keeps a link until ctx ends, and then waits for what it has taken in. A
// link that the library gives up is built anew from nothing.
func (s *Socket) Run(ctx context.Context) {
	for delay := time.Second; ; delay = min(2*delay, socketBackoff) {
		begun := time.Now()
		err := s.link(ctx)
		if ctx.Err() != nil {
			s.set(false, "")
			return
		}
		if time.Since(begun) > socketBackoff {
			delay = time.Second
		}
		s.set(false, linkAdvice(err))
		s.log.Error("link to Slack lost: "+linkAdvice(err), zap.Error(err), zap.Duration("next_try", delay))
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay/2 + rand.N(delay)):
		}
	}
}

// link runs one client of the library until it ends.
func (s *Socket) link(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := socketmode.New(s.api, socketmode.OptionLog(log.New(io.Discard, "", 0)))
	queue := make(chan socketmode.Event, socketQueue)
	var workers sync.WaitGroup
	// What was taken in is finished even when the link or the service ends.
	work := context.WithoutCancel(ctx)
	for range socketWorkers {
		workers.Go(func() {
			for ev := range queue {
				s.serve(work, client, ev)
			}
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- client.RunContext(ctx) }()
	for {
		select {
		case ev := <-client.Events:
			if hopeless := s.take(queue, ev); hopeless {
				cancel()
			}
		case err := <-ended:
			close(queue)
			workers.Wait()
			return err
		}
	}
}

// take sorts an event; it must never block. It reports whether the link should
// be given up: the library would wait for minutes between its tries, and every
// click fails meanwhile.
func (s *Socket) take(queue chan<- socketmode.Event, ev socketmode.Event) (hopeless bool) {
	switch ev.Type {
	case socketmode.EventTypeHello:
		s.set(true, "")
		s.log.Info("link to Slack established", zap.Int("connections", ev.Request.NumConnections))
	case socketmode.EventTypeConnecting:
		s.set(false, s.Status().Trouble)
	case socketmode.EventTypeConnectionError:
		var err error
		if failed, ok := ev.Data.(*slack.ConnectionErrorEvent); ok {
			err, hopeless = failed.ErrorObj, failed.Backoff > socketPatience
		}
		s.set(false, linkAdvice(err))
		s.log.Warn("no link to Slack yet: "+linkAdvice(err), zap.Error(err))
	case socketmode.EventTypeIncomingError:
		s.set(false, "the link broke")
	case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI:
		select {
		case queue <- ev:
		default:
			// Not acknowledged, so the person sees at once that it did not work.
			s.log.Error("too much at once: an envelope of Slack's was not taken", zap.String("type", string(ev.Type)))
		}
	case socketmode.EventTypeErrorBadMessage, socketmode.EventTypeErrorWriteFailed:
		s.log.Warn("link to Slack hiccups", zap.String("event", string(ev.Type)))
	}
	return hopeless
}

// serve handles one envelope and acknowledges it on the link it came by.
func (s *Socket) serve(ctx context.Context, client *socketmode.Client, ev socketmode.Event) {
	if ev.Request == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var payload any
	switch data := ev.Data.(type) {
	case slack.InteractionCallback:
		payload = s.handler.Interact(ctx, data)
	case slack.SlashCommand:
		payload = s.handler.Command(ctx, data)
	case slackevents.EventsAPIEvent:
		s.handler.Event(ctx, data)
	default:
		s.log.Warn("envelope of Slack's could not be read", zap.String("type", string(ev.Type)))
		return
	}
	if err := client.AckCtx(ctx, ev.Request.EnvelopeID, payload); err != nil {
		s.log.Warn("acknowledgement did not reach Slack", zap.String("type", string(ev.Type)), zap.Error(err))
	}
}

// linkAdvice says what an operator can do about a broken link.
func linkAdvice(err error) string {
	if err == nil {
		return "Slack closed it"
	}
	refusal, ok := refused(err)
	if !ok {
		return "Slack cannot be reached"
	}
	switch refusal.Err {
	case "missing_scope", "not_allowed_token_type":
		return "the app-level token needs the scope connections:write; make a new one under Basic Information, App-Level Tokens"
	case "link_disabled":
		return "Socket Mode is switched off in the app's settings; switch it on, or use transport: http"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked":
		return "Slack does not accept the app-level token; check slack.app_token"
	case "too_many_websockets":
		return "the app has too many open links; somebody else uses its token"
	}
	return fmt.Sprintf("Slack refused with %s", refusal.Err)
}

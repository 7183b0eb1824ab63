package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"
)

const (
	linkHandshake = 10 * time.Second
	linkWrite     = 5 * time.Second
	// linkFrame bounds what Slack may send in one message.
	linkFrame = 4 << 20
	// linkAnswer is from which size on Slack drops an acknowledgement without a word.
	linkAnswer = 20_000
	// linkLeave is how long a link is used after Slack announced its end, should Slack not close it.
	linkLeave = time.Minute
	// linkWriteBuffer holds any answer, so that none is sent in fragments, which
	// Slack does not put together.
	linkWriteBuffer = 32 << 10
)

// errSilent means that a link gave no sign of life.
var errSilent = errors.New("no sign of life on the link")

// errNoHello means that a link was opened and Slack's first message did not come.
var errNoHello = errors.New("Slack did not say hello") //nolint:staticcheck // a name

// link is one WebSocket.
type link struct {
	conn    *websocket.Conn
	writing sync.Mutex
	taken   sync.WaitGroup // envelopes that came by this link and are not answered yet
	beside  sync.WaitGroup // what goes on beside reading
	hello   bool           // used by the reader only
	leaving chan struct{}  // closed when Slack announces the end
	quiet   chan struct{}  // closed when nothing has come for too long
	end     func()         // begins the end from our side

	awaitsHello, awaitsAny *time.Timer // Slack's first message, and any envelope
	renew                  time.Duration

	done chan struct{} // closed at the end
	err  error         // why it ended; read it after done

	replaces *link // goes when this one says hello; nil from then on
}

// envelope is a message of Slack's that wants an answer, on its link, by a time.
type envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
	// Of hello and disconnect.
	Connections int    `json:"num_connections"`
	Reason      string `json:"reason"`

	link     *link
	ctx      context.Context //nolint:containedctx // it is the deadline, and travels through the queue
	deadline time.Time
}

// dial opens a WebSocket at an address that Slack gives out.
func (s *Socket) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*linkHandshake)
	defer cancel()
	_, address, err := s.api.StartSocketModeContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask Slack for a link: %w", err)
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: linkHandshake, WriteBufferSize: linkWriteBuffer}
	conn, response, err := dialer.DialContext(ctx, address, nil)
	if response != nil && response.Body != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		// The address holds a ticket, and such errors do not repeat it.
		return nil, fmt.Errorf("open the link: %w", err)
	}
	conn.SetReadLimit(linkFrame)
	return &link{conn: conn, leaving: make(chan struct{}), quiet: make(chan struct{}), done: make(chan struct{})}, nil
}

// read takes what Slack sends until the link ends, or ctx does. It never waits
// for anything but Slack.
func (s *Socket) read(ctx context.Context, l *link, queue chan<- envelope) {
	work := context.WithoutCancel(ctx) // what was taken in is finished
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.end = func() { cancel(nil) }
	l.awaitsHello = time.AfterFunc(socketSilence*s.ping, func() { cancel(errNoHello) })
	defer l.awaitsHello.Stop()
	// Replicas that were started together must not replace their links together, or
	// each would count the other's two.
	l.renew = s.renew - rand.N(s.renew/5+1) //nolint:gosec // jitter is no secret
	l.awaitsAny = time.AfterFunc(l.renew+socketSilence*s.ping, sync.OnceFunc(func() { close(l.quiet) }))
	defer l.awaitsAny.Stop()
	alive := func() {
		_ = l.conn.NetConn().SetReadDeadline(time.Now().Add(socketSilence * s.ping))
		if ctx.Err() != nil {
			l.wake()
		}
	}
	undo := context.AfterFunc(ctx, l.wake)
	defer undo()
	alive()
	l.conn.SetPongHandler(func(string) error { alive(); return nil })
	l.conn.SetPingHandler(func(text string) error {
		alive()
		_ = l.conn.WriteControl(websocket.PongMessage, []byte(text), time.Now().Add(linkWrite)) // a broken link shows when it is read
		return nil
	})
	l.beside.Go(func() { l.ping(ctx, s.ping) })

	l.err = s.frames(ctx, work, l, queue, alive)
	if cause := context.Cause(ctx); errors.Is(cause, errNoHello) {
		l.err = cause
	}
	cancel(nil)
	l.taken.Wait() // answers still go out on a link that we close ourselves
	l.close()
	l.beside.Wait()
	if l.hello {
		s.change(-1, s.Status().Trouble)
	}
	close(l.done)
}

func (s *Socket) frames(ctx, work context.Context, l *link, queue chan<- envelope, alive func()) error {
	for {
		_, data, err := l.conn.ReadMessage()
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() && ctx.Err() == nil {
			return errSilent
		}
		if err != nil {
			return fmt.Errorf("read from the link: %w", err)
		}
		alive()
		e := envelope{link: l, ctx: work, deadline: time.Now().Add(answerWithin)}
		if err := json.Unmarshal(data, &e); err != nil {
			s.log.Warn("message of Slack's could not be read", zap.Error(err))
			continue
		}
		switch {
		case e.Type == "hello":
			l.awaitsHello.Stop()
			l.awaitsAny.Reset(l.renew)
			l.hello = true
			s.change(1, "")
			level := zap.InfoLevel
			if l.replaces != nil {
				level = zap.DebugLevel // every ten minutes, at night
				l.replaces.end()
				l.replaces = nil
			}
			s.log.Log(level, "link to Slack established", zap.Int("connections", e.Connections))
			l.beside.Go(func() { s.count(ctx, e.Connections) })
		case e.Type == "disconnect" && (e.Reason == "warning" || e.Reason == "refresh_requested"):
			select {
			case <-l.leaving: // said twice
			default:
				close(l.leaving)
				left := time.AfterFunc(linkLeave, l.end)
				defer left.Stop() //nolint:revive // happens once: the case before catches the next
			}
		case e.Type == "disconnect":
			return &disconnectError{e.Reason}
		case e.ID != "":
			l.awaitsAny.Reset(l.renew)
			s.take(queue, e)
		default:
			s.log.Warn("message of Slack's is of an unknown sort", zap.String("type", e.Type))
		}
	}
}

// take hands an envelope to the workers. It must never block.
func (s *Socket) take(queue chan<- envelope, e envelope) {
	e.link.taken.Add(1)
	select {
	case queue <- e:
	default:
		// Not acknowledged, so the person sees that it did not work.
		e.link.taken.Done()
		s.log.Error("too much at once: an envelope of Slack's was not taken", zap.String("type", e.Type))
	}
}

// serve handles one envelope and acknowledges it on the link it came by.
func (s *Socket) serve(e envelope) {
	defer e.link.taken.Done()
	ctx, cancel := context.WithDeadline(received(e.ctx, e.deadline.Add(-answerWithin)), e.deadline)
	defer cancel()
	log := s.log.With(zap.String("type", e.Type))
	defer func() {
		if value := recover(); value != nil {
			log.Error("handler panicked; the person is told by Slack that it did not work", zap.Any("panic", value), zap.ByteString("trace", debug.Stack()))
		}
	}()
	if ctx.Err() != nil {
		// Slack has told the person already that it did not work; so it must not work.
		log.Error("too much at once: an envelope of Slack's waited until its time was over")
		return
	}
	answer, err := s.dispatch(ctx, e)
	if err != nil {
		log.Warn("envelope of Slack's could not be read", zap.Error(err))
		return
	}
	if err := e.link.acknowledge(e.ID, answer); err != nil {
		log.Warn("acknowledgement did not reach Slack", zap.Error(err))
	}
}

// dispatch decodes a payload and calls the handler.
func (s *Socket) dispatch(ctx context.Context, e envelope) (answer any, err error) {
	switch e.Type {
	case "interactive":
		var cb slack.InteractionCallback
		if err := json.Unmarshal(e.Payload, &cb); err != nil {
			return nil, err
		}
		return s.handler.Interact(ctx, cb), nil
	case "slash_commands":
		var cmd slack.SlashCommand
		if err := json.Unmarshal(e.Payload, &cmd); err != nil {
			return nil, err
		}
		return s.handler.Command(ctx, cmd), nil
	case "events_api":
		ev, err := slackevents.ParseEvent(e.Payload, slackevents.OptionNoVerifyToken())
		if err != nil {
			return nil, err
		}
		s.handler.Event(ctx, ev)
		return nil, nil
	}
	return nil, errors.New("unknown type")
}

func (l *link) acknowledge(id string, payload any) error {
	frame := map[string]any{"envelope_id": id}
	if payload != nil {
		frame["payload"] = payload
	}
	data, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	if len(data) >= linkAnswer {
		return fmt.Errorf("%d bytes are more than Slack takes", len(data))
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(linkWrite)); err != nil {
		return err
	}
	return l.conn.WriteMessage(websocket.TextMessage, data)
}

// ping makes Slack give a sign of life, and keeps what lies between from
// forgetting the connection.
func (l *link) ping(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(linkWrite)) // as above
		}
	}
}

// wake ends a read that waits.
func (l *link) wake() { _ = l.conn.NetConn().SetReadDeadline(time.Unix(1, 0)) }

func (l *link) close() {
	_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = l.conn.Close()
}

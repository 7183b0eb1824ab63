package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"go.uber.org/zap"
)

const (
	maxConnections = 10
	ticketLifetime = 30 * time.Second
	maxAck         = 20_000 // bytes; longer answers vanish without a word
	maxFrame       = 1 << 20
)

// hub is Socket Mode: tickets, connections, and envelopes that wait for an ack.
type hub struct {
	w *Workspace

	mu      sync.Mutex
	closed  bool
	tickets map[string]ticket
	conns   []*conn
	nextID  int
	pending map[string]*pending
	recent  *bounded[[]int] // envelope -> connections it went to, after its end
	acks    Acks
}

type ticket struct {
	base string
	born time.Time
}

// pending is an envelope on its way.
type pending struct {
	conns  []*conn
	answer chan json.RawMessage
}

// Acks counts acknowledgements by what they were worth.
type Acks struct {
	Honoured int
	Foreign  int // came by another connection than the envelope: noted, not honoured
	Late     int // after the time was up, or a second time
	Unknown  int // for an envelope that never was
	Oversize int // 20 kB or more: dropped
}

// conn is one WebSocket.
type conn struct {
	id     int
	base   string // where the app found us
	ws     *websocket.Conn
	opened time.Time
	done   chan struct{} // closed when the connection is over

	writing sync.Mutex
	mu      sync.Mutex
	deaf    bool
	mute    bool
	leaving bool // told to go; used only while there is no other
}

// Connection is one Socket Mode connection as Connections reports it.
type Connection struct {
	ID      int
	Opened  time.Time
	Deaf    bool
	Leaving bool
}

var upgrader = websocket.Upgrader{
	ReadBufferSize: 4096, WriteBufferSize: 32 << 10,
	// Clients send origins of all sorts; the ticket is what counts.
	CheckOrigin: func(*http.Request) bool { return true },
}

func (h *hub) init(w *Workspace) {
	h.w = w
	h.tickets, h.pending, h.recent = map[string]ticket{}, map[string]*pending{}, newBounded[[]int](4096)
}

// ticket issues the right to open one connection soon.
func (h *hub) ticket(base string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.w.now()
	for id, t := range h.tickets {
		if now.Sub(t.born) > ticketLifetime {
			delete(h.tickets, id)
		}
	}
	id := uuid.NewString()
	h.tickets[id] = ticket{base: base, born: now}
	return id
}

func (h *hub) redeem(id string) (ticket, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.tickets[id]
	delete(h.tickets, id)
	return t, ok && !h.closed && h.w.now().Sub(t.born) <= ticketLifetime
}

// serve is the WebSocket door.
func (h *hub) serve(rw http.ResponseWriter, r *http.Request) {
	t, ok := h.redeem(r.URL.Query().Get("ticket"))
	if !ok {
		http.Error(rw, "the ticket is unknown, spent or too old", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	ws.SetReadLimit(maxFrame)
	faults := h.w.faults.fire("socket.open")
	c := &conn{ws: ws, base: t.base, opened: time.Now(), done: make(chan struct{}), deaf: faults.has(Deaf), mute: faults.has(Mute)}
	n := h.add(c)
	if n == 0 {
		_ = c.write(object{"type": "disconnect", "reason": "too_many_websockets", "debug_info": c.debug()})
		_ = ws.Close()
		return
	}
	defer h.w.wg.Done()
	h.w.log.Info("socket open", zap.Int("connection", c.id), zap.Int("connections", n))
	_ = c.write(object{
		"type": "hello", "num_connections": n, "connection_info": object{"app_id": h.w.faults.appOfToken(h.w.app.ID)},
		"debug_info": object{"host": c.host(), "started": c.opened.UTC().Format(time.RFC3339), "build_number": 1, "approximate_connection_time": 18060},
	})
	h.w.changes.changed()
	h.w.wg.Go(func() { h.ping(c) }) // this handler holds the group open meanwhile
	h.read(c)
	h.drop(c)
}

// add takes a connection in and returns how many there are now, 0 if there
// are too many already.
func (h *hub) add(c *conn) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.conns) >= maxConnections {
		return 0
	}
	h.w.wg.Add(1)
	h.nextID++
	c.id = h.nextID
	h.conns = append(h.conns, c)
	return len(h.conns)
}

func (h *hub) drop(c *conn) {
	h.mu.Lock()
	h.conns = slices.DeleteFunc(slices.Clone(h.conns), func(o *conn) bool { return o == c })
	close(c.done)
	h.mu.Unlock()
	_ = c.ws.Close()
	h.w.log.Info("socket closed", zap.Int("connection", c.id))
	h.w.changes.changed()
}

func (c *conn) host() string  { return fmt.Sprintf("applink-%d", c.id) }
func (c *conn) debug() object { return object{"host": c.host()} }

func (c *conn) isDeaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}

// swallows reports whether what is written goes nowhere.
func (c *conn) swallows() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf || c.mute
}

func (c *conn) state() (deaf, leaving bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf, c.leaving
}

// write sends one frame. A deaf or mute connection swallows it.
func (c *conn) write(v any) error {
	if c.swallows() {
		return nil
	}
	return c.writeRaw(encode(v))
}

func (c *conn) writeRaw(data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
	return c.ws.WriteMessage(websocket.TextMessage, data)
}

// ping sends the server's pings until the connection ends.
func (h *hub) ping(c *conn) {
	t := time.NewTicker(h.w.cfg.PingInterval)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-t.C:
		}
		if !c.isDeaf() {
			_ = c.ws.WriteControl(websocket.PingMessage, []byte("Ping from "+c.host()), time.Now().Add(time.Second))
		}
	}
}

// read takes acks until the connection ends. Clients that fall silent, pongs
// included, are cut off.
func (h *hub) read(c *conn) {
	alive := func() { _ = c.ws.SetReadDeadline(time.Now().Add(h.w.cfg.PingInterval*6 + 10*time.Second)) }
	alive()
	c.ws.SetPongHandler(func(string) error { alive(); return nil })
	c.ws.SetPingHandler(func(data string) error {
		alive()
		if !c.isDeaf() {
			_ = c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		}
		return nil
	})
	for {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		alive()
		h.ack(c, data)
	}
}

// ack takes one acknowledgement. Only one that comes by the connection of its
// envelope counts.
func (h *hub) ack(c *conn, data []byte) {
	var a struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(data, &a) != nil || a.EnvelopeID == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.pending[a.EnvelopeID]
	switch {
	case len(data) >= maxAck:
		h.acks.Oversize++
	case p != nil && slices.Contains(p.conns, c):
		h.acks.Honoured++
		delete(h.pending, a.EnvelopeID)
		h.remember(a.EnvelopeID, p)
		p.answer <- a.Payload
		return
	case p != nil:
		h.acks.Foreign++
	default:
		h.countStray(c, a.EnvelopeID)
	}
	h.w.changes.changed()
	h.w.log.Warn("ack not honoured", zap.Int("connection", c.id), zap.String("envelope", a.EnvelopeID), zap.Int("bytes", len(data)))
}

func (h *hub) countStray(c *conn, envelope string) {
	switch went := h.recent.get(envelope); {
	case went == nil:
		h.acks.Unknown++
	case slices.Contains(*went, c.id):
		h.acks.Late++
	default:
		h.acks.Foreign++
	}
}

func (h *hub) remember(envelope string, p *pending) {
	ids := make([]int, len(p.conns))
	for i, c := range p.conns {
		ids[i] = c.id
	}
	h.recent.put(envelope, ids)
}

// choose picks a connection at random, rather one that was not told to leave,
// and another one for a double.
func (h *hub) choose(n int) []*conn {
	staying := make([]*conn, 0, len(h.conns))
	for _, c := range h.conns {
		if _, leaving := c.state(); !leaving {
			staying = append(staying, c)
		}
	}
	if len(staying) == 0 {
		staying = h.conns
	}
	if len(staying) == 0 {
		return nil
	}
	first := rand.IntN(len(staying))
	chosen := []*conn{staying[first]}
	if n > 1 {
		chosen = append(chosen, staying[(first+1)%len(staying)])
	}
	return chosen
}

// send delivers an envelope to one connection and waits for its ack.
func (h *hub) send(ctx context.Context, d delivery, hits fired) Result {
	copies := 1
	if hits.has(Double) {
		copies = 2
	}
	p := &pending{answer: make(chan json.RawMessage, 1)}
	id := uuid.NewString()
	h.mu.Lock()
	if !hits.has(NoConnection) {
		p.conns = h.choose(copies)
	}
	if len(p.conns) > 0 {
		h.pending[id] = p
	}
	h.mu.Unlock()
	if len(p.conns) == 0 {
		return Result{Fate: Unconnected, reason: retryUnreachable}
	}
	r := Result{Envelope: id, Connection: p.conns[0].id}
	frame := object{"envelope_id": id, "type": d.kind, "payload": d.payload(p.conns[0].base), "accepts_response_payload": d.accepts}
	if d.kind == kindEvent {
		frame["retry_attempt"], frame["retry_reason"] = d.attempt, d.reason
	}
	data := encode(frame)
	for _, c := range p.conns {
		if !c.swallows() {
			_ = c.writeRaw(data) // a broken connection shows in done
		}
	}
	r.Fate, r.Body = h.await(ctx, p)
	if r.Fate != Acknowledged {
		r.reason = "timeout"
		h.abandon(id, p)
		if hits.has(Redeliver) {
			h.w.spawn(func() { h.redeliver(id, frame) })
		}
	}
	return r
}

func (h *hub) await(ctx context.Context, p *pending) (Fate, []byte) {
	t := time.NewTimer(h.w.cfg.AckTimeout)
	defer t.Stop()
	select {
	case answer := <-p.answer:
		return Acknowledged, answer
	case <-t.C:
		return TimedOut, nil
	case <-ctx.Done():
		return Abandoned, nil
	case <-p.conns[0].done:
		// The ack may have come just before the end.
		select {
		case answer := <-p.answer:
			return Acknowledged, answer
		default:
			return Disconnected, nil
		}
	}
}

func (h *hub) abandon(id string, p *pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending[id] == p {
		delete(h.pending, id)
		h.remember(id, p)
	}
}

// redeliver sends an envelope once more, some time after the person was told
// that it failed.
func (h *hub) redeliver(id string, frame object) {
	p := &pending{answer: make(chan json.RawMessage, 1)}
	h.mu.Lock()
	if p.conns = h.choose(1); len(p.conns) > 0 {
		h.pending[id] = p
	}
	h.mu.Unlock()
	if len(p.conns) == 0 {
		return
	}
	frame["retry_attempt"], frame["retry_reason"] = 1, "timeout"
	_ = p.conns[0].write(frame)
	fate, _ := h.await(h.w.ctx, p)
	h.abandon(id, p)
	h.w.deliveryLog.add(Delivery{Kind: frame["type"].(string), Type: "redelivery", Time: h.w.now(), Attempt: 1, Fate: fate, Envelope: id, Connection: p.conns[0].id})
	h.w.changes.changed()
}

// list are the connections at this moment.
func (h *hub) list() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.conns)
}

// deafen makes all open connections deaf; new ones hear.
func (h *hub) deafen() {
	for _, c := range h.list() {
		c.mu.Lock()
		c.deaf = true
		c.mu.Unlock()
	}
}

// mute makes all open connections mute; new ones are not.
func (h *hub) mute() {
	for _, c := range h.list() {
		c.mu.Lock()
		c.mute = true
		c.mu.Unlock()
	}
}

// closeAll cuts all connections without a word.
func (h *hub) closeAll() {
	if h.w.ctx.Err() != nil {
		h.mu.Lock()
		h.closed = true
		h.mu.Unlock()
	}
	for _, c := range h.list() {
		_ = c.ws.Close()
	}
}

// disconnect tells all connections to go: with some notice for "warning" and
// "refresh_requested", at once for other reasons.
func (h *hub) disconnect(reason string) {
	setDefault(&reason, "warning")
	grace := time.Duration(0)
	if reason == "warning" || reason == "refresh_requested" {
		grace = h.w.cfg.DisconnectGrace
	}
	for _, c := range h.list() {
		c.mu.Lock()
		c.leaving = true
		c.mu.Unlock()
		_ = c.write(object{"type": "disconnect", "reason": reason, "debug_info": c.debug()})
		h.w.spawn(func() { c.closeAfter(h.w.ctx, grace) })
	}
}

func (c *conn) closeAfter(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.done:
	case <-ctx.Done():
	}
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = c.ws.Close()
}

// Connections returns the open Socket Mode connections.
func (w *Workspace) Connections() []Connection {
	var list []Connection
	for _, c := range w.hub.list() {
		deaf, leaving := c.state()
		list = append(list, Connection{ID: c.id, Opened: c.opened, Deaf: deaf, Leaving: leaving})
	}
	return list
}

// Acks returns how many acknowledgements came and what they were worth.
func (w *Workspace) Acks() Acks {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	return w.hub.acks
}

// Deafen makes the open connections deaf: TCP stays up, nothing comes any more.
func (w *Workspace) Deafen() { w.hub.deafen(); w.changes.changed() }

// Mute makes the open connections mute: pings are answered, but nothing else comes.
func (w *Workspace) Mute() { w.hub.mute(); w.changes.changed() }

// CloseSockets cuts the open connections.
func (w *Workspace) CloseSockets() { w.hub.closeAll() }

// Disconnect sends the disconnect message with that reason to all connections
// and closes them, after a while for "warning" and "refresh_requested".
func (w *Workspace) Disconnect(reason string) { w.hub.disconnect(reason) }

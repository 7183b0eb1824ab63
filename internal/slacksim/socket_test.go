package slacksim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// wire is a bare WebSocket client, for what slack-go does not show.
type wire struct {
	*websocket.Conn
	t *testing.T
}

func (h *house) ticketURL(t *testing.T) string {
	t.Helper()
	resp := h.send(t, "apps.connections.open", asForm, h.AppToken(), "")
	defer resp.Body.Close()
	var answer struct{ URL string }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer.URL
}

// dial opens a connection and reads the hello.
func (h *house) dial(t *testing.T) *wire {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(h.ticketURL(t), http.Header{"Origin": {"https://elsewhere.example.com"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := &wire{conn, t}
	require.Equal(t, "hello", c.read()["type"])
	return c
}

func (c *wire) read() map[string]any {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	var frame map[string]any
	require.NoError(c.t, c.ReadJSON(&frame))
	return frame
}

func (c *wire) ack(envelope any, payload string) {
	c.t.Helper()
	require.NoError(c.t, c.WriteMessage(websocket.TextMessage, []byte(`{"envelope_id":"`+envelope.(string)+`","payload":`+payload+`}`)))
}

// click clicks in the background; the result comes by the channel.
func (h *house) click(t *testing.T, ts string) <-chan slacksim.Result {
	done := make(chan slacksim.Result, 1)
	go func() { done <- h.approve(t, "ada", ts) }()
	return done
}

func quick(c *slacksim.Config) {
	c.AckTimeout = 50 * time.Millisecond
	c.EventRetries = []time.Duration{0, time.Millisecond, time.Millisecond}
}

func TestATicketOpensOneConnection(t *testing.T) {
	h := open(t)
	url := h.ticketURL(t)
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	require.NoError(t, err)
	defer conn.Close()
	_, resp, err := websocket.DefaultDialer.Dial(url, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}

func TestTheEleventhConnectionIsTurnedAway(t *testing.T) {
	h := open(t)
	for i := range 10 {
		h.dial(t)
		require.Len(t, h.Connections(), i+1)
	}
	conn, _, err := websocket.DefaultDialer.Dial(h.ticketURL(t), nil)
	require.NoError(t, err)
	defer conn.Close()
	_, data, err := conn.ReadMessage()
	require.NoError(t, err)
	require.Contains(t, string(data), "too_many_websockets")
	_, _, err = conn.ReadMessage()
	require.Error(t, err)
}

func TestAnEnvelopeGoesToOneConnectionAndItsAckCountsOnlyThere(t *testing.T) {
	h := open(t)
	a, b := h.dial(t), h.dial(t)
	frames := make(chan [2]any, 4)
	for _, c := range []*wire{a, b} {
		go func() {
			for {
				var frame map[string]any
				if c.ReadJSON(&frame) != nil {
					return
				}
				frames <- [2]any{c, frame}
			}
		}()
	}
	done := h.click(t, h.postCard(t))
	got := <-frames
	frame := got[1].(map[string]any)
	require.Equal(t, "interactive", frame["type"])
	require.Equal(t, false, frame["accepts_response_payload"])
	other := a
	if got[0] == a {
		other = b
	}
	other.ack(frame["envelope_id"], "{}")
	require.NoError(t, h.WaitFor(short(t), func() bool { return h.Acks().Foreign == 1 }))
	got[0].(*wire).ack(frame["envelope_id"], "{}")
	res := <-done
	require.True(t, res.Acknowledged)
	require.Equal(t, frame["envelope_id"], res.Envelope)
	require.Equal(t, slacksim.Acks{Honoured: 1, Foreign: 1}, h.Acks())
	require.Empty(t, frames, "nobody else got it")
}

func TestNoAckInTimeIsSeenByThePerson(t *testing.T) {
	h := open(t, quick)
	ts := h.postCard(t)
	res := h.approve(t, "ada", ts)
	require.Equal(t, slacksim.Unconnected, res.Fate)
	require.NotEmpty(t, res.Error)
	c := h.dial(t)
	done := h.click(t, ts)
	frame := c.read()
	res = <-done
	require.Equal(t, slacksim.TimedOut, res.Fate)
	require.Contains(t, res.Error, "did not answer in time")
	require.GreaterOrEqual(t, res.Took, 50*time.Millisecond)
	c.ack(frame["envelope_id"], "{}")
	done = h.click(t, ts)
	frame = c.read()
	c.ack(frame["envelope_id"], `"`+strings.Repeat("x", 20_000)+`"`)
	require.Equal(t, slacksim.TimedOut, (<-done).Fate, "answers of 20 kB vanish")
	require.Equal(t, slacksim.Acks{Late: 1, Oversize: 1}, h.Acks())
}

func TestAClosedConnectionFailsTheClickAtOnce(t *testing.T) {
	h := open(t)
	c := h.dial(t)
	done := h.click(t, h.postCard(t))
	c.read()
	require.NoError(t, c.Close())
	require.Equal(t, slacksim.Disconnected, (<-done).Fate)
}

func TestPingsGoBothWays(t *testing.T) {
	h := open(t, func(c *slacksim.Config) { c.PingInterval = 10 * time.Millisecond })
	c := h.dial(t)
	pings, pongs := make(chan string, 100), make(chan string, 100)
	c.SetPingHandler(func(s string) error { pings <- s; return nil })
	c.SetPongHandler(func(s string) error { pongs <- s; return nil })
	require.NoError(t, c.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second)))
	go func() { _, _, _ = c.ReadMessage() }()
	require.Equal(t, "Ping from applink-1", <-pings)
	require.Equal(t, "are you there", <-pongs)
}

func TestDisconnectGivesAReason(t *testing.T) {
	h := open(t, func(c *slacksim.Config) { c.DisconnectGrace = 20 * time.Millisecond })
	for _, reason := range []string{"warning", "refresh_requested", "link_disabled"} {
		c := h.dial(t)
		h.Disconnect(reason)
		frame := c.read()
		require.Equal(t, "disconnect", frame["type"])
		require.Equal(t, reason, frame["reason"])
		_, _, err := c.ReadMessage()
		require.True(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), "%v", err)
		require.NoError(t, h.WaitFor(short(t), func() bool { return len(h.Connections()) == 0 }))
	}
}

func TestAWarnedConnectionIsUsedOnlyForWantOfAnother(t *testing.T) {
	h := open(t)
	old := h.dial(t)
	h.Disconnect("warning")
	require.Equal(t, "disconnect", old.read()["type"])
	fresh := h.dial(t)
	ts := h.postCard(t)
	for range 20 {
		done := h.click(t, ts)
		fresh.ack(fresh.read()["envelope_id"], "{}")
		require.Equal(t, 2, (<-done).Connection)
	}
}

func TestADeafSocketLooksAliveAndSwallowsEverything(t *testing.T) {
	h := open(t, quick)
	h.dial(t)
	ts := h.postCard(t)
	h.Deafen()
	require.Equal(t, slacksim.TimedOut, h.approve(t, "ada", ts).Fate)
	require.True(t, h.Connections()[0].Deaf)
	h.CloseSockets()
	require.NoError(t, h.WaitFor(short(t), func() bool { return len(h.Connections()) == 0 }))
}

func TestAMuteSocketAnswersPingsAndNothingElse(t *testing.T) {
	h := open(t, quick)
	c := h.dial(t)
	ts := h.postCard(t)
	h.Mute()
	require.Equal(t, slacksim.TimedOut, h.approve(t, "ada", ts).Fate)
	require.False(t, h.Connections()[0].Deaf)
	pong := make(chan struct{}, 1)
	c.SetPongHandler(func(string) error { pong <- struct{}{}; return nil })
	require.NoError(t, c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)))
	go func() { _, _, _ = c.ReadMessage() }()
	<-pong
	h.CloseSockets()
}

func TestEnvelopesCanComeTwice(t *testing.T) {
	h := open(t)
	require.NoError(t, h.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "deliver.interactive", Kind: slacksim.Double, Count: 1}}}))
	c := h.dial(t)
	ts := h.postCard(t)
	done := h.click(t, ts)
	first, second := c.read(), c.read()
	require.Equal(t, first["envelope_id"], second["envelope_id"])
	c.ack(first["envelope_id"], "{}")
	require.True(t, (<-done).Acknowledged)
	require.Empty(t, h.Faults().Rules, "a count of one is used up")

	h = open(t, quick)
	require.NoError(t, h.SetFaults(slacksim.Faults{Rules: []slacksim.Fault{{Method: "deliver.*", Kind: slacksim.Redeliver}}}))
	c = h.dial(t)
	done = h.click(t, h.postCard(t))
	first = c.read()
	require.Equal(t, slacksim.TimedOut, (<-done).Fate)
	second = c.read()
	require.Equal(t, first["envelope_id"], second["envelope_id"])
	c.ack(second["envelope_id"], "{}")
	require.NoError(t, h.WaitFor(short(t), func() bool {
		log := h.Deliveries()
		return len(log) == 2 && log[1].Fate == slacksim.Acknowledged
	}))
}

func TestEventsOverTheSocketAreRepeated(t *testing.T) {
	h := open(t, quick)
	c := h.dial(t)
	done := make(chan slacksim.Result, 1)
	go func() { done <- h.OpenHome(t.Context(), "ada") }()
	first := c.read()
	require.InDelta(t, 0, first["retry_attempt"], 0)
	require.Equal(t, slacksim.TimedOut, (<-done).Fate)
	second := c.read()
	require.InDelta(t, 1, second["retry_attempt"], 0)
	require.Equal(t, "timeout", second["retry_reason"])
	require.Equal(t, eventID(first), eventID(second))
	c.ack(second["envelope_id"], "{}")
	require.NoError(t, h.WaitFor(short(t), func() bool {
		log := h.Deliveries()
		return log[len(log)-1].Fate == slacksim.Acknowledged
	}))
}

func eventID(frame map[string]any) any { return frame["payload"].(map[string]any)["event_id"] }

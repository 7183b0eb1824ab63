package app_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// later lets the clock of /readyz be ahead.
func later(p *place) *atomic.Int64 {
	var ahead atomic.Int64
	p.options = func(o *app.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}
	return &ahead
}

// A poll that does not end makes the process unready, though everything else is well.
func TestAPollThatHangsIsNotReady(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	ahead := later(p)
	r := p.start()
	p.await("readiness", func() bool { status, _ := readyz(t, r.app.Addr()); return status == http.StatusOK })
	held := r.keyfactor.hold("/AssignedToMe")
	call := <-held
	status, _ := readyz(t, r.app.Addr())
	require.Equal(t, http.StatusOK, status, "every poll takes its time")
	ahead.Store(int64(time.Hour))
	status, ready := readyz(t, r.app.Addr())
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.False(t, ready.Parts["poller"].OK)
	require.Contains(t, ready.Parts["poller"].Detail, "a poll has been running since")
	require.True(t, ready.Parts["slack"].OK)
	require.True(t, ready.Parts["database"].OK)
	ahead.Store(0)
	close(call.goOn)
}

// No poll has ended for longer than the schedule and a poll's own time allow.
func TestAPollerThatStandsStillIsNotReady(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	ahead := later(p)
	r := p.start()
	p.await("a poll", func() bool { return has(scrape(t, r.app.Addr()), "approvebot_poll_last_finish_timestamp_seconds ", "") })
	require.True(t, has(scrape(t, r.app.Addr()), "approvebot_poll_deadline_timestamp_seconds ", ""))
	// Three seconds of schedule, 2m6s that a poll may take, and half a minute.
	ahead.Store(int64(2 * time.Minute))
	_, ready := readyz(t, r.app.Addr())
	require.True(t, ready.Parts["poller"].OK, "%v", ready)
	ahead.Store(int64(24 * time.Hour))
	p.await("to be unready between two polls", func() bool {
		status, ready := readyz(t, r.app.Addr())
		return status == http.StatusServiceUnavailable && !ready.Parts["poller"].OK && ready.Parts["poller"].Detail != ""
	})
}

// With signed requests Slack comes to us: there is no link that could be missing.
func TestReadinessByHTTPNeedsNoLink(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()), func(c *slacksim.Config) { c.RequestURL = "http://127.0.0.1:1" })
	p.transport = "http"
	r := p.start()
	p.await("readiness", func() bool {
		status, ready := readyz(t, r.app.Addr())
		return status == http.StatusOK && ready.Parts["slack"].OK && ready.Parts["slack"].Informs && ready.Parts["poller"].OK
	})
	require.False(t, has(scrape(t, r.app.Addr()), "approvebot_slack_link_connected", ""))
	response, err := http.Get("http://" + r.app.Addr() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// A Slack that answers nothing leaves a bot by HTTP that nobody can decide with;
// it says so, and goes on taking requests.
func TestReadinessByHTTPSaysThatSlackIsAway(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()), func(c *slacksim.Config) { c.RequestURL = "http://127.0.0.1:1" })
	p.transport = "http"
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	p.slackDoor.url = gone.URL
	r := p.start()
	status, ready := readyz(t, r.app.Addr())
	require.Equal(t, http.StatusOK, status)
	require.False(t, ready.Parts["slack"].OK)
	require.Contains(t, ready.Parts["slack"].Detail, "Slack has not told us yet who we are")
}

package page_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim/page"
)

// workspace stands in for the simulator: it serves the page as the simulator does, tells
// it the workspace of testdata, remembers what the page posts, and sends it events.
type workspace struct {
	*httptest.Server
	now      time.Time
	snapshot []byte
	posts    chan post

	mu      sync.Mutex
	answers map[string]func(post) any
	streams map[chan []byte]struct{}
	asked   []string
}

// post is one call of the page.
type post struct {
	path string
	body map[string]any
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	w := &workspace{now: time.Now(), posts: make(chan post, 100), answers: map[string]func(post) any{}, streams: map[chan []byte]struct{}{}}
	w.snapshot = w.fixture(t, "workspace.json")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, page.Static, "static/index.html")
	})
	mux.Handle("GET /static/", http.FileServerFS(page.Static))
	mux.HandleFunc("GET /_sim/page/snapshot", w.serveSnapshot)
	mux.HandleFunc("GET /_sim/page/events", w.serveEvents)
	mux.HandleFunc("POST /_sim/page/{call}", w.servePost)
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", "default-src 'self'")
		rw.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		w.CloseClientConnections()
		w.Close()
	})
	return w
}

var (
	tsAgo   = regexp.MustCompile(`"T-(\d+)"`)
	unixAgo = regexp.MustCompile(`NOW-(\d+)`)
)

// fixture reads a file of testdata. "T-60" in it means the ts of a minute ago.
func (w *workspace) fixture(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	raw = tsAgo.ReplaceAllFunc(raw, func(found []byte) []byte {
		return fmt.Appendf(nil, "%q", w.ts(mustAtoi(t, tsAgo.FindSubmatch(found)[1])))
	})
	raw = unixAgo.ReplaceAllFunc(raw, func(found []byte) []byte {
		return fmt.Appendf(nil, "%d", w.now.Unix()-int64(mustAtoi(t, unixAgo.FindSubmatch(found)[1])))
	})
	require.True(t, json.Valid(raw), "testdata/%s is not JSON", name)
	return raw
}

func mustAtoi(t *testing.T, digits []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(digits))
	require.NoError(t, err)
	return n
}

// ts is the ts of a message written so many seconds ago.
func (w *workspace) ts(secondsAgo int) string {
	return fmt.Sprintf("%d.000100", w.now.Unix()-int64(secondsAgo))
}

// answer sets what a call is answered with; without it the answer is {"ok":true}.
func (w *workspace) answer(call string, f func(post) any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[call] = f
}

func (w *workspace) serveSnapshot(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r.URL.Query().Get("as"))
	var snapshot map[string]any
	if err := json.Unmarshal(w.snapshot, &snapshot); err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	if as := r.URL.Query().Get("as"); as != "" {
		snapshot["me"] = as
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(snapshot)
}

func (w *workspace) serveEvents(rw http.ResponseWriter, r *http.Request) {
	events := make(chan []byte, 100)
	w.mu.Lock()
	w.streams[events] = struct{}{}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.streams, events)
	}()
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(rw).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-events:
			_, _ = fmt.Fprintf(rw, "data: %s\n\n", event)
			_ = http.NewResponseController(rw).Flush()
		}
	}
}

func (w *workspace) servePost(rw http.ResponseWriter, r *http.Request) {
	p := post{path: r.PathValue("call")}
	if err := json.NewDecoder(r.Body).Decode(&p.body); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.posts <- p
	w.mu.Lock()
	answer := w.answers[p.path]
	w.mu.Unlock()
	var body any = map[string]any{"ok": true}
	if answer != nil {
		body = answer(p)
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(body)
}

// send tells every open page of an event.
func (w *workspace) send(t *testing.T, event string) {
	t.Helper()
	var compact json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(event), &compact))
	compact, err := json.Marshal(compact)
	require.NoError(t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(t, w.streams, "no page listens")
	for stream := range w.streams {
		stream <- compact
	}
}

// posted waits for the page's next call and checks which one it is.
func (w *workspace) posted(t *testing.T, call string) map[string]any {
	t.Helper()
	select {
	case p := <-w.posts:
		require.Equal(t, call, p.path)
		return p.body
	case <-time.After(10 * time.Second):
		require.FailNow(t, "the page did not call", call)
		return nil
	}
}

package slacksim_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slack-go/slack/socketmode"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/slacksim"
)

// TestManyClicksAtOnce is a burst of people who all press at the same moment,
// over two connections: each is acknowledged once.
func TestManyClicksAtOnce(t *testing.T) {
	h := open(t)
	var seen atomic.Int64
	count := func(socketmode.Event) any { seen.Add(1); return nil }
	h.connect(t, count)
	h.connect(t, count)
	ts := h.postCard(t)
	people := []string{"ada", "ben", "carol", "dan", "gina"}
	var wg sync.WaitGroup
	var acknowledged atomic.Int64
	for i := range 500 {
		wg.Go(func() {
			if h.approve(t, people[i%len(people)], ts).Acknowledged {
				acknowledged.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 500, acknowledged.Load())
	require.EqualValues(t, 500, seen.Load())
	require.Equal(t, slacksim.Acks{Honoured: 500}, h.Acks())
}

// BenchmarkClick is a click that goes out over HTTP and comes back.
func BenchmarkClick(b *testing.B) {
	w, err := slacksim.New(slacksim.DefaultConfig())
	require.NoError(b, err)
	defer w.Close()
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer app.Close()
	w.SetRequestURL(app.URL)
	post := httptest.NewRequest(http.MethodPost, "/api/chat.postMessage", strings.NewReader(`{"channel":"pki-approvals","text":"x","blocks":`+card+`}`))
	post.Header.Set("Content-Type", asJSON)
	post.Header.Set("Authorization", "Bearer "+w.BotToken())
	w.ServeHTTP(httptest.NewRecorder(), post)
	ts := w.Messages("pki-approvals")[0].TS
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res := w.Click(b.Context(), slacksim.Click{As: "ada", Channel: "pki-approvals", TS: ts, ActionID: "approve"})
			if !res.Acknowledged {
				b.Error(res.Fate)
			}
		}
	})
	b.StopTimer()
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "MB-heap")
}

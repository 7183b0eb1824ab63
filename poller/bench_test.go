package poller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/secret"
	"github.com/approvebot/approvebot/internal/store"
	"github.com/approvebot/approvebot/keyfactor"
	"github.com/approvebot/approvebot/poller"
)

// canned answers as Keyfactor does, from memory: what is measured is ours.
type canned struct {
	pages [][]byte
	each  map[string][]byte // instances
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte("[]")
	if _, id, ok := strings.Cut(r.URL.Path, "/Workflow/Instances/"); ok && id != "AssignedToMe" {
		body = c.each[id]
	} else if page, _ := strconv.Atoi(r.URL.Query().Get("PageReturned")); page <= len(c.pages) {
		body = c.pages[page-1]
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader(string(body))),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Total-Count": {strconv.Itoa(len(c.each))}},
	}, nil
}

func queueOf(b *testing.B, n int) *canned {
	c := &canned{each: map[string][]byte{}}
	var page []json.RawMessage
	for i := range n {
		id := fmt.Sprintf("5b0a0e9a-9a54-4a0e-8f0e-%012d", i)
		row, err := json.Marshal(map[string]any{
			"Id": id, "Status": "Suspended", "CurrentStepId": "2a44d8a0-5a5c-4d8e-b1de-6e0f4ec1a7b2", "StatusMessage": "Awaiting 1 more approval(s) from approval roles.",
			"Signals":    []any{map[string]any{"SignalName": "ApprovalStatus", "StepSignalId": "9a54", "SignalReceived": false}},
			"Definition": map[string]any{"Id": "d", "DisplayName": "Web server", "Version": 1, "WorkflowType": "Enrollment"}, "CurrentStepDisplayName": "PKI approval",
			"CurrentStepUniqueName": "Approval", "Title": "EXAMPLE\\alice is enrolling for a certificate with CN=web" + strconv.Itoa(i) + ".example.com.",
			"LastModified": "2026-03-03T09:15:27.113Z", "StartDate": "2026-03-03T09:15:27.113Z", "ReferenceId": i + 1,
			"InitialData": map[string]any{"Template": "WebServer", "Subject": "CN=web" + strconv.Itoa(i) + ".example.com"}, "CurrentStateData": nil,
		})
		require.NoError(b, err)
		c.each[id] = row
		if page = append(page, row); len(page) == 100 || i == n-1 {
			text, err := json.Marshal(page)
			require.NoError(b, err)
			c.pages, page = append(c.pages, text), nil
		}
	}
	return c
}

// A poll that finds nothing new. The cost of one request has to stay what it is,
// however many wait.
func BenchmarkSteadyPoll(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			k, err := keyfactor.New(keyfactor.Config{URL: "http://127.0.0.1/KeyfactorAPI", Auth: keyfactor.Basic{Username: "u", Password: secret.New("p")}, Transport: queueOf(b, n)})
			require.NoError(b, err)
			s, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "a.db"), store.Options{})
			require.NoError(b, err)
			defer s.Close()
			p := poller.New(poller.Config{
				Sources: func() []approval.Source {
					return []approval.Source{keyfactor.NewWorkflows(k, keyfactor.SourceConfig{})}
				}, Store: s, Log: zap.NewNop(),
				Route: func(context.Context, approval.Request) (store.Placement, error) {
					return store.Placement{Route: "web"}, nil
				},
			})
			require.NoError(b, p.Pass(b.Context()))
			require.Equal(b, n, p.Reports()[0].Appeared)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				require.NoError(b, p.Pass(b.Context()))
			}
			require.Equal(b, n, p.Reports()[0].Listed)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/request")
		})
	}
}

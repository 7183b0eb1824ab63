package torture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// moment is a point at which a death is most dangerous.
type moment string

const (
	listed       moment = "a poll reads the list"
	signalComes  moment = "a signal comes in"
	signalDone   moment = "a signal has its answer"
	messageComes moment = "a message comes in"
	messageDone  moment = "a message has its answer"
	updateDone   moment = "an update has its answer"
	decided      moment = "a person was told that the decision was taken"
)

// moments are what the killer waits for, the worst ones more often.
var moments = []moment{signalComes, signalComes, signalComes, signalDone, signalDone, decided, decided, messageComes, messageComes, messageDone, updateDone, listed}

// door stands in front of both simulators. It writes down which decisions were
// POSTed, which a simulator that breaks the connection cannot know, and it tells
// when a moment comes.
type door struct {
	mu      sync.Mutex
	next    map[moment]chan struct{}
	signals []post
}

// post is one POST of a decision. The question is what it is about: an instance
// and its step, or a request at the CA.
type post struct {
	question   string
	came, gone time.Time
}

// on is closed when the moment comes the next time.
func (d *door) on(m moment) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == nil {
		d.next = map[moment]chan struct{}{}
	}
	if d.next[m] == nil {
		d.next[m] = make(chan struct{})
	}
	return d.next[m]
}

func (d *door) comes(m moment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next[m] != nil {
		close(d.next[m])
		delete(d.next, m)
	}
}

func (d *door) slack(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/api/") {
		case "chat.postMessage":
			d.comes(messageComes)
			defer d.comes(messageDone)
		case "chat.update":
			defer d.comes(updateDone)
		}
		next.ServeHTTP(w, r)
	})
}

var (
	signalPath   = regexp.MustCompile(`(?i)/Workflow/Instances/([^/]+)/Signals$`)
	decisionPath = regexp.MustCompile(`(?i)/Workflow/Certificates/(Approve|Deny)$`)
)

func (d *door) keyfactor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		instance := signalPath.FindStringSubmatch(r.URL.Path)
		switch {
		case strings.HasSuffix(r.URL.Path, "/AssignedToMe"):
			defer d.comes(listed)
		case r.Method == http.MethodPost && (instance != nil || decisionPath.MatchString(r.URL.Path)):
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return // the caller died while it spoke: nothing was asked
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			came := time.Now()
			d.comes(signalComes)
			defer func() {
				for _, q := range questions(instance, body) {
					d.posted(post{question: q, came: came, gone: time.Now()})
				}
				d.comes(signalDone)
			}()
		}
		next.ServeHTTP(w, r)
	})
}

// questions are what the body of a decision is about.
func questions(instance []string, body []byte) (all []string) {
	if instance != nil {
		var signal struct{ SignalKey string }
		_ = json.Unmarshal(body, &signal) // what cannot be read is nobody's question
		return []string{workflowQuestion(instance[1], signal.SignalKey)}
	}
	var ids []int
	if json.Unmarshal(body, &ids) != nil {
		var denial struct{ CertificateRequestIds []int }
		_ = json.Unmarshal(body, &denial)
		ids = denial.CertificateRequestIds
	}
	for _, id := range ids {
		all = append(all, certificateQuestion(id))
	}
	return all
}

func workflowQuestion(instance, key string) string { return strings.ToLower(instance + " " + key) }
func certificateQuestion(id int) string            { return fmt.Sprintf("certificate %d", id) }

func (d *door) posted(p post) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signals = append(d.signals, p)
}

// posts are all POSTs of decisions, by question.
func (d *door) posts() map[string][]post {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string][]post{}
	for _, p := range d.signals {
		all[p.question] = append(all[p.question], p)
	}
	return all
}

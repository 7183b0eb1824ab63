package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/secret"
)

// maxSlackBody is more than any payload of Slack's that we ask for.
const maxSlackBody = 1 << 20

// HTTP is the transport by signed requests: /slack/interactivity,
// /slack/commands and /slack/events.
//
// https://docs.slack.dev/authentication/verifying-requests-from-slack
type HTTP struct {
	handler Handler
	secrets func() []secret.String
	log     *zap.Logger
	seen    signatures
}

// NewHTTP returns the transport. A request is good if any of the secrets signed
// it: two are in force while one is being rotated.
func NewHTTP(h Handler, secrets func() []secret.String, log *zap.Logger) *HTTP {
	return &HTTP{handler: h, secrets: secrets, log: log, seen: signatures{at: map[string]time.Time{}}}
}

// Register adds the transport's paths to a mux.
func (t *HTTP) Register(mux *http.ServeMux) {
	mux.Handle("POST /slack/interactivity", t.verified(t.interactivity))
	mux.Handle("POST /slack/commands", t.verified(t.command))
	mux.Handle("POST /slack/events", t.verified(t.event))
	mux.HandleFunc("GET /slack/commands", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK) // Slack's ssl_check
	})
}

// verified lets only requests through whose raw body Slack signed within the
// last five minutes, and each of them once.
func (t *HTTP) verified(next func(http.ResponseWriter, *http.Request, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came := time.Now()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSlackBody))
		if err != nil {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				t.refuse(w, r, http.StatusRequestEntityTooLarge, "the body is too large", err)
				return
			}
			t.refuse(w, r, http.StatusBadRequest, "the body could not be read", err)
			return
		}
		if err := t.verify(r.Header, body); err != nil {
			t.refuse(w, r, http.StatusUnauthorized, "the request does not carry a valid, recent signature of Slack", err)
			return
		}
		if !t.seen.first(r.Header.Get("X-Slack-Signature"), time.Now()) {
			t.refuse(w, r, http.StatusConflict, "the same request was received before", nil)
			return
		}
		ctx, cancel := context.WithTimeout(received(r.Context(), came), answerWithin)
		defer cancel()
		next(w, r.WithContext(ctx), body)
	})
}

func (t *HTTP) verify(header http.Header, body []byte) error {
	err := error(slack.ErrInvalidConfiguration)
	for _, s := range t.secrets() {
		if err = verifyWith(header, body, s.Reveal()); err == nil {
			return nil
		}
	}
	return err
}

func verifyWith(header http.Header, body []byte, secret string) error {
	v, err := slack.NewSecretsVerifier(header, secret)
	if err != nil {
		return err
	}
	if _, err := v.Write(body); err != nil {
		return err
	}
	return v.Ensure()
}

func (t *HTTP) refuse(w http.ResponseWriter, r *http.Request, status int, sentence string, err error) {
	t.log.Warn("request to Slack's endpoint refused: "+sentence, zap.String("path", r.URL.Path), zap.String("from", r.RemoteAddr), zap.Int("status", status), zap.Error(err))
	http.Error(w, sentence, status)
}

func (t *HTTP) interactivity(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.refuse(w, r, http.StatusBadRequest, "the form could not be read", err)
		return
	}
	var cb slack.InteractionCallback
	if err := json.Unmarshal([]byte(form.Get("payload")), &cb); err != nil || cb.Type == "" {
		t.refuse(w, r, http.StatusBadRequest, "the payload could not be read", err)
		return
	}
	answer(w, t.handler.Interact(r.Context(), cb))
}

func (t *HTTP) command(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseForm(); err != nil {
		t.refuse(w, r, http.StatusBadRequest, "the form could not be read", err)
		return
	}
	if r.PostForm.Get("ssl_check") == "1" {
		return
	}
	cmd, err := slack.SlashCommandParse(r)
	if err != nil || cmd.Command == "" {
		t.refuse(w, r, http.StatusBadRequest, "the command could not be read", err)
		return
	}
	answer(w, t.handler.Command(r.Context(), cmd))
}

func (t *HTTP) event(w http.ResponseWriter, r *http.Request, body []byte) {
	ev, err := slackevents.ParseEvent(body, slackevents.OptionNoVerifyToken())
	if err != nil || ev.Type == "" {
		t.refuse(w, r, http.StatusBadRequest, "the event could not be read", err)
		return
	}
	if ev.Type == slackevents.URLVerification {
		var challenge slackevents.ChallengeResponse
		if err := json.Unmarshal(body, &challenge); err != nil {
			t.refuse(w, r, http.StatusBadRequest, "the challenge could not be read", err)
			return
		}
		answer(w, map[string]string{"challenge": challenge.Challenge}) // the library's type has no tag
		return
	}
	t.handler.Event(r.Context(), ev)
	w.WriteHeader(http.StatusOK)
}

func answer(w http.ResponseWriter, payload any) {
	if payload == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(payload)
}

// signatures remembers what was received while a signature is still good, so
// that a recorded request cannot be played again. Slack signs every repeat anew.
type signatures struct {
	mu sync.Mutex
	at map[string]time.Time
}

const signatureLife = 11 * time.Minute // five minutes past to five minutes ahead, and a little

func (s *signatures) first(signature string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at[signature]; ok && now.Sub(at) < signatureLife {
		return false
	}
	if len(s.at) >= 10_000 {
		for old, at := range s.at {
			if now.Sub(at) >= signatureLife {
				delete(s.at, old)
			}
		}
	}
	s.at[signature] = now
	return true
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// floor is what any handler of clicks has to do at least: it acknowledges, POSTs
// the signal, and updates the message. It stores nothing, checks nothing, not even
// signatures, and forgets what fails.
func floor(ctx context.Context) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	f := &bareHandler{keyfactor: os.Getenv("KEYFACTOR_URL"), http: &http.Client{Transport: transport}}
	f.slack = slack.New(os.Getenv("SLACK_BOT_TOKEN"), slack.OptionAPIURL(os.Getenv("SLACK_API_URL")),
		slack.OptionAppLevelToken(os.Getenv("SLACK_APP_TOKEN")), slack.OptionHTTPClient(&http.Client{Transport: transport}))
	if address := os.Getenv("FLOOR_LISTEN"); address != "" {
		return f.listen(ctx, address)
	}
	return f.connect(ctx)
}

type bareHandler struct {
	slack     *slack.Client
	keyfactor string
	http      *http.Client
}

func (f *bareHandler) listen(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /slack/interactivity", func(_ http.ResponseWriter, r *http.Request) {
		var cb slack.InteractionCallback
		if err := json.Unmarshal([]byte(r.FormValue("payload")), &cb); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		go f.decide(ctx, cb)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (f *bareHandler) connect(ctx context.Context) error {
	client := socketmode.New(f.slack)
	go func() {
		for event := range client.Events {
			cb, ok := event.Data.(slack.InteractionCallback)
			if event.Type != socketmode.EventTypeInteractive || !ok {
				continue
			}
			_ = client.Ack(*event.Request) // nothing is checked
			go f.decide(ctx, cb)
		}
	}()
	err := client.RunContext(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is how it ends
	}
	return err
}

// decide takes what to signal from the button: an instance, a space, the key.
func (f *bareHandler) decide(ctx context.Context, cb slack.InteractionCallback) {
	instance, key, _ := strings.Cut(cb.ActionCallback.BlockActions[0].Value, " ")
	if err := f.signal(ctx, instance, key); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	if _, _, _, err := f.slack.UpdateMessageContext(ctx, cb.Channel.ID, cb.Message.Timestamp, slack.MsgOptionText(settledSign+" approved by "+cb.User.Name, false)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (f *bareHandler) signal(ctx context.Context, instance, key string) error {
	body, err := json.Marshal(map[string]any{"SignalKey": key, "Data": map[string]string{"Approved": "True", "Comment": ""}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.keyfactor+"/Workflow/Instances/"+instance+"/Signals", bytes.NewReader(body))
	if err != nil {
		return err
	}
	keyfactorHeaders(req)
	response, err := f.http.Do(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode > 299 {
		return fmt.Errorf("signal %s: %s", instance, response.Status)
	}
	return nil
}

func keyfactorHeaders(req *http.Request) {
	req.SetBasicAuth(keyfactorUser, keyfactorPass)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Keyfactor-Requested-With", "APIClient")
	req.Header.Set("X-Keyfactor-Api-Version", "1")
}

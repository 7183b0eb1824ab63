package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/keyfactorsim"
	"github.com/approvebot/approvebot/internal/slacksim"
)

// DemoOptions are the choices of the demo. The zero value is fine but for Out and Log.
type DemoOptions struct {
	// Listen is the address of the page; default 127.0.0.1:0, any free port.
	Listen string
	// Out is told the one URL to open.
	Out io.Writer
	Log *zap.Logger
	// ArriveEvery is how often a new request arrives; default 45 s, negative never.
	ArriveEvery time.Duration
	// HTTP makes the simulated Slack send signed requests instead of using Socket Mode.
	HTTP bool
	// Ready, if set, is told where everything is once cards can be expected.
	Ready func(DemoAddresses)
}

// DemoAddresses are the doors of a running demo.
type DemoAddresses struct {
	Page, Keyfactor, Bot string
	Simulator            *keyfactorsim.Server
	Workspace            *slacksim.Workspace
}

// demoConfig is an ordinary configuration file; only the addresses are filled in.
const demoConfig = `
keyfactor:
  url: %[1]s
  portal_url: %[2]s
  accounts: # for steps of which Keyfactor itself wants two approvals
    - {name: second, auth: {username: 'EXAMPLE\svc-approvebot2', password: approve-me-too}}
slack:
  transport: %[3]s
  api_url: %[4]s
poll:
  schedule: "@every 3s"
store:
  url: sqlite:%[5]s
http:
  listen: %[6]s
admins:
  groups: ["@pki-admins"]
people: # alice and bob get direct messages about their requests
  templates: ['EXAMPLE\{localpart}']
  email_domains: [example.com]
  not_in_slack: ['EXAMPLE\svc-*', Timer Service]
hints: {domains: [example.com]}
routes:
  - name: revocations
    match: {type: Revocation}
    channels: ["#pki-revocations"]
    approvers: {groups: ["@pki-approvers"]}
    comment: {deny: required, deny_reasons: [still in use, wrong certificate, not the owner]}
    reminders: # soon, for there is no hour to wait here
      - {after: 2m}
      - {after: 4m, channel: "#pki-escalation"}
  - name: code signing
    match: {template: "*CodeSigning"}
    channels: ["#pki-approvals"]
    approvers: {groups: ["@pki-approvers"]}
    quorum: 2
    confirm: type-common-name
  - name: wildcards
    match: {wildcard: true}
    channels: ["#pki-approvals"]
    approvers: {groups: ["@pki-approvers"]}
    quorum: {count: 2, from: ["@pki-admins"]}
  - name: everything else
    channels: ["#pki-approvals"]
    approvers: {groups: ["@pki-approvers"]}
    delegation: allow # as Ada: /approvebot away until tomorrow delegate @dan
    notify_requester: true
`

// Demo runs everything in one process: both simulators, the bot and an embedded
// database in a temporary folder. It needs no account and no network, and
// returns when ctx ends.
func Demo(ctx context.Context, o DemoOptions) (err error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.ArriveEvery == 0 {
		o.ArriveEvery = 45 * time.Second
	}
	d := &demo{o: o}
	defer func() { err = errors.Join(err, d.stop(context.WithoutCancel(ctx))) }()
	if err := d.start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.app.Wait():
		return err
	}
}

type demo struct {
	o    DemoOptions
	app  *App
	ends []func(context.Context) error
}

func (d *demo) stop(ctx context.Context) error {
	var errs []error
	for _, v := range slices.Backward(d.ends) {
		errs = append(errs, v(ctx))
	}
	return errors.Join(errs...)
}

func (d *demo) start(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "approvebot-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo's database: %w", err)
	}
	d.ends = append(d.ends, func(context.Context) error { return os.RemoveAll(dir) })

	seed := keyfactorsim.BuiltinSeed()
	kf, err := keyfactorsim.New(keyfactorsim.Config{Seed: seed, Log: d.o.Log.Named("keyfactorsim")})
	if err != nil {
		return fmt.Errorf("start the simulated Keyfactor: %w", err)
	}
	d.ends = append(d.ends, func(context.Context) error { kf.Close(); return nil })
	kfBase, err := d.serve("127.0.0.1:0", kf)
	if err != nil {
		return err
	}
	botAddress, err := freeAddress()
	if err != nil {
		return err
	}
	sc := slacksim.DefaultConfig()
	sc.Log = d.o.Log.Named("slacksim")
	sc.RateLimits = true
	sc.Title = "approvebot demo"
	sc.Intro = "Certificate requests from a simulated Keyfactor arrive here. You are one of the people below: press Approve or Deny."
	sc.Actions = demoActions(kf)
	if d.o.HTTP {
		sc.RequestURL = "http://" + botAddress
	}
	sc.BotToken, sc.AppToken, sc.SigningSecret = "xoxb-demo", "xapp-demo", "demo-signing-secret"
	workspace, err := slacksim.New(sc)
	if err != nil {
		return fmt.Errorf("start the simulated Slack: %w", err)
	}
	d.ends = append(d.ends, func(context.Context) error { workspace.Close(); return nil })
	page, err := d.serve(d.o.Listen, workspace)
	if err != nil {
		return err
	}
	if d.app, err = d.bot(ctx, kf.URLs(kfBase), page, botAddress, dir, seed, sc); err != nil {
		return err
	}
	d.ends = append(d.ends, d.app.Stop)
	if d.o.ArriveEvery > 0 {
		kf.StartArrivals(ctx, d.o.ArriveEvery)
	}
	fmt.Fprintf(d.o.Out, "approvebot demo: open %s in a browser (Ctrl-C ends it)\n", page)
	if d.o.Ready != nil {
		d.o.Ready(DemoAddresses{Page: page, Keyfactor: kfBase, Bot: "http://" + d.app.Addr(), Simulator: kf, Workspace: workspace})
	}
	return nil
}

// bot starts the service itself, as any configuration file would.
func (d *demo) bot(ctx context.Context, kf keyfactorsim.Addresses, slackBase, listen, dir string, seed keyfactorsim.Seed, sc slacksim.Config) (*App, error) {
	transport := config.TransportSocket
	if d.o.HTTP {
		transport = config.TransportHTTP
	}
	text := fmt.Sprintf(demoConfig, kf.API, kf.Portal, transport, slackBase+"/api/", filepath.Join(dir, "approvebot.db"), listen)
	secrets := map[string]string{
		"SLACK_BOT_TOKEN": sc.BotToken, "SLACK_APP_TOKEN": sc.AppToken, "SLACK_SIGNING_SECRET": sc.SigningSecret,
	}
	for _, account := range seed.Accounts {
		if strings.HasSuffix(account.Username, `\svc-approvebot`) {
			secrets["KEYFACTOR_USERNAME"], secrets["KEYFACTOR_PASSWORD"] = account.Username, account.Password
		}
	}
	c, _, err := config.Parse("demo.yaml", []byte(text), func(name string) string { return secrets[name] })
	if err != nil {
		return nil, fmt.Errorf("read the demo's configuration: %w", err)
	}
	app, err := New(ctx, Options{Config: c, Log: d.o.Log})
	if err != nil {
		return nil, err
	}
	return app, app.Start(ctx)
}

// serve answers on an address until the demo ends.
func (d *demo) serve(address string, h http.Handler) (base string, err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w", address, err)
	}
	// No write timeout: the page's event stream stays open.
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: zap.NewStdLog(d.o.Log.Named("http"))}
	go func() { _ = server.Serve(l) }()
	d.ends = append(d.ends, func(context.Context) error { return server.Close() })
	return "http://" + l.Addr().String(), nil
}

// freeAddress finds a port for the bot, which the simulated Slack must know
// before the bot listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func demoActions(kf *keyfactorsim.Server) []slacksim.Action {
	return []slacksim.Action{
		{ID: "arrive", Label: "New request", Hint: "Somebody asks Keyfactor for one more certificate", Run: func(context.Context, string) (string, error) {
			if _, err := kf.Arrive(""); err != nil {
				return "", err
			}
			return "A new request waits in Keyfactor. Its card appears with the next poll.", nil
		}},
		{ID: "portal", Label: "Decide in the portal", Hint: "Somebody approves the oldest request in Keyfactor itself", Run: func(context.Context, string) (string, error) {
			return decideInPortal(kf)
		}},
		{ID: "change", Label: "Change a request", Hint: "The newest request asks for one more name after its card was shown", Run: func(context.Context, string) (string, error) {
			return changeNewest(kf)
		}},
	}
}

// decideInPortal lets a colleague be faster, so that a card that catches up can be watched.
func decideInPortal(kf *keyfactorsim.Server) (string, error) {
	var last error
	for _, i := range kf.Instances() {
		if i.Status != "Suspended" {
			continue
		}
		if last = kf.Decide(i.ID, `EXAMPLE\carol`, true, "approved in the portal"); last == nil {
			return fmt.Sprintf("Carol approved “%s” in Keyfactor's portal. Its card follows with the next poll.", i.Title), nil
		}
	}
	if last != nil {
		return "", last
	}
	return "Nothing waits in Keyfactor.", nil
}

// changeNewest slips a further name into the newest request, so that a card that is
// no longer true can be pressed.
func changeNewest(kf *keyfactorsim.Server) (string, error) {
	all := kf.Instances()
	for _, a := range slices.Backward(all) {
		if a.Status != "Suspended" || a.Type != "Enrollment" {
			continue
		}
		sans := map[string]any{"SANs": map[string]any{"dns": []string{"surprise.example.net"}}}
		if err := kf.ChangeRequest(a.ID, keyfactorsim.Change{Initial: sans, Current: sans}); err != nil {
			return "", err
		}
		return fmt.Sprintf("“%s” now asks for surprise.example.net as well. A decision about what was shown before is not sent.", a.Title), nil
	}
	return "Nothing waits in Keyfactor.", nil
}

package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/approvebot/approvebot/bot"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

func (d *doctor) slack(ctx context.Context) {
	c := d.c.Slack
	var granted grants
	clock := &clock{next: http.DefaultTransport, now: d.o.Now}
	api := slack.New(c.BotToken.Reveal(),
		slack.OptionHTTPClient(&http.Client{Timeout: slackTimeout, Transport: clock}),
		slack.OptionAPIURL(c.APIURL),
		slack.OptionAppLevelToken(c.AppToken.Reveal()),
		slack.OptionOnResponseHeaders(granted.note))
	app := ""
	if who, err := api.AuthTestContext(ctx); err != nil {
		d.fail("slack.token", "the bot token cannot be used: "+slackAdvice(err, "slack.bot_token"))
	} else {
		app = appOf(ctx, api, who.BotID)
		d.fine("slack.token", fmt.Sprintf("Slack accepts the bot token: %s in workspace %s (%s)", who.User, who.Team, who.TeamID))
		d.slackClock(clock)
		d.scopes(granted.all("auth.test"))
		d.routes(ctx, api, who.TeamID)
	}
	if c.Transport == config.TransportSocket {
		d.socket(ctx, api, &granted, app)
	} else {
		d.door(ctx)
	}
}

// appOf returns which app a bot belongs to, empty where Slack does not say.
func appOf(ctx context.Context, api *slack.Client, botID string) string {
	b, err := api.GetBotInfoContext(ctx, slack.GetBotInfoParameters{Bot: botID})
	if err != nil {
		return ""
	}
	return b.AppID
}

// slackClock compares our clock with Slack's. We refuse what Slack signed more
// than five minutes ago, so with the transport http a wrong clock loses clicks.
func (d *doctor) slackClock(c *clock) {
	skew, ok := c.skew()
	if !ok || skew.Abs() <= skewLimit {
		return
	}
	text := fmt.Sprintf("Slack's clock differs from ours by %s; set ours by NTP", skew.Abs().Round(time.Second))
	if d.c.Slack.Transport == config.TransportHTTP {
		d.fail("slack.clock", text+", or every click is refused as too old to be genuine")
		return
	}
	d.warn("slack.clock", text+", or times on cards and in the audit log mislead")
}

// grants are the scopes that Slack names with its answers, by method.
type grants struct {
	mu   sync.Mutex
	text map[string]string
}

func (g *grants) note(path string, h http.Header) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if text := h.Get("X-OAuth-Scopes"); text != "" {
		if g.text == nil {
			g.text = map[string]string{}
		}
		g.text[path[strings.LastIndex(path, "/")+1:]] = text
	}
}

func (g *grants) all(method string) (scopes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range strings.SplitSeq(g.text[method], ",") {
		if s = strings.TrimSpace(s); s != "" {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

func (d *doctor) scopes(have []string) {
	if len(have) == 0 {
		d.warn("slack.scopes", "Slack does not say which scopes the bot token has; a proxy may drop the header X-OAuth-Scopes")
		return
	}
	without := func(all, these []string) (rest []string) {
		for _, s := range all {
			if !slices.Contains(these, s) {
				rest = append(rest, s)
			}
		}
		return rest
	}
	missing, excess := without(d.o.Scopes, have), without(have, d.o.Scopes)
	if len(missing) > 0 {
		d.fail("slack.scopes", "the bot token lacks "+strings.Join(missing, ", ")+"; add them under OAuth & Permissions, then reinstall the app")
	}
	if len(excess) > 0 {
		d.warn("slack.scopes", "the bot token can more than approvebot needs; remove "+strings.Join(excess, ", ")+" under OAuth & Permissions")
	}
	if len(missing)+len(excess) == 0 {
		d.fine("slack.scopes", "the bot token has the scopes that are needed and no others")
	}
}

// routes looks at the channels and people of every route, and at the admins.
func (d *doctor) routes(ctx context.Context, api *slack.Client, team string) {
	p := &persons{directory: directory{api: api, team: team}, told: map[string]string{}}
	b, err := bot.New(bot.Config{Slack: api, Keys: func() [][]byte { return [][]byte{make([]byte, sha256.Size)} }, Log: zap.NewNop()})
	if err != nil {
		d.fail("slack", err.Error())
		return
	}
	for _, r := range d.c.Routes {
		problems := b.CheckRoute(ctx, bot.Team{}, r.Places()...)
		problems = append(problems, p.check(ctx, "approver", r.Approvers.Users, slices.Concat(r.Approvers.Groups, r.Quorum.From))...)
		for _, reminder := range r.Reminders {
			if reminder.User != "" {
				problems = append(problems, p.check(ctx, "reminded", []string{reminder.User}, nil)...)
			}
		}
		d.conclude("route "+r.Name, problems, "its channels can be posted to, and its approvers are full members")
	}
	if !d.c.Admins.Empty() {
		d.conclude("admins", p.check(ctx, "admin", d.c.Admins.Users, d.c.Admins.Groups), "all of them are full members")
	}
	if len(d.c.People.Map) > 0 {
		d.mapped(ctx, p)
	}
}

// mapped looks at the people whom the configuration names as requesters. Somebody
// who has left may still be named: their old requests stay their own.
func (d *doctor) mapped(ctx context.Context, p *persons) {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(d.c.People.Map)) {
		who := d.c.People.Map[name]
		if _, err := p.find(ctx, who); errors.Is(err, errNobody) {
			problems = append(problems, fmt.Sprintf("%s, who is said to be %s, was not found in Slack; correct it, or requests of %s count as nobody's whom we know", who, name, name))
		}
	}
	for _, problem := range problems {
		d.warn("people.map", problem)
	}
	if len(problems) == 0 {
		d.fine("people.map", "all who are named are known to Slack")
	}
}

func (d *doctor) conclude(check string, problems []string, fine string) {
	for _, problem := range problems {
		d.fail(check, problem)
	}
	if len(problems) == 0 {
		d.fine(check, fine)
	}
}

// persons says of names in the configuration why they mean nobody who may decide.
type persons struct {
	directory
	told map[string]string // by name, so that each is asked for once
}

func (p *persons) check(ctx context.Context, what string, users, groups []string) (problems []string) {
	add := func(name, problem string) {
		if problem != "" {
			problems = append(problems, what+" "+name+" "+problem)
		}
	}
	for _, name := range users {
		add(name, p.once(name, func() string { return p.user(ctx, name) }))
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(groups))) {
		add(name, p.once("group "+name, func() string { return p.group(ctx, name) }))
	}
	return problems
}

func (p *persons) once(key string, ask func() string) string {
	if _, ok := p.told[key]; !ok {
		p.told[key] = ask()
	}
	return p.told[key]
}

func (p *persons) user(ctx context.Context, name string) string {
	k, err := p.find(ctx, name)
	switch {
	case errors.Is(err, errNobody):
		return "was not found in Slack; check the spelling, or use the user ID from the person's profile"
	case err != nil:
		return "could not be looked up: " + slackAdvice(err, "slack.bot_token")
	case strings.Contains(name[1:], "@") && k.Email == "":
		return "has an e-mail address that Slack has not confirmed, which proves nothing; name the user ID instead"
	}
	return unfit(k.Membership)
}

func unfit(m approval.Membership) string {
	switch m {
	case approval.Member:
		return ""
	case approval.Guest:
		return "is a guest and may not decide; make them a full member or name somebody else"
	case approval.Outsider:
		return "belongs to another organisation and may not decide; name somebody of this workspace"
	case approval.Deactivated:
		return "is deactivated; name somebody else"
	case approval.Robot:
		return "is a bot and may not decide; name a person"
	}
	return "is not known to be a full member and may not decide"
}

// group wants at least one member who may decide: others are refused at the click.
func (p *persons) group(ctx context.Context, name string) string {
	ids, err := p.members(ctx, name)
	if err != nil {
		if _, refused := errors.AsType[slack.SlackErrorResponse](err); refused {
			return "could not be looked up: " + slackAdvice(err, "slack.bot_token")
		}
		return "was not found among Slack's user groups; check the handle, or whether the group was disabled"
	}
	if len(ids) == 0 {
		return "is a group without members; add people to it in Slack"
	}
	if _, err := p.handle(ctx, ""); err != nil && !errors.Is(err, errNobody) { // reads the list of people
		return "has members who could not be looked up: " + slackAdvice(err, "slack.bot_token")
	}
	for i := range p.users {
		if slices.Contains(ids, p.users[i].ID) && p.known(&p.users[i]).Membership == approval.Member {
			return ""
		}
	}
	return "is a group in which nobody is a full member; add people to it in Slack"
}

// socket opens a link for as long as Slack's greeting takes. Slack may hand a
// click to any link, so it is closed at once. The app is the bot token's, empty if
// it is not known.
func (d *doctor) socket(ctx context.Context, api *slack.Client, granted *grants, app string) {
	const check = "slack.socket"
	ctx, cancel := context.WithTimeout(ctx, 2*slackTimeout)
	defer cancel()
	_, address, err := api.StartSocketModeContext(ctx)
	if err != nil {
		d.fail(check, "Socket Mode cannot be opened: "+slackAdvice(err, "slack.app_token"))
		return
	}
	if excess := slices.DeleteFunc(granted.all("apps.connections.open"), func(s string) bool { return s == "connections:write" }); len(excess) > 0 {
		d.warn("slack.app_token", "the app-level token can more than approvebot needs; make one that has connections:write alone, without "+strings.Join(excess, ", "))
	}
	hello, err := greet(ctx, address)
	if err != nil {
		d.fail(check, "Socket Mode does not connect: "+err.Error()+"; let WebSockets to *.slack.com through firewall and proxy")
		return
	}
	if other := hello.Info.AppID; app != "" && other != "" && other != app {
		d.fail(check, fmt.Sprintf("the app-level token belongs to the app %s and the bot token to %s, so no click arrives; take both from the same app's settings", other, app))
		return
	}
	d.links(check, hello.Links-1)
}

// links compares the links that Slack counts beside ours with those that our
// service has. Each of several links gets a part of the clicks.
func (d *doctor) links(check string, others int) {
	const cure = "somebody else uses the app-level token and takes part of the clicks: end that, or revoke the token and make a new one"
	switch {
	case others == 0 && d.serving <= 0:
		d.fine(check, "Socket Mode connects, and nobody else uses the app-level token")
	case d.serving < 0:
		d.warn(check, fmt.Sprintf("Socket Mode connects; Slack counts %d links beside this check's, and without the database it cannot be told whether all of them are ours", others))
	case others > d.serving:
		d.fail(check, fmt.Sprintf("Slack counts %d links of this app beside this check's, and only %d can be ours; %s", others, d.serving, cure))
	case others < d.serving:
		d.warn(check, fmt.Sprintf("Socket Mode connects, but Slack counts %d links and %s with this database; look at /readyz of the one without", others, replicas(d.serving)))
	default:
		d.fine(check, fmt.Sprintf("Socket Mode connects, and nobody but our %s the app-level token", map[bool]string{true: "service uses", false: "replicas use"}[others == 1]))
	}
}

func replicas(n int) string {
	if n == 1 {
		return "one service runs"
	}
	return fmt.Sprintf("%d replicas run", n)
}

// hello is the first message on a link.
type hello struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Links  int    `json:"num_connections"` // this one included
	Info   struct {
		AppID string `json:"app_id"`
	} `json:"connection_info"`
}

// greet opens a link, waits for Slack's greeting and closes it.
func greet(ctx context.Context, address string) (h hello, err error) {
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: slackTimeout}
	conn, response, err := dialer.DialContext(ctx, address, nil)
	if response != nil && response.Body != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		return h, fmt.Errorf("open the link: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing is lost
	_ = conn.SetReadDeadline(time.Now().Add(slackTimeout))
	conn.SetReadLimit(1 << 20)
	if err := conn.ReadJSON(&h); err != nil {
		return h, fmt.Errorf("Slack did not greet: %w", err) //nolint:staticcheck // a name
	}
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	if h.Type != "hello" {
		return h, fmt.Errorf("Slack closed the link: %s", h.Reason) //nolint:staticcheck // a name
	}
	return h, nil
}

// door knocks at our own public address as Slack would, and as Slack would not.
func (d *doctor) door(ctx context.Context) {
	const check = "slack.http"
	base := strings.TrimRight(d.o.URL, "/")
	if base == "" {
		d.warn(check, "whether Slack reaches the service was not tried; give --url, the address in the app's settings")
		return
	}
	secrets := d.c.Slack.SigningSecrets()
	signed, err := knock(ctx, base, secrets[0].Reveal())
	if err != nil {
		d.fail(check, "nothing answers at "+base+": "+err.Error()+"; start the service, and check DNS, TLS and the proxy in front of it")
		return
	}
	unsigned, err := knock(ctx, base, "")
	switch {
	case err != nil:
		d.fail(check, "nothing answers at "+base+": "+err.Error())
	case signed == http.StatusUnauthorized:
		d.fail(check, base+" refuses our signature; the service there has another slack.signing_secret, or its clock is wrong by minutes")
	case signed != http.StatusOK:
		d.fail(check, fmt.Sprintf("%s answers a signed request with status %d; the proxy must pass /slack/ on to http.listen", base, signed))
	case unsigned != http.StatusUnauthorized:
		d.fail(check, fmt.Sprintf("%s answers a request without a signature with status %d instead of 401; that is not approvebot", base, unsigned))
	default:
		d.fine(check, base+" answers signed requests and refuses others")
	}
}

// knock asks what Slack asks to see whether an address lives. Nobody's click is in it.
func knock(ctx context.Context, base, secret string) (status int, err error) {
	const body = "ssl_check=1"
	ctx, cancel := context.WithTimeout(ctx, slackTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/slack/commands", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + at + ":" + body))
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, nil
}

// slackAdvice says what an operator can do about a failed call.
func slackAdvice(err error, key string) string {
	refusal, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		return "Slack could not be reached or gave no clear answer (" + err.Error() + "); check slack.api_url, DNS, firewall and proxy"
	}
	switch refusal.Err {
	case "invalid_auth", "not_authed":
		return "Slack does not accept it; check " + key
	case "account_inactive", "token_revoked":
		return "the app was uninstalled or its token revoked (" + refusal.Err + "); reinstall the app and renew " + key
	case "token_expired":
		return "it has expired; switch token rotation off in the app's settings, reinstall the app and renew " + key
	case "missing_scope", "not_allowed_token_type":
		if key == "slack.app_token" {
			return "the app-level token needs the scope connections:write; make a new one under Basic Information, App-Level Tokens"
		}
		return "the Slack app lacks the scope " + refusal.Needed + "; add it and reinstall the app"
	}
	return "Slack refused with " + refusal.Err
}

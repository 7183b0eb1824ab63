package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

const explainHelp = `Explain tells for one request which route takes it, and why none before it does,
where it is shown, who may decide it and under which conditions, and what an
approver would be pointed to.

The request is named by its ID (workflow:<instance>/<step> or certificate:<number>)
and read from Keyfactor, or it stands as JSON in a file, which needs neither
Keyfactor nor its credentials. What explain --output json prints under "request"
can be kept as such a file.

With --person Slack is asked about people, named by ID, @handle or e-mail address,
and the answer says of each whether they may decide, and if not, why.

Of a request in Keyfactor it also tells which channels show it by subscriptions made
in Slack, and whom these leave deciding there.

Nothing is posted, decided or stored.

Exit code 0 means that a route takes the request, 1 that none does or that
something failed, 2 that the command line or the configuration is wrong.`

func (p *program) explainCommand() *cobra.Command {
	var persons []string
	var output string
	cmd := &cobra.Command{
		Use:   "explain ID|FILE.json",
		Short: "Tell which route takes a request, and who may decide it",
		Long:  explainHelp,
		Example: `  approvebot explain workflow:0a1b…/2c3d…
  approvebot explain request.json --person ada@example.com --person @ben
  approvebot explain certificate:17 --output json | jq -r .route`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return p.explain(cmd.Context(), args[0], persons, output)
		},
	}
	cmd.Flags().StringArrayVar(&persons, "person", nil, "`WHO` to ask Slack about: ID, @handle or e-mail address; can be repeated")
	outputFlag(cmd, &output)
	return cmd
}

// explanation is what explain has to say.
type explanation struct {
	Request  approval.Request `json:"request"`
	Standing string           `json:"standing"`
	// Route is the one that takes the request; empty if none does.
	Route    string        `json:"route"`
	Routes   []routeReport `json:"routes"`
	Channels []string      `json:"channels"`
	// Users, Groups and Conditions say who may decide, and how.
	Users      []string      `json:"users"`
	Groups     []string      `json:"groups"`
	Conditions []string      `json:"conditions"`
	Hints      []app.Hint    `json:"hints"`
	People     []app.Opinion `json:"people"`
	Notes      []string      `json:"notes"`
}

// routeReport says of one route, in order, whether it takes the request.
type routeReport struct {
	Name    string          `json:"name"`
	Takes   bool            `json:"takes"`
	Reasons []config.Reason `json:"reasons"`
}

func (p *program) explain(ctx context.Context, what string, persons []string, output string) error {
	id, idErr := approval.ParseID(what)
	isFile := strings.HasSuffix(what, ".json") || idErr != nil
	read := config.Load
	if isFile {
		read = config.Draft
	}
	c, _, err := read(p.flags.config, p.env)
	if err != nil {
		return err
	}
	e := explanation{Routes: []routeReport{}, Channels: []string{}, Users: []string{}, Groups: []string{}, Conditions: []string{}, Hints: []app.Hint{}, People: []app.Opinion{}, Notes: []string{}}
	if isFile {
		e.Standing = "as it stands in " + what
		e.Request, err = readRequest(what)
	} else {
		e.Request, e.Standing, err = p.lookAt(ctx, c, id)
	}
	if err != nil {
		return err
	}
	route, taken := e.choose(c)
	if taken {
		e.describe(route)
	}
	if taken && !isFile {
		notes, err := app.Subscribed(ctx, c, e.Request)
		if err != nil {
			notes = append(notes, "Subscriptions made in Slack were not looked at: "+err.Error()+".")
		}
		e.Notes = append(e.Notes, notes...)
	}
	switch {
	case len(persons) == 0 || !taken:
	case c.Slack.BotToken.IsZero():
		e.Notes = append(e.Notes, "Slack was not asked about anybody: there is no bot token; set slack.bot_token or SLACK_BOT_TOKEN.")
	default:
		if e.People, err = app.Judge(ctx, c, route.Rule(), e.Request, persons); err != nil {
			return err
		}
	}
	if output == "json" {
		err = p.printJSON(e)
	} else {
		err = e.print(p.out)
	}
	if err == nil && !taken {
		return errReported
	}
	return err
}

// lookAt reads a request that waits now.
func (p *program) lookAt(ctx context.Context, c *config.Config, id approval.ID) (approval.Request, string, error) {
	l := c.Log
	if p.flags.logLevel == "" {
		l.Level = "error" // the answer is for a person; what the client retries is not
	} else {
		l.Level = p.flags.logLevel
	}
	log, err := p.logger(l)
	if err != nil {
		return approval.Request{}, "", err
	}
	standing, err := app.Look(ctx, c, id, log)
	if err != nil {
		return approval.Request{}, "", err
	}
	if !standing.Waiting {
		o := standing.Outcome
		return approval.Request{}, "", fmt.Errorf("%s does not wait any more: %s (%s)", id, o.State, strings.ReplaceAll(string(o.Reason), "_", " "))
	}
	return standing.Request, "waiting in Keyfactor now", nil
}

// readRequest reads a request from a file: by itself, or as explain prints it.
func readRequest(file string) (approval.Request, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return approval.Request{}, wrongUsage("%q is neither a request's ID, such as workflow:<instance>/<step> or certificate:<number>, nor a file", file)
	}
	if err != nil {
		return approval.Request{}, fmt.Errorf("read the request: %w", err)
	}
	var q approval.Request
	var printed struct {
		Request json.RawMessage `json:"request"`
	}
	if err := json.Unmarshal(text, &printed); err == nil && len(printed.Request) > 0 {
		text = printed.Request
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a misspelt key would be explained as missing
	if err := d.Decode(&q); err != nil {
		return approval.Request{}, wrongUsage("%s does not hold a request: %v", file, err)
	}
	if _, err := approval.ParseID(string(q.ID)); err != nil {
		return approval.Request{}, wrongUsage("%s does not hold a request: its id is missing or wrong: %v", file, err)
	}
	return q, nil
}

// choose goes through the routes as the poller does.
func (e *explanation) choose(c *config.Config) (config.Route, bool) {
	for _, r := range c.Routes {
		report := routeReport{Name: r.Name, Takes: r.Matches(e.Request), Reasons: append([]config.Reason{}, r.Explain(e.Request)...)}
		e.Routes = append(e.Routes, report)
		if report.Takes {
			e.Route = r.Name
			return r, true
		}
	}
	return config.Route{}, false
}

// describe puts the route's rule into words.
func (e *explanation) describe(r config.Route) {
	rule, found := app.Hints(r.Rule(), e.Request)
	e.Hints = found
	e.Channels = append(e.Channels, r.Channels...)
	e.Users, e.Groups = append(e.Users, rule.Users...), append(e.Groups, rule.Groups...)
	say := func(format string, args ...any) { e.Conditions = append(e.Conditions, fmt.Sprintf(format, args...)) }
	switch r.DirectMessages {
	case config.DirectMessagesAlso:
		say("Every approver gets a card of their own as well.")
	case config.DirectMessagesOnly:
		say("Every approver gets a card of their own; there is none in a channel.")
	}
	if rule.ShowOnly {
		say("Cards have no buttons; it is decided in Keyfactor.")
		return
	}
	switch n, from := rule.Quorum.Count, rule.Quorum.From; {
	case len(from) == 1:
		say("%s must approve, among them one from %s.", count(n, "person", "people"), from[0])
	case len(from) > 1:
		say("%d people must approve, among them one from each of %s, all different people.", n, strings.Join(from, ", "))
	case n > 1:
		say("%d different people must approve.", n)
	default:
		say("One person's approval is enough.")
	}
	if rule.DenialCounts {
		say("It takes as many denials to deny it.")
	} else {
		say("One denial ends it.")
	}
	switch requester := e.Request.Requester; {
	case rule.AllowSelf:
		say("Whoever asked for it may decide as well.")
	case requester == "":
		say("Nobody knows who asked for it. %s", unresolved[rule.Unresolved])
	default:
		say("Whoever is %s in Slack may not decide. If nobody can tell who that is: %s", printable(requester), lowerFirst(unresolved[rule.Unresolved]))
	}
	if name := rule.MustType(e.Request, approval.Approve); name != "" {
		say("Whoever approves has to type %s.", printable(name))
	}
	say("Comment with an approval: %s; with a denial: %s.", rule.Approve.Need, rule.Deny.Need)
	if rule.ExpiresAfter > 0 {
		say("It can be decided from Slack for %v after it was first seen there.", rule.ExpiresAfter)
	}
	for _, v := range []approval.Verdict{approval.Approve, approval.Deny} {
		if !e.Request.Offers(v) {
			say("It cannot be %s from Slack.", v.Past())
		}
	}
}

var unresolved = map[approval.Unresolved]string{
	approval.UnresolvedDeny:   "Nobody may approve it from Slack.",
	approval.UnresolvedSecond: "One person more has to approve it.",
	approval.UnresolvedAllow:  "Any approver may approve it.",
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// refused are the sentences for people that policy keeps from deciding.
var refused = map[approval.Refusal]string{
	approval.RefuseUnknownPerson:    "Slack does not say who this is",
	approval.RefuseGuest:            "guests may not decide",
	approval.RefuseOutsider:         "not a member of our workspace",
	approval.RefuseDeactivated:      "the account is deactivated",
	approval.RefuseRobot:            "an app or a bot",
	approval.RefuseNotApprover:      "named neither as a user nor by a group of the route",
	approval.RefuseShowOnly:         "the route only shows it",
	approval.RefuseNotOffered:       "it cannot be sent from Slack",
	approval.RefuseSelfApproval:     "asked for it themselves",
	approval.RefuseRequesterUnknown: "might be the requester; nobody can tell who that is in Slack",
}

func why(r approval.Refusal) string {
	if s, ok := refused[r]; ok {
		return s
	}
	return string(r)
}

// print writes for people. What comes from the request is hostile: it is shown
// without control characters, which a terminal might obey.
func (e *explanation) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s:\t%s\n", label, printable(value))
		}
	}
	q := e.Request
	line("Request", string(q.ID))
	line("Standing", e.Standing)
	line("Title", q.Title)
	line("Common name", q.CommonName)
	line("Requester", q.Requester)
	if e.Route == "" {
		line("Route", "none; the request is shown to nobody")
	} else {
		line("Route", e.Route)
		line("Channels", strings.Join(e.Channels, ", "))
		line("May decide", strings.Join(append(append([]string{}, e.Users...), e.Groups...), ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.printRoutes(out)
	if len(e.Conditions) > 0 {
		fmt.Fprint(out, "\nConditions\n")
	}
	for _, c := range e.Conditions {
		fmt.Fprintf(out, "  %s\n", c)
	}
	if len(e.Hints) > 0 {
		fmt.Fprint(out, "\nHints\n")
	}
	for _, h := range e.Hints {
		codes := make([]string, len(h.Codes))
		for i, c := range h.Codes {
			codes[i] = string(c)
		}
		fmt.Fprintf(out, "  %s (%s)\n", printable(h.Words), strings.Join(codes, ", "))
	}
	if len(e.People) > 0 {
		fmt.Fprint(out, "\nPeople\n")
	}
	for _, o := range e.People {
		fmt.Fprintf(out, "  %s\n", printable(opinion(o)))
	}
	for _, n := range e.Notes {
		fmt.Fprintf(out, "\n%s\n", n)
	}
	return nil
}

func (e *explanation) printRoutes(out io.Writer) {
	fmt.Fprint(out, "\nRoutes, in order\n")
	for _, r := range e.Routes {
		verdict := "does not take it"
		if r.Takes {
			verdict = "takes it"
		}
		if r.Takes && len(r.Reasons) == 0 {
			verdict = "takes every request"
		}
		fmt.Fprintf(out, "  %s: %s\n", printable(r.Name), verdict)
		for _, reason := range r.Reasons {
			fmt.Fprintf(out, "    %s\n", printable(because(reason)))
		}
	}
}

func because(r config.Reason) string {
	mark, value := "no ", r.Value
	if r.OK {
		mark = "yes"
	}
	if value == "" {
		value = "(not known)"
	}
	return fmt.Sprintf("%s  %s: %s, wanted %s", mark, r.Key, value, r.Pattern)
}

func opinion(o app.Opinion) string {
	if o.Trouble != "" {
		return o.Asked + ": " + o.Trouble
	}
	who := o.Asked + " (" + o.Person.Name + ", " + o.Person.ID + ")"
	as := ""
	if len(o.As) > 0 {
		as = ", as " + strings.Join(o.As, ", ")
	}
	switch {
	case o.Approve == "" && o.Deny == "":
		return who + ": may approve and deny" + as
	case o.Approve == o.Deny:
		return who + ": may not decide: " + why(o.Approve)
	case o.Deny == "":
		return who + ": may deny" + as + ", but not approve: " + why(o.Approve)
	case o.Approve == "":
		return who + ": may approve" + as + ", but not deny: " + why(o.Deny)
	}
	return who + ": may not approve: " + why(o.Approve) + "; may not deny: " + why(o.Deny)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/app"
	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/store"
)

const auditHelp = `Audit reads the log of who decided what, having seen what, and when. It only
reads, also beside a running service.

Every entry holds the hash of the entry before it, so that no entry can be
changed, removed, inserted or moved without a trace. What a chain cannot show by
itself is that its end was cut off; therefore the service writes the newest hash
into its own log once an hour ("audit log anchor"), and "audit verify --head"
checks against it.`

func (p *program) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read and prove the audit log",
		Long:  auditHelp,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return wrongUsage("say what: audit list, audit export or audit verify")
		},
	}
	a := &auditReader{program: p}
	cmd.PersistentFlags().StringVar(&a.url, "store", "", "`URL` of the database (default: the configured one)")
	cmd.AddCommand(a.listCommand(), a.exportCommand(), a.verifyCommand())
	return cmd
}

// auditReader is what the three commands share.
type auditReader struct {
	*program
	url string
}

// open opens the store for looking only. With --store no configuration is needed:
// an auditor may have the database and nothing else.
func (a *auditReader) open(ctx context.Context) (*store.Store, error) {
	url, name := a.url, "of --store"
	if url == "" {
		c, _, err := a.load()
		if err != nil {
			return nil, err
		}
		url, name = c.Store.URL.Reveal(), c.Store.Redacted()
	}
	s, err := store.Open(ctx, url, store.Options{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", name, err)
	}
	return s, nil
}

// auditFilter is what the flags of list say.
type auditFilter struct {
	request, person, event string
	since, until           string
	limit                  int
}

func (f auditFilter) parse(now time.Time) (store.Filter, error) {
	out := store.Filter{Request: approval.ID(f.request), Event: f.event, User: f.person, Newest: true, Limit: f.limit}
	if strings.HasPrefix(f.person, "@") {
		return out, wrongUsage("--person is a Slack user ID or an e-mail address; @handles change and are not in the log")
	}
	if f.limit < 0 {
		return out, wrongUsage("--limit is a number of entries, or 0 for all")
	}
	var err error
	if out.From, err = pointInTime("--since", f.since, now); err != nil {
		return out, err
	}
	out.To, err = pointInTime("--until", f.until, now)
	return out, err
}

// pointInTime reads a moment, or how long ago it was.
func pointInTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, wrongUsage("%s %q is not a time: write 2026-03-01, 2026-03-01T08:30:00Z (UTC unless it says otherwise), or how long ago: 36h, 7d", flag, text)
}

func (a *auditReader) listCommand() *cobra.Command {
	var filter auditFilter
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show entries of the audit log",
		Long:  "List shows the newest entries that fit, oldest first. Times are UTC.",
		Example: `  approvebot audit list --since 7d --event decision.made
  approvebot audit list --person ada@example.com
  approvebot audit list --request certificate:23 --limit 0 --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			f, err := filter.parse(time.Now().UTC())
			if err != nil {
				return err
			}
			return a.list(cmd.Context(), f, output)
		},
	}
	cmd.Flags().StringVar(&filter.request, "request", "", "only entries about this request `ID`")
	cmd.Flags().StringVar(&filter.person, "person", "", "only entries by this person: Slack user `ID` or e-mail address")
	cmd.Flags().StringVar(&filter.event, "event", "", "only this `EVENT`, such as decision.made or click.refused")
	cmd.Flags().StringVar(&filter.since, "since", "", "from this `TIME` on: 2026-03-01, 2026-03-01T08:30:00Z, or how long ago: 36h, 7d")
	cmd.Flags().StringVar(&filter.until, "until", "", "before this `TIME`")
	cmd.Flags().IntVar(&filter.limit, "limit", 100, "at most this many, the newest; 0 for all")
	outputFlag(cmd, &output)
	return cmd
}

func (a *auditReader) list(ctx context.Context, f store.Filter, output string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // only read
	all := []store.Entry{}
	for e, err := range s.Entries(ctx, f) {
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	slices.Reverse(all)
	if output == "json" {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.out, "no entries")
		return err
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TIME\tEVENT\tPERSON\tREQUEST\tDETAIL")
	for _, e := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", e.At.UTC().Format("2006-01-02 15:04:05"), plain(e.Event), who(e.By), dash(plain(string(e.Request))), dash(auditWords(e)))
	}
	return table.Flush()
}

func (a *auditReader) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print the whole audit log as JSON lines",
		Long: `Export prints every entry on a line of its own, from the first to the newest, with
all its fields. "audit verify --file" proves such a file without the database.`,
		Example: `  approvebot audit export > audit.jsonl
  approvebot audit verify --file audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.export(cmd.Context()) },
	}
}

func (a *auditReader) export(ctx context.Context) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // only read
	out := bufio.NewWriter(a.out)
	for e, err := range s.Entries(ctx, store.Filter{}) {
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
		if err := app.WriteEntry(out, e); err != nil {
			return fmt.Errorf("export entry %d: %w", e.Seq, err)
		}
	}
	return out.Flush()
}

func (a *auditReader) verifyCommand() *cobra.Command {
	var file, head, output string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that no entry was changed or removed",
		Long: `Verify walks the whole chain and says how many entries it proves and what the
newest hash is, or exactly where the chain is broken.

With --head it also looks for a hash that was noted down earlier, such as one of
the "audit log anchor" lines in the service's log: when it is not found, the log
was cut off before that entry, or replaced.

Exit code 0 means proven, 1 broken.`,
		Example: `  approvebot audit verify
  approvebot audit verify --head 5f1c…
  approvebot audit verify --file audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if file != "" && a.url != "" {
				return wrongUsage("--file and --store exclude each other")
			}
			return a.verify(cmd.Context(), file, strings.ToLower(strings.TrimSpace(head)), output)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "an exported `FILE` instead of the database; - is standard input")
	cmd.Flags().StringVar(&head, "head", "", "a `HASH` that was noted down earlier and must be found")
	outputFlag(cmd, &output)
	return cmd
}

// proof is what verify found.
type proof struct {
	OK      bool   `json:"ok"`
	Entries int64  `json:"entries"` // proven, from the first on
	Head    string `json:"head"`    // hash of the last of them
	// Anchor is the entry that --head names; 0 when it was not asked for or not found.
	Anchor int64  `json:"anchor,omitempty"`
	Broken string `json:"broken,omitempty"`
}

// find is called with every proven entry.
func (r *proof) find(e store.Entry, head string) {
	r.Entries, r.Head = e.Seq, e.Hash
	if head != "" && e.Hash == head {
		r.Anchor = e.Seq
	}
}

func (a *auditReader) verify(ctx context.Context, file, head, output string) error {
	var r proof
	prove := a.proveStore
	if file != "" {
		prove = func(_ context.Context, head string, r *proof) error { return proveFile(file, head, r) }
	}
	err := prove(ctx, head, &r)
	if err != nil && !errors.Is(err, store.ErrBroken) {
		return err
	}
	if err == nil && head != "" && r.Anchor == 0 {
		err = fmt.Errorf("%w: no entry has the hash of --head, so the log was cut off before that entry or replaced", store.ErrBroken)
	}
	if r.OK = err == nil; !r.OK {
		r.Broken = err.Error()
	}
	if output == "json" {
		if printed := a.printJSON(r); printed != nil {
			return printed
		}
	} else {
		a.printProof(r)
	}
	if err != nil {
		return errors.Join(errReported, err)
	}
	return nil
}

func (a *auditReader) printProof(r proof) {
	if !r.OK {
		fmt.Fprintf(a.out, "BROKEN: %s\n", plain(r.Broken))
	}
	fmt.Fprintf(a.out, "%s proven\n", count(int(r.Entries), "entry", "entries"))
	if r.Head != "" {
		fmt.Fprintf(a.out, "hash of the last of them: %s\n", r.Head)
	}
	if r.Anchor > 0 {
		fmt.Fprintf(a.out, "the hash of --head is that of entry %d\n", r.Anchor)
	}
}

func (a *auditReader) proveStore(ctx context.Context, head string, r *proof) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // only read
	r.Entries, r.Head, err = s.VerifyAudit(ctx)
	if err != nil || head == "" {
		return err
	}
	n, last := r.Entries, r.Head
	for e, err := range s.Entries(ctx, store.Filter{}) {
		if err != nil {
			return err
		}
		if e.Seq > n {
			break // written since
		}
		r.find(e, head)
	}
	r.Entries, r.Head = n, last
	return nil
}

func proveFile(name, head string, r *proof) error {
	in := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("read the exported audit log: %w", err)
		}
		defer file.Close() //nolint:errcheck // only read
		in = file
	}
	_, err := app.VerifyExport(in, func(e store.Entry) { r.find(e, head) })
	return err
}

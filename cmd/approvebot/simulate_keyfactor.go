package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

const simulateKeyfactorHelp = `A Keyfactor Command in memory: the API that approvebot uses, a small portal, a
token endpoint, and a control API below /_sim/ that injects faults.

It begins with a built-in set of requests, or with those of --seed. The format of
a seed is that of the built-in one, which --print-seed prints with its comments.

Keyfactor's documentation leaves some things open; the switches --status-as to
--hidden-as make the simulator behave one way or the other.`

func (p *program) simulateKeyfactorCommand() *cobra.Command {
	var (
		c                    keyfactorsim.Config
		listen, seed, output string
		arrivals             time.Duration
		printSeed            bool
	)
	cmd := &cobra.Command{
		Use:   "keyfactor",
		Short: "Run a simulated Keyfactor Command",
		Long:  simulateKeyfactorHelp,
		Example: `  approvebot simulate keyfactor --listen 127.0.0.1:8090 --arrivals 30s
  approvebot simulate keyfactor --print-seed > seed.yaml
  approvebot simulate keyfactor --seed seed.yaml --status-as int --approved-as boolean`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printSeed {
				_, err := p.out.Write(keyfactorsim.BuiltinYAML())
				return err
			}
			if err := checkOutput(output); err != nil {
				return err
			}
			return p.simulateKeyfactor(cmd.Context(), c, listen, seed, arrivals, output)
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 takes a free one")
	f.StringVar(&seed, "seed", "", "`FILE` with what the server holds, YAML or JSON (default: the built-in seed)")
	f.BoolVar(&printSeed, "print-seed", false, "print the built-in seed and exit")
	f.DurationVar(&arrivals, "arrivals", 0, "let a new request arrive so often; 0 never")
	f.IntVar(&c.BaseRequests, "base-requests", 0, "begin with so `MANY` more cheap requests")
	f.StringVar(&c.BasePath, "base-path", "", "`PATH` of the API (default /KeyfactorAPI; /Keyfactor/API works as well)")
	f.IntVar(&c.MaxReturnLimit, "max-return-limit", 0, "cap the page size at `N`; 0 does not")
	f.StringVar(&c.ProductVersion, "product-version", "", "`VERSION` sent with every answer")
	f.DurationVar(&c.TokenLifetime, "token-lifetime", 0, "how long an access token works (default 5m)")
	f.Uint64Var(&c.RandomSeed, "random-seed", 0, "make faults and arrivals repeatable by a `NUMBER`")
	w := &c.Switches
	f.StringVar(&w.StatusAs, "status-as", "string", "status of an instance: string or int")
	f.StringVar(&w.ApprovedAs, "approved-as", "any", "what a signal must hold: any, string or boolean")
	f.StringVar(&w.SANsAs, "sans-as", "object", "shape of SANs: object or pairs")
	f.StringVar(&w.AnswerItems, "answer-items", "object", "how Approve and Deny name requests: object or string")
	f.StringVar(&w.SignalsAs, "signals-as", "one", "signals that a step awaits: one until decided, or each")
	f.StringVar(&w.Dates, "dates", "utc", "dates: utc, seconds, ticks, offset, bare or bare-ticks")
	f.BoolVar(&w.CommentRequired, "comment-required", false, "refuse approvals without a comment")
	f.BoolVar(&w.NoTotalCount, "no-total-count", false, "leave the header x-total-count out")
	f.IntVar(&w.HiddenAs, "hidden-as", 403, "status of what the caller may not see: 403 or 404")
	complete(cmd, "status-as", "string", "int")
	complete(cmd, "approved-as", "any", "string", "boolean")
	complete(cmd, "sans-as", "object", "pairs")
	complete(cmd, "answer-items", "object", "string")
	complete(cmd, "signals-as", "one", "each")
	complete(cmd, "dates", "utc", "seconds", "ticks", "offset", "bare", "bare-ticks")
	outputFlag(cmd, &output)
	return cmd
}

func (p *program) simulateKeyfactor(ctx context.Context, c keyfactorsim.Config, listen, seed string, arrivals time.Duration, output string) (err error) {
	c.Seed = keyfactorsim.BuiltinSeed()
	if seed != "" {
		text, err := os.ReadFile(seed)
		if err != nil {
			return fmt.Errorf("read the seed: %w", err)
		}
		if c.Seed, err = keyfactorsim.ParseSeed(text); err != nil {
			return usageError{fmt.Sprintf("%s: %v", seed, err)}
		}
	}
	if c.Log, err = p.flagLog("info"); err != nil {
		return err
	}
	server, err := keyfactorsim.New(c)
	if err != nil {
		return usageError{err.Error()}
	}
	defer server.Close()
	return serve(ctx, listen, server, c.Log, func(base string) error {
		if arrivals > 0 {
			server.StartArrivals(ctx, arrivals)
		}
		at := server.URLs(base)
		env := []variable{{"KEYFACTOR_URL", at.API}}
		for _, account := range c.Seed.Accounts {
			if account.Username != "" && account.Password != "" {
				env = append(env, variable{"KEYFACTOR_USERNAME", account.Username}, variable{"KEYFACTOR_PASSWORD", account.Password})
				break
			}
		}
		return p.introduce(output, "A simulated Keyfactor Command is running", []variable{
			{"api", at.API}, {"portal", at.Portal}, {"token", at.Token}, {"control", at.Control},
		}, env)
	})
}

// quote makes a value safe to paste into a shell.
func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }

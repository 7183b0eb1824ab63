package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/app"
)

const demoHelp = `Demo runs everything in one process: a simulated Keyfactor with requests that
wait, a simulated Slack with a page in the browser, and the service itself between
them. It needs no account and no network, and forgets everything when it ends.

Open the address that it prints, be one of the people there, and press a button.`

func (p *program) demoCommand() *cobra.Command {
	var o app.DemoOptions
	var arrivals time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try everything on this machine, without any account",
		Long:  demoHelp,
		Example: `  approvebot demo
  approvebot demo --listen 127.0.0.1:8000 --arrivals 10s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.ArriveEvery = arrivals
			if arrivals <= 0 {
				o.ArriveEvery = -1 // to the demo, zero means its default
			}
			return p.demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:0", "`ADDRESS` of the page; port 0 takes a free one")
	f.DurationVar(&arrivals, "arrivals", 45*time.Second, "let a new request arrive so often; 0 never")
	f.BoolVar(&o.HTTP, "http", false, "deliver clicks by signed HTTP instead of Socket Mode")
	return cmd
}

// demo keeps quiet by default: the address is what matters.
func (p *program) demo(ctx context.Context, o app.DemoOptions) (err error) {
	o.Out = p.out
	if o.Log, err = p.flagLog("warn"); err != nil {
		return err
	}
	return app.Demo(ctx, o)
}

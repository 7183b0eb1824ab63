package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/approvebot/approvebot/internal/store"
)

const backupHelp = `Backup writes a copy of the SQLite database into a new file, as of one moment and
while the service runs. It checks the copy, proves its audit log, and prints the
newest hash. An existing file is not overwritten.

The copy holds what people decided and the key that signs buttons: keep it as safe
as the database. To restore it, stop the service, put it in the place of the
database, remove the files that end in -wal and -shm beside it, and start.

PostgreSQL is saved with its own tools: pg_dump.`

func (p *program) backupCommand() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database, while the service runs",
		Long:  backupHelp,
		Example: `  approvebot backup /var/backups/approvebot-$(date +%F).db
  approvebot backup --store sqlite:///var/lib/approvebot/approvebot.db copy.db`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if url == "" {
				c, _, err := p.load()
				if err != nil {
					return err
				}
				url = c.Store.URL.Reveal()
			}
			saved, err := store.Backup(cmd.Context(), url, args[0])
			if err != nil {
				return fmt.Errorf("back up: %w", err)
			}
			_, err = fmt.Fprintf(p.out, "%s: %d bytes, %s of the audit log proven, head %s\n",
				args[0], saved.Bytes, count(int(saved.Entries), "entry", "entries"), saved.Head)
			return err
		},
	}
	cmd.Flags().StringVar(&url, "store", "", "`URL` of the database (default: the configured one)")
	return cmd
}

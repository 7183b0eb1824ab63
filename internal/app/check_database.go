package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/approvebot/approvebot/internal/store"
)

// database proves that the store can be used. A database that does not exist is
// not made: it would belong to whoever runs the check. One that is in use is only
// looked at.
func (d *doctor) database(ctx context.Context) {
	const check = "database"
	name, url := d.c.Store.Redacted(), d.c.Store.URL.Reveal()
	path, embedded := d.c.Store.SQLite()
	if embedded {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			d.newDatabase(check, path)
			return
		}
	}
	s, err := store.Open(ctx, url, store.Options{ReadOnly: true})
	if err == nil {
		_, _, err = s.Setting(ctx, "seal_key")
		err = errors.Join(err, s.Close())
	}
	switch {
	case err != nil && embedded:
		d.fail(check, fmt.Sprintf("%s cannot be read: %v; check its owner and permissions, or restore a backup", name, err))
		return
	case err != nil:
		d.fail(check, fmt.Sprintf("%s cannot be read: %v; check store.url and the database's grants; before the first start its tables are missing", name, err))
		return
	case !embedded:
		// Opening it for writing would bring its tables to this release under replicas of an older one.
		d.fine(check, name+" answers, and its tables can be read; /readyz of the service says whether they can be written")
		return
	}
	s, err = store.Open(ctx, url, store.Options{})
	if errors.Is(err, store.ErrInUse) {
		d.serving = true
		d.fine(check, name+" is in use by a running service and can be read")
		return
	}
	if err == nil {
		err = errors.Join(s.Ping(ctx), s.Close())
	}
	if err != nil {
		d.fail(check, fmt.Sprintf("%s cannot be written: %v; the service's user must own the file and its folder", name, err))
		return
	}
	d.fine(check, name+" is there, migrated and can be written")
}

func (d *doctor) newDatabase(check, path string) {
	folder := filepath.Dir(path)
	probe, err := os.CreateTemp(folder, ".approvebot-check-*")
	if err != nil {
		d.fail(check, fmt.Sprintf("%s does not exist and cannot be made: %v; make the folder %s and give it to the service's user", path, errors.Unwrap(err), folder))
		return
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	d.fine(check, path+" does not exist yet; the service makes it at its first start")
}

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
	if !embedded {
		d.shared(ctx, check, name, url)
		return
	}
	s, err := store.Open(ctx, url, store.Options{ReadOnly: true})
	if err == nil {
		_, _, err = s.Setting(ctx, "seal_key")
		err = errors.Join(err, s.Close())
	}
	switch {
	case errors.Is(err, store.ErrNewer):
		d.fail(check, fmt.Sprintf("%s cannot be used: %v", name, err))
		return
	case err != nil:
		d.fail(check, fmt.Sprintf("%s cannot be read: %v; check its owner and permissions, or restore a backup", name, err))
		return
	}
	s, err = store.Open(ctx, url, store.Options{})
	if errors.Is(err, store.ErrInUse) {
		d.serving = 1
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

// shared looks at a database that other replicas may be working on. It is not
// opened for writing: that would bring its tables to this release under replicas
// of an older one.
func (d *doctor) shared(ctx context.Context, check, name, url string) {
	d.serving = -1
	s, err := store.Open(ctx, url, store.Options{ReadOnly: true})
	if errors.Is(err, store.ErrNewer) {
		d.fail(check, fmt.Sprintf("%s cannot be used: %v", name, err))
		return
	}
	if err != nil {
		d.fail(check, fmt.Sprintf("%s cannot be read: %v; check store.url, DNS, firewall and the database's own log", name, err))
		return
	}
	defer s.Close() //nolint:errcheck // nothing was written
	v, err := s.Survey(ctx)
	if err != nil {
		d.fail(check, fmt.Sprintf("%s cannot be read: %v; check store.url, DNS, firewall and the database's own log", name, err))
		return
	}
	d.serving = v.Replicas
	switch {
	case v.Refused != "":
		d.fail(check, fmt.Sprintf("%s cannot be written: %s; store.url must name the primary, and a user who owns the database", name, v.Refused))
	case v.Version == 0:
		d.fine(check, name+" answers and has no tables yet; the service makes them at its first start")
	case v.Version < v.Latest:
		d.fine(check, fmt.Sprintf("%s answers and can be written; its tables have version %d, and the service brings them to %d at its next start", name, v.Version, v.Latest))
	default:
		d.fine(check, fmt.Sprintf("%s is there, migrated and can be written; %s with it", name, replicas(v.Replicas)))
	}
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

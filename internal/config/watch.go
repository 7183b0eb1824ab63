package config

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How Watch paces itself.
const (
	// settle is how long the files must rest: an editor writes in several steps, and
	// Kubernetes swaps several files.
	settle = 250 * time.Millisecond
	// lookEvery is how often they are read without being told: network file systems
	// and some mounts tell nothing.
	lookEvery = 30 * time.Second
)

// Watch calls changed whenever one of the files holds something else than it did
// when it was read, and returns when ctx ends. It asks for the files again after
// each call. It watches their folders rather than them, because editors and
// Kubernetes put another file in the place of the old one. When the system cannot
// tell of changes, unheard is called, and the files are looked at now and then.
func Watch(ctx context.Context, files func() Files, changed func(), unheard func(error)) {
	w := &watch{files: files, changed: changed, unheard: unheard}
	heard, errs := w.listen()
	if w.system != nil {
		defer func() { _ = w.system.Close() }() // nobody listens any more
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	rest := time.NewTimer(0) // what changed between reading and watching
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-heard:
			if w.files().concerns(e.Name) {
				rest.Reset(settle)
			}
		case err := <-errs:
			unheard(err)
			rest.Reset(settle) // some changes may have been missed
		case <-rest.C:
			w.look()
		case <-look.C:
			w.look()
		}
	}
}

type watch struct {
	files   func() Files
	changed func()
	unheard func(error)
	system  *fsnotify.Watcher // nil when the system cannot tell
}

func (w *watch) listen() (<-chan fsnotify.Event, <-chan error) {
	var err error
	if w.system, err = fsnotify.NewWatcher(); err != nil {
		w.unheard(err)
		return nil, nil
	}
	w.follow()
	return w.system.Events, w.system.Errors
}

func (w *watch) look() {
	if w.files().Changed() {
		w.changed()
	}
	w.follow()
}

// follow watches the folders of the files as they are now.
func (w *watch) follow() {
	if w.system == nil {
		return
	}
	folders := w.files().folders()
	for _, folder := range w.system.WatchList() {
		if !folders[folder] {
			_ = w.system.Remove(folder) // it may be gone
		}
		delete(folders, folder)
	}
	for folder := range folders {
		_ = w.system.Add(folder) // what is not there is looked for every now and then all the same
	}
}

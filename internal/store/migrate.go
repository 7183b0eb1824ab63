package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

const versionTable = "approvebot_migration"

//go:embed migrations
var migrations embed.FS

// overlay lays an engine's own migrations over those that both engines share.
type overlay struct{ shared, own fs.FS }

func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.own.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.shared.Open(name)
	}
	return f, err
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	shared, err := fs.ReadDir(o.shared, name)
	if err != nil {
		return nil, err
	}
	own, err := fs.ReadDir(o.own, name)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(append(own, shared...), fs.DirEntry.IsDir)
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return all, nil
}

func (s *Store) provider() (*goose.Provider, error) {
	shared, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	dir := "sqlite"
	if s.engine.dialect == "postgres" {
		dir = "postgres"
	}
	own, err := fs.Sub(shared, dir)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.Dialect(s.engine.dialect), s.db, overlay{shared, own}, goose.WithTableName(versionTable))
}

func (s *Store) riverMigrator() (*rivermigrate.Migrator[*sql.Tx], error) {
	return rivermigrate.New(s.engine.driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
}

// migrate brings our tables and River's to this release.
func (s *Store) migrate(ctx context.Context) error {
	return s.engine.alone(ctx, func(ctx context.Context) error {
		if err := s.checkVersion(ctx); err != nil {
			return err
		}
		provider, err := s.provider()
		if err != nil {
			return err
		}
		if _, err := provider.Up(ctx); err != nil {
			return err
		}
		migrator, err := s.riverMigrator()
		if err != nil {
			return err
		}
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

// versions returns the version that our tables have, 0 where there are none yet,
// and the one of this release.
func (s *Store) versions(ctx context.Context) (current, latest int64, err error) {
	provider, err := s.provider()
	if err != nil {
		return 0, 0, err
	}
	sources := provider.ListSources()
	latest = sources[len(sources)-1].Version
	// goose would create its table to answer, which a reader must not.
	ours, err := s.engine.driver.GetExecutor().TableExists(ctx, &riverdriver.TableExistsParams{Table: versionTable})
	if err != nil {
		return 0, latest, fmt.Errorf("look for our tables: %w", err)
	}
	if !ours {
		return 0, latest, nil
	}
	if err := s.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+versionTable).Scan(&current); err != nil {
		return 0, latest, fmt.Errorf("read the version of our tables: %w", err)
	}
	return current, latest, nil
}

// checkVersion refuses a database that a later release has migrated: we would
// misread what it means.
func (s *Store) checkVersion(ctx context.Context) error {
	current, target, err := s.versions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("%w (its tables have version %d, ours %d)", ErrNewer, current, target)
	}
	exec := s.engine.driver.GetExecutor()
	migrator, err := s.riverMigrator()
	if err != nil {
		return err
	}
	known := migrator.AllVersions()
	latest := known[len(known)-1].Version
	rivers, err := exec.TableExists(ctx, &riverdriver.TableExistsParams{Table: "river_migration"})
	if err != nil {
		return fmt.Errorf("look for the job queue's tables: %w", err)
	}
	var queue int
	if rivers {
		if err := s.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM river_migration`).Scan(&queue); err != nil {
			return fmt.Errorf("read the version of the job queue's tables: %w", err)
		}
	}
	if queue > latest {
		return fmt.Errorf("%w (its job queue has version %d, ours %d)", ErrNewer, queue, latest)
	}
	return nil
}

package store

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// connector opens connections to SQLite that keep their statements prepared.
// Reading a statement's text costs SQLite more than running most of ours, River's
// among them, and the driver does so every time.
type connector struct{ driver.Connector }

func newConnector(name string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(name)
	return connector{c}, err
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &keeper{sqliteConn: inner.(sqliteConn), kept: map[string]*statement{}}, nil
}

// sqliteConn is what the driver's connections can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keeper is a connection with its statements. Like every connection it is used by
// one goroutine at a time.
type keeper struct {
	sqliteConn
	kept map[string]*statement
}

// mostKept is more than there are texts of ours and River's; texts that are made
// of values would pile up otherwise.
const mostKept = 256

type statement struct {
	driver.Stmt
	busy bool // rows are open that it yields
}

// statement returns the prepared statement of a text, nil if it is in use.
func (k *keeper) statement(ctx context.Context, query string) (*statement, error) {
	if s := k.kept[query]; s != nil {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if len(k.kept) >= mostKept {
		for text, s := range k.kept {
			if !s.busy {
				_ = s.Close()
				delete(k.kept, text)
			}
		}
	}
	inner, err := k.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &statement{Stmt: inner}
	k.kept[query] = s
	return s, nil
}

func (k *keeper) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 { // scripts of several statements, and what changes the schema
		return k.sqliteConn.ExecContext(ctx, query, args)
	}
	s, err := k.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.sqliteConn.ExecContext(ctx, query, args)
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (k *keeper) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := k.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &keptRows{rows, s}, nil
}

// keptRows give their statement back at the end.
type keptRows struct {
	driver.Rows
	from *statement
}

func (r *keptRows) Close() error {
	r.from.busy = false
	return r.Rows.Close()
}

func (k *keeper) Close() error {
	for _, s := range k.kept {
		_ = s.Close() // the connection goes, and takes them along
	}
	clear(k.kept)
	return k.sqliteConn.Close()
}

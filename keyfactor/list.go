package keyfactor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// DefaultPageSize is what lists ask for; Keyfactor's own default is 50.
const DefaultPageSize = 100

// smallestClamp is Keyfactor's documented default page size. A server that caps
// ReturnLimit without saying so will hardly cap it lower.
const smallestClamp = 50

// maxPages ends a walk that would never end by itself.
const maxPages = 2000

// ListOptions narrow and order a list.
type ListOptions struct {
	// Query is a filter in Keyfactor's query language: StartDate -ge "2025-03-01T00:00:00Z"
	Query string
	// PageSize is the number of rows for each call; 0 is DefaultPageSize.
	PageSize int
	// Sort is the property to sort by; empty is the list's own steady order. A
	// server that cannot sort by it is asked for its default order instead.
	Sort string
	// Descending turns the order around.
	Descending bool
}

// RowError tells that one row of a list could not be understood. The walk goes on.
type RowError struct {
	ID  string // as far as it could be read
	Err error
}

func (e *RowError) Error() string {
	if e.ID == "" {
		return "row without a readable Id: " + e.Err.Error()
	}
	return "row " + clean(e.ID) + ": " + e.Err.Error()
}

func (e *RowError) Unwrap() error { return e.Err }

// row is what the walk needs to know of a list's item.
type row interface{ rowID() string }

// walk yields every row of a list, each Id once. Rows move between pages while
// we read, so a row that comes twice is dropped, and a row that slipped past is
// found by the next walk; a walk that ended without an error is not a promise
// that nothing was missed. A [*RowError] concerns one row; any other error ends the walk.
func walk[T row](ctx context.Context, c *Client, path string, o ListOptions, decode func(json.RawMessage) (T, error)) iter.Seq2[T, error] {
	return walkPages(ctx, c, path, o, decode, nil)
}

// walkPages is walk with a way to decode a whole page at once, which costs half as
// much. It may fail, or find a row without an Id: then the page is read row by row.
func walkPages[T row](ctx context.Context, c *Client, path string, o ListOptions, decode func(json.RawMessage) (T, error), whole func([]byte) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		p := pager{client: c, path: path, options: o, seen: map[string]bool{}}
		for {
			page, q, err := p.next(ctx)
			if err != nil {
				yield(none, err)
				return
			}
			if page == nil {
				return
			}
			if items, ok := atOnce(page.body, whole); ok {
				p.turn(len(items))
				for _, item := range items {
					if p.first(item.rowID()) && !yield(item, nil) {
						return
					}
				}
				continue
			}
			rows, err := rowsOf(page.body)
			if err != nil {
				yield(none, q.unclear(page, err))
				return
			}
			p.turn(len(rows))
			for _, raw := range rows {
				item, err := decode(raw)
				if err != nil {
					// The text stands in for the Id, which may be what is wrong.
					if p.first(string(raw)) && !yield(none, &RowError{rowIDOf(raw), err}) {
						return
					}
					continue
				}
				if p.first(item.rowID()) && !yield(item, nil) {
					return
				}
			}
		}
	}
}

// atOnce decodes a page as a whole, if that can be done without doubt.
func atOnce[T row](page []byte, whole func([]byte) ([]T, error)) ([]T, bool) {
	if whole == nil {
		return nil, false
	}
	items, err := whole(page)
	if err != nil {
		return nil, false
	}
	for _, item := range items {
		if item.rowID() == "" {
			return nil, false
		}
	}
	return items, true
}

// rowIDOf reads the Id of a row that could not be read as a whole.
func rowIDOf(raw json.RawMessage) string {
	var r struct{ ID Text }
	_ = json.Unmarshal(raw, &r)
	return string(r.ID)
}

// pager asks for one page after the other and knows when to stop.
type pager struct {
	client  *Client
	path    string
	options ListOptions

	page  int  // the last one read
	rows  int  // read so far, doubles included
	last  int  // in the last page
	size  int  // in the fullest page
	total int  // what the server says; 0 when it does not
	fresh bool // the last page held something new
	seen  map[string]bool
}

// first reports whether this Id has not come before.
func (p *pager) first(id string) bool {
	if p.seen[id] {
		return false
	}
	p.seen[id] = true
	p.fresh = true
	return true
}

func (p *pager) limit() int {
	if p.options.PageSize > 0 {
		return p.options.PageSize
	}
	return DefaultPageSize
}

// next returns the next page, or nil after the last one.
func (p *pager) next(ctx context.Context) (*answer, call, error) {
	switch {
	case p.page > 0 && !p.more():
		return nil, call{}, nil
	case p.page >= maxPages:
		return nil, call{}, &Error{Method: http.MethodGet, Path: p.path, Message: fmt.Sprintf("more than %d pages", maxPages), kind: approval.ErrUnavailable}
	}
	return p.read(ctx)
}

// turn notes that a page with so many rows has been read.
func (p *pager) turn(rows int) {
	p.page++
	p.last = rows
	p.rows += p.last
	p.size = max(p.size, p.last)
	p.fresh = false
}

// more reports whether a further page may hold rows, judging by the last one.
func (p *pager) more() bool {
	switch {
	case !p.fresh:
		// Empty, or nothing new: the end, or a server that repeats itself.
		return false
	case p.total > 0:
		return p.rows < p.total
	case p.size > p.limit():
		return false // it does not know about pages
	case p.page == 1:
		return p.size >= min(p.limit(), smallestClamp)
	}
	return p.last >= p.size
}

// read fetches page number p.page+1.
func (p *pager) read(ctx context.Context) (*answer, call, error) {
	q := get(p.path, p.query())
	a, err := p.client.do(ctx, q)
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusBadRequest && p.page == 0 &&
		p.options.Sort != "" && strings.Contains(strings.ToLower(refused.Message), "sort") {
		p.options.Sort = ""
		return p.read(ctx)
	}
	if err != nil {
		return nil, q, err
	}
	if p.total, err = strconv.Atoi(a.header.Get("x-total-count")); err != nil {
		p.total = 0
	}
	return a, q, nil
}

func (p *pager) query() url.Values {
	v := url.Values{}
	set := func(name, value string) { v.Set(p.client.config.QueryPrefix+name, value) }
	set("PageReturned", strconv.Itoa(p.page+1))
	set("ReturnLimit", strconv.Itoa(p.limit()))
	if p.options.Query != "" {
		set("QueryString", p.options.Query)
	}
	if p.options.Sort != "" {
		set("SortField", p.options.Sort)
		// Despite its name, 0 is ascending and 1 is descending.
		set("SortAscending", map[bool]string{false: "0", true: "1"}[p.options.Descending])
	}
	return v
}

// rowsOf splits a page into its rows without looking into them.
func rowsOf(page []byte) ([]json.RawMessage, error) {
	page = bytes.TrimSpace(page)
	if len(page) == 0 {
		return nil, errors.New("an empty body instead of a list")
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(page, &rows); err != nil {
		return nil, fmt.Errorf("not a list: %w", err)
	}
	return rows, nil
}

// quoted puts a value into double quotes for a query. The language has no
// documented escape, so a quote inside is dropped; what comes back is compared
// with what was asked for anyway.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, "") + `"` }

package keyfactorsim

import (
	"slices"
	"sort"
	"strings"
)

// maxViews bounds how many sorted lists are kept up to date at a time; the one unused for longest makes room.
const maxViews = 16

type valueKind int

const (
	textValue valueKind = iota
	numberValue
	dateValue
	boolValue
)

// value is what a row holds in one field. Dates are nanoseconds in n, booleans 0 or 1.
type value struct {
	kind valueKind
	null bool
	s    string
	n    int64
}

func compareValues(a, b value) int {
	switch {
	case a.null != b.null:
		if a.null {
			return -1
		}
		return 1
	case a.kind == textValue:
		return strings.Compare(a.s, b.s)
	case a.n < b.n:
		return -1
	case a.n > b.n:
		return 1
	}
	return 0
}

// field is a property that a list can be searched and sorted by.
type field[T any] struct {
	name string
	kind valueKind
	get  func(*T) value
	// parse turns a literal of a query into a value, for fields whose literals are special. Nil means by kind.
	parse func(literal string) (value, bool)
}

// fields finds a field whatever its case.
type fields[T any] map[string]field[T]

func newFields[T any](list ...field[T]) fields[T] {
	all := make(fields[T], len(list))
	for _, f := range list {
		all[strings.ToLower(f.name)] = f
	}
	return all
}

// viewKey says whose list a view is, which rows are in it and in which order.
type viewKey struct {
	list, identity, query, sort string
	descending                  bool
}

// view is a filtered, sorted list of rows that follows the table.
type view[T any] struct {
	key     viewKey
	keep    func(*T) bool
	compare func(a, b *T) int
	rows    []*T
	used    uint64
}

func (v *view[T]) insert(row *T) {
	if !v.keep(row) {
		return
	}
	at := sort.Search(len(v.rows), func(i int) bool { return v.compare(v.rows[i], row) >= 0 })
	v.rows = slices.Insert(v.rows, at, row)
}

func (v *view[T]) remove(row *T) {
	at := sort.Search(len(v.rows), func(i int) bool { return v.compare(v.rows[i], row) >= 0 })
	if at < len(v.rows) && v.rows[at] == row {
		v.rows = slices.Delete(v.rows, at, at+1)
	}
}

// table holds rows and the views on them. Sorting 50,000 rows for each of 500 pages is what makes a naive list slow, so a
// view is sorted once and then follows every change by binary search. A row may therefore only be changed inside update:
// a view finds a row by the values that it had when it was inserted.
type table[K comparable, T any] struct {
	fields fields[T]
	tie    func(a, b *T) int
	rows   map[K]*T
	views  []*view[T]
	clock  uint64
}

func newTable[K comparable, T any](all fields[T], tie func(a, b *T) int) *table[K, T] {
	return &table[K, T]{fields: all, tie: tie, rows: map[K]*T{}}
}

func (t *table[K, T]) add(id K, row *T) {
	t.rows[id] = row
	for _, v := range t.views {
		v.insert(row)
	}
}

func (t *table[K, T]) update(row *T, change func()) {
	for _, v := range t.views {
		v.remove(row)
	}
	change()
	for _, v := range t.views {
		v.insert(row)
	}
}

func (t *table[K, T]) remove(id K) {
	row, ok := t.rows[id]
	if !ok {
		return
	}
	for _, v := range t.views {
		v.remove(row)
	}
	delete(t.rows, id)
}

// forget drops the views, because what decides who sees which row has changed.
func (t *table[K, T]) forget() { t.views = nil }

// view returns the rows for a key, sorted. The caller must not keep the slice beyond the lock.
func (t *table[K, T]) view(key viewKey, keep func(*T) bool) []*T {
	t.clock++
	for _, v := range t.views {
		if v.key == key {
			v.used = t.clock
			return v.rows
		}
	}
	v := &view[T]{key: key, keep: keep, compare: t.order(key.sort, key.descending), used: t.clock}
	for _, row := range t.rows {
		if keep(row) {
			v.rows = append(v.rows, row)
		}
	}
	slices.SortFunc(v.rows, v.compare)
	if len(t.views) >= maxViews {
		oldest := 0
		for i, w := range t.views {
			if w.used < t.views[oldest].used {
				oldest = i
			}
		}
		t.views = slices.Delete(t.views, oldest, oldest+1)
	}
	t.views = append(t.views, v)
	return v.rows
}

func (t *table[K, T]) order(by string, descending bool) func(a, b *T) int {
	return ordering(t.fields, by, descending, t.tie)
}

// ordering sorts by a field, and by tie where that leaves rows equal, so that pages never overlap.
func ordering[T any](all fields[T], by string, descending bool, tie func(a, b *T) int) func(a, b *T) int {
	get := all[strings.ToLower(by)].get
	return func(a, b *T) int {
		c := compareValues(get(a), get(b))
		if c == 0 {
			return tie(a, b)
		}
		if descending {
			return -c
		}
		return c
	}
}

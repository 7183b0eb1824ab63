package keyfactorsim

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// defaultReturnLimit is the page size that Keyfactor documents.
const defaultReturnLimit = 50

// listParams are the five parameters that every list takes.
type listParams struct {
	query      string
	page       int
	limit      int
	sort       string
	descending bool
}

// listPrefixes are the names that version 10 put before the parameters of its different lists; they are accepted on all.
var listPrefixes = []string{"", "pq", "instancequery", "pagedquery", "query"}

// listParameters reads the parameters whatever their case and prefix.
func listParameters(q url.Values, defaultSort string) (listParams, *refusal) {
	p := listParams{page: 1, limit: defaultReturnLimit, sort: defaultSort}
	for name, values := range q {
		prefix, last := "", strings.ToLower(name)
		if dot := strings.LastIndexByte(last, '.'); dot >= 0 {
			prefix, last = last[:dot], last[dot+1:]
		}
		if !slices.Contains(listPrefixes, prefix) || values[0] == "" {
			continue
		}
		var err error
		switch text := values[0]; last {
		case "querystring":
			p.query = text
		case "sortfield":
			p.sort = text
		case "pagereturned":
			p.page, err = positive(text)
		case "returnlimit":
			p.limit, err = positive(text)
		case "sortascending":
			// The name misleads: 0 is ascending, 1 is descending.
			switch strings.ToLower(text) {
			case "0", "ascending":
			case "1", "descending":
				p.descending = true
			default:
				err = fmt.Errorf("the value '%s' is not valid", text)
			}
		}
		if err != nil {
			return p, badRequest("Invalid %s: %s.", name, err)
		}
	}
	return p, nil
}

func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the value '%s' is not valid", text)
	}
	return n, nil
}

// pageOf cuts one page out of sorted rows.
func pageOf[T any](rows []T, p listParams) []T {
	if p.page-1 > len(rows)/p.limit {
		return nil
	}
	from := (p.page - 1) * p.limit
	if from >= len(rows) {
		return nil
	}
	return rows[from:min(from+p.limit, len(rows))]
}

// listQuery reads what a list call asks for: its parameters, and the filter they describe.
func listQuery[T any](c *call, all fields[T], defaultSort string) (listParams, func(*T) bool, *refusal) {
	p, bad := listParameters(c.r.URL.Query(), defaultSort)
	if bad != nil {
		return p, nil, bad
	}
	if limit := c.s.config.MaxReturnLimit; limit > 0 {
		p.limit = min(p.limit, limit)
	}
	if _, ok := all[strings.ToLower(p.sort)]; !ok {
		return p, nil, &refusal{http.StatusBadRequest, codeSortField, "Invalid sort field: " + p.sort + "."}
	}
	filter, err := compileQuery(p.query, all, queryScope{me: c.who.identity, now: c.now})
	if bad := (badLiteral{}); errors.As(err, &bad) {
		return p, nil, badRequest("%s", bad)
	} else if err != nil {
		return p, nil, badRequest("Invalid query: %s.", err)
	}
	return p, filter, nil
}

// listTable answers one page of a table through a view that outlives the call. The caller holds the lock.
func listTable[K comparable, T any](c *call, t *table[K, T], list, defaultSort string, keep func(*T) bool) ([]*T, int, *refusal) {
	p, filter, bad := listQuery(c, t.fields, defaultSort)
	if bad != nil {
		return nil, 0, bad
	}
	key := viewKey{list: list, identity: c.who.identity, query: p.query, sort: strings.ToLower(p.sort), descending: p.descending}
	if strings.Contains(strings.ToUpper(p.query), "%TODAY") {
		key.query += c.now.UTC().Format(" 2006-01-02")
	}
	rows := t.view(key, func(row *T) bool { return keep(row) && filter(row) })
	return pageOf(rows, p), len(rows), nil
}

// listSlice answers one page of a list that is short enough to be sorted for every call.
func listSlice[T any](c *call, all []*T, f fields[T], defaultSort string) ([]*T, int, *refusal) {
	p, filter, bad := listQuery(c, f, defaultSort)
	if bad != nil {
		return nil, 0, bad
	}
	var rows []*T
	place := map[*T]int{}
	for i, row := range all {
		place[row] = i
		if filter(row) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, ordering(f, p.sort, p.descending, func(a, b *T) int { return cmp.Compare(place[a], place[b]) }))
	return pageOf(rows, p), len(rows), nil
}

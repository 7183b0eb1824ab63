package config

import (
	"reflect"
	"slices"

	"github.com/approvebot/approvebot/internal/approval"
)

// WithoutHints returns routes as the file has them.
func WithoutHints(routes []Route) []Route {
	routes = slices.Clone(routes)
	for i := range routes {
		routes[i].hints = approval.HintRule{}
	}
	return routes
}

// Unknown lists the words of the reference that belong to no key, and those that
// are said twice.
func Unknown() []string {
	var known, left []string
	walk(reflect.TypeFor[Config](), "", func(k Key, _ bool) { known = append(known, k.Path) })
	for _, k := range reference {
		if i := slices.Index(known, k.Path); i >= 0 {
			known = slices.Delete(known, i, i+1)
		} else {
			left = append(left, k.Path)
		}
	}
	return left
}

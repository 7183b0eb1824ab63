package config

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
)

// ParseMatch reads a match from texts by key, as people type them in Slack. It
// takes and refuses the same as a route's match in the file; its error is made of
// sentences without places.
func ParseMatch(wanted map[string]string) (Match, error) {
	text, err := yaml.Marshal(map[string]any{"routes": []any{map[string]any{"match": wanted}}})
	if err != nil {
		return Match{}, errors.New("the filters cannot be read")
	}
	var c Config
	r := read("filter", text, &c)
	if len(r.problems) == 0 && len(c.Routes) == 1 {
		l := &loader{reader: r, env: func(string) string { return "" }, origin: map[string]Problem{}, opened: map[string]bool{}, faulty: map[[2]string]bool{}}
		l.checkMatch("routes[0].match", c.Routes[0].Match)
		r.problems = l.problems
	}
	var sentences []string
	for _, p := range r.problems {
		sentences = append(sentences, strings.TrimPrefix(p.Path, "routes[0].match.")+" "+p.Message)
	}
	if len(sentences) > 0 {
		return Match{}, errors.New(strings.Join(sentences, "; "))
	}
	if len(c.Routes) == 0 {
		return Match{}, nil
	}
	return c.Routes[0].Match, nil
}

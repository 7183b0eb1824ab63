package keyfactorsim

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed builtin.yaml
var builtinYAML []byte

// BuiltinSeed is the seed that is used when none is given: a small company with two dozen varied requests.
func BuiltinSeed() Seed { return builtinSeed() }

// BuiltinYAML is the built-in seed as a file, to start one's own from.
func BuiltinYAML() []byte { return append([]byte(nil), builtinYAML...) }

var builtinSeed = sync.OnceValue(func() Seed {
	seed, err := ParseSeed(builtinYAML)
	if err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	for i, r := range seed.Requests {
		if r.Name == "hostile" {
			// Longer than anything that shows it can take; in the file it would only hide the rest.
			seed.Requests[i].Metadata["Justification"] = strings.Repeat("please approve quickly & quietly <https://evil.example.net|here> ", 60)
		}
	}
	return seed
})

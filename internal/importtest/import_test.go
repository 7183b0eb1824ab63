// Package importtest keeps the drawing of the house true: which room may import which.
//
// The drawing is the table below. It is closed: a package that it does not name,
// or an import that it does not allow, fails the test. So a new arrow is drawn
// here first, where somebody sees it, and a wrong one is found before it grows.
//
//	cmd/approvebot ── internal/app ──┬── bot ──── blocks ──┐
//	                                 ├── poller ───────────┤
//	                                 ├── internal/jobs     ├── internal/approval
//	                                 ├── internal/store ───┤
//	                                 ├── internal/metrics ─┤
//	                                 ├── internal/store ───┤  internal/hint (of store and bot)
//	                                 ├── keyfactor ────────┘
//	                                 └── internal/keyfactorsim, internal/slacksim: other people's servers
package importtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/approvebot/approvebot"

// rooms says which rooms of ours each room may import; the packages below a room
// belong to it. Only internal/app may import every room. A package that holds
// nothing but tests needs no place here: nobody can import it.
var rooms = map[string][]string{
	"cmd/approvebot":    {"internal/app", "internal/tracing", "internal/config", "internal/approval", "internal/secret", "internal/store", "internal/keyfactorsim", "internal/slacksim"},
	"internal/app":      {anyRoom},
	"internal/approval": {},
	"internal/config":   {"internal/approval", "internal/secret"},
	"internal/hint":     {"internal/approval"},
	"internal/jobs":     {"internal/approval", "internal/store"},
	"internal/metrics":  {"internal/approval", "internal/store"},
	"internal/secret":   {},
	"internal/tracing":  {},
	"internal/store":    {"internal/approval", "internal/hint", "internal/secret"},
	"blocks":            {"internal/approval"},
	"bot":               {"internal/approval", "internal/tracing", "internal/hint", "internal/secret", "internal/store", "blocks"},
	"keyfactor":         {"internal/approval", "internal/secret"},
	"poller":            {"internal/approval", "internal/store"},

	// The simulators are written as other people's servers are. A wrong JSON tag
	// of ours, imported by them, would agree with itself.
	"internal/keyfactorsim": {"internal/slacksim"},
	"internal/slacksim":     {"internal/keyfactorsim"},

	// Measures the program from outside, as a process of its own.
	"internal/bench": {"internal/keyfactorsim", "internal/slacksim", "internal/pgtest"},

	// For tests only; they know nothing of ours.
	"internal/browsertest": {},
	"internal/pgtest":      {},
	"internal/torture":     {},
}

// helpers help any test, the simulators' too.
var helpers = []string{"internal/browsertest", "internal/pgtest"}

// anyRoom stands for every room of ours.
const anyRoom = "any room"

// limits are the rules about what is not ours.
var limits = []limit{
	{
		what: outside,
		in:   []string{"internal/approval"},
		why:  "the words under everything stand on the standard library alone",
	}, {
		what: imports("github.com/riverqueue/river", "github.com/riverqueue/river/..."), except: []string{"internal/store", "internal/jobs"},
		why: "River must stay exchangeable",
	}, {
		what: imports("github.com/prometheus/..."), except: []string{"internal/metrics"},
		why: "names and labels of metrics are read in one place",
	}, {
		what: imports("go.opentelemetry.io/otel", "go.opentelemetry.io/otel/sdk/...", "go.opentelemetry.io/otel/exporters/..."), except: []string{"internal/tracing"},
		why: "rooms make spans with a trace.Tracer that they are given, and know nothing of where these go",
	}, {
		what: imports("database/sql", "github.com/jackc/pgx/v5/...", "modernc.org/sqlite"), except: []string{"internal/store", "internal/jobs", "internal/pgtest"},
		why: "SQL is spoken in the store",
	}, {
		what: imports("github.com/slack-go/slack", "github.com/slack-go/slack/...", "github.com/Keyfactor/..."),
		in:   []string{"internal/slacksim", "internal/keyfactorsim"},
		why:  "a simulator has its own types; the vendors' clients judge it from its tests",
	}, {
		what: imports("net", "net/http", "os", "io/fs", "database/sql", "math/rand", "math/rand/v2", "crypto/rand"),
		in:   []string{"blocks"},
		why:  "drawing is pure: the same request gives the same card",
	},
}

// limit forbids imports: in some rooms, or in all of them except some.
type limit struct {
	what       func(path string) bool
	in, except []string
	why        string
}

func (l limit) holds(room string) bool {
	if l.in != nil {
		return slices.Contains(l.in, room)
	}
	return !slices.Contains(l.except, room)
}

// pkg is what "go list" says about a package.
type pkg struct {
	ImportPath                         string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

func TestHouseIsAsDrawn(t *testing.T) {
	packages := mustList(t)
	require.Greater(t, len(packages), 5, "go list found hardly anything to look at")
	require.Empty(t, strings.Join(violations(packages), "\n"))
}

// TestDrawingHasNoEmptyRooms keeps the table from naming rooms that are gone.
func TestDrawingHasNoEmptyRooms(t *testing.T) {
	var seen []string
	for _, p := range mustList(t) {
		seen = append(seen, roomOf(p.ImportPath))
	}
	for room := range rooms {
		require.Contains(t, seen, room, "no package of this room is left; delete it from the table")
	}
}

func TestViolationsAreFound(t *testing.T) {
	const ours = module + "/"
	tests := map[string]struct {
		pkg  pkg
		want string // empty: allowed
	}{
		"bot may draw":                         {pkg{ImportPath: ours + "bot", Imports: []string{"fmt", ours + "blocks"}}, ""},
		"bot must not see the poller":          {pkg{ImportPath: ours + "bot", Imports: []string{ours + "poller"}}, "bot imports poller"},
		"bot must not see Keyfactor":           {pkg{ImportPath: ours + "bot", Imports: []string{ours + "keyfactor"}}, "bot imports keyfactor"},
		"poller must not see the bot":          {pkg{ImportPath: ours + "poller", Imports: []string{ours + "bot"}}, "poller imports bot"},
		"poller must not see Keyfactor":        {pkg{ImportPath: ours + "poller", Imports: []string{ours + "keyfactor"}}, "poller imports keyfactor"},
		"blocks must not see the store":        {pkg{ImportPath: ours + "blocks", Imports: []string{ours + "internal/store"}}, "blocks imports internal/store"},
		"blocks must not open files":           {pkg{ImportPath: ours + "blocks", Imports: []string{"os"}}, "blocks imports os"},
		"app sees all":                         {pkg{ImportPath: ours + "internal/app", Imports: []string{ours + "bot", ours + "poller", ours + "keyfactor", ours + "internal/store"}}, ""},
		"app must not know River":              {pkg{ImportPath: ours + "internal/app", Imports: []string{"github.com/riverqueue/river"}}, "internal/app imports github.com/riverqueue/river"},
		"app must not know a River driver":     {pkg{ImportPath: ours + "internal/app", Imports: []string{"github.com/riverqueue/river/riverdriver/riversqlite"}}, "internal/app imports github.com/riverqueue/river/riverdriver/riversqlite"},
		"the store knows River":                {pkg{ImportPath: ours + "internal/store", Imports: []string{"github.com/riverqueue/river"}}, ""},
		"approval imports the library":         {pkg{ImportPath: ours + "internal/approval", Imports: []string{"iter", "encoding/json"}}, ""},
		"approval imports nothing else":        {pkg{ImportPath: ours + "internal/approval", Imports: []string{"github.com/google/uuid"}}, "internal/approval imports github.com/google/uuid"},
		"approval imports none of ours":        {pkg{ImportPath: ours + "internal/approval", Imports: []string{ours + "internal/secret"}}, "internal/approval imports internal/secret"},
		"a simulator has parts":                {pkg{ImportPath: ours + "internal/slacksim", Imports: []string{ours + "internal/slacksim/page"}}, ""},
		"a simulator uses none of ours":        {pkg{ImportPath: ours + "internal/keyfactorsim", Imports: []string{ours + "internal/approval"}}, "internal/keyfactorsim imports internal/approval"},
		"nor does a part of it":                {pkg{ImportPath: ours + "internal/slacksim/page", Imports: []string{ours + "blocks"}}, "internal/slacksim/page imports blocks"},
		"nor do its tests":                     {pkg{ImportPath: ours + "internal/slacksim", XTestImports: []string{ours + "blocks"}}, "internal/slacksim imports blocks"},
		"a simulator has its own types":        {pkg{ImportPath: ours + "internal/slacksim", Imports: []string{"github.com/slack-go/slack"}}, "internal/slacksim imports github.com/slack-go/slack"},
		"but is judged by the client":          {pkg{ImportPath: ours + "internal/slacksim", XTestImports: []string{"github.com/slack-go/slack"}}, ""},
		"tests may use a simulator":            {pkg{ImportPath: ours + "keyfactor", XTestImports: []string{ours + "internal/keyfactorsim"}}, ""},
		"the program must not":                 {pkg{ImportPath: ours + "keyfactor", Imports: []string{ours + "internal/keyfactorsim"}}, "keyfactor imports internal/keyfactorsim"},
		"main leaves the rooms to app":         {pkg{ImportPath: ours + "cmd/approvebot", Imports: []string{ours + "bot"}}, "cmd/approvebot imports bot"},
		"a new package must be drawn":          {pkg{ImportPath: ours + "internal/common", GoFiles: []string{"common.go"}}, "internal/common is not drawn"},
		"unless it holds nothing but tests":    {pkg{ImportPath: ours + "internal/torture"}, ""},
		"a name that only begins like a room":  {pkg{ImportPath: ours + "bottle", GoFiles: []string{"bottle.go"}}, "bottle is not drawn"},
		"a prefix is not a room of the import": {pkg{ImportPath: ours + "bot", Imports: []string{ours + "blocksmith"}}, "bot imports blocksmith"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := violations([]pkg{test.pkg})
			if test.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Contains(t, got[0], test.want)
		})
	}
}

// violations returns a sentence for every arrow that the drawing does not have.
func violations(packages []pkg) []string {
	var found []string
	for _, p := range packages {
		here, room := short(p.ImportPath), roomOf(p.ImportPath)
		allowed, drawn := rooms[room]
		if !drawn {
			if len(p.GoFiles) == 0 {
				continue
			}
			found = append(found, here+" is not drawn: add the room to the table of internal/importtest, or move the package into one")
			continue
		}
		for _, path := range p.Imports {
			if isOurs(path) && !mayImport(room, allowed, path) {
				found = append(found, fmt.Sprintf("%s imports %s, which is not among the rooms it may import: %v", here, short(path), allowed))
			}
			for _, l := range limits {
				if l.what(path) && l.holds(room) {
					found = append(found, fmt.Sprintf("%s imports %s: %s", here, path, l.why))
				}
			}
		}
		if !isSimulator(room) {
			continue // other rooms' tests may use whatever helps them
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if isOurs(path) && !mayImport(room, slices.Concat(allowed, helpers), path) {
				found = append(found, fmt.Sprintf("%s imports %s in its tests: a simulator is not judged by what it judges", here, short(path)))
			}
		}
	}
	return found
}

func mayImport(room string, allowed []string, path string) bool {
	to := roomOf(path)
	return to == room || slices.Contains(allowed, to) || slices.Contains(allowed, anyRoom)
}

func isSimulator(room string) bool { return strings.HasSuffix(room, "sim") }

func isOurs(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// outside tells that a path is neither ours nor the standard library's, whose
// first element never has a dot.
func outside(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !isOurs(path) && strings.Contains(first, ".")
}

// imports matches paths; one that ends in "/..." stands for all below it.
func imports(patterns ...string) func(string) bool {
	return func(path string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			above, all := strings.CutSuffix(pattern, "...")
			return path == pattern || all && strings.HasPrefix(path, above)
		})
	}
}

func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// roomOf returns the room that a package of ours belongs to, which is the package
// itself where no drawn room is above it.
func roomOf(path string) string {
	path = short(path)
	for room := range rooms {
		if strings.HasPrefix(path, room+"/") {
			return room
		}
	}
	return path
}

func mustList(t *testing.T) []pkg {
	t.Helper()
	// Looking must change nothing (-mod) and judge what does not build yet, too (-e).
	list := exec.CommandContext(t.Context(), "go", "list", "-mod=readonly", "-e", "-json=ImportPath,GoFiles,Imports,TestImports,XTestImports", module+"/...")
	var trouble bytes.Buffer
	list.Stderr = &trouble
	out, err := list.Output()
	require.NoError(t, err, "go list: %s", &trouble)
	var packages []pkg
	d := json.NewDecoder(bytes.NewReader(out))
	for d.More() {
		var p pkg
		require.NoError(t, d.Decode(&p))
		packages = append(packages, p)
	}
	return packages
}

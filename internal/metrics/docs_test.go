package metrics_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table of metrics anew")

// The table in docs/monitoring.md is made from the metrics themselves; -update writes it.
func TestTheTableOfMetricsIsComplete(t *testing.T) {
	const path, begin, end = root + "/docs/monitoring.md", "<!-- metrics: made by go test ./internal/metrics -update -->\n", "<!-- end of metrics -->\n"
	text := mustRead(t, path)
	before, rest, ok := strings.Cut(text, begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := before + begin + table(t) + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, text, "run go test ./internal/metrics -update")
}

func table(t *testing.T) string {
	t.Helper()
	families, err := exercised(t).Gatherer().Gather()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "approvebot_") {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), labels(f), f.GetHelp())
		}
	}
	return b.String()
}

func labels(f *dto.MetricFamily) string {
	names := map[string]bool{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			names["`"+l.GetName()+"`"] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), " ")
}

// dashboard is what of a Grafana dashboard can be wrong.
type dashboard struct {
	Title, UID string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Query string }
	}
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, RefID string }
}

// Every panel asks for metrics that exist, in expressions that Prometheus
// understands, and lies beside the others.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(mustRead(t, root+"/deploy/grafana-dashboard.json")), &d))
	require.NotEmpty(t, d.Title)
	known := names(t)
	var rules strings.Builder
	rules.WriteString("groups: [{name: dashboard, rules: [\n")
	ids, used := map[int]bool{}, map[string]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], "two panels have the ID %d", p.ID)
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Less(t, at[0], 24, p.Title)
				require.Empty(t, taken[at], "%s lies on top of another panel", p.Title)
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			for _, name := range namesIn(target.Expr) {
				require.Contains(t, known, name, p.Title)
				used[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
			}
			expr := strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$instance", ".*").Replace(target.Expr)
			require.NotContains(t, expr, "$", p.Title)
			quoted, err := json.Marshal(expr)
			require.NoError(t, err)
			fmt.Fprintf(&rules, "{record: 'a:b', labels: {n: '%d'}, expr: %s},\n", rules.Len(), quoted)
		}
	}
	rules.WriteString("]}]\n")
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	promtool(t, "check", "rules", "--lint=none", file)
	for _, name := range known {
		if strings.HasPrefix(name, "approvebot_") && !strings.HasSuffix(name, "_bucket") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			require.True(t, used[name], "no panel shows %s", name)
		}
	}
}

package metrics_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

const (
	root       = "../.."
	rulesFile  = root + "/deploy/prometheus-rules.yaml"
	alertsFile = "testdata/alerts.yaml"
	healthy    = "all is well" // the test in which no alert fires
)

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr         string
			Labels, Annotations map[string]string
		}
	}
}

type alertTests struct {
	Tests []struct {
		Name string
		Want []struct {
			Alert string `yaml:"alertname"`
			Exp   []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func mustParse[T any](t *testing.T, path string) (v T) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(mustRead(t, path)), &v))
	return v
}

// promtool runs the tool of Prometheus itself.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is needed: apt-get install prometheus")
		}
		t.Skip("promtool is not installed")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Prometheus loads the rules, each fires with the series of the fault it is for,
// and none does while all is well.
func TestAlertRulesLoadAndFire(t *testing.T) {
	promtool(t, "check", "rules", rulesFile)
	promtool(t, "test", "rules", alertsFile)
}

// No alert without a test in which it fires, one in which it does not, and a
// section of the runbook; and no section without an alert.
func TestEveryAlertIsTestedAndExplained(t *testing.T) {
	var alerts []string
	known := names(t)
	for _, rule := range mustParse[rules](t, rulesFile).Groups[0].Rules {
		alerts = append(alerts, rule.Alert)
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
		require.Equal(t, "https://github.com/approvebot/approvebot/blob/main/docs/runbook.md#"+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
		for _, name := range namesIn(rule.Expr) {
			require.Contains(t, known, name, "alert %s asks for a metric that does not exist", rule.Alert)
		}
	}
	fires := map[string]bool{}
	var silent []string
	for _, test := range mustParse[alertTests](t, alertsFile).Tests {
		for _, w := range test.Want {
			if test.Name == healthy {
				require.Empty(t, w.Exp, w.Alert)
				silent = append(silent, w.Alert)
			} else if len(w.Exp) > 0 {
				fires[w.Alert] = true
			}
		}
	}
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(mustRead(t, root+"/docs/runbook.md"), -1) {
		sections = append(sections, m[1])
	}
	require.Equal(t, alerts, sections, "docs/runbook.md follows the rules in their order")
	require.ElementsMatch(t, alerts, silent, "the test %q", healthy)
	for _, alert := range alerts {
		require.True(t, fires[alert], "no test in which %s fires", alert)
	}
}

// What the runbook quotes from the log is what the log says.
func TestTheRunbookQuotesTheLog(t *testing.T) {
	var source strings.Builder
	for _, room := range []string{"bot", "poller", "internal/app", "internal/jobs", "keyfactor"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				source.WriteString(mustRead(t, path))
			}
			return err
		}))
	}
	quoted := 0
	for section := range strings.SplitSeq(mustRead(t, root+"/docs/runbook.md"), "\n") {
		if !strings.Contains(section, "log line") {
			continue
		}
		for _, m := range regexp.MustCompile("log lines? ((?:`[^`]+`(?:, | or |, or | and )?)+)").FindAllStringSubmatch(section, -1) {
			for _, q := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
				require.Contains(t, source.String(), q[1])
				quoted++
			}
		}
	}
	require.Greater(t, quoted, 8)
}

// names are those of every metric, as Prometheus stores them.
func names(t *testing.T) []string {
	t.Helper()
	families, err := exercised(t).Gatherer().Gather()
	require.NoError(t, err)
	var all []string
	for _, f := range families {
		all = append(all, f.GetName())
		if f.GetType().String() == "HISTOGRAM" {
			all = append(all, f.GetName()+"_bucket", f.GetName()+"_sum", f.GetName()+"_count")
		}
	}
	return all
}

// namesIn are the metrics that an expression asks for.
func namesIn(expr string) []string {
	found := regexp.MustCompile(`\b(approvebot|process|go)_[a-z0-9_]+\b`).FindAllString(expr, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

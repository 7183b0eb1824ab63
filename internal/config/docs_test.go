package config_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

var update = flag.Bool("update", false, "write the reference and the schema anew")

const (
	referenceFile = "../../docs/configuration.md"
	schemaFile    = "../../deploy/approvebot.schema.json"
	exampleFile   = "../../deploy/approvebot.example.yaml"
)

// generated compares a file with what it should be, or writes it.
func generated(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got := strings.Split(mustRead(t, path), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("%s is not what internal/config says any more: run make docs, and commit what it writes.\nLine %d should be:\n%s", path, i+1, line)
		}
	}
	require.Len(t, got, strings.Count(want, "\n")+1, "%s holds more than internal/config says: run make docs, and commit what it writes", path)
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

var table = regexp.MustCompile(`(?s)(<!-- keys of ([a-z]+):[^\n]*-->\n).*?(<!-- end -->)`)

// The tables of the reference are made from the fields and from what there is to say about them.
func TestReferenceIsFresh(t *testing.T) {
	documented := 0
	want := table.ReplaceAllStringFunc(mustRead(t, referenceFile), func(old string) string {
		m := table.FindStringSubmatch(old)
		rows, n := tableOf(m[2])
		documented += n
		return m[1] + rows + m[3]
	})
	require.Len(t, config.Keys(), documented, "a section has no table: write <!-- keys of NAME: --> and <!-- end --> below its heading in %s", referenceFile)
	generated(t, referenceFile, want)
}

// tableOf draws the keys of a section.
func tableOf(section string) (string, int) {
	var keys []config.Key
	environment := false
	for _, k := range config.Keys() {
		if strings.HasPrefix(k.Path, section+".") || strings.HasPrefix(k.Path, section+"[]") {
			keys = append(keys, k)
			environment = environment || k.Env != ""
		}
	}
	cell := func(text string) string {
		if text == "" {
			return " |"
		}
		return " " + strings.ReplaceAll(text, "|", `\|`) + " |"
	}
	var b strings.Builder
	row := func(key, standard, env, meaning string) {
		b.WriteString("|" + cell(key) + cell(standard))
		if environment {
			b.WriteString(cell(env))
		}
		b.WriteString(cell(meaning) + "\n")
	}
	row("Key", "Default", "Environment", "Meaning")
	b.WriteString(strings.Repeat("|---", strings.Count(b.String(), "|")-1) + "|\n")
	for _, k := range keys {
		meaning := k.Meaning
		if e := "`" + k.Example + "`"; k.Example != "" && !strings.Contains(meaning, e) {
			meaning += " Example: " + e + "."
		}
		row("`"+k.Path+"`", k.Default, k.Env, meaning)
	}
	return b.String(), len(keys)
}

// Every key has its words in internal/config/reference.go, and they are true.
func TestReferenceIsComplete(t *testing.T) {
	text := mustParse(t, minimal, environment()).Redacted()
	var effective map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &effective))
	for _, k := range config.Keys() {
		require.NotEmpty(t, k.Meaning, "%s: say in reference.go what it means", k.Path)
		for _, value := range k.One {
			require.Contains(t, k.Meaning+k.Default, "`"+value+"`", "%s: say what the value means", k.Path)
		}
		standard, isValue := strings.CutPrefix(k.Default, "`")
		standard, whole := strings.CutSuffix(standard, "`")
		isValue = isValue && whole && !strings.Contains(standard, "`")
		require.True(t, k.Example != "" || k.One != nil || isValue, "%s: give an example", k.Path)
		if got, ok := lookup(effective, k.Path); ok && isValue {
			var want any
			require.NoError(t, yaml.Unmarshal([]byte(standard), &want))
			require.Equal(t, plainly(want), plainly(got), "%s: the default is another", k.Path)
		}
	}
	require.Empty(t, config.Unknown(), "reference.go speaks of what is not there")
}

// plainly writes a value, a duration in one way.
func plainly(v any) string {
	text := fmt.Sprint(v)
	if d, err := time.ParseDuration(text); err == nil {
		return d.String()
	}
	return text
}

// lookup finds a value by its path, in the first item of lists.
func lookup(v any, path string) (any, bool) {
	for step := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		name, list := strings.CutSuffix(step, "[]")
		next, ok := m[name]
		if !ok {
			return nil, false
		}
		if items, is := next.([]any); list && is && len(items) > 0 {
			next = items[0]
		}
		v = next
	}
	return v, true
}

// referenceExamples are the YAML blocks of the reference.
func referenceExamples(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(mustRead(t, referenceFile), -1) {
		all = append(all, m[1])
	}
	require.NotEmpty(t, all)
	return all
}

// Every example in the reference is a configuration, given a usual environment.
func TestReferenceExamplesWork(t *testing.T) {
	for _, example := range referenceExamples(t) {
		if !strings.Contains(example, "routes:") {
			example += minimal
		}
		_, _, err := config.Parse("configuration.md", []byte(example), environment())
		require.NoError(t, err, example)
		require.NoError(t, mustSchema(t).Validate(mustDecode(t, example)), example)
	}
}

var commented = regexp.MustCompile(`(?m)^( *)# ?((?:- )?[a-z_]+:(?: .*)?)$`)

// The example works as it is, and every key in it exists, those in comments as well.
func TestExampleWorks(t *testing.T) {
	text := mustRead(t, exampleFile)
	_, warnings, err := config.Parse("approvebot.example.yaml", []byte(text), environment("SLACK_SIGNING_SECRET=s"))
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.NoError(t, mustSchema(t).Validate(mustDecode(t, text)))

	all := commented.ReplaceAllString(text, "$1$2")
	_, _, err = config.Parse("approvebot.example.yaml", []byte(all), environment())
	for line := range strings.Lines(errorText(err)) {
		require.NotContains(t, line, "there is no such key")
		require.NotContains(t, line, "this is not YAML")
	}
	for _, key := range config.Keys() {
		last := key.Path[strings.LastIndexByte(key.Path, '.')+1:]
		require.Regexp(t, `(?m)[{ (]`+regexp.QuoteMeta(last)+`:`, all, "%s: show it in deploy/approvebot.example.yaml", key.Path)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

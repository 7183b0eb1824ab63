package config_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
	"github.com/approvebot/approvebot/internal/secret"
)

// keysOf lists every key that a file may hold, as the reference writes them: routes[].match.kind.
func keysOf(t reflect.Type, path string) []string {
	if path == "keyfactor.accounts[].auth" {
		return []string{path} // the reference says: like keyfactor.auth
	}
	for t.Kind() == reflect.Slice {
		if t.Elem() == reflect.TypeFor[secret.String]() {
			return []string{path}
		}
		if t.Elem().Kind() == reflect.Struct {
			path += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[secret.String]() || t == reflect.TypeFor[time.Duration]() {
		return []string{path}
	}
	var all []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name != "-" {
			all = append(all, keysOf(field.Type, strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return all
}

// The reference names every key, and none that does not exist.
func TestTheReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	require.ElementsMatch(t, keysOf(reflect.TypeFor[config.Config](), ""), documented)
}

// Every example in the reference is a configuration, given a usual environment.
func TestTheReferencesExamplesWork(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, examples)
	for _, m := range examples {
		example := m[1]
		if !strings.Contains(example, "routes:") {
			example += minimal
		}
		_, _, err := config.Parse("configuration.md", []byte(example), environment())
		require.NoError(t, err, example)
	}
}

var commented = regexp.MustCompile(`(?m)^( *)# ?((?:- )?[a-z_]+:(?: .*)?)$`)

// The example works as it is, and every key in it exists, those in comments as well.
func TestTheExampleWorks(t *testing.T) {
	text, err := os.ReadFile("../../deploy/approvebot.example.yaml")
	require.NoError(t, err)
	_, warnings, err := config.Parse("approvebot.example.yaml", text, environment("SLACK_SIGNING_SECRET=s"))
	require.NoError(t, err)
	require.Empty(t, warnings)

	all := commented.ReplaceAllString(string(text), "$1$2")
	_, _, err = config.Parse("approvebot.example.yaml", []byte(all), environment())
	for line := range strings.Lines(errorText(err)) {
		require.NotContains(t, line, "there is no such key")
		require.NotContains(t, line, "this is not YAML")
	}
	for _, key := range keysOf(reflect.TypeFor[config.Config](), "") {
		last := key[strings.LastIndexByte(key, '.')+1:]
		require.Regexp(t, `(?m)[{ (]`+regexp.QuoteMeta(last)+`:`, all, key)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

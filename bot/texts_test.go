package bot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// sentence begins with a capital letter, has more than three words and ends in a
	// full stop. Lines of the log and errors do neither the first nor the last.
	sentence = regexp.MustCompile(`^\P{L}*\p{Lu}\S*(\s+\S+){3,}\.\P{L}*$`)
	// filled is where a format puts a value, which may begin a sentence.
	filled = regexp.MustCompile(`%(\[\d+\])?[a-z]`)
)

// What people read in Slack stands in package blocks, where it can be translated.
func TestTextsHouse(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	texts := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				require.NotRegexp(t, sentence, filled.ReplaceAllString(text, "X"), "%s: what people read belongs into package blocks", fset.Position(lit.Pos()))
				texts++
			}
			return true
		})
	}
	require.Greater(t, texts, 500, "literals that were looked at")
}

package blocks_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/blocks"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what people will see with a file that is reviewed like prose.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run go test ./blocks -update and read the new file")
	require.Equal(t, string(want), string(got))
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	require.NoError(t, e.Encode(v))
	// slack-go escapes these in its own encoders; nobody can review that.
	return []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(b.String()))
}

type wireMessage struct {
	Text   string       `json:"text"`
	Blocks slack.Blocks `json:"blocks"`
}

func goldenMessage(t *testing.T, m blocks.Message) {
	t.Helper()
	require.NoError(t, blocks.Validate(m))
	golden(t, fileName(t), mustJSON(t, wireMessage{m.Text, slack.Blocks{BlockSet: m.Blocks}}))
}

func goldenModal(t *testing.T, v slack.ModalViewRequest) {
	t.Helper()
	require.NoError(t, blocks.ValidateModal(v))
	golden(t, fileName(t), mustJSON(t, v))
}

// fileName makes "card_approved.json" of TestCard/approved.
func fileName(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	return strings.NewReplacer("/", "_", " ", "_", ",", "", "'", "").Replace(name) + ".json"
}

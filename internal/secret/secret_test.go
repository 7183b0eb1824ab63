package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/approvebot/approvebot/internal/secret"
)

const text = "hunter2-hunter2"

type account struct {
	Password secret.String `json:"password" yaml:"password"`
	hidden   secret.String
}

func TestNothingThatPrintsShowsIt(t *testing.T) {
	a := account{Password: secret.New(text), hidden: secret.New(text)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T"} {
		for _, v := range []any{a, &a, a.Password, &a.Password, a.hidden, []account{a}, map[string]any{"a": a}} {
			got := fmt.Sprintf(verb, v)
			require.NotContains(t, got, text, verb)
			require.NotContains(t, got, "68756e746572", verb)
		}
	}
	require.Equal(t, "[redacted]", fmt.Sprint(a.Password))
	require.Equal(t, `"[redacted]"`, fmt.Sprintf("%q", a.Password))

	asJSON, err := json.Marshal(a)
	require.NoError(t, err)
	require.JSONEq(t, `{"password":"[redacted]"}`, string(asJSON))

	asYAML, err := yaml.Marshal(a)
	require.NoError(t, err)
	require.Contains(t, string(asYAML), "[redacted]")
	require.NotContains(t, string(asYAML), text)
}

func TestLoggersDoNotShowIt(t *testing.T) {
	var out bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
	a := account{Password: secret.New(text), hidden: secret.New(text)}
	zap.New(core).Info("zap", zap.Any("secret", a.Password), zap.Any("account", a), zap.Reflect("reflected", a), zap.Stringer("stringer", a.Password))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("slog", "secret", a.Password, "account", a)
	slog.New(slog.NewTextHandler(&out, nil)).Info("slog", "secret", a.Password, "account", a)
	require.Contains(t, out.String(), secret.Redacted)
	require.NotContains(t, out.String(), text)
}

func TestReadAndReveal(t *testing.T) {
	var fromYAML, fromJSON account
	require.NoError(t, yaml.UnmarshalWithOptions([]byte("password: "+text+"\n"), &fromYAML, yaml.Strict()))
	require.NoError(t, json.Unmarshal([]byte(`{"password":"`+text+`"}`), &fromJSON))
	require.Equal(t, text, fromYAML.Password.Reveal())
	require.Equal(t, text, fromJSON.Password.Reveal())
	require.True(t, fromYAML.Password.Equal(fromJSON.Password))

	// A password that looks like a number or holds quotes arrives as written.
	for _, plain := range []string{"0123", "1e3", "0x10", "1_000", "12345678901234567890123", "0b11", "1.50", "true", "2025-03-03"} {
		require.NoError(t, yaml.Unmarshal([]byte("password: "+plain), &fromYAML), plain)
		require.Equal(t, plain, fromYAML.Password.Reveal())
	}
	require.NoError(t, yaml.Unmarshal([]byte(`password: 'a"b: #c'`), &fromYAML))
	require.Equal(t, `a"b: #c`, fromYAML.Password.Reveal())
	require.NoError(t, yaml.Unmarshal([]byte("password: |\n  line\n  two\n"), &fromYAML))
	require.Equal(t, "line\ntwo\n", fromYAML.Password.Reveal())
}

func TestYAMLThatIsNotAText(t *testing.T) {
	var a account
	err := yaml.Unmarshal([]byte("password: [hunter2-hunter2]"), &a)
	require.ErrorContains(t, err, "a secret is one text, not a sequence")
	require.NotContains(t, err.Error(), text)
	require.NoError(t, yaml.Unmarshal([]byte("password: null"), &a))
	require.True(t, a.Password.IsZero())
	require.NoError(t, yaml.Unmarshal([]byte("password: !!str 007"), &a))
	require.Equal(t, "007", a.Password.Reveal())
}

func TestZeroIsEmptyAndSaysSo(t *testing.T) {
	var none secret.String
	require.True(t, none.IsZero())
	require.True(t, secret.New("").IsZero())
	require.Empty(t, none.Reveal())
	require.Empty(t, none.String())
	require.False(t, none.Equal(secret.New(text)))
}

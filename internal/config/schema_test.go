package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/config"
)

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("approvebot.schema.json", text); err != nil {
		return nil, err
	}
	return c.Compile("approvebot.schema.json") // which holds it against the metaschema, too
})

func mustSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := compiled()
	require.NoError(t, err)
	return s
}

// mustDecode reads YAML as an editor does, with merge keys resolved.
func mustDecode(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v), text)
	j, err := json.Marshal(v)
	require.NoError(t, err)
	v, err = jsonschema.UnmarshalJSON(strings.NewReader(string(j)))
	require.NoError(t, err)
	return v
}

func TestSchemaIsFresh(t *testing.T) {
	generated(t, schemaFile, string(config.Schema()))
}

// refused tells whether loader and schema refuse a text.
func refused(t *testing.T, text string) (loader, schema bool) {
	t.Helper()
	_, _, err := config.Parse("approvebot.yaml", []byte(text), environment())
	return err != nil, mustSchema(t).Validate(mustDecode(t, text)) != nil
}

// What one of the two refuses because of a single key, the other refuses as well.
func TestSchemaAgreesWithTheLoader(t *testing.T) {
	for _, text := range []string{
		"log: {level: loud}", "log: {levels: info}", "log: info", "log: [info]", "logs: {}",
		"keyfactor: {timeout: 10}", "keyfactor: {timeout: ten seconds}", "keyfactor: {timeout: [10s]}",
		"keyfactor: {skip_verify: 'yes'}", "keyfactor: {skip_verify: 1}", "keyfactor: {url: [https://a.example.com]}",
		"keyfactor: {accounts: {name: second}}", "keyfactor: {accounts: [{auth: {username: a, password: b}}]}",
		"keyfactor: {accounts: [{name: 'a b', auth: {username: a, password: b}}]}",
		"keyfactor: {accounts: [{name: second, auth: {user: a, password: b}}]}",
		"poll: {sources: [workflows]}", "poll: {sources: {a: b}}", "slack: {transport: pigeon}", "slack: {bot_token: {a: b}}",
		"admins: {users: [ada]}", "admins: {users: [~]}", "admins: {groups: ['@pki admins']}", "admins: ['@ada']",
		"people: {map: {x: ada}}", "people: {map: [x]}", "people: {map: {x: [U012ABCDEF]}}", "people: {email_domains: [example]}",
		"http: {listen: [a]}",
	} {
		loader, schema := refused(t, text+"\n"+minimal)
		require.True(t, loader, "the loader takes %s", text)
		require.True(t, schema, "the schema takes %s", text)
	}
	for _, text := range []string{
		"log: {level: debug}", "log:", "log: {level: }", "keyfactor: {timeout: 1m30s}", "keyfactor: {auth: {username: 0123, password: 1e3}}",
		"keyfactor: {accounts: [{name: second, auth: {username: a, password: b}}]}", "keyfactor: {metadata: AppOwner}",
		"poll: {sources: certificate}", "poll: {schedule: '@hourly'}", "admins: {users: '@ada', groups: [S012ABCDEF]}",
		"people: {map: {x: U012ABCDEF}, not_in_slack: [1, true]}", "slack: {allow_shared_channels: true}",
	} {
		loader, schema := refused(t, text+"\n"+minimal)
		require.False(t, loader, "the loader refuses %s", text)
		require.False(t, schema, "the schema refuses %s", text)
	}
}

func TestSchemaAgreesWithTheLoaderAboutRoutes(t *testing.T) {
	const route = "routes:\n  - {name: a, channels: ['#a'], approvers: {users: ['@ada', '@ben', '@cem'], groups: ['@pki']}, %s}\n"
	for _, key := range []string{
		"quorum: 0", "quorum: 11", "quorum: two", "quorum: [2]", "quorum: {count: 99}", "quorum: {from: [pki]}", "quorum: {sum: 2}",
		"comment: {min_length: 201}", "comment: {min_length: -1}", "comment: {approve: maybe}", "comment: required",
		"expires_after: 3", "expires_after: soon", "direct_messages: yes please", "denial: counted", "chat: off",
		"match: {key: RSA}", "match: {wildcard: 'no'}", "match: {fields: {a: {b: c}}}", "match: {template: {a: b}}", "match: {template: [~]}", "approver: x",
	} {
		loader, schema := refused(t, fmt.Sprintf(route, key))
		require.True(t, loader, "the loader takes %s", key)
		require.True(t, schema, "the schema takes %s", key)
	}
	for _, key := range []string{
		"quorum: 2", "quorum: {count: 2, from: '@pki'}", "quorum: {from: ['@pki']}", "comment: {deny_reasons: No}", "expires_after: 72h",
		"match: {key_size: [2048, '>=4096'], wildcard: true, fields: {a: b, c: [d, '!e']}}", "match: {san: ['', '*.example.com']}", "match:",
	} {
		loader, schema := refused(t, fmt.Sprintf(route, key))
		require.False(t, loader, "the loader refuses %s", key)
		require.False(t, schema, "the schema refuses %s", key)
	}
	for _, text := range []string{"routes: []", "routes:", "routes: {name: a}", "routes: [{channels: ['#a'], approvers: {users: ['@ada']}}]", "routes: [{name: a, channels: ['#a']}]", "log: {level: info}"} {
		loader, schema := refused(t, text+"\n")
		require.True(t, loader, "the loader takes %s", text)
		require.True(t, schema, "the schema takes %s", text)
	}
}

// Every value that the reference lists is taken by both, and so is every example.
func TestSchemaTakesWhatTheReferenceSays(t *testing.T) {
	for _, k := range config.Keys() {
		values := append([]string(nil), k.One...)
		if k.Example != "" {
			values = append(values, k.Example)
		}
		for _, value := range values {
			_, schema := refused(t, around(k.Path, value))
			require.False(t, schema, "%s: the schema refuses %s", k.Path, value)
			_, _, err := config.Parse("approvebot.yaml", []byte(around(k.Path, value)), environment())
			for line := range strings.Lines(errorText(err)) {
				require.NotRegexp(t, `is (not known here|not a |a mapping|a list|one text|a whole number|either)|no such key`, line, "%s: the loader refuses %s", k.Path, value)
			}
		}
		if k.One != nil {
			loader, schema := refused(t, around(k.Path, "somethingelse"))
			require.True(t, loader && schema, "%s: anything is taken", k.Path)
		}
	}
}

// around writes a file with one value in it, and what else is required.
func around(path, value string) string {
	required := map[string]string{"routes": "name: a, approvers: {users: ['@ada'; '@ben']}", "accounts": "name: b, auth: {}"}
	steps := strings.Split(path, ".")
	var text, after, indent string
	for i, step := range steps {
		name, list := strings.CutSuffix(step, "[]")
		text += name + ":"
		if i == len(steps)-1 {
			break
		}
		indent += "  "
		text += "\n" + indent
		if list {
			text += "- "
			indent += "  "
			for part := range strings.SplitSeq(required[name], ", ") {
				if key, _, _ := strings.Cut(part, ":"); key != strings.TrimSuffix(steps[i+1], "[]") {
					after += "\n" + indent + strings.ReplaceAll(part, "; ", ", ")
				}
			}
		}
	}
	text += " " + value + after + "\n"
	if steps[0] != "routes[]" {
		text += minimal
	}
	return text
}

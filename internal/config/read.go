package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/approvebot/approvebot/internal/secret"
)

// Aliases let a few lines of YAML stand for very many values; nobody's
// configuration has this many, or goes this deep.
const (
	maxValues = 20_000
	maxDepth  = 32
)

// reader walks the tree of a YAML file beside the Go type that it is meant for.
// The YAML package can do so by itself, but stops at the first mistake; we want
// all of them, and the place of every value for the checks that come later.
type reader struct {
	file     string
	problems []Problem
	places   map[string]place    // path of every value that is set
	anchors  map[string]ast.Node // by name
	tags     map[*token.Token]bool
	left     int // values that may still be read
}

type place struct{ line, column int }

// read fills config from text.
func read(file string, text []byte, config *Config) *reader {
	r := &reader{file: file, places: map[string]place{}, anchors: map[string]ast.Node{}, tags: map[*token.Token]bool{}, left: maxValues}
	tree, err := parser.Parse(r.untag(lexer.Tokenize(string(text))), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return r
	}
	var bodies []ast.Node
	for _, doc := range tree.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) > 1 {
		r.problem(bodies[1], "", "a second document begins here; the configuration is one document, remove the line ---")
	}
	if len(bodies) > 0 {
		r.value(bodies[0], reflect.ValueOf(config).Elem(), "", 0)
	}
	return r
}

// untag makes plain texts of tags and remembers them. A tag takes the value
// after it along, so "subject: !*.example.com" would swallow the next keys, and
// every mistake in them.
func (r *reader) untag(tokens token.Tokens) token.Tokens {
	for _, tk := range tokens {
		if tk.Type == token.TagType {
			tk.Type, tk.CharacterType, tk.Indicator = token.StringType, token.CharacterTypeMiscellaneous, token.NotIndicator
			r.tags[tk] = true
		}
	}
	return tokens
}

func (r *reader) syntax(err error) {
	p := Problem{File: r.file, Message: "this is not YAML"}
	// The error's own text quotes the source, which may hold a secret; its message does not.
	if y, ok := errors.AsType[yaml.Error](err); ok {
		p.Message += ": " + y.GetMessage()
		if strings.Contains(y.GetMessage(), "reserved character") {
			p.Message += `; write names that begin with @ in quotes: "@ada"`
		}
		if strings.Contains(y.GetMessage(), "sequence end token") {
			p.Message += `; names that begin with # are comments unless in quotes: "#pki-approvals"`
		}
		if strings.Contains(y.GetMessage(), `'\t'`) || strings.Contains(y.GetMessage(), "\t") {
			p.Message = "this is not YAML: a tab; indent with spaces"
		}
		if tk := y.GetToken(); tk != nil && tk.Position != nil {
			p.Line, p.Column = tk.Position.Line, tk.Position.Column
		}
	}
	r.problems = append(r.problems, p)
}

func (r *reader) problem(n ast.Node, path, format string, args ...any) {
	at := where(n)
	r.problems = append(r.problems, Problem{File: r.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

// where points at the first character of a value. The token of a block mapping
// is its first colon, so its first key is asked instead.
func where(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return where(m.Values[0].Key)
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return place{tk.Position.Line, tk.Position.Column}
	}
	return place{}
}

// value reads one node into v. A value that is empty (null) counts as not there.
func (r *reader) value(n ast.Node, v reflect.Value, path string, depth int) {
	if r.left--; r.left == 0 || depth > maxDepth {
		r.problem(n, path, "the file is too deep or too large from here on; check its anchors and aliases")
		r.left = 0
	}
	if r.left <= 0 {
		return
	}
	at := n
	n, ok := r.resolve(n, path, 0)
	if !ok || n.Type() == ast.NullType {
		return
	}
	if path != "" {
		r.places[path] = where(at)
	}
	switch to := v.Addr().Interface().(type) {
	case *secret.String:
		if err := to.UnmarshalYAML(n); err != nil {
			r.problem(at, path, "%v", err)
		}
		return
	case *time.Duration:
		text, ok := scalar(n)
		d, err := time.ParseDuration(text)
		if !ok || err != nil {
			r.problem(at, path, "is not a duration; write it with its unit, such as 30s or 2m")
		}
		*to = d
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.mapping(at, n, v, path, depth)
	case reflect.Slice:
		r.list(at, n, v, path, depth)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			r.problem(at, path, "is either true or false")
			return
		}
		v.SetBool(b.Value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(n, v.Elem(), path, depth+1)
	case reflect.Map:
		r.dictionary(at, n, v, path, depth)
	case reflect.Int:
		text, _ := scalar(n)
		i, err := strconv.Atoi(text)
		if err != nil {
			r.problem(at, path, "is a whole number, such as 2")
			return
		}
		v.SetInt(int64(i))
	case reflect.String:
		text, ok := scalar(n)
		if !ok {
			r.problem(at, path, "is one text, not a %s", called(n))
			return
		}
		v.SetString(text)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
}

// resolve follows anchors and aliases, and refuses tags. Most of the tags and
// aliases that we meet are patterns whose author did not know that YAML takes !
// and * for itself. Neither is quoted in the message: it might be a password.
func (r *reader) resolve(n ast.Node, path string, depth int) (ast.Node, bool) {
	switch x := n.(type) {
	case *ast.AnchorNode:
		r.anchors[x.Name.GetToken().Value] = x.Value
		return r.resolve(x.Value, path, depth+1)
	case *ast.AliasNode:
		to, known := r.anchors[x.Value.GetToken().Value]
		if !known || depth > maxDepth {
			r.problem(n, path, `write a value that begins with * in quotes: "*.example.com"`)
			return nil, false
		}
		return r.resolve(to, path, depth+1)
	case *ast.StringNode:
		if r.tags[x.Token] {
			r.problem(n, path, `write a value that begins with ! in quotes: "!*.example.com"`)
			return nil, false
		}
	case nil:
		return nil, false
	}
	return n, true
}

func (r *reader) mapping(at, n ast.Node, v reflect.Value, path string, depth int) {
	m, ok := n.(ast.MapNode)
	if !ok {
		if short, may := reflect.TypeAssert[interface{ shorthand() string }](v); may && called(n) == "single value" {
			field, _ := fieldOf(v, short.shorthand())
			r.value(at, field, join(path, short.shorthand()), depth+1)
			return
		}
		r.problem(at, path, "is a mapping with the keys %s, not a %s", strings.Join(keys(v.Type()), ", "), called(n))
		return
	}
	// Merged keys first: keys that are written out win over them, wherever << stands.
	for entry := m.MapRange(); entry.Next(); {
		if !entry.Key().IsMergeKey() || depth > maxDepth {
			continue
		}
		if from, ok := r.resolve(entry.Value(), path, 0); ok {
			r.mapping(entry.Value(), from, v, path, depth+1)
		}
	}
	seen := map[string]place{}
	for entry := m.MapRange(); entry.Next(); {
		key := entry.Key()
		if key.IsMergeKey() {
			continue
		}
		name := key.GetToken().Value
		if first, twice := seen[name]; twice {
			r.problem(key, join(path, name), "is given twice, first in line %d; keep one", first.line)
			continue
		}
		seen[name] = where(key)
		field, ok := fieldOf(v, name)
		if !ok {
			r.problem(key, join(path, name), "there is no such key; here may stand: %s", strings.Join(keys(v.Type()), ", "))
			continue
		}
		r.value(entry.Value(), field, join(path, name), depth+1)
	}
}

// dictionary reads a mapping of which the keys are not ours.
func (r *reader) dictionary(at, n ast.Node, v reflect.Value, path string, depth int) {
	m, ok := n.(ast.MapNode)
	if !ok {
		r.problem(at, path, "is a mapping of names to values, not a %s", called(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]place{}
	for entry := m.MapRange(); entry.Next(); {
		key := entry.Key()
		if key.IsMergeKey() {
			r.problem(key, path, "<< cannot be used here; write the names out")
			continue
		}
		name := key.GetToken().Value
		if first, twice := seen[strings.ToLower(name)]; twice {
			r.problem(key, join(path, name), "is given twice, first in line %d; keep one (case does not matter)", first.line)
			continue
		}
		seen[strings.ToLower(name)] = where(key)
		value := reflect.New(v.Type().Elem()).Elem()
		r.value(entry.Value(), value, join(path, name), depth+1)
		v.SetMapIndex(reflect.ValueOf(name), value)
	}
}

// list reads a sequence. One text alone stands for a list of one.
func (r *reader) list(at, n ast.Node, v reflect.Value, path string, depth int) {
	elem := v.Type().Elem()
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, single := scalar(n); !single || elem.Kind() != reflect.String && elem != reflect.TypeFor[secret.String]() {
			r.problem(at, path, "is a list, not a %s", called(n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		r.value(n, v.Index(0), item(path, 0), depth+1)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, node := range s.Values {
		itemPath := item(path, i)
		if node.Type() == ast.NullType {
			r.problem(node, itemPath, `is empty; names that begin with # are comments unless in quotes: "#pki-approvals"`)
			continue
		}
		r.value(node, v.Index(i), itemPath, depth+1)
	}
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if name := keyOf(v.Type().Field(i)); name == key && name != "" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keys(t reflect.Type) []string {
	var all []string
	for field := range t.Fields() {
		if name := keyOf(field); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// keyOf returns the key that a field is read from, or nothing for fields that are not in the file.
func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// scalar returns a text as it is written: 0123 is a fine name.
func scalar(n ast.Node) (string, bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func called(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "mapping"
	case ast.SequenceType:
		return "list"
	}
	return "single value"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

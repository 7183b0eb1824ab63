package keyfactorsim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The query language of Keyfactor's lists, as far as it is known:
//
//	query      = conjunction { "OR" conjunction }
//	conjunction= term { "AND" term }
//	term       = "(" query ")" | field operator literal
//	operator   = -eq -ne -lt -le -gt -ge -contains -notcontains -startswith -endswith
//	literal    = "text" | number | true | false | NULL | %ME% | %TODAY% | %TODAY-7%
//
// Text compares without regard to case, as the product's database does by default. A backslash stands for itself.

// queryScope is what the tokens of a query stand for.
type queryScope struct {
	me  string
	now time.Time
}

// compileQuery turns a query over the given fields into a predicate. An empty query keeps every row.
func compileQuery[T any](text string, all fields[T], scope queryScope) (func(*T) bool, error) {
	tokens, err := scanQuery(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return func(*T) bool { return true }, nil
	}
	p := &queryParser[T]{tokens: tokens, fields: all, scope: scope}
	keep, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, fmt.Errorf("unexpected %s", p.tokens[p.at])
	}
	return keep, nil
}

type queryToken struct {
	kind rune // '(' ')' 'w' word '-' operator '"' quoted
	text string
}

func (t queryToken) String() string { return strconv.Quote(t.text) }

func scanQuery(text string) ([]queryToken, error) {
	var tokens []queryToken
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if rest == "" {
			return tokens, nil
		}
		switch c := rest[0]; {
		case c == '(' || c == ')':
			tokens = append(tokens, queryToken{rune(c), rest[:1]})
			rest = rest[1:]
		case c == '"':
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("unterminated string %s", rest)
			}
			tokens = append(tokens, queryToken{'"', rest[1 : 1+end]})
			rest = rest[end+2:]
		default:
			end := strings.IndexAny(rest, " \t\r\n()\"")
			if end < 0 {
				end = len(rest)
			}
			word := rest[:end]
			kind := 'w'
			if c == '-' && len(word) > 1 && (word[1] < '0' || word[1] > '9') {
				kind = '-'
			}
			tokens = append(tokens, queryToken{kind, word})
			rest = rest[end:]
		}
	}
}

// maxQueryDepth keeps a query of ten thousand parentheses from using up the stack.
const maxQueryDepth = 64

type queryParser[T any] struct {
	tokens []queryToken
	at     int
	depth  int
	fields fields[T]
	scope  queryScope
}

func (p *queryParser[T]) or() (func(*T) bool, error) {
	return p.chain("OR", p.and, func(a, b func(*T) bool) func(*T) bool {
		return func(row *T) bool { return a(row) || b(row) }
	})
}

func (p *queryParser[T]) and() (func(*T) bool, error) {
	return p.chain("AND", p.term, func(a, b func(*T) bool) func(*T) bool {
		return func(row *T) bool { return a(row) && b(row) }
	})
}

func (p *queryParser[T]) chain(word string, operand func() (func(*T) bool, error), join func(a, b func(*T) bool) func(*T) bool) (func(*T) bool, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for p.at < len(p.tokens) && p.tokens[p.at].kind == 'w' && strings.EqualFold(p.tokens[p.at].text, word) {
		p.at++
		right, err := operand()
		if err != nil {
			return nil, err
		}
		left = join(left, right)
	}
	return left, nil
}

func (p *queryParser[T]) next(want string) (queryToken, error) {
	if p.at >= len(p.tokens) {
		return queryToken{}, fmt.Errorf("%s expected at the end", want)
	}
	p.at++
	return p.tokens[p.at-1], nil
}

func (p *queryParser[T]) term() (func(*T) bool, error) {
	name, err := p.next("a field name")
	if err != nil {
		return nil, err
	}
	if name.kind == '(' {
		if p.depth++; p.depth > maxQueryDepth {
			return nil, fmt.Errorf("more than %d nested parentheses", maxQueryDepth)
		}
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if t, err := p.next(`")"`); err != nil || t.kind != ')' {
			return nil, fmt.Errorf(`")" expected`)
		}
		p.depth--
		return inner, nil
	}
	if name.kind != 'w' {
		return nil, fmt.Errorf("field name expected instead of %s", name)
	}
	f, ok := p.fields[strings.ToLower(name.text)]
	if !ok {
		return nil, fmt.Errorf("unknown field %s", name)
	}
	op, err := p.next("an operator")
	if err != nil {
		return nil, err
	}
	if op.kind != '-' {
		return nil, fmt.Errorf("operator expected instead of %s", op)
	}
	literal, err := p.next("a value")
	if err != nil {
		return nil, err
	}
	if literal.kind != '"' && literal.kind != 'w' {
		return nil, fmt.Errorf("value expected instead of %s", literal)
	}
	return comparison(f, strings.ToLower(op.text), literal, p.scope)
}

func comparison[T any](f field[T], op string, literal queryToken, scope queryScope) (func(*T) bool, error) {
	if literal.kind == 'w' && strings.EqualFold(literal.text, "NULL") {
		switch op {
		case "-eq":
			return func(row *T) bool { return f.get(row).null }, nil
		case "-ne":
			return func(row *T) bool { return !f.get(row).null }, nil
		}
		return nil, fmt.Errorf("operator %s cannot be used with NULL", op)
	}
	want, err := literalValue(f, literal, scope)
	if err != nil {
		return nil, err
	}
	if f.kind == textValue {
		return textComparison(f, op, want.s)
	}
	test, ok := map[string]func(c int) bool{
		"-eq": func(c int) bool { return c == 0 }, "-ne": func(c int) bool { return c != 0 },
		"-lt": func(c int) bool { return c < 0 }, "-le": func(c int) bool { return c <= 0 },
		"-gt": func(c int) bool { return c > 0 }, "-ge": func(c int) bool { return c >= 0 },
	}[op]
	if !ok || f.kind == boolValue && op != "-eq" && op != "-ne" {
		return nil, fmt.Errorf("operator %s cannot be used with field %s", op, f.name)
	}
	return func(row *T) bool {
		have := f.get(row)
		return !have.null && test(compareValues(have, want))
	}, nil
}

func textComparison[T any](f field[T], op, want string) (func(*T) bool, error) {
	want = strings.ToLower(want)
	test, ok := map[string]func(have string) bool{
		"-eq":          func(have string) bool { return have == want },
		"-ne":          func(have string) bool { return have != want },
		"-contains":    func(have string) bool { return strings.Contains(have, want) },
		"-notcontains": func(have string) bool { return !strings.Contains(have, want) },
		"-startswith":  func(have string) bool { return strings.HasPrefix(have, want) },
		"-endswith":    func(have string) bool { return strings.HasSuffix(have, want) },
	}[op]
	if !ok {
		return nil, fmt.Errorf("operator %s cannot be used with field %s", op, f.name)
	}
	return func(row *T) bool { return test(strings.ToLower(f.get(row).s)) }, nil
}

// badLiteral is a value that a field cannot have. The product words it just so.
type badLiteral struct{ field, text string }

func (b badLiteral) Error() string { return "Invalid " + b.field + " value: " + b.text + "." }

var todayToken = regexp.MustCompile(`(?i)^%TODAY(?:([+-])(\d{1,5}))?%$`)

func literalValue[T any](f field[T], literal queryToken, scope queryScope) (value, error) {
	text := literal.text
	if strings.EqualFold(text, "%ME%") {
		text = scope.me
	}
	invalid := func() (value, error) { return value{}, badLiteral{f.name, text} }
	if f.parse != nil {
		v, ok := f.parse(text)
		if !ok {
			return invalid()
		}
		return v, nil
	}
	switch f.kind {
	case numberValue:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return invalid()
		}
		return number(n), nil
	case boolValue:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return invalid()
		}
		return boolean(b), nil
	case dateValue:
		if m := todayToken.FindStringSubmatch(text); m != nil {
			days, _ := strconv.Atoi(m[1] + m[2])
			return date(scope.now.UTC().Truncate(24*time.Hour).AddDate(0, 0, days)), nil
		}
		t, err := parseDate(text)
		if err != nil {
			return invalid()
		}
		return date(t), nil
	}
	return textOf(text), nil
}

// parseDate reads an ISO date with or without time and zone; without a zone it is UTC.
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not an ISO date", text)
}

func textOf(s string) value  { return value{kind: textValue, s: s, null: s == ""} }
func number(n int64) value   { return value{kind: numberValue, n: n} }
func date(t time.Time) value { return value{kind: dateValue, n: t.UnixNano(), null: t.IsZero()} }
func boolean(b bool) value {
	v := value{kind: boolValue}
	if b {
		v.n = 1
	}
	return v
}

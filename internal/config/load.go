package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/approvebot/approvebot/internal/secret"
)

// maxFile bounds every file we read here; a path to something endless is a mistake.
const maxFile = 1 << 20

// Load reads the file at path and completes it from the environment, which env
// answers for (os.Getenv). It returns an [*Error] that holds every mistake, or a
// configuration that can be used and what is doubtful about it.
func Load(path string, env func(string) string) (*Config, []Warning, error) {
	return load(path, env, false)
}

func load(path string, env func(string) string, draft bool) (*Config, []Warning, error) {
	files := Files{}
	text, err := files.read(path)
	if err != nil {
		message := reason(err)
		if errors.Is(err, fs.ErrNotExist) {
			message = "there is no such file; name another with --config or APPROVEBOT_CONFIG"
		}
		return nil, nil, &Error{[]Problem{{File: path, Message: message}}, files}
	}
	return parse(path, text, files, env, draft)
}

// Draft is like [Load] for a configuration that is looked at but not run:
// addresses and credentials may be missing.
func Draft(path string, env func(string) string) (*Config, []Warning, error) {
	return load(path, env, true)
}

// Parse is like [Load] for a text that has been read already. The name is used
// in messages, and relative paths in the text are relative to its directory.
func Parse(name string, text []byte, env func(string) string) (*Config, []Warning, error) {
	return parse(name, text, Files{}, env, false)
}

func parse(name string, text []byte, files Files, env func(string) string, draft bool) (*Config, []Warning, error) {
	c := &Config{}
	r := read(name, text, c)
	if len(r.problems) > 0 && len(r.places) == 0 {
		// Nothing could be read: what is missing would only hide why.
		return nil, nil, &Error{arrange(r.problems), files}
	}
	l := &loader{reader: r, env: env, draft: draft, dir: filepath.Dir(name), files: files, origin: map[string]Problem{}, opened: map[string]bool{}, faulty: map[[2]string]bool{}}
	for _, p := range r.problems {
		l.faulty[[2]string{p.File, p.Path}] = true
	}
	l.complete(c)
	l.check(c)
	if len(l.problems) > 0 {
		return nil, nil, &Error{arrange(l.problems), files}
	}
	c.Files = files
	return c, arrange(l.warnings), nil
}

// Redacted returns the configuration in force as YAML, with secrets hidden.
func (c *Config) Redacted() string {
	text, err := yaml.MarshalWithOptions(c, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return fmt.Sprintf("# cannot be shown: %v\n", err)
	}
	return string(text)
}

// MarshalYAML shows the store without its password.
func (s Store) MarshalYAML() (any, error) {
	return struct {
		URL     string        `yaml:"url"`
		URLFile string        `yaml:"url_file,omitempty"`
		Keep    time.Duration `yaml:"keep"`
	}{s.Redacted(), s.URLFile, s.Keep}, nil
}

// loader completes and checks what the reader has read.
type loader struct {
	*reader
	env      func(string) string
	draft    bool // what is missing for running is not a mistake
	dir      string
	origin   map[string]Problem // where a value came from, when not from the file
	faulty   map[[2]string]bool // file and path of every mistake so far
	opened   map[string]bool    // paths whose files have been read
	warnings []Warning
	files    Files
	profile  *profile
}

// fail records a mistake at the value's place: in the file, in the environment
// variable that it came from, or, for a value that is missing, where it belongs.
// A value has one mistake, the first: what could not be read is not also too small.
func (l *loader) fail(path, format string, args ...any) {
	p := l.at(path, format, args...)
	value := [2]string{p.File, p.Path}
	if !l.faulty[value] {
		l.faulty[value] = true
		l.problems = append(l.problems, p)
	}
}

func (l *loader) warn(path, format string, args ...any) {
	l.warnings = append(l.warnings, l.at(path, format, args...))
}

func (l *loader) at(path, format string, args ...any) Problem {
	message := fmt.Sprintf(format, args...)
	if p, ok := l.origin[path]; ok {
		p.Message = message
		return p
	}
	p := Problem{File: l.file, Line: 1, Column: 1, Path: path, Message: message}
	for up := path; up != ""; up = parent(up) {
		if at, ok := l.places[up]; ok {
			p.Line, p.Column = at.line, at.column
			break
		}
	}
	return p
}

// parent cuts the last step off a path: routes[0].match, routes[0], routes.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func (l *loader) given(path string) bool {
	_, ok := l.places[path]
	return ok
}

// text fills a value that the file does not hold from the first variable that is
// set, or from the profile.
func (l *loader) text(path string, to *string, profile string, names ...string) {
	if l.given(path) || *to != "" {
		return
	}
	for _, name := range names {
		if value := strings.TrimSpace(l.env(name)); value != "" {
			*to = value
			l.from(path, name)
			return
		}
	}
	if profile != "" {
		*to = profile
		l.origin[path] = Problem{File: l.profile.file, Path: l.profile.path(path)}
	}
}

func (l *loader) from(path, variable string) {
	l.origin[path] = Problem{File: "environment", Path: variable}
}

// secret is like text, for a value that may also stand in a file of its own.
func (l *loader) secret(path string, to *secret.String, file *string, profile secret.String, names ...string) {
	filePath := path + "_file"
	if l.opened[filePath] {
		return
	}
	switch {
	case *file != "" && !to.IsZero():
		l.opened[filePath] = true
		l.fail(filePath, "is given together with %s; keep one of them", last(path))
		return
	case *file != "":
		l.opened[filePath] = true
		*file = l.path(filePath, *file)
		text, err := l.files.read(*file)
		value := strings.TrimSpace(string(text))
		if err != nil {
			l.fail(filePath, "%s", reason(err))
		} else if value == "" {
			l.fail(filePath, "the file is empty; write the secret into it")
		}
		*to = secret.New(value)
		if at, ok := l.places[filePath]; ok {
			l.places[path] = at // where to look when the secret itself turns out wrong
		}
		return
	case l.given(path):
		return
	}
	var value string
	l.text(path, &value, profile.Reveal(), names...)
	*to = secret.New(value)
}

// path makes a path of the file usable: variables in it are replaced, so that
// ${CREDENTIALS_DIRECTORY}/token works under systemd, and a relative one begins
// at the configuration's directory.
func (l *loader) path(path, value string) string {
	expanded := os.Expand(value, func(name string) string {
		v := l.env(name)
		if v == "" {
			l.fail(path, "the variable %s is not set in the environment", name)
		}
		return v
	})
	if filepath.IsAbs(expanded) {
		return expanded
	}
	return filepath.Join(l.dir, expanded)
}

func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("the file is larger than one megabyte; is it the right one?")
	}
	return text, err
}

// reason says why a file could not be read, for people.
func reason(err error) string {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.As(err, &p):
		return "there is no file " + p.Path
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &p):
		return "there is no permission to read " + p.Path + "; let the user that approvebot runs as read it"
	case errors.As(err, &p):
		return fmt.Sprintf("%s cannot be read: %v", p.Path, p.Err)
	}
	return err.Error()
}

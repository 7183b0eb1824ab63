package approval

import (
	"fmt"
	"strings"
)

// Kind names the queue a request waits in.
type Kind string

// The kinds that exist today. A further kind is one more [Source]; nothing
// switches on these values outside their sources.
const (
	// Workflow is an instance suspended at a Require Approval step.
	Workflow Kind = "workflow"
	// Certificate is a request that a certificate authority parked for its manager.
	Certificate Kind = "certificate"
)

// ID identifies a request for ever: its kind, a colon, and a key that only the
// kind's [Source] interprets:
//
//	workflow:<instance GUID>/<step GUID>
//	certificate:<Keyfactor request id>
//
// A workflow instance may wait at several steps during its life, and each of
// them is a request of its own, so the step is part of the key.
type ID string

// maxIDLength keeps identifiers well inside a Slack button value and a database index.
const maxIDLength = 200

// NewID joins kind and key.
func NewID(kind Kind, key string) ID { return ID(string(kind) + ":" + key) }

// ParseID reads an ID from text that came from outside.
func ParseID(s string) (ID, error) {
	kind, key, ok := strings.Cut(s, ":")
	if !ok || kind == "" || key == "" || len(s) > maxIDLength || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%.60q is not a request ID; it looks like workflow:<instance>/<step> or certificate:<number>", s)
	}
	return ID(s), nil
}

// Kind returns the part before the colon.
func (i ID) Kind() Kind {
	kind, _, _ := strings.Cut(string(i), ":")
	return Kind(kind)
}

// Key returns the part after the colon.
func (i ID) Key() string {
	_, key, _ := strings.Cut(string(i), ":")
	return key
}

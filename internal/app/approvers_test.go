package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// Approvers who are nobody, or who may not decide, are told of at the start, not only
// when a request waits for them.
func TestApproversWhoDoNotResolveAreToldOfAtTheStart(t *testing.T) {
	t.Parallel()
	p := newPlace(t, sqliteIn(t.TempDir()))
	p.edit = func(text string) string {
		return strings.Replace(text, `approvers: {groups: ["@pki-approvers"]}`, `approvers: {users: ["@adda", gina@example.com, "@ben"], groups: ["@pki-approvers", "@pki-aprovers"]}`, 1)
	}
	r := p.start()
	for _, problem := range []string{"approver @adda was not found in Slack", "approver gina@example.com is no full member of the workspace", "group @pki-aprovers was not found in Slack"} {
		p.await(problem, func() bool { return r.says(zap.ErrorLevel, problem) })
	}
	require.False(t, r.says(zap.ErrorLevel, "@ben"))
}

package approval_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
)

// What an earlier version has stored keeps the digest that its buttons and votes
// carry. The digest was computed by that version.
func TestDigestOfOldDataIsStable(t *testing.T) {
	const stored = `{"id":"workflow:a/b","title":"t","type":"Enrollment","definition":"Web","step_name":"RequireApproval1","requester":"EXAMPLE\\alice",
		"subject":"CN=web01.example.com","sans":[{"kind":"dns","value":"web01.example.com"}],"template":"Web","ca":"CA 1","key":{"algorithm":"RSA","bits":2048},
		"facts":[{"label":"Requester","value":"EXAMPLE\\alice"}],"verdicts":["approve","deny"]}`
	var r approval.Request
	require.NoError(t, json.Unmarshal([]byte(stored), &r))
	require.Equal(t, "c3570a453757180b399ee5042ba5e988", r.Digest())
}

// What is new about the question makes it another one; what moves beside it does not.
func TestDigestKnowsTheQuestion(t *testing.T) {
	asked := approval.Request{
		ID: "workflow:a/b", Facts: []approval.Fact{{Label: "Requester", Value: "alice"}, {Label: "In use at", Value: "web01", Aside: true}},
		CSR: &approval.CSR{KeyID: "aa"}, Certificate: &approval.Issued{ID: 7, Locations: []string{"web01"}},
	}
	for name, change := range map[string]func(*approval.Request){
		"another key":         func(r *approval.Request) { r.CSR = &approval.CSR{KeyID: "bb"} },
		"a CA":                func(r *approval.Request) { r.CSR = &approval.CSR{KeyID: "aa", CA: true} },
		"no CSR":              func(r *approval.Request) { r.CSR = nil },
		"another certificate": func(r *approval.Request) { r.Certificate = &approval.Issued{ID: 8} },
		"a revocation":        func(r *approval.Request) { r.Revocation = true },
		"another reason":      func(r *approval.Request) { r.RevokeCode = 1 },
		"a longer life":       func(r *approval.Request) { r.Validity = 1 },
		"another requester": func(r *approval.Request) {
			r.Facts = []approval.Fact{{Label: "Requester", Value: "bob"}, asked.Facts[1]}
		},
	} {
		other := asked
		change(&other)
		require.NotEqual(t, asked.Digest(), other.Digest(), name)
	}
	for name, change := range map[string]func(*approval.Request){
		"in use elsewhere": func(r *approval.Request) {
			r.Facts = []approval.Fact{asked.Facts[0], {Label: "In use at", Value: "web02", Aside: true}}
		},
		"a place that came": func(r *approval.Request) {
			r.Certificate = &approval.Issued{ID: 7, Locations: []string{"web01", "web02"}}
		},
		"details that are hidden": func(r *approval.Request) { r.Certificate = &approval.Issued{ID: 7, Trouble: "no permission"} },
		"nothing beside it":       func(r *approval.Request) { r.Facts = asked.Facts[:1] },
	} {
		other := asked
		change(&other)
		require.Equal(t, asked.Digest(), other.Digest(), name)
	}
}

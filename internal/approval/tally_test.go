package approval_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/internal/approval"
)

// cast is a vote of a full member about request(), a minute after the one before.
func cast(minute int, id string, v approval.Verdict, groups ...string) approval.Vote {
	r := request()
	return approval.Vote{
		Request: r.ID, Digest: r.Digest(), Verdict: v, Groups: groups, At: noon.Add(time.Duration(minute) * time.Minute),
		By: approval.Person{Team: "T1", ID: id, Email: id + "@example.com", Membership: approval.Member},
	}
}

func TestCount(t *testing.T) {
	const yes, no = approval.Approve, approval.Deny
	two := approval.Rule{Quorum: approval.Quorum{Count: 2}}
	each := approval.Rule{Quorum: approval.Quorum{Count: 2, From: []string{"@net", "@pki"}}}
	counts := approval.Rule{Quorum: approval.Quorum{Count: 2}, DenialCounts: true}
	second := approval.Rule{Unresolved: approval.UnresolvedSecond}
	stale, foreign, guest, nobody := cast(1, "ada", yes), cast(1, "ada", yes), cast(1, "ada", yes), cast(1, "", yes)
	stale.Digest, foreign.Request, guest.By.Membership, nobody.By.Email = "old", "workflow:1/3", approval.Guest, "ada@example.com"
	alias := cast(2, "ada2", yes)
	alias.By.Email = "ADA@example.com"
	enterprise := cast(2, "ada", yes)
	enterprise.By.Team, enterprise.By.Email = "E1", "other@example.com"

	for name, row := range map[string]struct {
		rule    approval.Rule
		votes   []approval.Vote
		want    approval.Verdict
		missing int
		groups  []string
	}{
		"nobody yet":                                 {approval.Rule{}, nil, "", 1, nil},
		"a quorum of nothing is one":                 {approval.Rule{}, []approval.Vote{cast(1, "ada", yes)}, yes, 0, nil},
		"one of two":                                 {two, []approval.Vote{cast(1, "ada", yes)}, "", 1, nil},
		"two of two":                                 {two, []approval.Vote{cast(1, "ada", yes), cast(2, "ben", yes)}, yes, 0, nil},
		"one person twice":                           {two, []approval.Vote{cast(1, "ada", yes), cast(2, "ada", yes)}, "", 1, nil},
		"one person with two accounts":               {two, []approval.Vote{cast(1, "ada", yes), alias}, "", 1, nil},
		"one person in two workspaces":               {two, []approval.Vote{cast(1, "ada", yes), enterprise}, "", 1, nil},
		"about what it was before":                   {approval.Rule{}, []approval.Vote{stale}, "", 1, nil},
		"about another request":                      {approval.Rule{}, []approval.Vote{foreign}, "", 1, nil},
		"by a guest":                                 {approval.Rule{}, []approval.Vote{guest}, "", 1, nil},
		"by nobody":                                  {approval.Rule{}, []approval.Vote{nobody}, "", 1, nil},
		"neither yes nor no":                         {approval.Rule{}, []approval.Vote{cast(1, "ada", "perhaps")}, "", 1, nil},
		"one denial ends it":                         {two, []approval.Vote{cast(1, "ada", yes), cast(2, "ben", no)}, no, 1, nil},
		"a denial is one vote among others":          {counts, []approval.Vote{cast(1, "ada", yes), cast(2, "ben", no)}, "", 1, nil},
		"… and two are enough":                       {counts, []approval.Vote{cast(1, "ada", no), cast(2, "ben", no)}, no, 2, nil},
		"… and do not stop two approvals":            {counts, []approval.Vote{cast(1, "ada", no), cast(2, "ben", yes), cast(3, "cem", yes)}, yes, 0, nil},
		"both at once is a denial":                   {counts, []approval.Vote{cast(1, "ada", no), cast(1, "dee", no), cast(1, "ben", yes), cast(1, "cem", yes)}, no, 0, nil},
		"a change of mind":                           {approval.Rule{}, []approval.Vote{cast(2, "ada", yes), cast(1, "ada", no)}, yes, 0, nil},
		"two minds at once":                          {approval.Rule{}, []approval.Vote{cast(1, "ada", no), cast(1, "ada", yes)}, no, 1, nil},
		"an unknown requester wants a second":        {second, []approval.Vote{cast(1, "ada", yes)}, "", 1, nil},
		"… and has one":                              {second, []approval.Vote{cast(1, "ada", yes), cast(2, "ben", yes)}, yes, 0, nil},
		"… but none to deny":                         {second, []approval.Vote{cast(1, "ada", no)}, no, 2, nil},
		"a known requester does not":                 {second.Resolved(), []approval.Vote{cast(1, "ada", yes)}, yes, 0, nil},
		"one of each group":                          {each, []approval.Vote{cast(1, "ada", yes, "@net"), cast(2, "ben", yes, "@pki")}, yes, 0, nil},
		"both of one group":                          {each, []approval.Vote{cast(1, "ada", yes, "@net"), cast(2, "ben", yes, "@net")}, "", 1, []string{"@pki"}},
		"one person for two groups":                  {each, []approval.Vote{cast(1, "ada", yes, "@net", "@pki")}, "", 1, []string{"@pki"}},
		"one person for two groups, and a bystander": {each, []approval.Vote{cast(1, "ada", yes, "@net", "@pki"), cast(2, "ben", yes)}, "", 1, []string{"@pki"}},
		"whoever came first gives way":               {each, []approval.Vote{cast(1, "ada", yes, "@net", "@pki"), cast(2, "ben", yes, "@net")}, yes, 0, nil},
		"groups make a quorum by themselves":         {approval.Rule{Quorum: approval.Quorum{From: []string{"@net", "@pki"}}}, []approval.Vote{cast(1, "ada", yes, "@pki")}, "", 1, []string{"@net"}},
		"nobody of any group":                        {each, nil, "", 2, []string{"@net", "@pki"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := approval.Count(row.rule, row.votes, request())
			require.Equal(t, row.want, got.Verdict)
			require.Equal(t, row.missing, got.Missing)
			require.Equal(t, row.groups, got.MissingGroups)
		})
	}
}

func TestTallyNamesTheVoters(t *testing.T) {
	got := approval.Count(approval.Rule{Quorum: approval.Quorum{Count: 2}, DenialCounts: true}, []approval.Vote{cast(3, "cem", approval.Approve), cast(2, "ben", approval.Deny), cast(1, "ada", approval.Approve)}, request())
	require.Equal(t, []approval.Vote{cast(1, "ada", approval.Approve), cast(3, "cem", approval.Approve)}, got.Have)
	require.Equal(t, []approval.Vote{cast(2, "ben", approval.Deny)}, got.Against)
	require.Equal(t, got.Have, got.Deciding())
	require.Nil(t, approval.Tally{Have: got.Have}.Deciding())
	require.Equal(t, got.Against, approval.Tally{Verdict: approval.Deny, Against: got.Against}.Deciding())
}

var allGroups = []string{"@net", "@pki", "@sec", "@web"}

func anyRule(t *rapid.T) approval.Rule {
	return approval.Rule{
		Quorum:       approval.Quorum{Count: rapid.IntRange(-1, 5).Draw(t, "count"), From: rapid.SliceOfN(rapid.SampledFrom(allGroups), 0, 4).Draw(t, "from")},
		DenialCounts: rapid.Bool().Draw(t, "denial counts"), AllowSelf: rapid.Bool().Draw(t, "allow self"),
		Unresolved: rapid.SampledFrom([]approval.Unresolved{approval.UnresolvedDeny, approval.UnresolvedSecond, approval.UnresolvedAllow}).Draw(t, "unresolved"),
	}
}

func anyVotes(t *rapid.T, n int) []approval.Vote {
	votes := make([]approval.Vote, rapid.IntRange(0, n).Draw(t, "votes"))
	for i := range votes {
		v := cast(rapid.IntRange(0, 3).Draw(t, "minute"), fmt.Sprintf("U%d", rapid.IntRange(0, 6).Draw(t, "person")),
			rapid.SampledFrom([]approval.Verdict{approval.Approve, approval.Approve, approval.Approve, approval.Deny}).Draw(t, "verdict"))
		v.Groups = rapid.SliceOfNDistinct(rapid.SampledFrom(allGroups), 0, 4, rapid.ID[string]).Draw(t, "groups")
		v.By.Email = fmt.Sprintf("%d@example.com", rapid.IntRange(0, 8).Draw(t, "address"))
		v.Digest = rapid.SampledFrom([]string{v.Digest, v.Digest, v.Digest, "old"}).Draw(t, "digest")
		v.By.Membership = rapid.SampledFrom([]approval.Membership{approval.Member, approval.Member, approval.Member, approval.Guest}).Draw(t, "membership")
		votes[i] = v
	}
	return votes
}

// covers tries every way in which different people can stand for the groups.
func covers(groups []string, votes []approval.Vote) bool {
	if len(groups) == 0 {
		return true
	}
	for i, v := range votes {
		if slices.Contains(v.Groups, groups[0]) && covers(groups[1:], slices.Delete(slices.Clone(votes), i, i+1)) {
			return true
		}
	}
	return false
}

// An approval is never made up of fewer people than the rule wants, nor of
// accounts of one person, nor of votes about something else, nor without one
// person for each group; and when all that is there, it is one.
func TestCountIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule, votes, r := anyRule(t), anyVotes(t, 8), request()
		got := approval.Count(rule, votes, r)
		ids, addresses := map[string]bool{}, map[string]bool{}
		for _, v := range slices.Concat(got.Have, got.Against) {
			if v.Digest != r.Digest() || v.By.Membership != approval.Member || ids[v.By.ID] || addresses[v.By.Email] {
				t.Fatalf("counted %+v", v)
			}
			ids[v.By.ID], addresses[v.By.Email] = true, true
		}
		need := max(rule.Quorum.Count, 1)
		if rule.Unresolved == approval.UnresolvedSecond && !rule.AllowSelf {
			need++
		}
		enough := len(got.Have) >= need && covers(rule.Quorum.From, got.Have)
		denied := len(got.Against) > 0 && (!rule.DenialCounts || len(got.Against) >= max(rule.Quorum.Count, 1))
		want := approval.Verdict("")
		switch {
		case denied:
			want = approval.Deny
		case enough:
			want = approval.Approve
		}
		if got.Verdict != want || (got.Missing == 0) != enough || len(got.MissingGroups) > got.Missing {
			t.Fatalf("%+v, want %q", got, want)
		}
	})
}

func TestCountKnowsNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule, votes := anyRule(t), anyVotes(t, 8)
		require.Equal(t, approval.Count(rule, votes, request()), approval.Count(rule, rapid.Permutation(votes).Draw(t, "permutation"), request()))
	})
}

// One more person who approves never takes anything back, and as many as are
// missing, each of every group, are enough.
func TestCountIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule, votes := anyRule(t), anyVotes(t, 8)
		before := approval.Count(rule, votes, request())
		more := approval.Count(rule, append(slices.Clone(votes), cast(9, "new", approval.Approve, rapid.SliceOfN(rapid.SampledFrom(allGroups), 0, 2).Draw(t, "groups of the new one")...)), request())
		if before.Verdict != "" && more.Verdict != before.Verdict || more.Missing > before.Missing || len(more.Have) != len(before.Have)+1 {
			t.Fatalf("%+v became %+v", before, more)
		}
		for i := range before.Missing {
			votes = append(votes, cast(9, fmt.Sprintf("new%d", i), approval.Approve, allGroups...))
		}
		if got := approval.Count(rule, votes, request()); got.Missing != 0 || before.Verdict == "" && got.Verdict != approval.Approve {
			t.Fatalf("%d were missing, and then %+v", before.Missing, got)
		}
	})
}

package approval_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/approvebot/approvebot/internal/approval"
)

func TestSignalCommentNamesEverybody(t *testing.T) {
	ada := approval.Person{ID: "U0ADA", Name: "Ada", Email: "ada@example.com"}
	ben := approval.Person{ID: "U0BEN", Name: "Ben"}
	for name, test := range map[string]struct {
		decision approval.Decision
		want     string
	}{
		"one, with a comment":        {approval.Decision{By: ada, Comment: "change 1234"}, "Slack: Ada (U0ADA, ada@example.com) - change 1234"},
		"one, without":               {approval.Decision{By: ada}, "Slack: Ada (U0ADA, ada@example.com)"},
		"no e-mail":                  {approval.Decision{By: ben, Comment: "ok"}, "Slack: Ben (U0BEN) - ok"},
		"two, in the order of votes": {approval.Decision{By: ada, Comment: "b", With: []approval.Voice{{By: ben, Comment: "a"}}}, "Slack: Ben (U0BEN) - a; Ada (U0ADA, ada@example.com) - b"},
		"one line, nothing hidden":   {approval.Decision{By: ben, Comment: "a\n\tb\u202ec\u200b"}, "Slack: Ben (U0BEN) - a bc"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.decision.SignalComment()) })
	}
}

func TestSignalCommentFitsAndCutsOnlyComments(t *testing.T) {
	var d approval.Decision
	for range 6 {
		d.With = append(d.With, approval.Voice{By: approval.Person{ID: "U0BEN", Name: "Ben", Email: "ben@example.com"}, Comment: strings.Repeat("ü", 3000)})
	}
	d.By, d.Comment = approval.Person{ID: "U0ADA", Name: "Ada"}, strings.Repeat("x", 3000)
	got := d.SignalComment()
	require.LessOrEqual(t, len([]rune(got)), approval.SignalCommentLimit)
	require.Equal(t, 6, strings.Count(got, "Ben (U0BEN, ben@example.com) - ü"))
	require.Contains(t, got, "Ada (U0ADA) - x")
}

// Whatever people are called and write: one line, never longer than its field, and
// everybody is named in it.
func TestSignalCommentWhateverPeopleWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringN(0, 3000, -1), rapid.SampledFrom([]string{"", "a\nb", "\u202eevil", "x\x00y", strings.Repeat("語", 2000)}))
		voice := func(i int) approval.Voice {
			return approval.Voice{By: approval.Person{ID: fmt.Sprintf("U0%07d", i), Name: rapid.StringN(0, 20, -1).Draw(t, "name"), Email: "somebody@example.com"}, Comment: text.Draw(t, "comment")}
		}
		d := approval.Decision{}
		for i := range rapid.IntRange(0, 8).Draw(t, "others") {
			d.With = append(d.With, voice(i+1))
		}
		last := voice(0)
		d.By, d.Comment = last.By, last.Comment
		got := d.SignalComment()
		require.LessOrEqual(t, utf8.RuneCountInString(got), approval.SignalCommentLimit)
		require.True(t, utf8.ValidString(got))
		require.NotRegexp(t, `[\x00-\x1f\x7f\x{202a}-\x{202e}]`, got)
		for _, v := range d.Voices() {
			require.Contains(t, got, v.By.ID)
		}
	})
}

package approval_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
)

func TestRelate(t *testing.T) {
	const me, other, unknown = approval.Requester, approval.SomebodyElse, approval.RelationUnknown
	ada := known("U0ADA", "ada@example.com", "lovelace", approval.Member)
	ben := known("U0BEN", "ben@example.com", "ben", approval.Member)
	cem := known("U0CEM", "ada@example.org", "cem", approval.Member)
	outsider := known("U0OUT", "ada@example.com", "ada", approval.Outsider)
	gone := known("U0OLD", "ada@example.com", "ada", approval.Deactivated)
	guest := known("U0GUS", "ada@example.com", "ada", approval.Guest)
	nameless := known("U0NIL", "", "", approval.Member)
	bare := approval.Directory{NotInSlack: []string{`EXAMPLE\svc-*`, "Timer Service"}}
	templates := approval.Directory{Templates: []string{`EXAMPLE\{localpart}`, `{email}`, `CORP\{handle}`}}
	mapped := func(to string) approval.Directory {
		return approval.Directory{Map: map[string]string{`EXAMPLE\Ada`: to}, Templates: []string{`EXAMPLE\{localpart}`}}
	}

	for name, row := range map[string]struct {
		directory approval.Directory
		requester string
		who       approval.Known
		found     []approval.Known
		want      approval.Relation
	}{
		"the same name":                                {bare, `EXAMPLE\ada`, ada, nil, me},
		"case does not matter":                         {bare, `example\ADA`, ada, nil, me},
		"any domain may be ours":                       {bare, `OTHER\ada`, ada, nil, me},
		"a principal name":                             {bare, `ada@corp.example`, ada, nil, me},
		"without a domain":                             {bare, `ada`, ada, nil, me},
		"the whole address":                            {bare, `Ada@Example.com`, ada, nil, me},
		"the handle":                                   {bare, `EXAMPLE\lovelace`, ada, nil, me},
		"not known to be another":                      {bare, `EXAMPLE\ada`, ben, nil, unknown},
		"known to be another":                          {bare, `EXAMPLE\ada`, ben, []approval.Known{ada}, other},
		"known twice is not known":                     {bare, `EXAMPLE\ada`, ben, []approval.Known{ada, cem}, unknown},
		"the same person twice is one":                 {bare, `EXAMPLE\ada`, ben, []approval.Known{ada, ada}, other},
		"Slack says it is an address of theirs":        {bare, `EXAMPLE\ada.l`, ada, []approval.Known{ada}, me},
		"what Slack found has another name":            {bare, `EXAMPLE\dee`, ben, []approval.Known{ada}, unknown},
		"a stranger proves nothing":                    {bare, `EXAMPLE\ada`, ben, []approval.Known{outsider}, unknown},
		"who has left proves nothing":                  {bare, `EXAMPLE\ada`, ben, []approval.Known{gone}, unknown},
		"a guest may ask for certificates":             {bare, `EXAMPLE\ada`, ben, []approval.Known{guest}, other},
		"belongs to nobody":                            {bare, `example\SVC-web`, ben, nil, other},
		"belongs to nobody, with a space":              {bare, ` Timer Service `, ben, nil, other},
		"a person before a service":                    {bare, `EXAMPLE\svc-ada`, known("U1", "svc-ada@example.com", "", approval.Member), nil, me},
		"nobody asked":                                 {bare, ` `, ada, nil, unknown},
		"nobody decides":                               {bare, `EXAMPLE\ada`, known("", "", "", ""), []approval.Known{ada}, unknown},
		"no name of one's own is no likeness":          {bare, `EXAMPLE\`, nameless, nil, unknown},
		"a template":                                   {templates, `example\ada`, ada, nil, me},
		"another template":                             {templates, `corp\lovelace`, ada, nil, me},
		"the address by a template":                    {templates, `ada@example.com`, ada, nil, me},
		"another domain is another person":             {templates, `OTHER\ada`, ada, nil, unknown},
		"the handle under the other's template":        {templates, `EXAMPLE\lovelace`, ada, nil, unknown},
		"another by a template":                        {templates, `EXAMPLE\ada`, ben, []approval.Known{ada}, other},
		"another in another domain is not proven":      {templates, `OTHER\ada`, ben, []approval.Known{ada}, unknown},
		"a template of what is missing":                {approval.Directory{Templates: []string{`EXAMPLE\{handle}`}}, `EXAMPLE\`, nameless, nil, unknown},
		"a handle cannot pose as a template":           {approval.Directory{Templates: []string{`{handle}`}}, "ada@example.com", known("U1", "ada@example.com", "{email}", approval.Member), nil, me},
		"mapped by ID":                                 {mapped("U0BEN"), `EXAMPLE\ada`, ben, nil, me},
		"mapped to another ID":                         {mapped("U0BEN"), `example\ADA`, ada, nil, other},
		"mapped to another account of the same person": {mapped("U0ADA"), `EXAMPLE\ada`, cem, []approval.Known{{Person: approval.Person{ID: "U0ADA", Email: "ADA@example.org"}}}, me},
		"mapped by address":                            {mapped("ben@example.com"), `EXAMPLE\ada`, ben, nil, me},
		"mapped to an address that is not proven":      {mapped("dee@example.com"), `EXAMPLE\ada`, ada, nil, unknown},
		"mapped to another address":                    {mapped("ben@example.com"), `EXAMPLE\ada`, ada, []approval.Known{ben}, other},
		"mapped by handle":                             {mapped("@Ben"), `EXAMPLE\ada`, ben, nil, me},
		"mapped to a handle that somebody gave up":     {mapped("@babbage"), `EXAMPLE\ada`, ben, nil, unknown},
		"mapped to nothing":                            {mapped(""), `EXAMPLE\ada`, ada, nil, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, row.directory.Relate(row.requester, row.who, row.found))
		})
	}
}

func TestLookups(t *testing.T) {
	ben := known("U0BEN", "ben@example.com", "ben", approval.Member)
	for name, row := range map[string]struct {
		directory approval.Directory
		requester string
		who       approval.Known
		want      []string
	}{
		"at the address of who decides":   {approval.Directory{}, `EXAMPLE\ada`, ben, []string{"ada@example.com"}},
		"at our domains":                  {approval.Directory{Domains: []string{"example.org", "@example.net"}}, `EXAMPLE\ada`, ben, []string{"ada@example.org", "ada@example.net"}},
		"an address itself, and at ours":  {approval.Directory{}, `ada@corp.example`, ben, []string{"ada@corp.example", "ada@example.com"}},
		"an address of ours, once":        {approval.Directory{}, `ada@EXAMPLE.com`, ben, []string{"ada@EXAMPLE.com"}},
		"nowhere to try":                  {approval.Directory{}, `EXAMPLE\ada`, known("U1", "", "", approval.Member), nil},
		"what cannot be an address":       {approval.Directory{}, `Timer Service`, ben, nil},
		"nobody":                          {approval.Directory{}, ``, ben, nil},
		"belongs to nobody":               {approval.Directory{NotInSlack: []string{`*\svc-*`}}, `EXAMPLE\svc-web`, ben, nil},
		"the map's word":                  {approval.Directory{Map: map[string]string{`example\ada`: "U0ADA"}}, `EXAMPLE\ada`, ben, []string{"U0ADA"}},
		"templates backwards":             {approval.Directory{Templates: []string{`EXAMPLE\{localpart}`, `{handle}@corp`, `x-{email}`}}, `example\ada`, ben, []string{"ada@example.com"}},
		"a handle":                        {approval.Directory{Templates: []string{`{handle}@corp`}}, `ada@corp`, ben, []string{"ada@corp", "@ada"}},
		"an address inside a template":    {approval.Directory{Templates: []string{`x-{email}`}}, `X-ada@example.org`, ben, []string{"X-ada@example.org", "ada@example.org"}},
		"a template of another domain":    {approval.Directory{Templates: []string{`EXAMPLE\{localpart}`}}, `OTHER\ada`, ben, nil},
		"a template that leaves nothing":  {approval.Directory{Templates: []string{`EXAMPLE\{localpart}`}}, `EXAMPLE\`, ben, nil},
		"two places are read by no means": {approval.Directory{Templates: []string{`{localpart}-{handle}`}}, `ada-x`, ben, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, row.directory.Lookups(row.requester, row.who))
		})
	}
}

func TestGlob(t *testing.T) {
	for pattern, texts := range map[string]map[string]bool{
		"":              {"": true, "a": false},
		"*":             {"": true, "a": true, `a\b/c.d`: true},
		`EXAMPLE\svc-*`: {`example\SVC-web`: true, `EXAMPLE\svc`: false, `OTHER\svc-web`: false},
		"a?c":           {"abc": true, "ac": false, "aüc": true},
		"*b*d":          {"abcbd": true, "bdc": false},
	} {
		for text, want := range texts {
			require.Equal(t, want, approval.Glob(pattern, text), "%q %q", pattern, text)
		}
	}
}

// Whatever names look like: nobody gets to be somebody else without proof, and
// how names are written does not matter.
func FuzzRelate(f *testing.F) {
	f.Add(`EXAMPLE\ada`, `EXAMPLE\{localpart}`, `EXAMPLE\svc-*`, "ada@example.com", "ada", "ben@example.com", "U0BEN")
	f.Add(`ada@example.com`, ``, ``, "ada@example.com", "ada", "@", "@ada")
	f.Add(`{email}`, `{handle}`, `*`, "{localpart}@x", "{email}", "", "ada@example.com")
	f.Add("\xff\\\x00", "{localpart}\xff", "[", "a@b@c", "@", "K@k", "")
	f.Fuzz(func(t *testing.T, requester, template, nobody, email, handle, otherEmail, target string) {
		d := approval.Directory{}
		if template != "" {
			d.Templates = []string{template}
		}
		if nobody != "" {
			d.NotInSlack = []string{nobody}
		}
		if strings.HasPrefix(target, "@") || strings.HasPrefix(target, "U") {
			d.Map = map[string]string{requester: target}
		}
		k, o := known("U1", email, handle, approval.Member), known("U2", otherEmail, "", approval.Member)
		for _, name := range d.Lookups(requester, k) {
			if name == "" || name == "@" {
				t.Fatalf("asks Slack for %q", name)
			}
		}
		free := d
		free.NotInSlack = nil
		mapped := len(d.Map) > 0 && !strings.Contains(target, "@")
		if got := free.Relate(requester, k, nil); got == approval.SomebodyElse && !mapped {
			t.Fatal("somebody else without proof")
		}
		for _, found := range [][]approval.Known{nil, {o}, {o, k}} {
			got := d.Relate(requester, k, found)
			if again := d.Relate("  "+requester+"\t", k, found); again != got {
				t.Fatalf("%q, and with spaces %q", got, again)
			}
			if len(found) == 2 && got == approval.SomebodyElse {
				t.Fatal("Slack said that it is them")
			}
			if strings.TrimSpace(requester) == "" && got != approval.RelationUnknown {
				t.Fatalf("nobody is %q", got)
			}
			if got == approval.Requester {
				continue
			}
			if strings.EqualFold(strings.TrimSpace(requester), email) && email != "" && len(d.Map) == 0 {
				t.Fatalf("their own address makes them %q", got)
			}
		}
	})
}

// To tell somebody something takes proof; a likeness that keeps a person from
// deciding is not enough here.
func TestWhose(t *testing.T) {
	ada, ben := known("U0ADA", "ada@example.com", "ada", approval.Member), known("U0BEN", "ben@example.com", "ben", approval.Member)
	templates := approval.Directory{Templates: []string{`EXAMPLE\{localpart}`}, Domains: []string{"example.com"}, NotInSlack: []string{`EXAMPLE\svc-*`}}
	mapped := approval.Directory{Map: map[string]string{`EXAMPLE\adm-ada`: "U0ADA", `EXAMPLE\svc-web`: "@ben"}, NotInSlack: []string{`EXAMPLE\svc-*`}}
	gone, robot, guest := ada, ada, ada
	gone.Membership, robot.Membership, guest.Membership = approval.Deactivated, approval.Robot, approval.Guest
	for name, row := range map[string]struct {
		directory approval.Directory
		requester string
		found     []approval.Known
		want      string
	}{
		"a template":                       {templates, `example\ADA`, []approval.Known{ada}, "U0ADA"},
		"… of a guest":                     {templates, `EXAMPLE\ada`, []approval.Known{guest}, "U0ADA"},
		"… found twice":                    {templates, `EXAMPLE\ada`, []approval.Known{ada, ada}, "U0ADA"},
		"… of another domain":              {templates, `OTHER\ada`, []approval.Known{ada}, ""},
		"… that makes another name":        {templates, `EXAMPLE\ada`, []approval.Known{ben}, ""},
		"… of two people":                  {templates, `EXAMPLE\ada`, []approval.Known{ada, known("U0AD2", "ada@other.example", "ada2", approval.Member)}, ""},
		"… of somebody who has left":       {templates, `EXAMPLE\ada`, []approval.Known{gone}, ""},
		"… of an app":                      {templates, `EXAMPLE\ada`, []approval.Known{robot}, ""},
		"… that nobody in Slack has":       {templates, `EXAMPLE\svc-ada`, []approval.Known{ada}, ""},
		"nobody":                           {templates, `EXAMPLE\ada`, nil, ""},
		"no name":                          {templates, ` `, []approval.Known{ada}, ""},
		"the map":                          {mapped, `example\adm-ada`, []approval.Known{ada}, "U0ADA"},
		"the map before what is not there": {mapped, `EXAMPLE\svc-web`, []approval.Known{ben}, "U0BEN"},
		"the map, and somebody else":       {mapped, `EXAMPLE\adm-ada`, []approval.Known{ben}, ""},
		"an address":                       {approval.Directory{}, "ADA@example.com", []approval.Known{ada}, "U0ADA"},
		"another address":                  {approval.Directory{}, "ada@other.example", []approval.Known{ada}, ""},
		"a mere likeness":                  {approval.Directory{}, `EXAMPLE\ada`, []approval.Known{ada}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			who, ok := row.directory.Whose(row.requester, row.found)
			require.Equal(t, row.want, who.ID)
			require.Equal(t, row.want != "", ok)
		})
	}
}

package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/approval"
	"github.com/approvebot/approvebot/internal/config"
)

func webServer() approval.Request {
	return approval.Request{
		ID: "workflow:1/2", Type: "Enrollment", Definition: "Web servers", Step: "Approve it", StepName: "ApproveWeb",
		Template: "WebServer", CA: `ca.example.com\Issuing 1`, Requester: `EXAMPLE\alice`,
		Subject: `CN=shop.prod.example.com,OU=Web\, public,O="Example, Inc."`, CommonName: "shop.prod.example.com",
		SANs: []approval.SAN{{Kind: "dns", Value: "shop.prod.example.com"}, {Kind: "dns", Value: "www.prod.example.com"}},
	}
}

func TestMatch(t *testing.T) {
	g := func(patterns ...string) config.Globs { return patterns }
	nothing := approval.Request{ID: "certificate:7"}
	foreign := webServer()
	foreign.SANs = append(foreign.SANs, approval.SAN{Kind: "dns", Value: "payroll.corp.example.com"})
	disguised := webServer()
	disguised.CommonName, disguised.Subject = "payroll.corp.example.com", "CN=payroll.corp.example.com,OU=x.prod.example.com"
	unread := webServer()
	unread.CommonName = ""
	wild := webServer()
	wild.SANs = append(wild.SANs, approval.SAN{Kind: "dns", Value: "*.prod.example.com"})
	key := webServer()
	key.Key = approval.Key{Algorithm: "RSA", Bits: 2048}
	curve := webServer()
	curve.Key = approval.Key{Algorithm: "ECDSA", Bits: 256, Curve: "P-256"}
	owned := webServer()
	owned.Fields = map[string]string{"AppOwner": "team-web", "CostCentre": ""}
	twice := webServer()
	twice.Fields = map[string]string{"AppOwner": "team-web", "appowner": "mallory"}
	yes, no := true, false
	fields := func(name string, patterns ...string) config.Match {
		return config.Match{Fields: map[string]config.Globs{name: patterns}}
	}

	for name, row := range map[string]struct {
		match   config.Match
		request approval.Request
		want    bool
	}{
		"no key takes everything":                     {config.Match{}, nothing, true},
		"kind":                                        {config.Match{Kind: g("workflow")}, webServer(), true},
		"another kind":                                {config.Match{Kind: g("certificate")}, webServer(), false},
		"every key must hold":                         {config.Match{Kind: g("workflow"), Type: g("Revocation")}, webServer(), false},
		"one of several values":                       {config.Match{Type: g("Revocation", "Enrollment")}, webServer(), true},
		"case does not matter":                        {config.Match{Template: g("webSERVER")}, webServer(), true},
		"a star takes any run":                        {config.Match{Definition: g("W*s")}, webServer(), true},
		"a star takes nothing":                        {config.Match{Template: g("*WebServer*")}, webServer(), true},
		"two stars go back":                           {config.Match{Definition: g("*b s*rs")}, webServer(), true},
		"a question mark takes one":                   {config.Match{Template: g("WebServe?")}, webServer(), true},
		"a question mark does not take none":          {config.Match{Template: g("WebServer?")}, webServer(), false},
		"the whole value, not a part":                 {config.Match{Template: g("Web")}, webServer(), false},
		"a backslash is a backslash":                  {config.Match{Requester: g(`example\al*`)}, webServer(), true},
		"a star crosses it":                           {config.Match{CA: g("*issuing*")}, webServer(), true},
		"excluded":                                    {config.Match{Template: g("!Web*")}, webServer(), false},
		"not excluded":                                {config.Match{Template: g("!Legacy*")}, webServer(), true},
		"excluded beats fitting":                      {config.Match{Template: g("Web*", "!*Server")}, webServer(), false},
		"neither fitting nor excluded":                {config.Match{Template: g("Code*", "!Legacy*")}, webServer(), false},
		"what is missing does not fit":                {config.Match{Template: g("*")}, nothing, false},
		"what is missing is not known to differ":      {config.Match{Template: g("!Web*")}, nothing, false},
		"what is missing fits the empty pattern":      {config.Match{Template: g("", "Web*")}, nothing, true},
		"what is there does not fit it":               {config.Match{Template: g("")}, webServer(), false},
		"a step by its display name":                  {config.Match{Step: g("Approve it")}, webServer(), true},
		"a step by its unique name":                   {config.Match{Step: g("ApproveWeb")}, webServer(), true},
		"a step excluded by either name":              {config.Match{Step: g("!ApproveWeb")}, webServer(), false},
		"every alternative name must fit":             {config.Match{SAN: g("*.prod.example.com")}, webServer(), true},
		"one foreign name spoils it":                  {config.Match{SAN: g("*.prod.example.com")}, foreign, false},
		"no alternative name may be excluded":         {config.Match{SAN: g("!*.corp.example.com")}, foreign, false},
		"no alternative names":                        {config.Match{SAN: g("!*.corp.example.com")}, nothing, false},
		"no alternative names, said so":               {config.Match{SAN: g("", "*.prod.example.com")}, nothing, true},
		"the common name":                             {config.Match{Subject: g("*.prod.example.com")}, webServer(), true},
		"the common name out of the subject":          {config.Match{Subject: g("*.prod.example.com")}, unread, true},
		"another part cannot pose as the common name": {config.Match{Subject: g("*.prod.example.com")}, disguised, false},
		"a part of the distinguished name":            {config.Match{Subject: g(`OU=Web\, public`)}, webServer(), true},
		"a quoted part":                               {config.Match{Subject: g(`O="Example*"`)}, webServer(), true},
		"a pattern does not run across parts":         {config.Match{Subject: g("CN=payroll*prod.example.com")}, disguised, false},
		"an excluded part":                            {config.Match{Subject: g("!OU=Web*")}, webServer(), false},
		"an excluded common name":                     {config.Match{Subject: g("!shop.*")}, webServer(), false},
		"nothing excluded about the subject":          {config.Match{Subject: g("!OU=Lab*", "!lab.*")}, webServer(), true},
		"no subject at all":                           {config.Match{Subject: g("!OU=Lab*")}, nothing, false},
		"no subject, said so":                         {config.Match{Subject: g("")}, nothing, true},
		"an expression":                               {config.Match{CA: g(`~ca\.example\.com\\Issuing [0-9]`)}, webServer(), true},
		"an expression, whatever the case":            {config.Match{Template: g("~web(server|client)")}, webServer(), true},
		"an expression fits the whole value":          {config.Match{Template: g("~web")}, webServer(), false},
		"alternatives do not escape the whole":        {config.Match{Template: g("~web|nothing")}, webServer(), false},
		"an expression excludes":                      {config.Match{Template: g("!~web.*")}, webServer(), false},
		"an expression that does not exclude":         {config.Match{Template: g("!~code.*")}, webServer(), true},
		"an expression for every name":                {config.Match{SAN: g(`~[a-z]+\.prod\.example\.com`)}, foreign, false},
		"an expression for a part of the name":        {config.Match{Subject: g("~OU=Web.*")}, webServer(), true},
		"an expression does not run across parts":     {config.Match{Subject: g("~CN=.*prod.*")}, disguised, false},
		"no line ends an expression":                  {config.Match{Template: g("~web.*")}, approval.Request{Template: "web\nserver"}, true},
		"a line break hides nothing":                  {config.Match{Template: g("~web")}, approval.Request{Template: "web\n"}, false},
		"an expression and a missing value":           {config.Match{Template: g("~.*")}, nothing, false},
		"an algorithm":                                {config.Match{KeyType: g("rsa")}, key, true},
		"a curve":                                     {config.Match{KeyType: g("P-*")}, curve, true},
		"an algorithm excluded by its curve":          {config.Match{KeyType: g("!P-256")}, curve, false},
		"an algorithm nobody knows":                   {config.Match{KeyType: g("!RSA")}, nothing, false},
		"a size":                                      {config.Match{KeySize: config.Sizes{"2048"}}, key, true},
		"a smaller size":                              {config.Match{KeySize: config.Sizes{"<3072"}}, key, true},
		"not a smaller size":                          {config.Match{KeySize: config.Sizes{"<2048"}}, key, false},
		"at most":                                     {config.Match{KeySize: config.Sizes{"<= 2048"}}, key, true},
		"more":                                        {config.Match{KeySize: config.Sizes{">2048"}}, key, false},
		"at least":                                    {config.Match{KeySize: config.Sizes{">=2048"}}, key, true},
		"exactly":                                     {config.Match{KeySize: config.Sizes{"=2048"}}, key, true},
		"a range":                                     {config.Match{KeySize: config.Sizes{">=2048", "!>4096"}}, key, true},
		"out of range":                                {config.Match{KeySize: config.Sizes{">=1024", "!>=2048"}}, key, false},
		"nothing but an excluded size":                {config.Match{KeySize: config.Sizes{"!<2048"}}, key, true},
		"a size nobody knows":                         {config.Match{KeySize: config.Sizes{"!<2048", "<4096"}}, nothing, false},
		"a size nobody knows, said so":                {config.Match{KeySize: config.Sizes{"<2048", ""}}, nothing, true},
		"a wildcard":                                  {config.Match{Wildcard: &yes}, wild, true},
		"no wildcard wanted":                          {config.Match{Wildcard: &no}, wild, false},
		"no wildcard":                                 {config.Match{Wildcard: &no}, webServer(), true},
		"a wildcard wanted":                           {config.Match{Wildcard: &yes}, webServer(), false},
		"no names, no wildcard":                       {config.Match{Wildcard: &no}, nothing, false},
		"a field":                                     {fields("AppOwner", "team-*"), owned, true},
		"a field by another case":                     {fields("APPOWNER", "team-*"), owned, true},
		"a field with another value":                  {fields("AppOwner", "lab-*"), owned, false},
		"a field excluded":                            {fields("AppOwner", "!team-*"), owned, false},
		"a field that is missing":                     {fields("Ticket", "!x"), owned, false},
		"a field that is missing, said so":            {fields("Ticket", ""), owned, true},
		"a field that is empty":                       {fields("CostCentre", "*"), owned, false},
		"a field that is there twice":                 {fields("AppOwner", "team-*"), twice, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, config.Route{Match: row.match}.Matches(row.request))
		})
	}
}

func TestTheFirstRouteTakesIt(t *testing.T) {
	c := &config.Config{Routes: []config.Route{
		{Name: "revocations", Match: config.Match{Type: config.Globs{"Revocation"}}},
		{Name: "web", Match: config.Match{Template: config.Globs{"Web*"}}},
		{Name: "workflows", Match: config.Match{Kind: config.Globs{"workflow"}}},
	}}
	route, ok := c.RouteFor(webServer())
	require.True(t, ok)
	require.Equal(t, "web", route.Name)

	_, ok = c.RouteFor(approval.Request{ID: "certificate:7"})
	require.False(t, ok, "no route, no audience")
}

func TestExplain(t *testing.T) {
	wild := true
	q := webServer()
	q.Key = approval.Key{Algorithm: "RSA", Bits: 2048}
	q.Fields = map[string]string{"AppOwner": "team-web"}
	route := config.Route{Match: config.Match{
		Kind: config.Globs{"workflow"}, Step: config.Globs{"Approve*", "!Security*"}, SAN: config.Globs{"shop.*"}, KeySize: config.Sizes{"<3072"},
		Wildcard: &wild, Fields: map[string]config.Globs{"ticket": {"CHG-*"}, "appowner": {"team-*"}},
	}}
	require.Equal(t, []config.Reason{
		{Key: "kind", Pattern: "workflow", Value: "workflow", OK: true},
		{Key: "step", Pattern: "Approve*, !Security*", Value: "Approve it, ApproveWeb", OK: true},
		{Key: "san", Pattern: "shop.*", Value: "www.prod.example.com"},
		{Key: "key_size", Pattern: "<3072", Value: "2048", OK: true},
		{Key: "wildcard", Pattern: "true", Value: "false"},
		{Key: "fields.appowner", Pattern: "team-*", Value: "team-web", OK: true, Private: true},
		{Key: "fields.ticket", Pattern: "CHG-*", Private: true},
	}, route.Explain(q))
	require.Empty(t, config.Route{}.Explain(q), "a route without a match has nothing to say")
}

package keyfactorsim

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

//go:embed portal.html
var portalHTML string

var portalPage = template.Must(template.New("portal").Parse(portalHTML))

// portalRows is how many waiting instances the portal's list shows; it is there so that a link leads somewhere.
const portalRows = 200

// portal shows what waits, or one instance when the path ends in its id. The form decides as a person would who does not
// use Slack.
func (s *Server) portal(w http.ResponseWriter, r *http.Request) {
	id := strings.ToLower(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	page := struct {
		Base, Note string
		One        *InstanceState
		Waiting    []InstanceState
		More       int
		People     []string
	}{Base: portalPath}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := s.Decide(id, r.FormValue("identity"), r.FormValue("verdict") == "approve", r.FormValue("comment")); err != nil {
			page.Note = err.Error()
		} else {
			page.Note = "Recorded."
		}
	}
	s.mu.Lock()
	if i, ok := s.instances.rows[id]; ok {
		st := s.state(i, true)
		page.One = &st
		for _, a := range s.accounts {
			if a.holdsAny(i.step().roles) {
				page.People = append(page.People, a.identity)
			}
		}
	}
	rows := s.instances.view(viewKey{list: "portal", sort: "referenceid", descending: true}, (*instance).waiting)
	page.More = max(0, len(rows)-portalRows)
	for _, i := range rows[:min(len(rows), portalRows)] {
		page.Waiting = append(page.Waiting, s.state(i, false))
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := portalPage.Execute(w, page); err != nil {
		s.log.Warn("write portal page", zap.Error(err))
	}
}

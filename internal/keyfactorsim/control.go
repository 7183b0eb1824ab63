package keyfactorsim

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// control is the simulator's own API, below /_sim: what the Go methods do, for people with curl. Nothing in it asks for
// credentials, so the simulator does not belong on a network that others can reach.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.overview(), nil) })
	mux.HandleFunc("GET /instances", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Instances(), nil) })
	mux.HandleFunc("GET /instances/{id}", func(w http.ResponseWriter, r *http.Request) {
		i, err := s.Instance(r.PathValue("id"))
		reply(w, i, err)
	})
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Requests(), nil) })
	mux.HandleFunc("GET /signals", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Signals(), nil) })
	mux.HandleFunc("GET /decisions", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.CertificateDecisions(), nil) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.faultList(), nil) })
	mux.HandleFunc("GET /switches", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.switchesNow(), nil) })

	act := func(pattern string, do func(body []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			if err != nil {
				reply(w, nil, errControl{err})
				return
			}
			out, err := do(body)
			reply(w, out, err)
		})
	}
	act("POST /arrive", func(body []byte) (any, error) {
		var in struct {
			Kind  string `json:"kind"`
			Count int    `json:"count"`
		}
		if err := read(body, &in); err != nil {
			return nil, err
		}
		ids := []string{}
		for range min(max(in.Count, 1), 10_000) {
			id, err := s.Arrive(in.Kind)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		return map[string]any{"ids": ids}, nil
	})
	act("POST /decide", func(body []byte) (any, error) {
		var in struct {
			Instance string `json:"instance"`
			Request  int    `json:"request"`
			Identity string `json:"identity"`
			Approve  *bool  `json:"approve"`
			Comment  string `json:"comment"`
		}
		if err := read(body, &in); err != nil {
			return nil, err
		}
		if in.Approve == nil || (in.Instance == "") == (in.Request == 0) {
			return nil, errControl{errors.New("approve and either instance or request must be given")}
		}
		if in.Request != 0 {
			return nil, s.DecideCertificate(in.Request, in.Identity, *in.Approve, in.Comment)
		}
		return nil, s.Decide(in.Instance, in.Identity, *in.Approve, in.Comment)
	})
	type named struct {
		Instance string `json:"instance"`
		Message  string `json:"message"`
		Change
	}
	onNamed := func(pattern string, do func(in named) (any, error)) {
		act(pattern, func(body []byte) (any, error) {
			var in named
			if err := read(body, &in); err != nil {
				return nil, err
			}
			return do(in)
		})
	}
	onNamed("POST /stop", func(in named) (any, error) { return nil, s.Stop(in.Instance) })
	onNamed("POST /restart", func(in named) (any, error) {
		id, err := s.Restart(in.Instance)
		return map[string]string{"id": id}, err
	})
	onNamed("POST /delete", func(in named) (any, error) { return nil, s.Delete(in.Instance) })
	onNamed("POST /fail-later", func(in named) (any, error) {
		return nil, s.FailLater(in.Instance, cmp.Or(in.Message, "The RPC server is unavailable."))
	})
	onNamed("POST /change", func(in named) (any, error) { return nil, s.ChangeRequest(in.Instance, in.Change) })
	onNamed("POST /poke", func(in named) (any, error) { return nil, s.Poke(in.Instance) })
	act("POST /permissions", func(body []byte) (any, error) {
		var in struct {
			Identity    string   `json:"identity"`
			Roles       []string `json:"roles"`
			Permissions []string `json:"permissions"`
		}
		if err := read(body, &in); err != nil {
			return nil, err
		}
		return nil, s.SetPermissions(in.Identity, in.Roles, in.Permissions)
	})
	act("PUT /faults", func(body []byte) (any, error) {
		var in []Fault
		if err := read(body, &in); err != nil {
			return nil, err
		}
		if err := s.SetFaults(in...); err != nil {
			return nil, errControl{err}
		}
		return nil, nil
	})
	act("DELETE /faults", func([]byte) (any, error) { return nil, s.SetFaults() })
	act("PUT /switches", func(body []byte) (any, error) {
		var in Switches
		if err := read(body, &in); err != nil {
			return nil, err
		}
		if err := s.SetSwitches(in); err != nil {
			return nil, errControl{err}
		}
		return nil, nil
	})
	act("POST /expire-tokens", func([]byte) (any, error) { s.ExpireTokens(); return nil, nil })
	act("POST /reset", func([]byte) (any, error) { return nil, s.Reset() })
	return mux
}

// errControl is a mistake of the caller of the control API.
type errControl struct{ error }

func read(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errControl{err}
	}
	return nil
}

func reply(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		if bad := (errControl{}); errors.As(err, &bad) {
			status = http.StatusBadRequest
		} else if errors.Is(err, ErrNotFound) {
			status = http.StatusNotFound
		} else if errors.Is(err, ErrRefused) {
			status = http.StatusConflict
		}
		body = map[string]string{"error": err.Error()}
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	content, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(status)
	_, _ = w.Write(content) // a caller that has gone away is no concern of ours
}

func (s *Server) overview() any {
	kinds := s.Kinds()
	s.mu.Lock()
	defer s.mu.Unlock()
	byStatus := map[string]int{}
	for _, i := range s.instances.rows {
		byStatus[i.status]++
	}
	byState := map[string]int{}
	for _, r := range s.requests.rows {
		byState[stateNames[r.state]]++
	}
	identities := []string{}
	for _, a := range s.accounts {
		identities = append(identities, a.identity)
	}
	return map[string]any{
		"instances": byStatus, "requests": byState, "signals": s.signals.count, "decisions": s.decisions.count,
		"kinds": kinds, "identities": identities, "faults": len(s.faults),
	}
}

func (s *Server) faultList() []armedFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []armedFault{}
	for _, f := range s.faults {
		out = append(out, *f)
	}
	return out
}

func (s *Server) switchesNow() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

package keyfactorsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// SignalRecord is a signal that was received, and what was done about it.
type SignalRecord struct {
	Number   int       `json:"number"`
	Time     time.Time `json:"time"`
	Via      string    `json:"via"` // api or portal
	Identity string    `json:"identity"`
	Instance string    `json:"instance"`
	Step     string    `json:"step"` // unique name of the step the instance was at
	StepID   string    `json:"step_id"`
	Key      string    `json:"key"`
	Verdict  string    `json:"verdict"` // approve, deny, or the empty string for signals of other kinds
	Comment  string    `json:"comment"`
	Accepted bool      `json:"accepted"`
	// Effect is what came of an accepted signal: counted, moved, denied, held, parked by a lock conflict, or lost to the other signal of one.
	Effect string `json:"effect"`
	// Refusal is why a signal was not accepted, in the words of the answer.
	Refusal string `json:"refusal"`
	// Status is the status code of the answer, 0 when the answer was never sent.
	Status int `json:"status"`
	// Fault names the fault that stood in the way of the signal or of its answer.
	Fault string `json:"fault"`
}

// signalCall is a signal on its way to an instance.
type signalCall struct {
	who      *account
	via      string
	instance string
	key      string
	data     map[string]json.RawMessage
	fault    FaultKind // LockConflict, StayRunning or nothing
}

// signal applies a signal and writes it down. The caller holds the lock.
func (s *Server) signal(in signalCall) (rec *SignalRecord, bad *refusal) {
	rec = s.signals.add(SignalRecord{
		Time: s.now(), Via: in.via, Identity: in.who.identity, Instance: in.instance, Key: in.key, Status: http.StatusNoContent,
	})
	rec.Comment = textMember(in.data, "Comment")
	defer func() {
		if bad != nil {
			rec.Refusal, rec.Status = bad.message, bad.status
		}
		s.broadcast()
	}()
	i, ok := s.instances.rows[strings.ToLower(in.instance)]
	if !ok {
		return rec, notFound("Workflow instance with id '%s' was not found.", in.instance)
	}
	st := i.step()
	rec.Step, rec.StepID = st.name, st.id
	v, bad := s.judge(i, in)
	if isApproval(in.key) && v.approve {
		rec.Verdict = "approve"
	} else if isApproval(in.key) && member(in.data, "Approved") != nil {
		rec.Verdict = "deny"
	}
	if bad != nil {
		return rec, bad
	}
	rec.Accepted = true
	switch {
	case in.fault == LockConflict:
		rec.Effect = "parked"
		s.instances.update(i, func() { i.parked = append(i.parked, v) })
	case len(i.parked) > 0:
		// The second signal of a conflict brings the first along.
		parked := i.parked
		s.instances.update(i, func() { i.parked = nil })
		s.applyAll(parked, i, "")
		rec.Effect = "lost" // both inputs are accepted, and only one shows
		if i.waiting() && i.step() == st {
			rec.Effect = s.apply(i, v, in.fault)
		}
	default:
		rec.Effect = s.apply(i, v, in.fault)
	}
	return rec, nil
}

// judge decides whether a signal is acceptable, without changing anything.
func (s *Server) judge(i *instance, in signalCall) (vote, *refusal) {
	v := vote{identity: in.who.identity, userID: in.who.id, comment: textMember(in.data, "Comment")}
	st := i.step()
	if isApproval(in.key) && len(in.data) > 0 {
		approved, bad := s.approved(member(in.data, "Approved"))
		if bad != nil {
			return v, bad
		}
		v.approve = approved
	} else {
		v.approve = true // a signal of another kind moves the instance on
	}
	switch {
	case len(in.data) == 0:
		return v, badRequest("The Data field is required.")
	case in.key == "":
		return v, badRequest("The SignalKey field is required.")
	case i.status == statusRunning:
		return v, badRequest("Workflow instance '%s' is not suspended; it is still running.", i.id)
	case !i.waiting():
		return v, badRequest("Workflow instance '%s' is not waiting for a signal; it is %s.", i.id, i.status)
	case !strings.EqualFold(in.key, st.name+"."+st.signal):
		return v, badRequest("Signal '%s' is not awaited by workflow instance '%s', which is at step '%s'.", in.key, i.id, st.name)
	case !in.who.holdsAny(st.roles):
		return v, forbidden("User %s doesn't have the required permission", in.who.identity)
	case i.voted(in.who.identity) || slices.ContainsFunc(i.parked, func(p vote) bool { return p.identity == in.who.identity }):
		return v, badRequest("User %s has already signalled step '%s' of workflow instance '%s'.", in.who.identity, st.name, i.id)
	case s.switches.CommentRequired && isApproval(in.key) && v.comment == "":
		return v, badRequest("The Comment field is required.")
	}
	return v, nil
}

// isApproval tells whether a signal key is one for the documented signal.
func isApproval(key string) bool {
	return strings.HasSuffix(strings.ToLower(key), "."+strings.ToLower(approvalStatus))
}

// apply counts a vote and lets the instance go on when it is decided. It says what came of it.
func (s *Server) apply(i *instance, v vote, fault FaultKind) (effect string) {
	now := s.now()
	s.instances.update(i, func() {
		i.modified = now
		i.votes = append(slices.Clip(i.votes), v)
		i.set(map[string]any{"ApprovalSignalComments": comments(i, v)})
		approvals := 0
		for _, each := range i.votes {
			if each.approve {
				approvals++
			}
		}
		st := i.step()
		switch {
		case !v.approve:
			i.status, effect = statusRejected, "denied"
			i.message = fmt.Sprintf("Workflow rejected by user with Id %d.", v.userID)
		case approvals < st.approvals:
			effect = "counted"
			i.message = waitingMessage(st, approvals)
		case fault == StayRunning:
			i.status, i.held, effect = statusRunning, true, "held"
		default:
			i.at++
			s.run(i, now)
			effect = "moved"
		}
	})
	s.noteFinished(i)
	return effect
}

func comments(i *instance, v vote) []any {
	before, _ := i.current["ApprovalSignalComments"].([]any)
	return append(slices.Clip(before), map[string]any{"Step": i.step().name, "User": v.identity, "Approved": v.approve, "Comment": v.comment})
}

// applyAll lets parked signals take effect, as far as the instance still waits for them.
func (s *Server) applyAll(parked []vote, i *instance, fault FaultKind) {
	for _, v := range parked {
		if !i.waiting() {
			return
		}
		s.apply(i, v, fault)
	}
}

// approved reads the member Approved: text or boolean, as the switch allows.
func (s *Server) approved(raw json.RawMessage) (bool, *refusal) {
	text := string(bytes.TrimSpace(raw))
	asText := len(text) > 0 && text[0] == '"'
	if asText && s.switches.ApprovedAs != "boolean" || !asText && s.switches.ApprovedAs != "string" {
		switch strings.ToLower(strings.Trim(text, `"`)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, badRequest("The value of Approved is not valid.")
}

// member finds a member whatever its case, as the product's JSON reader does.
func member(data map[string]json.RawMessage, name string) json.RawMessage {
	for key, raw := range data {
		if strings.EqualFold(key, name) {
			return raw
		}
	}
	return nil
}

func textMember(data map[string]json.RawMessage, name string) string {
	var text string
	_ = json.Unmarshal(member(data, name), &text) // anything but text is no comment
	return text
}

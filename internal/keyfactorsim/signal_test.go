package keyfactorsim_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/approvebot/approvebot/internal/keyfactorsim"
)

func TestSignalRefusals(t *testing.T) {
	body := func(approved string) string {
		return `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":` + approved + `,"Comment":"c"}}`
	}
	for name, test := range map[string]struct {
		who, body string
		w         keyfactorsim.Switches
		status    int
		says      string
	}{
		"text True":                      {body: body(`"True"`), status: 204},
		"text true":                      {body: body(`"true"`), status: 204},
		"text False":                     {body: body(`"False"`), status: 204},
		"boolean true":                   {body: body(`true`), status: 204},
		"boolean false":                  {body: body(`false`), status: 204},
		"other text":                     {body: body(`"yes"`), status: 400, says: "Approved is not valid"},
		"a number":                       {body: body(`1`), status: 400, says: "Approved is not valid"},
		"no Approved":                    {body: `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Comment":"c"}}`, status: 400, says: "Approved is not valid"},
		"names in another case":          {body: `{"signalKey":"requireapproval1.approvalstatus","data":{"approved":"True"}}`, status: 204},
		"text where a boolean is wanted": {body: body(`"True"`), w: keyfactorsim.Switches{ApprovedAs: "boolean"}, status: 400, says: "Approved is not valid"},
		"boolean where text is wanted":   {body: body(`true`), w: keyfactorsim.Switches{ApprovedAs: "string"}, status: 400, says: "Approved is not valid"},
		"no comment":                     {body: `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":"True"}}`, status: 204},
		"no comment where one is wanted": {body: `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":"True"}}`, w: keyfactorsim.Switches{CommentRequired: true}, status: 400, says: "Comment field"},
		"empty Data":                     {body: `{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{}}`, status: 400, says: "Data field"},
		"no key":                         {body: `{"Data":{"Approved":"True"}}`, status: 400, says: "SignalKey"},
		"another step":                   {body: `{"SignalKey":"RequireApproval2.ApprovalStatus","Data":{"Approved":"True"}}`, status: 400, says: "at step 'RequireApproval1'"},
		"not JSON":                       {body: `SignalKey=x`, status: 400, says: "not valid"},
		"no role of the step":            {who: `EXAMPLE\erin`, body: approve, status: 403, says: `User EXAMPLE\\erin doesn't have the required permission`},
		"no role at all":                 {who: `EXAMPLE\nobody`, body: approve, status: 403, says: "0xA0140002"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, keyfactorsim.Config{Switches: test.w})
			if test.who == "" {
				test.who = bot
			}
			got := s.signal("web01", test.who, test.body)
			require.Equal(t, test.status, got.status, got.body)
			require.Contains(t, got.body, test.says)
			if test.status != 204 {
				require.Equal(t, "Suspended", s.instance("web01").Status)
			}
		})
	}
	t.Run("unknown instance", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		got := s.signal("nothing", bot, approve)
		require.Equal(t, 404, got.status)
		require.Contains(t, got.body, `"Message"`)
	})
	t.Run("already decided", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		require.NoError(t, s.Decide(web01ID, `EXAMPLE\carol`, true, "in the portal"))
		got := s.signal("web01", bot, deny)
		require.Equal(t, 400, got.status)
		require.Contains(t, got.body, "it is Complete")
	})
	t.Run("another content type", func(t *testing.T) {
		s := start(t, keyfactorsim.Config{})
		r := s.request(http.MethodPost, "/Workflow/Instances/"+web01ID+"/Signals", bot, approve)
		r.Header.Set("Content-Type", "text/plain")
		got, err := s.send(r)
		require.NoError(t, err)
		require.Equal(t, 415, got.status)
	})
}

func TestTheLogTellsWhatBecameOfEverySignal(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	s.signal("web01", `EXAMPLE\erin`, approve)
	s.signal("web01", bot, approve)
	s.signal("web01", bot, approve)
	require.ErrorIs(t, s.Decide(web01ID, `EXAMPLE\carol`, false, "late"), keyfactorsim.ErrRefused)
	log := s.Signals()
	require.Len(t, log, 4)
	require.Equal(t, keyfactorsim.SignalRecord{
		Number: 2, Time: s.clock.now(), Via: "api", Identity: bot, Instance: web01ID, Step: "RequireApproval1", StepID: stepID,
		Key: "RequireApproval1.ApprovalStatus", Verdict: "approve", Comment: "Slack: Carol (U02ABCD) - change 1234",
		Accepted: true, Effect: "moved", Status: 204,
	}, log[1])
	require.Equal(t, 403, log[0].Status)
	require.False(t, log[0].Accepted)
	require.Contains(t, log[2].Refusal, "it is Complete")
	require.Equal(t, "portal", log[3].Via)
	require.Equal(t, "deny", log[3].Verdict)
}

// Twenty people press at the same moment: exactly one signal is accepted.
func TestOneOfManySignalsAtTheSameMomentIsAccepted(t *testing.T) {
	s := start(t, keyfactorsim.Config{})
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			r := s.request(http.MethodPost, "/Workflow/Instances/"+web01ID+"/Signals", bot, fmt.Sprintf(`{"SignalKey":"RequireApproval1.ApprovalStatus","Data":{"Approved":"True","Comment":"%d"}}`, n))
			_, err := s.send(r)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	accepted := 0
	for _, rec := range s.Signals() {
		if rec.Accepted {
			accepted++
		}
	}
	require.Equal(t, 1, accepted)
	require.Len(t, s.Signals(), 20)
}

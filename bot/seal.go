package bot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// ticket is what a button stands for: this question, in this channel, until then
// (promise P4). It names; it does not authorize. Who presses is checked at every press.
type ticket struct {
	Request approval.ID      `json:"r"`
	Channel string           `json:"c"` // the card's channel as the route names it
	Digest  string           `json:"d"` // what was shown
	Verdict approval.Verdict `json:"v,omitempty"`
	Until   int64            `json:"u"` // Unix seconds
	// Room and Message say where the modal was opened from, so that answers can go there.
	Room    string `json:"m,omitempty"`
	Message string `json:"t,omitempty"`
}

var (
	errForged  = errors.New("the button does not carry our signature")
	errExpired = errors.New("the button is too old")
)

// sealer signs tickets with the first key and accepts any, so that keys can be
// rotated with an overlap.
type sealer struct{ keys func() [][]byte }

func (s sealer) seal(t ticket) string {
	body, _ := json.Marshal(t) // strings and a number always marshal
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac(s.keys()[0], text))
}

// open verifies before it parses.
func (s sealer) open(value string, now time.Time) (ticket, error) {
	text, signature, ok := strings.Cut(value, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if !ok || err != nil || !s.signed(text, given) {
		return ticket{}, errForged
	}
	var t ticket
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(body, &t) != nil {
		return ticket{}, errForged
	}
	if now.Unix() > t.Until {
		return t, errExpired
	}
	return t, nil
}

func (s sealer) signed(text string, given []byte) bool {
	for _, key := range s.keys() {
		if hmac.Equal(given, mac(key, text)) {
			return true
		}
	}
	return false
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("approvebot ticket v1\n"))
	h.Write([]byte(text))
	return h.Sum(nil)[:20]
}

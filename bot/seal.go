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
	return s.sign(forTicket, body)
}

// open verifies before it parses.
func (s sealer) open(value string, now time.Time) (ticket, error) {
	var t ticket
	if body, ok := s.verified(forTicket, value); !ok || json.Unmarshal(body, &t) != nil {
		return ticket{}, errForged
	}
	if now.Unix() > t.Until {
		return t, errExpired
	}
	return t, nil
}

// purpose is part of what is signed, so that one kind of text never passes for another.
type purpose string

const (
	forTicket purpose = "approvebot ticket v1\n"
	forBundle purpose = "approvebot bundle v1\n"
)

func (s sealer) sign(p purpose, body []byte) string {
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac(s.keys()[0], p, text))
}

// verified returns the body of what was signed for this purpose.
func (s sealer) verified(p purpose, value string) ([]byte, bool) {
	text, signature, ok := strings.Cut(value, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if !ok || err != nil || !s.signed(p, text, given) {
		return nil, false
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	return body, err == nil
}

func (s sealer) signed(p purpose, text string, given []byte) bool {
	for _, key := range s.keys() {
		if hmac.Equal(given, mac(key, p, text)) {
			return true
		}
	}
	return false
}

func mac(key []byte, p purpose, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(p))
	h.Write([]byte(text))
	return h.Sum(nil)[:20]
}

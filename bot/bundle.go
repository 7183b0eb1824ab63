package bot

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// bundle is what the modal stands for in which one person decides several
// requests: each of them, and what of it they were shown (promise P4).
type bundle struct {
	User    string           `json:"w"`
	Verdict approval.Verdict `json:"v,omitempty"`
	Until   int64            `json:"u"` // Unix seconds
	Items   []bundled        `json:"i"`
}

type bundled struct {
	Request approval.ID `json:"r"`
	Channel string      `json:"c"` // of a card that lets the person decide, as the route names it
	Digest  string      `json:"d"`
}

// bundleLife is how long the modal may stay open.
const bundleLife = time.Hour

// bundleRoom is what a modal can carry.
const bundleRoom = 3000

// sealBundle signs as many of the items as a modal can carry and returns how many
// that are. IDs are long and alike, so they are packed.
func (s sealer) sealBundle(b bundle) (string, int) {
	for ; ; b.Items = b.Items[:len(b.Items)-1] {
		body, _ := json.Marshal(b) // strings and a number always marshal
		var packed bytes.Buffer
		w, _ := flate.NewWriter(&packed, flate.BestCompression) // the level is one of its own
		_, _ = w.Write(body)                                    // into memory
		_ = w.Close()
		if text := s.sign(forBundle, packed.Bytes()); len(text) <= bundleRoom || len(b.Items) == 0 {
			return text, len(b.Items)
		}
	}
}

// openBundle verifies before it unpacks.
func (s sealer) openBundle(value string, now time.Time) (bundle, error) {
	packed, ok := s.verified(forBundle, value)
	if !ok {
		return bundle{}, errForged
	}
	body, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), 1<<20))
	var b bundle
	if err != nil || json.Unmarshal(body, &b) != nil {
		return bundle{}, errForged
	}
	if now.Unix() > b.Until {
		return b, errExpired
	}
	return b, nil
}

package app

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/approvebot/approvebot/internal/store"
)

// longestLine bounds one entry of an exported audit log.
const longestLine = 4 << 20

// VerifyExport proves an exported audit log, JSON lines from the first entry on,
// without the database. It calls seen for every entry that is proven, and returns
// how many those are; an error that is [store.ErrBroken] says where the chain breaks.
//
// It computes the hashes by itself and deliberately shares no code with the store
// that wrote them, so that a mistake there cannot agree with itself:
//
//	hash = hex(SHA-256(JSON array of the texts seq, at, event, request,
//	       by.team, by.id, by.name, by.email, by.membership, detail, prev))
//
// where detail is the JSON of that member with its keys sorted, as encoding/json writes it.
func VerifyExport(r io.Reader, seen func(store.Entry)) (n int64, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	prev := ""
	for line := 1; lines.Scan(); line++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		e, hash, err := readLine(text)
		switch {
		case err != nil:
			return n, fmt.Errorf("%w: line %d is not an exported entry: %w", store.ErrBroken, line, err)
		case e.Seq != n+1:
			return n, fmt.Errorf("%w: entry %d is missing; line %d holds entry %d", store.ErrBroken, n+1, line, e.Seq)
		case e.Prev != prev:
			return n, fmt.Errorf("%w: entry %d does not follow entry %d (line %d)", store.ErrBroken, e.Seq, n, line)
		case e.Hash != hash:
			return n, fmt.Errorf("%w: entry %d was changed (line %d)", store.ErrBroken, e.Seq, line)
		}
		n, prev = e.Seq, e.Hash
		seen(e)
	}
	if err := lines.Err(); err != nil {
		return n, fmt.Errorf("read the exported audit log after entry %d: %w", n, err)
	}
	return n, nil
}

// readLine returns an entry and the hash that it should have. The line must be
// what an export writes, byte for byte but for space: a member that stands there
// twice, or in other letters, would say one thing to us and another to other readers.
func readLine(text []byte) (e store.Entry, hash string, err error) {
	if err := json.Unmarshal(text, &e); err != nil {
		return e, "", err
	}
	var compact, again bytes.Buffer
	if err := errors.Join(json.Compact(&compact, text), WriteEntry(&again, e)); err != nil {
		return e, "", err
	}
	if !bytes.Equal(compact.Bytes(), bytes.TrimSpace(again.Bytes())) {
		return e, "", errors.New("its members are not those that an export writes")
	}
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return e, "", err
	}
	chained, err := json.Marshal([]string{
		strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), e.Event, string(e.Request),
		e.By.Team, e.By.ID, e.By.Name, e.By.Email, string(e.By.Membership), string(detail), e.Prev,
	})
	if err != nil {
		return e, "", err
	}
	sum := sha256.Sum256(chained)
	return e, hex.EncodeToString(sum[:]), nil
}

// WriteEntry writes one line of an export.
func WriteEntry(w io.Writer, e store.Entry) error {
	line := json.NewEncoder(w)
	line.SetEscapeHTML(false)
	return line.Encode(e)
}

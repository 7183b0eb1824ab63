package keyfactor

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
)

// gate stands between a request's body and the transport and settles whether
// the body may have left: once shut it lets nothing through, and shutting it
// tells whether something went through before. That holds for every transport,
// also for one that is still writing in the background when the caller has
// given up, which a mere "was anything written" could not.
type gate struct {
	body  []byte
	state atomic.Int32
}

const (
	gateUntouched = iota
	gatePassed
	gateShut
)

var errGateShut = errors.New("the call was given up before its body was sent")

// open returns the body from its beginning.
func (g *gate) open() io.ReadCloser {
	return gateReader{g, bytes.NewReader(g.body)}
}

// shut closes the gate for good and reports whether anything passed.
func (g *gate) shut() (passed bool) {
	return !g.state.CompareAndSwap(gateUntouched, gateShut) && g.state.Load() == gatePassed
}

type gateReader struct {
	gate *gate
	rest *bytes.Reader
}

func (r gateReader) Read(p []byte) (int, error) {
	if !r.gate.state.CompareAndSwap(gateUntouched, gatePassed) && r.gate.state.Load() == gateShut {
		return 0, errGateShut
	}
	return r.rest.Read(p)
}

func (r gateReader) Close() error { return nil }

// Package keyfactor speaks to the REST API of Keyfactor Command and offers its
// two queues, approval steps of workflows and requests parked at a certificate
// authority, as [approval.Source].
//
// # What is certain after a call
//
// A GET may be repeated and is, a few times, with growing pauses. A POST
// changes the world, and the question that matters after a bad answer is
// whether it did. Every failure leaves through one door and is one [*Error]
// that answers to exactly one of the sentinels of package approval:
//
//	what happened                                GET              POST
//	refused, no such host, no TLS, no token      ErrUnavailable   ErrUnavailable: nothing was sent
//	cut, timed out, cancelled after sending      ErrUnavailable   ErrMaybe
//	2xx, but a web page or not understood        ErrUnavailable   ErrMaybe
//	3xx (never followed)                         ErrUnavailable   ErrMaybe
//	401                                          ErrUnauthorized  ErrUnauthorized, after one try with a new token
//	403, 404 said by Keyfactor                   ErrForbidden, ErrNotFound
//	403, 404 said by a web page or plain text    ErrUnavailable   ErrUnavailable: a proxy or IIS spoke, not Keyfactor
//	408                                          ErrUnavailable   ErrMaybe
//	429                                          ErrUnavailable   ErrUnavailable: turned away at the door
//	other 4xx                                    ErrRefused       ErrRefused; a Source looks whether it is ErrSettled
//	5xx, also 503 with Retry-After               ErrUnavailable   ErrMaybe
//
// A 503 usually means that nothing happened, but the API behind a proxy may have
// worked before the proxy lost patience; asking once more is cheaper than a
// second vote. "Sent" means that the transport began to read the body: headers
// alone have no effect, and a body that was never read cannot arrive later,
// because the gate in front of it is shut before the question is answered.
//
// The HTTP layer never repeats a POST, except once after a 401.
//
// # What is tolerated
//
// Keyfactor's documentation and its own libraries disagree about shapes, so
// decoders here are lenient: a status may be a name or a number, dates may lack
// their zone, names may be SANs of several shapes, and a row that cannot be
// understood is reported as a [*RowError] while the others go on. What is
// essential, an identifier, is not guessed.
package keyfactor

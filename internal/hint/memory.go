package hint

import "github.com/approvebot/approvebot/internal/approval"

// Memory is what was seen here before, as far as it bears on one request.
type Memory struct {
	// Read is false when the memory could not be asked.
	Read bool
	// Domains are those of [Domains] that were approved here before in another
	// request; one that is not in it is new.
	Domains map[string]Acquaintance
	// Requester means that something was approved for this requester before, so that
	// what is unusual for them can be told at all.
	Requester bool
	// Similar are domains that were approved here before and that read like one of the
	// request's, by that one. See [Skeleton].
	Similar map[string][]string
	// SameKey are other requests with the same key.
	SameKey []KeyUse
}

// Acquaintance is how well a domain is known.
type Acquaintance struct {
	// Requester means that it was approved for this requester, too.
	Requester bool
}

// KeyUse is another request with the same key.
type KeyUse struct {
	Request approval.ID
	// Name is what people call it, Matter what it is about across kinds.
	Name, Matter string
	// Approved means that a certificate with this key exists.
	Approved bool
}

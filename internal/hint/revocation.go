package hint

import (
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// removeFromHold is the code that makes a certificate valid again.
const removeFromHold = -1

func (c *check) revocation() {
	old := c.request.Certificate
	switch {
	case c.request.RevokeCode == removeFromHold:
	case old == nil:
		c.blind(approval.BlindCertificate, "", approval.HintRevokesUsed, approval.HintNotOwner)
	case old.Trouble != "":
		c.blind(approval.BlindCertificate, old.Trouble, approval.HintRevokesUsed)
	case old.Revoked:
	case !old.Located:
		c.blind(approval.BlindLocations, "", approval.HintRevokesUsed)
	default:
		c.about(approval.HintRevokesUsed, old.Locations)
	}
}

// notOwner compares who asks with who got the certificate. The role that owns it
// is told as well; who is in it is not known here.
func (c *check) notOwner() {
	old, requester := c.request.Certificate, c.request.Requester
	switch {
	case old.Trouble != "":
		c.blind(approval.BlindCertificate, old.Trouble, approval.HintNotOwner)
	case old.Requester == "" || requester == "":
		c.blind(approval.BlindRequester, "", approval.HintNotOwner)
	case !samePerson(requester, old.Requester):
		c.add(approval.Hint{Code: approval.HintNotOwner, Found: old.Requester, Wanted: old.Owner})
	}
}

// samePerson compares names without their domain, because Keyfactor writes the
// same person as EXAMPLE\ada in one place and as ada@example.com in another.
func samePerson(a, b string) bool { return strings.EqualFold(bare(a), bare(b)) }

func bare(name string) string {
	name = strings.TrimSpace(name)
	if _, after, ok := strings.Cut(name, `\`); ok {
		name = after
	}
	before, _, _ := strings.Cut(name, "@")
	return before
}

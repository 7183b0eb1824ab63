package hint

import (
	"slices"
	"strings"

	"github.com/approvebot/approvebot/internal/approval"
)

// What counts as weak, and which sizes and curves are the usual ones.
const (
	leastRSA = 2048
	leastEC  = 256
)

var (
	usualRSA    = []int{2048, 3072, 4096, 6144, 8192}
	usualCurves = []string{"P-256", "P-384", "P-521"}
)

func (c *check) key() {
	k := c.request.Key
	if k == (approval.Key{}) {
		if csr := c.request.CSR; csr != nil && csr.Trouble != "" {
			c.blind(approval.BlindCSR, csr.Trouble, approval.HintWeakKey, approval.HintOddKey)
		} else if !c.request.KeyByCA {
			c.blind(approval.BlindNoCSR, "", approval.HintWeakKey, approval.HintOddKey)
		}
		return
	}
	switch {
	case weak(k):
		c.add(approval.Hint{Code: approval.HintWeakKey, Found: k.String()})
	case odd(k):
		c.add(approval.Hint{Code: approval.HintOddKey, Found: k.String()})
	}
}

// weak reports whether a key is too short today. Where the algorithm is not
// known, a length that no elliptic curve has is taken for RSA's.
func weak(k approval.Key) bool {
	switch k.Algorithm {
	case "RSA":
		return k.Bits > 0 && k.Bits < leastRSA || k.Exponent == 1
	case "ECDSA":
		return k.Bits > 0 && k.Bits < leastEC
	case "DSA":
		return true
	case "":
		return k.Curve == "" && (k.Bits >= 512 && k.Bits < leastRSA && k.Bits != 521 && k.Bits != 571 || k.Bits > 0 && k.Bits < leastEC)
	}
	return false
}

func odd(k approval.Key) bool {
	switch k.Algorithm {
	case "RSA":
		return !slices.Contains(usualRSA, k.Bits) || k.Exponent > 0 && (k.Exponent < 65537 || k.Exponent%2 == 0)
	case "ECDSA":
		return !slices.Contains(usualCurves, k.Curve)
	case "Ed25519", "Ed448", "":
		return false
	}
	return true
}

// weakSignature knows the broken digests by the names that Go has for them.
func weakSignature(algorithm string) bool {
	return slices.ContainsFunc([]string{"MD2", "MD4", "MD5", "SHA1"}, func(digest string) bool { return strings.Contains(algorithm, digest) })
}

package approval

import (
	"slices"
	"time"
)

// HintCode names a rule that found something about a request. The codes are
// stable: they stand in the configuration and in explanations.
type HintCode string

// The rules, in the order in which hints of one level are shown.
const (
	HintCABit         HintCode = "ca-bit"         // asks for a certificate that can issue others
	HintCSRDiffers    HintCode = "csr-differs"    // Keyfactor and the CSR do not ask for the same
	HintLookalike     HintCode = "lookalike"      // a domain that reads like one of ours
	HintMixedScript   HintCode = "mixed-script"   // a name with letters of several scripts in one word
	HintForeignDomain HintCode = "foreign-domain" // outside the allowed domains
	HintInternalName  HintCode = "internal-name"  // on a public CA
	HintPrivateIP     HintCode = "private-ip"     // on a public CA
	HintRevokesUsed   HintCode = "revokes-used"   // the certificate is still in use somewhere
	HintNotOwner      HintCode = "not-owner"      // asked for by somebody other than who has it
	HintWeakKey       HintCode = "weak-key"       // too short, or of a kind that is broken
	HintKeyReused     HintCode = "key-reused"     // the key of another request
	HintWildcard      HintCode = "wildcard"       // stands for any number of hosts
	HintCNNotInSANs   HintCode = "cn-not-in-sans" // the common name is a host that is not among the names
	HintLongValidity  HintCode = "long-validity"  // longer than the route wants
	HintManyNames     HintCode = "many-names"     // more than is usual
	HintOddKey        HintCode = "odd-key"        // of an unusual size, exponent or kind
	HintWeakSignature HintCode = "weak-signature" // the CSR is signed with a broken algorithm
	HintPunycode      HintCode = "punycode"       // a name that is written otherwise than it is shown
	HintNewDomain     HintCode = "new-domain"     // never approved here before
	HintUnusualDomain HintCode = "unusual-domain" // approved here before, but never for this requester
)

// HintCodes are all of them, in the order above.
var HintCodes = []HintCode{
	HintCABit, HintCSRDiffers, HintLookalike, HintMixedScript, HintForeignDomain, HintInternalName, HintPrivateIP,
	HintRevokesUsed, HintNotOwner, HintWeakKey, HintKeyReused, HintWildcard, HintCNNotInSANs, HintLongValidity,
	HintManyNames, HintOddKey, HintWeakSignature, HintPunycode, HintNewDomain, HintUnusualDomain,
}

// HintLevel is what a hint is worth.
type HintLevel string

// The levels; the zero value counts as HintOff.
const (
	HintOff  HintLevel = "off"
	HintNote HintLevel = "note" // worth knowing
	HintWarn HintLevel = "warn" // worth a second look
	// HintStepUp wants the common name typed before an approval counts.
	HintStepUp HintLevel = "step-up"
)

// HintLevels are all of them, from the least to the most.
var HintLevels = []HintLevel{HintOff, HintNote, HintWarn, HintStepUp}

// Weight orders levels; more is worse.
func (l HintLevel) Weight() int { return max(0, slices.Index(HintLevels, l)) }

// HintRule is what a route says about hints. The zero value gives none.
type HintRule struct {
	// Levels are what each rule is worth here; one that is missing is off.
	Levels map[HintCode]HintLevel
	// Domains are ours: names below them are expected, others are foreign, and what
	// only looks like one of them is a look-alike. Without any there are no foreign domains.
	Domains []string
	// PublicCAs are patterns (see [Glob]) of CAs whose certificates the world trusts.
	PublicCAs []string
	// MostNames is how many names are usual; 0 is no limit.
	MostNames int
	// LongestValidity is how long a certificate may be valid; 0 is no limit.
	LongestValidity time.Duration
}

// Level returns what a rule is worth.
func (r HintRule) Level(c HintCode) HintLevel {
	if l := r.Levels[c]; l != "" {
		return l
	}
	return HintOff
}

// Hint is something about a request that an approver should look at. It holds
// what was found, not the words for it; all texts are as they came.
type Hint struct {
	Code  HintCode  `json:"code"`
	Level HintLevel `json:"level"`
	// About are the names, places or requests that it concerns, at most a few of
	// them, and Count how many there are in all.
	About []string `json:"about,omitempty"`
	Count int      `json:"count,omitempty"`
	// Found is the one value that it is about, and Wanted what it is measured by.
	Found  string `json:"found,omitempty"`
	Wanted string `json:"wanted,omitempty"`
	// Differs is set with [HintCSRDiffers].
	Differs Difference `json:"differs,omitzero"`
}

// Blind is why some rules could not be applied.
type Blind string

// The reasons for not knowing.
const (
	BlindCSR         Blind = "csr-unreadable"     // there is a CSR, and it cannot be read
	BlindNoCSR       Blind = "no-csr"             // Keyfactor shows none
	BlindCertificate Blind = "certificate-unread" // the existing certificate could not be read
	BlindLocations   Blind = "locations-unknown"  // Keyfactor did not say where it is in use
	BlindRequester   Blind = "requester-unknown"  // nobody knows who asks, or who has the certificate
	BlindCA          Blind = "ca-unknown"         // nobody knows which CA will issue it
	BlindMemory      Blind = "memory-unread"      // what was seen here before could not be read
	BlindValidity    Blind = "validity-not-told"  // Keyfactor does not say how long it will be valid
)

// Unchecked says which rules of the route could not be applied, and why. What is
// not known is never guessed.
type Unchecked struct {
	Why   Blind      `json:"why"`
	Codes []HintCode `json:"codes"`
	// Found is what is known about the reason.
	Found string `json:"found,omitempty"`
}

// Hints is what the rules of a route say about a request, the worst first.
type Hints struct {
	Found     []Hint      `json:"found"`
	Unchecked []Unchecked `json:"unchecked"`
}

// StepUp reports whether a hint wants the common name typed.
func (h Hints) StepUp() bool {
	return slices.ContainsFunc(h.Found, func(h Hint) bool { return h.Level == HintStepUp })
}

// Warn reports whether there is more than a note.
func (h Hints) Warn() bool {
	return slices.ContainsFunc(h.Found, func(h Hint) bool { return h.Level.Weight() >= HintWarn.Weight() })
}

// Heed returns the rule as the hints make it: they can only ask for more.
func (r Rule) Heed(h Hints) Rule {
	r.TypeCommonName = r.TypeCommonName || h.StepUp()
	return r
}

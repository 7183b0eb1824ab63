package config

import (
	"strings"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// Hints says what is pointed out about a request. Each rule is [HintOff],
// [HintNote], [HintWarn] or [HintStepUp]; what a route leaves out is taken from the
// top of the file, and what stands nowhere is a default.
type Hints struct {
	CABit         string `yaml:"ca-bit,omitempty"`
	CSRDiffers    string `yaml:"csr-differs,omitempty"`
	Lookalike     string `yaml:"lookalike,omitempty"`
	MixedScript   string `yaml:"mixed-script,omitempty"`
	ForeignDomain string `yaml:"foreign-domain,omitempty"`
	InternalName  string `yaml:"internal-name,omitempty"`
	PrivateIP     string `yaml:"private-ip,omitempty"`
	RevokesUsed   string `yaml:"revokes-used,omitempty"`
	NotOwner      string `yaml:"not-owner,omitempty"`
	WeakKey       string `yaml:"weak-key,omitempty"`
	KeyReused     string `yaml:"key-reused,omitempty"`
	Wildcard      string `yaml:"wildcard,omitempty"`
	CNNotInSANs   string `yaml:"cn-not-in-sans,omitempty"`
	LongValidity  string `yaml:"long-validity,omitempty"`
	ManyNames     string `yaml:"many-names,omitempty"`
	OddKey        string `yaml:"odd-key,omitempty"`
	WeakSignature string `yaml:"weak-signature,omitempty"`
	Punycode      string `yaml:"punycode,omitempty"`
	NewDomain     string `yaml:"new-domain,omitempty"`
	UnusualDomain string `yaml:"unusual-domain,omitempty"`

	// Domains are ours: example.com stands for itself and every name below it.
	Domains []string `yaml:"domains,omitempty"`
	// PublicCAs are patterns of CAs whose certificates the world trusts.
	PublicCAs []string `yaml:"public_cas,omitempty"`
	// MostNames is how many names are usual.
	MostNames int `yaml:"most_names,omitempty"`
	// LongestValidityDays is how many days a certificate may be valid.
	LongestValidityDays int `yaml:"longest_validity_days,omitempty"`
}

// What a hint is worth.
const (
	HintOff    = string(approval.HintOff)
	HintNote   = string(approval.HintNote)
	HintWarn   = string(approval.HintWarn)
	HintStepUp = string(approval.HintStepUp)
)

// defaultHints hold where nothing is said. A rule is a warning where it often
// means that something is wrong, a note where it only may. Those that would give
// somebody else our name, or the power to issue, have to be typed.
var defaultHints = Hints{
	CABit: HintStepUp, CSRDiffers: HintWarn, Lookalike: HintStepUp, MixedScript: HintStepUp, ForeignDomain: HintWarn,
	InternalName: HintWarn, PrivateIP: HintWarn, RevokesUsed: HintWarn, NotOwner: HintNote, WeakKey: HintWarn, KeyReused: HintWarn,
	Wildcard: HintWarn, CNNotInSANs: HintWarn, LongValidity: HintWarn, ManyNames: HintNote, OddKey: HintNote, WeakSignature: HintNote,
	Punycode: HintNote, NewDomain: HintNote, UnusualDomain: HintNote,
	PublicCAs: []string{
		"*DigiCert*", "*Sectigo*", "*GlobalSign*", "*Entrust*", "*Let's Encrypt*", "*LetsEncrypt*", "*GoDaddy*", "*Google Trust*", "*GeoTrust*",
		"*Thawte*", "*RapidSSL*", "*QuoVadis*", "*SwissSign*", "*Certum*", "*HARICA*", "*IdenTrust*", "*ZeroSSL*", "*SSL.com*", "*Buypass*", "*Actalis*", "*Telekom Security*",
	},
	MostNames: 50, LongestValidityDays: 398,
}

// level returns where the level of a rule is kept.
func (h *Hints) level(c approval.HintCode) *string {
	switch c {
	case approval.HintCABit:
		return &h.CABit
	case approval.HintCSRDiffers:
		return &h.CSRDiffers
	case approval.HintLookalike:
		return &h.Lookalike
	case approval.HintMixedScript:
		return &h.MixedScript
	case approval.HintForeignDomain:
		return &h.ForeignDomain
	case approval.HintInternalName:
		return &h.InternalName
	case approval.HintPrivateIP:
		return &h.PrivateIP
	case approval.HintRevokesUsed:
		return &h.RevokesUsed
	case approval.HintNotOwner:
		return &h.NotOwner
	case approval.HintWeakKey:
		return &h.WeakKey
	case approval.HintKeyReused:
		return &h.KeyReused
	case approval.HintWildcard:
		return &h.Wildcard
	case approval.HintCNNotInSANs:
		return &h.CNNotInSANs
	case approval.HintLongValidity:
		return &h.LongValidity
	case approval.HintManyNames:
		return &h.ManyNames
	case approval.HintOddKey:
		return &h.OddKey
	case approval.HintWeakSignature:
		return &h.WeakSignature
	case approval.HintPunycode:
		return &h.Punycode
	case approval.HintNewDomain:
		return &h.NewDomain
	case approval.HintUnusualDomain:
		return &h.UnusualDomain
	}
	return nil
}

// over returns h with its gaps filled from below.
func (h Hints) over(below Hints) Hints {
	for _, code := range approval.HintCodes {
		if to := h.level(code); *to == "" {
			*to = *below.level(code)
		}
	}
	if h.Domains == nil {
		h.Domains = below.Domains
	}
	if h.PublicCAs == nil {
		h.PublicCAs = below.PublicCAs
	}
	if h.MostNames == 0 {
		h.MostNames = below.MostNames
	}
	if h.LongestValidityDays == 0 {
		h.LongestValidityDays = below.LongestValidityDays
	}
	return h
}

// rule is what the domain calls it.
func (h Hints) rule() approval.HintRule {
	rule := approval.HintRule{
		Levels: make(map[approval.HintCode]approval.HintLevel, len(approval.HintCodes)), Domains: h.Domains, PublicCAs: h.PublicCAs,
		MostNames: h.MostNames, LongestValidity: time.Duration(h.LongestValidityDays) * 24 * time.Hour,
	}
	for _, code := range approval.HintCodes {
		rule.Levels[code] = approval.HintLevel(*h.level(code))
	}
	return rule
}

func (l *loader) checkHints(at string, h Hints) {
	for _, code := range approval.HintCodes {
		if level := *h.level(code); level != "" {
			l.oneOf(join(at, string(code)), level, HintOff, HintNote, HintWarn, HintStepUp)
		}
	}
	l.checkTexts(at+".domains", h.Domains)
	for i, domain := range h.Domains {
		if path := item(at+".domains", i); l.given(path) && (strings.ContainsAny(domain, "*!~/@ ") || strings.HasPrefix(domain, ".")) {
			l.fail(path, "%q is not a domain; write example.com, which stands for every name below it as well", domain)
		}
	}
	l.checkTexts(at+".public_cas", h.PublicCAs)
	if h.MostNames < 0 || h.MostNames == 0 && l.given(at+".most_names") {
		l.fail(at+".most_names", "must be at least 1; say many-names: off where any number is fine")
	}
	if h.LongestValidityDays < 0 || h.LongestValidityDays == 0 && l.given(at+".longest_validity_days") {
		l.fail(at+".longest_validity_days", "must be at least 1; say long-validity: off where any is fine")
	}
}

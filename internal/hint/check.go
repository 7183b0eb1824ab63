package hint

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// shown is how many names or places a hint spells out.
const shown = 5

// Check applies the rules of a route to a request.
func Check(rule approval.HintRule, r approval.Request, m Memory) approval.Hints {
	if len(rule.Levels) == 0 {
		return approval.Hints{}
	}
	c := &check{rule: rule, request: r, memory: m, names: namesOf(r)}
	switch {
	case r.Revocation:
		c.revocation()
	case r.Type != expiration: // that asks for what there is already
		c.enrolment()
	}
	if r.Certificate != nil && r.Type != expiration {
		c.notOwner()
	}
	slices.SortStableFunc(c.found, func(a, b approval.Hint) int {
		return cmp.Or(b.Level.Weight()-a.Level.Weight(), slices.Index(approval.HintCodes, a.Code)-slices.Index(approval.HintCodes, b.Code))
	})
	return approval.Hints{Found: c.found, Unchecked: c.unchecked}
}

// expiration is the type of workflow that nobody asked for.
const expiration = "Expiration"

type check struct {
	rule      approval.HintRule
	request   approval.Request
	memory    Memory
	names     []name
	found     []approval.Hint
	unchecked []approval.Unchecked
}

func (c *check) wants(code approval.HintCode) bool { return c.rule.Level(code) != approval.HintOff }

// add records a find, unless the route does not want to know.
func (c *check) add(h approval.Hint) {
	if !c.wants(h.Code) {
		return
	}
	h.Level = c.rule.Level(h.Code)
	h.Count = max(h.Count, len(h.About))
	h.About = h.About[:min(len(h.About), shown)]
	c.found = append(c.found, h)
}

// about records a find about names, if there are any.
func (c *check) about(code approval.HintCode, names []string) {
	if len(names) > 0 {
		c.add(approval.Hint{Code: code, About: names})
	}
}

// blind records what could not be checked of what the route wants to know.
func (c *check) blind(why approval.Blind, found string, codes ...approval.HintCode) {
	codes = slices.DeleteFunc(codes, func(code approval.HintCode) bool { return !c.wants(code) })
	if len(codes) > 0 {
		c.unchecked = append(c.unchecked, approval.Unchecked{Why: why, Codes: codes, Found: found})
	}
}

func (c *check) enrolment() {
	c.signed()
	c.key()
	c.spelling()
	c.domains()
	c.publicCA()
	c.wildcards()
	c.commonName()
	c.size()
	c.validity()
}

// signed is about what only the CSR can tell.
func (c *check) signed() {
	csr := c.request.CSR
	switch {
	case csr == nil && c.request.KeyByCA:
		return // there is nothing that could differ
	case csr == nil:
		c.blind(approval.BlindNoCSR, "", approval.HintCSRDiffers, approval.HintCABit, approval.HintWeakSignature, approval.HintKeyReused)
		return
	case csr.Trouble != "":
		c.blind(approval.BlindCSR, csr.Trouble, approval.HintCSRDiffers, approval.HintCABit, approval.HintWeakSignature, approval.HintKeyReused)
		return
	}
	if csr.Differs.Any() {
		c.add(approval.Hint{Code: approval.HintCSRDiffers, Differs: csr.Differs})
	}
	if csr.CA {
		c.add(approval.Hint{Code: approval.HintCABit})
	}
	if weakSignature(csr.Signature) {
		c.add(approval.Hint{Code: approval.HintWeakSignature, Found: csr.Signature})
	}
	c.reused()
}

func (c *check) reused() {
	switch {
	case c.request.CSR.KeyID == "":
		return
	case !c.memory.Read:
		c.blind(approval.BlindMemory, "", approval.HintKeyReused)
		return
	}
	var others []string
	for _, use := range c.memory.SameKey {
		switch {
		case use.Request == c.request.ID:
		case use.Matter != "" && use.Matter == c.request.Matter:
			// A workflow that went on at the CA asks with the same CSR.
		case !use.Approved && use.Name == Name(c.request):
			// Denied, or restarted, and asked for again.
		case !slices.Contains(others, use.Name):
			others = append(others, use.Name)
		}
	}
	c.about(approval.HintKeyReused, others)
}

func (c *check) size() {
	if n := len(c.request.SANs); c.rule.MostNames > 0 && n > c.rule.MostNames {
		c.add(approval.Hint{Code: approval.HintManyNames, Count: n, Wanted: strconv.Itoa(c.rule.MostNames)})
	}
}

func (c *check) validity() {
	switch v := c.request.Validity; {
	case c.rule.LongestValidity <= 0:
	case v == 0:
		c.blind(approval.BlindValidity, "", approval.HintLongValidity)
	case v > c.rule.LongestValidity:
		c.add(approval.Hint{Code: approval.HintLongValidity, Found: days(v), Wanted: days(c.rule.LongestValidity)})
	}
}

// days is a time in whole days.
func days(d time.Duration) string { return strconv.Itoa(int(d / (24 * time.Hour))) }

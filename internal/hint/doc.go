// Package hint finds what an approver should look at twice: a common name that is
// not among the names, a look-alike of one of our domains, a key that was seen
// before. It says what was found, not in which words; those are in package blocks.
//
// [Check] is pure. The same request, route and memory give the same hints, so
// that what the card shows, what the modal asks for and what the submission is
// held to agree, and a step-up cannot be skipped by being quick.
//
// No hint is invented: where a fact is missing, the rules that need it are listed
// as unchecked together with the reason. A rule that does not apply, such as one
// about revocations to an enrolment, is silent.
//
// Names are compared by registrable domain, which is one label more than a public
// suffix: example.co.uk, not co.uk. The list of public suffixes is compiled in.
package hint

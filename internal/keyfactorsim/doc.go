// Package keyfactorsim is a Keyfactor Command that lives in memory: the part of its Web API that has to do with
// approvals, with the life cycle of workflow instances and of requests parked at the CA behind it, and with faults on
// request. It is written as somebody else's server: it shares no type with the rest of this module, so that a wrong JSON
// tag on the client's side cannot agree with itself.
//
//	a request          a person or a bot                   what became of it
//	─────────          ─────────────────                   ─────────────────
//	seed, Arrive ──▶ instance, Suspended ── N approvals ──▶ next step … Complete: Issued, Revoked
//	                     │   │    ▲                             ├─▶ Complete: Taken Under Submission ─▶ pending at the CA
//	                     │   │    └ Restart: a new id           └─▶ Failed: a later step broke
//	                     │   └── one denial, Stop ──▶ Rejected
//	                     └────── Delete ──▶ 404
//
// Everything that reaches a decision is written to an append-only log (Signals, CertificateDecisions) with what was done
// about it, so that a test can prove that a decision was made exactly once.
//
// State is guarded by one mutex; answers are encoded outside it. Lists are served from sorted views that are kept up to
// date row by row (see table), so walking 50,000 rows page by page sorts them once.
//
// What Keyfactor does not document is a switch (Switches); the defaults follow its documentation.
package keyfactorsim

// Package approval holds the words that every other room uses: a [Request]
// that waits for a yes or no, the [Decision] a person makes about it, and the
// [Outcome] that becomes of it. It imports only the standard library and knows
// neither Keyfactor nor Slack nor a database.
//
// A request goes through these states, and only along these arrows:
//
//	          decide                    Keyfactor has moved on
//	pending ──────────▶ deciding ─────────────────────────────▶ approved
//	   ▲                 │    │                                  denied
//	   │   refused, or   │    └── decided otherwise meanwhile ─▶ closed
//	   └── never sent ◀──┘                                         ▲
//	   └───────── settled in the portal, moved, gone ──────────────┘
//
// approved, denied and closed are final, but for one way back: a request that
// was closed without a decision of ours having been taken, and that its source
// then lists as waiting, is pending again. A decision is what a person pressed;
// an outcome is what became of the request; they may differ.
package approval

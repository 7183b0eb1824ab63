// Package store is what approvebot remembers, in an embedded SQLite file or in
// PostgreSQL, behind one contract and with one set of SQL texts.
//
// The truth lives in these tables; River is the alarm clock. A row says what
// must happen and whether it has; a job only makes it happen soon. Every change
// of a row inserts the jobs that follow from it in the same transaction, and
// [Store.Sweep] gives every open row without a live job a new one, so a lost job
// costs one poll interval and nothing else. Neither River's tables nor its
// unique keys guard against doubles: primary keys and compare-and-swap updates do.
//
// The transitions, and the jobs that each of them inserts:
//
//	request   (nothing) ──Appear──▶ pending ──Decide──▶ deciding ──Finish──▶ approved
//	                                 │  ▲ ╲                │                 denied
//	                                 │  │  Revise          │                 closed
//	                                 │  └───Fail, Count────┘                   ▲
//	                                 └───────────────Settle────────────────────┘
//	          closed ──Reopen──▶ pending, when the source says that it waits after all
//
//	vote      Vote ──▶ standing ──Vote, Decide──▶ carried by a decision ──Count──▶ spent
//	           ▲        │ │ ▲                      │
//	           │        │ │ └─────────Fail─────────┘
//	           │        │ └───────────Withdraw────────────────▶ withdrawn ─┐
//	           │        ├───Revise, Reopen: another question──▶ void ──────┤
//	           │        └───Lapse: no longer theirs to cast─────▲          │
//	           └─────────────────────────Vote──────────────────────────────┘
//
//	decision  Decide ──▶ waiting ──StartSignal──▶ started ──SignalSent──▶ sent ──Finish──▶ finished
//	                        ▲                      │  │                     │
//	                        └─────ClearSignal──────┘  └────────Fail─────────┴─▶ failed
//	          Count finishes it as well, where Keyfactor took it and waits for more people
//
//	card      Appear, Place ──▶ waiting ──StartPost──▶ started ──Posted──▶ posted ⟲ Shown
//	                               ▲                     │  │                 │
//	                               ├──────ClearPost──────┘  └───CardFailed────┴─▶ failed
//	                               └───────Repost, when the message was deleted────┘
//
//	reminder  Remind ──▶ told; its cards and replies in the same transaction
//
//	follower  Appear ──▶ waiting ──Follow──▶ told that it waits ──Follow──▶ told its end
//	                                ╲──────────Unfollow: nobody to tell──────────▲
//
//	reply     AddReply, Remind, Follow ──▶ waiting ──StartReply──▶ started ──Replied──▶ posted
//	                          (ClearReply, ReplyFailed as above)
//
//	Appear, Place, Reopen, Reroute, Repost                   a post job per channel
//	Decide, Vote if it completes a quorum                    a signal job, refresh jobs
//	Vote, Withdraw, Lapse, Revise, Settle, Finish, Fail, Count, …   refresh jobs
//	Posted                                                   a refresh job if the request moved meanwhile, the first waiting reply's job
//	AddReply, Replied, ReplyFailed                           the job of the next reply in that thread
//
// "started" is a mark that is committed before a call that must not happen twice.
// Whoever finds a mark that somebody else set asks the other side first.
//
// A request's version counts what a card should show. Whatever changes it locks
// the request's row, so a worker that records what it showed ([Store.Shown])
// learns whether it has to draw again.
//
// A job is completed in one transaction with a look at its row ([Complete]).
// Without this an insertion that is skipped because the job "still runs", while
// the worker has already looked for the last time, would wait for the sweep.
//
// A decision names only people whose votes stand, and binds their votes to itself.
// The request's row is locked while votes are read and a decision is made of them,
// so of many who vote at once exactly one completes the quorum. Three unique indexes
// stand behind this: one open decision per request, and per request one that has
// not failed for each person who completed it and each Keyfactor account.
//
// Locks are always taken in the order request, decision and votes, card, reply, jobs
// (sorted), head of the audit chain; so replicas do not deadlock, and the one
// lock that all of them share is held only while a transaction commits.
package store

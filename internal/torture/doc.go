// Package torture kills the program and balances the books.
//
// The real program runs as processes of its own against both simulators, which
// have faults switched on. People press buttons at random, twice, and two at
// once; colleagues decide in the portal meanwhile; requests change, start again
// and vanish. Every second or so a process is killed with SIGKILL, often within
// milliseconds of a call that must not happen twice, and started again.
//
// Then the weather clears, what is open is brought to its end, and the books are
// balanced: what Slack shows is held against what Keyfactor did, and both against
// what people were told when they pressed.
//
//	people    who press, and the ledger of what they were told
//	faults    the weather in both simulators, and the colleagues in the portal
//	door      in front of the simulators: what was POSTed, and when to strike
//	program   the processes that are killed
//	books     what must hold in the end
//
// "go test ./internal/torture" is the short form, with 50 kills for each engine;
// "make torture" the long one, with TORTURE_KILLS (1000). TORTURE_SEED repeats
// the choices of a run; the timing of processes cannot be repeated.
package torture

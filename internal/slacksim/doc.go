// Package slacksim is a Slack workspace in one process: the Web API, Socket
// Mode, signed HTTP delivery, people who click, and a web page to click in.
//
// It is written from the Slack facts sheet as another company's server would
// be: its own types, raw JSON, nothing of this module's other packages. A
// wrong JSON tag on our side therefore cannot agree with itself here.
//
// A [Workspace] is an http.Handler with four doors:
//
//	/api/METHOD                      the Web API
//	/link/?ticket=…                  Socket Mode
//	/actions/…, /commands/…          response URLs
//	/  and /_sim/…                   the page, its API, faults
//
// Every URL it hands out is built from the Host header of the call or of the
// WebSocket it belongs to, so a proxy can stand between.
//
// People act through Go methods ([Workspace.Click], [Workspace.Submit],
// [Workspace.Command], …) or through the page; both end in the same code. Each
// act is delivered to the app over Socket Mode, or over HTTP when
// Config.RequestURL is set, and its [Result] tells what became of it.
//
// # State
//
// All of it is in memory behind one mutex; nothing blocks while it is held.
// Everything that grows with use is bounded: messages per channel, logs of
// calls and deliveries, triggers, response URLs and open modals forget the
// oldest first.
package slacksim

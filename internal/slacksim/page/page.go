// Package page holds the web page of the Slack simulator: a Slack-like workspace
// in the browser, in which a person tries approvebot without a Slack account.
//
// The page is plain JavaScript, CSS and one HTML file. It needs no build step, asks
// for nothing outside its own origin and works under the content security policy
// "default-src 'self'". It talks to the simulator over the JSON calls and the event
// stream below /_sim/page/.
//
// The place a person is at stands in the address: #as=U1&channel=C1&thread=TS&ts=TS,
// where channel=home is the app's Home tab and ts a message to point at.
//
// Tests of the whole program find their way by these attributes:
//
//	data-channel                     a channel in the sidebar; "home" for the Home tab
//	data-ts, data-ephemeral          a message; a notice only this person sees
//	data-block                       a block, by its block_id
//	data-block-id, data-action-id    an interactive element
//	data-value                       an option of a menu or list that is open
//	role=dialog, data-view-id        a modal; data-modal=submit and close are its buttons
//	data-error                       the words under a field, by its block_id
//	data-confirm=yes, no             the buttons of a confirm dialog
//	data-switcher, data-person       who one acts as
//	data-action                      a button of the demo
//	data-composer=channel, thread    the text box; data-shortcut an entry of a menu
//	data-connected=true              on the body while the event stream is up
package page

import "embed"

// Static holds the page's files below the folder "static". The simulator serves
// static/index.html at "/" and the files at "/static/".
//
//go:embed static
var Static embed.FS

// Package page holds the web page of the Slack simulator: a Slack-like workspace
// in the browser, in which a person tries approvebot without a Slack account.
//
// The page is plain JavaScript, CSS and one HTML file. It needs no build step, asks
// for nothing outside its own origin and works under the content security policy
// "default-src 'self'". It talks to the simulator over the JSON calls and the event
// stream below /_sim/page/.
package page

import "embed"

// Static holds the page's files below the folder "static". The simulator serves
// static/index.html at "/" and the files at "/static/".
//
//go:embed static
var Static embed.FS

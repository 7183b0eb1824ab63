// Package deploytest tries what is in the folder above with the libraries of the
// programs that will read it: Helm and Kubernetes, GoReleaser and nfpm, Compose.
package deploytest

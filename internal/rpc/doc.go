// Package rpc knows the RPC frameworks: which functions of theirs to probe, what
// lies where when they are called, and how the probes together make a call.
//
// A framework is data: a script in the tracing language, and the functions that
// its probes stand on. Adding one is adding a file and a line in All.
package rpc

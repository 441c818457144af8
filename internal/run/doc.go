// Package run is the pipeline: from a script's text to what is printed.
//
// [Run] is the whole way of the data. Around it stand the world, which tells
// check what attach points match (binaries, tracepoints), the planner, which
// finds probe sites for lower, and the session, which feeds discovery into the
// pipeline while the script runs and carries out its asynchronous actions.
package run

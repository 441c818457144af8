// Package prog is the typed program tree: what check makes of a script, what
// lower rewrites, and what codegen compiles.
//
// check resolves names, macros, attach points and types into it. lower
// replaces what only the language has (GoParam, Duration, EntryValue, and the
// values of Go types inside an Emit) by ordinary nodes and hidden probes and
// maps. codegen therefore sees no Go frame and no RPC.
//
// Nodes are plain structs. Every expression carries its type and the span of
// the text it came from, so that a verifier's refusal can be shown there.
package prog
